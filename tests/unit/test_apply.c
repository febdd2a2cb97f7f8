/* state/apply*.c: threads and processes from events, one shard. Every case builds its events by hand and
 * looks at what rules would see. */
#include "evt_builder.h"
#include "state/apply_task.h"
#include "state/read.h"
#include "state/scan.h"

#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#define SEC 1000000000ull
#define BOOT 77ull

struct fix {
	struct state_table *t;
	struct state_shard *s;
	struct evt_builder b;
	struct state_ctx c;
};

static int setup_opts(void **state, struct state_opts o)
{
	struct fix *f = calloc(1, sizeof(*f));

	o.shards = 1;
	o.host_root = TEST_SOURCE_DIR "/tests/unit/data/root";
	o.boot_ts = BOOT;
	f->t = state_table_new(&o);
	f->s = state_table_shard(f->t, 0);
	evb_init(&f->b);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_opts(state, (struct state_opts){ .max_tasks = 1000, .max_fds = 4096 });
}

static int setup_tiny(void **state)
{
	return setup_opts(state, (struct state_opts){ .max_tasks = 2, .max_fds = 4096 });
}

static int setup_live(void **state)
{
	return setup_opts(state, (struct state_opts){ .max_tasks = 1000, .max_fds = 4096, .live = true, .self_pid = 42 });
}

static int teardown(void **state)
{
	struct fix *f = *state;

	state_table_free(f->t);
	free(f);
	return 0;
}

static void apply(struct fix *f, struct evt *ev)
{
	assert_int_equal(state_apply(f->s, ev, &f->c), 0);
}

/* A process as the head of a capture gives it. */
static void add_proc(struct fix *f, long tid, long pid, long ptid)
{
	struct scan_task t;

	scan_task_init(&t);
	t.tid = t.vtid = tid;
	t.pid = t.vpid = pid;
	t.ptid = ptid;
	t.sid = t.pgid = t.vpgid = 7;
	t.uid = t.gid = 1000;
	t.fdlimit = 1024;
	t.comm = (struct scan_text){ "base", 4 };
	t.exe = (struct scan_text){ "/bin/base", 9 };
	t.exepath = (struct scan_text){ "/bin/base", 9 };
	t.args = (struct scan_text){ "-a", 3 };
	t.env = (struct scan_text){ "HOME=/\0TERM=x", 14 };
	t.cwd = (struct scan_text){ "/home", 5 };
	if (tid != pid)
		t.flags = TASK_F_CLONE_THREAD | TASK_F_CLONE_FILES;
	assert_int_equal(scan_add_task(f->t, &t), 0);
	evb_group(&f->b, tid, pid);
}

struct clone {
	enum evt_type type;
	long tid, res, pid, ptid, flags, vtid, vpid;
	uint64_t ts;
	const char *comm;
};

static void do_clone(struct fix *f, struct clone k)
{
	struct evt *ev;

	if (!k.res)
		evb_group(&f->b, k.tid, k.pid);
	if (k.res > 0 && k.flags & TASK_F_CLONE_THREAD)
		evb_group(&f->b, k.res, k.pid);
	ev = evb_make(&f->b, k.type ? k.type : PPME_SYSCALL_CLONE_20_X, k.tid, k.ts ? k.ts : 10 * SEC,
			  "nsbnnnsnnnnnnsbnnnnnn", k.res, "/bin/child", "-c\0x y", (size_t)7, k.tid, k.pid, k.ptid, "",
			  2048L, 1L, 2L, 3L, 4L, 5L, k.comm ? k.comm : "child", "cpu=/a", (size_t)7, k.flags, 1000L,
			  1000L, k.vtid ? k.vtid : k.tid, k.vpid ? k.vpid : k.pid, 5L);
	/* as the reader fills it: the other process, if there is one */
	if (k.res == 0 && !(k.flags & TASK_F_CLONE_THREAD) && k.ptid > 0 && k.ptid < EVB_TIDS)
		f->b.env.peer_tgid = f->b.group[k.ptid] ? f->b.group[k.ptid] : (uint32_t)k.ptid;
	else if (k.res > 0 && !(k.flags & TASK_F_CLONE_THREAD))
		f->b.env.peer_tgid = (uint32_t)k.res;
	apply(f, ev);
}

static void caller_side(struct fix *f, long tid, long child, long flags)
{
	long pid = f->b.group[tid] ? f->b.group[tid] : tid;

	do_clone(f, (struct clone){ .tid = tid, .res = child, .pid = pid, .ptid = 1, .flags = flags });
}

static void child_side(struct fix *f, long child, long pid, long ptid, long flags)
{
	do_clone(f, (struct clone){ .tid = child, .pid = pid, .ptid = ptid, .flags = flags });
}

static void do_exit(struct fix *f, long tid, long reaper)
{
	apply(f, evb_make(&f->b, PPME_PROCEXIT_1_E, tid, 11 * SEC, "nnnnn", 0L, 0L, 0L, 0L, reaper));
}

static void do_exec(struct fix *f, long tid, long pid, long ptid, const char *exe)
{
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVE_19_X, tid, 12 * SEC, "nsbnnnsnnnnnnsbbnnnnnnnnnnnsnns", 0L, exe,
			  "one\0two", (size_t)8, tid, pid, ptid, "", 4096L, 1L, 2L, 3L, 4L, 5L, "prog", "cpu=/b",
			  (size_t)7, "A=1\0B=2", (size_t)8, 34816L, 70L, 1000L, (long)(EXE_WRITABLE | EXE_LOWER_LAYER),
			  1L, 2L, 3L, 99L, 5L, 6L, 0L, "/bin/prog (deleted)", 71L, 0L, "prog"));
}

static void tick(struct fix *f, long tid)
{
	apply(f, evb_make(&f->b, PPME_SYSCALL_GETCWD_X, tid, 13 * SEC, "ns", -1L, ""));
}

static const struct state_ver *ver(struct fix *f, long tid)
{
	const struct state_ver *v;

	return state_find_at(f->s, tid, -1, OKEY_MAX, &v, NULL) == 1 ? v : NULL;
}

/* ptid of the reference. */
static long parent_of(struct fix *f, long tid)
{
	const struct state_ver *v = ver(f, tid), *p;

	assert_non_null(v);
	return v->parent && state_follow(f->s, v->parent, OKEY_MAX, &p, NULL) == 1 ? p->tid : 0;
}

/* ---- lookups ----------------------------------------------------------------------------- */

static void apply_unknown_thread_gets_an_invalid_placeholder(void **state)
{
	struct fix *f = *state;

	tick(f, 500);
	assert_non_null(f->c.task);
	assert_true(f->c.ver->invalid);
	assert_int_equal(f->c.ver->pid, -1);
	assert_string_equal(f->c.ver->comm->s, "<NA>");
	assert_string_equal(f->c.ver->exe->s, "<NA>");
	assert_int_equal(f->c.ver->uid, UINT32_MAX);
	assert_null(f->c.leader);
	assert_int_equal(state_read_nthreads(&f->c), 0);
}

