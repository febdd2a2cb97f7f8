/* Worker loop. See worker.h; the marks are explained in gate.h. */
#include "shard/worker.h"
#include "base/rcu.h"

#include <time.h>

#define QUIESCE_EVERY 64

/* Makes the next event of one input visible, if there is one. The mark is loaded (acquire) before
 * the ring is looked at: what the ring does not show then is above the mark. */
static void refill(struct worker *w, unsigned r)
{
	struct worker_input *in = &w->in[r];

	if (in->has_head)
		return;
	if (in->batch && in->off >= in->batch->used) {
		if (!spsc_push(&in->lane->back, in->batch))
			free(in->batch);
		in->batch = NULL;
	}
	if (!in->batch) {
		uint64_t mark = gate_read(w->gate, r);

		in->batch = spsc_pop(&in->lane->out);
		in->off = 0;
		if (!in->batch) {
			in->mark = mark;
			return;
		}
	}
	batch_at(in->batch, &in->off, &in->head);
	in->has_head = true;
}

/* The input whose head is the next event in order, or NULL when that is not known yet. *ret_done:
 * every key up to it (exclusive of nothing) has been run. */
static struct worker_input *next_input(struct worker *w, uint64_t *ret_done)
{
	struct worker_input *best = NULL;
	uint64_t limit = UINT64_MAX;

	for (unsigned r = 0; r < w->readers; r++) {
		struct worker_input *in = &w->in[r];

		refill(w, r);
		if (!in->has_head) {
			if (in->mark < limit)
				limit = in->mark;
		} else if (!best || in->head.key.time < best->head.key.time) {
			best = in;
		}
	}
	if (best && best->head.key.time <= limit)
		return best;
	/* Events are run ahead of the mark of the input they came from: marks must not fall below them. */
	if (limit < w->ran)
		limit = w->ran;
	*ret_done = best && best->head.key.time - 1 < limit ? best->head.key.time - 1 : limit;
	return NULL;
}

static void publish(struct worker *w, uint64_t done)
{
	gate_test_delay(w->gate, 4);
	gate_set_applied(w->gate, w->index, done);
	gate_set_emitted(w->gate, w->index, done);
	gate_publish_applied(w->gate, w->index);
	hub_mark(w->run.o.hub, w->index, (struct okey){ done, 1 });
}

/* True when there is something to do since `done` was computed: a batch is there, a mark has risen, rules have changed. */
static bool moved(struct worker *w)
{
	if (run_set_waits(&w->run))
		return true;
	for (unsigned r = 0; r < w->readers; r++) {
		struct worker_input *in = &w->in[r];

		if (!in->has_head && (gate_read(w->gate, r) > in->mark || spsc_count(&in->lane->out)))
			return true;
	}
	return false;
}

static void park(struct worker *w, bool blocked)
{
	struct park *p = w->park;

	rcu_park_begin();
	pthread_mutex_lock(&p->lock);
	atomic_exchange_explicit(&p->parked, blocked ? PARK_BLOCKED : PARK_IDLE, memory_order_acq_rel);
	while (!moved(w))
		pthread_cond_wait(&p->wake, &p->lock);
	atomic_store_explicit(&p->parked, PARK_AWAKE, memory_order_relaxed);
	pthread_mutex_unlock(&p->lock);
	rcu_park_end();
}

void *worker_main(void *arg)
{
	struct worker *w = arg;
	unsigned since = 0;
	uint64_t done;
	struct timespec cpu;

	rcu_enter();
	for (;;) {
		if (run_set_waits(&w->run))
			run_take_set(&w->run);

		struct worker_input *in = next_input(w, &done);

		if (in) {
			run_event(&w->run, &in->head);
			w->ran = in->head.key.time;
			in->has_head = false;
			if (++since >= QUIESCE_EVERY) {
				since = 0;
				gate_publish_applied(w->gate, w->index);
				/* else the hub would keep everybody's alerts until this worker has nothing to do */
				hub_mark(w->run.o.hub, w->index, (struct okey){ w->ran, 1 });
				run_between(&w->run);
				rcu_quiescent();
			}
			continue;
		}
		publish(w, done);
		run_between(&w->run);
		since = 0;
		if (done == UINT64_MAX)
			break;
		bool blocked = false;

		for (unsigned r = 0; r < w->readers; r++)
			blocked |= w->in[r].has_head;
		park(w, blocked);
	}
	rcu_leave();
	atomic_store_explicit(&w->run.using, NULL, memory_order_release); /* nothing any more */
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	atomic_store_explicit(&w->cpu_ns, (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec,
			      memory_order_relaxed);
	return NULL;
}
