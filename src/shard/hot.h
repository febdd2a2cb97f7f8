/* The busiest thread groups of one worker: a sketch by space saving. A thread group that has no entry takes the one with the
 * lowest count among four, and its count as what may be wrong about its own. So a group that makes a good part of a
 * worker's events is in, whatever comes beside, and its count is known to lie between count - error and count.
 *
 * Thread-safety: one writer, the worker; read by anyone (relaxed): figures that are being replaced may be mixed up. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#define HOT_SETS 16u
#define HOT_WAYS 4u

struct hot_entry { _Atomic uint64_t count, error; _Atomic uint32_t tgid; /* 0 free */ };

struct hot {
	struct hot_entry e[HOT_SETS * HOT_WAYS];
	unsigned last; /* entry of the last event: most follow one of the same group */
};

void hot_other(struct hot *h, uint32_t tgid);

/* One event of tgid. [worker] */
static inline void hot_count(struct hot *h, uint32_t tgid)
{
	struct hot_entry *e = &h->e[h->last];

	if (atomic_load_explicit(&e->tgid, memory_order_relaxed) != tgid)
		hot_other(h, tgid);
	else
		atomic_store_explicit(&e->count, atomic_load_explicit(&e->count, memory_order_relaxed) + 1, memory_order_relaxed);
}

struct hot_group { uint32_t tgid; unsigned worker; uint64_t count, error; };
/* Merges the entries of one worker into ret, which holds n of at most max, highest certain count first. Returns n. [any] */
unsigned hot_top(const struct hot *h, unsigned worker, struct hot_group *ret, unsigned n, unsigned max);
