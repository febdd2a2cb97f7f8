/* Sets of literals: membership for `in`, and keys of the rule index. Built at compile time by one
 * thread, read by all workers. */
#include "eval/cmp.h"
#include "eval/cmp_hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t key_hash(struct set_key k)
{
	return k.len == SET_NUMBER ? hash_u64(k.u) : hash_bytes(k.s, k.len);
}

static bool key_equal(const struct set_key *a, struct set_key b)
{
	if (a->len != b.len)
		return false;
	return a->len == SET_NUMBER ? a->u == b.u : !a->len || !memcmp(a->s, b.s, a->len);
}

static uint64_t len_bit(uint32_t len)
{
	return 1ull << (len < 63 ? len : 63);
}

/* The slot of the key, or the free one where it belongs. */
static struct cmp_set_slot *slot_of(const struct cmp_set *s, struct set_key k, uint64_t h)
{
	uint32_t i = (uint32_t)h & s->mask;

	while (s->slots[i].id1 && (s->slots[i].hash != h || !key_equal(&s->slots[i].key, k)))
		i = (i + 1) & s->mask;
	return &s->slots[i];
}

static int rehash(struct cmp_set *s)
{
	struct cmp_set n = { .mask = s->slots ? s->mask * 2 + 1 : 7, .count = s->count, .lens = s->lens };

	n.slots = calloc((size_t)n.mask + 1, sizeof(*n.slots));
	if (!n.slots)
		return -ENOMEM;
	for (size_t i = 0; s->slots && i <= s->mask; i++)
		if (s->slots[i].id1)
			*slot_of(&n, s->slots[i].key, s->slots[i].hash) = s->slots[i];
	free(s->slots);
	*s = n;
	return 0;
}

int set_add(struct cmp_set *s, struct set_key k, uint32_t *ret_id)
{
	uint64_t h = key_hash(k);
	struct cmp_set_slot *slot;

	if ((!s->slots || (uint64_t)s->count * 2 > s->mask) && rehash(s))
		return -ENOMEM;
	slot = slot_of(s, k, h);
	if (!slot->id1)
		*slot = (struct cmp_set_slot){ h, k, ++s->count };
	if (k.len != SET_NUMBER)
		s->lens |= len_bit(k.len);
	if (ret_id)
		*ret_id = slot->id1 - 1;
	return 0;
}

void set_fini(struct cmp_set *s)
{
	free(s->slots);
	*s = (struct cmp_set){ 0 };
}

int64_t set_find(const struct cmp_set *s, struct set_key k)
{
	if (!s->slots || (k.len != SET_NUMBER && !(s->lens & len_bit(k.len))))
		return -1;
	return (int64_t)slot_of(s, k, key_hash(k))->id1 - 1;
}

struct set_key set_key_of(const struct eval_val *v)
{
	struct set_key k = { .len = SET_NUMBER, .u = v->u };

	switch (v->type) {
	case PT_CHARBUF:
	case PT_FSPATH:
	case PT_FSRELPATH:
		k = (struct set_key){ .s = v->s, .len = v->len };
		while (k.len && !k.s[k.len - 1])
			k.len--;
		break;
	case PT_BYTEBUF:
	case PT_IPADDR:
	case PT_IPNET:
	case PT_IPV4ADDR:
	case PT_IPV6ADDR:
	case PT_IPV4NET:
	case PT_IPV6NET:
		k = (struct set_key){ .s = v->s, .len = v->len };
		break;
	default:
		break;
	}
	return k;
}
