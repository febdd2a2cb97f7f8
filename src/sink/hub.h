/* The hub: takes alerts from workers, orders them by key within a window, hands them to the sinks.
 *
 * Thread-safety: hub_submit is called by workers, each with its own index (one SPSC ring per
 * worker); everything else by main. A full ring: the alert is dropped and counted (workers never
 * block), except in replay (ordered), where the worker waits: nothing may be lost there, and the hub
 * never waits for workers. Ownership: hub_submit takes over one reference in every case. */
#pragma once
#include "base/err.h"
#include "contract/alert.h"

#include "sink/sink.h"

struct hub;
struct store;
struct remote;

struct hub_opts {
	unsigned producers;	/* workers (1 when inline) */
	uint32_t window_ms;	/* how long an alert may wait for earlier ones of other workers; 0 with one producer */
	uint32_t queue_capacity; /* per sink; 0 = default */
	bool ordered;		/* replay: wait for every producer's mark instead of the window */
	/* Alerts a second that one rule may raise in the long run, and at once. rate 0: no throttle. Judged by
	 * event time in replay, else by the clock. */
	double rate, burst;
};

struct hub *hub_new(const struct hub_opts *opts);
void hub_add_sink(struct hub *h, struct sink *s); /* takes over; before hub_start */
/* What stands behind the remote sinks; takes over; before hub_start and before hub_add_remote. */
void hub_set_store(struct hub *h, struct store *s);
void hub_add_remote(struct hub *h, struct remote *r); /* takes over; before hub_start */
/* Opens and starts the sinks and the hub's thread. A sink that cannot be opened is logged and left
 * out; -ENOENT when none is left. */
int hub_start(struct hub *h, struct base_err *err);
void hub_submit(struct hub *h, unsigned producer, struct alert *a); /* [worker] */
/* No alert with a key at or below `upto` will come from this producer any more. [worker] */
void hub_mark(struct hub *h, unsigned producer, struct okey upto);
/* An alert of the daemon itself: delivered at once, outside the order of events. Takes over the
 * reference. [main] */
void hub_submit_internal(struct hub *h, struct alert *a);
/* The daemon is to stop: nothing waits any longer than 5 s for an output that stands still. [main] */
void hub_hurry(struct hub *h);
/* Drains everything submitted so far to the sinks, stops hub and sink threads. No producer may be
 * running any more. [main] */
void hub_stop(struct hub *h);
void hub_free(struct hub *h);
void hub_reopen(struct hub *h); /* SIGUSR1: sinks close and reopen their files. [main] */

struct hub_stats { uint64_t submitted, delivered, dropped_full, suppressed, by_priority[8], waiting; /* in its rings */ };
void hub_stats(struct hub *h, struct hub_stats *ret); /* [any] */

struct tally_rule;
/* What is kept per rule, in order of the rules' ids (sink/tally.h). After hub_stop. [main] */
void hub_for_each_rule(struct hub *h, void (*fn)(void *arg, const struct tally_rule *r), void *arg);
/* Figures of every output, local and remote. [any], between hub_start and hub_free */
void hub_for_each_sink(struct hub *h, void (*fn)(void *arg, const struct sink_stats *s), void *arg);
struct store *hub_store(struct hub *h); /* NULL none; for its figures. [any] */

/* ---- changes at work. [main], live, between hub_start and hub_stop --------------- */

/* s takes the place of the local output of that name, or is a new one; NULL: the output is to end. The one before writes
 * what it has, then the new one what has come since: nothing is lost or overtaken. 0, or -errno with err: then all is as
 * it was. Takes s over in either case. Waits for the hub's thread only (a pass). */
int hub_replace_sink(struct hub *h, const char *name, struct sink *s, struct base_err *err);
/* The same for an output behind the store: the old one ends within a second or so, the new one goes on behind its
 * cursor. When the new one cannot be started there is none. */
int hub_replace_remote(struct hub *h, const char *name, struct remote *r, struct base_err *err);
/* A first store, for remote outputs that came later. 0 or -errno with err. Taken over in either case. */
int hub_start_store(struct hub *h, struct store *s, struct base_err *err);
void hub_set_throttle(struct hub *h, double rate, double burst);
void hub_tick(struct hub *h); /* from time to time: outputs that have ended are freed */
