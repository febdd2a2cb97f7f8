/* Start, wait, stop. Called by main with checked configuration and rules.
 *
 * Start: the probe is loaded, privileges are dropped, then the first threads: admin server, outputs; then state (a capture's
 * head is read), pipeline, events. Stop
 * goes the way of the data: no new events, readers drain, workers drain, the hub drains, outputs drain;
 * so whatever was evaluated gets out. */
#include "daemon/admin.h"
#include "daemon/load.h"
#include "daemon/privileges.h"
#include "daemon/run_internal.h"

#include "base/thread.h"
#include "state/fd.h"
#include "state/repair.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define MAX_FDS 4096	 /* descriptors per process in the state table */
#define SECOND_NS 1000000000ull

int run_error(const char *text)
{
	size_t len = strlen(text);

	fprintf(stderr, "Error: %s%s", text, len && text[len - 1] == '\n' ? "" : "\n");
	return 1;
}

static int tell(const struct base_err *err)
{
	char text[2048];

	return run_error(base_err_str(err, text, sizeof(text)));
}

static void find_hostname(struct daemon *d)
{
	const char *name = getenv("FALCO_HOSTNAME");

	if (name && *name) {
		log_info("Hostname value has been overridden via environment variable to: %s", name);
		snprintf(d->hostname, sizeof(d->hostname), "%s", name);
	} else if (gethostname(d->hostname, sizeof(d->hostname) - 1)) {
		snprintf(d->hostname, sizeof(d->hostname), "unknown");
	}
}

/* Numbers of threads: asked for, or by the machine's CPUs. */
static void choose_threads(struct daemon *d)
{
	unsigned readers, workers;

	pipeline_auto(&readers, &workers);
	d->nworkers = d->c->workers >= 0 ? (unsigned)d->c->workers : workers;
	d->nreaders = d->c->readers >= 0 ? (unsigned)d->c->readers : readers;
	if (!d->nworkers || d->c->engine == ENGINE_REPLAY)
		d->nreaders = 1;
}

/* ---- start ------------------------------------------------------------------------------- */

/* The table, filled from the capture's head in replay. */
static int start_state(struct daemon *d, struct base_err *err)
{
	const char *root = getenv("HOST_ROOT");
	bool live = d->c->engine == ENGINE_LIVE;
	unsigned shards = d->nworkers ? d->nworkers : 1;
	struct state_opts so = { .shards = shards, .live = live, .max_tasks = d->c->max_tasks, .max_fds = MAX_FDS,
				 .host_root = root ? root : "", .self_pid = live ? getpid() : -1 };

	fdtab_keep_order(ruleset_uses_field(d->rules, "fd.types"));
	d->gate = gate_new(d->nreaders, shards, live, (uint64_t)d->c->lag_max_ms * 1000000u);
	if (!d->gate)
		return base_err_set(err, NULL, 0, 0, "no memory for the pipeline");
	so.gate = gate_for_state(d->gate);
	if (!live)
		return replay_open(d->c->capture_file, &so, &d->replay, &d->state, err);
	so.boot_ts = base_now_ns() - base_mono_ns();
	d->repair = repair_new(shards, so.host_root);
	if (!d->repair)
		return base_err_set(err, NULL, 0, 0, "no memory for repair");
	so.repair = repair_for_state(d->repair);
	d->state = state_table_new(&so);
	return d->state ? 0 : base_err_set(err, NULL, 0, 0, "no memory for the process table");
}

bool run_shows_left_texts(const struct config *c, const struct ruleset *rules)
{
	unsigned readers, workers;

	pipeline_auto(&readers, &workers);
	return c->engine == ENGINE_REPLAY && !(c->workers >= 0 ? (unsigned)c->workers : workers) && ruleset_outputs_field(rules, "evt.buffer");
}

