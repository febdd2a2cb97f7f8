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
#include "sink/hub.h"

#include "base/log.h"
#include "base/thread.h"
#include "sink/order.h"
#include "sink/remote.h"
#include "sink/ring.h"
#include "sink/sink.h"
#include "sink/store.h"
#include "sink/suppress.h"
#include "sink/tally.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define RING_ALERTS 4096   /* per producer */
#define RING_INTERNAL 64
#define DRAIN_BATCH 512	   /* per producer and pass: bounds the time to the first delivery */
#define HOLD_MAX 65536	   /* live: alerts held for order; beyond, the earliest go out at once */
#define MAX_SINKS 8
#define NAP_ALERTS 8	   /* so many since the last rest: nap instead of sleeping until woken */
#define NAP_NS 200000

enum { AWAKE, SLEEP_IDLE, SLEEP_HOLDING };

struct producer {
	struct hub_ring ring;

	/* The mark: two words under a sequence count (odd while written). Written by the producer, read
	 * by the hub. Both words are stored with release and loaded with acquire, so whoever reads a
	 * new word also reads the odd count that went before it and tries again. */
	_Alignas(64) _Atomic uint64_t mark_seq;
	_Atomic uint64_t mark_time, mark_sub;

	/* written by the producer alone, read by anyone: relaxed, plain figures */
	_Atomic uint64_t submitted, dropped, by_priority[8];

	/* the hub's own */
	_Alignas(64) struct okey last, mark_seen;
};

struct hub {
	struct hub_opts opts;
	struct producer *producers; /* owned array */
	struct hub_ring internal;   /* from main */
	struct sink *sinks[MAX_SINKS]; /* owned */
	unsigned nsinks;
	struct remote *remotes[MAX_SINKS]; /* owned */
	unsigned nremotes;
	struct store *store; /* owned; what the remotes read */

	_Alignas(64) _Atomic int sleep;
	int wake_fd;
	_Atomic bool stop; /* main -> hub; seq_cst like the rings, for the same reason */

	/* replay: a worker in front of a full ring sleeps here. room_wanted is part of the same kind of
	 * exchange: worker sets it, then tries the ring; hub pops, then looks at it (all seq_cst). */
	pthread_mutex_t room_lock;
	pthread_cond_t room;
	_Atomic bool room_wanted;

	/* the hub's own */
	struct order order;
	struct okey cur_max, prev_max, expired; /* live: largest keys that came in this and the last window */
	uint64_t window_end;
	struct tally tally; /* read by main after the thread has ended */
	_Atomic uint64_t delivered, suppressed; /* relaxed figures */

	pthread_t thread;
	bool started;
};

struct hub *hub_new(const struct hub_opts *opts)
{
	struct hub *h = aligned_alloc(64, sizeof(*h));

	if (!h)
		return NULL;
	memset(h, 0, sizeof(*h));
	h->opts = *opts;
	if (!h->opts.producers)
		h->opts.producers = 1;
	if (h->opts.producers == 1)
		h->opts.window_ms = 0;
	pthread_mutex_init(&h->room_lock, NULL);
	pthread_cond_init(&h->room, NULL);
	h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	h->producers = aligned_alloc(64, h->opts.producers * sizeof(*h->producers));
	if (h->producers)
		memset(h->producers, 0, h->opts.producers * sizeof(*h->producers));
	if (h->wake_fd < 0 || !h->producers || hring_init(&h->internal, RING_INTERNAL))
		goto fail;
	for (unsigned i = 0; i < h->opts.producers; i++) {
		if (hring_init(&h->producers[i].ring, RING_ALERTS))
			goto fail;
	}
	return h;
fail:
	hub_free(h);
	return NULL;
}

