/* The enter events that the converter keeps until the exit of the same thread asks for their
 * parameters. Called by converter.c alone, on the reader's thread.
 *
 * A capture may come from anybody: the number of events and their bytes are bounded, thread ids
 * are hashed with a seed so that chains stay short, and blocks come from a slab, so that the
 * steady state allocates nothing. */
#include "capture/converter_store.h"

#include "base/slab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUCKETS 65536

/* Invariants: every block is in exactly one chain and once in the list oldest..newest; count and
 * bytes are their number and the sum of their sizes; at most one block per thread. */
struct kept_store {
	struct slab_pool *pool; /* owned */
	struct slab slab;
	uint64_t seed;
	struct kept *oldest, *newest;
	size_t count, bytes;
	struct kept *bucket[BUCKETS];
};

struct kept_store *kept_store_new(void)
{
	struct kept_store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->pool = slab_pool_new();
	if (!s->pool) {
		free(s);
		return NULL;
	}
	slab_init(&s->slab, s->pool);
	/* Without randomness the table still works, only predictably. */
	if (getrandom(&s->seed, sizeof(s->seed), GRND_NONBLOCK) != (ssize_t)sizeof(s->seed))
		s->seed = 0x9e3779b97f4a7c15u;
	return s;
}

static struct kept **bucket_of(struct kept_store *s, uint64_t tid)
{
	uint64_t x = tid ^ s->seed;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return &s->bucket[(x ^ (x >> 31)) % BUCKETS];
}

static void forget(struct kept_store *s, struct kept *k)
{
	struct kept **at = bucket_of(s, k->tid);

	while (*at != k)
		at = &(*at)->chain;
	*at = k->chain;
	if (k->older)
		k->older->newer = k->newer;
	else
		s->oldest = k->newer;
	if (k->newer)
		k->newer->older = k->older;
	else
		s->newest = k->older;
	s->count--;
	s->bytes -= k->size;
	slab_free(&s->slab, k, k->size);
}

void kept_store_reset(struct kept_store *s)
{
	while (s->oldest)
		forget(s, s->oldest);
}

void kept_store_free(struct kept_store *s)
{
	if (!s)
		return;
	kept_store_reset(s); /* big blocks are not the pool's */
	slab_pool_free(s->pool);
	free(s);
}

const struct kept *kept_get(const struct kept_store *s, uint64_t tid)
{
	const struct kept *k = *bucket_of((struct kept_store *)s, tid);

	while (k && k->tid != tid)
		k = k->chain;
	return k;
}

void kept_drop(struct kept_store *s, uint64_t tid)
{
	const struct kept *k = kept_get(s, tid);

	if (k)
		forget(s, (struct kept *)k);
}

void kept_put(struct kept_store *s, uint64_t tid, uint16_t type, const struct evt_param *param, unsigned nparams)
{
	size_t size = sizeof(struct kept) + nparams * sizeof(uint32_t);
	struct kept *k, **at;
	uint8_t *out;

	for (unsigned i = 0; i < nparams; i++)
		size += param[i].len;
	k = slab_alloc(&s->slab, size);
	k->tid = tid;
	k->size = (uint32_t)size;
	k->type = type;
	k->nparams = (uint8_t)nparams;
	out = (uint8_t *)(k->len + nparams);
	for (unsigned i = 0; i < nparams; i++) {
		k->len[i] = param[i].len;
		if (param[i].len)
			memcpy(out, param[i].p, param[i].len);
		out += param[i].len;
	}
	/* Only now: parameters may come from the event that is replaced. */
	kept_drop(s, tid);
	while (s->oldest && (s->count >= STORE_MAX_EVENTS || s->bytes + size > STORE_MAX_BYTES))
		forget(s, s->oldest);
	at = bucket_of(s, tid);
	k->chain = *at;
	*at = k;
	k->newer = NULL;
	k->older = s->newest;
	if (s->newest)
		s->newest->newer = k;
	else
		s->oldest = k;
	s->newest = k;
	s->count++;
	s->bytes += size;
}

struct evt_param kept_param(const struct kept *k, unsigned i)
{
	struct evt_param p = { .p = (const uint8_t *)(k->len + k->nparams), .len = k->len[i] };

	for (unsigned j = 0; j < i; j++)
		p.p += k->len[j];
	return p;
}

size_t kept_count(const struct kept_store *s, size_t *ret_bytes)
{
	if (ret_bytes)
		*ret_bytes = s->bytes;
	return s->count;
}