static int start_pipeline(struct daemon *d, struct base_err *err)
{
	struct pipeline_opts po = {
		.run = { .state = d->state, .hub = d->hub, .gate = d->gate, .hostname = d->hostname,
			 .keep_texts = run_shows_left_texts(d->c, d->rules) },
		.set = d->set,
		.gate = d->gate,
		.readers = d->nreaders,
		.workers = d->nworkers,
		.batch_bytes = d->c->batch_bytes,
		.live = d->c->engine == ENGINE_LIVE,
	};
	int r = pipeline_new(&po, &d->pipeline);

	d->set = NULL; /* taken over */
	if (r < 0)
		return base_err_set(err, NULL, 0, 0, "cannot make the pipeline: %s", strerror(-r));
	return pipeline_start(d->pipeline, err);
}

static int start(struct daemon *d, struct base_err *err)
{
	int r = d->c->engine == ENGINE_LIVE ? live_prepare(d, err) : 0;

	/* Loading the probe is what needs most; no thread has been started yet. */
	if (!r)
		r = privileges_drop(d->c, err);
	if (!r)
		r = admin_start(d, d->c, &d->admin, err);
	if (!r)
		r = outputs_start(d, err);
	if (!r)
		r = start_state(d, err);
	if (!r)
		r = start_pipeline(d, err);
	if (r)
		return r;
	memory_tick(d);
	if (d->replay) {
		log_info("Replaying events from the capture file: %s", d->c->capture_file);
		r = replay_start(d->replay, d->pipeline, d->done_fd, err);
	} else {
		r = live_start(d, err);
	}
	if (!r && d->live)
		r = meta_start(d, err);
	if (!r)
		atomic_store_explicit(&d->up, true, memory_order_release); /* acquired by health.c and metrics.c */
	return r;
}

/* ---- at work ----------------------------------------------------------------------------- */

static bool is_ready(const struct daemon *d)
{
	return atomic_load_explicit(&d->health.ready, memory_order_relaxed); /* written by main only */
}

static void say_ready(struct daemon *d)
{
	atomic_store_explicit(&d->health.ready, true, memory_order_relaxed);
	d->ready_mono = base_mono_ns();
	fprintf(stderr, "saker: ready (%s, readers %u, workers %u, rules %u, after %.3f s)\n",
		d->live ? live_attach_type(d->live) : "replay", d->nreaders, d->nworkers, ruleset_count(d->rules),
		(double)(d->ready_mono - d->start_mono) / 1e9);
	notify_send(&d->notify, "READY=1");
}

