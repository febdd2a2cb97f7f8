/* What events are evaluated with: a ruleset and all that came with it from the configuration. Immutable; made aside
 * by main, published to all workers at once, taken over by each between two events, freed when none uses it.
 *
 * Order: main stores the pointer (a read-modify-write, release) and wakes the workers (router_wake). A worker looks
 * between events (acquire), switches, and stores what it now uses (`using`, release). Main waits until every
 * worker's `using` is the new set (acquire): what a worker did with the old one is then done, and it can be freed.
 * A worker that sleeps looks again after it has raised its parking word and before it sleeps, as for any input
 * (gate.h), so it is either woken or sees the new set by itself. Not left to a grace period: a worker may be
 * RCU-offline in the middle of an evaluation (gate_wait), with the set in its hands. */
#pragma once
#include "eval/ruleset.h"

struct run_set {
	struct ruleset *rules; /* owned */
	const char *const *static_values; /* borrowed: outlives the set */
	bool buffer_base64;
	struct evt_set types;	   /* event types some rule wants */
	unsigned workers;
	struct eval_worker **eval; /* [workers], owned; each used by its worker alone */
};

/* Takes over rules, also on failure. workers: shards, 1 when inline. NULL without memory. [main] */
struct run_set *run_set_new(struct ruleset *rules, const char *const *static_values, bool buffer_base64, unsigned workers);
/* NULL allowed. No worker uses it any more. [main] */
void run_set_free(struct run_set *s);
