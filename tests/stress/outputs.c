/* Outputs change while alerts pass (run it under ThreadSanitizer too): workers submit, main replaces local and remote
 * outputs, removes and adds them, changes the throttle, and another thread looks at figures all the while. Every alert
 * gets to the local output exactly once, those of one worker in order; every number gets to the remote one at least
 * once, in order, without a gap. Exit 0 = good. */
#include "base/thread.h"
#include "sink/hub.h"
#include "sink/remote.h"
#include "sink/sink.h"
#include "sink/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS 3
#define PER_WORKER 40000

/* All generations of an output write here; they must never do so at the same time. */
struct shared {
	_Atomic int inside;
	_Atomic uint64_t bad;
	uint64_t last[WORKERS], seen; /* local */
	uint64_t upto, repeated;      /* remote: numbers up to here have come */
};

struct gen {
	struct shared *sh;
	unsigned seed;
	_Atomic bool give_up;
};

static void enter(struct shared *sh)
{
	if (atomic_fetch_add(&sh->inside, 1))
		atomic_fetch_add(&sh->bad, 1);
}

static void leave(struct shared *sh)
{
	atomic_fetch_sub(&sh->inside, 1);
}

static int local_write(void *ctx, struct alert *const *batch, unsigned count)
{
	struct gen *g = ctx;
	struct shared *sh = g->sh;

	enter(sh);
	for (unsigned i = 0; i < count; i++) {
		uint64_t k = batch[i]->key.time, w = k % WORKERS;

		if (k <= sh->last[w])
			atomic_fetch_add(&sh->bad, 1);
		sh->last[w] = k;
		sh->seen++;
	}
	if (rand_r(&g->seed) % 50 == 0)
		usleep(rand_r(&g->seed) % 3000);
	leave(sh);
	return (int)count;
}

static void gen_close(void *ctx)
{
	free(ctx);
}

static const struct sink_ops local_ops = { .name = "local", .write = local_write, .close = gen_close };
static const struct sink_ops other_ops = { .name = "other", .write = local_write, .close = gen_close };

static int remote_send(void *ctx, const struct store_item *item, unsigned count, struct remote_result *ret, struct base_err *err)
{
	struct gen *g = ctx;
	struct shared *sh = g->sh;
	bool broken = rand_r(&g->seed) % 256 == 0;
	unsigned n = broken ? 0 : 1 + rand_r(&g->seed) % count;

	enter(sh);
	for (unsigned i = 0; i < n; i++) {
		if (!item[i].id || item[i].id > sh->upto + 1)
			atomic_fetch_add(&sh->bad, 1); /* a gap */
		else if (item[i].id <= sh->upto)
			sh->repeated++;
		else
			sh->upto = item[i].id;
	}
	leave(sh);
	ret->done = n;
	if (rand_r(&g->seed) % 4 == 0 && n > 1)
		ret->done = 1 + rand_r(&g->seed) % (n - 1); /* the answer to the rest got lost */
	if (rand_r(&g->seed) % 8 == 0)
		usleep(rand_r(&g->seed) % 2000);
	if (ret->done == count)
		return 0;
	base_err_set(err, NULL, 0, 0, "a failure");
	return ret->done ? 0 : -EIO;
}

static void remote_interrupt(void *ctx)
{
	atomic_store(&((struct gen *)ctx)->give_up, true);
}

static const struct remote_ops remote_ops = { .name = "far", .send = remote_send, .interrupt = remote_interrupt, .close = gen_close };

static struct gen *gen_new(struct shared *sh, unsigned seed)
{
	struct gen *g = calloc(1, sizeof(*g));

	g->sh = sh;
	g->seed = seed;
	return g;
}

static struct sink *local_new(struct shared *sh, unsigned seed)
{
	return sink_new(&local_ops, gen_new(sh, seed), 0);
}

struct worker {
	struct hub *h;
	unsigned index, seed;
	pthread_t thread;
	_Atomic bool *all_done;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (uint64_t i = 1; i <= PER_WORKER; i++) {
		struct alert_text t = { .rule = "r" };
		struct alert *a = alert_new(&t);

		a->key = (struct okey){ i * WORKERS + w->index, 0 };
		hub_submit(w->h, w->index, a);
		hub_mark(w->h, w->index, a->key);
		if (i % 64 == 0)
			usleep(5000 + rand_r(&w->seed) % 5000);
	}
	hub_mark(w->h, w->index, OKEY_MAX);
	return NULL;
}

