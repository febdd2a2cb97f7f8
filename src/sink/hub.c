/* The hub's thread: takes alerts out of the workers' rings, puts them in order and hands them to the
 * sinks. See hub.h for who may call what.
 *
 * When an alert may go out: when no producer can still come with an earlier one. A producer's bound is
 * the later of its mark and the key of its last alert (its alerts come with rising keys, apart from
 * ALERT_LATE ones). A mark is loaded before the ring is drained, and a producer pushes before it
 * marks, so an alert at or below a mark that was seen is in hand. Live, an alert also goes out
 * when it has waited for one to two windows: a stuck worker must not hold the others' alerts.
 *
 * Sleep: `sleep` says whether the hub is about to sleep and for what. The hub stores it, then looks at
 * rings and marks once more; a producer pushes or marks, then looks at it. All four accesses are
 * seq_cst, so at least one side sees the other's: no alert waits for a wake-up that does not come.
 * The eventfd is written only by whoever takes the word back to AWAKE. */
#include "sink/hub_internal.h"

#include "base/log.h"
#include "base/thread.h"
#include "sink/suppress.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_BATCH 512	   /* per producer and pass: bounds the time to the first delivery */
#define HOLD_MAX 65536	   /* live: alerts held for order; beyond, the earliest go out at once */
#define NAP_ALERTS 8	   /* so many since the last rest: nap instead of sleeping until woken */
#define NAP_NS 200000

/* ---- producers' side --------------------------------------------------------------------- */

void hub_wake(struct hub *h, int at_least)
{
	uint64_t one = 1;

	if (atomic_load(&h->sleep) < at_least || atomic_exchange(&h->sleep, AWAKE) == AWAKE)
		return;
	/* Cannot fail short of 2^64 unread wake-ups. */
	ssize_t r = write(h->wake_fd, &one, sizeof(one));

	(void)r;
}