static void apply_full_table_leaves_the_event_without_thread(void **state)
{
	struct fix *f = *state;

	tick(f, 500);
	tick(f, 501);
	tick(f, 502);
	assert_null(f->c.task);
	assert_null(f->c.ver);
	assert_int_equal(f->s->stats.drops_full_table, 1);
	tick(f, 501);
	assert_non_null(f->c.task);
}

static void apply_exit_of_unknown_thread_makes_nothing(void **state)
{
	struct fix *f = *state;

	do_exit(f, 500, 0);
	assert_null(f->c.task);
	assert_int_equal(state_task_count(f->t), 0);
}

static void apply_node_wide_events_have_no_thread(void **state)
{
	struct fix *f = *state;

	apply(f, evb_make(&f->b, PPME_USER_ADDED_E, 500, 1, "nnssss", 5000L, 5000L, "joe", "/home/joe", "/bin/sh", ""));
	assert_null(f->c.task);
	assert_string_equal(users_get(f->s->users, "", 5000)->name->s, "joe");
	apply(f, evb_make(&f->b, PPME_USER_DELETED_E, 500, 1, "nnssss", 5000L, 5000L, "joe", "/home/joe", "/bin/sh", ""));
	assert_null(users_get(f->s->users, "", 5000));
	assert_int_equal(state_task_count(f->t), 0);
}

static void apply_own_events_are_filtered_and_change_nothing(void **state)
{
	struct fix *f = *state;

	add_proc(f, 42, 42, 0);
	apply(f, evb_make(&f->b, PPME_SYSCALL_CHDIR_X, 42, 1, "ns", 0L, "/tmp"));
	assert_true(f->c.filtered);
	assert_string_equal(f->c.leader->cwd->s, "/home/");
	tick(f, 500);
	assert_false(f->c.filtered);
}

static void apply_enter_and_state_only_events_are_filtered(void **state)
{
	struct fix *f = *state;
	struct evt *ev;

	apply(f, evb_make(&f->b, PPME_SYSCALL_OPEN_E, 500, 1, "snn", "/x", 0L, 0L));
	assert_true(f->c.filtered);
	ev = evb_make(&f->b, PPME_SYSCALL_GETCWD_X, 500, 1, "ns", 0L, "/");
	f->b.env.flags = EVT_ENV_STATE_ONLY;
	apply(f, ev);
	assert_true(f->c.filtered);
	do_exit(f, 500, 0); /* has an enter number, but is no enter event */
	assert_false(f->c.filtered);
}

static void apply_event_older_than_the_scan_changes_nothing(void **state)
{
	struct fix *f = *state;
	struct state_task *t;

	add_proc(f, 100, 100, 1);
	t = state_own(f->s, 100);
	t->scanned = true;
	t->scan_key = (struct okey){ 2, 0 };
	apply(f, evb_make(&f->b, PPME_SYSCALL_CHDIR_X, 100, 1, "ns", 0L, "/old"));
	assert_string_equal(f->c.leader->cwd->s, "/home/");
	apply(f, evb_make(&f->b, PPME_SYSCALL_CHDIR_X, 100, 1, "ns", 0L, "/new"));
	assert_string_equal(f->c.leader->cwd->s, "/new/");
}

static void enter_event_is_kept_for_its_exit_only(void **state)
{
	struct fix *f = *state;

	apply(f, evb_make(&f->b, PPME_SYSCALL_OPEN_E, 500, 1, "snn", "/x", 0L, 0L));
	apply(f, evb_make(&f->b, PPME_SYSCALL_OPEN_X, 500, 1, "nsnnnn", -2L, "/y", 0L, 0L, 0L, 0L));
	assert_non_null(f->c.enter);
	assert_int_equal(f->c.enter->type, PPME_SYSCALL_OPEN_E);
	apply(f, evb_make(&f->b, PPME_SYSCALL_OPEN_X, 500, 1, "nsnnnn", -2L, "/y", 0L, 0L, 0L, 0L));
	assert_null(f->c.enter);
	apply(f, evb_make(&f->b, PPME_SYSCALL_OPEN_E, 500, 1, "-nn", 0L, 0L)); /* without a name it tells nothing */
	apply(f, evb_make(&f->b, PPME_SYSCALL_OPEN_X, 500, 1, "nsnnnn", -2L, "/y", 0L, 0L, 0L, 0L));
	assert_null(f->c.enter);
}

/* ---- clone, parent's event --------------------------------------------------------------- */

static void clone_by_known_parent_makes_the_child(void **state)
{
	struct fix *f = *state;
	const struct state_ver *v;

	add_proc(f, 100, 100, 1);
	caller_side(f, 100, 200, 0);
	assert_int_equal(f->c.task->tid, 100);
	v = ver(f, 200);
	assert_non_null(v);
	assert_int_equal(v->pid, 200);
	assert_int_equal(v->vtid, 200);
	assert_int_equal(v->vpid, 200);
	assert_int_equal(parent_of(f, 200), 100);
	assert_string_equal(v->comm->s, "child");
	assert_string_equal(v->exe->s, "/bin/child");
	assert_string_equal(v->cmdline->s, "child -c x y");
	assert_int_equal(v->nargs, 2);
	assert_string_equal(v->exepath->s, "/bin/base");
	assert_string_equal(v->cwd->s, "/home/");
	assert_int_equal(v->nenv, 2);
	assert_string_equal(v->cgroups->s, "cpu=/a");
	assert_int_equal(v->sid, 7);
	assert_int_equal(v->fdlimit, 2048);
	assert_int_equal(v->clone_ts, 10 * SEC);
	assert_int_equal(v->lastexec_ts, 0);
	assert_int_equal(v->pidns_init_start_ts, 0); /* replay */
	assert_int_equal(state_own(f->s, 200)->vmswap_kb, 5);
}

static void clone_without_comm_takes_exe(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_FORK_20_X, 100, SEC, "nsbnnnsnnnnnn--nnnnn-", 200L, "/x", "", (size_t)0,
			  100L, 100L, 1L, "", -1L, 0L, 0L, 0L, 0L, 0L, 0L, 1L, 2L, 0L, 0L));
	assert_string_equal(ver(f, 200)->comm->s, "/x");
	assert_string_equal(ver(f, 200)->cmdline->s, "/x");
	assert_int_equal(ver(f, 200)->ncgroups, 0);
}

static void clone_failed_changes_nothing(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	caller_side(f, 100, -11, 0);
	assert_int_equal(state_task_count(f->t), 1);
}