static void look_at(void *arg, const struct sink_stats *s)
{
	*(uint64_t *)arg += s->delivered + s->waiting;
}

static void *watch(void *arg)
{
	struct worker *w = arg;
	uint64_t sum = 0;
	struct hub_stats st;

	while (!atomic_load(w->all_done)) {
		hub_for_each_sink(w->h, look_at, &sum);
		hub_stats(w->h, &st);
		if (hub_store(w->h)) {
			struct store_stats ss;

			store_stats(hub_store(w->h), &ss);
		}
		usleep(500);
	}
	return NULL;
}

static void fail(const char *what, const struct base_err *err)
{
	printf("%s: %s\n", what, err->msg);
	exit(1);
}

static void change(struct hub *h, struct shared *local, struct shared *far, struct shared *other, unsigned *seed, unsigned *n)
{
	struct base_err err = { 0 };
	bool gone = rand_r(seed) % 3 == 0;
	struct gen *g;

	if (hub_replace_sink(h, "local", local_new(local, rand_r(seed)), &err))
		fail("local", &err);
	/* one that comes and goes: no promises about what it misses, but it must neither crash nor stay */
	if (hub_replace_sink(h, "other", gone ? NULL : sink_new(&other_ops, gen_new(other, rand_r(seed)), 0), &err))
		fail("other", &err);
	g = gen_new(far, rand_r(seed));
	if (hub_replace_remote(h, "far", remote_new(&remote_ops, g, hub_store(h), "host"), &err))
		fail("far", &err);
	hub_set_throttle(h, rand_r(seed) % 2 ? 1e9 : 0, 1e9);
	hub_tick(h);
	++*n;
}

int main(void)
{
	struct hub_opts o = { .producers = WORKERS, .window_ms = 1000, .queue_capacity = 1 << 20 };
	struct store_opts so = { .capacity = 1 << 18 };
	struct shared local = { 0 }, far = { 0 }, other = { 0 };
	struct worker w[WORKERS + 1];
	_Atomic bool done = false;
	struct base_err err = { 0 };
	struct hub_stats st;
	struct hub *h = hub_new(&o);
	unsigned seed = 1, changes = 0;
	uint64_t end;

	hub_add_sink(h, local_new(&local, 7));
	if (hub_start(h, &err) < 0 || hub_start_store(h, store_new(&so), &err) < 0)
		fail("start", &err);
	change(h, &local, &far, &other, &seed, &changes); /* the remote one is there from the first alert on */
	for (unsigned i = 0; i < WORKERS; i++) {
		w[i] = (struct worker){ .h = h, .index = i, .seed = i + 1 };
		base_thread_start(&w[i].thread, ROLE_WORKER, "worker", work, &w[i]);
	}
	w[WORKERS] = (struct worker){ .h = h, .all_done = &done };
	base_thread_start(&w[WORKERS].thread, ROLE_NONE, "watch", watch, &w[WORKERS]);
	end = base_mono_ns() + 60000000000u;
	do {
		change(h, &local, &far, &other, &seed, &changes);
		usleep(rand_r(&seed) % 5000);
		hub_stats(h, &st);
	} while (st.delivered < (uint64_t)WORKERS * PER_WORKER - st.dropped_full && base_mono_ns() < end);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(w[i].thread, NULL);
	atomic_store(&done, true);
	pthread_join(w[WORKERS].thread, NULL);
	hub_stop(h);
	hub_stats(h, &st);
	hub_free(h);
	printf("%u changes: submitted %llu, dropped %llu, local %llu, far %llu (%llu twice), bad %llu %llu %llu\n", changes,
	       (unsigned long long)st.submitted, (unsigned long long)st.dropped_full, (unsigned long long)local.seen,
	       (unsigned long long)far.upto, (unsigned long long)far.repeated, (unsigned long long)local.bad,
	       (unsigned long long)far.bad, (unsigned long long)other.bad);
	return st.delivered != st.submitted - st.dropped_full || local.seen != st.delivered || far.upto != st.delivered || local.bad ||
	       far.bad || other.bad || changes < 20;
}
