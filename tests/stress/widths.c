/* Same answer at any width: event streams through the real pipeline (routing, rings, merge, state, rules, hub)
 * with several numbers of readers and workers and random delays at every hand-over. The alerts must be
 * byte-identical to those of the inline pipeline.
 *
 * usage: widths [-a] [seeds [events [first seed]]]	random streams; -a: at all of {1,2,4} readers, {1,2,3,4,8} workers
 *        -p: main publishes the same rules anew all the time, as a reload would
 *        widths [-a] -r RULES CAPTURE...		the events of captures, dealt out to the readers at random
 * With BREAK=1 in the environment the watermarks are published ahead of the hand-over: the test must then
 * fail (test of the test). */
#include "gen.h"
#include "base/thread.h"
#include "capture/scap.h"
#include "daemon/replay.h"
#include "daemon/routes.h"
#include "eval/rules.h"
#include "shard/pipeline.h"
#include "sink/sink.h"
#include "state/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char rules_text[] =
	"- rule: opens\n"
	"  desc: d\n"
	"  condition: evt.type=open and proc.pname startswith p and fd.name contains /a\n"
	"  output: o %evt.num %proc.name %proc.pid %proc.ppid %proc.pname %proc.aname[2] %proc.aname[3] %proc.cwd %fd.name %fd.num %user.uid\n"
	"  priority: INFO\n"
	"- rule: execs\n"
	"  desc: d\n"
	"  condition: evt.type=execve and (proc.aname in (p1, p2, p3) or proc.pexepath startswith /bin/p4)\n"
	"  output: x %evt.num %proc.cmdline %proc.pcmdline %proc.aname %proc.sname %thread.tid %proc.nthreads\n"
	"  priority: INFO\n"
	"- rule: forks\n"
	"  desc: d\n"
	"  condition: evt.type in (clone, procexit) and not proc.pname = p7\n"
	"  output: f %evt.num %evt.type %evt.res %proc.name %proc.pid %proc.ppid %proc.aname[2] %proc.nthreads %proc.fdopencount %proc.cwd\n"
	"  priority: INFO\n"
	"- rule: dirs\n"
	"  desc: d\n"
	"  condition: evt.type in (chdir, setuid, close) and proc.apid[2] exists\n"
	"  output: d %evt.num %proc.cwd %user.uid %proc.apid[2] %proc.aname[4] %fd.name %proc.fdlimit\n"
	"  priority: INFO\n";

static bool break_marks, publish;

struct source {
	struct gen g;
	const char *capture; /* NULL: generated */
	const char *rules;   /* file; NULL: rules_text */
	uint8_t *reader;     /* [g.count], owned: a random number each; capture only */
};

static void die(const char *what)
{
	fprintf(stderr, "widths: %s\n", what);
	exit(1);
}

/* A sink that keeps every line. */
static int keep(void *ctx, struct alert *const *batch, unsigned count)
{
	struct base_buf *out = ctx;

	for (unsigned i = 0; i < count; i++) {
		buf_str(out, batch[i]->rule);
		buf_chr(out, ' ');
		buf_str(out, batch[i]->line);
		buf_str(out, batch[i]->fields_json);
		buf_chr(out, '\n');
	}
	return (int)count;
}

static int keep_open(void *ctx, struct base_err *err)
{
	(void)ctx;
	(void)err;
	return 0;
}

static void keep_nothing(void *ctx)
{
	(void)ctx;
}

static const struct sink_ops keep_ops = { .name = "keep",
					  .open = keep_open,
					  .write = keep,
					  .flush = keep_nothing,
					  .reopen = keep_nothing,
					  .close = keep_nothing };

struct feed { /* one reader */
	const struct source *s;
	const struct evt_consumer *c;
	unsigned index, readers;
	pthread_t thread;
};

static bool mine(const struct feed *f, uint32_t i)
{
	const struct gen *g = &f->s->g;
	unsigned n = f->s->reader ? f->s->reader[i] : ((const struct evt_env *)(g->bytes + g->ev[i].off))->cpu;

	return n % f->readers == f->index;
}

