/* Live capture: the BPF probe and its rings.
 *
 * live_open loads and attaches; the reader threads (reader.h) drain. Everything but the ring
 * functions is [main]. */
#pragma once
#include "base/err.h"
#include "contract/event.h"

#define LIVE_SC_MAX 512

/* Causes of loss, counted by the probe per CPU. */
enum live_drop {
	LIVE_DROP_RING_FULL, /* no room at all */
	LIVE_DROP_CLASS,     /* bulk beyond what bulk may fill */
	LIVE_DROP_SHARE,     /* bulk of a thread group that had its share */
	LIVE_DROP_RATE,	     /* change of state beyond the thread group's tokens */
	LIVE_DROP_SCRATCH, LIVE_DROP_TOO_BIG, LIVE_DROP_NO_RING, LIVE_DROP_TAIL_CALL, LIVE_DROP_BUG, LIVE_DROP_MAX
};
extern const char *const live_drop_name[LIVE_DROP_MAX];

struct live_opts {
	uint32_t ring_bytes;	/* per ring, power of two, multiple of the page size; 8 MiB for preset 4 */
	uint32_t cpus_per_ring; /* 0 = 1; UINT32_MAX: one ring for all */
	/* Where in a ring the rules change, percent of its size, wake <= fair <= bulk < 100; 0 = 25, 50, 75. */
	uint32_t wake_percent, fair_percent, bulk_percent;
	uint32_t window_us;	/* how long shares above fair_percent count; 0 = 5000 */
	uint32_t critical_rate, critical_burst; /* changes of state per second that a thread group may put above
						 * bulk_percent, and at once; 0 = 1000, 64 */
	uint32_t snaplen;	/* bytes of I/O payload kept */
	bool drop_failed_exit;
	uint64_t interest[LIVE_SC_MAX / 64]; /* bit per portable syscall code: events to produce */
};

struct live; /* opaque */

/* Returns 0, or -errno with err->msg saying what is missing in words a user can act on
 * (not root / CAP_BPF, no BTF, kernel too old, ...). */
int live_open(const struct live_opts *opts, struct live **ret, struct base_err *err);
/* Attaches the programs: events flow from here on. */
int live_attach(struct live *l, struct base_err *err);
void live_detach(struct live *l); /* no event is produced after this returns */
void live_close(struct live *l);
/* Changes the interest while running. */
int live_set_interest(struct live *l, const uint64_t interest[LIVE_SC_MAX / 64]);
const char *live_attach_type(const struct live *l); /* "tp_btf" or "raw_tp" */

/* A ring for each cpus_per_ring possible CPUs, in order; that of CPUs that have never been online stays empty. */
unsigned live_ring_count(const struct live *l);
/* Gives CPUs that came online since their rings. The readers see them at their next pass. Returns how many CPUs,
 * or -errno. Cheap enough for every few seconds; losses of a new CPU until then count as no_ring. */
int live_refresh_rings(struct live *l);

/* Counters, summed or for one CPU. produced = handed over by the rings + sum of dropped, at any moment when nothing is
 * in the rings. A recursion miss is a run of a program that the kernel skipped: it may or may not have been an event,
 * and which CPU's it was is not told (0 for one CPU). */
struct live_stats { uint64_t produced, dropped[LIVE_DROP_MAX], dropped_critical, recursion_misses; };
unsigned live_cpu_count(const struct live *l);
int live_cpu_stats(struct live *l, unsigned cpu, struct live_stats *ret);
void live_stats(struct live *l, struct live_stats *ret);
/* The same losses by event type; type 0: not known which. */
struct live_losses { uint64_t n[LIVE_DROP_MAX][EVT_TYPE_MAX], critical[EVT_TYPE_MAX]; };
/* Of one CPU, or -1 of all. 0 or -errno. Asks the kernel: tens of microseconds per CPU. */
int live_losses(struct live *l, int cpu, struct live_losses *ret);
/* The attached programs, as far as the kernel counts (sysctl kernel.bpf_stats_enabled). Returns how many. */
#define LIVE_PROGRAMS 6
struct live_program { const char *name; uint64_t runs, run_ns; };
unsigned live_programs(struct live *l, struct live_program ret[LIVE_PROGRAMS]);

/* ---- one ring; a ring is drained by one reader thread at a time. [reader] ------------------ */

struct live_ring;
struct live_ring *live_ring(struct live *l, unsigned index);
/* Next record, without consuming it: 1 and its envelope, 0 nothing, -EBUSY the head is still being
 * written. The memory stays valid until live_ring_release passes it. */
int live_ring_peek(struct live_ring *r, const struct evt_env **ret, uint32_t *ret_size);
/* Steps past the record that peek showed; its memory is kept. */
void live_ring_next(struct live_ring *r);
/* Gives everything stepped past back to the kernel: the consumer position is published. */
void live_ring_release(struct live_ring *r);
uint64_t live_ring_skipped(const struct live_ring *r); /* records so far that were no event */
uint64_t live_ring_used(const struct live_ring *r); /* bytes between consumer and producer */

/* Epoll-able descriptor that the probe makes readable when a ring passes its wake-up mark (1/4). -1 none. */
int live_wake_fd(struct live *l);
/* Now by the probe's clock, ns since the epoch, as in hdr.ts. */
uint64_t live_now(const struct live *l);