void hub_add_sink(struct hub *h, struct sink *s)
{
	if (h->nsinks == MAX_SINKS) {
		log_err("output \"%s\" left out: at most %d outputs", sink_name(s), MAX_SINKS);
		sink_free(s);
		return;
	}
	if (h->opts.queue_capacity)
		sink_set_capacity(s, h->opts.queue_capacity);
	h->sinks[h->nsinks++] = s;
}

void hub_set_store(struct hub *h, struct store *s)
{
	h->store = s;
}

void hub_add_remote(struct hub *h, struct remote *r)
{
	if (h->nremotes == MAX_SINKS) {
		log_err("output \"%s\" left out: at most %d remote outputs", remote_name(r), MAX_SINKS);
		remote_free(r);
		return;
	}
	h->remotes[h->nremotes++] = r;
}

/* ---- producers' side --------------------------------------------------------------------- */

static void wake(struct hub *h, int at_least)
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
	wake(h, SLEEP_IDLE);
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
	wake(h, SLEEP_HOLDING);
}

void hub_submit_internal(struct hub *h, struct alert *a)
{
	if (!hring_push(&h->internal, a)) {
		alert_unref(a);
		return;
	}
	wake(h, SLEEP_IDLE);
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
static bool admit(struct hub *h, struct alert **a)
{
	struct alert *in = *a, *told;
	struct tally_rule *r;

	if (in->flags & ALERT_INTERNAL || !(r = tally_get(&h->tally, in->rule_id, in->rule)))
		return true;
	r->count++;
	if (!(h->opts.rate > 0))
		return true;
	if (!tally_pass(r, h->opts.rate, h->opts.burst, h->opts.ordered ? in->ts : base_mono_ns())) {
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
	if (!admit(h, &a)) {
		alert_unref(a);
		return;
	}
	if (h->store)
		store_put(h->store, a);
	for (unsigned i = 0; i < h->nsinks; i++) {
		if (h->opts.ordered)
			sink_put_wait(h->sinks[i], a);
		else
			sink_put(h->sinks[i], a);
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
	if (atomic_load(&h->stop) || !hring_empty(&h->internal))
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

/* [hub] */
static void *hub_main(void *arg)
{
	struct hub *h = arg;

	for (unsigned moved = 0;;) {
		/* seen before the pass: then the pass has seen all that was submitted before stop */
		bool stopping = atomic_load(&h->stop);
		unsigned n = pass(h);

		moved += n;
		if (n)
			continue;
		for (unsigned i = 0; i < h->nsinks; i++)
			sink_kick(h->sinks[i]);
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
	for (unsigned i = 0; i < h->nsinks; i++)
		sink_kick(h->sinks[i]);
	return NULL;
}

/* ---- main's side ------------------------------------------------------------------------- */

/* Those that cannot be opened are told and left out. */
static void start_sinks(struct hub *h)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < h->nsinks; i++) {
		struct base_err e = { 0 };

		if (sink_start(h->sinks[i], &e) < 0) {
			log_err("Failed to init output: %s", e.msg);
			sink_free(h->sinks[i]);
			continue;
		}
		h->sinks[kept++] = h->sinks[i];
	}
	h->nsinks = kept;
}

static void start_remotes(struct hub *h)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < h->nremotes; i++) {
		struct base_err e = { 0 };

		if (remote_start(h->remotes[i], &e) < 0) {
			log_err("Failed to init output: %s", e.msg);
			remote_free(h->remotes[i]);
			continue;
		}
		h->remotes[kept++] = h->remotes[i];
	}
	h->nremotes = kept;
}

int hub_start(struct hub *h, struct base_err *err)
{
	int r = h->store ? store_start(h->store, err) : 0;

	if (r < 0)
		return r;
	start_sinks(h);
	start_remotes(h);
	if (!h->nsinks && !h->nremotes) {
		base_err_set(err, NULL, 0, 0, "no output could be started");
		return -ENOENT;
	}
	r = base_thread_start(&h->thread, ROLE_HUB, "hub", hub_main, h);
	if (r < 0) {
		base_err_set(err, NULL, 0, 0, "cannot start the hub's thread: %s", strerror(-r));
		return r;
	}
	h->started = true;
	return 0;
}

void hub_hurry(struct hub *h)
{
	for (unsigned i = 0; i < h->nsinks; i++)
		sink_hurry(h->sinks[i]);
	if (h->store)
		store_hurry(h->store);
}

/* The way of the data: hub, local sinks, commit of the rest, remote sinks, end of the store. */
void hub_stop(struct hub *h)
{
	if (h->started) {
		atomic_store(&h->stop, true);
		wake(h, SLEEP_IDLE);
		pthread_join(h->thread, NULL);
		h->started = false;
	}
	for (unsigned i = 0; i < h->nremotes; i++)
		remote_request_stop(h->remotes[i]);
	for (unsigned i = 0; i < h->nsinks; i++)
		sink_stop(h->sinks[i]);
	if (h->store)
		store_flush(h->store);
	for (unsigned i = 0; i < h->nremotes; i++)
		remote_last_call(h->remotes[i]);
	for (unsigned i = 0; i < h->nremotes; i++)
		remote_stop(h->remotes[i]);
	if (h->store)
		store_stop(h->store);
}

void hub_free(struct hub *h)
{
	struct alert *a;

	if (!h)
		return;
	hub_stop(h);
	for (unsigned i = 0; i < h->nsinks; i++)
		sink_free(h->sinks[i]);
	for (unsigned i = 0; i < h->nremotes; i++)
		remote_free(h->remotes[i]);
	store_free(h->store);
	for (unsigned i = 0; h->producers && i < h->opts.producers; i++) {
		if (!h->producers[i].ring.slot)
			continue;
		while ((a = hring_pop(&h->producers[i].ring)))
			alert_unref(a);
		hring_fini(&h->producers[i].ring);
	}
	if (h->internal.slot) {
		while ((a = hring_pop(&h->internal)))
			alert_unref(a);
		hring_fini(&h->internal);
	}
	order_fini(&h->order);
	tally_fini(&h->tally);
	if (h->wake_fd >= 0)
		close(h->wake_fd);
	pthread_mutex_destroy(&h->room_lock);
	pthread_cond_destroy(&h->room);
	free(h->producers);
	free(h);
}

void hub_reopen(struct hub *h)
{
	for (unsigned i = 0; i < h->nsinks; i++)
		sink_request_reopen(h->sinks[i]);
}

void hub_stats(struct hub *h, struct hub_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->delivered = atomic_load_explicit(&h->delivered, memory_order_relaxed);
	ret->suppressed = atomic_load_explicit(&h->suppressed, memory_order_relaxed);
	for (unsigned i = 0; i < h->opts.producers; i++) {
		struct producer *p = &h->producers[i];

		ret->submitted += atomic_load_explicit(&p->submitted, memory_order_relaxed);
		ret->dropped_full += atomic_load_explicit(&p->dropped, memory_order_relaxed);
		ret->waiting += hring_count(&p->ring);
		for (int k = 0; k < 8; k++)
			ret->by_priority[k] += atomic_load_explicit(&p->by_priority[k], memory_order_relaxed);
	}
}

void hub_for_each_rule(struct hub *h, void (*fn)(void *arg, const struct tally_rule *r), void *arg)
{
	tally_for_each(&h->tally, fn, arg);
}

void hub_for_each_sink(struct hub *h, void (*fn)(void *arg, const struct sink_stats *s), void *arg)
{
	struct sink_stats st;

	for (unsigned i = 0; i < h->nsinks; i++) {
		sink_stats(h->sinks[i], &st);
		fn(arg, &st);
	}
	for (unsigned i = 0; i < h->nremotes; i++) {
		remote_stats(h->remotes[i], &st);
		fn(arg, &st);
	}
}

struct store *hub_store(const struct hub *h)
{
	return h->store;
}