static void *feed_main(void *arg)
{
	struct feed *f = arg;
	const struct gen *g = &f->s->g;
	uint32_t next = 0;

	for (uint32_t i = 0; i < g->count; i = next) {
		struct evt ev;

		for (next = i + 1; next < g->count && !mine(f, next); next++)
			;
		if (!mine(f, i))
			continue;
		gen_at(g, i, &ev);
		if (break_marks)
			f->c->watermark(f->c->ctx, f->index, next + 40);
		if (f->c->event(f->c->ctx, f->index, &ev, true))
			die("the consumer refused an event");
		if (i % 7 == 0) /* everything below my next event has been handed over */
			f->c->watermark(f->c->ctx, f->index, next);
	}
	f->c->end(f->c->ctx, f->index);
	return NULL;
}

static void scan(struct state_table *t)
{
	struct scan_task st;

	scan_task_init(&st);
	st.tid = st.pid = st.vtid = st.vpid = 1;
	st.ptid = 0;
	st.comm = st.exe = (struct scan_text){ "p0", 2 };
	st.exepath = (struct scan_text){ "/sbin/p0", 8 };
	st.cwd = (struct scan_text){ "/", 1 };
	st.uid = st.gid = 0;
	if (scan_add_task(t, &st))
		die("scan_add_task");
	scan_finish(t);
}

static struct state_table *make_table(const struct source *s, const struct state_opts *so)
{
	struct state_table *st;
	struct replay *head;
	struct base_err err;

	if (s->capture) {
		if (replay_open(s->capture, so, &head, &st, &err))
			die(err.msg);
		replay_free(head); /* the table is ours */
		return st;
	}
	st = state_table_new(so);
	if (!st)
		die("no memory");
	scan(st);
	return st;
}

static void known(void *arg, const struct cap_task *t)
{
	routes_known(arg, t->tid, t->pid, t->ptid);
}

static void second_section(void *arg)
{
	(void)arg;
	die("a capture of several sections is not for this test");
}

static void load_capture(struct source *s, const char *path)
{
	static const struct scap_head_ops ops = { .task = known, .restart = second_section };
	struct scap_reader *in;
	struct routes routes;
	struct base_err err;
	struct evt ev;
	uint32_t x = 1;

	s->capture = path;
	if (routes_init(&routes) || scap_open(path, &in, &err))
		die(path);
	if (!scap_read_head(in, &ops, &routes, &err))
		while (scap_next(in, &ev, &ops, &routes, &err) > 0) {
			routes_event(&routes, &ev, scap_env(in));
			gen_add(&s->g, &ev);
		}
	scap_close(in);
	routes_fini(&routes);
	s->reader = malloc(s->g.count + 1);
	if (!s->reader)
		die("no memory");
	for (uint32_t i = 0; i < s->g.count; i++) { /* runs of the same reader, as a file of CPUs would have */
		x = x * 1664525u + 1013904223u;
		s->reader[i] = i && x >> 29 ? s->reader[i - 1] : (uint8_t)(x >> 16);
	}
}

static char *run_width(const struct source *s, unsigned readers, unsigned workers, uint32_t delay)
{
	unsigned shards = workers ? workers : 1;
	struct base_buf out = { 0 };
	struct base_err err;
	struct rules_opts ro = { .min_priority = 7, .match_all = true };
	struct rules *rules = rules_new(&ro);
	struct gate *gate = gate_new(readers, shards, false, 0);
	struct hub_opts ho = { .producers = shards, .ordered = true, .queue_capacity = 65536 };
	struct hub *hub = hub_new(&ho);
	struct pipeline *p;
	struct feed feed[8];

	if (s->rules ? rules_load_file(rules, s->rules) : rules_load_text(rules, "widths", rules_text, strlen(rules_text)))
		die("the rules do not load");
	struct ruleset *rs = rules_compile(rules, &err);
	struct state_opts so = { .shards = shards, .max_tasks = 100000, .max_fds = 4096, .host_root = "",
				 .self_pid = -1, .gate = gate_for_state(gate) };
	struct state_table *st = make_table(s, &so);

	if (!rs)
		die("no memory");
	hub_add_sink(hub, sink_new(&keep_ops, &out, 65536));
	if (hub_start(hub, &err))
		die("hub_start");
	gate->delay_seed = delay;
	struct pipeline_opts po = { .run = { .state = st, .hub = hub, .hostname = "h" },
				    .set = run_set_new(rs, NULL, false, shards),
				    .gate = gate, .readers = readers, .workers = workers, .batch_bytes = 2048 };

	if (pipeline_new(&po, &p) || pipeline_start(p, &err))
		die("pipeline");
	for (unsigned i = 0; i < readers; i++) {
		feed[i] = (struct feed){ s, pipeline_consumer(p), i, readers, 0 };
		if (base_thread_start(&feed[i].thread, ROLE_READER, "feed", feed_main, &feed[i]))
			die("thread");
	}
	for (unsigned k = 0; publish && k < 10; k++)
		run_set_free(pipeline_publish(p, run_set_new(rules_compile(rules, &err), NULL, false, shards)));
	for (unsigned i = 0; i < readers; i++)
		pthread_join(feed[i].thread, NULL);
	pipeline_stop(p);
	hub_stop(hub);
	hub_free(hub);
	pipeline_free(p);
	state_table_free(st);
	gate_free(gate);
	rules_free(rules);
	return buf_steal(&out);
}

