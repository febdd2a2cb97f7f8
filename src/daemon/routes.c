/* See routes.h. */
#include "daemon/routes.h"

#include "state/apply_task.h"
#include "state/task.h"

#include <errno.h>
#include <string.h>

/* A clone's own event changes nothing when the thread was made this short a time ago (apply_clone.c). */
#define STALE_NS 2000000000ull

/* Positions of parameters; pid and ptid are those of exec too. */
enum { P_RES = 0, P_PID = 4, P_PTID = 5, P_FLAGS = 15, P_VTID = 18 };
enum { PRLIMIT_TID = 5, PIDFD_OPEN_PID = 1, PIDFD_GETFD_PIDFD = 1, EXIT_REAPER = 4 };

int routes_init(struct routes *r)
{
	memset(r, 0, sizeof(*r));
	r->recent_tid = -1;
	r->exits = exit_ring_new();
	return r->exits ? 0 : -ENOMEM;
}

void routes_fini(struct routes *r)
{
	tids_fini(&r->tids);
	tids_fini(&r->threads);
	tids_fini(&r->pidfds);
	exit_ring_free(r->exits);
}

void routes_clear(struct routes *r)
{
	tids_clear(&r->tids);
	tids_clear(&r->threads);
	tids_clear(&r->pidfds);
	exit_ring_clear(r->exits);
	r->recent_tid = -1;
}

static void count_thread(struct routes *r, int64_t tgid, int by)
{
	const struct tids_entry *e = tids_find(&r->threads, tgid);
	uint64_t n = (e ? e->clone_ts : 0) + (uint64_t)by;

	if (n && n != UINT64_MAX)
		tids_set(&r->threads, &(struct tids_entry){ .tid = tgid, .tgid = tgid, .clone_ts = n });
	else
		tids_del(&r->threads, tgid);
}

static void forget(struct routes *r, int64_t tid)
{
	const struct tids_entry *e = tids_find(&r->tids, tid);

	if (e && e->tgid != tid)
		count_thread(r, e->tgid, -1);
	tids_del(&r->tids, tid);
}

static void learn(struct routes *r, struct tids_entry e)
{
	forget(r, e.tid);
	if (e.tgid < 0)
		e.tgid = e.tid;
	tids_set(&r->tids, &e);
	if (e.tgid != e.tid && e.tid >= 0)
		count_thread(r, e.tgid, 1);
}

void routes_known(struct routes *r, int64_t tid, int64_t pid, int64_t ptid)
{
	r->recent_tid = -1;
	learn(r, (struct tids_entry){ .tid = tid, .tgid = pid, .maker = ptid });
}

static bool is_clone(unsigned type)
{
	return type == PPME_SYSCALL_CLONE_20_X || type == PPME_SYSCALL_FORK_20_X || type == PPME_SYSCALL_VFORK_20_X ||
	       type == PPME_SYSCALL_CLONE3_X;
}

static bool is_exec(unsigned type)
{
	return type == PPME_SYSCALL_EXECVE_19_X || type == PPME_SYSCALL_EXECVEAT_X;
}

static int64_t number(const struct evt *ev, unsigned i)
{
	int64_t v = -1;

	evt_get_i64(ev, i, &v);
	return v;
}

/* The caller's event: its child is res. Returns the child's group when it is another one's, else 0. */
static int64_t parent_side(struct routes *r, const struct evt *ev, int64_t tid, int64_t res, uint64_t flags)
{
	const uint64_t left = TASK_F_CHILD_IN_PIDNS | TASK_F_CLONE_NEWPID | TASK_F_CLONE_PARENT | TASK_F_CLONE_VFORK;
	int64_t tgid = tids_group(&r->tids, tid), vtid = number(ev, P_VTID);
	bool thread = flags & TASK_F_CLONE_THREAD;
	const struct tids_entry *old;

	/* Left to the child's own event; in another namespace res is not its number anyway. */
	if (flags & left || evt_is(ev, PPME_SYSCALL_VFORK_20_X) || (vtid >= 0 && vtid != tid))
		return 0;
	if (!exit_ring_has(r->exits, thread ? tgid : tid, res, thread, ev->hdr->ts) &&
	    !((old = tids_find(&r->tids, res)) && old->inverted))
		learn(r, (struct tids_entry){ .tid = res, .tgid = thread ? tgid : res, .maker = tid, .clone_ts = ev->hdr->ts });
	return thread ? 0 : res;
}

/* The child's event. Returns its parent's group, 0 when nothing is needed from there. */
static int64_t child_side(struct routes *r, const struct evt *ev, int64_t tid, uint64_t flags)
{
	const struct tids_entry *e = tids_find(&r->tids, tid);
	int64_t ptid = number(ev, P_PTID);

	if (e && e->clone_ts && ev->hdr->ts - e->clone_ts < STALE_NS)
		return 0;
	learn(r, (struct tids_entry){ .tid = tid, .tgid = number(ev, P_PID), .maker = ptid, .clone_ts = ev->hdr->ts, .inverted = true });
	return flags & TASK_F_CLONE_THREAD || ptid <= 0 ? 0 : tids_group(&r->tids, ptid);
}