static void count(_Atomic uint64_t *figure)
{
	/* one writer: a plain increment that readers may look at any time */
	atomic_store_explicit(figure, atomic_load_explicit(figure, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* Replay only. The hub never waits for a worker, so room comes. [worker] */
static void push_wait(struct hub *h, struct producer *p, struct alert *a)
{
	pthread_mutex_lock(&h->room_lock);
	for (;;) {
		atomic_store(&h->room_wanted, true);
		if (hring_push(&p->ring, a))
			break;
		pthread_cond_wait(&h->room, &h->room_lock);
	}
	pthread_mutex_unlock(&h->room_lock);
}

void hub_submit(struct hub *h, unsigned producer, struct alert *a)
{
	struct producer *p = &h->producers[producer];

	count(&p->submitted);
	count(&p->by_priority[a->priority & 7]);
	if (!hring_push(&p->ring, a)) {
		if (!h->opts.ordered) {
			count(&p->dropped);
			alert_unref(a);
			return;
		}
		push_wait(h, p, a);
	}
	hub_wake(h, SLEEP_IDLE);
}

void hub_mark(struct hub *h, unsigned producer, struct okey upto)
{
	struct producer *p = &h->producers[producer];
	/* relaxed: own words */
	uint64_t seq = atomic_load_explicit(&p->mark_seq, memory_order_relaxed);

	if (h->opts.producers == 1)
		return; /* its own order is the order */
	atomic_store_explicit(&p->mark_seq, seq + 1, memory_order_relaxed);
	/* release: the odd count is seen by whoever sees one of these (read_mark) */
	atomic_store_explicit(&p->mark_time, upto.time, memory_order_release);
	atomic_store_explicit(&p->mark_sub, upto.sub, memory_order_release);
	/* seq_cst: for the exchange with `sleep`; also releases what was pushed before */
	atomic_store(&p->mark_seq, seq + 2);
	hub_wake(h, SLEEP_HOLDING);
}

void hub_submit_internal(struct hub *h, struct alert *a)
{
	if (!hring_push(&h->internal, a)) {
		alert_unref(a);
		return;
	}
	hub_wake(h, SLEEP_IDLE);
}

/* ---- the hub's thread -------------------------------------------------------------------- */

/* The producer is between two stores at most: the loop ends after a few rounds. [hub] */
static struct okey read_mark(struct producer *p)
{
	for (;;) {
		uint64_t before = atomic_load(&p->mark_seq); /* pairs with the last store of hub_mark */
		struct okey k;

		k.time = atomic_load_explicit(&p->mark_time, memory_order_acquire);
		k.sub = atomic_load_explicit(&p->mark_sub, memory_order_acquire);
		if (!(before & 1) && before == atomic_load_explicit(&p->mark_seq, memory_order_relaxed))
			return k;
	}
}

/* Counts the alert for its rule. False: its rule has had its share. May replace it by one that tells what was
 * suppressed. [hub] */
static bool admit(struct hub *h, const struct targets *t, struct alert **a)
{
	struct alert *in = *a, *told;
	struct tally_rule *r;

	if (in->flags & ALERT_INTERNAL || !(r = tally_get(&h->tally, in->rule_id, in->rule)))
		return true;
	r->count++;
	if (!(t->rate > 0))
		return true;
	if (!tally_pass(r, t->rate, t->burst, h->opts.ordered ? in->ts : base_mono_ns())) {
		count(&h->suppressed);
		return false;
	}
	if (r->unreported && (told = suppress_tell(in, r->unreported))) {
		r->unreported = 0;
		alert_unref(in);
		*a = told;
	}
	return true;
}

/* Gives one alert to every sink and drops the hub's reference. [hub] */
static void deliver(struct hub *h, struct alert *a)
{
	/* relaxed: the thread's own */
	const struct targets *t = atomic_load_explicit(&h->using, memory_order_relaxed);

	if (!admit(h, t, &a)) {
		alert_unref(a);
		return;
	}
	if (t->store)
		store_put(t->store, a);
	for (unsigned i = 0; i < t->sinks; i++) {
		if (h->opts.ordered)
			sink_put_wait(t->sink[i], a);
		else
			sink_put(t->sink[i], a);
	}
	count(&h->delivered);
	alert_unref(a);
}

static struct okey later(struct okey a, struct okey b)
{
	return okey_less(a, b) ? b : a;
}

/* Takes alerts of one producer; *ret_all: its ring was seen empty. Returns their number. [hub] */
static unsigned drain(struct hub *h, struct producer *p, bool *ret_all)
{
	struct alert *a;
	unsigned n;

	for (n = 0; n < DRAIN_BATCH && (a = hring_pop(&p->ring)); n++) {
		p->last = later(p->last, a->key);
		h->cur_max = later(h->cur_max, a->key);
		/* Nothing to wait for, or no memory to wait in: out at once. */
		if (h->opts.producers == 1 || order_add(&h->order, a) < 0)
			deliver(h, a);
	}
	*ret_all = n < DRAIN_BATCH;
	if (n && atomic_load(&h->room_wanted)) {
		pthread_mutex_lock(&h->room_lock);
		atomic_store(&h->room_wanted, false);
		pthread_cond_broadcast(&h->room);
		pthread_mutex_unlock(&h->room_lock);
	}
	return n;
}

/* What came in before the previous window began has waited long enough. [hub] */
static void move_window(struct hub *h)
{
	uint64_t now, width = (uint64_t)h->opts.window_ms * 1000000u;

	if (h->opts.ordered || !order_top(&h->order))
		return;
	now = base_mono_ns();
	if (now < h->window_end)
		return;
	h->expired = later(h->expired, h->prev_max);
	/* After a long sleep both windows are over. */
	if (now - h->window_end >= width)
		h->expired = later(h->expired, h->cur_max);
	h->prev_max = h->cur_max;
	h->window_end = now + width;
}

/* One round over everything. Returns the number of alerts taken in or given out. [hub] */
static unsigned pass(struct hub *h)
{
	struct okey limit = OKEY_MAX;
	struct alert *a;
	unsigned moved = 0;

	while ((a = hring_pop(&h->internal))) {
		deliver(h, a);
		moved++;
	}
	if (h->opts.producers > 1 && !order_top(&h->order) && !h->opts.ordered)
		h->window_end = base_mono_ns() + (uint64_t)h->opts.window_ms * 1000000u;
	for (unsigned i = 0; i < h->opts.producers; i++) {
		struct producer *p = &h->producers[i];
		struct okey mark = h->opts.producers > 1 ? read_mark(p) : OKEY_MAX;
		bool all;

		p->mark_seen = mark;
		moved += drain(h, p, &all);
		limit = okey_min(limit, all ? later(mark, p->last) : p->last);
	}
	move_window(h);
	limit = later(limit, h->expired);
	while ((a = order_top(&h->order)) &&
	       (!okey_less(limit, a->key) || (!h->opts.ordered && h->order.len > HOLD_MAX))) {
		deliver(h, order_pop(&h->order));
		moved++;
	}
	return moved;
}

/* Anything new since the last pass looked? Called with `sleep` set. [hub] */
static bool news(struct hub *h, bool marks)
{
	if (atomic_load(&h->stop) || !hring_empty(&h->internal) ||
	    atomic_load(&h->targets) != atomic_load_explicit(&h->using, memory_order_relaxed))
		return true;
	for (unsigned i = 0; i < h->opts.producers; i++) {
		struct producer *p = &h->producers[i];

		if (!hring_empty(&p->ring) || (marks && !okey_equal(read_mark(p), p->mark_seen)))
			return true;
	}
	return false;
}

/* [hub] */
static void doze(struct hub *h)
{
	struct pollfd p = { .fd = h->wake_fd, .events = POLLIN };
	bool holding = order_top(&h->order) != NULL;
	uint64_t n, now = base_mono_ns();
	struct timespec t = { 0 };

	atomic_store(&h->sleep, holding ? SLEEP_HOLDING : SLEEP_IDLE);
	if (!news(h, holding)) {
		if (holding && !h->opts.ordered) {
			uint64_t left = h->window_end > now ? h->window_end - now : 0;

			t.tv_sec = (time_t)(left / 1000000000u);
			t.tv_nsec = (long)(left % 1000000000u);
			ppoll(&p, 1, &t, NULL);
		} else {
			ppoll(&p, 1, NULL, NULL);
		}
	}
	atomic_store(&h->sleep, AWAKE);
	/* Empties the eventfd; nothing in it is as good. */
	ssize_t r = read(h->wake_fd, &n, sizeof(n));

	(void)r;
}

static void kick_all(struct hub *h)
{
	const struct targets *t = atomic_load_explicit(&h->using, memory_order_relaxed);

	for (unsigned i = 0; i < t->sinks; i++)
		sink_kick(t->sink[i]);
}

/* Between two passes: other outputs? [hub] */
static void take_targets(struct hub *h)
{
	struct targets *t = atomic_load(&h->targets);

	if (t == atomic_load_explicit(&h->using, memory_order_relaxed))
		return;
	kick_all(h); /* those that leave may sleep on what they have got */
	atomic_store_explicit(&h->using, t, memory_order_release); /* acquired by publish */
}

/* [hub] */
void *hub_main(void *arg)
{
	struct hub *h = arg;

	for (unsigned moved = 0;;) {
		/* seen before the pass: then the pass has seen all that was submitted before stop */
		bool stopping = atomic_load(&h->stop);
		unsigned n;

		take_targets(h);
		n = pass(h);
		moved += n;
		if (n)
			continue;
		kick_all(h);
		if (stopping)
			break;
		/* In a burst a nap costs less than being woken for every alert, on both sides. */
		if (moved >= NAP_ALERTS)
			nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
		else
			doze(h);
		moved = 0;
	}
	while (order_top(&h->order))
		deliver(h, order_pop(&h->order));
	kick_all(h);
	return NULL;
}
