/* Do events flow? Judged from what main writes down once a second and from the workers' marks; asked for by the admin
 * server and by main for systemd's watchdog. */
#pragma once
#include "base/buf.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct daemon;

#define HEALTH_WORKERS 256
#define HEALTH_QUIET_NS 5000000000ull  /* without events for so long: main makes one */
#define HEALTH_STALL_NS 15000000000ull /* without events for so long, though one was made: they do not flow */
#define HEALTH_MAIN_NS 30000000000ull  /* main has not come round for so long: it is stuck */
#define HEALTH_DROPS_NS 10000000000ull /* how long a loss is told */

/* Written by main, read by anyone; relaxed: figures. Monotonic times, ns; 0 never. */
struct health {
	_Atomic bool ready; /* events have come all the way */
	_Atomic uint64_t main_ns, event_ns, drop_ns;
	_Atomic uint64_t stuck_ns; /* since when the worker that has stood longest with work in hand has not moved; 0 none does */
	_Atomic unsigned stuck_worker;
	/* main's: at its last look */
	uint64_t events, dropped;
	struct { uint64_t mark, since; } worker[HEALTH_WORKERS];
};

struct pipeline;

/* Once a second, live. True: nothing has come for HEALTH_QUIET_NS, an event should be made. [main] */
bool health_look(struct health *h, uint64_t now, uint64_t events, uint64_t dropped);
/* And how far the workers have got. [main] */
void health_look_at_workers(struct health *h, uint64_t now, struct pipeline *p, unsigned workers);
/* {"status":"ok"} or {"status":"degraded","reasons":[...]}; with "warnings" in either when events flow but something
 * else is not as it should be. Returns whether events flow. [any], while the daemon is what it is now */
bool health_report(struct daemon *d, struct base_buf *json);
