/* Consumer of one BPF ring buffer. Owns the mappings and the bounce buffer. Called by reader threads
 * through live.h; set up and torn down by live.c. Records flow in from the probe; out goes a pointer to
 * each, in place or, for the one that wraps, in the bounce buffer. */
#include "capture/ring.h"
#include "capture/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REC_BUSY (1u << 31)
#define REC_DISCARD (1u << 30)
#define REC_HDR 8

int ring_init(struct live_ring *r, _Atomic uint64_t *consumer, const _Atomic uint64_t *producer, const uint8_t *data,
	      uint64_t size)
{
	uint8_t *bounce = malloc(RING_BOUNCE);

	if (!bounce)
		return -ENOMEM;
	*r = (struct live_ring){
		.consumer = consumer,
		.producer = producer,
		.data = data,
		.size = size,
		.mask = size - 1,
		.pos = atomic_load_explicit(consumer, memory_order_relaxed), /* nobody else writes it */
		.bounce = bounce,
	};
	atomic_store_explicit(&r->ready, true, memory_order_release); /* with the load in live_ring_peek */
	return 0;
}

int ring_map(struct live_ring *r, int fd, uint64_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *cons, *prod;
	int rc;

	cons = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (cons == MAP_FAILED)
		return -errno;
	/* The kernel offers the data twice in a row, against wrapping. We take it once: half the memory. */
	prod = mmap(NULL, page + size, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (prod == MAP_FAILED) {
		rc = -errno;
		goto err;
	}
	rc = ring_init(r, cons, prod, (const uint8_t *)prod + page, size);
	if (rc) {
		munmap(prod, page + size);
		goto err;
	}
	r->map_consumer = cons;
	r->map_data = prod;
	r->map_data_size = page + size;
	return 0;
err:
	munmap(cons, page);
	return rc;
}

void ring_fini(struct live_ring *r)
{
	if (r->map_data)
		munmap(r->map_data, r->map_data_size);
	if (r->map_consumer)
		munmap(r->map_consumer, (size_t)sysconf(_SC_PAGESIZE));
	free(r->bounce);
	*r = (struct live_ring){ 0 };
}

/* Returns the record's bytes, in place or put together. NULL when it is larger than any event. */
static const void *record(struct live_ring *r, uint64_t at, uint32_t len)
{
	uint64_t off = at & r->mask, first = r->size - off;

	if (len <= first)
		return r->data + off;
	if (len > RING_BOUNCE)
		return NULL;
	memcpy(r->bounce, r->data + off, first);
	memcpy(r->bounce + first, r->data, len - first);
	return r->bounce;
}

int live_ring_peek(struct live_ring *r, const struct evt_env **ret, uint32_t *ret_size)
{
	if (!atomic_load_explicit(&r->ready, memory_order_acquire)) /* with ring_init */
		return 0;
	for (;;) {
		uint64_t end = atomic_load_explicit(r->producer, memory_order_acquire); /* with the kernel's release */
		const _Atomic uint32_t *head;
		const void *rec;
		uint32_t word, len;

		if (r->pos >= end)
			return 0;
		head = (const _Atomic uint32_t *)(r->data + (r->pos & r->mask));
		word = atomic_load_explicit(head, memory_order_acquire); /* with the kernel's release of the busy bit */
		if (word & REC_BUSY)
			return -EBUSY;
		len = word & ~(REC_BUSY | REC_DISCARD);
		r->step = ((uint64_t)len + REC_HDR + 7) & ~7ULL;
		if (r->step > end - r->pos) {
			/* Not a record: nothing behind it can be found. Cannot happen with an honest kernel. */
			r->pos = end;
			continue;
		}
		rec = word & REC_DISCARD ? NULL : record(r, r->pos + REC_HDR, len);
		if (!rec || len < sizeof(struct evt_env)) {
			r->skipped++;
			r->pos += r->step;
			continue;
		}
		*ret = rec;
		*ret_size = len;
		return 1;
	}
}

void live_ring_next(struct live_ring *r)
{
	r->pos += r->step;
	r->step = 0;
}

void live_ring_release(struct live_ring *r)
{
	if (!atomic_load_explicit(&r->ready, memory_order_acquire))
		return;
	/* With the kernel's acquire in its reservation: what we read, we have read. */
	if (atomic_load_explicit(r->consumer, memory_order_relaxed) != r->pos)
		atomic_store_explicit(r->consumer, r->pos, memory_order_release);
}

uint64_t live_ring_skipped(const struct live_ring *r)
{
	return r->skipped;
}

uint64_t live_ring_used(const struct live_ring *r)
{
	if (!atomic_load_explicit(&r->ready, memory_order_acquire))
		return 0;
	return atomic_load_explicit(r->producer, memory_order_acquire) -
	       atomic_load_explicit(r->consumer, memory_order_relaxed);
}
