/* Watermarks: how far every reader and every worker has got, and waiting for them.
 *
 * All marks are key times: "everything with key.time <= mark". Key times are unique in the node, so
 * a mark cuts the order in one place.
 *   read[r]     handed over by reader r          written by reader r
 *   applied[w]  in worker w's state              written by worker w
 *   emitted[w]  evaluated, its alerts handed on  written by worker w
 * Marks never fall.
 *
 * Order: the writer makes the change (batch pushed, version published, alert submitted), then stores
 * the mark with release; a reader of the mark loads it with acquire and then looks. So whoever sees
 * read[r] >= k finds every batch of r up to k in its ring, and whoever sees applied[w] >= k finds
 * every version of w up to k.
 *
 * Waiting: `wanted` is the lowest mark somebody sleeps for, WANT_NONE when nobody does. Changed under the
 * slot's mutex only, and only by read-modify-writes. A waiter lowers it to the mark it needs (or adds 0 where it
 * is low enough), looks at the mark again and sleeps on the condition. A publisher stores the mark, then
 * adds 0 to `wanted`, and when the mark has reached what that gives it takes the mutex, sets WANT_NONE and
 * broadcasts; waiters that are not served lower it again before they sleep on. All are acq_rel and have an
 * order. If the publisher's is first, the waiter's synchronises with it and its look sees the mark. If the
 * waiter's is first, the publisher sees what is wanted: either the mark is there, and it takes the mutex, i.e.
 * broadcasts when the waiter sleeps, or the mark is not there, and a later publish does the same. Nobody is
 * woken for a mark that serves no one: between two shards in step that would be a switch per event.
 */
#pragma once
#include "state/table.h"
#include <pthread.h>
#include <stdatomic.h>

#define WANT_NONE UINT64_MAX

struct gate_slot {
	_Alignas(64) _Atomic uint64_t mark; /* read or applied */
	_Atomic uint64_t emitted;
	_Atomic uint64_t wanted; /* lowest mark waited for; WANT_NONE */
	_Atomic bool lagging;	 /* live: readers go on without waiting until the mark passes lag_until */
	_Atomic uint64_t lag_until;
	pthread_mutex_t lock;	 /* guards nothing but the sleep */
	pthread_cond_t moved;
};

struct gate_blocked { /* what made ready() say no: this shard has not applied up to this mark */
	unsigned shard;
	uint64_t mark;
	_Atomic uint64_t stale_reads; /* answers this worker took from shards that lag; relaxed */
};

struct gate {
	unsigned readers, workers;
	bool live;
	uint64_t lag_max_ns;
	struct gate_slot *reader, *worker; /* owned arrays */
	struct gate_blocked *blocked; /* [workers], owned; each written and read by its worker */
	/* Wakes a worker that sleeps for want of input: it may be idle and, unasked, in no hurry to say how far
	 * it has got. Set by the pipeline before the workers start; NULL inline. */
	void (*kick)(void *ctx, unsigned worker);
	void *kick_ctx;
	_Atomic uint64_t stale_reads, waits; /* statistics, relaxed */
	uint32_t delay_seed;	/* tests: random sleeps at every hand-over, 0 off */
};

/* workers: number of shards (1 when inline). */
struct gate *gate_new(unsigned readers, unsigned workers, bool live, uint64_t lag_max_ns);
void gate_free(struct gate *g);
/* For state_opts.gate; ready is NULL with one shard. */
struct state_gate gate_for_state(struct gate *g);

/* Publishes and wakes whoever waits for it. gate_set_* store only (release): cheap, per event;
 * gate_publish_* also look for waiters: at the end of a batch and before any sleep. */
void gate_publish_read(struct gate *g, unsigned reader, uint64_t mark);	  /* [reader] */
void gate_set_applied(struct gate *g, unsigned worker, uint64_t mark);	  /* [worker] */
void gate_set_emitted(struct gate *g, unsigned worker, uint64_t mark);	  /* [worker] */
void gate_publish_applied(struct gate *g, unsigned worker);		  /* [worker] */
static inline uint64_t gate_applied(const struct gate *g, unsigned worker) /* [any] */
{
	return atomic_load_explicit(&g->worker[worker].mark, memory_order_acquire);
}
static inline uint64_t gate_read(struct gate *g, unsigned reader)
{
	return atomic_load_explicit(&g->reader[reader].mark, memory_order_acquire);
}

/* Does anybody wait for what this worker has applied? Comes after a publish that the answer is about;
 * whoever starts to wait later kicks the worker. [reader] */
bool gate_wanted(struct gate *g, unsigned worker);

/* Sleeps until the shard that last made ready() refuse this worker has applied what ready() was asked for, no
 * more: the half of a fork that gives may ask for keys below its own while the other half waits for
 * this one at the same key. Live: at most lag_max, then the shard is taken as lagging. The worker is
 * RCU-offline meanwhile and has published its own marks. [worker] */
void gate_wait(struct gate *g, unsigned worker);

/* tests: sleeps a random short time when delays are on. `site` tells hand-overs apart. */
void gate_test_delay(struct gate *g, unsigned site);
