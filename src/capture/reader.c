/* Reader threads. See reader.h.
 *
 * One pass: read the probe's clock as horizon T0; take records from the rings in order of their time
 * stamps until every ring is empty, past T0, or at a record that is still being written; release the
 * rings; publish the watermark. The probe takes a record's time just before it reserves room, so a
 * record that appears later with a stamp below the watermark is rare (its writer was preempted in
 * between): its key becomes watermark + 1, which keeps keys rising.
 *
 * Keys: time stamp with the lowest `shift` bits replaced by the reader's index, so that no two
 * readers make the same key, and at least one step above this reader's last one. */
#include "capture/reader.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define RELEASE_BYTES (256u * 1024) /* give room back to the probe at the latest after so much */
#define IDLE_MAX_US 5000u
#define PASS_MAX 65536u /* events; then the watermark is published even if more is there */

struct reader_ring {
	struct live_ring *ring; /* borrowed */
	const struct evt_env *env; /* head, NULL when none in this pass */
	uint64_t ts;
	uint32_t size;
};

struct reader {
	struct readers *all;
	unsigned index, nring;
	struct reader_ring *ring; /* owned */
	pthread_t thread;
	uint64_t last_key, watermark, count;
	uint64_t skipped; /* by the rings, counted already */
	uint32_t unreleased;
	struct evt ev; /* the view being handed over: 600 bytes not worth clearing for every event */
	/* statistics: one writer, relaxed */
	_Atomic uint64_t events, bytes, passes, damaged, dropped, held, late, woken, cpu_ns;
};

struct readers {
	struct live *live;
	struct readers_opts o;
	unsigned shift; /* bits of the key time that hold the reader's index */
	_Atomic bool stop; /* relaxed: seen at the next pass; everything else passes by thread join */
	unsigned started;
	struct reader *reader; /* owned */
};

static void add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Loads the head of one ring. Returns false when it is still being written. */
static bool load_head(struct reader *r, struct reader_ring *g)
{
	int e;

	g->env = NULL;
	e = live_ring_peek(g->ring, &g->env, &g->size);
	if (e != 1) {
		g->env = NULL;
		return e != -EBUSY;
	}
	if (g->size < sizeof(struct evt_env) + sizeof(struct evt_hdr)) {
		/* not ours: step over it */
		add(&r->damaged, 1);
		live_ring_next(g->ring);
		return load_head(r, g);
	}
	g->ts = ((const struct evt_hdr *)(g->env + 1))->ts;
	return true;
}

static uint64_t next_key(struct reader *r, uint64_t ts)
{
	unsigned shift = r->all->shift;
	uint64_t key;

	if (ts <= r->watermark) {
		ts = r->watermark + 1;
		add(&r->late, 1);
	}
	key = (ts >> shift << shift) | r->index;
	if (key <= r->watermark || key <= r->last_key) {
		uint64_t above = r->last_key > r->watermark ? r->last_key : r->watermark;

		key = (((above >> shift) + 1) << shift) | r->index;
	}
	r->last_key = key;
	return key;
}

static void hand_over(struct reader *r, struct reader_ring *g)
{
	struct evt *ev = &r->ev;

	ev->env = g->env;
	ev->hdr = (const struct evt_hdr *)(g->env + 1);
	if (evt_decode(ev, g->size - sizeof(*g->env))) {
		add(&r->damaged, 1);
	} else {
		ev->key = (struct okey){ next_key(r, g->ts), 0 };
		ev->num = r->count++ * r->all->o.readers + r->index + 1;
		ev->part = EVT_WHOLE;
		ev->handover = NULL;
		ev->report = !(g->env->flags & EVT_ENV_STATE_ONLY);
		if (r->all->o.consumer->event(r->all->o.consumer->ctx, r->index, ev, false))
			add(&r->dropped, 1);
		add(&r->events, 1);
	}
	add(&r->bytes, g->size);
	r->unreleased += g->size;
	live_ring_next(g->ring);
}

static void release(struct reader *r)
{
	uint64_t skipped = 0;

	for (unsigned i = 0; i < r->nring; i++) {
		live_ring_release(r->ring[i].ring);
		skipped += live_ring_skipped(r->ring[i].ring);
	}
	if (skipped != r->skipped) {
		add(&r->damaged, skipped - r->skipped);
		r->skipped = skipped;
	}
	r->unreleased = 0;
}

/* The ring with the oldest head, and the time up to which it stays the oldest. */
static struct reader_ring *oldest(struct reader *r, uint64_t *ret_next)
{
	struct reader_ring *best = NULL;
	uint64_t second = UINT64_MAX;

	for (unsigned i = 0; i < r->nring; i++) {
		struct reader_ring *g = &r->ring[i];

		if (!g->env)
			continue;
		if (!best || g->ts < best->ts) {
			if (best && best->ts < second)
				second = best->ts;
			best = g;
		} else if (g->ts < second) {
			second = g->ts;
		}
	}
	*ret_next = second;
	return best;
}

