/* The thread of every remote sink. See remote.h.
 *
 * A gap in the numbers becomes an alert of its own, source internal, in front of the alerts that follow it, so
 * the receiver knows that and how much is missing. */
#include "sink/remote.h"

#include "base/log.h"
#include "base/thread.h"
#include "sink/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 256
#define PAUSE_FIRST_NS 250000000ull
#define PAUSE_MAX_NS 30000000000ull
#define IDLE_NS 60000000000ull
#define STOP_PATIENCE_NS 5000000000ull
#define HAND_OVER_NS 1000000000ull
#define GAP_RULE "Saker internal: alerts discarded"

struct remote {
	const struct remote_ops *ops;
	void *ctx; /* owned by ops */
	struct store *store; /* borrowed */
	int reader;
	const char *hostname; /* borrowed */

	_Atomic bool stop;	   /* relaxed: followed by store_wake or a signal of `nap` */
	_Atomic bool handing;	   /* another one goes on: end after the request under way; relaxed, like stop */
	_Atomic uint64_t give_up;  /* monotonic: when to stop trying; 0 not yet known. relaxed */
	pthread_mutex_t lock;
	pthread_cond_t nap;  /* main -> a sleeping sink thread */
	pthread_cond_t over; /* sink thread -> main */
	bool ended;	     /* under lock */

	/* relaxed figures */
	_Atomic uint64_t delivered, dropped, rejected, retries;
	struct sink_health health;

	unsigned seed; /* of the jitter */
	pthread_t thread;
	bool started;
};

struct remote *remote_new(const struct remote_ops *ops, void *ctx, struct store *store, const char *hostname)
{
	struct remote *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	if (!r)
		return NULL;
	r->ops = ops;
	r->ctx = ctx;
	r->store = store;
	r->hostname = hostname;
	r->seed = (unsigned)base_now_ns();
	r->reader = store_add_reader(store, ops->name);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->nap, &attr);
	pthread_cond_init(&r->over, &attr);
	pthread_condattr_destroy(&attr);
	return r;
}

const char *remote_name(const struct remote *r)
{
	return r->ops->name;
}

static void add(_Atomic uint64_t *figure, uint64_t n)
{
	atomic_fetch_add_explicit(figure, n, memory_order_relaxed);
}

static bool stopping(const struct remote *r)
{
	return atomic_load_explicit(&r->stop, memory_order_relaxed);
}

/* ---- state ------------------------------------------------------------------------------- */

static void failure(struct remote *r, const struct base_err *err)
{
	add(&r->retries, 1);
	if (!sink_health_fail(&r->health))
		return;
	if (atomic_load_explicit(&r->health.state, memory_order_relaxed) == SINK_DOWN)
		log_err("output \"%s\" has been down for %llu s, %llu alerts wait for it: %s", r->ops->name,
			(unsigned long long)(sink_health_failing_ns(&r->health) / 1000000000u),
			(unsigned long long)store_backlog(r->store, r->reader), err->msg);
	else
		log_warn("output \"%s\" fails and is tried again: %s", r->ops->name, err->msg);
}

static void success(struct remote *r)
{
	double s = (double)sink_health_failing_ns(&r->health) / 1e9;

	if (sink_health_ok(&r->health))
		log_notice("output \"%s\" works again after %.1f s, %llu alerts wait for it", r->ops->name, s,
			   (unsigned long long)store_backlog(r->store, r->reader));
}

