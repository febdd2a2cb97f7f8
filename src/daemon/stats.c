/* The figures at the end: Falco's summary for scripts that read it, then what Saker knows about its own
 * work. Called by run.c on main after everything has stopped. */
#include "daemon/run_internal.h"

#include "base/buf.h"
#include "base/thread.h"
#include "sink/fdout.h"
#include "sink/store.h"
#include "state/memory.h"
#include "state/repair.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- reading /proc/self ------------------------------------------------------------------ */

static bool read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(buf, (int)size, f);

	if (f)
		fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

/* schedstat has nanoseconds on the CPU; kernels without it have ticks in stat. */
static double thread_cpu(const char *tid)
{
	unsigned long long ns, user, sys;
	char path[320], line[1024];
	const char *p;

	snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", tid);
	if (read_line(path, line, sizeof(line)) && sscanf(line, "%llu", &ns) == 1 && ns)
		return (double)ns / 1e9;
	snprintf(path, sizeof(path), "/proc/self/task/%s/stat", tid);
	if (!read_line(path, line, sizeof(line)) || !(p = strrchr(line, ')')) ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &sys) != 2)
		return 0;
	return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

void stats_sample(struct stats_threads *t)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;

	t->len = 0;
	while (d && (e = readdir(d)) && t->len < STATS_THREADS) {
		char path[320];

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		if (!read_line(path, t->thread[t->len].name, sizeof(t->thread[0].name)))
			continue;
		if (strtol(e->d_name, NULL, 10) == (long)getpid())
			strcpy(t->thread[t->len].name, "main");
		t->thread[t->len++].cpu_s = thread_cpu(e->d_name);
	}
	if (d)
		closedir(d);
}

/* "VmRSS" of /proc/self/status, in KiB. */
static unsigned long status_kb(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long kb = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			kb = strtoul(line + strlen(key) + 1, NULL, 10);
	}
	if (f)
		fclose(f);
	return kb;
}

/* ---- drops ------------------------------------------------------------------------------- */

uint64_t stats_dropped(struct daemon *d, struct live_stats *ret_live)
{
	struct pipeline_stats p;
	uint64_t n = 0;

	pipeline_stats(d->pipeline, &p);
	if (d->live) {
		live_stats(d->live, ret_live);
		for (unsigned i = 0; i < LIVE_DROP_MAX; i++)
			n += ret_live->dropped[i];
		n += ret_live->recursion_misses;
	}
	return n + p.dropped_bulk + p.dropped_critical;
}

uint64_t stats_events(struct daemon *d)
{
	struct readers_stats r = { 0 };
	struct replay_stats rs;

	if (d->replay) {
		replay_stats(d->replay, &rs);
		return rs.events;
	}
	if (d->readers)
		readers_stats(d->readers, &r);
	return r.events - r.dropped;
}

/* ---- printing ---------------------------------------------------------------------------- */

static void print_rule(void *arg, const struct tally_rule *r)
{
	buf_fmt(arg, "   %s: %llu\n", r->name, (unsigned long long)r->count);
}

/* Standard output may be the very output that was stuck: then the summary is left out, not waited for. */
static void write_out(struct base_buf *b)
{
	struct fdout out;

	fdout_init(&out, false);
	fdout_set(&out, STDOUT_FILENO);
	fdout_interrupt(&out);
	buf_add(&out.pending, b->p, b->len);
	fdout_flush(&out);
	fdout_fini(&out);
}

/* Scripts read these lines; Falco's words and order. */
static void print_summary(struct daemon *d)
{
	struct base_buf b = { 0 };
	struct hub_stats st;

	hub_stats(d->hub, &st);
	buf_fmt(&b, "Events detected: %llu\nRule counts by severity:\n", (unsigned long long)st.submitted);
	for (unsigned p = 0; p < 8; p++) {
		char name[20] = "";

		for (unsigned i = 0; alert_priority_name[p][i]; i++)
			name[i] = (char)toupper((unsigned char)alert_priority_name[p][i]);
		if (p == LOG_L_INFO)
			strcpy(name, "INFO"); /* the short word here only */
		if (st.by_priority[p])
			buf_fmt(&b, "   %s: %llu\n", name, (unsigned long long)st.by_priority[p]);
	}
	buf_fmt(&b, "Triggered rules by rule name:\n");
	hub_for_each_rule(d->hub, print_rule, &b);
	write_out(&b);
	buf_fini(&b);
}

static void print_suppressed(void *arg, const struct tally_rule *r)
{
	(void)arg;
	if (r->suppressed)
		fprintf(stderr, "saker: suppressed %llu unreported %llu rule %s\n", (unsigned long long)r->suppressed,
			(unsigned long long)r->unreported, r->name);
}

static void print_sink(void *arg, const struct sink_stats *st)
{
	(void)arg;
	fprintf(stderr, "saker: output %s delivered %llu dropped %llu failed %llu", st->name, (unsigned long long)st->delivered,
		(unsigned long long)st->dropped, (unsigned long long)st->errors);
	if (st->remote)
		fprintf(stderr, " retries %llu waiting %llu state %s", (unsigned long long)st->retries,
			(unsigned long long)st->waiting, sink_state_name[st->state]);
	fputc('\n', stderr);
}

