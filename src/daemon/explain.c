/* See check.h: `saker explain`. Replays the capture on main's thread with one shard, and looks at one rule. */
#include "daemon/check.h"

#include "daemon/load.h"
#include "daemon/replay.h"
#include "daemon/run.h"
#include "eval/trace.h"
#include "shard/gate.h"
#include "state/apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTED 5 /* matching events, near misses */

struct explain {
	const struct eval_rule *rule;
	uint64_t event; /* 0: all */
	struct replay *replay;
	struct state_shard *shard;
	struct gate *gate;
	struct base_arena arena;
	struct eval_ctx ctx;
	struct trace *trace;
	bool found; /* the event that was asked for */

	uint64_t events, looked, matched;
	uint64_t match[LISTED];
	uint64_t near; /* event that came nearest without matching */
	uint32_t near_held, near_parts;
};

static void print_event(struct explain *x, const struct evt *ev, bool matched)
{
	struct base_buf out = { 0 };
	size_t len;
	const char *name = evt_display_name(ev, &len);

	printf("event %llu: %.*s of thread %llu\n", (unsigned long long)ev->num, (int)len, name, (unsigned long long)ev->hdr->tid);
	if (!ev->report || x->ctx.st.filtered)
		printf("rules do not see this event: it only builds state\n");
	else if (!evt_set_has(&x->rule->events, ev->hdr->type))
		printf("'%s' is not tried on events of this type\n", x->rule->name);
	printf("'%s' %s\n", x->rule->name, matched ? "matches" : "does not match");
	trace_print(x->trace, &out);
	fputs(out.p ? out.p : "", stdout);
	buf_fini(&out);
}

static void count(struct explain *x, const struct evt *ev, bool matched)
{
	uint32_t held, parts;

	x->looked++;
	if (matched) {
		if (x->matched < LISTED)
			x->match[x->matched] = ev->num;
		x->matched++;
		return;
	}
	trace_near(x->trace, &held, &parts);
	if (held > x->near_held || !x->near) {
		x->near = ev->num;
		x->near_held = held;
		x->near_parts = parts;
	}
}

static int on_event(void *ctx, unsigned reader, const struct evt *ev, bool wait)
{
	struct explain *x = ctx;
	bool matched;

	(void)reader;
	(void)wait;
	x->events++;
	if (!x->ctx.first_ts && ev->info->origin != EO_METAEVENT)
		x->ctx.first_ts = ev->hdr->ts;
	if (state_apply(x->shard, ev, &x->ctx.st))
		return -EIO; /* one shard never waits */
	arena_reset(&x->arena);
	if (x->event ? ev->num == x->event : ev->report && !x->ctx.st.filtered && evt_set_has(&x->rule->events, ev->hdr->type)) {
		x->ctx.in_filter = true;
		matched = trace_event(x->trace, &x->ctx);
		if (x->event) {
			x->found = true;
			print_event(x, ev, matched);
			replay_request_stop(x->replay);
		} else {
			count(x, ev, matched);
		}
	}
	gate_set_applied(x->gate, 0, ev->key.time);
	gate_set_emitted(x->gate, 0, ev->key.time);
	if (x->events % 64 == 0)
		state_reclaim(x->shard);
	return 0;
}

static void on_mark(void *ctx, unsigned reader, uint64_t upto)
{
	(void)ctx;
	(void)reader;
	(void)upto;
}

static void on_end(void *ctx, unsigned reader)
{
	(void)ctx;
	(void)reader;
}

static void print_summary(const struct explain *x)
{
	struct base_buf out = { 0 };

	printf("'%s': %llu events, %llu of types the rule is tried on, %llu match%s\n", x->rule->name, (unsigned long long)x->events,
	       (unsigned long long)x->looked, (unsigned long long)x->matched, x->matched == 1 ? "es" : "");
	for (uint64_t i = 0; i < x->matched && i < LISTED; i++)
		printf("%s%llu%s", i ? ", " : "matching events: ", (unsigned long long)x->match[i],
		       i + 1 == x->matched ? "\n" : i + 1 == LISTED ? ", ...\n" : "");
	if (x->near)
		printf("nearest miss: event %llu, %u of %u parts hold\n", (unsigned long long)x->near, x->near_held, x->near_parts);
	trace_print_counts(x->trace, &out);
	fputs(out.p ? out.p : "", stdout);
	buf_fini(&out);
}

