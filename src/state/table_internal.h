/* Between table.c and the rest of state. */
#pragma once
#include "state/table.h"

#define VER_STRINGS 10 /* counted strings of a version */

/* Implemented by apply.c: what a shard and a record hold beyond table.c. [main before/after workers;
 * state_task_fini_private also by the owner] */
void state_shard_init(struct state_shard *s);
void state_shard_fini(struct state_shard *s);
/* Frees fds and the stored enter event; leaves the members NULL. */
void state_task_fini_private(struct state_shard *s, struct state_task *t);
