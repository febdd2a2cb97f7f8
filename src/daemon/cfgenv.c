/* Environment variables in configuration values. Called by cfgtree.c for every scalar of a file. */
#include "base/buf.h"
#include "daemon/cfgtree.h"

#include <stdlib.h>
#include <string.h>

/* Replaces the first bytes of b behind `at` (count of them) by s. */
static bool splice(struct base_buf *b, size_t at, size_t count, const char *s)
{
	struct base_buf n = { 0 };

	buf_add(&n, b->p, at);
	buf_str(&n, s);
	buf_add(&n, b->p + at + count, b->len - at - count);
	if (n.failed) {
		buf_fini(&n);
		return false;
	}
	buf_fini(b);
	*b = n;
	return true;
}

/* What a variable stands for is scanned again, so values may nest; a value that contains itself would
 * go on for ever: max_len ends that, as does the number of rounds. */
char *cfg_expand_env(const char *text, const char *(*get)(const char *name), size_t max_len)
{
	struct base_buf b = { 0 };
	size_t at = 0;

	buf_str(&b, text);
	for (unsigned rounds = 0; rounds < 4096 && b.len <= max_len && !b.failed; rounds++) {
		const char *dollar = b.p && at < b.len ? memchr(b.p + at, '$', b.len - at) : NULL;
		const char *end;

		if (!dollar)
			return buf_steal(&b);
		at = (size_t)(dollar - b.p);
		if (!strncmp(dollar, "$${", 3)) {
			if (!strchr(dollar, '}'))
				return buf_steal(&b);
			if (!splice(&b, at, 1, ""))
				break;
			at++; /* the reference that stays literal */
			continue;
		}
		end = dollar[1] == '{' ? strchr(dollar, '}') : NULL;
		if (!end)
			return buf_steal(&b); /* a lone '$' or an open reference ends the scan */

		size_t len = (size_t)(end - dollar) + 1;
		char *name = strndup(dollar + 2, len - 3);
		const char *value = name ? get(name) : NULL;
		bool ok = name && splice(&b, at, len, value ? value : "");

		free(name);
		if (!ok)
			break;
	}
	buf_fini(&b);
	return NULL;
}