static void print_store(struct hub *h)
{
	struct store_stats st;

	if (!hub_store(h))
		return;
	store_stats(hub_store(h), &st);
	if (st.durable)
		fprintf(stderr, "saker: store put %llu committed %llu lost %llu discarded %llu expired %llu bytes %llu commits %llu "
			"commit_max_ms %.1f\n", (unsigned long long)st.put, (unsigned long long)st.committed,
			(unsigned long long)st.lost, (unsigned long long)st.discarded, (unsigned long long)st.expired,
			(unsigned long long)st.bytes, (unsigned long long)st.commits, (double)st.commit_max_ns / 1e6);
}

static void print_probe(struct daemon *d, const struct live_stats *l)
{
	struct readers_stats r;

	if (!d->live)
		return;
	fprintf(stderr, "saker: probe produced %llu dropped", (unsigned long long)l->produced);
	for (unsigned i = 0; i < LIVE_DROP_MAX; i++)
		fprintf(stderr, " %s %llu", live_drop_name[i], (unsigned long long)l->dropped[i]);
	fprintf(stderr, " recursion %llu critical_among_them %llu\n", (unsigned long long)l->recursion_misses,
		(unsigned long long)l->dropped_critical);
	if (!d->readers)
		return;
	readers_stats(d->readers, &r);
	fprintf(stderr, "saker: readers threads %u events %llu bytes %llu passes %llu held %llu late %llu woken %llu damaged %llu\n",
		d->nreaders, (unsigned long long)r.events, (unsigned long long)r.bytes, (unsigned long long)r.passes,
		(unsigned long long)r.held, (unsigned long long)r.late, (unsigned long long)r.woken,
		(unsigned long long)r.damaged);
}

/* Threads by stage; those that had ended before the sample say it themselves. */
static void print_cpu(struct daemon *d, const struct pipeline_stats *p, const struct stats_threads *t)
{
	double readers = 0, other = 0;
	struct replay_stats rs;
	struct readers_stats r;

	if (d->replay) {
		replay_stats(d->replay, &rs);
		readers = rs.cpu_s;
	} else if (d->readers) {
		readers_stats(d->readers, &r);
		readers = r.cpu_s;
	}
	fprintf(stderr, "saker: cpu_s readers %.3f workers %.3f", readers, p->worker_cpu_s);
	for (unsigned i = 0; i < t->len; i++) {
		const char *name = t->thread[i].name;

		if (!strcmp(name, "main") || !strcmp(name, "hub") || !strcmp(name, "store") || !strncmp(name, "sink/", 5))
			fprintf(stderr, " %s %.3f", name, t->thread[i].cpu_s);
		else if (strncmp(name, "reader/", 7) && strncmp(name, "worker/", 7))
			other += t->thread[i].cpu_s;
	}
	fprintf(stderr, " other %.3f\n", other);
}

static void print_repair(const struct daemon *d)
{
	struct repair_stats s;

	if (!d->repair)
		return;
	repair_stats(d->repair, &s);
	fprintf(stderr, "saker: repair asked %llu dropped %llu answered %llu gone %llu stale %llu users_read %llu\n",
		(unsigned long long)s.asked, (unsigned long long)s.dropped, (unsigned long long)s.answered,
		(unsigned long long)s.gone, (unsigned long long)s.stale, (unsigned long long)s.users);
}

#define HOT_SHOWN 5

/* Of workers, when there are several; and who made most events. The table is at rest: its owners have ended. */
static void print_workers(struct daemon *d)
{
	struct hot_group hot[HOT_SHOWN];
	unsigned n = pipeline_hot(d->pipeline, hot, HOT_SHOWN);

	for (unsigned i = 0; i < d->nworkers; i++) {
		struct pipeline_worker w;

		pipeline_worker_stats(d->pipeline, i, &w);
		fprintf(stderr, "saker: worker %u events %llu waits %llu stale_reads %llu", i, (unsigned long long)w.events,
			(unsigned long long)w.waits, (unsigned long long)w.stale_reads);
		if (d->live && i < LAG_WORKERS)
			fprintf(stderr, " lag_max_ms %.1f", (double)d->lag_max_ns[i] / 1e6);
		fputc('\n', stderr);
	}
	for (unsigned i = 0; i < n; i++) {
		struct state_shard *s = state_table_shard(d->state, hot[i].worker);
		const struct state_task *t = state_own(s, hot[i].tgid);

		fprintf(stderr, "saker: busy events %llu process %u worker %u name %s\n", (unsigned long long)(hot[i].count - hot[i].error),
			hot[i].tgid, hot[i].worker, t ? task_ver(t)->comm->s : "<NA>");
	}
}

