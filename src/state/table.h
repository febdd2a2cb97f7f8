/* The process table of the node: thread-id map, shards, publication and reclamation of versions.
 *
 * Who calls: the worker that owns a shard calls everything that takes that shard; workers of other
 * shards only read (state/read.h). With one shard there are no other readers and no waiting.
 *
 * Flow: apply_*.c turns events into calls of state_task_add, state_edit/state_publish and
 * state_task_remove; read.h answers fields. */
#pragma once
#include "base/buf.h"
#include "state/task.h"

/* Answers whether shard has applied every key at or below k. Given by shard/; NULL with one shard.
 * ready() never blocks: false makes the caller return -EAGAIN up to the worker loop, which waits
 * and evaluates the event afresh. In live mode it may answer true for a lagging shard, counted.
 * min_emitted: smallest key below which no worker will read again. */
struct state_gate {
	void *ctx;
	bool (*ready)(void *ctx, unsigned reader_shard, unsigned shard, struct okey k);
	uint64_t (*min_emitted)(void *ctx); /* key time: everything up to it is evaluated everywhere */
};

/* Asks somebody who may block (repair.h) to look at descriptors that state cannot know (they came in a message), and at
 * threads that it does not; take: takes in the answers that have come, as of a key. Never blocks, may drop. NULL: nobody
 * is asked. [worker] */
struct state_shard;
struct state_repair {
	void *ctx;
	void (*fds)(void *ctx, unsigned shard, int64_t pid, const int32_t *fds, unsigned count);
	void (*task)(void *ctx, unsigned shard, int64_t pid, int64_t tid, uint64_t ts); /* ts: of the event that has it */
	void (*take)(struct state_shard *s, struct okey now);
};

struct state_opts {
	unsigned shards;       /* >= 1 */
	bool live;	       /* false: replay, makes no look-ups on this machine */
	uint32_t max_tasks;    /* falco_libs.thread_table_size, default 262144 */
	uint32_t max_fds;      /* per process, 4096 */
	const char *host_root; /* HOST_ROOT or "" */
	int64_t self_pid;      /* events of this process are not shown to rules (live) */
	uint64_t boot_ts;      /* ns since the epoch */
	struct state_gate gate; /* ready NULL with one shard */
	struct state_repair repair;
};

/* What is given up at the ceiling of memory, in this order; memory.h. */
enum state_give { STATE_GIVE_CONTAINERS, STATE_GIVE_FDS, STATE_GIVE_ENV, STATE_GIVE_ARGS, STATE_GIVE_PROCESSES, STATE_GIVE_MAX };

struct state_stats { /* per shard, written by its worker, read by anyone (relaxed) */
	_Atomic uint64_t tasks, added, removed, drops_full_table, versions, stale_reads;
	_Atomic uint64_t lookups, lookups_failed; /* of an event's own thread */
	_Atomic uint64_t fds; /* in all tables; one that parent and child share counts twice */
	_Atomic uint64_t fds_added, fds_removed, fd_lookups, fd_lookups_failed; /* by events, of their own descriptor */
	_Atomic uint64_t lossy; /* thread groups whose descriptors became unknown */
	_Atomic uint64_t given[STATE_GIVE_MAX]; /* containers, descriptors, texts, texts, processes */
	_Atomic uint64_t refused_memory;	/* threads, descriptors, texts not taken in at the ceiling */
};

/* One writer: plain load, plain store. */
static inline void stat_add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void stat_sub(_Atomic uint64_t *c, uint64_t n)
{
	stat_add(c, -n);
}

struct state_sums { /* over all shards */
	uint64_t added, removed, full, lookups, misses, fds, fds_added, fds_removed, fd_lookups, fd_misses, lossy;
	uint64_t given[STATE_GIVE_MAX], refused_memory;
};

struct state_users;
struct state_ifaces;

struct state_shard {
	struct state_table *table; /* borrowed */
	unsigned index;
	struct slab slab;
	struct base_arena tmp;	  /* reset at the start of every event */
	struct state_users *users; /* owned: this shard's copy of the user and group tables */
	struct state_ifaces *ifaces; /* owned: interface addresses */
	struct state_stats stats;

	struct state_task *recent; /* what state_own_in found last, NULL nothing; see there */
	int64_t recent_tgid;
	/* Types whose events anybody looks at after state_apply, one bit per type; NULL: all. Of the others the ctx is
	 * not filled. Owned by whoever runs the shard; run.c sets it. */
	const uint64_t *viewed;

	/* memory.c: events until the next look; above the mark: caches are given up; at the budget: nothing new that takes
	 * new memory; and where giving up has got to */
	uint32_t ticks;
	bool pressed, over;
	uint8_t give_stage, give_turn;
	uint32_t give_bucket;

	/* pending removals, done before the next event of this shard (state-semantics 0) */
	struct state_task *pending_exit;
	struct state_task *pending_fd_task;
	int64_t pending_fd; /* -1 none */