static void clone_of_a_thread_shares_the_process(void **state)
{
	struct fix *f = *state;

	add_proc(f, 1, 1, 0);
	add_proc(f, 100, 100, 1);
	scan_finish(f->t);
	do_exec(f, 100, 100, 1, "/bin/prog");
	caller_side(f, 100, 101, TASK_F_CLONE_THREAD);
	assert_int_equal(ver(f, 101)->pid, 100);
	assert_int_equal(ver(f, 101)->lastexec_ts, 12 * SEC);
	assert_true(ver(f, 101)->flags & TASK_F_CLONE_FILES);
	assert_int_equal(ver(f, 101)->cwd->len, 0);
	assert_int_equal(ver(f, 101)->nenv, 0);
	assert_int_equal(parent_of(f, 101), 1);
	tick(f, 101);
	assert_int_equal(f->c.leader->tid, 100);
	assert_int_equal(state_read_nthreads(&f->c), 2);
	assert_ptr_equal(state_fds_slot(f->s, state_own(f->s, 101)), &state_own(f->s, 100)->fds);
}

static void clone_by_unknown_caller_makes_it_known(void **state)
{
	struct fix *f = *state;
	const struct state_ver *v;

	add_proc(f, 1, 1, 0);
	caller_side(f, 300, 301, 0);
	v = ver(f, 300);
	assert_false(v->invalid);
	assert_int_equal(v->pid, 300);
	assert_int_equal(v->vtid, 300);
	assert_string_equal(v->comm->s, "child");
	assert_string_equal(v->cmdline->s, "child -c x y");
	assert_int_equal(parent_of(f, 300), 1);
	v = ver(f, 301);
	assert_int_equal(parent_of(f, 301), 300);
	assert_int_equal(v->cwd->len, 0); /* nothing is inherited from one who was not known */
	assert_int_equal(v->exepath->len, 0);
	assert_int_equal(v->sid, -1);
	assert_int_equal(f->c.task->tid, 300);
}

static void clone_left_to_the_child_makes_nothing(void **state)
{
	struct fix *f = *state;
	static const long flags[] = { TASK_F_CHILD_IN_PIDNS, TASK_F_CLONE_NEWPID, TASK_F_CLONE_PARENT, TASK_F_CLONE_VFORK };

	add_proc(f, 100, 100, 1);
	for (unsigned i = 0; i < 4; i++) {
		caller_side(f, 100, 200, flags[i]);
		assert_null(ver(f, 200));
	}
	do_clone(f, (struct clone){ .type = PPME_SYSCALL_VFORK_20_X, .tid = 100, .res = 200, .pid = 100, .ptid = 1 });
	assert_null(ver(f, 200));
	/* the caller is in a pid namespace */
	do_clone(f, (struct clone){ .tid = 400, .res = 3, .pid = 400, .ptid = 1, .vtid = 2, .vpid = 2 });
	assert_null(ver(f, 3));
	assert_non_null(ver(f, 400));
	assert_string_equal(ver(f, 400)->comm->s, "<NA>");
}

static void clone_after_the_child_has_exited_does_not_revive_it(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	child_side(f, 200, 200, 100, 0);
	do_exit(f, 200, 0);
	do_clone(f, (struct clone){ .tid = 100, .res = 200, .pid = 100, .ptid = 1, .ts = 12 * SEC });
	assert_null(ver(f, 200));
	do_clone(f, (struct clone){ .tid = 100, .res = 200, .pid = 100, .ptid = 1, .ts = 13 * SEC + 1 });
	assert_non_null(ver(f, 200)); /* that was another child of the same number */
}

static void clone_finds_a_stale_thread_of_the_number_and_replaces_it(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	add_proc(f, 200, 200, 1);
	add_proc(f, 201, 201, 200);
	scan_finish(f->t);
	caller_side(f, 100, 200, 0);
	assert_string_equal(ver(f, 200)->comm->s, "child");
	assert_int_equal(parent_of(f, 200), 100);
	assert_int_equal(parent_of(f, 201), 0); /* its parent was removed, nobody adopts */
	assert_int_equal(f->c.task->tid, 100);
}

static void clone_after_the_childs_own_event_changes_nothing(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	do_clone(f, (struct clone){ .tid = 200, .pid = 200, .ptid = 100, .comm = "first" });
	do_clone(f, (struct clone){ .tid = 100, .res = 200, .pid = 100, .ptid = 1, .comm = "second" });
	assert_string_equal(ver(f, 200)->comm->s, "first");
}

static void clone_of_itself_does_not_upset_anything(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	caller_side(f, 100, 100, 0);
	assert_non_null(f->c.task);
	assert_int_equal(f->c.task->tid, 100);
	assert_string_equal(ver(f, 100)->comm->s, "child");
	child_side(f, 300, 300, 300, 0);
	child_side(f, 300, 300, 300, TASK_F_CLONE_THREAD);
	tick(f, 300);
}

/* ---- clone, child's event ---------------------------------------------------------------- */

static void child_takes_after_its_parent(void **state)
{
	struct fix *f = *state;
	const struct state_ver *v;

	add_proc(f, 100, 100, 1);
	child_side(f, 200, 200, 100, 0);
	assert_int_equal(f->c.task->tid, 200);
	v = f->c.ver;
	assert_true(v->flags & TASK_F_CLONE_INVERTED);
	assert_int_equal(parent_of(f, 200), 100);
	assert_string_equal(v->cwd->s, "/home/");
	assert_string_equal(v->exepath->s, "/bin/base");
	assert_int_equal(v->nenv, 2);
	assert_int_equal(v->pidns_init_start_ts, 0); /* replay */
}

static void child_in_pid_namespace_has_its_own_start(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	do_clone(f, (struct clone){ .tid = 200, .pid = 200, .ptid = 100, .vtid = 1, .vpid = 1, .flags = TASK_F_CLONE_NEWPID });
	assert_int_equal(f->c.ver->vtid, 1);
	assert_int_equal(f->c.ver->pidns_init_start_ts, BOOT + 5);
	assert_true(f->c.ver->group_reaper);
	child_side(f, 201, 201, 100, 0);
	assert_int_equal(f->c.ver->pidns_init_start_ts, BOOT);
}

static void child_of_unknown_parent_has_none(void **state)
{
	struct fix *f = *state;

	child_side(f, 200, 200, 100, 0);
	assert_true(ver(f, 100)->invalid);
	assert_int_equal(parent_of(f, 200), 0);
	assert_int_equal(f->c.ver->cwd->len, 0);
}

