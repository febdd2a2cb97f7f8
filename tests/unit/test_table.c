/* state/table.c: versions as of a key, parent links across deaths, reclamation. Two shards, a gate
 * whose marks the test moves by hand. */
#include "base/rcu.h"
#include "state/table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct marks {
	uint64_t applied[2], emitted;
};

static bool marks_ready(void *ctx, unsigned me, unsigned shard, struct okey k)
{
	(void)me;
	return ((struct marks *)ctx)->applied[shard] >= k.time;
}

static uint64_t marks_min(void *ctx)
{
	return ((struct marks *)ctx)->emitted;
}

struct fix {
	struct marks m;
	struct state_table *t;
	struct state_shard *a, *b; /* shards 0 and 1 */
};

static int set_up(void **state)
{
	static struct fix f;
	struct state_opts o = { .shards = 2, .max_tasks = 16, .max_fds = 64, .host_root = "", .self_pid = -1,
				.gate = { &f.m, marks_ready, marks_min } };

	memset(&f, 0, sizeof(f));
	f.t = state_table_new(&o);
	assert_non_null(f.t);
	f.a = state_table_shard(f.t, 0);
	f.b = state_table_shard(f.t, 1);
	rcu_enter();
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fix *f = *state;

	rcu_leave();
	state_table_free(f->t);
	return 0;
}

static struct okey at(uint64_t time)
{
	return (struct okey){ time, 0 };
}

static struct state_task *add(struct state_shard *s, int64_t tid, uint64_t from)
{
	struct state_task *t = state_task_new(s, tid);

	assert_non_null(t);
	task_ver(t)->pid = tid;
	state_task_add(s, t, at(from));
	return t;
}

static void find_as_of_key_sees_the_version_of_that_key(void **state)
{
	struct fix *f = *state;
	struct state_task *t = add(f->a, 7, 10);
	const struct state_ver *v;
	struct state_ver *e;

	e = state_edit(f->a, t, at(20));
	e->uid = 1000;
	state_publish(f->a, t, e);
	f->m.applied[0] = 100;
	assert_int_equal(state_find_at(f->b, 7, -1, at(9), &v, NULL), 0);
	assert_int_equal(state_find_at(f->b, 7, -1, at(19), &v, NULL), 1);
	assert_int_equal(v->uid, UINT32_MAX);
	assert_int_equal(state_find_at(f->b, 7, -1, at(20), &v, NULL), 1);
	assert_int_equal(v->uid, 1000);
}

static void find_before_the_owner_got_there_says_again(void **state)
{
	struct fix *f = *state;
	const struct state_ver *v;
	int64_t tgid = 7;

	while (state_shard_of(f->t, tgid) != 0)
		tgid++;
	add(f->a, tgid, 10);
	f->m.applied[0] = 14;
	assert_int_equal(state_find_at(f->b, tgid, tgid, at(15), &v, NULL), -EAGAIN);
	f->m.applied[0] = 15;
	assert_int_equal(state_find_at(f->b, tgid, tgid, at(15), &v, NULL), 1);
	/* the owner itself never waits for itself */
	f->m.applied[0] = 0;
	assert_int_equal(state_find_at(f->a, tgid, tgid, at(15), &v, NULL), 1);
}

static void exit_is_seen_after_its_key_only_and_links_lead_to_the_heir(void **state)
{
	struct fix *f = *state;
	struct state_task *init = add(f->a, 1, 1), *parent = add(f->b, 5, 2), *child = add(f->a, 6, 3);
	const struct state_ver *v;

	ver_set_parent(f->a, task_ver(child), parent);
	f->m.applied[0] = f->m.applied[1] = 100;
	state_task_dead(f->b, parent, okey_after(at(30)), init);
	state_task_remove(f->b, parent, okey_after(at(30)));
	assert_int_equal(state_follow(f->a, parent, at(30), &v, NULL), 1);
	assert_int_equal(v->tid, 5);
	assert_int_equal(state_follow(f->a, parent, at(31), &v, NULL), 1);
	assert_int_equal(v->tid, 1);
	assert_int_equal(state_find_at(f->a, 5, -1, at(30), &v, NULL), 1);
	assert_int_equal(state_find_at(f->a, 5, -1, at(31), &v, NULL), 0);
}

static void reused_tid_does_not_take_over_the_children(void **state)
{
	struct fix *f = *state;
	struct state_task *parent = add(f->b, 5, 2), *child = add(f->a, 6, 3);
	const struct state_ver *v;

	ver_set_parent(f->a, task_ver(child), parent);
	f->m.applied[0] = f->m.applied[1] = 100;
	state_task_remove(f->b, parent, okey_after(at(30)));
	add(f->a, 5, 40);
	assert_int_equal(state_follow(f->a, parent, at(50), &v, NULL), 0);
	assert_int_equal(state_find_at(f->b, 5, -1, at(50), &v, NULL), 1);
	assert_false(v->dead);
	assert_int_equal(state_find_at(f->b, 5, -1, at(20), &v, NULL), 1);
	assert_int_equal(v->from.time, 2);
}

static void reclaim_keeps_what_a_lagging_worker_may_read(void **state)
{
	struct fix *f = *state;
	struct state_task *t = add(f->a, 7, 10);
	struct state_ver *e = state_edit(f->a, t, at(20));

	state_publish(f->a, t, e);
	f->m.emitted = 19;
	state_reclaim(f->a);
	assert_non_null(atomic_load(&task_ver(t)->prev));
	f->m.emitted = 20;
	state_reclaim(f->a);
	assert_null(atomic_load(&task_ver(t)->prev));
}

static void stub_stays_while_a_child_links_to_it(void **state)
{
	struct fix *f = *state;
	struct state_task *parent = add(f->b, 5, 2), *child = add(f->a, 6, 3);
	const struct state_ver *v;

	ver_set_parent(f->a, task_ver(child), parent);
	f->m.applied[0] = f->m.applied[1] = 100;
	state_task_remove(f->b, parent, okey_after(at(30)));
	f->m.emitted = 1000;
	state_reclaim(f->b);
	rcu_quiescent();
	assert_int_equal(atomic_load(&parent->refs), 1); /* the child's; the map's is gone */
	assert_int_equal(state_follow(f->a, parent, at(60), &v, NULL), 0);
	state_task_remove(f->a, child, at(70));
	state_reclaim(f->a);
}

static void table_full_is_counted_and_refused(void **state)
{
	struct fix *f = *state;

	for (int64_t i = 1; i <= 16; i++)
		add(f->a, i, 1);
	assert_null(state_task_new(f->b, 17));
	assert_int_equal(atomic_load(&f->b->stats.drops_full_table), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(find_as_of_key_sees_the_version_of_that_key),
		T(find_before_the_owner_got_there_says_again),
		T(exit_is_seen_after_its_key_only_and_links_lead_to_the_heir),
		T(reused_tid_does_not_take_over_the_children),
		T(reclaim_keeps_what_a_lagging_worker_may_read),
		T(stub_stays_while_a_child_links_to_it),
		T(table_full_is_counted_and_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
