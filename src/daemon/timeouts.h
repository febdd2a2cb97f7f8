/* The alert that no events come (syscall_event_timeouts), under Falco's name. [main] */
#pragma once
#include <stdint.h>

struct daemon;

#define TIMEOUT_NS 30000000ull /* one timeout, as Falco counts them */

struct timeouts {
	uint64_t from; /* since when is counted: the last event, or the last alert; monotonic, ns */
};

/* How many timeouts have passed without an event, when they are `max` or more, and then counts afresh; else 0.
 * event_ns: when the last event was seen (monotonic), 0 none yet. */
uint64_t timeouts_due(struct timeouts *t, uint64_t now, uint64_t event_ns, uint64_t max);
/* Once a second. */
void timeouts_check(struct timeouts *t, struct daemon *d, uint64_t now);
