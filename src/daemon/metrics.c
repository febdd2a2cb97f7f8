/* The table of metrics: how it is filled and printed; and what Falco calls its own ("falco."). Callers: the
 * admin server for Prometheus, metrics_rule.c for alerts and files. */
#include "daemon/metrics_internal.h"

#include "base/thread.h"
#include "daemon/versions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- the table --------------------------------------------------------------------------- */

struct metric *metric_add(struct metrics *m, const char *name, bool counter, const char *field)
{
	struct metric *e;

	if (m->len == m->cap) {
		uint32_t cap = m->cap ? m->cap * 2 : 128;
		struct metric *bigger = reallocarray(m->m, cap, sizeof(*bigger));

		if (!bigger)
			abort();
		m->m = bigger;
		m->cap = cap;
	}
	e = &m->m[m->len++];
	*e = (struct metric){ .name = name, .help = METRICS_HELP, .counter = counter, .field = field, .value = "1" };
	return e;
}

void metric_int(struct metrics *m, const char *name, bool counter, const char *field, uint64_t v)
{
	struct metric *e = metric_add(m, name, counter, field);

	e->field_int = v;
	e->value = arena_fmt(&m->arena, "%llu", (unsigned long long)v);
}

void metric_label(struct metrics *m, struct metric *e, const char *name, const char *value)
{
	struct metric_label *l = arena_alloc(&m->arena, (e->nlabels + 1) * sizeof(*l));

	if (e->nlabels)
		memcpy(l, e->label, e->nlabels * sizeof(*l));
	l[e->nlabels++] = (struct metric_label){ name, arena_strn(&m->arena, value, strlen(value)) };
	e->label = l;
}

void metric_info(struct metrics *m, const char *name, const char *label, const char *field, const char *value)
{
	struct metric *e = metric_add(m, name, false, field);

	e->kind = METRIC_TEXT;
	e->always = true;
	e->field_text = arena_strn(&m->arena, value, strlen(value));
	if (name)
		metric_label(m, e, label, value);
}

void metrics_part(struct base_buf *out, const char *name)
{
	bool gap = false;

	for (const char *p = name; *p; p++) {
		bool ok = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == ':';

		if (!ok) {
			gap = true;
			continue;
		}
		if (gap)
			buf_chr(out, '_');
		gap = false;
		buf_chr(out, *p);
	}
}

/* ---- Prometheus -------------------------------------------------------------------------- */

static void print_labels(const struct metric *e, struct base_buf *out)
{
	for (uint32_t i = 0; i < e->nlabels; i++) {
		buf_fmt(out, "%s%s=\"", i ? "," : "{", e->label[i].name);
		for (const char *p = e->label[i].value; *p; p++) {
			if (*p == '\n') {
				buf_str(out, "\\n");
				continue;
			}
			if (*p == '"' || *p == '\\')
				buf_chr(out, '\\');
			buf_chr(out, *p);
		}
		buf_chr(out, '"');
	}
	buf_str(out, e->nlabels ? "}" : "");
}

void metrics_prometheus(const struct metrics *m, struct base_buf *out)
{
	const char *last = "";

	for (uint32_t i = 0; i < m->len; i++) {
		const struct metric *e = &m->m[i];

		if (!e->name)
			continue;
		if (strcmp(last, e->name)) {
			buf_fmt(out, "# HELP %s %s\n", e->name, e->help);
			buf_fmt(out, "# TYPE %s %s\n", e->name, e->counter ? "counter" : "gauge");
		}
		last = e->name;
		buf_str(out, e->name);
		print_labels(e, out);
		buf_fmt(out, " %s\n", e->value);
	}
}

/* ---- the daemon -------------------------------------------------------------------------- */

#define FALCO "falcosecurity_falco_"

static const char *engine_name(const struct daemon *d)
{
	return d->replay ? "savefile" : d->live ? "modern_bpf" : "nodriver";
}

static void add_files(struct metrics *m, const struct daemon *d, bool rules)
{
	for (uint32_t i = 0; i < d->files.len; i++) {
		const struct metrics_file *f = &d->files.f[i];
		struct base_buf field = { 0 };
		struct metric *e;

		if (f->rules != rules)
			continue;
		/* the field has the name without its ending */
		const char *dot = strrchr(f->name, '.');
		char *stem = arena_strn(&m->arena, f->name, dot && dot > f->name ? (size_t)(dot - f->name) : strlen(f->name));

		buf_fmt(&field, "falco.sha256_%s_file.", rules ? "rules" : "config");
		metrics_part(&field, stem);
		e = metric_add(m, rules ? FALCO "sha256_rules_files_info" : FALCO "sha256_config_files_info", false,
			       field.p ? arena_strn(&m->arena, field.p, field.len) : NULL);
		buf_fini(&field);
		e->kind = METRIC_TEXT;
		e->always = true;
		e->field_text = arena_strn(&m->arena, f->sha256, strlen(f->sha256));
		metric_label(m, e, "file_name", f->name);
		metric_label(m, e, "sha256", f->sha256);
	}
}

static uint64_t outputs_drops(struct daemon *d)
{
	struct hub_stats h;

	hub_stats(d->hub, &h);
	return h.dropped_full;
}

