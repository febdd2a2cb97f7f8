/* The queue and thread of every sink. The hub puts alerts in, the sink's thread takes them out in
 * batches and hands them to the sink's own write. A sink that is slow or stuck fills its own queue and
 * loses its own alerts, counted; nobody else waits for it.
 *
 * Queue: one mutex; producer: hub, consumer: the sink's thread; capacity in alerts and in bytes; full:
 * dropped and counted, or waited for (replay). The queue holds one reference per alert; the sink's
 * thread drops it after the write. Shutdown: sink_stop lets the thread write what is queued. */
#include "sink/sink.h"

#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUE_DEFAULT 16384
#define QUEUE_MAX (1u << 24)
#define QUEUE_BYTES (64u << 20) /* alerts can be long: the count alone would not bound memory */
#define BATCH 64
#define FLUSH_IDLE_NS 1000000000ull /* buffered output gets out after a second without alerts */
#define STOP_PATIENCE_NS 5000000000ull

struct sink {
	const struct sink_ops *ops;
	void *ctx; /* owned by ops */
	uint32_t capacity;
	uint64_t timeout_ns;

	pthread_mutex_t lock;
	pthread_cond_t work; /* hub, main -> sink thread */
	pthread_cond_t room; /* sink thread -> waiting hub, main */
	/* under lock */
	struct alert **queue; /* owned, circular */
	uint32_t head, count;
	uint64_t bytes;
	bool stop, reopen, room_wanted, hurry;
	bool ended;    /* the thread is over, or about to be */
	bool given_up; /* stuck while the daemon stops: takes nothing any more */
	bool full_logged, slow_logged;

	/* relaxed throughout: figures and hints, nothing is published through them */
	_Atomic uint64_t delivered, dropped, errors;
	_Atomic uint64_t end_ns; /* monotonic: sink_stop gives up then, also on one that makes progress; 0 no such time */
	_Atomic uint64_t busy_since; /* start of the write under way, 0 none */
	struct sink_health health;

	pthread_t thread;
	bool started;
	/* What was here before: its thread writes what it has before this one's begins. Owned; changed under lock. */
	struct sink *before;
	uint64_t before_delivered, before_dropped, before_errors; /* of all that were here; under lock */
	bool abandoned; /* the thread hangs in a write that cannot be interrupted: nothing may be freed */
};

struct sink *sink_new(const struct sink_ops *ops, void *ctx, uint32_t queue_capacity)
{
	struct sink *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	s->ops = ops;
	s->ctx = ctx;
	sink_set_capacity(s, queue_capacity);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->work, &attr);
	pthread_cond_init(&s->room, &attr); /* both monotonic: the wall clock may jump */
	pthread_condattr_destroy(&attr);
	return s;
}

void sink_set_capacity(struct sink *s, uint32_t alerts)
{
	if (s->started)
		return;
	s->capacity = !alerts ? QUEUE_DEFAULT : alerts > QUEUE_MAX ? QUEUE_MAX : alerts;
}

void sink_set_timeout(struct sink *s, uint32_t ms)
{
	s->timeout_ns = (uint64_t)ms * 1000000u;
}

const char *sink_name(const struct sink *s)
{
	return s->ops->name;
}

/* Takes up to BATCH alerts. Lock held. */
static unsigned take(struct sink *s, struct alert **batch)
{
	unsigned n = s->count < BATCH ? s->count : BATCH;

	for (unsigned i = 0; i < n; i++) {
		batch[i] = s->queue[s->head];
		s->bytes -= batch[i]->size;
		if (++s->head == s->capacity)
			s->head = 0;
	}
	s->count -= n;
	if (n && s->room_wanted) {
		s->room_wanted = false;
		pthread_cond_signal(&s->room);
	}
	return n;
}

/* [sink] */
static void deliver(struct sink *s, struct alert **batch, unsigned n)
{
	int r;

	atomic_store_explicit(&s->busy_since, base_mono_ns(), memory_order_relaxed);
	r = s->ops->write(s->ctx, batch, n);
	atomic_store_explicit(&s->busy_since, 0, memory_order_relaxed);
	unsigned good = r < 0 ? 0 : (unsigned)r > n ? n : (unsigned)r;

	/* Local sinks are best effort: what could not be written is counted, not retried. */
	if (good < n) {
		atomic_fetch_add_explicit(&s->errors, n - good, memory_order_relaxed);
		sink_health_fail(&s->health);
	} else {
		sink_health_ok(&s->health);
	}
	atomic_fetch_add_explicit(&s->delivered, good, memory_order_relaxed);
	for (unsigned i = 0; i < n; i++)
		alert_unref(batch[i]);
}