static int64_t clone_peer(struct routes *r, const struct evt *ev, int64_t tid)
{
	uint64_t flags = 0;
	int64_t res;

	if (!evt_get_i64(ev, P_RES, &res) || res < 0)
		return 0;
	evt_get_u64(ev, P_FLAGS, &flags);
	return res ? parent_side(r, ev, tid, res, flags) : child_side(r, ev, tid, flags);
}

/* exec ends the other threads of the group. */
static void exec_threads(struct routes *r, const struct evt *ev, int64_t tid)
{
	int64_t tgid = tids_group(&r->tids, tid);

	if (number(ev, P_RES) != 0 || !tids_find(&r->threads, tgid))
		return;
	tids_del_group(&r->tids, tgid, tgid, tid);
	tids_del(&r->threads, tgid);
	if (tid != tgid)
		count_thread(r, tgid, 1);
}

static void exited(struct routes *r, const struct evt *ev, int64_t tid)
{
	const struct tids_entry *e = tids_find(&r->tids, tid);

	if (!e)
		return;
	if (e->tgid == tid)
		exit_ring_add(r->exits, e->maker > 0 ? e->maker : 0, tid, false, ev->hdr->ts);
	else
		exit_ring_add(r->exits, e->tgid, tid, true, ev->hdr->ts);
	forget(r, tid);
}

/* Name of a descriptor of a process; -1 when the numbers are none. */
static int64_t pidfd_key(int64_t tgid, int64_t fd)
{
	return tgid < 0 || tgid > INT32_MAX || fd < 0 || fd > INT32_MAX ? -1 : tgid << 32 | fd;
}

/* Events other than clone that reach into another process. Descriptors for processes are followed from
 * where they are opened; copies of them are not. */
static int64_t other_peer(struct routes *r, const struct evt *ev, int64_t tgid)
{
	const struct tids_entry *e;
	int64_t res = 0, v;

	if (ev->hdr->type != PPME_PROCEXIT_1_E && (!evt_get_i64(ev, 0, &res) || res < 0))
		return 0;
	switch (ev->hdr->type) {
	case PPME_SYSCALL_PRLIMIT_X:
		v = number(ev, PRLIMIT_TID);
		return v > 0 ? tids_group(&r->tids, v) : 0;
	case PPME_SYSCALL_PIDFD_OPEN_X:
		v = number(ev, PIDFD_OPEN_PID);
		if (v > 0)
			tids_set(&r->pidfds, &(struct tids_entry){ .tid = pidfd_key(tgid, res), .tgid = v });
		return 0;
	case PPME_SYSCALL_PIDFD_GETFD_X:
		e = tids_find(&r->pidfds, pidfd_key(tgid, number(ev, PIDFD_GETFD_PIDFD)));
		return e ? e->tgid : 0;
	case PPME_PROCEXIT_1_E:
		/* The heir of its children is not known: state makes an entry for it, as the reference does. */
		v = number(ev, EXIT_REAPER);
		if (v <= 0 || tids_find(&r->tids, v) || !tids_has_child(&r->tids, (int64_t)ev->hdr->tid))
			return 0;
		learn(r, (struct tids_entry){ .tid = v, .tgid = v, .maker = -1 });
		return v;
	default:
		return 0;
	}
}

/* Types that make, end or change threads, or reach into other processes. */
static bool concerns_others(unsigned type)
{
	return is_clone(type) || is_exec(type) || type == PPME_PROCEXIT_1_E || type == PPME_SYSCALL_PRLIMIT_X ||
	       type == PPME_SYSCALL_PIDFD_OPEN_X || type == PPME_SYSCALL_PIDFD_GETFD_X;
}

void routes_event(struct routes *r, const struct evt *ev, struct evt_env *env)
{
	int64_t tid = (int64_t)ev->hdr->tid, peer;
	unsigned type = ev->hdr->type;

	if (!concerns_others(type)) {
		if (tid != r->recent_tid) {
			r->recent_tid = tid;
			r->recent_tgid = tids_group(&r->tids, tid);
		}
		env->tgid = (uint32_t)r->recent_tgid;
		env->peer_tgid = 0;
		return;
	}
	r->recent_tid = -1;
	/* A thread that was not known says its group here: what is learnt of it now is filed there. */
	if ((is_clone(type) || is_exec(type)) && number(ev, P_RES) != 0 && !tids_find(&r->tids, tid))
		learn(r, (struct tids_entry){ .tid = tid, .tgid = number(ev, P_PID), .maker = number(ev, P_PTID) });
	peer = is_clone(type) ? clone_peer(r, ev, tid) : other_peer(r, ev, tids_group(&r->tids, tid));
	env->tgid = (uint32_t)tids_group(&r->tids, tid);
	env->peer_tgid = peer > 0 && (uint32_t)peer != env->tgid ? (uint32_t)peer : 0;
	if (is_exec(type))
		exec_threads(r, ev, tid);
	else if (type == PPME_PROCEXIT_1_E)
		exited(r, ev, tid);
}
