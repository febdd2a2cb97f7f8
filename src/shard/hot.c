/* See hot.h. Called by run.c per event, by pipeline.c for figures. */
#include "shard/hot.h"

static void set(_Atomic uint64_t *to, uint64_t v)
{
	atomic_store_explicit(to, v, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

void hot_other(struct hot *h, uint32_t tgid)
{
	unsigned first = (tgid * 2654435761u >> 16) % HOT_SETS * HOT_WAYS, low = first;
	struct hot_entry *e;

	for (unsigned i = first; i < first + HOT_WAYS; i++) {
		if (atomic_load_explicit(&h->e[i].tgid, memory_order_relaxed) == tgid) {
			set(&h->e[i].count, get(&h->e[i].count) + 1);
			h->last = i;
			return;
		}
		if (get(&h->e[i].count) < get(&h->e[low].count))
			low = i;
	}
	e = &h->e[low];
	set(&e->error, get(&e->count));
	set(&e->count, get(&e->count) + 1);
	atomic_store_explicit(&e->tgid, tgid, memory_order_relaxed);
	h->last = low;
}

unsigned hot_top(const struct hot *h, unsigned worker, struct hot_group *ret, unsigned n, unsigned max)
{
	for (unsigned i = 0; i < HOT_SETS * HOT_WAYS; i++) {
		struct hot_group g = { atomic_load_explicit(&h->e[i].tgid, memory_order_relaxed), worker, get(&h->e[i].count),
				       get(&h->e[i].error) };
		unsigned at = n;

		if (!g.tgid || g.count <= g.error)
			continue;
		while (at && ret[at - 1].count - ret[at - 1].error < g.count - g.error)
			at--;
		if (at >= max)
			continue;
		if (n < max)
			n++;
		for (unsigned k = n - 1; k > at; k--)
			ret[k] = ret[k - 1];
		ret[at] = g;
	}
	return n;
}
