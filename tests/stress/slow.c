/* 10,000 alerts a second while every output is slow, as a live daemon: who raises alerts never waits, every
 * alert is delivered or counted at every output, and the store has all of them. Exit 0 = good. */
#include "base/thread.h"
#include "sink/hub.h"
#include "sink/remote.h"
#include "sink/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PER_SECOND 10000
#define SECONDS 2
#define WORKERS 2
#define SLOW_MS 50
#define STORE_ALERTS 4096 /* in memory: a commit that takes longer than this many need loses some, counted */
#define SUBMIT_MAX_NS 200000000ull /* of all submissions of 10 ms together; a busy machine may take us off the CPU */

static int slow_write(void *ctx, struct alert *const *batch, unsigned count)
{
	(void)ctx, (void)batch;
	usleep(SLOW_MS * 1000);
	return (int)count;
}

static void slow_close(void *ctx)
{
	(void)ctx;
}

static int slow_send(void *ctx, const struct store_item *item, unsigned count, struct remote_result *ret, struct base_err *err)
{
	(void)ctx, (void)item, (void)count, (void)err;
	usleep(SLOW_MS * 1000);
	ret->done = 1;
	return 0;
}

static const struct sink_ops local_ops = { .name = "local", .write = slow_write, .close = slow_close };
static const struct remote_ops remote_ops[2] = { { .name = "far", .send = slow_send, .close = slow_close },
						 { .name = "farther", .send = slow_send, .close = slow_close } };

struct worker {
	struct hub *h;
	unsigned index;
	uint64_t slowest;
	pthread_t thread;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	char text[400];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned tick = 0; tick < SECONDS * 100; tick++) {
		struct timespec nap = { .tv_nsec = 10000000 };
		uint64_t t0 = base_mono_ns();

		for (unsigned i = 0; i < PER_SECOND / WORKERS / 100; i++) {
			struct alert_text t = { .rule = "r", .line = text, .output = text, .message = text, .fields_json = "{}" };
			struct alert *a = alert_new(&t);

			a->key = (struct okey){ (tick * (PER_SECOND / 100) + i) * WORKERS + w->index + 1, 0 };
			a->priority = 4;
			hub_submit(w->h, w->index, a);
		}
		if (base_mono_ns() - t0 > w->slowest)
			w->slowest = base_mono_ns() - t0;
		nanosleep(&nap, NULL);
	}
	hub_mark(w->h, w->index, OKEY_MAX);
	return NULL;
}

struct check {
	uint64_t total;
	int bad;
};

static void check_sink(void *arg, const struct sink_stats *s)
{
	struct check *c = arg;
	uint64_t all = s->delivered + s->dropped + s->errors + s->waiting;

	printf("%s: delivered %llu dropped %llu waiting %llu%s\n", s->name, (unsigned long long)s->delivered,
	       (unsigned long long)s->dropped, (unsigned long long)s->waiting, all == c->total ? "" : "  BAD");
	c->bad |= all != c->total;
}

int main(void)
{
	struct hub_opts o = { .producers = WORKERS, .window_ms = 5, .queue_capacity = 256 };
	char dir[] = "/tmp/saker-slow-XXXXXX", path[64], mark[80];
	struct check c = { .total = PER_SECOND * SECONDS };
	struct store_opts so = { .path = path, .commit_ms = 20, .capacity = STORE_ALERTS };
	struct worker w[WORKERS];
	struct store_stats st;
	struct hub_stats hs;
	struct base_err err;
	struct store *s;
	struct hub *h;

	snprintf(path, sizeof(path), "%s/a.db", mkdtemp(dir));
	snprintf(mark, sizeof(mark), "%s.mark", path);
	h = hub_new(&o);
	s = store_new(&so);
	hub_set_store(h, s);
	hub_add_sink(h, sink_new(&local_ops, &c, 0));
	for (unsigned i = 0; i < 2; i++)
		hub_add_remote(h, remote_new(&remote_ops[i], &c, s, "h"));
	if (hub_start(h, &err) < 0)
		return 1;
	for (unsigned i = 0; i < WORKERS; i++) {
		w[i] = (struct worker){ .h = h, .index = i };
		base_thread_start(&w[i].thread, ROLE_WORKER, "worker", work, &w[i]);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(w[i].thread, NULL);
		printf("worker %u: slowest tick %.1f ms\n", i, (double)w[i].slowest / 1e6);
		c.bad |= w[i].slowest > SUBMIT_MAX_NS;
	}
	hub_stop(h);
	hub_stats(h, &hs);
	store_stats(s, &st);
	c.total -= hs.dropped_full;
	hub_for_each_sink(h, check_sink, &c);
	printf("hub: dropped %llu; store: committed %llu lost %llu, slowest commit %.1f ms\n", (unsigned long long)hs.dropped_full,
	       (unsigned long long)st.committed, (unsigned long long)st.lost, (double)st.commit_max_ns / 1e6);
	c.bad |= st.committed + st.lost != c.total;
	hub_free(h);
	unlink(path);
	unlink(mark);
	rmdir(dir);
	printf("%s\n", c.bad ? "BAD" : "good");
	return c.bad;
}
