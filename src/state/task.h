/* Threads ("tasks") and their versions: the part of the process table that other shards may read.
 *
 * One record (state_task) per incarnation of a thread id, owned by the shard of its thread group.
 * What others may read hangs off it as a chain of immutable versions, newest first, each valid from
 * an order key until the key of the next newer one. Everything else in the record is private to
 * the owning worker and changed in place.
 *
 * Thread-safety
 *   state_task.ver, state_task.next, state_ver.prev   written by the owner (release), read by all
 *                                                     workers under RCU (acquire)
 *   state_ver, all other members                      immutable once published
 *   state_task, members below "private"               owner only
 *
 * A reader as of key K first makes sure that the owner's shard has applied all keys below K (the
 * gate), then walks to the newest version with from <= K. See docs/concurrency.md. */
#pragma once
#include "contract/event.h"
#include "state/str.h"
#include <stdatomic.h>

struct state_fdtab;
struct state_group;

/* Thread flags: the portable clone flags (flags.def, clone_flags), plus states of our own above. */
enum {
	TASK_F_CLONE_FILES = 1 << 0,
	TASK_F_CLONE_FS = 1 << 1,
	TASK_F_CLONE_IO = 1 << 2,
	TASK_F_CLONE_NEWIPC = 1 << 3,
	TASK_F_CLONE_NEWNET = 1 << 4,
	TASK_F_CLONE_NEWNS = 1 << 5,
	TASK_F_CLONE_NEWPID = 1 << 6,
	TASK_F_CLONE_NEWUTS = 1 << 7,
	TASK_F_CLONE_PARENT = 1 << 8,
	TASK_F_CLONE_PARENT_SETTID = 1 << 9,
	TASK_F_CLONE_PTRACE = 1 << 10,
	TASK_F_CLONE_SIGHAND = 1 << 11,
	TASK_F_CLONE_SYSVSEM = 1 << 12,
	TASK_F_CLONE_THREAD = 1 << 13,
	TASK_F_CLONE_UNTRACED = 1 << 14,
	TASK_F_CLONE_VM = 1 << 15,
	TASK_F_CLONE_INVERTED = 1 << 16,
	TASK_F_NAME_CHANGED = 1 << 17,
	TASK_F_CLOSED = 1 << 18,
	TASK_F_ACTIVE = 1 << 19,
	TASK_F_CLONE_NEWUSER = 1 << 20,
	TASK_F_PIPE_SRC = 1 << 21,
	TASK_F_PIPE_DST = 1 << 22,
	TASK_F_CLONE_CHILD_CLEARTID = 1 << 23,
	TASK_F_CLONE_CHILD_SETTID = 1 << 24,
	TASK_F_CLONE_SETTLS = 1 << 25,
	TASK_F_CLONE_STOPPED = 1 << 26,
	TASK_F_CLONE_VFORK = 1 << 27,
	TASK_F_CLONE_NEWCGROUP = 1 << 28,
	TASK_F_CHILD_IN_PIDNS = 1 << 29,
	TASK_F_IS_MAIN_THREAD = 1 << 30,
};

/* exe_flags: of the execve event (flags.def, execve_flags). */
enum { EXE_WRITABLE = 1, EXE_UPPER_LAYER = 2, EXE_FROM_MEMFD = 4, EXE_LOWER_LAYER = 8 };

/* Numbers are -1 / UINT32_MAX / 0 when not known, as state-semantics says. Strings are never NULL. */
#define STATE_ATOM_WORDS 4 /* of 64 checks each */

struct state_ver {
	struct okey from;		      /* valid from this key on */
	_Atomic(struct state_ver *) prev; /* next older version, NULL at the end */

	int64_t tid, pid;
	/* Parent thread: a counted reference to its record, NULL when it was not in the table (ptid 0).
	 * It is never rewritten when the parent dies: whoever follows it finds the parent's dead version
	 * and goes on to `reaper` there. Following a link needs the gate of the record's shard; use
	 * state_read_parent, or state_parent_own while applying. */
	struct state_task *parent;
	int64_t vtid, vpid, sid, vpgid, pgid;
	uint32_t flags; /* TASK_F_* */
	uint32_t tty, uid, gid, loginuid;
	uint32_t exe_flags;
	uint64_t cap_inheritable, cap_permitted, cap_effective;
	uint64_t exe_ino, exe_ino_ctime, exe_ino_mtime;
	uint64_t exe_ino_ctime_duration_clone_ts, exe_ino_ctime_duration_pidns_start;
	uint64_t clone_ts, lastexec_ts, pidns_init_start_ts;
	int64_t fdlimit;
	/* dead or exited: who inherits the children (counted). NULL: not known; whoever follows a link to
	 * here looks for the nearest ancestor that adopts orphans (reaper.c). */
	struct state_task *reaper;
	bool dead;	    /* gone from this key on; only tid, pid, vtid, flags, parent and reaper mean anything then */
	bool exited;	    /* leader that has exited while other threads live on: found by its number as before, but
			     * its children are its reaper's */
	bool invalid;	    /* placeholder: tid, pid or ptid unknown */
	bool group_reaper;  /* leader: the group adopts orphans */

