/* Putting the pipeline together, starting and stopping it. See pipeline.h. */
#include "shard/pipeline.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "shard/router.h"
#include "shard/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct pipeline {
	struct pipeline_opts o;
	struct evt_consumer consumer;
	_Atomic uint64_t first_ts;
	struct run_set *_Atomic set; /* owned; written by main */
	unsigned started;	/* workers running */
	unsigned since;		/* inline: events since run_between. [reader] */
	struct run inline_run;	/* workers == 0 */
	struct worker *worker;	/* [workers]; owned */
	struct router *router;	/* [readers]; owned */
	struct lane *lane;	/* [readers * workers], by reader; owned */
	struct park *park;	/* [workers]; owned */
};

/* The run's first event that is not a metaevent, for evt.reltime: set by a reader before it hands that event over, so whoever
 * gets the event sees it. With several live readers it is one of the first. [reader] */
static void note_first(struct pipeline *p, const struct evt *ev)
{
	uint64_t none = 0;

	if (!atomic_load_explicit(&p->first_ts, memory_order_relaxed) && ev->info->origin != EO_METAEVENT)
		atomic_compare_exchange_strong_explicit(&p->first_ts, &none, ev->hdr->ts, memory_order_relaxed,
							memory_order_relaxed);
}

/* ---- inline: the reader runs the event itself ------------------------------------------------ */

static int inline_event(void *ctx, unsigned reader, const struct evt *ev, bool wait)
{
	struct pipeline *p = ctx;

	(void)reader;
	(void)wait;
	note_first(p, ev);
	if (run_set_waits(&p->inline_run))
		run_take_set(&p->inline_run);
	run_event(&p->inline_run, ev);
	if (++p->since >= 64) {
		p->since = 0;
		run_between(&p->inline_run);
	}
	return 0;
}

static void inline_watermark(void *ctx, unsigned reader, uint64_t upto)
{
	struct pipeline *p = ctx;

	(void)reader;
	if (run_set_waits(&p->inline_run))
		run_take_set(&p->inline_run);
	gate_set_applied(p->o.gate, 0, upto);
	gate_set_emitted(p->o.gate, 0, upto);
	run_between(&p->inline_run);
	hub_mark(p->o.run.hub, 0, (struct okey){ upto, 1 });
}

static void inline_end(void *ctx, unsigned reader)
{
	struct pipeline *p = ctx;

	inline_watermark(ctx, reader, UINT64_MAX);
	atomic_store_explicit(&p->inline_run.using, NULL, memory_order_release); /* nothing any more */
}

/* ---- rings and workers ----------------------------------------------------------------------- */

static int ring_event(void *ctx, unsigned reader, const struct evt *ev, bool wait)
{
	struct pipeline *p = ctx;

	note_first(p, ev);
	return router_event(&p->router[reader], ev, wait);
}

static void ring_watermark(void *ctx, unsigned reader, uint64_t upto)
{
	router_watermark(&((struct pipeline *)ctx)->router[reader], upto);
}

static void ring_end(void *ctx, unsigned reader)
{
	struct router *r = &((struct pipeline *)ctx)->router[reader];

	r->handed = true; /* wake everybody */
	router_watermark(r, UINT64_MAX);
}

/* gate.kick */
static void kick(void *ctx, unsigned worker)
{
	router_wake(&((struct park *)ctx)[worker], false);
}