	/* Queues in order of key: replaced versions, removed records. table.c */
	struct state_ver *retire_ver, *retire_ver_tail;
	struct state_task *retire_task, *retire_task_tail;
	struct state_ver *grave_ver;   /* unlinked, no grace period asked for yet */
	struct state_task *grave_task;
	unsigned grave_count;
	_Atomic(struct graveyard *) exhumed; /* came back after their grace period: pushed by liburcu's
					      * thread (release), taken whole by the owner (acquire) */
	struct state_str *empty; /* counted: "" shared by all versions made here */
	void *apply;		     /* owned by apply.c */
};

struct state_table;

struct state_table *state_table_new(const struct state_opts *opts);
void state_table_free(struct state_table *t); /* after all workers ended */
const struct state_opts *state_table_opts(const struct state_table *t);
struct state_shard *state_table_shard(struct state_table *t, unsigned index);
/* Shard that owns a thread group. [any] */
unsigned state_shard_of(const struct state_table *t, int64_t tgid);
uint64_t state_task_count(const struct state_table *t); /* [any] */
size_t state_table_bytes(const struct state_table *t);	/* slab memory held. [any] */
void state_table_sums(const struct state_table *t, struct state_sums *ret); /* [any] */

/* ---- owner's side ------------------------------------------------------------------------ */

/* Record of tid that is present now (not dead) and owned by this shard, else NULL; the youngest if there are
 * several (a number that came back after an exit was lost). */
struct state_task *state_own(struct state_shard *s, int64_t tid);
/* The one in thread group tgid. What events are matched by: with a number alone the answer would depend on
 * which groups happen to share the shard. */
struct state_task *state_own_in(struct state_shard *s, int64_t tid, int64_t tgid);

/* A draft for a new thread: zeroed private part, one unpublished version with the "not known" values
 * and empty strings. Returns NULL (counted) when the table is full. tgid: its thread group. */
struct state_task *state_task_new_in(struct state_shard *s, int64_t tid, int64_t tgid);
struct state_task *state_task_new(struct state_shard *s, int64_t tid); /* of its own group */
/* Gives up a draft that was not added. */
void state_task_drop(struct state_shard *s, struct state_task *t);
/* Publishes the draft's version from key on and enters it in the map. */
void state_task_add(struct state_shard *s, struct state_task *t, struct okey from);
/* Publishes a dead version at `from` (okey_after(event) for exits, so that the event itself still sees
 * the thread) with the given reaper (counted here), or, when that is NULL, the parent from which whoever
 * follows a link looks for one. The record stays findable as of earlier keys; private members stay as
 * they are until state_task_remove. */
void state_task_dead(struct state_shard *s, struct state_task *t, struct okey from, struct state_task *reaper);
/* Takes a dead record out of the owner's sight and retires it. The caller has taken it out of its
 * group and freed fds and enter. Publishes a dead version at `from` first if there is none. */
void state_task_remove(struct state_shard *s, struct state_task *t, struct okey from);
/* Sets the parent link of an unpublished version: counts `parent` (may be NULL), drops the old one. */
void ver_set_parent(struct state_shard *s, struct state_ver *v, struct state_task *parent);
void ver_set_reaper(struct state_shard *s, struct state_ver *v, struct state_task *reaper); /* likewise */

/* A writable copy of the newest version with every string counted once more; change it (strings by
 * ver_set_str), then publish. If the newest version already has from == `from` and has not been
 * readable by others, that one is returned for change in place. */
struct state_ver *state_edit(struct state_shard *s, struct state_task *t, struct okey from);
void state_publish(struct state_shard *s, struct state_task *t, struct state_ver *v);

/* Replaces one string member: drops the old reference, takes over `n` (already counted). */
static inline void ver_set_str(struct state_shard *s, struct state_str **member, struct state_str *n)
{
	struct state_str *old = *member;

	*member = n;
	str_unref(&s->slab, old);
}

/* Frees what no reader can reach any more. Called between batches, never waits. */
void state_reclaim(struct state_shard *s);

/* Every record owned by this shard that is present now. */
void state_for_each_own(struct state_shard *s, void (*fn)(struct state_task *t, void *arg), void *arg);

/* ---- any shard's side -------------------------------------------------------------------- */

/* Version of tid as of k, whoever owns it: 1 and *ret, 0 when there is none (or it is dead; then
 * *ret_dead, if not NULL, is the dead version, else NULL), -EAGAIN when the owner has not got to k.
 * tgid_hint: thread group of tid when known, else -1. With it only that group's shard is waited for, and only
 * a thread of that group is found: 0 may also mean that the hint is wrong.
 * *ret is valid until the worker's next quiescent state (end of event). [worker, rcu-read] */
int state_find_at(struct state_shard *me, int64_t tid, int64_t tgid_hint, struct okey k,
		  const struct state_ver **ret, const struct state_ver **ret_dead);
/* Same, giving the record; for setting parent links. Of several threads of one number, which only lost events
 * leave, the one that came last counts, as if there were one shard. */
int state_find_task_at(struct state_shard *me, int64_t tid, int64_t tgid_hint, struct okey k,
		       struct state_task **ret, const struct state_ver **ret_ver);
/* Follows a link as of k: the record's version if it lives, else its reaper's, and so on.
 * 1 and *ret (*ret_task may be NULL), 0 nobody left, -EAGAIN. */
int state_follow(struct state_shard *me, struct state_task *link, struct okey k,
		 const struct state_ver **ret, struct state_task **ret_task);
