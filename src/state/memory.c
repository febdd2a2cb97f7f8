/* Giving up caches at the ceiling of memory; see memory.h. Called by apply.c on the owner's thread. Walks the shard's thread
 * groups a few at a time with a cursor, one stage after the other; a stage that has been through everything makes way for
 * the next, the last one for the first. */
#include "state/memory.h"
#include "state/apply_task.h"
#include "state/fd_internal.h"
#include "state/table_internal.h"

#include <stdlib.h>
#include <string.h>

#define MARK_PERCENT 85	  /* live bytes from which caches are given up, of the budget */
#define ENOUGH_PERCENT 75 /* and below which no more */
#define GROUPS_STEP 16	  /* hash chains looked at per event */
#define BIG_TABLE 64	  /* descriptors of a table that goes in the first turn */
#define IDLE_NS 10000000000ull

const char *const state_give_name[STATE_GIVE_MAX] = { "containers", "descriptors", "environment", "arguments", "processes" };

void state_set_budget(struct state_table *t, uint64_t bytes)
{
	atomic_store_explicit(&t->budget, bytes, memory_order_relaxed);
}

uint64_t state_budget(const struct state_table *t)
{
	return atomic_load_explicit(&t->budget, memory_order_relaxed);
}

uint64_t state_live_bytes(const struct state_table *t)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < t->opts.shards; i++)
		n += slab_bytes_live(&t->shard[i].slab);
	return n;
}

uint64_t state_held_bytes(const struct state_table *t)
{
	uint64_t n = slab_pool_bytes(t->pool);

	for (unsigned i = 0; i < t->opts.shards; i++)
		n += slab_bytes_large(&t->shard[i].slab);
	return n;
}

void state_memory_look(struct state_shard *s)
{
	uint64_t budget = state_budget(s->table), live, held;

	s->pressed = s->over = false;
	if (!budget)
		return;
	live = state_live_bytes(s->table);
	held = state_held_bytes(s->table);
	s->over = held >= budget;
	/* Free blocks do not go back to the system: when nearly all is held, use is kept well below. */
	s->pressed = live >= budget * MARK_PERCENT / 100 || (held >= budget * 95 / 100 && live >= budget * ENOUGH_PERCENT / 100);
}

static void given(struct state_shard *s, enum state_give what, uint64_t n)
{
	stat_add(&s->stats.given[what], n);
}

/* ---- stages ------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct unused {
	const char **used;
	size_t nused;
	const char *id[64];
	unsigned n;
};

static bool note_unused(const struct container_info *i, void *arg)
{
	struct unused *u = arg;
	const char *id = i->id->s;

	if (strcmp(id, "host") && !bsearch(&id, u->used, u->nused, sizeof(*u->used), by_text))
		u->id[u->n++] = id;
	return u->n < sizeof(u->id) / sizeof(u->id[0]);
}

static void give_containers(struct state_shard *s)
{
	struct apply_shard *a = apply_of(s);
	struct unused u = { .used = malloc((a->groups + 1) * sizeof(*u.used)) };

	if (!u.used)
		return;
	for (uint32_t b = 0; b < a->buckets; b++)
		for (struct state_group *g = a->bucket[b]; g && u.nused < a->groups; g = g->hash_next)
			if (g->first)
				u.used[u.nused++] = task_ver(g->first)->container_id->s;
	qsort(u.used, u.nused, sizeof(*u.used), by_text);
	do {
		u.n = 0;
		containers_for_each(a->containers, note_unused, &u);
		for (unsigned i = 0; i < u.n; i++)
			containers_del(s, a->containers, u.id[i]);
		given(s, STATE_GIVE_CONTAINERS, u.n);
	} while (u.n);
	free(u.used);
}

static void give_fds(struct state_shard *s, struct state_group *g, bool all)
{
	for (struct state_task *t = g->first; t; t = t->group_next) {
		uint32_t n = fdtab_count(t->fds);

		if (!n || (!all && n < BIG_TABLE))
			continue;
		stat_sub(&s->stats.fds, n);
		fdtab_unref(&s->slab, t->fds);
		t->fds = NULL;
		given(s, STATE_GIVE_FDS, n);
	}
}

static void give_text(struct state_shard *s, struct state_group *g, struct okey now, enum state_give what)
{
	for (struct state_task *t = g->first; t; t = t->group_next) {
		struct state_ver *v = task_ver(t);
		size_t len = what == STATE_GIVE_ENV ? v->env->len : v->args->len;

		if (!len || v->dead)
			continue;
		v = state_edit(s, t, now);
		if (what == STATE_GIVE_ENV)
			ver_set_env(s, v, "", 0);
		else
			ver_set_args(s, v, "", 0);
		state_publish(s, t, v);
		given(s, what, 1);
	}
}

/* A process none of whose threads has been heard of for a while. Later events of it make it anew, bare. */
static void give_process(struct state_shard *s, struct state_group *g, struct okey now, uint64_t ts)
{
	struct state_task *t, *prev;

	if (g->pid == state_table_opts(s->table)->self_pid)
		return;
	for (t = g->first; t; t = t->group_next)
		if (t->last_access_ts + IDLE_NS > ts || t == s->pending_exit || t == s->pending_fd_task)
			return;
	given(s, STATE_GIVE_PROCESSES, 1);
	for (t = g->last; t; t = prev) {
		prev = t->group_prev;
		task_remove(s, t, now, NULL); /* with the last one the group goes, and a leader that had exited */
		if (prev && prev->removed)
			return;
	}
}

static void give_group(struct state_shard *s, struct state_group *g, struct okey now, uint64_t ts)
{
	switch ((enum state_give)s->give_stage) {
	case STATE_GIVE_CONTAINERS:
	case STATE_GIVE_MAX:
		break;
	case STATE_GIVE_FDS:
		give_fds(s, g, s->give_turn > 0);
		break;
	case STATE_GIVE_ENV:
	case STATE_GIVE_ARGS:
		give_text(s, g, now, (enum state_give)s->give_stage);
		break;
	case STATE_GIVE_PROCESSES:
		give_process(s, g, now, ts);
		break;
	}
}

static void next_stage(struct state_shard *s)
{
	s->give_bucket = 0;
	if (s->give_stage == STATE_GIVE_FDS && !s->give_turn) {
		s->give_turn = 1; /* the small tables, too */
		return;
	}
	s->give_turn = 0;
	s->give_stage = (s->give_stage + 1) % STATE_GIVE_MAX;
}

static bool enough(const struct state_shard *s)
{
	return state_live_bytes(s->table) < state_budget(s->table) * ENOUGH_PERCENT / 100;
}

void state_memory_give(struct state_shard *s, struct okey now, uint64_t ts, int64_t tgid)
{
	struct apply_shard *a = apply_of(s);

	if (enough(s)) {
		s->pressed = false;
		s->give_stage = s->give_turn = s->give_bucket = 0;
		return;
	}
	arena_reset(&s->tmp);
	if (s->give_stage == STATE_GIVE_CONTAINERS) {
		give_containers(s);
		next_stage(s);
		return;
	}
	for (unsigned i = 0; i < GROUPS_STEP && s->give_bucket < a->buckets; i++) {
		struct state_group *next;

		for (struct state_group *g = a->bucket[s->give_bucket++]; g; g = next) {
			next = g->hash_next;
			if (g->pid != tgid || s->give_stage == STATE_GIVE_FDS)
				give_group(s, g, now, ts);
		}
	}
	if (s->give_bucket >= a->buckets)
		next_stage(s);
}