static int replay(struct explain *x, const char *path, const struct config *c)
{
	const struct evt_consumer consumer = { .ctx = x, .event = on_event, .watermark = on_mark, .end = on_end };
	struct state_opts so = { .shards = 1, .max_tasks = c->max_tasks, .max_fds = 4096, .host_root = "", .self_pid = -1 };
	struct state_table *table = NULL;
	struct base_err err = { 0 };
	char text[2048];
	int r;

	x->gate = gate_new(1, 1, false, 0);
	x->trace = trace_new(x->rule->cond);
	x->ctx.fs = eval_field_state_new();
	if (!x->gate || !x->trace || !x->ctx.fs)
		return run_error("no memory");
	so.gate = gate_for_state(x->gate);
	if (replay_open(path, &so, &x->replay, &table, &err))
		return run_error(base_err_str(&err, text, sizeof(text)));
	x->shard = state_table_shard(table, 0);
	replay_run(x->replay, &consumer);
	r = replay_finish(x->replay, &err);
	if (x->event && !x->found)
		r = run_error("the capture has no event of that number");
	else if (!x->event)
		print_summary(x);
	if (r < 0)
		r = run_error(base_err_str(&err, text, sizeof(text)));
	replay_free(x->replay);
	state_table_free(table);
	return r;
}

static int with_set(const struct config *c, const struct options *o, const struct ruleset *set)
{
	struct explain x = { 0 };
	const char *names[4096];
	size_t n = 0;
	int r;

	for (uint32_t i = 0; i < ruleset_count(set); i++) {
		if (!strcmp(ruleset_rule(set, i)->name, o->arg[0]))
			x.rule = ruleset_rule(set, i);
		if (n < sizeof(names) / sizeof(names[0]))
			names[n++] = ruleset_rule(set, i)->name;
	}
	if (!x.rule || !x.rule->cond) {
		const char *near = base_nearest(o->arg[0], names, n);
		char text[600];

		snprintf(text, sizeof(text), "there is no rule '%.200s'%s%.200s%s", o->arg[0], near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
		return run_error(text);
	}
	if (o->narg > 2) {
		char *end;

		x.event = strtoull(o->arg[2], &end, 10);
		if (*end || end == o->arg[2] || !x.event)
			return run_error("EVENT is the number of an event, evt.num, from 1");
	}
	arena_init(&x.arena);
	x.ctx.arena = &x.arena;
	x.ctx.hostname = "";
	x.ctx.static_values = (const char *const *)c->static_values;
	x.ctx.source = "syscall";
	r = replay(&x, o->arg[1], c);
	trace_free(x.trace);
	gate_free(x.gate);
	eval_field_state_free(x.ctx.fs);
	arena_fini(&x.arena);
	return r;
}

static int usage(void)
{
	puts("Says which parts of a rule's condition held, were false, or had no value.\n"
	     "Usage: saker explain [OPTION]... RULE CAPTURE [EVENT]\n\n"
	     "  EVENT                number of an event (evt.num): that event in detail; without: how often each part held\n"
	     "  -r PATH              rules file or directory; default: rules_files of the configuration\n"
	     "  -c FILE, -o KEY=VALUE as for the daemon; no configuration is needed with -r");
	return 0;
}

static int explain(const struct config *c, const struct options *o)
{
	const struct rules_opts opts = load_rules_opts(c, o);
	struct base_buf report = { 0 };
	struct base_err err = { 0 };
	struct rules *rules = NULL;
	struct ruleset *set;
	int r;

	if (!o->nrules && !c->nrules_files)
		return run_error("no rules file: give one with -r, or set rules_files");
	if (load_rules(c, o, &opts, &rules, &report)) {
		r = run_error(report.p ? report.p : "no memory for the rules");
		buf_fini(&report);
		return r;
	}
	buf_fini(&report);
	set = rules_compile(rules, &err);
	rules_free(rules);
	if (!set)
		return run_error(err.msg[0] ? err.msg : "the rules cannot be compiled");
	r = with_set(c, o, set);
	ruleset_free(set);
	return r;
}

int cmd_explain(int argc, char **argv)
{
	struct base_err err = { 0 };
	struct options o;
	struct config c;
	char text[2048];
	int r;

	if (options_parse(argc, argv, &o, &err))
		return run_error(base_err_str(&err, text, sizeof(text)));
	if (o.help || o.narg < 2 || o.narg > 3) {
		r = usage();
		if (!o.help)
			r = run_error("RULE and CAPTURE are needed");
		options_fini(&o);
		return r;
	}
	if (load_config_for_command(&o, &c)) {
		options_fini(&o);
		return 1;
	}
	r = explain(&c, &o);
	config_fini(&c);
	options_fini(&o);
	return r;
}
