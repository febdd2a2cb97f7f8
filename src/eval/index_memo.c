/* Programs open the same few files again and again, and what the look-ups of a path give depends on the path alone:
 * it is remembered for paths seen lately. One slot per hash; another path takes it over. Who opens ever new paths pays
 * a hash and a comparison more. Called by index.c. [worker] */
#include "eval/cmp_hash.h"
#include "eval/compile_internal.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 256     /* a power of two */
#define TEXT_MAX 192  /* bytes of name and raw name together; longer ones are not remembered */

struct slot {
	const struct bucket *b; /* NULL free */
	uint64_t hash;
	uint16_t name_len, raw_len; /* of text; raw_len 0 and `same`: raw is the name */
	uint8_t kind;
	bool same;
	char text[TEXT_MAX];
	uint64_t bits[];
};

struct index_memo {
	size_t stride;
	char *slots; /* owned: SLOTS of stride bytes */
};

struct index_memo *index_memo_new(uint32_t words)
{
	struct index_memo *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->stride = sizeof(struct slot) + words * sizeof(uint64_t);
	m->slots = calloc(SLOTS, m->stride);
	if (m->slots)
		return m;
	free(m);
	return NULL;
}

void index_memo_free(struct index_memo *m)
{
	if (!m)
		return;
	free(m->slots);
	free(m);
}

static struct slot *slot_at(const struct index_memo *m, uint64_t hash)
{
	return (struct slot *)(m->slots + (hash & (SLOTS - 1)) * m->stride);
}

static bool same_text(const struct field_fd_names *n)
{
	return n->raw_len == n->name_len && (n->raw == n->name || !memcmp(n->raw, n->name, n->name_len));
}

bool index_memo_key(const struct bucket *b, struct eval_ctx *c, struct memo_key *ret)
{
	if (!field_fd_names(c, &ret->names) || (uint64_t)ret->names.name_len + ret->names.raw_len > TEXT_MAX)
		return false;
	ret->b = b;
	ret->hash = hash_bytes(ret->names.name, ret->names.name_len) ^ hash_u64((uintptr_t)b + ret->names.kind);
	return true;
}

const uint64_t *index_memo_get(const struct index_memo *m, const struct memo_key *k)
{
	const struct slot *s = slot_at(m, k->hash);
	const struct field_fd_names *n = &k->names;

	if (s->hash != k->hash || s->b != k->b || s->kind != n->kind || s->name_len != n->name_len || memcmp(s->text, n->name, n->name_len))
		return NULL;
	if (s->same)
		return same_text(n) ? s->bits : NULL;
	return s->raw_len == n->raw_len && !memcmp(s->text + s->name_len, n->raw, n->raw_len) ? s->bits : NULL;
}

void index_memo_put(struct index_memo *m, const struct memo_key *k, const uint64_t *bits)
{
	struct slot *s = slot_at(m, k->hash);
	const struct field_fd_names *n = &k->names;

	s->b = k->b;
	s->hash = k->hash;
	s->kind = n->kind;
	s->same = same_text(n);
	s->name_len = (uint16_t)n->name_len;
	s->raw_len = (uint16_t)(s->same ? 0 : n->raw_len);
	memcpy(s->text, n->name, n->name_len);
	memcpy(s->text + s->name_len, n->raw, s->raw_len);
	memcpy(s->bits, bits, k->b->words * sizeof(*bits));
}
