/* The ceiling of the state table's memory: measured, and what is given up when it comes near.
 *
 * The daemon sets a budget (memory.limit less what everything else takes). Each owner looks at the sum of all shards
 * every 256 of its events and, above the mark, gives up caches of its own shard, a few thread groups per event, in this order
 * until there is room: containers that no thread is in, descriptors, environments, arguments, idle
 * processes. What is given up is as if it had never been known. At the budget itself nothing new is taken in but what
 * free blocks hold. Below the mark nothing of this happens, so alerts do not depend on it. */
#pragma once
#include "state/table.h"

extern const char *const state_give_name[STATE_GIVE_MAX];

/* Bytes for the table; 0 none. [any] */
void state_set_budget(struct state_table *t, uint64_t bytes);
uint64_t state_budget(const struct state_table *t);    /* [any] */
uint64_t state_held_bytes(const struct state_table *t); /* taken from the system, free blocks included. [any] */
uint64_t state_live_bytes(const struct state_table *t); /* in use. [any] */

/* Every 256 events: looks. Sets s->pressed and s->over. [worker] */
void state_memory_look(struct state_shard *s);
/* Before the event at `now` (time of the event: ts) of thread group tgid is applied, while s->pressed. [worker] */
void state_memory_give(struct state_shard *s, struct okey now, uint64_t ts, int64_t tgid);