static int init_rings(struct pipeline *p)
{
	unsigned nr = p->o.readers, nw = p->o.workers;

	p->lane = aligned_alloc(64, (sizeof(*p->lane) * nr * nw + 63) / 64 * 64);
	p->park = aligned_alloc(64, sizeof(*p->park) * nw);
	p->router = calloc(nr, sizeof(*p->router));
	p->worker = calloc(nw, sizeof(*p->worker));
	if (!p->lane || !p->park || !p->router || !p->worker)
		return -ENOMEM;
	for (unsigned i = 0; i < nr * nw; i++)
		if (!spsc_init(&p->lane[i].out, ROUTER_RING) || !spsc_init(&p->lane[i].back, ROUTER_RING))
			return -ENOMEM;
	for (unsigned w = 0; w < nw; w++) {
		atomic_init(&p->park[w].parked, PARK_AWAKE);
		pthread_mutex_init(&p->park[w].lock, NULL);
		pthread_cond_init(&p->park[w].wake, NULL);
	}
	p->o.gate->kick = kick;
	p->o.gate->kick_ctx = p->park;
	for (unsigned r = 0; r < nr; r++) {
		p->router[r] = (struct router){ .reader = r, .workers = nw, .state = p->o.run.state,
						.gate = p->o.gate, .lane = &p->lane[r * nw],
						.park = p->park,
						.open = calloc(nw, sizeof(struct batch *)),
						.batch_bytes = p->o.batch_bytes };
		if (!p->router[r].open)
			return -ENOMEM;
	}
	return 0;
}

static int init_workers(struct pipeline *p)
{
	for (unsigned i = 0; i < p->o.workers; i++) {
		struct worker *w = &p->worker[i];

		w->index = i;
		w->readers = p->o.readers;
		w->gate = p->o.gate;
		w->park = &p->park[i];
		w->in = calloc(p->o.readers, sizeof(*w->in));
		if (!w->in || run_init(&w->run, &p->o.run, i))
			return -ENOMEM;
		for (unsigned r = 0; r < p->o.readers; r++)
			w->in[r].lane = &p->lane[r * p->o.workers + i];
	}
	return 0;
}

int pipeline_new(const struct pipeline_opts *o, struct pipeline **ret)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	int r;

	if (!p) {
		run_set_free(o->set);
		return -ENOMEM;
	}
	p->o = *o;
	atomic_init(&p->set, o->set);
	p->o.run.set = &p->set;
	if (!p->o.batch_bytes)
		p->o.batch_bytes = 65536;
	p->o.run.gate = o->gate;
	p->o.run.first_ts = &p->first_ts;
	p->consumer.ctx = p;
	if (!o->workers) {
		p->consumer.event = inline_event;
		p->consumer.watermark = inline_watermark;
		p->consumer.end = inline_end;
		r = o->readers == 1 ? run_init(&p->inline_run, &p->o.run, 0) : -EINVAL;
	} else {
		p->consumer.event = ring_event;
		p->consumer.watermark = ring_watermark;
		p->consumer.end = ring_end;
		r = init_rings(p);
		if (!r)
			r = init_workers(p);
	}
	if (r) {
		run_set_free(o->set);
		free(p); /* start-up failure: the process ends */
		return r;
	}
	*ret = p;
	return 0;
}

const struct evt_consumer *pipeline_consumer(struct pipeline *p)
{
	return &p->consumer;
}

int pipeline_start(struct pipeline *p, struct base_err *err)
{
	for (unsigned i = 0; i < p->o.workers; i++) {
		char name[24];
		int r;

		snprintf(name, sizeof(name), "worker/%u", i);
		r = base_thread_start(&p->worker[i].thread, ROLE_WORKER, name, worker_main, &p->worker[i]);
		if (r) {
			base_err_set(err, NULL, 0, 0, "cannot start thread %s: %s", name, strerror(-r));
			return r;
		}
		p->started++;
	}
	return 0;
}

static bool uses(const struct run *r, const struct run_set *set)
{
	/* acquire: what the worker did with it is done, see runset.h */
	return atomic_load_explicit(&r->using, memory_order_acquire) == set;
}

static bool anybody_uses(const struct pipeline *p, const struct run_set *set)
{
	if (!p->o.workers)
		return uses(&p->inline_run, set);
	for (unsigned i = 0; i < p->o.workers; i++)
		if (uses(&p->worker[i].run, set))
			return true;
	return false;
}

struct run_set *pipeline_publish(struct pipeline *p, struct run_set *set)
{
	struct run_set *old = atomic_exchange_explicit(&p->set, set, memory_order_acq_rel);

