/* Nobody waits for an idle worker longer than it takes to wake it.
 *
 * Two readers, two workers. A process of one shard opens files; the rule asks for its parent's name, which is
 * the other shard's. That shard has nothing to do, so its worker sleeps, and the second reader has no events,
 * only marks, for which idle workers are not woken. Still the rule has to be decided once both readers have
 * published. Waits are without a time limit here (replay), so a wake-up that does not come is seen. */
#include "base/thread.h"
#include "eval/rules.h"
#include "shard/pipeline.h"
#include "state/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 300u
#define PATIENCE_NS 5000000000ull

static const char rules_text[] = "- rule: opens\n"
				 "  desc: d\n"
				 "  condition: evt.type=open and proc.pname=nobody\n"
				 "  output: o\n"
				 "  priority: INFO\n";

static void die(const char *what)
{
	fprintf(stderr, "idle: %s\n", what);
	exit(1);
}

static void nap_us(unsigned us)
{
	struct timespec t = { 0, (long)us * 1000 };

	nanosleep(&t, NULL);
}

static void scan(struct state_table *t, int64_t pid, int64_t ptid)
{
	struct scan_task st;

	scan_task_init(&st);
	st.tid = st.pid = st.vtid = st.vpid = pid;
	st.ptid = ptid;
	st.comm = st.exe = (struct scan_text){ "p", 1 };
	if (scan_add_task(t, &st))
		die("scan_add_task");
}

struct opened {
	struct evt_env env;
	struct evt_rest {
		struct evt_hdr hdr;
		uint16_t len[1];
		int64_t fd;
	} __attribute__((packed)) rest;
};

static void make_open(struct opened *o, struct evt *ev, int64_t pid, uint64_t key)
{
	memset(o, 0, sizeof(*o));
	memset(ev, 0, sizeof(*ev));
	o->env.size = sizeof(*o);
	o->env.tgid = (uint32_t)pid;
	o->rest.hdr = (struct evt_hdr){ .ts = 1700000000000000000ull + key, .tid = (uint64_t)pid,
					.len = sizeof(o->rest), .type = PPME_SYSCALL_OPEN_X, .nparams = 1 };
	o->rest.len[0] = 8;
	o->rest.fd = 3;
	ev->env = &o->env;
	ev->hdr = &o->rest.hdr;
	ev->key = (struct okey){ key, 0 };
	ev->num = key;
	ev->report = true;
	if (evt_decode(ev, ev->hdr->len))
		die("evt_decode");
}

static void wait_for(struct gate *g, unsigned worker, uint64_t key)
{
	uint64_t end = base_mono_ns() + PATIENCE_NS;

	while (atomic_load_explicit(&g->worker[worker].emitted, memory_order_acquire) < key) {
		if (base_mono_ns() > end)
			die("an idle worker was waited for in vain");
		nap_us(20);
	}
}

int main(void)
{
	struct base_err err;
	struct rules_opts ro = { .min_priority = 7, .match_all = true };
	struct rules *rules = rules_new(&ro);
	struct gate *gate = gate_new(2, 2, false, 0);
	struct hub_opts ho = { .producers = 2, .ordered = true };
	struct hub *hub = hub_new(&ho); /* not started: no alert is raised */
	struct pipeline *p;
	int64_t parent = 10, child = 11;

	if (rules_load_text(rules, "idle", rules_text, strlen(rules_text)))
		die("the rules do not load");
	struct ruleset *rs = rules_compile(rules, &err);
	struct state_opts so = { .shards = 2, .max_tasks = 100, .max_fds = 16, .host_root = "", .self_pid = -1,
				 .gate = gate_for_state(gate) };
	struct state_table *st = state_table_new(&so);

	if (!rs || !st)
		die("no memory");
	while (state_shard_of(st, child) == state_shard_of(st, parent))
		child++;
	scan(st, parent, 0);
	scan(st, child, parent);
	scan_finish(st);
	struct pipeline_opts po = { .run = { .state = st, .hub = hub, .hostname = "h" }, .gate = gate,
				    .set = run_set_new(rs, NULL, false, 2), .readers = 2, .workers = 2 };

	if (pipeline_new(&po, &p) || pipeline_start(p, &err))
		die("pipeline");
	const struct evt_consumer *c = pipeline_consumer(p);
	unsigned busy = state_shard_of(st, child);
	uint64_t key = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct opened o;
		struct evt ev;

		key += 2;
		make_open(&o, &ev, child, key);
		if (c->event(c->ctx, 0, &ev, true))
			die("the consumer refused an event");
		c->watermark(c->ctx, 0, key);
		nap_us(i % 3 * 200); /* both are asleep again, or not */
		c->watermark(c->ctx, 1, key);
		wait_for(gate, busy, key);
	}
	c->end(c->ctx, 0);
	c->end(c->ctx, 1);
	pipeline_stop(p);
	struct pipeline_stats stats;

	pipeline_stats(p, &stats);
	if (!stats.waits)
		die("nobody ever waited: the test shows nothing");
	printf("%u rounds, %llu waits for the idle worker\n", ROUNDS, (unsigned long long)stats.waits);
	hub_free(hub);
	pipeline_free(p);
	state_table_free(st);
	gate_free(gate);
	rules_free(rules);
	return 0;
}
