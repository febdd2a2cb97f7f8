/* Saker's own figures (saker_*): stages, outputs, store, rules, memory. Prometheus only. Called by metrics.c. */
#include "daemon/metrics_internal.h"

#include "base/thread.h"
#include "sink/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct metric *count(struct metrics *m, const char *name, bool counter, const char *help, uint64_t v)
{
	struct metric *e;

	metric_int(m, name, counter, NULL, v);
	e = &m->m[m->len - 1];
	e->help = help;
	return e;
}

static struct metric *seconds(struct metrics *m, const char *name, bool counter, const char *help, double s)
{
	struct metric *e = count(m, name, counter, help, 0);

	e->value = arena_fmt(&m->arena, "%.9g", s);
	return e;
}

void metrics_health(struct metrics *m, struct daemon *d)
{
	struct base_buf b = { 0 };

	count(m, "saker_healthy", false, "1 while events flow, as /healthz says.", health_report(d, &b));
	buf_fini(&b);
}

/* ---- stages ------------------------------------------------------------------------------ */

static void add_rings(struct metrics *m, struct daemon *d)
{
	for (unsigned i = 0; i < live_ring_count(d->live); i++)
		metric_label(m, count(m, "saker_ring_used_bytes", false, "Bytes waiting in each ring of the probe.",
				      live_ring_used(live_ring(d->live, i))),
			     "ring", arena_fmt(&m->arena, "%u", i));
}

static void add_readers(struct metrics *m, struct daemon *d)
{
	struct readers_stats r;

	readers_stats(d->readers, &r);
	count(m, "saker_reader_events_total", true, "Events read from the rings.", r.events);
	count(m, "saker_reader_bytes_total", true, "Bytes read from the rings.", r.bytes);
	count(m, "saker_reader_passes_total", true, "Passes over the rings.", r.passes);
	count(m, "saker_reader_held_passes_total", true, "Passes that stopped at an event still being written.", r.held);
	count(m, "saker_reader_damaged_events_total", true, "Events that made no sense.", r.damaged);
	seconds(m, "saker_reader_cpu_seconds_total", true, "CPU time of the readers.", r.cpu_s);
}

/* How far a mark is behind the probe's clock. */
static double behind(uint64_t now, uint64_t mark)
{
	return mark && mark < now ? (double)(now - mark) / 1e9 : 0;
}

static void add_lag(struct metrics *m, struct daemon *d)
{
	static const char help[] = "How far what is handed over (reader) or done (worker) is behind the clock; a worker without work is not.";
	uint64_t now = live_now(d->live);
	struct pipeline_queue q;

	for (unsigned i = 0; i < d->nreaders; i++)
		metric_label(m, seconds(m, "saker_watermark_lag_seconds", false, help, behind(now, pipeline_read_mark(d->pipeline, i))), "stage",
			     arena_fmt(&m->arena, "reader/%u", i));
	for (unsigned i = 0; i < d->nworkers; i++) {
		pipeline_queue(d->pipeline, i, &q);
		metric_label(m, seconds(m, "saker_watermark_lag_seconds", false, help, q.busy ? behind(now, q.emitted) : 0), "stage",
			     arena_fmt(&m->arena, "worker/%u", i));
	}
}

static void add_pipeline(struct metrics *m, struct daemon *d)
{
	struct pipeline_stats p;
	struct pipeline_queue q;

	pipeline_stats(d->pipeline, &p);
	for (unsigned i = 0; i < d->nworkers; i++) {
		pipeline_queue(d->pipeline, i, &q);
		metric_label(m, count(m, "saker_worker_queue_batches", false, "Batches waiting for each worker.", q.batches), "worker",
			     arena_fmt(&m->arena, "%u", i));
	}
	count(m, "saker_events_total", true, "Events applied to the state; one that concerns two workers counts twice.", p.events);
	count(m, "saker_events_reported_total", true, "Events that were given to the rules.", p.reported);
	count(m, "saker_events_matched_total", true, "Events that matched a rule.", p.matched);
	count(m, "saker_worker_waits_total", true, "Times a worker waited for another one's state.", p.waits);
	count(m, "saker_stale_reads_total", true, "Reads of another worker's state that did not wait, because that worker was too far behind.", p.stale_reads);
	count(m, "saker_render_failures_total", true, "Alerts that could not be rendered.", p.render_failed);
	count(m, "saker_reloads_total", true, "Reloads that took effect.", atomic_load_explicit(&d->reloads, memory_order_relaxed));
	count(m, "saker_reloads_refused_total", true, "Reloads that were refused.", atomic_load_explicit(&d->reloads_refused, memory_order_relaxed));
}

/* ---- alerts ------------------------------------------------------------------------------ */

struct outputs {
	struct sink_stats s[16];
	unsigned n;
};

static void note_output(void *arg, const struct sink_stats *s)
{
	struct outputs *o = arg;

	if (o->n < 16)
		o->s[o->n++] = *s;
}

static const struct { const char *name; bool counter; const char *help; } output_figure[] = {
	{ "saker_output_up", false, "1 while the output works." },
	{ "saker_output_delivered_alerts_total", true, "Alerts written, or acknowledged by the receiver." },
	{ "saker_output_dropped_alerts_total", true, "Alerts lost because the output's queue was full, or discarded before delivery." },
	{ "saker_output_failed_alerts_total", true, "Alerts that could not be written, or were refused for good." },
	{ "saker_output_retries_total", true, "Attempts to deliver that failed." },
	{ "saker_output_queue_alerts", false, "Alerts waiting for the output." },
};