	/* each counted once by this version */
	struct state_str *comm, *exe, *exepath;
	struct state_str *args;	   /* NUL separated, argv[0] not included, no final NUL */
	struct state_str *cmdline; /* comm and args, frozen when args were set */
	struct state_str *env;	   /* NUL separated, no final NUL */
	struct state_str *cwd;	   /* ends with '/' */
	struct state_str *root;
	struct state_str *cgroups;	/* NUL separated "subsys=path", no final NUL */
	struct state_str *container_id; /* "" = host */
	uint32_t nargs, nenv, ncgroups; /* elements (0 also for "no elements") */

	/* Owner only: the version that replaced this one, and the queue of replaced versions. */
	struct state_ver *newer, *retire_next;

	/* Results of rule conditions that depend on this version alone; see eval. Owner only. */
	uint64_t atoms_generation, atoms_known[STATE_ATOM_WORDS], atoms_value[STATE_ATOM_WORDS];
};

struct state_task {
	int64_t tid;			  /* immutable */
	int64_t tgid;			  /* immutable: thread group it was made for; v->pid is what events tell */
	uint32_t shard;			  /* immutable: owner */
	struct okey born;		  /* immutable once in the map: key of its first version */
	_Atomic uint32_t refs;		  /* 1 for being in the table, 1 per version that points here as
					   * parent or reaper; a dead record stays as a stub until 0 */
	_Atomic(uintptr_t) next;	  /* chain of the thread-id map; bit 0: being removed */
	_Atomic(struct state_ver *) ver;  /* newest; NULL only before publication */
	_Atomic uint64_t superseded;	  /* key time from which another shard has a newer thread of this number, 0 none:
					   * if the owner gets there and has it still, the exit event was lost. Set by
					   * either shard, relaxed: the owner looks when it purges */

	/* private to the owner */
	struct state_group *group;   /* NULL for placeholders without one */
	struct state_task *group_next, *group_prev; /* member list of the group, leader first */
	struct state_fdtab *fds;     /* own table; may be NULL (= empty); shared at fork, copied on write */
	uint32_t vmsize_kb, vmrss_kb, vmswap_kb;
	uint64_t pfmajor, pfminor;
	uint64_t last_access_ts;     /* event time of the last event of this thread */
	uint64_t last_switch_ts, exec_time_total; /* schedswitch */
	int64_t last_fd;	     /* last-event-fd, -1 none */
	uint16_t enter_type;	     /* stored enter event, 0 none (type 0 is never stored) */
	uint32_t enter_size;	     /* bytes at enter */
	void *enter;		     /* owned copy of the enter event (header on), NULL none */
	bool scanned;		     /* filled by the start-up scan */
	bool exited;		     /* not counted as live in its group any more */
	bool stray;		     /* placeholder: group_next, group_prev are the shard's list of those */
	bool removed;		     /* state_task_remove was called: out of the owner's sight */
	struct okey scan_key;	     /* events below this do not change what the scan filled */
	struct state_task *retire_next; /* queue of removed records */
};

/* The newest version, for the owner, who sees its own writes. */
static inline struct state_ver *task_ver(const struct state_task *t)
{
	return atomic_load_explicit(&t->ver, memory_order_relaxed);
}

/* Version valid at K, NULL when the record did not exist yet. acquire pairs with the release in
 * state_publish: the contents of the version are visible. [rcu-read] */
static inline const struct state_ver *task_ver_at(const struct state_task *t, struct okey k)
{
	const struct state_ver *v = atomic_load_explicit(&t->ver, memory_order_acquire);

	while (v && okey_less(k, v->from))
		v = atomic_load_explicit(&v->prev, memory_order_acquire);
	return v;
}

/* Lives in a pid namespace other than the first. */
static inline bool ver_in_pidns(const struct state_ver *v)
{
	return v->flags & TASK_F_CHILD_IN_PIDNS || (v->vtid >= 0 && v->vtid != v->tid);
}
