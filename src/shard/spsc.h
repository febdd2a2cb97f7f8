/* A ring of pointers between exactly one producer and one consumer. The only file that touches
 * ck_ring.
 *
 * Producer: one thread calls spsc_push. Consumer: one thread calls spsc_pop and spsc_empty.
 * Capacity: a power of two minus one. Full: spsc_push returns false and nothing changes.
 * Order: first in, first out. Ownership of what the pointer names passes with it: everything written
 * before spsc_push is visible after the spsc_pop that returns it (release store of the producer
 * index, acquire load by the consumer; the other way round for slots that are used again).
 * Shutdown: the owner frees the ring after both threads have ended; what is left in it is theirs.
 *
 * ThreadSanitizer cannot see CK's barriers (inline assembly), so under SAKER_TSAN the same ring is
 * built on C11 atomics: same indexes, same orders, same bounds. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(SAKER_TSAN)
#include <stdatomic.h>

struct spsc {
	_Alignas(64) _Atomic uint32_t head; /* consumer's; release after reading a slot, acquired by push */
	_Alignas(64) _Atomic uint32_t tail; /* producer's; release after writing a slot, acquired by pop */
	uint32_t mask;
	void **slot; /* owned */
};

static inline bool spsc_init(struct spsc *r, uint32_t size)
{
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	r->mask = size - 1;
	r->slot = calloc(size, sizeof(void *));
	return r->slot != NULL;
}

static inline bool spsc_push(struct spsc *r, void *p)
{
	uint32_t t = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (((t + 1) & r->mask) == (atomic_load_explicit(&r->head, memory_order_acquire) & r->mask))
		return false;
	r->slot[t & r->mask] = p;
	atomic_store_explicit(&r->tail, t + 1, memory_order_release);
	return true;
}

static inline void *spsc_pop(struct spsc *r)
{
	uint32_t h = atomic_load_explicit(&r->head, memory_order_relaxed);
	void *p;

	if (h == atomic_load_explicit(&r->tail, memory_order_acquire))
		return NULL;
	p = r->slot[h & r->mask];
	atomic_store_explicit(&r->head, h + 1, memory_order_release);
	return p;
}

static inline uint32_t spsc_count(const struct spsc *r)
{
	return atomic_load_explicit(&r->tail, memory_order_acquire) -
	       atomic_load_explicit(&r->head, memory_order_acquire);
}
#else
#include <ck_ring.h>

struct spsc {
	ck_ring_t ring;
	ck_ring_buffer_t *slot; /* owned */
};

static inline bool spsc_init(struct spsc *r, uint32_t size)
{
	ck_ring_init(&r->ring, size);
	r->slot = calloc(size, sizeof(*r->slot));
	return r->slot != NULL;
}

static inline bool spsc_push(struct spsc *r, void *p)
{
	return ck_ring_enqueue_spsc(&r->ring, r->slot, p);
}

static inline void *spsc_pop(struct spsc *r)
{
	void *p = NULL;

	return ck_ring_dequeue_spsc(&r->ring, r->slot, &p) ? p : NULL;
}

static inline uint32_t spsc_count(const struct spsc *r)
{
	return ck_ring_size(&r->ring);
}
#endif

/* size: a power of two. */
static inline void spsc_fini(struct spsc *r)
{
	free(r->slot);
	r->slot = NULL;
}
