/* Watermarks and waiting. The protocol and the reasons are in gate.h. */
#include "shard/gate.h"
#include "base/rcu.h"
#include "base/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static struct gate_slot *slots_new(unsigned count)
{
	struct gate_slot *s = aligned_alloc(64, count * sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (unsigned i = 0; i < count; i++) {
		atomic_init(&s[i].mark, 0);
		atomic_init(&s[i].emitted, 0);
		atomic_init(&s[i].wanted, WANT_NONE);
		atomic_init(&s[i].lagging, false);
		atomic_init(&s[i].lag_until, 0);
		pthread_mutex_init(&s[i].lock, NULL);
		pthread_cond_init(&s[i].moved, &attr);
	}
	pthread_condattr_destroy(&attr);
	return s;
}

static void slots_free(struct gate_slot *s, unsigned count)
{
	for (unsigned i = 0; s && i < count; i++) {
		pthread_mutex_destroy(&s[i].lock);
		pthread_cond_destroy(&s[i].moved);
	}
	free(s);
}

struct gate *gate_new(unsigned readers, unsigned workers, bool live, uint64_t lag_max_ns)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->readers = readers;
	g->workers = workers;
	g->live = live;
	g->lag_max_ns = lag_max_ns;
	g->reader = slots_new(readers);
	g->worker = slots_new(workers);
	g->blocked = calloc(workers, sizeof(*g->blocked));
	if (!g->reader || !g->worker || !g->blocked) {
		gate_free(g);
		return NULL;
	}
	return g;
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	slots_free(g->reader, g->readers);
	slots_free(g->worker, g->workers);
	free(g->blocked);
	free(g);
}

/* Wakes whoever waits for a mark that has been reached; see gate.h. [worker, the slot's] */
static void wake(struct gate_slot *s)
{
	uint64_t mark = atomic_load_explicit(&s->mark, memory_order_relaxed); /* own */

	if (mark < atomic_fetch_add_explicit(&s->wanted, 0, memory_order_acq_rel))
		return;
	pthread_mutex_lock(&s->lock);
	atomic_exchange_explicit(&s->wanted, WANT_NONE, memory_order_acq_rel);
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

/* The waiter's half. Under the slot's mutex; the caller looks at the mark afterwards. */
static void want(struct gate_slot *s, uint64_t mark)
{
	if (mark < atomic_fetch_add_explicit(&s->wanted, 0, memory_order_acq_rel))
		atomic_exchange_explicit(&s->wanted, mark, memory_order_acq_rel);
}

void gate_publish_read(struct gate *g, unsigned reader, uint64_t mark)
{
	gate_test_delay(g, 1);
	atomic_store_explicit(&g->reader[reader].mark, mark, memory_order_release);
}

void gate_set_applied(struct gate *g, unsigned worker, uint64_t mark)
{
	atomic_store_explicit(&g->worker[worker].mark, mark, memory_order_release);
	/* A waiter that is seen here is woken at once; one that is missed is woken by the publish. */
	if (mark >= atomic_load_explicit(&g->worker[worker].wanted, memory_order_relaxed))
		wake(&g->worker[worker]);
}

void gate_set_emitted(struct gate *g, unsigned worker, uint64_t mark)
{
	atomic_store_explicit(&g->worker[worker].emitted, mark, memory_order_release);
}

void gate_publish_applied(struct gate *g, unsigned worker)
{
	wake(&g->worker[worker]);
}

static bool gate_ready(void *ctx, unsigned me, unsigned shard, struct okey k)
{
	struct gate *g = ctx;
	struct gate_slot *s = &g->worker[shard];

	/* acquire: the versions published before the mark are visible */
	uint64_t mark = atomic_load_explicit(&s->mark, memory_order_acquire);

	if (mark >= k.time)
		return true;
	if (g->live && atomic_load_explicit(&s->lagging, memory_order_relaxed)) {
		if (mark < atomic_load_explicit(&s->lag_until, memory_order_relaxed)) {
			atomic_fetch_add_explicit(&g->stale_reads, 1, memory_order_relaxed);
			atomic_fetch_add_explicit(&g->blocked[me].stale_reads, 1, memory_order_relaxed);
			return true;
		}
		atomic_store_explicit(&s->lagging, false, memory_order_relaxed);
	}
	g->blocked[me].shard = shard;
	g->blocked[me].mark = k.time;
	return false;
}

static uint64_t gate_min_emitted(void *ctx)
{
	struct gate *g = ctx;
	uint64_t min = UINT64_MAX;

	for (unsigned i = 0; i < g->workers; i++) {
		uint64_t m = atomic_load_explicit(&g->worker[i].emitted, memory_order_acquire);

		if (m < min)
			min = m;
	}
	return min;
}

struct state_gate gate_for_state(struct gate *g)
{
	return (struct state_gate){ .ctx = g,
				    .ready = g->workers > 1 ? gate_ready : NULL,
				    .min_emitted = gate_min_emitted };
}

bool gate_wanted(struct gate *g, unsigned worker)
{
	/* A read-modify-write like in wake(): see gate_wait */
	return atomic_fetch_add_explicit(&g->worker[worker].wanted, 0, memory_order_acq_rel) != WANT_NONE;
}

void gate_wait(struct gate *g, unsigned worker)
{
	unsigned target = g->blocked[worker].shard;
	uint64_t mark = g->blocked[worker].mark;
	struct gate_slot *s = &g->worker[target];
	struct timespec until;
	bool late = false;

	atomic_fetch_add_explicit(&g->waits, 1, memory_order_relaxed);
	gate_publish_applied(g, worker);
	rcu_park_begin();
	if (g->live) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		uint64_t ns = (uint64_t)until.tv_nsec + g->lag_max_ns;

		until.tv_sec += (time_t)(ns / 1000000000u);
		until.tv_nsec = (long)(ns % 1000000000u);
	}
	pthread_mutex_lock(&s->lock);
	for (;;) {
		want(s, mark); /* partners: wake(), gate_wanted() */
		if (atomic_load_explicit(&s->mark, memory_order_acquire) >= mark || late)
			break;
		/* The target may sleep with its inputs' marks unseen, because readers wake idle workers for events
		 * only. A reader that publishes from here on sees that the target is wanted; for what was published
		 * before, it is woken here, each time: a wake for another waiter may have set `wanted` back
		 * meanwhile, and a waiter that let it fall may have been served without a word. */
		if (g->kick)
			g->kick(g->kick_ctx, target);
		if (!g->live)
			pthread_cond_wait(&s->moved, &s->lock);
		else
			late = pthread_cond_timedwait(&s->moved, &s->lock, &until) == ETIMEDOUT;
	}
	pthread_mutex_unlock(&s->lock);
	rcu_park_end();
	if (late) {
		/* Until it has caught up with where we are, nobody waits for it. */
		atomic_store_explicit(&s->lag_until, mark, memory_order_relaxed);
		atomic_store_explicit(&s->lagging, true, memory_order_relaxed);
	}
}

void gate_test_delay(struct gate *g, unsigned site)
{
	static _Thread_local uint32_t x;

	if (!g->delay_seed)
		return;
	if (!x)
		x = g->delay_seed * 2654435761u ^ (uint32_t)(uintptr_t)&x;
	x = x * 1664525u + 1013904223u + site;
	if ((x >> 28) == 0) {
		struct timespec t = { 0, (long)((x >> 8) & 0x3ffff) }; /* up to 262 us */

		nanosleep(&t, NULL);
	}
}
