/* State with several shards says of every event what state with one shard says.
 *
 * Random streams (gen.h) are applied once by one shard, and then by 2, 3 and 8 in a random order of
 * progress: a scheduler takes any shard whose next event can be applied, as far apart as the waiting
 * rules allow. What a rule could see of each event (thread, leader, parents, ancestors, descriptors) is
 * compared as text. No threads: orders are what is tested here, and a failing seed fails again.
 *
 * Every third stream has lost a twelfth of its events. Those are not compared: when a thread's exit is
 * lost and its number comes back in another process within two seconds, as happens all the time in
 * these streams, one shard mistakes the new thread for the old one, as the reference does, and several do
 * not. They have to end, and no shard may wait for ever. */
#include "base/rcu.h"
#include "gen.h"
#include "state/read.h"
#include "state/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS 6000u
#define MAX_SHARDS 8u

static void die(const char *what)
{
	fprintf(stderr, "shards: %s\n", what);
	exit(1);
}

static uint32_t rnd(uint32_t *x)
{
	*x = *x * 1664525u + 1013904223u;
	return *x >> 8;
}

/* ---- what a rule could see --------------------------------------------------------------- */

static void put_ver(struct base_buf *b, const char *what, const struct state_ver *v)
{
	if (!v) {
		buf_fmt(b, " %s=-", what);
		return;
	}
	buf_fmt(b, " %s=%lld/%lld:%s:%s:%s:%s:u%u:s%lld:c%llu:%d", what, (long long)v->tid, (long long)v->pid, v->comm->s,
		v->cmdline->s, v->exepath->s, v->cwd->s, v->uid, (long long)v->sid, (unsigned long long)v->clone_ts,
		v->invalid);
}

/* 0 or -EAGAIN. */
static int view(const struct state_ctx *c, struct base_buf *b)
{
	const struct state_ver *v;
	int r;

	buf_reset(b);
	put_ver(b, "me", c->ver);
	put_ver(b, "leader", c->leader);
	buf_fmt(b, " n=%u fds=%u fd=%lld", state_read_nthreads(c), fdtab_count(c->fds), (long long)c->fd_num);
	if (c->fd)
		buf_fmt(b, " name=%s", c->fd->name->s);
	if (!c->ver)
		return 0;
	r = state_read_parent(c, c->ver, &v);
	if (r < 0)
		return r;
	put_ver(b, "parent", r ? v : NULL);
	for (unsigned n = 1; n < 5; n++) {
		r = state_read_ancestor(c, n, &v);
		if (r < 0)
			return r;
		if (!r)
			break;
		put_ver(b, "anc", v);
	}
	return 0;
}

/* ---- one run ----------------------------------------------------------------------------- */

struct job {
	uint32_t index; /* of the event */
	uint8_t part;
	bool report;
	struct evt_handover *handover;
};

struct sim {
	const struct gen *g;
	unsigned shards;
	struct state_table *t;
	struct job *queue[MAX_SHARDS]; /* owned */
	uint32_t count[MAX_SHARDS], next[MAX_SHARDS];
	bool evaluating[MAX_SHARDS]; /* applied, but the view had to wait */
	struct state_ctx ctx[MAX_SHARDS];
	struct evt ev[MAX_SHARDS];
	char **seen; /* by event; owned */
	uint64_t waits;
};

static uint64_t applied(const struct sim *s, unsigned shard)
{
	uint32_t n = s->next[shard];

	if (n == s->count[shard])
		return UINT64_MAX;
	return s->queue[shard][n].index + (s->evaluating[shard] ? 1u : 0u);
}

static bool ready(void *ctx, unsigned me, unsigned shard, struct okey k)
{
	(void)me;
	return applied(ctx, shard) >= k.time;
}

static uint64_t min_emitted(void *ctx)
{
	const struct sim *s = ctx;
	uint64_t min = UINT64_MAX;

	for (unsigned i = 0; i < s->shards; i++) {
		uint64_t m = s->next[i] == s->count[i] ? UINT64_MAX : s->queue[i][s->next[i]].index;

		if (m < min)
			min = m;
	}
	return min;
}

static void push(struct sim *s, unsigned shard, uint32_t index, uint8_t part, bool report, struct evt_handover *h)
{
	s->queue[shard][s->count[shard]++] = (struct job){ index, part, report, h };
}

/* As the router does it. */
static void route(struct sim *s, uint32_t i)
{
	struct evt ev;
	unsigned own, peer;
	int64_t res = 0;

	gen_at(s->g, i, &ev);
	own = state_shard_of(s->t, ev.env->tgid);
	peer = ev.env->peer_tgid ? state_shard_of(s->t, ev.env->peer_tgid) : own;
	if (own == peer) {
		push(s, own, i, EVT_WHOLE, ev.report, NULL);
	} else {
		struct evt_handover *h = calloc(1, sizeof(*h));
		bool parent_side = evt_result(&ev, &res) && res > 0;

		if (!h)
			die("no memory");
		push(s, own, i, parent_side ? EVT_GIVE : EVT_TAKE, ev.report, h);
		push(s, peer, i, parent_side ? EVT_TAKE : EVT_GIVE, false, h);
	}
}

