/* Batches. See batch.h. */
#include "shard/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct batch *batch_new(uint32_t cap)
{
	struct batch *b = malloc(sizeof(*b) + cap);

	if (b) {
		b->next = NULL;
		b->cap = cap;
		b->used = 0;
	}
	return b;
}

void batch_add(struct batch *b, const struct evt *ev, uint8_t part, bool report, struct evt_handover *h)
{
	uint32_t need = batch_need(ev);
	struct batch_ent *e = (struct batch_ent *)(b->data + b->used);

	assert(b->used + need <= b->cap);
	e->key_time = ev->key.time;
	e->num = ev->num;
	e->handover = h;
	e->size = need;
	e->part = part;
	e->report = report;
	e->pad = 0;
	e->env = *ev->env;
	memcpy(e + 1, ev->hdr, ev->hdr->len);
	b->used += need;
}

void batch_at(const struct batch *b, uint32_t *off, struct evt *ret)
{
	const struct batch_ent *e = (const struct batch_ent *)(b->data + *off);

	ret->env = &e->env;
	ret->hdr = (const struct evt_hdr *)(e + 1);
	ret->key = (struct okey){ e->key_time, 0 };
	ret->num = e->num;
	ret->handover = e->handover;
	ret->part = e->part;
	ret->report = e->report;
	int r = evt_decode(ret, ret->hdr->len);

	assert(r == 0);
	(void)r;
	*off += e->size;
}
