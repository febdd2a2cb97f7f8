/* Size-class allocator. See slab.h for who may call what.
 *
 * Classes are 16-byte steps up to 128 and then four steps per power of two up to SLAB_MAX. A pool
 * hands out 256 KiB chunks under a mutex: once per chunk, not per allocation.
 *
 * Surplus: a free list that has grown to a chain's length is set aside; the one set aside before goes to
 * the pool's depot. A slab whose list is empty takes back what it set aside, then a chain of the depot, then
 * carves. So a slab keeps at most two chains of a class, and whoever swings around a boundary takes no
 * lock. In a free block the first word is the next block; in the first block of a chain that is in the
 * depot the second word is the next chain. */
#include "base/slab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (256u * 1024)
#define CHAIN_BYTES (16u * 1024)

/* Sanitizers should see every block by itself: use after free, leaks. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLAB_PASS_THROUGH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLAB_PASS_THROUGH 1
#endif
#endif
#ifndef SLAB_PASS_THROUGH
#define SLAB_PASS_THROUGH 0
#endif

struct slab_chunk {
	struct slab_chunk *next;
	char pad[8];
};

struct slab_pool {
	pthread_mutex_t lock;	   /* guards chunks, bytes and depot */
	struct slab_chunk *chunks; /* owned */
	_Atomic size_t bytes;	   /* written under the lock, read without */
	/* Full chains. Stored under the lock; looked at without it (relaxed) only to see whether there is one. */
	_Atomic(void *) depot[SLAB_CLASSES];
};

static const uint16_t class_size[SLAB_CLASSES] = { 16,	32,  48,  64,  80,  96,	  112,	128,  160,  192,  224,	256,
						   320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048 };

static unsigned class_of(size_t size)
{
	if (size <= 128)
		return size ? (unsigned)((size - 1) / 16) : 0;
	unsigned log = 63u - (unsigned)__builtin_clzll(size - 1); /* 2^log < size <= 2^(log+1), log >= 7 */
	unsigned step = (unsigned)((size - 1) >> (log - 2)) & 3;

	return 8 + (log - 7) * 4 + step;
}

struct slab_pool *slab_pool_new(void)
{
	struct slab_pool *p = calloc(1, sizeof(*p));

	if (p)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

void slab_pool_free(struct slab_pool *p)
{
	if (!p)
		return;
	for (struct slab_chunk *c = p->chunks, *n; c; c = n) {
		n = c->next;
		free(c);
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
}

size_t slab_pool_bytes(struct slab_pool *p)
{
	return atomic_load_explicit(&p->bytes, memory_order_relaxed);
}

void slab_init(struct slab *s, struct slab_pool *pool)
{
	memset(s, 0, sizeof(*s));
	s->pool = pool;
}

static void refill(struct slab *s)
{
	struct slab_chunk *c = aligned_alloc(64, CHUNK_BYTES);

	if (!c)
		abort();
	pthread_mutex_lock(&s->pool->lock);
	c->next = s->pool->chunks;
	s->pool->chunks = c;
	atomic_fetch_add_explicit(&s->pool->bytes, CHUNK_BYTES, memory_order_relaxed);
	pthread_mutex_unlock(&s->pool->lock);
	s->bump = (char *)c + sizeof(*c);
	s->bump_end = (char *)c + CHUNK_BYTES;
}

static uint32_t chain_blocks(unsigned c)
{
	return CHAIN_BYTES / class_size[c];
}

static void *word(const void *block, unsigned i)
{
	void *p;

	memcpy(&p, (const char *)block + i * sizeof(p), sizeof(p));
	return p;
}

static void set_word(void *block, unsigned i, void *p)
{
	memcpy((char *)block + i * sizeof(p), &p, sizeof(p));
}

/* The free list is full. */
static void set_aside(struct slab *s, unsigned c)
{
	_Atomic(void *) *depot = &s->pool->depot[c];

	if (s->spare[c]) {
		pthread_mutex_lock(&s->pool->lock);
		set_word(s->spare[c], 1, atomic_load_explicit(depot, memory_order_relaxed));
		atomic_store_explicit(depot, s->spare[c], memory_order_relaxed);
		pthread_mutex_unlock(&s->pool->lock);
	}
	s->spare[c] = s->free[c];
	s->free[c] = NULL;
	s->nfree[c] = 0;
}

/* The free list is empty: fills it if there is anything to fill it with. */
static void take_back(struct slab *s, unsigned c)
{
	_Atomic(void *) *depot = &s->pool->depot[c];
	void *chain = s->spare[c];

	s->spare[c] = NULL;
	if (!chain && atomic_load_explicit(depot, memory_order_relaxed)) {
		pthread_mutex_lock(&s->pool->lock);
		chain = atomic_load_explicit(depot, memory_order_relaxed);
		if (chain)
			atomic_store_explicit(depot, word(chain, 1), memory_order_relaxed);
		pthread_mutex_unlock(&s->pool->lock);
	}
	s->free[c] = chain;
	s->nfree[c] = chain ? chain_blocks(c) : 0;
}

/* One writer: plain load, plain store. */
static inline void add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

bool slab_has_room(const struct slab *s, size_t size)
{
	unsigned c;

	if (SLAB_PASS_THROUGH || size > SLAB_MAX)
		return false;
	c = class_of(size);
	return s->free[c] || s->spare[c] || atomic_load_explicit(&s->pool->depot[c], memory_order_relaxed) ||
	       (size_t)(s->bump_end - s->bump) >= class_size[c];
}

void *slab_alloc(struct slab *s, size_t size)
{
	if (SLAB_PASS_THROUGH || size > SLAB_MAX) {
		void *p = malloc(size);

		if (!p)
			abort();
		add(&s->bytes_live, size);
		add(&s->bytes_large, size);
		return p;
	}
	unsigned c = class_of(size);
	void *p;

	if (!s->free[c])
		take_back(s, c);
	p = s->free[c];
	add(&s->bytes_live, class_size[c]);
	if (p) {
		s->free[c] = word(p, 0);
		s->nfree[c]--;
		return p;
	}
	if ((size_t)(s->bump_end - s->bump) < class_size[c])
		refill(s);
	p = s->bump;
	s->bump += class_size[c];
	return p;
}

void slab_free(struct slab *s, void *p, size_t size)
{
	if (!p)
		return;
	if (SLAB_PASS_THROUGH || size > SLAB_MAX) {
		add(&s->bytes_live, -(uint64_t)size);
		add(&s->bytes_large, -(uint64_t)size);
		free(p);
		return;
	}
	unsigned c = class_of(size);

	add(&s->bytes_live, -(uint64_t)class_size[c]);
	set_word(p, 0, s->free[c]);
	s->free[c] = p;
	if (++s->nfree[c] == chain_blocks(c))
		set_aside(s, c);
}