	for (unsigned i = 0; i < p->o.workers; i++)
		router_wake(&p->park[i], false);
	while (anybody_uses(p, old)) {
		struct timespec t = { 0, 200000 };

		nanosleep(&t, NULL);
	}
	return old;
}

void pipeline_wait_idle(struct pipeline *p, uint64_t upto)
{
	for (unsigned i = 0; i < p->o.workers; i++) {
		/* acquire: pairs with the worker's store of emitted and its exchange in park(); it parks only
		 * after the mark, so parked with the mark means that it has done everything and holds nothing */
		while (atomic_load_explicit(&p->o.gate->worker[i].emitted, memory_order_acquire) < upto ||
		       atomic_load_explicit(&p->park[i].parked, memory_order_acquire) == PARK_AWAKE) {
			struct timespec t = { 0, 100000 };

			nanosleep(&t, NULL);
		}
	}
}

void pipeline_stop(struct pipeline *p)
{
	while (p->started)
		pthread_join(p->worker[--p->started].thread, NULL);
}

static void free_batches(struct spsc *r)
{
	struct batch *b;

	while ((b = spsc_pop(r)))
		free(b);
	spsc_fini(r);
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	if (!p->o.workers)
		run_fini(&p->inline_run);
	for (unsigned i = 0; i < p->o.workers; i++) {
		for (unsigned r = 0; r < p->o.readers; r++)
			free(p->worker[i].in[r].batch);
		free(p->worker[i].in);
		run_fini(&p->worker[i].run);
		pthread_mutex_destroy(&p->park[i].lock);
		pthread_cond_destroy(&p->park[i].wake);
	}
	for (unsigned i = 0; p->lane && i < p->o.readers * p->o.workers; i++) {
		free_batches(&p->lane[i].out);
		free_batches(&p->lane[i].back);
	}
	for (unsigned r = 0; p->router && r < p->o.readers; r++) {
		struct router *ro = &p->router[r];

		for (unsigned w = 0; w < ro->workers; w++)
			free(ro->open[w]);
		free(ro->open);
		for (struct batch *b = ro->pool, *n; b; b = n) {
			n = b->next;
			free(b);
		}
	}
	run_set_free(atomic_load_explicit(&p->set, memory_order_relaxed));
	free(p->lane);
	free(p->park);
	free(p->router);
	free(p->worker);
	free(p);
}

/* CPUs the cgroup quota allows, rounded up; UINT_MAX when there is no quota. */
static unsigned quota_cpus(void)
{
	long long quota = -1, period = 100000;
	FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");

	if (f) {
		if (fscanf(f, "%lld %lld", &quota, &period) != 2)
			quota = -1;
		fclose(f);
	} else if ((f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "re"))) {
		if (fscanf(f, "%lld", &quota) != 1)
			quota = -1;
		fclose(f);
	}
	return quota > 0 && period > 0 ? (unsigned)((quota + period - 1) / period) : UINT32_MAX;
}

void pipeline_auto(unsigned *readers, unsigned *workers)
{
	cpu_set_t set;
	unsigned cpus = 1, quota = quota_cpus();

	if (!sched_getaffinity(0, sizeof(set), &set))
		cpus = (unsigned)CPU_COUNT(&set);
	if (quota < cpus)
		cpus = quota;
	if (cpus <= 4) {
		*readers = 1;
		*workers = 0;
		return;
	}
	*workers = cpus / 4 < 1 ? 1 : cpus / 4;
	if (*workers > 32)
		*workers = 32;
	*readers = *workers / 4 < 1 ? 1 : *workers / 4;
}

static void add_run(const struct run *r, struct pipeline_stats *ret)
{
#define ADD(m) ret->m += atomic_load_explicit(&r->stats.m, memory_order_relaxed)
	ADD(events);
	ADD(reported);
	ADD(matched);
	ADD(alerts);
	ADD(waits);
	ADD(render_failed);
#undef ADD
	ret->state_table_full += atomic_load_explicit(&r->shard->stats.drops_full_table, memory_order_relaxed);
}