/* False when it is time to stop. */
static bool on_signal(struct daemon *d, struct reload *reload)
{
	struct signalfd_siginfo si;

	if (read(d->signal_fd, &si, sizeof(si)) != sizeof(si))
		return true;
	switch (si.ssi_signo) {
	case SIGUSR1:
		log_info("SIGUSR1 received, reopening outputs");
		hub_reopen(d->hub);
		return true;
	case SIGHUP:
		reload_now(reload, d, "SIGHUP received");
		return true;
	default:
		log_info("%s received, stopping", si.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
		return false;
	}
}

/* Milliseconds until main has something to do, -1 for ever. */
static int next_ms(const struct daemon *d, uint64_t now, uint64_t end, uint64_t tick, uint64_t metrics, uint64_t reload)
{
	uint64_t at = end < tick ? end : tick;

	if (reload < at)
		at = reload;

	if (!is_ready(d))
		return 1;
	if (metrics < at)
		at = metrics;
	if (at == UINT64_MAX)
		return -1;
	return at <= now ? 0 : (int)((at - now) / 1000000 < 60000 ? (at - now + 999999) / 1000000 : 60000);
}

/* Tells systemd's watchdog while events flow, and only then. */
static void feed_watchdog(struct daemon *d)
{
	struct base_buf b = { 0 };

	if (d->notify.watchdog_ns && health_report(d, &b))
		notify_send(&d->notify, "WATCHDOG=1");
	buf_fini(&b);
}

/* Once a second. False when it is time to stop. */
static bool tick(struct daemon *d, struct drops *w)
{
	if (d->live) {
		if (!drops_check(w, d))
			return false;
		live_tick(d, w);
	} else if (d->c->memory_limit) {
		memory_tick(d);
	}
	feed_watchdog(d);
	return true;
}

static void wait_events(struct daemon *d, struct drops *w, struct metrics_out *metrics, struct reload *reload)
{
	struct pollfd p[3] = { { .fd = d->signal_fd, .events = POLLIN }, { .fd = d->done_fd, .events = POLLIN },
			       { .fd = reload->fd, .events = POLLIN } };
	uint64_t end = UINT64_MAX, next = base_mono_ns() + SECOND_NS;
	bool ticks = d->live || d->notify.watchdog_ns || d->c->memory_limit;

	if (d->o->seconds)
		end = base_mono_ns() + d->o->seconds * SECOND_NS;
	for (;;) {
		uint64_t now;

		if (!is_ready(d) && (d->replay || live_flows(d)))
			say_ready(d);
		now = base_mono_ns();
		if (now >= end)
			return;
		if (ticks && is_ready(d) && now >= next) {
			if (!tick(d, w))
				return;
			next = now + SECOND_NS;
		}
		metrics_out_check(metrics, d, now);
		reload_check(reload, d, now);
		if (poll(p, 3, next_ms(d, now, end, ticks ? next : UINT64_MAX, metrics->next_ns, reload->due_ns)) < 0 &&
		    errno != EINTR)
			return;
		if (p[2].revents)
			reload_notice(reload, base_mono_ns());
		if (p[0].revents && !on_signal(d, reload))
			return;
		if (p[1].revents)
			return;
	}
}

/* ---- stop -------------------------------------------------------------------------------- */

/* From here on a second SIGINT or SIGTERM ends the process at once: an output may hang. */
static void unblock_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int stop(struct daemon *d, struct stats_threads *threads, struct base_err *err)
{
	int r = 0;

	notify_send(&d->notify, "STOPPING=1");
	unblock_signals();
	/* It looks at what is about to end. */
	admin_stop(d->admin);
	d->admin = NULL;
	/* In replay the pipeline waits for the outputs, and one that is stuck must not make this wait too. */
	if (d->hub)
		hub_hurry(d->hub);
	if (d->replay) {
		replay_request_stop(d->replay);
		r = replay_finish(d->replay, err);
	} else {
		live_stop(d);
	}
	d->stop_mono = base_mono_ns();
	if (d->pipeline)
		pipeline_stop(d->pipeline);
	stats_sample(threads);
	meta_stop(d);
	if (d->hub)
		hub_stop(d->hub);
	return r;
}

static void tear_down(struct daemon *d)
{
	readers_free(d->readers);
	pipeline_free(d->pipeline);
	run_set_free(d->set);
	free(d->past);
	replay_free(d->replay);
	state_table_free(d->state);
	repair_free(d->repair);
	if (d->live)
		live_close(d->live);
	gate_free(d->gate);
	hub_free(d->hub);
	metrics_files_fini(&d->files);
	notify_fini(&d->notify);
	if (d->signal_fd >= 0)
		close(d->signal_fd);
	if (d->done_fd >= 0)
		close(d->done_fd);
}

/* Start failed half way: workers that run wait for readers that never came. */
static void end_readers(struct daemon *d)
{
	const struct evt_consumer *c = d->pipeline ? pipeline_consumer(d->pipeline) : NULL;

	for (unsigned i = 0; c && i < d->nreaders; i++)
		c->end(c->ctx, i);
}

static int take_signals(struct daemon *d, struct base_err *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	d->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->signal_fd < 0 || d->done_fd < 0)
		return base_err_set(err, NULL, 0, 0, "cannot take signals: %s", strerror(errno));
	return 0;
}

static bool write_pid(const char *path)
{
	FILE *f = fopen(path, "we");
	bool ok = f && fprintf(f, "%d\n", (int)getpid()) > 0;

	if (f && fclose(f))
		ok = false;
	return ok;
}

