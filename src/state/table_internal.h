/* Between table.c and the rest of state. */
#pragma once
#include "state/table.h"
#include "state/tidmap.h"

#define VER_STRINGS 10 /* counted strings of a version */

/* Implemented by apply.c: what a shard and a record hold beyond table.c. [main before/after workers;
 * state_task_fini_private also by the owner] */
void state_shard_init(struct state_shard *s);
void state_shard_fini(struct state_shard *s);
/* Frees fds and the stored enter event; leaves the members NULL. */
void state_task_fini_private(struct state_shard *s, struct state_task *t);

/* Implemented by reaper.c: who adopts the children of `dead`, whose own reaper is not known, as of k. Returns as
 * state_follow. */
int state_find_reaper(struct state_shard *me, const struct state_ver *dead, struct okey k,
		      const struct state_ver **ret, struct state_task **ret_task);
/* Is the shard's state as of k complete? false: -EAGAIN upwards. */
bool state_shard_ready(struct state_shard *me, unsigned shard, struct okey k);

struct state_table {
	struct state_opts opts;
	struct tidmap *map;	   /* owned */
	struct slab_pool *pool;	   /* owned */
	struct state_shard *shard; /* owned array */
	_Atomic uint64_t budget;   /* bytes, 0 none; memory.c */
	_Atomic uint64_t tasks;	   /* records in the map; relaxed: a limit, not a lock */
};

/* Thread group that the record belongs to: as events tell it, else as it was made for. */
static inline int64_t group_of(const struct state_task *t, const struct state_ver *v)
{
	return v->invalid ? t->tgid : v->pid;
}
