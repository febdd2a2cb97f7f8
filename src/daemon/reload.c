/* See reload.h. Order: read and compile aside; widen what the probe produces; publish (pipeline_publish waits until no
 * worker uses the old set); take over the old set's counts; narrow; free. */
#include "daemon/reload.h"

#include "base/thread.h"
#include "daemon/admin.h"
#include "daemon/interest.h"
#include "daemon/load.h"
#include "daemon/run_internal.h"
#include "sink/internal.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define RULE "Falco internal: hot restart failure" /* Falco's name for it */
#define SETTLE_NS 150000000ull /* editors and mounts change several things at once */
#define WATCHED (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB | IN_DELETE_SELF)

/* ---- which files ---------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const unsigned char *)p)[i]) * 0x100000001b3ull;
	return h;
}

static uint64_t mix_file(uint64_t h, const char *path)
{
	struct stat st;

	h = mix(h, path, strlen(path) + 1);
	if (stat(path, &st))
		return mix(h, "gone", 4);
	h = mix(h, &st.st_ino, sizeof(st.st_ino));
	h = mix(h, &st.st_size, sizeof(st.st_size));
	return mix(h, &st.st_mtim, sizeof(st.st_mtim));
}

/* Of every file that was read, or would be now: a file that came into a rules directory counts. */
static uint64_t fingerprint(const struct daemon *d)
{
	uint64_t h = 0xcbf29ce484222325ull;
	uint32_t n = 0;
	char **rules = load_files(d->c, d->o, &n);

	for (uint32_t i = 0; i < d->c->nfiles; i++)
		h = mix_file(h, d->c->files[i]);
	for (uint32_t i = 0; i < n; i++) {
		h = mix_file(h, rules[i]);
		free(rules[i]);
	}
	free(rules);
	return h;
}

static void watch_dir(const struct reload *r, const char *dir)
{
	if (inotify_add_watch(r->fd, dir, WATCHED) < 0 && errno != ENOENT)
		log_warn("cannot watch %s for changes: %s", dir, strerror(errno));
}

/* The directory a file is in: a file that is replaced has another inode. Also of where a link leads. */
static void watch_file(const struct reload *r, const char *path)
{
	char copy[PATH_MAX], real[PATH_MAX];
	struct stat st;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		watch_dir(r, path);
	snprintf(copy, sizeof(copy), "%s", path);
	watch_dir(r, dirname(copy));
	if (realpath(path, real))
		watch_dir(r, dirname(real));
}

static void watch_all(const struct reload *r, const struct daemon *d)
{
	const struct config *c = d->c;

	for (uint32_t i = 0; i < c->nfiles; i++)
		watch_file(r, c->files[i]);
	for (uint32_t i = 0; i < (d->o->nrules ? d->o->nrules : c->nrules_files); i++)
		watch_file(r, d->o->nrules ? d->o->rules[i] : c->rules_files[i]);
}

void reload_init(struct reload *r, struct daemon *d)
{
	*r = (struct reload){ .fd = -1, .due_ns = UINT64_MAX, .first = d->c };
	r->print = fingerprint(d);
	if (!d->c->watch_files || !d->live)
		return;
	r->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (r->fd < 0)
		log_warn("changes of configuration and rules files are not noticed: %s", strerror(errno));
	else
		watch_all(r, d);
}

void reload_notice(struct reload *r, uint64_t now_ns)
{
	char buf[8192] __attribute__((aligned(8)));

	while (read(r->fd, buf, sizeof(buf)) > 0)
		;
	r->due_ns = now_ns + SETTLE_NS;
}

void reload_check(struct reload *r, struct daemon *d, uint64_t now_ns)
{
	uint64_t print;

	if (now_ns < r->due_ns)
		return;
	r->due_ns = UINT64_MAX;
	print = fingerprint(d);
	if (print != r->print)
		reload_now(r, d, "a file changed");
}

/* ---- what a reload does not change ------------------------------------------------------------ */

