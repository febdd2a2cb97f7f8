/* Ring of pointers between one producer and one consumer.
 *
 * Producer: hring_push. Consumer: hring_pop. Capacity: a power of two, fixed at init. Full: push says
 * false, nothing is taken over. Order: first in, first out. Ownership of what a pointer stands for
 * goes over with the pointer. Shutdown: the consumer pops until empty after the producer has ended.
 *
 * Atomics: tail is stored by the producer and loaded by the consumer, head the other way round. The
 * stores are seq_cst, as is each side's load of the other's index, because both sides also take part
 * in a "did the other fall asleep" exchange (hub.c): push; look at the sleep word / set the sleep
 * word; look at the ring. With all four in the one total order, one of the two sees the other. The
 * same store releases the slot (the pointer and what it points to) to the loading side. */
#pragma once
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

struct hub_ring {
	void **slot; /* owned array, const after init */
	size_t mask;
	_Alignas(64) _Atomic size_t tail; /* next to write; producer's */
	size_t head_seen;		  /* producer's copy of head, saves touching the consumer's line */
	_Alignas(64) _Atomic size_t head; /* next to read; consumer's */
};

static inline int hring_init(struct hub_ring *r, size_t capacity)
{
	r->slot = calloc(capacity, sizeof(*r->slot));
	if (!r->slot)
		return -ENOMEM;
	r->mask = capacity - 1;
	r->head_seen = 0;
	atomic_init(&r->tail, 0);
	atomic_init(&r->head, 0);
	return 0;
}

static inline void hring_fini(struct hub_ring *r)
{
	free(r->slot);
	r->slot = NULL;
}

/* False when full. [producer] */
static inline bool hring_push(struct hub_ring *r, void *p)
{
	/* relaxed: own index */
	size_t t = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (t - r->head_seen > r->mask) {
		/* pairs with the store in hring_pop: the slot has been read before it is written again */
		r->head_seen = atomic_load(&r->head);
		if (t - r->head_seen > r->mask)
			return false;
	}
	r->slot[t & r->mask] = p;
	atomic_store(&r->tail, t + 1);
	return true;
}

/* NULL when empty. [consumer] */
static inline void *hring_pop(struct hub_ring *r)
{
	/* relaxed: own index */
	size_t h = atomic_load_explicit(&r->head, memory_order_relaxed);
	void *p;

	/* pairs with the store in hring_push: the pointer and what it points to are visible */
	if (h == atomic_load(&r->tail))
		return NULL;
	p = r->slot[h & r->mask];
	atomic_store(&r->head, h + 1);
	return p;
}

/* [consumer] */
static inline bool hring_empty(struct hub_ring *r)
{
	return atomic_load_explicit(&r->head, memory_order_relaxed) == atomic_load(&r->tail);
}

/* A figure: both indexes move meanwhile. [any] */
static inline size_t hring_count(const struct hub_ring *r)
{
	size_t head = atomic_load_explicit(&r->head, memory_order_relaxed), tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	return tail > head ? tail - head : 0;
}