static void add_fixed(struct metrics *m, struct daemon *d)
{
	struct utsname u;
	struct metric *e;

	uname(&u);
	e = metric_add(m, "falcosecurity_scap_engine_name_info", false, "scap.engine_name");
	e->kind = METRIC_TEXT;
	e->always = true;
	e->field_text = engine_name(d);
	metric_label(m, e, "engine_name", engine_name(d));
	metric_label(m, e, "evt_source", "syscall");
	metric_info(m, NULL, NULL, "evt.source", "syscall");
	metric_info(m, FALCO "version_info", "version", "falco.version", SAKER_VERSION);
	metric_info(m, FALCO "kernel_release_info", "kernel_release", "falco.kernel_release", u.release);
	metric_info(m, "falcosecurity_evt_hostname_info", "hostname", "evt.hostname", d->hostname);
	add_files(m, d, true);
	add_files(m, d, false);
	metric_int(m, FALCO "start_timestamp_nanoseconds", false, "falco.start_ts", d->start_ts);
	metric_int(m, FALCO "reload_timestamp_nanoseconds", false, "falco.reload_ts", d->reload_ts);
	metric_int(m, FALCO "host_boot_timestamp_nanoseconds", false, "falco.host_boot_ts", metrics_boot_ts());
	metric_int(m, FALCO "host_num_cpus_total", false, "falco.host_num_cpus", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	metric_int(m, FALCO "outputs_queue_num_drops_total", true, "falco.outputs_queue_num_drops", outputs_drops(d));
	m->m[m->len - 1].always = true;
	metric_int(m, FALCO "duration_seconds_total", true, "falco.duration_sec", (base_mono_ns() - d->start_mono) / 1000000000u);
	m->m[m->len - 1].always = true;
	metric_int(m, NULL, true, "falco.num_evts", stats_events(d));
	m->m[m->len - 1].always = true;
}

/* One rule: in Prometheus only once it has matched. */
static void add_rule(struct metrics *m, const struct eval_rule *r, uint64_t matches)
{
	struct base_buf field = { 0 };
	struct metric *e;

	buf_str(&field, "falco.rules.");
	metrics_part(&field, r->name);
	e = metric_add(m, matches ? FALCO "rules_matches_total" : NULL, true,
		       field.p ? arena_strn(&m->arena, field.p, field.len) : NULL);
	buf_fini(&field);
	e->field_int = matches;
	e->value = arena_fmt(&m->arena, "%llu", (unsigned long long)matches);
	metric_label(m, e, "priority", arena_fmt(&m->arena, "%u", r->priority));
	metric_label(m, e, "rule_name", r->name);
	metric_label(m, e, "source", r->source);
	for (uint32_t i = 0; i < r->ntags; i++) {
		struct base_buf tag = { 0 };

		buf_str(&tag, "tag_");
		metrics_part(&tag, r->tags[i]);
		if (tag.p)
			metric_label(m, e, arena_strn(&m->arena, tag.p, tag.len), "true");
		buf_fini(&tag);
	}
}

static int add_rules(struct metrics *m, struct daemon *d)
{
	uint32_t n = ruleset_count(d->rules);
	struct eval_rule_stats *s = calloc(n + 1, sizeof(*s));
	uint64_t total = 0;

	if (!s)
		return -ENOMEM;
	stats_rules(d, s);
	for (uint32_t i = 0; i < n; i++)
		total += s[i].matches;
	metric_int(m, NULL, true, "falco.rules.matches_total", total);
	m->m[m->len - 1].always = true;
	for (uint32_t i = 0; i < n; i++)
		add_rule(m, ruleset_rule(d->rules, i), s[i].matches);
	free(s);
	return 0;
}

/* What can be told while the daemon is still starting. */
static void add_early(struct metrics *m, struct daemon *d)
{
	metric_info(m, FALCO "version_info", "version", NULL, SAKER_VERSION);
	metric_info(m, "falcosecurity_evt_hostname_info", "hostname", NULL, d->hostname);
	metric_int(m, FALCO "start_timestamp_nanoseconds", false, NULL, d->start_ts);
	metric_int(m, FALCO "duration_seconds_total", true, NULL, (base_mono_ns() - d->start_mono) / 1000000000u);
}

static int collect(struct daemon *d, struct metrics *ret)
{
	const struct config *c = d->c;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	arena_init(&ret->arena);
	ret->ts = base_now_ns();
	metrics_health(ret, d);
	/* acquire: everything has been made (run.c) */
	if (!atomic_load_explicit(&d->up, memory_order_acquire)) {
		add_early(ret, d);
		return 0;
	}
	add_fixed(ret, d);
	if (c->metrics.rules)
		r = add_rules(ret, d);
	if (c->metrics.resources)
		metrics_host(ret, c);
	if (c->metrics.state)
		metrics_state(ret, d);
	metrics_probe(ret, d);
	metrics_saker(ret, d);
	return r;
}

void metrics_fini(struct metrics *m)
{
	free(m->m);
	arena_fini(&m->arena);
	memset(m, 0, sizeof(*m));
}

int metrics_collect(struct daemon *d, struct metrics *ret)
{
	int r;

	pthread_mutex_lock(&d->swap); /* a reload must not free the rules meanwhile */
	r = collect(d, ret);
	pthread_mutex_unlock(&d->swap);
	return r;
}