static bool differ(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

static bool other_engine(const struct config *a, const struct config *b)
{
	return a->engine != b->engine || differ(a->capture_file, b->capture_file) || a->ring_bytes != b->ring_bytes || a->snaplen != b->snaplen ||
	       a->cpus_per_ring != b->cpus_per_ring || a->drop_failed_exit != b->drop_failed_exit || a->max_tasks != b->max_tasks;
}

static bool other_pipeline(const struct config *a, const struct config *b)
{
	return a->readers != b->readers || a->workers != b->workers || a->batch_bytes != b->batch_bytes || a->lag_max_ms != b->lag_max_ms ||
	       a->drain_interval_us != b->drain_interval_us || a->ring_wake != b->ring_wake || a->ring_fair != b->ring_fair ||
	       a->ring_bulk != b->ring_bulk || a->critical_rate != b->critical_rate || a->critical_burst != b->critical_burst;
}

static void tell_later(const struct config *a, const struct config *b)
{
	static const char text[] = "reload: what changed under %s takes effect at the next start";

	if (other_engine(a, b))
		log_warn(text, "engine, falco_libs");
	if (other_pipeline(a, b))
		log_warn(text, "pipeline");
	if (differ(a->store_path, b->store_path) || a->store_max_bytes != b->store_max_bytes || a->store_max_age_ns != b->store_max_age_ns)
		log_warn(text, "store");
	if (a->queue_capacity != b->queue_capacity)
		log_warn(text, "outputs_queue");
}

/* ---- reading aside ------------------------------------------------------------------------------ */

struct fresh {
	struct config *c;  /* owned */
	struct run_set *set; /* owned */
};

static void fresh_free(struct fresh *f)
{
	run_set_free(f->set);
	if (f->c)
		config_fini(f->c);
	free(f->c);
}

static int read_config(const struct daemon *d, struct fresh *f, struct base_buf *why)
{
	struct base_err err = { 0 };
	char text[2048];

	f->c = calloc(1, sizeof(*f->c));
	if (f->c && !config_load(d->c->path, d->c->path != NULL, d->o->option, d->o->noption, f->c, &err)) {
		if (outputs_any(f->c))
			return 0;
		buf_str(why, "no output is enabled");
		return -EINVAL;
	}
	buf_str(why, f->c ? base_err_str(&err, text, sizeof(text)) : "no memory");
	free(f->c);
	f->c = NULL;
	return -EINVAL;
}

static int read_rules(const struct daemon *d, struct fresh *f, struct base_buf *why)
{
	struct rules_opts opts = load_rules_opts(f->c, d->o);
	struct base_err err = { 0 };
	struct ruleset *set;
	struct rules *rules;

	if (load_rules(f->c, d->o, &opts, &rules, why))
		return -EINVAL;
	set = rules_compile(rules, &err);
	rules_free(rules);
	if (set)
		f->set = run_set_new(set, (const char *const *)f->c->static_values, f->c->buffer_base64, d->nworkers ? d->nworkers : 1);
	if (f->set)
		return 0;
	buf_str(why, err.msg[0] ? err.msg : "no memory for the rules");
	return -ENOMEM;
}

static void refuse(struct daemon *d, const char *why)
{
	char *line = strdup(why);
	struct alert *a;

	for (char *p = line; p && (p = strchr(p, '\n'));)
		*p = ' '; /* a report may have several lines, an alert has one */
	a = internal_alert_new(RULE, LOG_L_CRIT, base_now_ns(), d->hostname, line ? line : RULE, NULL, 0);
	free(line);

	atomic_fetch_add_explicit(&d->reloads_refused, 1, memory_order_relaxed);
	log_err("reload refused, what is in use stays: %s", why);
	if (a)
		hub_submit_internal(d->hub, a);
}

/* ---- taking over ---------------------------------------------------------------------------------- */

/* Counts of rules that are there again, by name. The old set is used by nobody any more, past is of its rules. */
static struct eval_rule_stats *carry(const struct run_set *old, const struct eval_rule_stats *past, const struct ruleset *next)
{
	uint32_t n = ruleset_count(next), m = ruleset_count(old->rules), at = 0;
	struct eval_rule_stats *s = calloc(n + 1, sizeof(*s));

	for (uint32_t i = 0; s && i < n; i++) {
		const char *name = ruleset_rule(next, i)->name;
		uint32_t k = 0;

		while (k < m && strcmp(ruleset_rule(old->rules, (at + k) % m)->name, name)) /* mostly the next one */
			k++;
		if (k == m)
			continue;
		at = (at + k) % m;
		if (past)
			s[i] = past[at];
		for (unsigned w = 0; w < old->workers; w++) {
			const struct eval_rule_stats *o = eval_worker_stats(old->eval[w]) + at;

			s[i].evals += o->evals;
			s[i].matches += o->matches;
			s[i].cpu_ns += o->cpu_ns;
		}
		at++;
	}
	return s;
}

/* Another address, other pages, another certificate. One that cannot be started is told; the next reload tries again. */
static void reload_admin(struct daemon *d)
{
	struct base_err err = { 0 };

	if (!admin_differs(d->admin, d->c))
		return;
	admin_stop(d->admin);
	d->admin = NULL;
	if (admin_start(d, d->c, &d->admin, &err))
		log_err("reload: %s", err.msg);
}

static void take_over(struct reload *r, struct daemon *d, struct fresh *f)
{
	const struct config *was = d->c;
	struct eval_rule_stats *past;
	struct run_set *old;

	/* From before the pipeline has the new set: who reads the rules' counts takes their number from d->rules. */
	pthread_mutex_lock(&d->swap);
	old = pipeline_publish(d->pipeline, f->set);
	past = carry(old, d->past, f->set->rules);
	d->rules = f->set->rules;
	d->c = f->c;
	free(d->past);
	d->past = past;
	d->reload_ts = base_now_ns();
	pthread_mutex_unlock(&d->swap);
	run_set_free(old);
	outputs_reload(d, was, f->c);
	reload_admin(d);
	if (r->own) {
		config_fini(r->own);
		free(r->own);
	}
	r->own = f->c;
}

void reload_now(struct reload *r, struct daemon *d, const char *why)
{
	uint64_t from = base_mono_ns();
	struct base_buf text = { 0 }, missing = { 0 };
	struct fresh f = { 0 };
	struct sc_set next;
	int e;

	if (d->replay) {
		log_warn("%s: a capture is replayed with the rules it began with", why);
		return;
	}
	log_notice("reloading: %s", why);
	r->print = fingerprint(d);
	e = read_config(d, &f, &text);
	if (!e)
		e = read_rules(d, &f, &text);
	if (!e && d->live) {
		interest_compute(f.c, f.set->rules, &next, &missing);
		e = live_widen(d, &next);
		if (e)
			buf_fmt(&text, "the probe cannot produce what the rules need: %s", strerror(-e));
		buf_fini(&missing);
	}
	if (e) {
		refuse(d, text.p ? text.p : "no memory");
		fresh_free(&f);
	} else {
		tell_later(r->first, f.c);
		take_over(r, d, &f);
		if (d->live && live_narrow(d, &next))
			log_warn("reload: the probe produces more than the rules need");
		atomic_fetch_add_explicit(&d->reloads, 1, memory_order_relaxed);
		log_notice("reloaded: %u rules, in %.0f ms", ruleset_count(d->rules), (double)(base_mono_ns() - from) / 1e6);
	}
	buf_fini(&text);
	r->print = fingerprint(d);
	if (r->fd >= 0)
		watch_all(r, d);
}

void reload_fini(struct reload *r, struct daemon *d)
{
	if (r->fd >= 0)
		close(r->fd);
	if (r->own) {
		d->c = r->first;
		config_fini(r->own);
		free(r->own);
	}
}
