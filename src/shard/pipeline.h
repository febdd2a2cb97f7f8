/* The pipeline between readers and the hub: routing, rings, merge, workers; or nothing of these when
 * inline.
 *
 * Start: pipeline_new, pipeline_start, then readers call the consumer. Stop: the readers end (each
 * calls consumer->end), then pipeline_stop waits until every worker has emptied its rings. */
#pragma once
#include "contract/consumer.h"
#include "shard/run.h"

struct pipeline_opts {
	struct run_opts run;	 /* gate, first_ts and set are filled by pipeline_new */
	struct run_set *set;	 /* taken over, also on failure; made for max(workers, 1) */
	struct gate *gate;	 /* borrowed; made first because the state table needs it too */
	unsigned readers;	 /* >= 1; 1 when workers is 0 */
	unsigned workers;	 /* 0: inline */
	uint32_t batch_bytes;	 /* 0 = 65536 */
	bool live;
};

struct pipeline;

/* 0 or -errno. [main] */
int pipeline_new(const struct pipeline_opts *o, struct pipeline **ret);
int pipeline_start(struct pipeline *p, struct base_err *err);
const struct evt_consumer *pipeline_consumer(struct pipeline *p);
/* Every event that a worker takes from now on is evaluated with `set`, which is taken over. Returns the set in use
 * before, the caller's again: no worker uses it any more. Waits for the event that each worker has in hand; with
 * `workers` 0 for the reader's next event or watermark. Before pipeline_stop. [main] */
struct run_set *pipeline_publish(struct pipeline *p, struct run_set *set);
/* Waits until every worker has run everything up to the key time `upto`, which the one reader has
 * published as its watermark, and sleeps: until that reader hands something over again, the state
 * table is its own. Returns at once when inline. [reader, replay only] */
void pipeline_wait_idle(struct pipeline *p, uint64_t upto);
/* After every reader has ended. [main] */
void pipeline_stop(struct pipeline *p);
void pipeline_free(struct pipeline *p);

/* Worker count and reader count for "auto": up to 4 CPUs inline, beyond that workers by CPU budget
 * (affinity and cgroup quota). */
void pipeline_auto(unsigned *readers, unsigned *workers);

struct pipeline_stats {
	uint64_t events, reported, matched, alerts, waits, stale_reads, render_failed;
	uint64_t dropped_bulk, dropped_critical; /* refused because a worker's ring was full */
	uint64_t state_tasks, state_bytes, state_table_full;
	double worker_cpu_s; /* all workers */
};
void pipeline_stats(struct pipeline *p, struct pipeline_stats *ret); /* [any] */
/* What stands before a worker. */
struct pipeline_queue {
	unsigned batches; /* in its rings */
	bool busy;	  /* it has something to do */
	uint64_t emitted; /* key time up to which everything is done and handed on */
};
void pipeline_queue(struct pipeline *p, unsigned worker, struct pipeline_queue *ret); /* [any] */
/* Key time up to which the reader has handed everything over. [any] */
uint64_t pipeline_read_mark(struct pipeline *p, unsigned reader);
/* One worker (index 0 when inline). applied: key time up to which its state is, UINT64_MAX when its input has ended. [any] */
struct pipeline_worker { uint64_t events, waits, stale_reads, applied; };
void pipeline_worker_stats(struct pipeline *p, unsigned worker, struct pipeline_worker *ret);
/* The thread groups with most events, highest first. Returns how many. [any] */
unsigned pipeline_hot(struct pipeline *p, struct hot_group *ret, unsigned max);
/* Per rule, summed over workers. count = ruleset_count. Each figure is whole, together they may be of different
 * moments while workers run. [any] */
void pipeline_rule_stats(struct pipeline *p, struct eval_rule_stats *ret);
