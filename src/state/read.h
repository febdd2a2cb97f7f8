/* Reads of state by fields, as of the event's key. Return 1 found, 0 none, -EAGAIN when another
 * shard has to get to the key first (forward it unchanged). Results are borrowed until the end of
 * the event. [worker, rcu-read] */
#pragma once
#include "state/apply.h"

/* Thread by id; hint: its thread group or -1. */
int state_read_tid(const struct state_ctx *c, int64_t tid, int64_t tgid_hint, const struct state_ver **ret);
/* Leader of v's thread group (v itself when it is the leader). */
int state_read_leader(const struct state_ctx *c, const struct state_ver *v, const struct state_ver **ret);
/* The thread that is v's parent now (ptid of the reference): follows reapers of dead parents. 0 = ptid 0. */
int state_read_parent(const struct state_ctx *c, const struct state_ver *v, const struct state_ver **ret);
/* "process ancestor n": n times parent thread, then its leader; 0 = own leader. */
int state_read_ancestor(const struct state_ctx *c, unsigned n, const struct state_ver **ret);
/* Own process: live threads of the group, 0 without one. */
uint32_t state_read_nthreads(const struct state_ctx *c);
bool state_read_leader_alive(const struct state_ctx *c);
/* Descriptors in the leader's own table, 0 without a leader. Not always those of ctx->fds: a thread that came
 * without CLONE_FILES has a table of its own. */
uint32_t state_read_fdcount(const struct state_ctx *c);