static int check_sources(const struct config *c, const struct options *o)
{
	char text[300];

	if (c->engine == ENGINE_REPLAY)
		return 0; /* as in Falco: no effect there */
	if (o->nenable_source && o->ndisable_source)
		return run_error("--enable-source and --disable-source cannot be given together");
	for (uint32_t i = 0; i < o->nenable_source + o->ndisable_source; i++) {
		const char *s = i < o->nenable_source ? o->enable_source[i] : o->disable_source[i - o->nenable_source];

		if (strcmp(s, "syscall")) {
			snprintf(text, sizeof(text), "Unknown event source '%.200s': the only one so far is syscall", s);
			return run_error(text);
		}
	}
	if (o->ndisable_source)
		return run_error("Must enable at least one event source");
	if (c->engine == ENGINE_NODRIVER)
		return run_error("engine.kind is nodriver, and there are no plugin sources yet: no events would come");
	return 0;
}

/* For the metrics: fingerprints of what was loaded. */
static void read_files(struct daemon *d)
{
	uint32_t n = 0;
	char **rules;

	if (!d->c->metrics.enabled && !(d->c->web.enabled && d->c->web.metrics))
		return;
	rules = load_files(d->c, d->o, &n);
	metrics_files_read(d->c, rules, n, &d->files);
	for (uint32_t i = 0; i < n; i++)
		free(rules[i]);
	free(rules);
}

int run_daemon(const struct config *c, const struct options *o, struct ruleset *rules)
{
	struct daemon d = { .c = c, .o = o, .rules = rules, .signal_fd = -1, .done_fd = -1, .swap = PTHREAD_MUTEX_INITIALIZER };
	struct reload reload;
	struct stats_threads threads = { .len = 0 };
	struct base_err err = { 0 };
	struct drops drops = { 0 };
	struct metrics_out metrics = { .next_ns = UINT64_MAX };
	int r;

	if (check_sources(c, o)) {
		ruleset_free(rules);
		return 1;
	}
	notify_init(&d.notify);
	d.start_mono = base_mono_ns();
	d.start_ts = base_now_ns();
	find_hostname(&d);
	if (!outputs_any(c) || o->dry_run) {
		ruleset_free(rules);
		if (!outputs_any(c))
			return run_error("No output configured, please make sure at least one output is configured and enabled.");
		log_info("dry run: configuration and rules are good, nothing is started");
		return 0;
	}
	d.reload_ts = d.start_ts;
	choose_threads(&d);
	d.set = run_set_new(rules, (const char *const *)c->static_values, c->buffer_base64, d.nworkers ? d.nworkers : 1);
	if (!d.set)
		return run_error("no memory for the rules");
	r = take_signals(&d, &err);
	if (!r && o->pidfile && !write_pid(o->pidfile)) {
		fprintf(stderr, "Error: cannot write the process id to %s: %s\n", o->pidfile, strerror(errno));
		tear_down(&d);
		return 255;
	}
	if (!r)
		r = metrics_out_start(&metrics, &d, &err);
	if (!r)
		read_files(&d);
	if (!r)
		r = start(&d, &err);
	if (r < 0) {
		metrics_out_stop(&metrics);
		if (!d.readers)
			end_readers(&d);
		stop(&d, &threads, &(struct base_err){ 0 });
		tear_down(&d);
		return tell(&err);
	}
	drops_init(&drops, &d);
	reload_init(&reload, &d);
	wait_events(&d, &drops, &metrics, &reload);
	if (!is_ready(&d))
		d.ready_mono = d.start_mono;
	r = stop(&d, &threads, &err);
	metrics_out_stop(&metrics);
	stats_print(&d, &drops, &threads);
	reload_fini(&reload, &d);
	if (o->pidfile)
		unlink(o->pidfile);
	tear_down(&d);
	return r < 0 ? tell(&err) : 0;
}