/* Sleeps between half of pause and all of it, so that many of us do not come back at the same moment. */
static void pause_for(struct remote *r, uint64_t pause)
{
	uint64_t t = base_mono_ns() + pause / 2 + (uint64_t)rand_r(&r->seed) % (pause / 2 + 1);
	struct timespec until = { .tv_sec = (time_t)(t / 1000000000u), .tv_nsec = (long)(t % 1000000000u) };

	pthread_mutex_lock(&r->lock);
	while (!stopping(r) && pthread_cond_timedwait(&r->nap, &r->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&r->lock);
}

/* ---- sending ----------------------------------------------------------------------------- */

static bool out_of_time(const struct remote *r)
{
	if (atomic_load_explicit(&r->handing, memory_order_relaxed))
		return true;

	uint64_t end = atomic_load_explicit(&r->give_up, memory_order_relaxed);

	return end && base_mono_ns() >= end;
}

/* Without a file, and in replay, nothing is left for later. */
static bool must_finish(const struct remote *r)
{
	return store_waits(r->store) || !store_is_durable(r->store);
}

/* Sends the items, again and again, until all are done or it is time to stop. Acknowledges on the way. */
static bool send_all(struct remote *r, const struct store_item *item, unsigned count)
{
	uint64_t pause = PAUSE_FIRST_NS;
	unsigned done = 0;

	while (done < count) {
		struct remote_result res = { 0 };
		struct base_err err = { 0 };
		int e = r->ops->send(r->ctx, item + done, count - done, &res, &err);

		if (res.done) {
			done += res.done;
			add(&r->delivered, res.done - res.rejected);
			add(&r->rejected, res.rejected);
			if (item[done - 1].id)
				store_ack(r->store, r->reader, item[done - 1].id);
			success(r);
			pause = PAUSE_FIRST_NS;
		}
		if (out_of_time(r))
			return done == count;
		if (e == 0 && done < count && res.done)
			continue;
		if (done == count)
			break;
		if (stopping(r) && !must_finish(r))
			return false;
		failure(r, &err);
		if (stopping(r))
			nanosleep(&(struct timespec){ .tv_nsec = PAUSE_FIRST_NS }, NULL);
		else
			pause_for(r, pause);
		pause = 2 * pause < PAUSE_MAX_NS ? 2 * pause : PAUSE_MAX_NS;
	}
	return true;
}

/* Tells the receiver what it will not get. */
static bool send_gap(struct remote *r, const struct store_batch *b)
{
	const struct internal_field f[] = {
		{ .name = "first", .number = b->first_missing },
		{ .name = "last", .number = b->upto },
		{ .name = "n_discarded", .number = b->missing },
		{ .name = "output", .text = r->ops->name },
	};
	struct store_item item = { .id = 0 };
	char msg[160];
	bool ok = true;

	add(&r->dropped, b->missing);
	snprintf(msg, sizeof(msg), GAP_RULE ". %llu alerts before number %llu were lost before they could be delivered.",
		 (unsigned long long)b->missing, (unsigned long long)b->upto + 1);
	log_warn("output \"%s\": %s", r->ops->name, msg);
	item.a = internal_alert_new(GAP_RULE, LOG_L_WARNING, base_now_ns(), r->hostname, msg, f, sizeof(f) / sizeof(f[0]));
	if (item.a)
		ok = send_all(r, &item, 1);
	alert_unref(item.a);
	return ok;
}

/* One batch. False: time to end. */
static bool deliver(struct remote *r, struct store_batch *b)
{
	bool ok = true;

	if (b->missing)
		ok = send_gap(r, b);
	if (ok && b->count)
		ok = send_all(r, b->item, b->count);
	if (ok)
		store_ack(r->store, r->reader, b->upto);
	for (unsigned i = 0; i < b->count; i++)
		alert_unref(b->item[i].a);
	return ok;
}

/* [sink] */
static void *remote_main(void *arg)
{
	struct remote *r = arg;
	struct store_item item[BATCH];
	struct base_err err = { .msg = "the store cannot be read" };

	for (;;) {
		struct store_batch b = { .item = item, .max = BATCH };
		uint64_t end = atomic_load_explicit(&r->give_up, memory_order_relaxed);

		if (out_of_time(r))
			break;
		if (store_fetch(r->store, r->reader, &b) < 0) {
			if (stopping(r))
				break;
			failure(r, &err);
			pause_for(r, 4 * PAUSE_FIRST_NS);
		} else if (b.count || b.missing) {
			if (!deliver(r, &b))
				break;
		} else if (end) {
			break; /* all is committed and delivered */
		} else {
			/* between the request to stop and the last commit there may be nothing for a while */
			if (stopping(r))
				nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
			else
				store_wait(r->store, r->reader, &r->stop, IDLE_NS);
		}
	}
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_cond_signal(&r->over);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* ---- main's side ------------------------------------------------------------------------- */

int remote_start(struct remote *r, struct base_err *err)
{
	char name[32] = "sink/";
	int e;

	if (r->reader < 0)
		return base_err_set(err, NULL, 0, 0, "too many remote outputs");
	if (r->ops->attach)
		r->ops->attach(r->ctx, r->store, r->reader);
	if (r->ops->open && (e = r->ops->open(r->ctx, err)) < 0)
		return e;
	strncat(name, r->ops->name, sizeof(name) - 6);
	e = base_thread_start(&r->thread, ROLE_SINK, name, remote_main, r);
	if (e < 0) {
		base_err_set(err, NULL, 0, 0, "cannot start thread %s: %s", name, strerror(-e));
		return e;
	}
	r->started = true;
	return 0;
}

void remote_request_stop(struct remote *r)
{
	if (!r->started)
		return;
	pthread_mutex_lock(&r->lock);
	atomic_store_explicit(&r->stop, true, memory_order_relaxed);
	pthread_cond_signal(&r->nap);
	pthread_mutex_unlock(&r->lock);
	if (r->ops->ending)
		r->ops->ending(r->ctx);
	store_wake(r->store);
}

static uint64_t progress(const struct remote *r)
{
	return atomic_load_explicit(&r->delivered, memory_order_relaxed) +
	       atomic_load_explicit(&r->rejected, memory_order_relaxed);
}

static bool ends_by(struct remote *r, uint64_t mono)
{
	struct timespec until = { .tv_sec = (time_t)(mono / 1000000000u), .tv_nsec = (long)(mono % 1000000000u) };
	bool ended;

	pthread_mutex_lock(&r->lock);
	while (!r->ended && pthread_cond_timedwait(&r->over, &r->lock, &until) != ETIMEDOUT)
		;
	ended = r->ended;
	pthread_mutex_unlock(&r->lock);
	return ended;
}

void remote_last_call(struct remote *r)
{
	atomic_store_explicit(&r->give_up, must_finish(r) ? UINT64_MAX : base_mono_ns() + STOP_PATIENCE_NS, memory_order_relaxed);
}

/* Waits for the thread as long as it may take. True: it has ended. */
static bool wait_patiently(struct remote *r)
{
	for (;;) {
		uint64_t before = progress(r), end = atomic_load_explicit(&r->give_up, memory_order_relaxed);

		if (ends_by(r, end == UINT64_MAX ? base_mono_ns() + STOP_PATIENCE_NS : end))
			return true;
		if (!must_finish(r) || progress(r) == before)
			return false;
	}
}

void remote_stop(struct remote *r)
{
	uint64_t left;

	if (!r->started)
		return;
	if (!stopping(r))
		remote_request_stop(r);
	if (!atomic_load_explicit(&r->give_up, memory_order_relaxed))
		remote_last_call(r);
	r->started = false;
	if (!wait_patiently(r)) {
		atomic_store_explicit(&r->give_up, 1, memory_order_relaxed);
		if (r->ops->interrupt)
			r->ops->interrupt(r->ctx);
	}
	pthread_join(r->thread, NULL);
	left = store_backlog(r->store, r->reader);
	if (!left)
		return;
	if (store_is_durable(r->store)) {
		log_notice("output \"%s\": %llu alerts stay in the store for the next run", r->ops->name, (unsigned long long)left);
		return;
	}
	add(&r->dropped, left);
	log_err("output \"%s\": %llu alerts could not be delivered and are lost (there is no store)", r->ops->name,
		(unsigned long long)left);
}

void remote_hand_over(struct remote *r)
{
	if (!r->started)
		return;
	atomic_store_explicit(&r->handing, true, memory_order_relaxed);
	remote_request_stop(r);
	r->started = false;
	if (!ends_by(r, base_mono_ns() + HAND_OVER_NS) && r->ops->interrupt)
		r->ops->interrupt(r->ctx);
	pthread_join(r->thread, NULL);
}

void remote_free(struct remote *r)
{
	if (!r)
		return;
	remote_stop(r);
	r->ops->close(r->ctx);
	pthread_cond_destroy(&r->nap);
	pthread_cond_destroy(&r->over);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void remote_stats(struct remote *r, struct sink_stats *ret)
{
	*ret = (struct sink_stats){
		.name = r->ops->name,
		.remote = true,
		.state = atomic_load_explicit(&r->health.state, memory_order_relaxed),
		.since_ns = atomic_load_explicit(&r->health.since_ns, memory_order_relaxed),
		.delivered = atomic_load_explicit(&r->delivered, memory_order_relaxed),
		.dropped = atomic_load_explicit(&r->dropped, memory_order_relaxed),
		.errors = atomic_load_explicit(&r->rejected, memory_order_relaxed),
		.retries = atomic_load_explicit(&r->retries, memory_order_relaxed),
		.waiting = store_backlog(r->store, r->reader),
	};
}