/* What was given up at the ceiling, if there is one. */
static void print_memory(const struct daemon *d)
{
	struct state_sums s;

	if (!d->c->memory_limit)
		return;
	state_table_sums(d->state, &s);
	fprintf(stderr, "saker: memory limit %llu state_budget %llu state_held %llu state_live %llu", (unsigned long long)d->c->memory_limit,
		(unsigned long long)state_budget(d->state), (unsigned long long)state_held_bytes(d->state),
		(unsigned long long)state_live_bytes(d->state));
	for (unsigned i = 0; i < STATE_GIVE_MAX; i++)
		fprintf(stderr, " %s %llu", state_give_name[i], (unsigned long long)s.given[i]);
	fprintf(stderr, " refused %llu\n", (unsigned long long)s.refused_memory);
}

static void print_scan(const struct daemon *d)
{
	if (d->scanned_by)
		fprintf(stderr, "saker: scan by %s threads %llu seconds %.3f\n", d->scanned_by, (unsigned long long)d->scanned_tasks,
			(double)d->scan_ns / 1e9);
}

static int by_cost(const void *a, const void *b, void *arg)
{
	const struct eval_rule_stats *s = arg, *x = &s[*(const uint32_t *)a], *y = &s[*(const uint32_t *)b];

	if (x->cpu_ns != y->cpu_ns)
		return x->cpu_ns > y->cpu_ns ? -1 : 1;
	return x->evals > y->evals ? -1 : x->evals < y->evals;
}

void stats_rules(struct daemon *d, struct eval_rule_stats *ret)
{
	pipeline_rule_stats(d->pipeline, ret);
	for (uint32_t i = 0; d->past && i < ruleset_count(d->rules); i++) {
		ret[i].evals += d->past[i].evals;
		ret[i].matches += d->past[i].matches;
		ret[i].cpu_ns += d->past[i].cpu_ns;
	}
}

#define RULES_SHOWN 20

/* The rules that cost most. */
static void print_rules(struct daemon *d)
{
	uint32_t n = ruleset_count(d->rules), used = 0;
	struct eval_rule_stats *s = calloc(n + 1, sizeof(*s));
	uint32_t *order = malloc((n + 1) * sizeof(*order));

	if (s && order) {
		stats_rules(d, s);
		for (uint32_t i = 0; i < n; i++)
			if (s[i].evals)
				order[used++] = i;
		qsort_r(order, used, sizeof(*order), by_cost, s);
		for (uint32_t i = 0; i < used && i < RULES_SHOWN; i++)
			fprintf(stderr, "saker: rule evals %llu matches %llu cpu_ms %.3f name %s\n", (unsigned long long)s[order[i]].evals,
				(unsigned long long)s[order[i]].matches, (double)s[order[i]].cpu_ns / 1e6, ruleset_rule(d->rules, order[i])->name);
		if (used > RULES_SHOWN)
			fprintf(stderr, "saker: rules %u more were tried\n", used - RULES_SHOWN);
	}
	free(s);
	free(order);
}

void stats_print(struct daemon *d, const struct drops *w, const struct stats_threads *t)
{
	double wall = (double)(d->stop_mono - d->ready_mono) / 1e9;
	struct live_stats live = { 0 };
	struct pipeline_stats p;
	uint64_t dropped = stats_dropped(d, &live), events = stats_events(d);

	print_summary(d);
	pipeline_stats(d->pipeline, &p);
	if (d->live && (d->c->drops.actions || d->c->drops.simulate))
		fprintf(stderr, "Syscall event drop monitoring:\n   - event drop detected: %llu occurrences\n   - num times actions taken: %llu\n",
			(unsigned long long)w->seen, (unsigned long long)w->acted);
	fprintf(stderr, "saker: events %llu dropped %llu alerts %llu seconds %.3f per_second %.0f\n", (unsigned long long)events,
		(unsigned long long)dropped, (unsigned long long)p.alerts, wall, wall > 0 ? (double)events / wall : 0);
	print_scan(d);
	print_probe(d, &live);
	fprintf(stderr,
		"saker: workers threads %u deliveries %llu reported %llu matched %llu waits %llu stale_reads %llu render_failed %llu "
		"dropped_bulk %llu dropped_critical %llu\n",
		d->nworkers, (unsigned long long)p.events, (unsigned long long)p.reported, (unsigned long long)p.matched,
		(unsigned long long)p.waits, (unsigned long long)p.stale_reads, (unsigned long long)p.render_failed,
		(unsigned long long)p.dropped_bulk, (unsigned long long)p.dropped_critical);
	fprintf(stderr, "saker: state tasks %llu bytes %llu refused_full %llu\n", (unsigned long long)p.state_tasks,
		(unsigned long long)p.state_bytes, (unsigned long long)p.state_table_full);
	print_workers(d);
	print_repair(d);
	print_memory(d);
	hub_for_each_sink(d->hub, print_sink, NULL);
	print_store(d->hub);
	hub_for_each_rule(d->hub, print_suppressed, NULL);

	struct hub_stats hs;

	hub_stats(d->hub, &hs);
	if (hs.dropped_full)
		fprintf(stderr, "saker: hub dropped %llu\n", (unsigned long long)hs.dropped_full);
	print_rules(d);
	print_cpu(d, &p, t);
	fprintf(stderr, "saker: memory_kib rss %lu peak %lu\n", status_kb("VmRSS"), status_kb("VmHWM"));
}