static void thread_of_unknown_leader_makes_it_known(void **state)
{
	struct fix *f = *state;
	const struct state_ver *v;

	add_proc(f, 1, 1, 0);
	child_side(f, 201, 200, 1, TASK_F_CLONE_THREAD);
	v = ver(f, 200);
	assert_false(v->invalid);
	assert_int_equal(v->pid, 200);
	assert_string_equal(v->comm->s, "child");
	assert_int_equal(v->vtid, v->vpid);
	assert_int_equal(parent_of(f, 200), 1);
	assert_int_equal(parent_of(f, 201), 1);
	assert_int_equal(f->c.leader->tid, 200);
	assert_int_equal(state_read_nthreads(&f->c), 2);
}

static void child_event_for_a_fresh_thread_changes_nothing(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	caller_side(f, 100, 200, 0);
	do_clone(f, (struct clone){ .tid = 200, .pid = 200, .ptid = 100, .comm = "again", .ts = 11 * SEC });
	assert_string_equal(f->c.ver->comm->s, "child");
	do_clone(f, (struct clone){ .tid = 200, .pid = 200, .ptid = 100, .comm = "again", .ts = 12 * SEC });
	assert_string_equal(f->c.ver->comm->s, "again"); /* two seconds: another one */
	assert_int_equal(state_task_count(f->t), 2);
}

static void child_event_replaces_a_scanned_thread_and_keeps_its_children(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	add_proc(f, 200, 200, 100);
	add_proc(f, 201, 201, 200);
	scan_finish(f->t);
	child_side(f, 200, 200, 100, 0);
	assert_string_equal(f->c.ver->comm->s, "child");
	assert_int_equal(parent_of(f, 201), 200);
	assert_int_equal(state_task_count(f->t), 3);
}

static void fork_shares_descriptors_until_one_side_writes(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_OPEN_X, 100, 1, "nsnnnn", 3L, "/etc/x", 0L, 0L, 0L, 0L));
	caller_side(f, 100, 200, 0);
	assert_string_equal(fdtab_get(state_own(f->s, 200)->fds, 3)->name->s, "/etc/x");
	apply(f, evb_make(&f->b, PPME_SYSCALL_CLOSE_X, 200, 1, "nn", 0L, 3L));
	tick(f, 200);
	assert_null(fdtab_get(state_own(f->s, 200)->fds, 3));
	assert_non_null(fdtab_get(state_own(f->s, 100)->fds, 3));
}

/* ---- exec -------------------------------------------------------------------------------- */

static void exec_replaces_the_image(void **state)
{
	struct fix *f = *state;
	const struct state_ver *v;

	add_proc(f, 100, 100, 1);
	caller_side(f, 100, 200, 0);
	do_exec(f, 200, 200, 100, "/bin/prog");
	v = f->c.ver;
	assert_string_equal(v->comm->s, "prog");
	assert_string_equal(v->cmdline->s, "prog one two");
	assert_string_equal(v->exepath->s, "/bin/prog");
	assert_int_equal(v->lastexec_ts, 12 * SEC);
	assert_int_equal(v->nenv, 2);
	assert_string_equal(v->cgroups->s, "cpu=/b");
	assert_int_equal(v->tty, 34816);
	assert_int_equal(v->vpgid, 70);
	assert_int_equal(v->pgid, 71);
	assert_int_equal(v->uid, 0);
	assert_int_equal(v->gid, 0);
	assert_int_equal(v->exe_flags, EXE_WRITABLE | EXE_LOWER_LAYER);
	assert_int_equal(v->cap_effective, 3);
	assert_int_equal(v->exe_ino, 99);
	assert_int_equal(v->exe_ino_ctime_duration_clone_ts, 10 * SEC - 5);
	assert_int_equal(v->exe_ino_ctime_duration_pidns_start, 0); /* older than the namespace */
	assert_true(v->flags & TASK_F_NAME_CHANGED);
	assert_string_equal(users_get(f->s->users, "", 0)->shell->s, "<NA>");
}

static void exec_failed_changes_nothing(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVE_19_X, 100, 1, "ns", -2L, "/nope"));
	assert_string_equal(f->c.ver->exe->s, "/bin/base");
}

static void exec_of_unknown_thread_makes_it_known(void **state)
{
	struct fix *f = *state;

	add_proc(f, 1, 1, 0);
	do_exec(f, 300, 300, 1, "/bin/prog");
	assert_false(f->c.ver->invalid);
	assert_int_equal(f->c.ver->vpid, 300);
	assert_int_equal(parent_of(f, 300), 1);
	assert_int_equal(state_read_nthreads(&f->c), 1);
}

static void exec_drops_close_on_exec_descriptors(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_OPEN_X, 100, 1, "nsnnnn", 3L, "/a", (long)FD_O_CLOEXEC, 0L, 0L, 0L));
	apply(f, evb_make(&f->b, PPME_SYSCALL_OPEN_X, 100, 1, "nsnnnn", 4L, "/b", 0L, 0L, 0L, 0L));
	do_exec(f, 100, 100, 1, "/bin/prog");
	assert_null(fdtab_get(f->c.fds, 3));
	assert_non_null(fdtab_get(f->c.fds, 4));
}

static void exec_ends_the_other_threads(void **state)
{
	struct fix *f = *state;

	add_proc(f, 1, 1, 0);
	add_proc(f, 100, 100, 1);
	scan_finish(f->t);
	caller_side(f, 100, 101, TASK_F_CLONE_THREAD);
	caller_side(f, 100, 102, TASK_F_CLONE_THREAD);
	caller_side(f, 101, 200, 0);
	assert_int_equal(parent_of(f, 200), 101);
	do_exec(f, 100, 100, 1, "/bin/prog");
	assert_null(ver(f, 101));
	assert_null(ver(f, 102));
	assert_int_equal(state_read_nthreads(&f->c), 1);
	assert_int_equal(parent_of(f, 200), 100);
}

static void exec_revives_a_leader_that_had_exited(void **state)
{
	struct fix *f = *state;

	add_proc(f, 1, 1, 0);
	add_proc(f, 100, 100, 1);
	scan_finish(f->t);
	caller_side(f, 100, 101, TASK_F_CLONE_THREAD);
	caller_side(f, 100, 200, 0);
	do_exit(f, 100, 101); /* the leader goes, because 101 is about to take its place */
	tick(f, 101);
	assert_int_equal(parent_of(f, 200), 101);
	assert_false(state_read_leader_alive(&f->c));
	assert_int_equal(f->c.leader->tid, 100); /* stays for what it knows */
	do_exec(f, 100, 100, 1, "/bin/prog");
	assert_true(state_read_leader_alive(&f->c));
	assert_int_equal(state_read_nthreads(&f->c), 1);
	assert_null(ver(f, 101));
	assert_int_equal(parent_of(f, 200), 100);
}

