/* Look-ups of paths that are remembered: answers are those of the tree, for names that come again, alone or with another
 * raw name or kind, and for opens that failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "eval/compile_internal.h"
#include "fd_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const conds[] = {
	"fd.name = /etc/a", "fd.name startswith /etc/b/", "fd.name endswith .key", "fd.directory in (/etc, /home/u/x)",
	"fd.filename in (a, b)", "fd.nameraw contains ../", "fd.nameraw = a", "fd.name pmatch (/usr/lib)", "fd.name contains lib and proc.name = proc",
	"fd.directory = / or fd.filename = c",
};
#define NCOND (sizeof(conds) / sizeof(conds[0]))

static struct ruleset *rules(void)
{
	struct eval_rule *r = calloc(NCOND, sizeof(*r));
	struct ruleset *rs;

	for (uint32_t i = 0; i < NCOND; i++) {
		struct cond_error err;
		struct cond *c = NULL;

		if (cond_parse(conds[i], strlen(conds[i]), &c, &err) || cond_check(c, "syscall", NULL, NULL, NULL, &err))
			fail_msg("%s: %s", conds[i], err.msg);
		r[i] = (struct eval_rule){ .name = strdup(conds[i]), .source = strdup("syscall"), .enabled = true, .cond = c, .id = i, .order = i };
		cond_events(c, &r[i].events);
	}
	rs = ruleset_compile(r, NCOND, true, false);
	assert_non_null(rs);
	return rs;
}

static void compare(const struct ruleset *rs, struct eval_worker *w, struct eval_ctx *c, const char *what)
{
	const uint32_t *ids;
	int n = eval_match(w, c, &ids), k = 0;

	for (uint32_t i = 0; i < NCOND; i++) {
		bool want = cond_interpret(c, ruleset_rule(rs, i)->cond) == 1, got = k < n && ids[k] == i;

		if (want != got)
			fail_msg("%s: %s: the tree says %d", what, conds[i], want);
		k += got;
	}
	assert_int_equal(k, n);
}

static void paths_again_and_again_match_as_the_tree_does(void **state)
{
	static const char *const parts[] = { "/", "etc", "a", "b", "..", "usr", "lib", "x.key", "c", "//", "home/u/x" };
	struct fx *f = *state;
	struct ruleset *rs = rules();
	struct eval_worker *w = eval_worker_new(rs);
	struct eval_ctx c = { .hostname = "box", .source = "syscall", .fs = eval_field_state_new() };
	struct base_arena arena;
	unsigned seed = 7;

	assert_non_null(w->memo);
	arena_init(&arena);
	c.arena = &arena;
	for (unsigned i = 0; i < 20000; i++) {
		char name[64] = "";
		bool fails = rand_r(&seed) % 3 == 0, dir = rand_r(&seed) % 4 == 0;

		for (unsigned k = rand_r(&seed) % 4; k < 5; k++) {
			strcat(name, parts[(unsigned)rand_r(&seed) % (sizeof(parts) / sizeof(parts[0]))]);
			if (rand_r(&seed) % 2 && strlen(name) < 40)
				strcat(name, "/");
		}
		arena_reset(&arena);
		if (rand_r(&seed) % 2)
			APPLY(f, PPME_SYSCALL_OPENAT_2_X, "nnsnnnn", fails ? -2L : 5L, -100L, name, 1L | (dir ? FD_O_DIRECTORY : 0), 0L, 5L, 77L);
		else
			APPLY(f, PPME_SYSCALL_OPEN_X, "nsnnnn", fails ? -2L : 5L, name, 1L | (dir ? FD_O_DIRECTORY : 0), 0L, 5L, 77L);
		c.st = f->ctx;
		compare(rs, w, &c, name);
		if (fails || rand_r(&seed) % 2)
			continue;
		APPLY(f, PPME_SYSCALL_READ_X, "nb", 3L, "abc", (size_t)3);
	}
	eval_worker_free(w);
	ruleset_free(rs);
	arena_fini(&arena);
	eval_field_state_free(c.fs);
}

static void a_path_too_long_to_remember_still_matches(void **state)
{
	struct fx *f = *state;
	struct ruleset *rs = rules();
	struct eval_worker *w = eval_worker_new(rs);
	struct eval_ctx c = { .hostname = "box", .source = "syscall", .fs = eval_field_state_new() };
	struct base_arena arena;
	char name[300];

	arena_init(&arena);
	c.arena = &arena;
	for (unsigned len = 80; len < 220; len++) {
		snprintf(name, sizeof(name), "/etc/b/%0*d.key", (int)len, 7);
		for (unsigned twice = 0; twice < 2; twice++) {
			APPLY(f, PPME_SYSCALL_OPENAT_2_X, "nnsnnnn", 5L, -100L, name, 1L, 0L, 5L, 77L);
			c.st = f->ctx;
			compare(rs, w, &c, name);
		}
	}
	assert_int_equal(eval_worker_stats(w)[1].matches, 280);
	eval_worker_free(w);
	ruleset_free(rs);
	arena_fini(&arena);
	eval_field_state_free(c.fs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(paths_again_and_again_match_as_the_tree_does, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(a_path_too_long_to_remember_still_matches, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
