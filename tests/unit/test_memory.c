/* state/memory.c: what is given up, in which order, and when it stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "state/apply_task.h"
#include "state/fd_internal.h"
#include "state/memory.h"
#include "state/scan.h"

#include <string.h>

#define PROCESSES 200
#define FDS 100

static struct state_table *filled(struct state_shard **ret)
{
	static char env[3000], args[2000];
	struct state_opts o = { .shards = 1, .max_tasks = 1000, .max_fds = 4096, .host_root = "", .self_pid = 1 };
	struct state_table *t = state_table_new(&o);

	memset(env, 'e', sizeof(env));
	memset(args, 'a', sizeof(args));
	for (int i = 1; i <= PROCESSES; i++) {
		struct scan_task st;

		scan_task_init(&st);
		st.tid = st.pid = i;
		st.ptid = 0;
		env[0] = (char)('A' + i % 26); /* nothing is shared */
		st.comm = (struct scan_text){ "proc", 4 };
		st.env = (struct scan_text){ env, sizeof(env) };
		st.args = (struct scan_text){ args, sizeof(args) };
		assert_int_equal(scan_add_task(t, &st), 0);
		for (int n = 0; n < FDS; n++)
			scan_add_fd(t, i, n, fd_make(scan_slab(t, i), FD_FILE_V2, str_new(scan_slab(t, i), "/some/file/name", 15),
						     str_new(scan_slab(t, i), "", 0)));
	}
	*ret = state_table_shard(t, 0);
	return t;
}

static uint64_t given(const struct state_shard *s, enum state_give what)
{
	return s->stats.given[what];
}

/* Gives up until there is enough, as of a time when everybody is idle. */
static void squeeze(struct state_shard *s)
{
	state_memory_look(s);
	for (int i = 0; i < 100000 && s->pressed; i++)
		state_memory_give(s, (struct okey){ 1000 + (uint64_t)i, 0 }, 3600000000000u, 99999);
}

static void nothing_is_given_up_below_the_mark(void **state)
{
	struct state_shard *s;
	struct state_table *t = filled(&s);

	(void)state;
	state_memory_look(s);
	assert_false(s->pressed); /* no budget */
	state_set_budget(t, state_held_bytes(t) * 2);
	state_memory_look(s);
	assert_false(s->pressed || s->over);
	state_table_free(t);
}

static void caches_go_in_the_documented_order(void **state)
{
	struct state_shard *s;
	struct state_table *t = filled(&s);
	uint64_t live = state_live_bytes(t), texts;

	(void)state;
	state_set_budget(t, live); /* three quarters are enough: descriptors are more than a quarter */
	squeeze(s);
	assert_false(s->pressed);
	assert_true(state_live_bytes(t) < live * 3 / 4);
	assert_true(given(s, STATE_GIVE_FDS) > 0);
	assert_int_equal(given(s, STATE_GIVE_ENV), 0);

	texts = state_live_bytes(t);
	state_set_budget(t, live * 2 / 5);
	squeeze(s);
	assert_int_equal(given(s, STATE_GIVE_FDS), PROCESSES * FDS);
	assert_int_equal(s->stats.fds, 0);
	assert_true(state_live_bytes(t) < texts);
	assert_true(given(s, STATE_GIVE_ENV) > 0);
	assert_int_equal(given(s, STATE_GIVE_PROCESSES), 0);

	state_set_budget(t, 100000);
	squeeze(s);
	assert_int_equal(given(s, STATE_GIVE_ENV), PROCESSES);
	assert_int_equal(given(s, STATE_GIVE_ARGS), PROCESSES);
	assert_true(given(s, STATE_GIVE_PROCESSES) > 0);
	assert_non_null(state_own(s, 1)); /* the daemon itself */
	state_table_free(t);
}

static void active_processes_stay(void **state)
{
	struct state_shard *s;
	struct state_table *t = filled(&s);

	(void)state;
	for (int i = 1; i <= PROCESSES; i++)
		state_own(s, i)->last_access_ts = 3599000000000u;
	state_set_budget(t, 1000);
	squeeze(s);
	assert_true(s->pressed);
	assert_int_equal(given(s, STATE_GIVE_PROCESSES), 0);
	assert_int_equal(state_task_count(t), PROCESSES);
	assert_string_equal(task_ver(state_own(s, 5))->cmdline->s, "proc");
	state_table_free(t);
}

static void at_the_budget_nothing_new_is_taken_in(void **state)
{
	struct state_shard *s;
	struct state_table *t = filled(&s);
	unsigned n = 0;

	(void)state;
	state_set_budget(t, 1000);
	state_memory_look(s);
	assert_true(s->over);
	while (n < 10000) {
		struct state_task *x = state_task_new(s, 5000 + n);

		if (!x)
			break;
		state_task_add(s, x, (struct okey){ 1, 0 });
		n++;
	}
	assert_true(n < 2000); /* what free blocks held */
	assert_true(s->stats.refused_memory > 0);
	struct state_task *self = state_task_new(s, 1); /* but the daemon itself */
	assert_non_null(self);
	state_task_drop(s, self);
	state_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_given_up_below_the_mark),
		cmocka_unit_test(caches_go_in_the_documented_order),
		cmocka_unit_test(active_processes_stay),
		cmocka_unit_test(at_the_budget_nothing_new_is_taken_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