static void exec_path_comes_from_the_enter_event_of_old_captures(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVE_19_E, 100, 1, "s", "bin/../x"));
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVE_19_X, 100, 1, "nsbnnn-n", 0L, "x", "", (size_t)0, 100L, 100L, 1L, 5L));
	assert_string_equal(f->c.ver->exepath->s, "/home/x");
	assert_int_equal(f->c.ver->pgid, -1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVEAT_E, 100, 1, "nsn", 9L, "x", 0L));
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVE_19_X, 100, 1, "nsbnnn-n", 0L, "x", "", (size_t)0, 100L, 100L, 1L, 5L));
	assert_string_equal(f->c.ver->exepath->s, "<NA>"); /* descriptor 9 is not known */
	apply(f, evb_make(&f->b, PPME_SYSCALL_OPEN_X, 100, 1, "nsnnnn", 9L, "/opt/tool", 0L, 0L, 0L, 0L));
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVEAT_E, 100, 1, "n-n", 9L, 1L));
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVE_19_X, 100, 1, "nsbnnn-n", 0L, "x", "", (size_t)0, 100L, 100L, 1L, 5L));
	assert_string_equal(f->c.ver->exepath->s, "/opt/tool");
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVE_19_X, 100, 1, "nsbnnn-n", 0L, "x", "", (size_t)0, 100L, 100L, 1L, 5L));
	assert_string_equal(f->c.ver->exepath->s, "/opt/tool"); /* no enter event: unchanged */
}

/* ---- exit -------------------------------------------------------------------------------- */

static void exit_still_shows_the_thread_and_then_removes_it(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	caller_side(f, 100, 200, 0);
	do_exit(f, 200, 0);
	assert_int_equal(f->c.ver->pid, 200);
	assert_string_equal(f->c.ver->comm->s, "child");
	assert_string_equal(f->c.leader->cwd->s, "/home/");
	assert_int_equal(state_read_nthreads(&f->c), 0);
	tick(f, 100);
	assert_null(ver(f, 200));
	assert_int_equal(state_task_count(f->t), 1);
	do_exit(f, 200, 0);
	assert_null(f->c.task);
}

static void exit_gives_children_to_the_kernels_choice(void **state)
{
	struct fix *f = *state;

	add_proc(f, 1, 1, 0);
	add_proc(f, 50, 50, 1);
	add_proc(f, 100, 100, 50);
	add_proc(f, 200, 200, 100);
	scan_finish(f->t);
	do_exit(f, 100, 50);
	tick(f, 1);
	assert_int_equal(parent_of(f, 200), 50);
	do_exit(f, 50, 1);
	tick(f, 1);
	assert_int_equal(parent_of(f, 200), 1);
}

static void exit_without_choice_finds_the_nearest_adopter(void **state)
{
	struct fix *f = *state;

	add_proc(f, 1, 1, 0);
	add_proc(f, 50, 50, 1);
	add_proc(f, 60, 60, 50);
	add_proc(f, 100, 100, 60);
	add_proc(f, 200, 200, 100);
	scan_finish(f->t);
	apply(f, evb_make(&f->b, PPME_SYSCALL_PRCTL_X, 50, 1, "nnsn", 0L, 36L, "", 1L));
	do_exit(f, 100, 0);
	tick(f, 1);
	assert_int_equal(parent_of(f, 200), 50);
	apply(f, evb_make(&f->b, PPME_SYSCALL_PRCTL_X, 50, 1, "nnsn", 0L, 36L, "", 0L));
	do_exit(f, 60, -1);
	tick(f, 1);
	assert_int_equal(parent_of(f, 200), 1);
}

static void exit_of_a_thread_leaves_children_in_the_process(void **state)
{
	struct fix *f = *state;

	add_proc(f, 1, 1, 0);
	add_proc(f, 100, 100, 1);
	scan_finish(f->t);
	caller_side(f, 100, 101, TASK_F_CLONE_THREAD);
	caller_side(f, 101, 200, 0);
	do_exit(f, 101, 100);
	tick(f, 100);
	assert_int_equal(state_read_nthreads(&f->c), 1);
	assert_null(ver(f, 101));
	assert_int_equal(parent_of(f, 200), 100);
}

static void exit_of_the_leader_keeps_it_while_threads_live(void **state)
{
	struct fix *f = *state;

	add_proc(f, 1, 1, 0);
	add_proc(f, 100, 100, 1);
	scan_finish(f->t);
	caller_side(f, 100, 101, TASK_F_CLONE_THREAD);
	caller_side(f, 100, 102, TASK_F_CLONE_THREAD);
	caller_side(f, 100, 200, 0);
	do_exit(f, 100, 0);
	tick(f, 101);
	assert_string_equal(f->c.leader->cwd->s, "/home/");
	assert_int_equal(state_read_nthreads(&f->c), 2);
	assert_int_equal(parent_of(f, 200), 101);
	do_exit(f, 101, 0);
	tick(f, 102);
	assert_int_equal(parent_of(f, 200), 102);
	do_exit(f, 102, 0);
	assert_int_equal(f->c.leader->tid, 100);
	tick(f, 1);
	assert_null(ver(f, 100));
	assert_null(ver(f, 102));
	assert_int_equal(parent_of(f, 200), 1);
	assert_int_equal(state_task_count(f->t), 2);
}

static void exit_does_not_hand_children_out_of_their_pid_namespace(void **state)
{
	struct fix *f = *state;

	add_proc(f, 1, 1, 0);
	scan_finish(f->t);
	do_clone(f, (struct clone){ .tid = 200, .pid = 200, .ptid = 1, .vtid = 5, .vpid = 5, .flags = TASK_F_CHILD_IN_PIDNS });
	do_clone(f, (struct clone){ .tid = 201, .pid = 201, .ptid = 200, .vtid = 6, .vpid = 6, .flags = TASK_F_CHILD_IN_PIDNS });
	assert_int_equal(parent_of(f, 201), 200);
	do_exit(f, 200, 0);
	tick(f, 1);
	assert_int_equal(parent_of(f, 201), 0);
}

/* A service that replaces itself by forking and exiting must not leave a trail. */
static void generations_of_daemons_leave_no_stubs(void **state)
{
	struct fix *f = *state;
	size_t bytes = 0;

	add_proc(f, 1, 1, 0);
	add_proc(f, 1000, 1000, 1);
	scan_finish(f->t);
	for (long i = 1000; i < 21000; i++) {
		do_clone(f, (struct clone){ .tid = i + 1, .pid = i + 1, .ptid = i });
		do_exit(f, i, i % 3 ? 1 : 0);
		tick(f, 1);
		state_reclaim(f->s);
		if (i == 6000)
			bytes = state_table_bytes(f->t);
	}
	assert_int_equal(state_task_count(f->t), 2);
	assert_int_equal(parent_of(f, 21000), 1);
	assert_int_equal(state_table_bytes(f->t), bytes);
}

