/* Live capture: the BPF probe and its rings.
 *
 * live_open loads and attaches; the reader threads (reader.h) drain. Everything but the ring
 * functions is [main]. */
#pragma once
#include "base/err.h"
#include "contract/event.h"

#define LIVE_SC_MAX 512

/* Causes of loss, counted by the probe per CPU. */
enum live_drop { LIVE_DROP_RING_FULL, LIVE_DROP_SCRATCH, LIVE_DROP_TOO_BIG, LIVE_DROP_NO_RING, LIVE_DROP_TAIL_CALL, LIVE_DROP_BUG, LIVE_DROP_MAX };
extern const char *const live_drop_name[LIVE_DROP_MAX];

struct live_opts {
	uint32_t ring_bytes;	/* per ring, power of two, multiple of the page size; 8 MiB for preset 4 */
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

/* One ring per possible CPU, numbered alike; that of a CPU that has never been online stays empty. */
unsigned live_ring_count(const struct live *l);
/* Makes the rings of CPUs that came online since. The readers see them at their next pass. Returns how many,
 * or -errno. Cheap enough for every few seconds; losses of a new CPU until then count as no_ring. */
int live_refresh_rings(struct live *l);

/* Per-CPU counters, summed or for one CPU. */
struct live_stats { uint64_t produced, dropped[LIVE_DROP_MAX], dropped_critical, recursion_misses; };
unsigned live_cpu_count(const struct live *l);
int live_cpu_stats(struct live *l, unsigned cpu, struct live_stats *ret);
void live_stats(struct live *l, struct live_stats *ret);

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
uint64_t live_ring_used(const struct live_ring *r); /* bytes between consumer and producer */

/* Epoll-able descriptor that the probe makes readable when a ring passes its wake-up mark (1/4). -1 none. */
int live_wake_fd(struct live *l);
/* Now by the probe's clock, ns since the epoch, as in hdr.ts. */
uint64_t live_now(const struct live *l);