/* True when the shard got on. */
static bool step(struct sim *s, unsigned w, struct base_buf *b)
{
	const struct job *j = &s->queue[w][s->next[w]];

	if (s->next[w] == s->count[w])
		return false;
	if (!s->evaluating[w]) {
		gen_at(s->g, j->index, &s->ev[w]);
		s->ev[w].part = j->part;
		s->ev[w].report = j->report;
		s->ev[w].handover = j->handover;
		if (state_apply(state_table_shard(s->t, w), &s->ev[w], &s->ctx[w]) == -EAGAIN) {
			s->waits++;
			return false;
		}
		s->evaluating[w] = true;
	}
	if (j->report) {
		state_refresh(&s->ctx[w]);
		if (view(&s->ctx[w], b) == -EAGAIN) {
			s->waits++;
			return false;
		}
		s->seen[j->index] = strdup(b->p);
	}
	s->evaluating[w] = false;
	s->next[w]++;
	if (s->next[w] % 32 == 0)
		state_reclaim(state_table_shard(s->t, w));
	return true;
}

static char **run(const struct gen *g, unsigned shards, uint32_t seed, unsigned drop, uint64_t *ret_waits)
{
	struct sim s = { .g = g, .shards = shards };
	struct state_opts o = { .shards = shards, .max_tasks = 100000, .max_fds = 4096, .host_root = "/nonexistent" };
	struct base_buf b = { 0 };
	uint32_t x = seed, d = seed * 7919u;
	unsigned idle = 0;

	o.gate = (struct state_gate){ &s, shards > 1 ? ready : NULL, min_emitted };
	s.t = state_table_new(&o);
	s.seen = calloc(g->count, sizeof(*s.seen));
	for (unsigned i = 0; i < shards; i++)
		s.queue[i] = calloc(g->count * 2, sizeof(*s.queue[i]));
	for (uint32_t i = 0; i < g->count; i++)
		if (!drop || rnd(&d) % drop)
			route(&s, i);
	for (unsigned w = 0; idle < 1000; w = rnd(&x) % shards) {
		/* runs of one shard, so that they drift apart */
		unsigned n = rnd(&x) % 40, done = 0;

		while (n-- && step(&s, w, &b))
			done++;
		idle = done ? 0 : idle + 1;
		rcu_quiescent();
	}
	for (unsigned i = 0; i < shards; i++) {
		if (s.next[i] != s.count[i])
			die("shards wait for each other");
		free(s.queue[i]);
	}
	*ret_waits += s.waits;
	rcu_leave();
	state_table_free(s.t);
	rcu_enter();
	buf_fini(&b);
	return s.seen;
}

static uint64_t compare(char **a, char **b, uint32_t count, uint32_t seed, unsigned shards)
{
	uint64_t compared = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (!a[i] != !b[i] || (a[i] && strcmp(a[i], b[i]))) {
			fprintf(stderr, "shards: seed %u, %u shards, event %u:\n 1: %s\n n: %s\n", seed, shards, i, a[i], b[i]);
			exit(1);
		}
		compared += a[i] != NULL;
	}
	return compared;
}

static void free_seen(char **seen, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		free(seen[i]);
	free(seen);
}

int main(int argc, char **argv)
{
	uint32_t from = argc > 1 ? (uint32_t)atoi(argv[1]) : 1, to = argc > 2 ? (uint32_t)atoi(argv[2]) : from + 11;
	uint64_t compared = 0, waits = 0;

	rcu_enter();
	for (uint32_t seed = from; seed <= to; seed++) {
		unsigned drop = seed % 3 ? 0 : 12;
		struct gen g;
		char **one;
		uint64_t none = 0;

		gen_make(&g, seed, EVENTS);
		one = run(&g, 1, seed, drop, &none);
		for (unsigned shards = 2; shards <= MAX_SHARDS; shards += shards == 2 ? 1 : 5) {
			char **many = run(&g, shards, seed, drop, &waits);

			if (!drop)
				compared += compare(one, many, g.count, seed, shards);
			free_seen(many, g.count);
		}
		free_seen(one, g.count);
		gen_fini(&g);
	}
	rcu_leave();
	if (!compared || !waits)
		die("nothing was compared, or nobody ever waited");
	printf("shards: %llu views compared, %llu waits\n", (unsigned long long)compared, (unsigned long long)waits);
	return 0;
}
