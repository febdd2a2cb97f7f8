/* See order.h. A binary heap; the sequence within an event and the number of arrival break ties, so that
 * the order is total and the same on every run of a replay. */
#include "sink/order.h"

#include <errno.h>
#include <stdlib.h>

static bool before(const struct order_entry *x, const struct order_entry *y)
{
	if (!okey_equal(x->a->key, y->a->key))
		return okey_less(x->a->key, y->a->key);
	if (x->a->seq != y->a->seq)
		return x->a->seq < y->a->seq;
	return x->arrival < y->arrival;
}

static void swap(struct order *o, size_t i, size_t j)
{
	struct order_entry t = o->heap[i];

	o->heap[i] = o->heap[j];
	o->heap[j] = t;
}

void order_fini(struct order *o)
{
	for (size_t i = 0; i < o->len; i++)
		alert_unref(o->heap[i].a);
	free(o->heap);
	*o = (struct order){ 0 };
}

int order_add(struct order *o, struct alert *a)
{
	size_t i;

	if (o->len == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 256;
		struct order_entry *n = reallocarray(o->heap, cap, sizeof(*n));

		if (!n)
			return -ENOMEM;
		o->heap = n;
		o->cap = cap;
	}
	i = o->len++;
	o->heap[i] = (struct order_entry){ .a = a, .arrival = o->arrivals++ };
	while (i && before(&o->heap[i], &o->heap[(i - 1) / 2])) {
		swap(o, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
	return 0;
}

struct alert *order_top(const struct order *o)
{
	return o->len ? o->heap[0].a : NULL;
}

struct alert *order_pop(struct order *o)
{
	struct alert *a = o->heap[0].a;

	o->heap[0] = o->heap[--o->len];
	for (size_t i = 0;;) {
		size_t least = i, l = 2 * i + 1;

		if (l < o->len && before(&o->heap[l], &o->heap[least]))
			least = l;
		if (l + 1 < o->len && before(&o->heap[l + 1], &o->heap[least]))
			least = l + 1;
		if (least == i)
			return a;
		swap(o, i, least);
		i = least;
	}
}
