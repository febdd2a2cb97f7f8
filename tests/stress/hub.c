/* Stress for the hub (run it under ThreadSanitizer too): several workers submit and mark at random
 * speeds. Ordered: everything arrives, in the one order. Live: everything submitted is delivered or
 * counted as dropped, and the hub never sleeps through a submission. Exit 0 = good. */
#include "base/thread.h"
#include "sink/hub.h"
#include "sink/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS 4
#define PER_WORKER 20000

struct check {
	uint64_t seen, out_of_order, last;
	unsigned slow;
};

static int check_write(void *ctx, struct alert *const *batch, unsigned count)
{
	struct check *c = ctx;

	for (unsigned i = 0; i < count; i++) {
		if (batch[i]->key.time <= c->last)
			c->out_of_order++;
		c->last = batch[i]->key.time;
	}
	c->seen += count;
	if (c->slow && c->seen % 512 < count)
		usleep(c->slow);
	return (int)count;
}

static void check_close(void *ctx)
{
	(void)ctx;
}

static const struct sink_ops check_ops = { .name = "check", .write = check_write, .close = check_close };

struct worker {
	struct hub *h;
	unsigned index, seed;
	pthread_t thread;
};

/* Keys of worker w are w+1, w+1+WORKERS, ...: unique and interleaved. */
static void *work(void *arg)
{
	struct worker *w = arg;

	for (uint64_t i = 0; i < PER_WORKER; i++) {
		struct alert_text t = { .rule = "r" };
		struct okey k = { i * WORKERS + w->index + 1, 0 };

		if (rand_r(&w->seed) % 3) {
			struct alert *a = alert_new(&t);

			a->key = k;
			hub_submit(w->h, w->index, a);
		}
		if (rand_r(&w->seed) % 4 == 0)
			hub_mark(w->h, w->index, k);
		if (rand_r(&w->seed) % 2000 == 0)
			usleep(rand_r(&w->seed) % 2000);
	}
	hub_mark(w->h, w->index, OKEY_MAX);
	return NULL;
}

static int run(bool ordered, unsigned slow, uint32_t capacity, unsigned seed)
{
	struct hub_opts o = { .producers = WORKERS, .window_ms = 5, .ordered = ordered, .queue_capacity = capacity };
	struct check c = { .slow = slow };
	struct worker w[WORKERS];
	struct hub_stats st;
	struct sink_stats ss;
	struct base_err err;
	struct hub *h = hub_new(&o);
	struct sink *s = sink_new(&check_ops, &c, 0);
	int bad = 0;

	hub_add_sink(h, s);
	if (hub_start(h, &err) < 0)
		return 1;
	for (unsigned i = 0; i < WORKERS; i++) {
		w[i] = (struct worker){ .h = h, .index = i, .seed = seed * 31 + i };
		base_thread_start(&w[i].thread, ROLE_WORKER, "worker", work, &w[i]);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(w[i].thread, NULL);

	/* All marks are at the end: everything must come out by itself, without the help of stop. */
	uint64_t end = base_mono_ns() + 20000000000u;

	for (;;) {
		hub_stats(h, &st);
		if (st.delivered == st.submitted - st.dropped_full || base_mono_ns() > end)
			break;
		usleep(1000);
	}
	hub_stop(h);
	hub_stats(h, &st);
	sink_stats(s, &ss);
	if (st.delivered != st.submitted - st.dropped_full || ss.delivered + ss.dropped != st.delivered ||
	    ss.delivered != c.seen)
		bad = 1;
	if (ordered && (c.out_of_order || st.dropped_full || ss.dropped))
		bad = 1;
	printf("%s slow=%u capacity=%u: submitted %llu delivered %llu dropped %llu+%llu out of order %llu%s\n",
	       ordered ? "ordered" : "live", slow, capacity, (unsigned long long)st.submitted,
	       (unsigned long long)ss.delivered, (unsigned long long)st.dropped_full,
	       (unsigned long long)ss.dropped, (unsigned long long)c.out_of_order, bad ? "  BAD" : "");
	hub_free(h);
	return bad;
}

int main(void)
{
	int bad = 0;

	for (unsigned seed = 1; seed <= 3; seed++) {
		bad |= run(true, 0, 0, seed);
		bad |= run(true, 200, 16, seed);
		bad |= run(false, 0, 0, seed);
		bad |= run(false, 1000, 64, seed);
	}
	return bad;
}
