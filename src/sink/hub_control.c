/* Main's side of the hub: making it, starting and stopping it, changing its outputs at work. See hub.h.
 *
 * A change: main makes the new list of targets, publishes it, and waits until the hub's thread uses it, which it takes up
 * between two passes. From then on the old output gets nothing more and can be let go. */
#include "sink/hub_internal.h"

#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define RING_ALERTS 4096   /* per producer */
#define RING_INTERNAL 64
#define STOP_LIMIT_NS 20000000000ull /* live: local outputs get so long to write what they have */

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
	pthread_mutex_init(&h->list, NULL);
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

/* ---- start and stop ---------------------------------------------------------------------- */

static struct targets *make_targets(const struct hub *h)
{
	struct targets *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->sinks = h->nsinks;
	memcpy(t->sink, h->sinks, sizeof(t->sink));
	t->store = h->store;
	t->rate = h->opts.rate;
	t->burst = h->opts.burst;
	return t;
}

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
	atomic_store(&h->targets, make_targets(h));
	if (!atomic_load(&h->targets)) {
		base_err_set(err, NULL, 0, 0, "no memory for the outputs");
		return -ENOMEM;
	}
	atomic_store(&h->using, atomic_load(&h->targets));
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
	uint64_t end = base_mono_ns() + STOP_LIMIT_NS;

	if (h->started) {
		atomic_store(&h->stop, true);
		hub_wake(h, SLEEP_IDLE);
		pthread_join(h->thread, NULL);
		h->started = false;
	}
	for (unsigned i = 0; i < h->nremotes; i++)
		remote_request_stop(h->remotes[i]);
	/* In replay they may take their time; live, whoever stops us kills what does not stop. */
	for (unsigned i = 0; !h->opts.ordered && i < h->nleaving + h->nsinks; i++)
		sink_limit(i < h->nleaving ? h->leaving[i] : h->sinks[i - h->nleaving], end);
	while (h->nleaving)
		sink_free(h->leaving[--h->nleaving]);
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
	free(atomic_load(&h->targets));
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
	pthread_mutex_destroy(&h->list);
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

	pthread_mutex_lock(&h->list);
	for (unsigned i = 0; i < h->nsinks; i++) {
		sink_stats(h->sinks[i], &st);
		fn(arg, &st);
	}
	for (unsigned i = 0; i < h->nremotes; i++) {
		remote_stats(h->remotes[i], &st);
		fn(arg, &st);
	}
	pthread_mutex_unlock(&h->list);
}

struct store *hub_store(struct hub *h)
{
	struct store *s;

	pthread_mutex_lock(&h->list);
	s = h->store;
	pthread_mutex_unlock(&h->list);
	return s;
}

/* ---- changes at work --------------------------------------------------------------------- */

/* The hub's thread uses the outputs as they are now; what left gets nothing any more. */
static int publish(struct hub *h, struct base_err *err)
{
	struct targets *t = make_targets(h), *old;

	if (!t)
		return base_err_set(err, NULL, 0, 0, "no memory for the outputs");
	old = atomic_exchange(&h->targets, t);
	hub_wake(h, SLEEP_IDLE);
	while (atomic_load_explicit(&h->using, memory_order_acquire) != t)
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	free(old);
	return 0;
}

static unsigned find_sink(const struct hub *h, const char *name)
{
	unsigned i;

	for (i = 0; i < h->nsinks && strcmp(sink_name(h->sinks[i]), name); i++)
		;
	return i;
}

/* Puts s, or nothing, where `at` is, and gives what was there. */
static struct sink *swap_sink(struct hub *h, unsigned at, struct sink *s)
{
	struct sink *old;

	pthread_mutex_lock(&h->list);
	old = at < h->nsinks ? h->sinks[at] : NULL;
	if (s) {
		h->sinks[at] = s;
		h->nsinks += !old;
	} else if (old) {
		h->nsinks--;
		memmove(h->sinks + at, h->sinks + at + 1, (h->nsinks - at) * sizeof(h->sinks[0]));
	}
	pthread_mutex_unlock(&h->list);
	return old;
}

static void let_go(struct hub *h, struct sink *s)
{
	if (h->nleaving == MAX_SINKS) {
		sink_free(s); /* waits */
		return;
	}
	sink_request_stop(s);
	h->leaving[h->nleaving++] = s;
}

int hub_replace_sink(struct hub *h, const char *name, struct sink *s, struct base_err *err)
{
	unsigned at = find_sink(h, name);
	struct sink *old;
	int r = 0;

	if (s && at == MAX_SINKS)
		r = base_err_set(err, NULL, 0, 0, "at most %d outputs", MAX_SINKS);
	if (s && !r && h->opts.queue_capacity)
		sink_set_capacity(s, h->opts.queue_capacity);
	if (s && !r)
		r = sink_open(s, err);
	if (r) {
		sink_free(s);
		return r;
	}
	old = swap_sink(h, at, s);
	r = publish(h, err);
	if (!r && s)
		r = sink_run(s, old, err);
	else if (!r && old)
		let_go(h, old);
	if (!r)
		return 0;
	/* Without memory, or a thread: back. The hub has the new one, or still the old one; without memory for that
	 * it keeps what it has, and the new one's queue fills up. */
	if (swap_sink(h, at, old) != s || publish(h, err))
		return r;
	sink_free(s);
	return r;
}

int hub_replace_remote(struct hub *h, const char *name, struct remote *r, struct base_err *err)
{
	struct remote *old = NULL;
	unsigned at;
	int e = 0;

	for (at = 0; at < h->nremotes && strcmp(remote_name(h->remotes[at]), name); at++)
		;
	if (at < h->nremotes) {
		pthread_mutex_lock(&h->list);
		old = h->remotes[at];
		h->nremotes--;
		memmove(h->remotes + at, h->remotes + at + 1, (h->nremotes - at) * sizeof(h->remotes[0]));
		pthread_mutex_unlock(&h->list);
		remote_hand_over(old);
		remote_free(old);
	}
	if (!r)
		return 0;
	e = h->nremotes == MAX_SINKS ? base_err_set(err, NULL, 0, 0, "at most %d remote outputs", MAX_SINKS) : remote_start(r, err);
	if (e < 0) {
		remote_free(r);
		return e;
	}
	pthread_mutex_lock(&h->list);
	h->remotes[h->nremotes++] = r;
	pthread_mutex_unlock(&h->list);
	return 0;
}

int hub_start_store(struct hub *h, struct store *s, struct base_err *err)
{
	int r = store_start(s, err);

	if (r < 0) {
		store_free(s);
		return r;
	}
	pthread_mutex_lock(&h->list);
	h->store = s;
	pthread_mutex_unlock(&h->list);
	return publish(h, err);
}

void hub_set_throttle(struct hub *h, double rate, double burst)
{
	struct base_err err;

	if (h->opts.rate == rate && h->opts.burst == burst)
		return;
	h->opts.rate = rate;
	h->opts.burst = burst;
	if (publish(h, &err))
		log_err("%s", err.msg);
}

void hub_tick(struct hub *h)
{
	for (unsigned i = h->nleaving; i-- > 0;) {
		if (!sink_has_ended(h->leaving[i]))
			continue;
		sink_free(h->leaving[i]);
		h->leaving[i] = h->leaving[--h->nleaving];
	}
}
