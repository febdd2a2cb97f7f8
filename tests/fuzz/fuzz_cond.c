/* Hostile condition texts: parsed, copied, printed, expanded with themselves as macros, checked with
 * warnings, turned into event sets. A tree must print like its
 * copy, before and after the check. */
#include "eval/cond.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct cond *lookup(void *arg, const char *name)
{
	return name[0] == 'm' ? arg : NULL;
}

static void note(void *arg, const char *code, const char *msg, struct cond_pos pos)
{
	(void)pos;
	*(size_t *)arg += strlen(code) + strlen(msg);
}

static void same_text(const struct cond *a, const struct cond *b)
{
	struct base_buf x = { 0 }, y = { 0 };

	cond_text(&x, a);
	cond_text(&y, b);
	if (!x.failed && !y.failed && (x.len != y.len || memcmp(x.p, y.p, x.len))) {
		fprintf(stderr, "%s\n%s\n", x.p, y.p);
		abort();
	}
	buf_fini(&x);
	buf_fini(&y);
}

/* Printing drops quotes, so one round may change meaning; names of fields and operators stay. */
static void reparse(const struct cond *c)
{
	struct base_buf x = { 0 };
	struct cond_error err;
	struct cond *again;

	cond_text(&x, c);
	if (!cond_parse(x.p, x.len, &again, &err))
		cond_free(again);
	buf_fini(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cond_error err;
	struct cond *c, *copy, *expanded;
	struct evt_set events;
	struct sc_set calls;
	size_t said = 0;

	if (size > 1 << 16 || cond_parse((const char *)data, size, &c, &err))
		return 0;
	copy = cond_clone(c);
	expanded = cond_clone(c);
	if (copy && expanded) {
		same_text(c, copy);
		reparse(c);
		cond_expand(&expanded, lookup, copy, 2000, &err);
		cond_check(expanded, "syscall", NULL, note, &said, &err);
		cond_check(c, "syscall", NULL, note, &said, &err);
		same_text(c, copy);
		cond_events(c, &events);
		cond_syscalls(c, &calls);
	}
	cond_free(c);
	cond_free(copy);
	cond_free(expanded);
	return 0;
}