void pipeline_stats(struct pipeline *p, struct pipeline_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!p->o.workers)
		add_run(&p->inline_run, ret);
	for (unsigned i = 0; i < p->o.workers; i++) {
		add_run(&p->worker[i].run, ret);
		ret->worker_cpu_s +=
			(double)atomic_load_explicit(&p->worker[i].cpu_ns, memory_order_relaxed) / 1e9;
	}
	for (unsigned r = 0; p->router && r < p->o.readers; r++) {
		ret->dropped_bulk += atomic_load_explicit(&p->router[r].dropped_bulk, memory_order_relaxed);
		ret->dropped_critical +=
			atomic_load_explicit(&p->router[r].dropped_critical, memory_order_relaxed);
	}
	ret->stale_reads = atomic_load_explicit(&p->o.gate->stale_reads, memory_order_relaxed);
	ret->state_tasks = state_task_count(p->o.run.state);
	ret->state_bytes = state_table_bytes(p->o.run.state);
}

void pipeline_queue(struct pipeline *p, unsigned worker, struct pipeline_queue *ret)
{
	ret->batches = 0;
	ret->emitted = atomic_load_explicit(&p->o.gate->worker[worker].emitted, memory_order_relaxed);
	for (unsigned r = 0; p->o.workers && r < p->o.readers; r++)
		ret->batches += spsc_count(&p->lane[r * p->o.workers + worker].out);
	/* relaxed: a figure */
	ret->busy = ret->batches || (p->o.workers && atomic_load_explicit(&p->park[worker].parked, memory_order_relaxed) != PARK_IDLE);
}

uint64_t pipeline_read_mark(struct pipeline *p, unsigned reader)
{
	return p->o.workers ? gate_read(p->o.gate, reader) : atomic_load_explicit(&p->o.gate->worker[0].emitted, memory_order_relaxed);
}

static const struct run *run_of(const struct pipeline *p, unsigned worker)
{
	return p->o.workers ? &p->worker[worker].run : &p->inline_run;
}

void pipeline_worker_stats(struct pipeline *p, unsigned worker, struct pipeline_worker *ret)
{
	const struct run *r = run_of(p, worker);

	ret->events = atomic_load_explicit(&r->stats.events, memory_order_relaxed);
	ret->waits = atomic_load_explicit(&r->stats.waits, memory_order_relaxed);
	ret->stale_reads = atomic_load_explicit(&p->o.gate->blocked[worker].stale_reads, memory_order_relaxed);
	ret->applied = gate_applied(p->o.gate, worker);
}

unsigned pipeline_hot(struct pipeline *p, struct hot_group *ret, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < (p->o.workers ? p->o.workers : 1); i++)
		n = hot_top(&run_of(p, i)->hot, i, ret, n, max);
	return n;
}

static void add_rules(const struct run *r, uint32_t count, struct eval_rule_stats *ret)
{
	const struct eval_rule_stats *s = eval_worker_stats(r->eval);

	for (uint32_t i = 0; i < count; i++) {
		ret[i].evals += __atomic_load_n(&s[i].evals, __ATOMIC_RELAXED);
		ret[i].matches += __atomic_load_n(&s[i].matches, __ATOMIC_RELAXED);
		ret[i].cpu_ns += __atomic_load_n(&s[i].cpu_ns, __ATOMIC_RELAXED);
	}
}

void pipeline_rule_stats(struct pipeline *p, struct eval_rule_stats *ret)
{
	uint32_t count = ruleset_count(atomic_load_explicit(&p->set, memory_order_relaxed)->rules);

	memset(ret, 0, count * sizeof(*ret));
	if (!p->o.workers)
		add_rules(&p->inline_run, count, ret);
	for (unsigned i = 0; i < p->o.workers; i++)
		add_rules(&p->worker[i].run, count, ret);
}