static void heirs_among_threads_leave_no_stubs(void **state)
{
	struct fix *f = *state;
	size_t bytes = 0;

	add_proc(f, 1, 1, 0);
	add_proc(f, 100, 100, 1);
	scan_finish(f->t);
	caller_side(f, 100, 1001, TASK_F_CLONE_THREAD);
	do_exit(f, 100, 0);
	caller_side(f, 1001, 200, 0);
	for (long i = 1001; i < 21000; i++) {
		do_clone(f, (struct clone){ .tid = i + 1, .pid = 100, .ptid = 1, .flags = TASK_F_CLONE_THREAD });
		do_exit(f, i, i + 1);
		tick(f, 1);
		state_reclaim(f->s);
		assert_int_equal(parent_of(f, 200), i + 1);
		if (i == 6000)
			bytes = state_table_bytes(f->t);
	}
	assert_int_equal(state_table_bytes(f->t), bytes);
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void cwd_follows_chdir_fchdir_and_getcwd(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_CHDIR_X, 100, 1, "ns", 0L, "sub/./dir"));
	assert_string_equal(f->c.leader->cwd->s, "/home/sub/dir/");
	apply(f, evb_make(&f->b, PPME_SYSCALL_CHDIR_X, 100, 1, "ns", 0L, "../.."));
	assert_string_equal(f->c.leader->cwd->s, "/home/");
	apply(f, evb_make(&f->b, PPME_SYSCALL_CHDIR_X, 100, 1, "ns", -2L, "/nope"));
	assert_string_equal(f->c.leader->cwd->s, "/home/");
	apply(f, evb_make(&f->b, PPME_SYSCALL_OPEN_X, 100, 1, "nsnnnn", 3L, "/srv/www", 0L, 0L, 0L, 0L));
	apply(f, evb_make(&f->b, PPME_SYSCALL_FCHDIR_X, 100, 1, "nn", 0L, 3L));
	assert_string_equal(f->c.leader->cwd->s, "/srv/www/");
	apply(f, evb_make(&f->b, PPME_SYSCALL_FCHDIR_X, 100, 1, "nn", 0L, 33L));
	assert_string_equal(f->c.leader->cwd->s, "/srv/www/");
	apply(f, evb_make(&f->b, PPME_SYSCALL_GETCWD_X, 100, 1, "ns", 4L, "/real"));
	assert_string_equal(f->c.leader->cwd->s, "/real/");
	apply(f, evb_make(&f->b, PPME_SYSCALL_CHDIR_X, 100, 1, "ns", 0L, "/"));
	assert_string_equal(f->c.leader->cwd->s, "/");
}

static void cwd_relative_chdir_of_a_thread_loses_the_base(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	caller_side(f, 100, 101, TASK_F_CLONE_THREAD);
	apply(f, evb_make(&f->b, PPME_SYSCALL_CHDIR_X, 101, 1, "ns", 0L, "rel"));
	assert_string_equal(f->c.leader->cwd->s, "rel/");
}

static void cwd_of_unknown_leader_is_dot(void **state)
{
	struct fix *f = *state;
	size_t len;

	tick(f, 500);
	assert_string_equal(state_cwd(&f->c, &len), "./");
	assert_int_equal(len, 2);
}

static void root_is_resolved_against_cwd(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_CHROOT_X, 100, 1, "ns", 0L, "jail"));
	assert_string_equal(f->c.ver->root->s, "/home/jail");
	apply(f, evb_make(&f->b, PPME_SYSCALL_CHROOT_X, 100, 1, "ns", 0L, "/a//b/"));
	assert_string_equal(f->c.ver->root->s, "/a//b/");
	apply(f, evb_make(&f->b, PPME_SYSCALL_CHROOT_X, 100, 1, "ns", -1L, "/x"));
	assert_string_equal(f->c.ver->root->s, "/a//b/");
}

static void ids_follow_successful_calls_of_the_thread(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_SETUID_X, 100, 1, "nn", 0L, 5L));
	assert_int_equal(f->c.ver->uid, 5);
	assert_string_equal(users_get(f->s->users, "", 5)->name->s, "five");
	apply(f, evb_make(&f->b, PPME_SYSCALL_SETUID_X, 100, 1, "nn", -1L, 6L));
	assert_int_equal(f->c.ver->uid, 5);
	apply(f, evb_make(&f->b, PPME_SYSCALL_SETRESUID_X, 100, 1, "nnnn", 0L, 1L, 2L, 3L));
	assert_int_equal(f->c.ver->uid, 2);
	apply(f, evb_make(&f->b, PPME_SYSCALL_SETREUID_X, 100, 1, "nnn", 0L, 1L, -1L));
	assert_int_equal(f->c.ver->uid, UINT32_MAX);
	apply(f, evb_make(&f->b, PPME_SYSCALL_SETGID_X, 100, 1, "nn", 0L, 8L));
	assert_int_equal(f->c.ver->gid, 8);
	apply(f, evb_make(&f->b, PPME_SYSCALL_SETRESGID_X, 100, 1, "nnnn", 0L, 1L, 2L, 3L));
	assert_int_equal(f->c.ver->gid, 2);
	apply(f, evb_make(&f->b, PPME_SYSCALL_SETREGID_X, 100, 1, "nn", 0L, 1L));
	assert_int_equal(f->c.ver->gid, 2); /* the parameter is missing */
}

static void capabilities_follow_capset_and_user_namespaces(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_CAPSET_X, 100, 1, "nnnn", 0L, 1L, 2L, 4L));
	assert_int_equal(f->c.ver->cap_inheritable, 1);
	assert_int_equal(f->c.ver->cap_permitted, 2);
	assert_int_equal(f->c.ver->cap_effective, 4);
	apply(f, evb_make(&f->b, PPME_SYSCALL_UNSHARE_X, 100, 1, "nn", 0L, (long)TASK_F_CLONE_NEWNS));
	assert_int_equal(f->c.ver->cap_effective, 4);
	apply(f, evb_make(&f->b, PPME_SYSCALL_UNSHARE_X, 100, 1, "nn", 0L, (long)TASK_F_CLONE_NEWUSER));
	assert_int_equal(f->c.ver->cap_effective, (1ull << 41) - 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_CAPSET_X, 100, 1, "nnnn", 0L, 0L, 0L, 0L));
	apply(f, evb_make(&f->b, PPME_SYSCALL_SETNS_X, 100, 1, "nnn", 0L, 4L, (long)TASK_F_CLONE_NEWUSER));
	assert_int_equal(f->c.ver->cap_inheritable, (1ull << 41) - 1);
}