static uint64_t output_value(const struct sink_stats *s, unsigned figure)
{
	const uint64_t v[] = { s->state == SINK_UP, s->delivered, s->dropped, s->errors, s->retries, s->waiting };

	_Static_assert(sizeof(v) / sizeof(v[0]) == sizeof(output_figure) / sizeof(output_figure[0]), "one value per figure");
	return v[figure];
}

/* A name at a time: figures of one name are neighbours. */
static void add_outputs(struct metrics *m, struct daemon *d, uint64_t *ret_bytes)
{
	struct outputs o = { .n = 0 };
	uint64_t now = base_now_ns();

	hub_for_each_sink(d->hub, note_output, &o);
	*ret_bytes = 0;
	for (unsigned k = 0; k < sizeof(output_figure) / sizeof(output_figure[0]); k++)
		for (unsigned i = 0; i < o.n; i++)
			metric_label(m, count(m, output_figure[k].name, output_figure[k].counter, output_figure[k].help, output_value(&o.s[i], k)),
				     "output", o.s[i].name);
	for (unsigned i = 0; i < o.n; i++) {
		bool down = o.s[i].state != SINK_UP;

		metric_label(m, seconds(m, "saker_output_failing_seconds", false, "How long the output has been failing, 0 while it works.",
					down && o.s[i].since_ns < now ? (double)(now - o.s[i].since_ns) / 1e9 : 0),
			     "output", o.s[i].name);
		*ret_bytes += o.s[i].bytes;
	}
}

static void add_hub(struct metrics *m, struct daemon *d)
{
	struct hub_stats h;

	hub_stats(d->hub, &h);
	count(m, "saker_alerts_total", true, "Alerts raised by rules.", h.submitted);
	count(m, "saker_alerts_suppressed_total", true, "Alerts beyond the throttle of their rule.", h.suppressed);
	count(m, "saker_alerts_dropped_total", true, "Alerts lost between the workers and the hub.", h.dropped_full);
	count(m, "saker_hub_queue_alerts", false, "Alerts waiting for the hub.", h.waiting);
}

static uint64_t add_store(struct metrics *m, struct daemon *d)
{
	struct store_stats s;

	if (!hub_store(d->hub))
		return 0;
	store_stats(hub_store(d->hub), &s);
	count(m, "saker_store_memory_alerts", false, "Alerts the store has in memory.", s.in_memory);
	if (!s.durable)
		return s.memory_bytes;
	count(m, "saker_store_writable", false, "1 while what comes in is committed.", !s.failing);
	count(m, "saker_store_alerts_total", true, "Alerts given to the store.", s.put);
	count(m, "saker_store_uncommitted_alerts", false, "Alerts not committed yet.", s.uncommitted);
	count(m, "saker_store_commits_total", true, "Transactions.", s.commits);
	seconds(m, "saker_store_commit_max_seconds", false, "The longest transaction.", (double)s.commit_max_ns / 1e9);
	count(m, "saker_store_lost_alerts_total", true, "Alerts pushed out of memory before they were committed.", s.lost);
	count(m, "saker_store_discarded_alerts_total", true, "Alerts deleted because of store.max_bytes.", s.discarded);
	count(m, "saker_store_expired_alerts_total", true, "Alerts deleted because of store.max_age.", s.expired);
	count(m, "saker_store_size_bytes", false, "Alerts in the file.", s.bytes);
	return s.memory_bytes;
}

/* ---- rules and memory -------------------------------------------------------------------- */

static void add_rules(struct metrics *m, struct daemon *d)
{
	uint32_t n = ruleset_count(d->rules);
	struct eval_rule_stats *s = calloc(n + 1, sizeof(*s));

	count(m, "saker_rules", false, "Rules in use.", n);
	if (!s || !d->c->metrics.rules) {
		free(s);
		return;
	}
	stats_rules(d, s);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < n; i++) {
			if (!s[i].evals)
				continue;
			metric_label(m, pass ? seconds(m, "saker_rule_cpu_seconds_total", true, "Time in the rule's condition, measured in samples.", (double)s[i].cpu_ns / 1e9) :
					       count(m, "saker_rule_evaluations_total", true, "Times the rule's condition was evaluated.", s[i].evals),
				     "rule_name", ruleset_rule(d->rules, i)->name);
		}
	}
	free(s);
}

static void add_part(struct metrics *m, const char *part, uint64_t bytes)
{
	metric_label(m, count(m, "saker_memory_bytes", false, "Memory by what it is for.", bytes), "part", part);
}

void metrics_saker(struct metrics *m, struct daemon *d)
{
	uint64_t outputs, store;

	if (d->live) {
		add_rings(m, d);
		add_readers(m, d);
		add_lag(m, d);
	}
	add_pipeline(m, d);
	add_hub(m, d);
	add_outputs(m, d, &outputs);
	store = add_store(m, d);
	add_rules(m, d);
	if (d->live)
		add_part(m, "rings", (uint64_t)live_ring_count(d->live) * d->ring_bytes);
	add_part(m, "state", state_table_bytes(d->state));
	add_part(m, "outputs", outputs);
	add_part(m, "store", store);
}
