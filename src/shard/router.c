/* Routing by thread group into per-worker batches. See router.h. */
#include "shard/router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void router_wake(struct park *p, bool blocked_only)
{
	uint32_t s = atomic_fetch_add_explicit(&p->parked, 0, memory_order_acq_rel);

	if (s == PARK_AWAKE || (blocked_only && s != PARK_BLOCKED))
		return;
	pthread_mutex_lock(&p->lock);
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

static void collect(struct router *r)
{
	for (unsigned w = 0; w < r->workers; w++) {
		struct batch *b;

		while ((b = spsc_pop(&r->lane[w].back))) {
			if (b->cap > r->batch_bytes) { /* made for one big event */
				free(b);
				continue;
			}
			b->next = r->pool;
			r->pool = b;
		}
	}
}

static struct batch *take(struct router *r, uint32_t need)
{
	struct batch *b;

	if (need > r->batch_bytes)
		return batch_new(need);
	if (!r->pool)
		collect(r);
	if (!r->pool)
		return batch_new(r->batch_bytes);
	b = r->pool;
	r->pool = b->next;
	b->used = 0;
	return b;
}

static void send(struct router *r, unsigned w)
{
	if (!r->open[w] || !r->open[w]->used)
		return;
	gate_test_delay(r->gate, 3);
	/* Cannot fail: the ring holds more than ROUTER_LIMIT, and room() was asked before filling. */
	if (!spsc_push(&r->lane[w].out, r->open[w]))
		abort();
	r->open[w] = NULL;
}

/* Can `need` more bytes go to w now? */
static bool room(struct router *r, unsigned w, uint32_t need, bool critical)
{
	uint32_t limit = critical ? ROUTER_LIMIT : ROUTER_LIMIT - ROUTER_RESERVE;

	if (r->open[w] && r->open[w]->used + need <= r->open[w]->cap)
		return true;
	return spsc_count(&r->lane[w].out) + 2 <= limit;
}

/* Replay: sleeps until w has room. Everything else is handed over and published first, so that no
 * other worker, and nobody w may be waiting for, lacks an event because of us. The partial batches
 * always go: room() is asked before one is opened, so a ring and its partial batch together are hardly
 * more than ROUTER_LIMIT. */
static void wait_room(struct router *r, unsigned w, uint32_t need)
{
	for (unsigned i = 0; i < r->workers; i++)
		send(r, i);
	gate_publish_read(r->gate, r->reader, r->last_time);
	for (unsigned i = 0; i < r->workers; i++)
		router_wake(&r->park[i], false);
	while (!room(r, w, need, true)) {
		struct timespec t = { 0, 100000 };

		nanosleep(&t, NULL);
	}
}

static bool put(struct router *r, unsigned w, const struct evt *ev, uint8_t part, bool report,
		struct evt_handover *h)
{
	uint32_t need = batch_need(ev);

	if (r->open[w] && r->open[w]->used + need > r->open[w]->cap)
		send(r, w);
	if (!r->open[w] && !(r->open[w] = take(r, need)))
		return false;
	batch_add(r->open[w], ev, part, report, h);
	return true;
}

static bool is_broadcast(unsigned type)
{
	switch (type) {
	case PPME_USER_ADDED_E:
	case PPME_USER_DELETED_E:
	case PPME_GROUP_ADDED_E:
	case PPME_GROUP_DELETED_E:
	case PPME_CONTAINER_E:
	case PPME_CONTAINER_JSON_E:
	case PPME_CONTAINER_JSON_2_E:
	case PPME_ASYNCEVENT_E:
		return true;
	default:
		return false;
	}
}

static void drop(struct router *r, bool critical)
{
	_Atomic uint64_t *c = critical ? &r->dropped_critical : &r->dropped_bulk;

	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* Makes sure that all n workers can take the event; else drops it for all (live) or waits (replay). */
static int admit(struct router *r, const struct evt *ev, const unsigned *to, unsigned n, bool wait)
{
	bool critical = ev->env->flags & EVT_ENV_CRITICAL;
	uint32_t need = batch_need(ev);
	unsigned i = 0;

	while (i < n) {
		if (room(r, to[i], need, wait || critical)) {
			i++;
			continue;
		}
		if (!wait) {
			drop(r, critical);
			return -ENOBUFS;
		}
		wait_room(r, to[i], need);
		i = 0; /* waiting sent the other partial batches: ask again for all */
	}
	return 0;
}

static int route_two(struct router *r, const struct evt *ev, unsigned own, unsigned peer, bool wait)
{
	int64_t res = 0;
	unsigned to[2] = { own, peer };
	struct evt_handover *h;
	bool parent_side = evt_result(ev, &res) && res > 0;

	if (admit(r, ev, to, 2, wait))
		return -ENOBUFS;
	h = calloc(1, sizeof(*h)); /* once per fork that crosses shards, freed by the child's worker */
	if (!h)
		return -ENOMEM;
	if (!put(r, own, ev, parent_side ? EVT_GIVE : EVT_TAKE, ev->report, h) ||
	    !put(r, peer, ev, parent_side ? EVT_TAKE : EVT_GIVE, false, h))
		return -ENOMEM;
	return 0;
}

int router_event(struct router *r, const struct evt *ev, bool wait)
{
	unsigned own = state_shard_of(r->state, ev->env->tgid);
	int e = 0;

	if (is_broadcast(ev->hdr->type)) {
		for (unsigned w = 0; w < r->workers && !e; w++)
			e = admit(r, ev, &w, 1, wait);
		for (unsigned w = 0; w < r->workers && !e; w++)
			if (!put(r, w, ev, EVT_WHOLE, w == own && ev->report, NULL))
				e = -ENOMEM;
	} else {
		unsigned peer = ev->env->peer_tgid ? state_shard_of(r->state, ev->env->peer_tgid) : own;

		if (peer != own) {
			e = route_two(r, ev, own, peer, wait);
		} else {
			e = admit(r, ev, &own, 1, wait);
			if (!e && !put(r, own, ev, EVT_WHOLE, ev->report, NULL))
				e = -ENOMEM;
		}
	}
	r->handed = true;
	r->last_time = ev->key.time;
	return e;
}

void router_watermark(struct router *r, uint64_t upto)
{
	for (unsigned w = 0; w < r->workers; w++)
		send(r, w);
	/* after the pushes: whoever sees the mark finds the batches */
	gate_publish_read(r->gate, r->reader, upto);
	for (unsigned w = 0; w < r->workers; w++)
		router_wake(&r->park[w], !r->handed && !gate_wanted(r->gate, w));
	r->handed = false;
}
