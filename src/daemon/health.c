/* See health.h. Outputs that are down are no reason to be called unhealthy: alerts wait for them in the store, and a
 * restart by whoever asks would lose what only memory has. They are told as warnings. */
#include "daemon/health.h"

#include "base/thread.h"
#include "daemon/run_internal.h"

#include <stdio.h>
#include <string.h>

bool health_look(struct health *h, uint64_t now, uint64_t events, uint64_t dropped)
{
	/* relaxed: figures, written here alone */
	uint64_t last = atomic_load_explicit(&h->event_ns, memory_order_relaxed);

	atomic_store_explicit(&h->main_ns, now, memory_order_relaxed);
	if (dropped != h->dropped)
		atomic_store_explicit(&h->drop_ns, now, memory_order_relaxed);
	h->dropped = dropped;
	if (events != h->events || !last) {
		h->events = events;
		atomic_store_explicit(&h->event_ns, now, memory_order_relaxed);
		return false;
	}
	return now - last >= HEALTH_QUIET_NS;
}

void health_look_at_workers(struct health *h, uint64_t now, struct pipeline *p, unsigned workers)
{
	struct pipeline_queue q;
	unsigned oldest = 0;
	uint64_t since = 0;

	for (unsigned i = 0; i < workers && i < HEALTH_WORKERS; i++) {
		pipeline_queue(p, i, &q);
		/* one that has nothing to do may stand still */
		if (!q.busy || q.emitted != h->worker[i].mark || !h->worker[i].since)
			h->worker[i].since = now;
		h->worker[i].mark = q.emitted;
		if (h->worker[i].since != now && (!since || h->worker[i].since < since)) {
			since = h->worker[i].since;
			oldest = i;
		}
	}
	atomic_store_explicit(&h->stuck_worker, oldest, memory_order_relaxed);
	atomic_store_explicit(&h->stuck_ns, since, memory_order_relaxed);
}

static uint64_t age(const _Atomic uint64_t *when, uint64_t now)
{
	uint64_t t = atomic_load_explicit(when, memory_order_relaxed);

	return t && t < now ? now - t : 0;
}

struct report {
	struct base_buf reasons, warnings;
};

static void add(struct base_buf *b, const char *text)
{
	buf_str(b, b->len ? ",\"" : "\"");
	buf_json_escape(b, text, strlen(text));
	buf_chr(b, '"');
}

static void add_seconds(struct base_buf *b, const char *fmt, uint64_t ns)
{
	char text[120];

	snprintf(text, sizeof(text), fmt, (unsigned long long)(ns / 1000000000u));
	add(b, text);
}

static void look_at_workers(struct daemon *d, struct report *r, uint64_t now)
{
	uint64_t t = age(&d->health.stuck_ns, now);
	char text[80];

	if (t < HEALTH_STALL_NS)
		return;
	snprintf(text, sizeof(text), "worker %u has not moved for %llu s",
		 atomic_load_explicit(&d->health.stuck_worker, memory_order_relaxed), (unsigned long long)(t / 1000000000u));
	add(&r->reasons, text);
}

static void look_at_output(void *arg, const struct sink_stats *s)
{
	struct report *r = arg;
	char text[120];

	if (s->state == SINK_UP)
		return;
	snprintf(text, sizeof(text), "output %s is %s", s->name, sink_state_name[s->state]);
	add(&r->warnings, text);
}

static void look(struct daemon *d, struct report *r)
{
	struct health *h = &d->health;
	struct store_stats st;
	uint64_t now = base_mono_ns(), t;

	/* acquire: what `up` stands for has been made (run.c) */
	if (!atomic_load_explicit(&d->up, memory_order_acquire) || !atomic_load_explicit(&h->ready, memory_order_relaxed)) {
		add(&r->reasons, "starting: no event has come yet");
		return;
	}
	if (d->live) {
		if ((t = age(&h->main_ns, now)) > HEALTH_MAIN_NS)
			add_seconds(&r->reasons, "main has not come round for %llu s", t);
		if ((t = age(&h->event_ns, now)) > HEALTH_STALL_NS)
			add_seconds(&r->reasons, "no event has come for %llu s", t);
		look_at_workers(d, r, now);
		if (atomic_load_explicit(&h->drop_ns, memory_order_relaxed) && age(&h->drop_ns, now) < HEALTH_DROPS_NS)
			add(&r->warnings, "events are dropped");
	}
	hub_for_each_sink(d->hub, look_at_output, r);
	if (hub_store(d->hub)) {
		store_stats(hub_store(d->hub), &st);
		if (st.failing)
			add(&r->warnings, "the store cannot be written");
	}
}

bool health_report(struct daemon *d, struct base_buf *json)
{
	struct report r = { 0 };
	bool ok;

	look(d, &r);
	ok = !r.reasons.len;
	buf_fmt(json, "{\"status\":\"%s\"", ok ? "ok" : "degraded");
	if (!ok)
		buf_fmt(json, ",\"reasons\":[%s]", r.reasons.p);
	if (r.warnings.len)
		buf_fmt(json, ",\"warnings\":[%s]", r.warnings.p);
	buf_chr(json, '}');
	buf_fini(&r.reasons);
	buf_fini(&r.warnings);
	return ok;
}
