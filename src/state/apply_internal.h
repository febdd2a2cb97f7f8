/* Between the files that apply events: apply*.c, read.c, scan.c. Everything here belongs to the worker
 * that owns the shard, and is private to it: other shards see only what is published in versions. */
#pragma once
#include "state/apply.h"
#include "state/container.h"
#include "state/path.h"
#include "state/users.h"

/* ---- threads of one process -------------------------------------------------------------- */

/* A thread group. It exists while one of its threads is in the table, the leader first in the list, the
 * others in order of arrival. Invalid placeholders belong to none. */
struct state_group {
	int64_t pid;
	uint32_t live; /* threads that have not exited */
	uint32_t ask;  /* after a loss: how many of its unknown descriptors may still be asked for */
	bool reaper;   /* adopts orphans; mirrored in the group_reaper of its leader's version */
	struct state_task *first, *last; /* by group_next, group_prev */
	struct state_group *hash_next;
};

/* ---- parsers ----------------------------------------------------------------------------- */

/* Applies one event. ctx->task may be NULL, ctx->fd may be NULL: each tests what it needs. */
typedef void state_parse_fn(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx);

/* Descriptors and sockets (apply_fd.c, apply_sock.c): NULL for types that are not theirs. */
state_parse_fn *state_fd_parser(enum evt_type type);
/* Threads, processes, users, containers (apply_proc.c and the rest): likewise. */
state_parse_fn *state_proc_parser(enum evt_type type);
/* Its part for node-wide events (apply_meta.c). */
state_parse_fn *state_meta_parser(enum evt_type type);

/* Steps 4, 5 and 7 of state-semantics 1, before the parser: the stored enter event, the table, the event's
 * descriptor. Fills fds, fd, fd_num, enter of ctx. */
void state_fd_common(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx);
/* Does the close that the previous event of the shard has put off. */
void state_fd_flush_pending(struct state_shard *s);
/* EVT_GIVE of an event that reads another process's descriptors: hands the table over. */
void state_fd_give(struct state_shard *s, const struct evt *ev);

/* ---- the shard --------------------------------------------------------------------------- */

/* What a shard holds beyond its records (state_shard.apply). apply.c */
struct apply_shard {
	state_parse_fn *parser[EVT_TYPE_MAX]; /* NULL: changes nothing */
	uint8_t lookup[EVT_TYPE_MAX]; /* enum lookup: what is looked up for an event of the type */
	bool quiet[EVT_TYPE_MAX];     /* apply.c, is_quiet */
	struct state_group **bucket; /* owned; hash of groups by pid */
	uint32_t buckets, groups;    /* buckets: a power of two */
	struct exit_ring *exits;     /* owned */
	struct container_table *containers; /* owned */
	struct container_cache *container_ids; /* owned; cgroups -> id */
	struct state_str *cgroups_raw, *cgroups; /* counted, NULL none: the last cgroups of an event, and as they are kept */
	uint32_t ncgroups;
	struct state_task *enter_done; /* its stored enter event goes with the next event */
	struct state_group strays;     /* placeholders, oldest first; only its list is used */
	uint64_t purge_ts;	       /* event time of the next purge, 0 not known yet */
	uint32_t purge_bucket, purge_strays; /* left to look at in this one */
	struct scan_links *links;      /* owned; parents by number while a scan runs (scan.c), else NULL */
};

/* Forgets users, containers, interfaces and recent exits, before another capture's head is read. */
void state_reset_shard(struct state_shard *s);
void scan_links_free(struct state_shard *s); /* scan.c */

/* lossy.c. The event says that one of its thread group was lost before; t: the event's thread or NULL. */
void state_lossy(struct state_shard *s, const struct evt *ev, struct state_task *t);
/* An event of t uses a descriptor that is not known, and t->group->ask is not 0. */
void state_lossy_miss(struct state_shard *s, struct state_task *t, int64_t fd);

static inline struct apply_shard *apply_of(struct state_shard *s)
{
	return s->apply;
}

/* ---- helpers for parsers ----------------------------------------------------------------- */

/* Leader of t's process as the table knows it, t itself when it is the leader, NULL unknown. */
struct state_task *state_leader_task(struct state_shard *s, const struct state_task *t);
/* Its newest version, NULL unknown. */
const struct state_ver *state_leader_own(struct state_shard *s, const struct state_task *t);
/* Descriptor table that t uses: the leader's with CLONE_FILES (NULL without a leader), else its own.
 * *slot may be NULL, which is an empty table. */
struct state_fdtab **state_fds_slot(struct state_shard *s, struct state_task *t);

/* Working directory of the event's process, with a final slash; "./" when its leader is unknown. */
const char *state_cwd(const struct state_ctx *ctx, size_t *ret_len);
/* Base directory of a path relative to dirfd (state-semantics 2.5). May use buf. A name that does not
 * fit in is cut: it is beyond what path_join accepts anyway. */
#define STATE_DIRFD_MAX (PATH_JOIN_MAX + 64)
const char *state_dirfd_base(const struct state_ctx *ctx, const char *name, size_t name_len, int64_t dirfd,
			     char buf[STATE_DIRFD_MAX], size_t *ret_len);

/* ---- threads: apply_task.c --------------------------------------------------------------- */

static inline bool ver_is_leader(const struct state_ver *v)
{
	return v->tid == v->pid || v->flags & TASK_F_IS_MAIN_THREAD;
}
