/* Live capture as main sees it: interest, probe, first look at what runs, readers; and back. Called by run.c.
 *
 * The probe is attached before that look, and the readers start after: what happens meanwhile waits
 * in the rings. The other way round, a process made between the two would be in neither. */
#include "daemon/interest.h"
#include "daemon/run_internal.h"

#include "base/thread.h"
#include "capture/live_scan.h"
#include "state/scan_iter.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void fill_opts(struct daemon *d, struct live_opts *lo)
{
	struct base_buf missing = { 0 };
	struct sc_set set;

	_Static_assert(SC_MAX == LIVE_SC_MAX, "one bit per portable system call on both sides");
	*lo = (struct live_opts){ .ring_bytes = d->c->ring_bytes, .snaplen = d->c->snaplen,
				  .cpus_per_ring = d->c->cpus_per_ring ? d->c->cpus_per_ring : UINT32_MAX,
				  .drop_failed_exit = d->c->drop_failed_exit, .wake_percent = d->c->ring_wake,
				  .fair_percent = d->c->ring_fair, .bulk_percent = d->c->ring_bulk,
				  .critical_rate = d->c->critical_rate, .critical_burst = d->c->critical_burst };
	interest_compute(d->c, d->rules, &set, &missing);
	memcpy(lo->interest, set.w, sizeof(lo->interest));
	d->interest = set;
	if (missing.len)
		log_warn("Rules name system calls that are not captured (see base_syscalls): warning (unsupported-evttype): %s", missing.p);
	buf_fini(&missing);
}

int live_prepare(struct daemon *d, struct base_err *err)
{
	struct live_opts lo;
	int r;

	if (d->c->kmod)
		log_notice("engine.kind is kmod: Saker has no kernel module, its BPF probe is used");
	fill_opts(d, &lo);
	d->ring_bytes = lo.ring_bytes;
	r = live_open(&lo, &d->live, err);
	if (r < 0)
		return r;
	if (d->nreaders > live_ring_count(d->live))
		d->nreaders = live_ring_count(d->live);
	return 0;
}

static int run_pass(void *ctx, enum scan_pass pass, int (*fn)(void *arg, const void *rec, size_t size), void *arg)
{
	return live_scan_run(ctx, pass, fn, arg);
}

/* What runs already: from the kernel's iterators, else from /proc. from: a moment before this one, after which every
 * change is in the rings. */
static int scan(struct daemon *d, struct okey from, struct base_err *err)
{
	struct scan_source src = { .run = run_pass };
	struct live_scan *s = NULL;
	uint64_t start = base_mono_ns();
	int r = live_scan_open(d->live, &s);

	d->scanned_by = "iterators";
	if (!r) {
		src.ctx = s;
		src.texts = live_scan_has(s, SCAN_TEXTS);
		src.boot_epoch = live_scan_epoch(s);
		r = scan_iter(d->state, &src, from);
		live_scan_close(s);
		if (r)
			scan_reset(d->state);
	}
	if (r) {
		log_debug("no start-up iterators (%s): reading /proc", strerror(-r));
		d->scanned_by = "/proc";
		r = scan_proc(d->state, from);
	}
	d->scan_ns = base_mono_ns() - start;
	d->scanned_tasks = state_task_count(d->state);
	if (r < 0)
		base_err_set(err, NULL, 0, 0, "cannot read the running processes from /proc: %s", strerror(-r));
	return r;
}

int live_start(struct daemon *d, struct base_err *err)
{
	struct readers_opts ro = { .readers = d->nreaders, .drain_interval_us = d->c->drain_interval_us,
				   .consumer = pipeline_consumer(d->pipeline) };
	struct okey from;
	int r;

	from = (struct okey){ live_now(d->live), 0 };
	r = live_attach(d->live, err);
	if (r < 0)
		return r;
	d->attached = true;
	r = scan(d, from, err);
	if (r < 0)
		return r;
	r = readers_start(d->live, &ro, &d->readers, err);
	if (r < 0)
		return r;
	return 0;
}

uint64_t live_lag_ns(struct daemon *d, unsigned worker)
{
	struct pipeline_worker w;
	uint64_t now = live_now(d->live);

	pipeline_worker_stats(d->pipeline, worker, &w);
	return w.applied < now ? now - w.applied : 0;
}

static void note_lag(struct daemon *d)
{
	for (unsigned i = 0; i < (d->nworkers ? d->nworkers : 1) && i < LAG_WORKERS; i++) {
		uint64_t lag = live_lag_ns(d, i);

		if (lag > __atomic_load_n(&d->lag_max_ns[i], __ATOMIC_RELAXED))
			__atomic_store_n(&d->lag_max_ns[i], lag, __ATOMIC_RELAXED);
	}
}

int live_widen(struct daemon *d, const struct sc_set *next)
{
	struct sc_set both = d->interest;
	int r;

	for (size_t i = 0; i < SC_MAX / 64; i++)
		both.w[i] |= next->w[i];
	r = live_set_interest(d->live, both.w);
	if (!r)
		d->interest = both;
	return r;
}

int live_narrow(struct daemon *d, const struct sc_set *next)
{
	int r = live_set_interest(d->live, next->w);

	if (!r)
		d->interest = *next;
	return r;
}

/* A child that ends at once: its exit is an event that the probe always delivers. */
static void make_event(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

void live_tick(struct daemon *d, const struct drops *w)
{
	int n = live_refresh_rings(d->live);
	uint64_t now = base_mono_ns();

	health_look_at_workers(&d->health, now, d->pipeline, d->nworkers);
	if (health_look(&d->health, now, w->events, w->dropped))
		make_event();
	timeouts_check(&d->timeouts, d, now);
	hub_tick(d->hub);
	memory_tick(d);
	note_lag(d);
	if (n > 0)
		log_notice("%d CPU%s came online: captured from now on", n, n == 1 ? "" : "s");
	else if (n < 0 && !d->rings_failed)
		log_err("no ring for a CPU that came online: %s; its events are counted as dropped", strerror(-n));
	d->rings_failed = n < 0;
}

bool live_flows(struct daemon *d)
{
	struct readers_stats rs;
	uint64_t now = base_mono_ns();

	readers_stats(d->readers, &rs);
	if (rs.events)
		return true;
	if (now >= d->next_proof) {
		make_event();
		d->next_proof = now + 100000000u;
	}
	return false;
}

void live_stop(struct daemon *d)
{
	if (d->live && d->attached)
		live_detach(d->live);
	d->attached = false;
	if (d->readers)
		readers_stop(d->readers);
}
