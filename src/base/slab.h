/* Fixed-size-class allocator for what the hot path makes and frees: versions, descriptors, names.
 *
 * Thread-safety: one slab belongs to one worker, no locks. A block may be freed into any slab, not
 * just the one it came from: it joins the freeing slab's list (blocks carry no owner). A slab that gets
 * more than it gives (the worker of children that drop what their parents' worker made) passes the
 * surplus on through the pool, many blocks at a time under a mutex. Memory goes back to the system
 * only when the last slab of the pool is gone.
 * Sizes above SLAB_MAX go to malloc. */
#pragma once
#include <stddef.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SLAB_MAX 2048
#define SLAB_CLASSES 24

struct slab {
	void *free[SLAB_CLASSES];	/* owned, singly linked */
	void *spare[SLAB_CLASSES];	/* owned: NULL, or a full chain, to be passed on when the next one is full */
	uint32_t nfree[SLAB_CLASSES];	/* blocks in free */
	char *bump, *bump_end;		/* rest of the current chunk */
	struct slab_pool *pool;		/* borrowed, outlives the slab */
	/* Written by the owner, read by anyone (relaxed). By size class, allocated minus freed here; may wrap: sum over slabs */
	_Atomic uint64_t bytes_live;
	_Atomic uint64_t bytes_large;	/* the part of it that came from malloc */
};

/* Owns the chunks all slabs of a table carve from. */
struct slab_pool *slab_pool_new(void);
void slab_pool_free(struct slab_pool *p);
size_t slab_pool_bytes(struct slab_pool *p); /* chunk memory held. [any] */

static inline uint64_t slab_bytes_live(const struct slab *s) /* [any] */
{
	return atomic_load_explicit(&s->bytes_live, memory_order_relaxed);
}
static inline uint64_t slab_bytes_large(const struct slab *s) /* [any] */
{
	return atomic_load_explicit(&s->bytes_large, memory_order_relaxed);
}
/* Can a block of that size be had without new memory from the system? */
bool slab_has_room(const struct slab *s, size_t size);

void slab_init(struct slab *s, struct slab_pool *pool);
void *slab_alloc(struct slab *s, size_t size);		/* 16-byte aligned; aborts when memory is out */
void slab_free(struct slab *s, void *p, size_t size);	/* size as given to slab_alloc */