static void show_difference(const char *a, const char *b)
{
	size_t i = 0, line = 0;

	while (a[i] && a[i] == b[i]) {
		if (a[i] == '\n')
			line = i + 1;
		i++;
	}
	fprintf(stderr, "expected: %.*s\n     got: %.*s\n", (int)strcspn(a + line, "\n"), a + line,
		(int)strcspn(b + line, "\n"), b + line);
}

/* Number of alerts. Ends the test at the first difference. */
static uint64_t compare(const struct source *s, const char *name, uint32_t seed, bool all)
{
	static const unsigned few[][2] = { { 1, 1 }, { 1, 2 }, { 2, 2 }, { 1, 3 }, { 4, 4 }, { 2, 8 } };
	static const unsigned every[][2] = { { 1, 1 }, { 1, 2 }, { 1, 3 }, { 1, 4 }, { 1, 8 }, { 2, 1 }, { 2, 2 }, { 2, 3 },
					     { 2, 4 }, { 2, 8 }, { 4, 1 }, { 4, 2 }, { 4, 3 }, { 4, 4 }, { 4, 8 } };
	const unsigned(*width)[2] = all ? every : few;
	unsigned n = all ? sizeof(every) / sizeof(every[0]) : sizeof(few) / sizeof(few[0]);
	uint64_t lines = 0;
	char *want;

	break_marks = false;
	want = run_width(s, 1, 0, 0);
	break_marks = getenv("BREAK") != NULL;
	for (const char *p = want; (p = strchr(p, '\n')); p++)
		lines++;
	for (unsigned i = 0; i < n; i++) {
		char *got = run_width(s, width[i][0], width[i][1], seed);

		if (strcmp(want, got)) {
			fprintf(stderr, "%s, seed %u: %u readers, %u workers differ from inline\n", name, seed, width[i][0],
				width[i][1]);
			show_difference(want, got);
			exit(1);
		}
		free(got);
	}
	free(want);
	return lines;
}

static int captures(const char *rules, char *const *path, int n, bool all)
{
	for (int i = 0; i < n; i++) {
		struct source s = { .rules = rules };
		uint64_t lines;

		load_capture(&s, path[i]);
		lines = compare(&s, path[i], (uint32_t)i + 1, all);
		printf("%s: %u events, %llu alerts, the same at every width\n", path[i], s.g.count, (unsigned long long)lines);
		gen_fini(&s.g);
		free(s.reader);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *rules = NULL;
	bool all = false;
	int opt;

	while ((opt = getopt(argc, argv, "apr:")) != -1) {
		if (opt == 'a')
			all = true;
		else if (opt == 'p')
			publish = true;
		else if (opt == 'r')
			rules = optarg;
		else
			return 2;
	}
	argc -= optind;
	argv += optind;
	if (rules)
		return captures(rules, argv, argc, all);
	uint32_t seeds = argc > 0 ? (uint32_t)atoi(argv[0]) : 12, events = argc > 1 ? (uint32_t)atoi(argv[1]) : 3000;
	uint32_t first = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
	uint64_t lines = 0;

	for (uint32_t seed = first; seed < first + seeds; seed++) {
		struct source s = { 0 };

		gen_make(&s.g, seed, events);
		lines += compare(&s, "generated", seed, all);
		gen_fini(&s.g);
	}
	if (!lines)
		die("no alert at all: the test shows nothing");
	printf("%u streams of %u events, %llu alerts, the same at every width\n", seeds, events,
	       (unsigned long long)lines);
	return 0;
}