static struct timespec deadline(uint64_t ns_from_now)
{
	uint64_t t = base_mono_ns() + ns_from_now;

	return (struct timespec){ .tv_sec = (time_t)(t / 1000000000u), .tv_nsec = (long)(t % 1000000000u) };
}

static void add_stats(struct sink_stats *to, const struct sink_stats *s)
{
	to->delivered += s->delivered;
	to->dropped += s->dropped;
	to->errors += s->errors;
}

/* Lets the one before write what it has; then it is gone, but for its figures. [sink] */
static void end_before(struct sink *s)
{
	struct sink_stats st = { 0 };
	struct sink *old = s->before;

	if (!old)
		return;
	sink_stop(old);
	sink_stats(old, &st);
	pthread_mutex_lock(&s->lock);
	s->before_delivered = st.delivered;
	s->before_dropped = st.dropped;
	s->before_errors = st.errors;
	s->before = NULL;
	pthread_mutex_unlock(&s->lock);
	sink_free(old);
}

/* [sink] */
static void *sink_main(void *p)
{
	struct sink *s = p;
	bool unflushed = false;

	end_before(s);
	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct alert *batch[BATCH];
		unsigned n = take(s, batch);
		bool reopen = s->reopen;

		s->reopen = false;
		if (!n && !reopen) {
			struct timespec until;

			if (s->stop)
				break;
			if (!unflushed) {
				pthread_cond_wait(&s->work, &s->lock);
				continue;
			}
			until = deadline(FLUSH_IDLE_NS);
			if (pthread_cond_timedwait(&s->work, &s->lock, &until) == ETIMEDOUT) {
				pthread_mutex_unlock(&s->lock);
				s->ops->flush(s->ctx);
				unflushed = false;
				pthread_mutex_lock(&s->lock);
			}
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		if (n) {
			deliver(s, batch, n);
			unflushed = s->ops->flush != NULL;
		}
		if (reopen && s->ops->reopen)
			s->ops->reopen(s->ctx);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	if (s->ops->flush)
		s->ops->flush(s->ctx);
	pthread_mutex_lock(&s->lock);
	s->ended = true;
	pthread_cond_signal(&s->room);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int sink_open(struct sink *s, struct base_err *err)
{
	int r;

	s->queue = calloc(s->capacity, sizeof(struct alert *));
	if (!s->queue) {
		base_err_set(err, NULL, 0, 0, "no memory for the queue of output \"%s\" (%u alerts)", s->ops->name, s->capacity);
		return -ENOMEM;
	}
	if (s->ops->open && (r = s->ops->open(s->ctx, err)) < 0)
		return r;
	return 0;
}

int sink_run(struct sink *s, struct sink *before, struct base_err *err)
{
	char name[32] = "sink/";
	int r;

	pthread_mutex_lock(&s->lock);
	s->before = before;
	pthread_mutex_unlock(&s->lock);
	strncat(name, s->ops->name, sizeof(name) - 6);
	r = base_thread_start(&s->thread, ROLE_SINK, name, sink_main, s);
	if (r < 0) {
		base_err_set(err, NULL, 0, 0, "cannot start thread %s: %s", name, strerror(-r));
		pthread_mutex_lock(&s->lock);
		s->before = NULL;
		pthread_mutex_unlock(&s->lock);
		return r;
	}
	s->started = true;
	return 0;
}

int sink_start(struct sink *s, struct base_err *err)
{
	int r = sink_open(s, err);

	return r < 0 ? r : sink_run(s, NULL, err);
}

static bool full(const struct sink *s, const struct alert *a)
{
	/* One alert always fits, however long it is. */
	return s->count == s->capacity || (s->count && s->bytes + a->size > QUEUE_BYTES);
}

/* Lock held. The thread sleeps when it found the queue empty, so one signal after that is enough: for a whole
 * batch, or for what sink_kick finds. */
static void append(struct sink *s, struct alert *a)
{
	uint32_t at = s->head + s->count;

	if (at >= s->capacity)
		at -= s->capacity;
	s->queue[at] = alert_ref(a);
	s->bytes += a->size;
	if (++s->count == (s->capacity / 2 >= BATCH ? BATCH : s->capacity / 2 + 1))
		pthread_cond_signal(&s->work);
}

void sink_kick(struct sink *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->count)
		pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

/* Tells once that a write has been hanging for longer than output_timeout. Lock held. */
static bool is_slow(struct sink *s)
{
	uint64_t since = atomic_load_explicit(&s->busy_since, memory_order_relaxed);

	if (s->slow_logged || !s->timeout_ns || !since || base_mono_ns() - since < s->timeout_ns)
		return false;
	s->slow_logged = true;
	return true;
}

bool sink_put(struct sink *s, struct alert *a)
{
	bool ok, say_full = false, say_slow;

	pthread_mutex_lock(&s->lock);
	ok = !full(s, a);
	if (ok) {
		append(s, a);
	} else {
		atomic_fetch_add_explicit(&s->dropped, 1, memory_order_relaxed);
		say_full = !s->full_logged;
		s->full_logged = true;
	}
	say_slow = is_slow(s);
	pthread_mutex_unlock(&s->lock);
	if (say_full)
		log_err("output \"%s\": queue is full (%u alerts), dropping alerts until it has room; "
			"the number is told at the end", s->ops->name, s->capacity);
	if (say_slow)
		log_msg(LOG_L_CRIT, "output \"%s\": a write has been blocked for more than %llu ms", s->ops->name,
			(unsigned long long)(s->timeout_ns / 1000000u));
	return ok;
}

/* Of whoever writes: as long as there is one before, it is that one. Lock held. */
static uint64_t progress(struct sink *s)
{
	uint64_t n = s->before_delivered + s->before_errors + atomic_load_explicit(&s->delivered, memory_order_relaxed) +
		     atomic_load_explicit(&s->errors, memory_order_relaxed);

	if (s->before) {
		pthread_mutex_lock(&s->before->lock); /* the later one's lock first, always */
		n += progress(s->before);
		pthread_mutex_unlock(&s->before->lock);
	}
	return n;
}

static uint64_t progress_so_far(struct sink *s)
{
	uint64_t n;

	pthread_mutex_lock(&s->lock);
	n = progress(s);
	pthread_mutex_unlock(&s->lock);
	return n;
}

/* Waits until there is room. False: the daemon is stopping and the sink stands still. Lock held. */
static bool wait_room(struct sink *s, const struct alert *a)
{
	uint64_t before = progress(s), end = 0;

	while (full(s, a)) {
		uint64_t now = base_mono_ns();
		struct timespec until = deadline(STOP_PATIENCE_NS);

		if (progress(s) != before || !s->hurry || !end) {
			before = progress(s);
			end = now + STOP_PATIENCE_NS;
		} else if (now >= end) {
			return false;
		}
		s->room_wanted = true;
		pthread_cond_signal(&s->work); /* it may not have been woken for what is there */
		if (s->hurry)
			pthread_cond_timedwait(&s->room, &s->lock, &until);
		else
			pthread_cond_wait(&s->room, &s->lock);
	}
	return true;
}

void sink_put_wait(struct sink *s, struct alert *a)
{
	bool say = false;

	pthread_mutex_lock(&s->lock);
	if (!s->given_up && !wait_room(s, a))
		s->given_up = say = true;
	if (s->given_up)
		atomic_fetch_add_explicit(&s->dropped, 1, memory_order_relaxed);
	else
		append(s, a);
	pthread_mutex_unlock(&s->lock);
	if (say)
		log_err("output \"%s\" is stuck: alerts that it does not take any more are dropped", s->ops->name);
}

void sink_hurry(struct sink *s)
{
	pthread_mutex_lock(&s->lock);
	s->hurry = true;
	pthread_cond_signal(&s->room);
	pthread_mutex_unlock(&s->lock);
}

/* Everything queued is given up: the rest of the drain finds nothing. */
static void discard(struct sink *s)
{
	struct alert *batch[BATCH];
	unsigned n;

	pthread_mutex_lock(&s->lock);
	while ((n = take(s, batch))) {
		atomic_fetch_add_explicit(&s->dropped, n, memory_order_relaxed);
		for (unsigned i = 0; i < n; i++)
			alert_unref(batch[i]);
	}
	pthread_mutex_unlock(&s->lock);
}

/* Not by a timed join: the common one goes by the wall clock, which may jump. */
static bool ends_within(struct sink *s, uint64_t ns)
{
	struct timespec until = deadline(ns);
	bool ended;

	pthread_mutex_lock(&s->lock);
	while (!s->ended && pthread_cond_timedwait(&s->room, &s->lock, &until) != ETIMEDOUT)
		;
	ended = s->ended;
	pthread_mutex_unlock(&s->lock);
	return ended;
}

void sink_stop(struct sink *s)
{
	uint64_t patience;

	if (!s->started)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	patience = s->given_up ? 0 : STOP_PATIENCE_NS; /* it was waited for already */
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	for (bool over = false;; patience = STOP_PATIENCE_NS) {
		uint64_t before = progress_so_far(s), end = atomic_load_explicit(&s->end_ns, memory_order_relaxed), now = base_mono_ns();
		bool limited = end && !over; /* once given up, it is only waited for */

		if (limited && end < now + patience)
			patience = end > now ? end - now : 0;
		if (ends_within(s, patience)) {
			pthread_join(s->thread, NULL);
			break;
		}
		over |= limited && base_mono_ns() >= end;
		if (progress_so_far(s) != before && !(over && limited))
			continue;
		if (over && limited)
			log_err("output \"%s\" is too slow: what it has not written by now is lost", s->ops->name);
		else
			log_err("output \"%s\" is stuck: what it has not written yet is lost", s->ops->name);
		discard(s);
		if (s->ops->interrupt) {
			s->ops->interrupt(s->ctx);
			continue;
		}
		pthread_detach(s->thread);
		s->abandoned = true;
		break;
	}
	s->started = false;
}

void sink_free(struct sink *s)
{
	if (!s)
		return;
	sink_stop(s);
	if (s->abandoned)
		return; /* the process is about to end: better leaked than used after free */
	for (; s->count; s->count--) {
		alert_unref(s->queue[s->head]);
		if (++s->head == s->capacity)
			s->head = 0;
	}
	s->ops->close(s->ctx);
	free(s->queue);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->room);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void sink_request_reopen(struct sink *s)
{
	pthread_mutex_lock(&s->lock);
	s->reopen = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

void sink_stats(struct sink *s, struct sink_stats *ret)
{
	struct sink_stats old = { 0 };

	*ret = (struct sink_stats){
		.name = s->ops->name,
		.state = atomic_load_explicit(&s->health.state, memory_order_relaxed),
		.since_ns = atomic_load_explicit(&s->health.since_ns, memory_order_relaxed),
		.delivered = atomic_load_explicit(&s->delivered, memory_order_relaxed),
		.dropped = atomic_load_explicit(&s->dropped, memory_order_relaxed),
		.errors = atomic_load_explicit(&s->errors, memory_order_relaxed),
	};
	pthread_mutex_lock(&s->lock);
	ret->waiting = s->count;
	ret->bytes = s->bytes;
	ret->delivered += s->before_delivered;
	ret->dropped += s->before_dropped;
	ret->errors += s->before_errors;
	if (s->before) {
		sink_stats(s->before, &old); /* the later one's lock first, always */
		add_stats(ret, &old);
		ret->waiting += old.waiting;
		ret->bytes += old.bytes;
	}
	pthread_mutex_unlock(&s->lock);
}

void sink_request_stop(struct sink *s)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

void sink_limit(struct sink *s, uint64_t mono_ns)
{
	atomic_store_explicit(&s->end_ns, mono_ns, memory_order_relaxed);
	pthread_mutex_lock(&s->lock);
	if (s->before)
		sink_limit(s->before, mono_ns); /* the later one's lock first, always */
	pthread_mutex_unlock(&s->lock);
}

bool sink_has_ended(struct sink *s)
{
	bool ended;

	pthread_mutex_lock(&s->lock);
	ended = s->ended;
	pthread_mutex_unlock(&s->lock);
	return ended;
}
