/* The alert store: gives every alert a number, keeps the newest in memory, commits all of them to an SQLite
 * file (when there is a path), and hands them to the remote sinks, each from its own cursor.
 *
 * Numbers rise by one per alert. A number that cannot be handed out any more (discarded under the limits, or
 * pushed out of memory before it was committed) shows as a gap to whoever's cursor has not passed it.
 *
 * Threads: store_put by the hub; store_fetch, store_wait and store_ack by one remote sink each, with its own
 * reader; everything else by main; the thread "store" commits. Everything shared is under one mutex that is
 * never held across I/O, so a slow disk reaches neither hub nor sinks. Full (memory): the oldest goes, committed
 * or not; in replay the hub waits instead, unless the file cannot be written. */
#pragma once
#include "base/err.h"
#include "contract/alert.h"

struct store;

struct store_opts {
	const char *path;     /* borrowed until store_start returns; NULL or "": memory only */
	uint64_t max_bytes;   /* of the alerts in the file, 0 = no limit */
	uint64_t max_age_ns;  /* 0 = no limit */
	uint32_t commit_ms;   /* an alert waits at most this long for its commit; 0 = default */
	uint32_t capacity;    /* alerts in memory; 0 = default */
	bool wait;	      /* replay */
};

struct store *store_new(const struct store_opts *o); /* NULL: no memory */
/* A reader with a cursor under this name (borrowed, kept). Its number, or -ENOSPC. One of that name is given again, with
 * its cursor: whoever used it before must have ended. One that is new to a store at work begins with the next alert.
 * [main] */
int store_add_reader(struct store *s, const char *name);
/* Opens the file, tells what the last run left, starts the thread. A file that is damaged is moved aside; one
 * that cannot be opened is tried again later, and alerts go on without being stored. An error only when another
 * process uses it, or without memory. */
int store_start(struct store *s, struct base_err *err);
void store_put(struct store *s, struct alert *a); /* takes a reference of its own. [hub] */
void store_hurry(struct store *s);		  /* store_put waits only while something moves. [any] */

struct store_item {
	struct alert *a; /* counted, the receiver's */
	uint64_t id;
};
struct store_batch {
	struct store_item *item; /* the caller's array */
	unsigned max, count;
	uint64_t upto;	  /* what to acknowledge once all of it is delivered */
	uint64_t missing; /* numbers among those up to `upto` that will not come */
	uint64_t first_missing;
};
/* What comes after the reader's cursor; never waits. count and missing 0: nothing yet. -EIO: the file could not
 * be read, try again. [sink] */
int store_fetch(struct store *s, int reader, struct store_batch *b);
/* Sleeps until there is something to fetch, *stop is set and store_wake was called, or the time is over. [sink] */
void store_wait(struct store *s, int reader, const _Atomic bool *stop, uint64_t max_ns);
void store_wake(struct store *s); /* [any] */
void store_ack(struct store *s, int reader, uint64_t id); /* everything up to id is delivered. [sink] */
uint64_t store_cursor(struct store *s, int reader);	  /* [any] */
uint64_t store_backlog(struct store *s, int reader);	  /* numbers not acknowledged yet. [any] */
bool store_is_durable(struct store *s);			  /* it has a file. [any] */
bool store_waits(const struct store *s);		  /* replay */
const char *store_uuid(struct store *s, char buf[37]);	  /* of the file; "" memory only. [any] */

void store_flush(struct store *s); /* commits what was put so far, or finds that it can't. [main] */
/* Ends the thread; saves cursors; closes the file. No reader may run any more. [main] */
void store_stop(struct store *s);
void store_free(struct store *s); /* NULL allowed */

struct store_stats {
	bool durable, failing;	/* failing: what is put is not committed */
	uint64_t failing_since; /* wall clock, ns; 0 = not */
	uint64_t put, committed;
	uint64_t lost;	    /* pushed out of memory before they were committed */
	uint64_t discarded; /* deleted because of max_bytes */
	uint64_t expired;   /* deleted because of max_age */
	uint64_t in_memory, uncommitted, bytes; /* bytes: of the alerts in the file */
	uint64_t memory_bytes; /* of those in memory */
	uint64_t commits, commit_max_ns;
	uint64_t moved_aside; /* damaged files */
};
void store_stats(struct store *s, struct store_stats *ret); /* [any] */

/* ---- reading a store that may be in use: `saker alerts` --------------------------------------- */

struct store_query {
	const char *path;
	uint64_t since_ns; /* event time, 0 = all */
	uint8_t priority;  /* this and the more urgent ones: 7 = all */
	const char *rule;  /* exact name, NULL = all */
};
/* Calls fn for every alert that suits, oldest first; fn returns false to end. 0 or -errno with err. [main] */
int store_query(const struct store_query *q, bool (*fn)(void *arg, const struct alert *a, uint64_t id), void *arg, struct base_err *err);