static void session_and_limits_are_set(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	add_proc(f, 200, 200, 1);
	caller_side(f, 100, 101, TASK_F_CLONE_THREAD);
	apply(f, evb_make(&f->b, PPME_SYSCALL_SETSID_X, 101, 1, "n", 55L));
	assert_int_equal(f->c.ver->sid, 55);
	assert_int_equal(f->c.leader->sid, 7);
	apply(f, evb_make(&f->b, PPME_SYSCALL_SETRLIMIT_X, 101, 1, "nnnn", 0L, 333L, 444L, 7L));
	assert_int_equal(f->c.leader->fdlimit, 333);
	apply(f, evb_make(&f->b, PPME_SYSCALL_SETRLIMIT_X, 101, 1, "nnnn", 0L, 334L, 444L, 6L));
	assert_int_equal(f->c.leader->fdlimit, 333);
	apply(f, evb_make(&f->b, PPME_SYSCALL_GETRLIMIT_X, 101, 1, "nnnn", 0L, -1L, 444L, 7L));
	assert_int_equal(f->c.leader->fdlimit, 333);
	apply(f, evb_make(&f->b, PPME_SYSCALL_PRLIMIT_X, 100, 1, "nnnnnnn", 0L, 555L, 1L, 1L, 1L, 200L, 7L));
	assert_int_equal(ver(f, 200)->fdlimit, 555);
	apply(f, evb_make(&f->b, PPME_SYSCALL_PRLIMIT_X, 100, 1, "nnnnnnn", 0L, 666L, 1L, 1L, 1L, 0L, 7L));
	assert_int_equal(ver(f, 100)->fdlimit, 666);
}

static void memory_counters_follow_brk_and_switches(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 1);
	caller_side(f, 100, 101, TASK_F_CLONE_THREAD);
	apply(f, evb_make(&f->b, PPME_SYSCALL_BRK_4_X, 101, 1, "nnnnn", 0L, 10L, 20L, 30L, 0L));
	assert_int_equal(f->c.task->vmsize_kb, 10);
	assert_int_equal(f->c.task->vmswap_kb, 30);
	apply(f, evb_make(&f->b, PPME_SCHEDSWITCH_6_E, 101, 1, "nnnnnn", 5L, 6L, 7L, 8L, 9L, 10L));
	assert_int_equal(f->c.task->pfmajor, 6);
	assert_int_equal(f->c.task->vmsize_kb, 10);
	assert_int_equal(state_own(f->s, 100)->vmsize_kb, 8);
	apply(f, evb_make(&f->b, PPME_SCHEDSWITCH_6_E, 777, 1, "nnnnnn", 5L, 6L, 7L, 8L, 9L, 10L));
	assert_null(f->c.task);
}

static void cgroup_names_are_those_of_proc(void **state)
{
	struct fix *f = *state;
	static const char cg[] = "cpu_cgroup=/a\0io=/b\0perf=/c\0mem_cgroup=/d\0cpuset=";

	add_proc(f, 100, 100, 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVE_19_X, 100, 1, "nsbnnnsnnnnnnsb", 0L, "x", "", (size_t)0, 100L, 100L,
			  1L, "", 1L, 0L, 0L, 0L, 0L, 0L, "x", cg, sizeof(cg)));
	assert_int_equal(f->c.ver->ncgroups, 5);
	assert_memory_equal(f->c.ver->cgroups->s, "cpu=/a\0blkio=/b\0perf_event=/c\0memory=/d\0cpuset=", 48);
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVE_19_X, 100, 1, "nsbnnnsnnnnnnsb", 0L, "x", "", (size_t)0, 100L, 100L,
			  1L, "", 1L, 0L, 0L, 0L, 0L, 0L, "x", "cpu=/z\0junk", (size_t)12));
	assert_int_equal(f->c.ver->ncgroups, 5); /* one bad element: all refused */
}

static void container_id_is_set_at_the_threads_own_event(void **state)
{
	struct fix *f = *state;
	static const char cg[] = "cpu=/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

	add_proc(f, 100, 100, 1);
	apply(f, evb_make(&f->b, PPME_SYSCALL_EXECVE_19_X, 100, 1, "nsbnnnsnnnnnnsb", 0L, "x", "", (size_t)0, 100L, 100L,
			  1L, "", 1L, 0L, 0L, 0L, 0L, 0L, "x", cg, sizeof(cg)));
	assert_string_equal(f->c.ver->container_id->s, "0123456789ab");
	apply(f, evb_make(&f->b, PPME_SYSCALL_CLONE_20_X, 100, SEC, "nsbnnnsnnnnnnsbnnnnnn", 200L, "/x", "", (size_t)0,
			  100L, 100L, 1L, "", 1L, 0L, 0L, 0L, 0L, 0L, "x", cg, sizeof(cg), 0L, 1L, 1L, 100L, 100L, 0L));
	assert_string_equal(ver(f, 200)->container_id->s, "");
	apply(f, evb_make(&f->b, PPME_SYSCALL_CLONE_20_X, 200, SEC, "nsbnnnsnnnnnnsbnnnnnn", 0L, "/x", "", (size_t)0,
			  200L, 200L, 100L, "", 1L, 0L, 0L, 0L, 0L, 0L, "x", cg, sizeof(cg), 0L, 1L, 1L, 200L, 200L, 0L));
	assert_string_equal(f->c.ver->container_id->s, "0123456789ab");
	assert_ptr_equal(state_own(f->s, 200), f->c.task);
}

static void ancestors_are_read_through_leaders(void **state)
{
	struct fix *f = *state;
	const struct state_ver *v;

	add_proc(f, 1, 1, 0);
	add_proc(f, 100, 100, 1);
	scan_finish(f->t);
	caller_side(f, 100, 101, TASK_F_CLONE_THREAD);
	caller_side(f, 101, 200, 0);
	caller_side(f, 200, 201, TASK_F_CLONE_THREAD);
	tick(f, 201);
	assert_int_equal(state_read_ancestor(&f->c, 0, &v), 1);
	assert_int_equal(v->tid, 200);
	assert_int_equal(state_read_parent(&f->c, v, &v), 1);
	assert_int_equal(v->tid, 101);
	assert_int_equal(state_read_ancestor(&f->c, 1, &v), 1);
	assert_int_equal(v->tid, 100);
	assert_int_equal(state_read_ancestor(&f->c, 2, &v), 1);
	assert_int_equal(v->tid, 1);
	assert_int_equal(state_read_ancestor(&f->c, 3, &v), 0);
	assert_int_equal(state_read_tid(&f->c, 101, -1, &v), 1);
	assert_int_equal(state_read_leader(&f->c, v, &v), 1);
	assert_int_equal(v->tid, 100);
	assert_int_equal(state_read_tid(&f->c, 4711, -1, &v), 0);
}

