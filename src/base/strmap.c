/* Open-addressing hash map of strings. Called by the YAML reader (anchors) and the rules loader
 * (names); nothing is ever removed. */
#include "base/strmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct strmap_slot {
	const char *key; /* NULL: free */
	size_t len;
	uint64_t hash;
	uint32_t value;
};

/* Multiply and fold, 8 bytes a step, seeded per map. */
static uint64_t hash_bytes(uint64_t seed, const char *s, size_t len)
{
	uint64_t h = seed ^ (len * 0x9e3779b97f4a7c15ull), w;

	for (; len >= 8; s += 8, len -= 8) {
		memcpy(&w, s, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	w = 0;
	memcpy(&w, s, len);
	h = (h ^ w) * 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 29;
}

void strmap_fini(struct strmap *m)
{
	free(m->slots);
	*m = (struct strmap){ 0 };
}

/* The slot that holds key, or the free one where it belongs. cap > 0, and never full. */
static struct strmap_slot *find(const struct strmap *m, const char *key, size_t len, uint64_t hash)
{
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct strmap_slot *s = &m->slots[i];

		if (!s->key || (s->hash == hash && s->len == len && !memcmp(s->key, key, len)))
			return s;
	}
}

uint32_t strmap_get(const struct strmap *m, const char *key, size_t len)
{
	const struct strmap_slot *s;

	if (!m->cap)
		return STRMAP_NONE;
	s = find(m, key, len, hash_bytes(m->seed, key, len));
	return s->key ? s->value : STRMAP_NONE;
}

static int grow(struct strmap *m)
{
	struct strmap bigger = { .cap = m->cap ? m->cap * 2 : 64, .count = m->count, .seed = m->seed };
	struct timespec now;

	if (!bigger.seed) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		bigger.seed = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15ull ^ (uint64_t)(uintptr_t)m;
	}
	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		struct strmap_slot *s = &m->slots[i];

		if (s->key) {
			if (m->seed != bigger.seed)
				s->hash = hash_bytes(bigger.seed, s->key, s->len);
			*find(&bigger, s->key, s->len, s->hash) = *s;
		}
	}
	free(m->slots);
	*m = bigger;
	return 0;
}

int strmap_set(struct strmap *m, const char *key, size_t len, uint32_t value)
{
	struct strmap_slot *s;
	uint64_t h;
	int r;

	if (m->count * 4 >= m->cap * 3) {
		r = grow(m);
		if (r)
			return r;
	}
	h = hash_bytes(m->seed, key, len);
	s = find(m, key, len, h);
	if (!s->key) {
		*s = (struct strmap_slot){ .key = key, .len = len, .hash = h };
		m->count++;
	}
	s->value = value;
	return 0;
}