/* Returns the number of events handed over. */
static unsigned pass(struct reader *r)
{
	uint64_t horizon = live_now(r->all->live), next;
	const struct evt_consumer *c = r->all->o.consumer;
	struct reader_ring *g;
	bool held = false;
	unsigned n = 0;

	for (unsigned i = 0; i < r->nring; i++)
		held |= !load_head(r, &r->ring[i]);
	while (!held && n < PASS_MAX && (g = oldest(r, &next)) && g->ts <= horizon) {
		do {
			hand_over(r, g);
			n++;
			if (r->unreleased >= RELEASE_BYTES) {
				/* of every ring; heads are only peeked at, so their memory stays */
				release(r);
			}
			held = !load_head(r, g);
		} while (!held && g->env && g->ts <= next && g->ts <= horizon && n < PASS_MAX);
	}
	release(r);
	/* Not everything up to the horizon was seen when the pass ended early: then only what was. */
	if (held)
		add(&r->held, 1);
	if (held || n >= PASS_MAX)
		horizon = r->last_key;
	else
		horizon |= (1ull << r->all->shift) - 1;
	if (horizon > r->watermark) {
		r->watermark = horizon;
		c->watermark(c->ctx, r->index, horizon);
	}
	add(&r->passes, 1);
	return n;
}

static void note_cpu(struct reader *r)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	atomic_store_explicit(&r->cpu_ns, (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec,
			      memory_order_relaxed);
}

/* Sleeps, or until the probe says that a ring has been filled to its wake-up mark. It says so once per crossing (the
 * descriptor is edge triggered), so data in the rings does not end the sleep: polling the rings themselves would return
 * at once whenever they hold anything, and a wake-up costs the watched process about 2 us. */
static void nap(struct reader *r, uint32_t us)
{
	struct timespec t = { us / 1000000, (long)(us % 1000000) * 1000 };
	struct pollfd p = { .fd = live_wake_fd(r->all->live), .events = POLLIN };
	struct epoll_event e[16];

	if (ppoll(&p, 1, &t, NULL) <= 0)
		return;
	while (epoll_wait(p.fd, e, 16, 0) == 16)
		;
	add(&r->woken, 1);
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	const struct evt_consumer *c = r->all->o.consumer;
	uint32_t interval = r->all->o.drain_interval_us, us = interval;
	unsigned idle = 0;

	while (!atomic_load_explicit(&r->all->stop, memory_order_relaxed)) {
		unsigned n = pass(r);

		if (n >= PASS_MAX)
			continue;
		/* Double the interval when little comes, halve it when much does. */
		if (n > 64)
			us = interval;
		else if (n == 0 && us < IDLE_MAX_US)
			us = us * 2 < IDLE_MAX_US ? us * 2 : IDLE_MAX_US;
		else if (n && us > interval)
			us = us / 2 > interval ? us / 2 : interval;
		if (++idle % 64 == 0)
			note_cpu(r);
		nap(r, us);
	}
	/* The probe is detached: what is in the rings is all there will be. A record that is being
	 * written now is finished within microseconds. */
	for (unsigned tries = 0; tries < 100; tries++) {
		uint64_t held = atomic_load_explicit(&r->held, memory_order_relaxed);

		if (!pass(r) && atomic_load_explicit(&r->held, memory_order_relaxed) == held)
			break;
	}
	c->end(c->ctx, r->index);
	note_cpu(r);
	return NULL;
}

int readers_start(struct live *l, const struct readers_opts *o, struct readers **ret, struct base_err *err)
{
	unsigned rings = live_ring_count(l);
	struct readers *all = calloc(1, sizeof(*all));
	int e = -ENOMEM;

	if (!all || !(all->reader = calloc(o->readers, sizeof(*all->reader))))
		goto fail;
	all->live = l;
	all->o = *o;
	if (!all->o.drain_interval_us)
		all->o.drain_interval_us = 500;
	while ((1u << all->shift) < o->readers)
		all->shift++;
	for (unsigned i = 0; i < o->readers; i++) {
		struct reader *r = &all->reader[i];
		char name[24];

		r->all = all;
		r->index = i;
		r->ring = calloc(rings / o->readers + 1, sizeof(*r->ring));
		if (!r->ring)
			goto fail;
		for (unsigned j = i; j < rings; j += o->readers)
			r->ring[r->nring++].ring = live_ring(l, j);
		snprintf(name, sizeof(name), "reader/%u", i);
		e = base_thread_start(&r->thread, ROLE_READER, name, reader_main, r);
		if (e)
			goto fail;
		all->started++;
	}
	*ret = all;
	return 0;
fail:
	base_err_set(err, NULL, 0, 0, "cannot start the readers: %s", strerror(-e));
	if (all) {
		readers_stop(all);
		readers_free(all);
	}
	return e;
}

void readers_stop(struct readers *r)
{
	atomic_store_explicit(&r->stop, true, memory_order_relaxed);
	while (r->started)
		pthread_join(r->reader[--r->started].thread, NULL);
}

void readers_free(struct readers *r)
{
	if (!r)
		return;
	for (unsigned i = 0; r->reader && i < r->o.readers; i++)
		free(r->reader[i].ring);
	free(r->reader);
	free(r);
}

void readers_stats(const struct readers *all, struct readers_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < all->o.readers; i++) {
		const struct reader *r = &all->reader[i];

#define ADD(m) ret->m += atomic_load_explicit(&r->m, memory_order_relaxed)
		ADD(events);
		ADD(bytes);
		ADD(passes);
		ADD(damaged);
		ADD(dropped);
		ADD(held);
		ADD(late);
		ADD(woken);
#undef ADD
		ret->cpu_s += (double)atomic_load_explicit(&r->cpu_ns, memory_order_relaxed) / 1e9;
	}
}