static void refresh_gives_the_same_view(void **state)
{
	struct fix *f = *state;
	struct state_ctx before;

	add_proc(f, 100, 100, 1);
	do_exec(f, 100, 100, 1, "/bin/prog");
	before = f->c;
	state_refresh(&f->c);
	assert_memory_equal(&before, &f->c, sizeof(before));
}

static void purge_forgets_placeholders_after_a_while(void **state)
{
	struct fix *f = *state;

	for (long i = 0; i < 100; i++)
		tick(f, 500 + i);
	add_proc(f, 100, 100, 1);
	assert_int_equal(state_task_count(f->t), 101);
	caller_side(f, 510, 900, 0); /* one becomes known */
	apply(f, evb_make(&f->b, PPME_SYSCALL_GETCWD_X, 100, 42 * SEC, "ns", -1L, "")); /* too early */
	assert_int_equal(state_task_count(f->t), 102);
	for (long i = 0; i < 100; i++)
		apply(f, evb_make(&f->b, PPME_SYSCALL_GETCWD_X, 100, 44 * SEC, "ns", -1L, ""));
	assert_int_equal(state_task_count(f->t), 3);
	assert_non_null(ver(f, 510));
	assert_null(ver(f, 511));
	tick(f, 511);
	assert_true(f->c.ver->invalid);
}

/* Leaks of such families show under the address sanitizer. */
static void links_in_a_circle_are_refused(void **state)
{
	struct fix *f = *state;

	add_proc(f, 100, 100, 200);
	add_proc(f, 200, 200, 100);
	add_proc(f, 300, 300, 300);
	add_proc(f, 400, 400, 401); /* a leader whose parent is its own thread */
	add_proc(f, 401, 400, 400);
	scan_finish(f->t);
	assert_true(!parent_of(f, 100) || !parent_of(f, 200));
	assert_int_equal(parent_of(f, 300), 0);
	child_side(f, 100, 100, 200, 0); /* replaces the parent of its parent */
	child_side(f, 300, 300, 300, 0);
	do_exit(f, 401, 400);
	do_exit(f, 400, 401);
	do_exit(f, 200, 100);
	do_exit(f, 100, 300);
	tick(f, 1);
	assert_null(ver(f, 100));
	assert_null(ver(f, 400));
	assert_int_equal(parent_of(f, 300), 0);
}

static void scan_twice_the_same_thread_keeps_the_later(void **state)
{
	struct fix *f = *state;

	add_proc(f, 1, 1, 0);
	add_proc(f, 100, 100, 50);
	add_proc(f, 100, 100, 1);
	scan_finish(f->t);
	assert_int_equal(state_task_count(f->t), 2);
	assert_int_equal(parent_of(f, 100), 1);
	assert_int_equal(parent_of(f, 1), 0);
}

static void scan_reset_empties_the_table(void **state)
{
	struct fix *f = *state;

	for (long i = 1; i < 300; i++)
		add_proc(f, i, i % 3 ? i - i % 3 + 3 : i, 1);
	scan_finish(f->t);
	scan_add_user(f->t, 9, 9, (struct scan_text){ "n", 1 }, (struct scan_text){ "h", 1 }, (struct scan_text){ "s", 1 });
	tick(f, 5);
	scan_reset(f->t);
	assert_int_equal(state_task_count(f->t), 0);
	assert_null(users_get(f->s->users, "", 9));
	assert_null(ver(f, 5));
	add_proc(f, 5, 5, 1);
	tick(f, 5);
	assert_int_equal(f->c.ver->pid, 5);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(apply_unknown_thread_gets_an_invalid_placeholder),
		cmocka_unit_test_setup_teardown(apply_full_table_leaves_the_event_without_thread, setup_tiny, teardown),
		T(apply_exit_of_unknown_thread_makes_nothing),
		T(apply_node_wide_events_have_no_thread),
		cmocka_unit_test_setup_teardown(apply_own_events_are_filtered_and_change_nothing, setup_live, teardown),
		T(apply_enter_and_state_only_events_are_filtered),
		T(apply_event_older_than_the_scan_changes_nothing),
		T(enter_event_is_kept_for_its_exit_only),
		T(clone_by_known_parent_makes_the_child),
		T(clone_without_comm_takes_exe),
		T(clone_failed_changes_nothing),
		T(clone_of_a_thread_shares_the_process),
		T(clone_by_unknown_caller_makes_it_known),
		T(clone_left_to_the_child_makes_nothing),
		T(clone_after_the_child_has_exited_does_not_revive_it),
		T(clone_finds_a_stale_thread_of_the_number_and_replaces_it),
		T(clone_after_the_childs_own_event_changes_nothing),
		T(clone_of_itself_does_not_upset_anything),
		T(child_takes_after_its_parent),
		cmocka_unit_test_setup_teardown(child_in_pid_namespace_has_its_own_start, setup_live, teardown),
		T(child_of_unknown_parent_has_none),
		T(thread_of_unknown_leader_makes_it_known),
		T(child_event_for_a_fresh_thread_changes_nothing),
		T(child_event_replaces_a_scanned_thread_and_keeps_its_children),
		T(fork_shares_descriptors_until_one_side_writes),
		T(exec_replaces_the_image),
		T(exec_failed_changes_nothing),
		T(exec_of_unknown_thread_makes_it_known),
		T(exec_drops_close_on_exec_descriptors),
		T(exec_ends_the_other_threads),
		T(exec_revives_a_leader_that_had_exited),
		T(exec_path_comes_from_the_enter_event_of_old_captures),
		T(exit_still_shows_the_thread_and_then_removes_it),
		T(exit_gives_children_to_the_kernels_choice),
		T(exit_without_choice_finds_the_nearest_adopter),
		T(exit_of_a_thread_leaves_children_in_the_process),
		T(exit_of_the_leader_keeps_it_while_threads_live),
		T(exit_does_not_hand_children_out_of_their_pid_namespace),
		T(generations_of_daemons_leave_no_stubs),
		T(heirs_among_threads_leave_no_stubs),
		T(cwd_follows_chdir_fchdir_and_getcwd),
		T(cwd_relative_chdir_of_a_thread_loses_the_base),
		T(cwd_of_unknown_leader_is_dot),
		T(root_is_resolved_against_cwd),
		T(ids_follow_successful_calls_of_the_thread),
		T(capabilities_follow_capset_and_user_namespaces),
		T(session_and_limits_are_set),
		T(memory_counters_follow_brk_and_switches),
		T(cgroup_names_are_those_of_proc),
		T(container_id_is_set_at_the_threads_own_event),
		T(ancestors_are_read_through_leaders),
		T(refresh_gives_the_same_view),
		cmocka_unit_test_setup_teardown(purge_forgets_placeholders_after_a_while, setup_live, teardown),
		T(links_in_a_circle_are_refused),
		T(scan_twice_the_same_thread_keeps_the_later),
		T(scan_reset_empties_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
