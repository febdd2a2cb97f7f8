/* Reader threads of live capture: drain rings, merge by time, give keys, hand over.
 *
 * Start: live_open, live_attach, the scan of /proc, readers_start (what happens meanwhile waits in the
 * rings). Stop: live_detach, readers_stop: each reader drains
 * its rings to the end, calls consumer->end and ends. */
#pragma once
#include "capture/live.h"
#include "contract/consumer.h"

struct readers_opts {
	unsigned readers;	       /* threads; rings are dealt out round robin; at most the number of rings */
	uint32_t drain_interval_us;    /* between passes; backs off to 5 ms when idle; 0 = 500 */
	const struct evt_consumer *consumer; /* borrowed */
};

struct readers;

/* 0 or -errno. [main] */
int readers_start(struct live *l, const struct readers_opts *o, struct readers **ret, struct base_err *err);
void readers_stop(struct readers *r);	/* [main] */
void readers_free(struct readers *r);

struct readers_stats {
	uint64_t events, bytes, passes, damaged;
	uint64_t dropped; /* refused by the consumer, which counts them by class */
	uint64_t held;	  /* passes that stopped at a record still being written */
	uint64_t late;	  /* records older than the published watermark */
	uint64_t woken;	  /* naps that the probe ended */
	double cpu_s;	  /* all readers, so far */
};
void readers_stats(const struct readers *r, struct readers_stats *ret); /* [any] */
