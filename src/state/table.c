/* The process table: records, versions, reclamation. table.h says who may call what.
 *
 * Life of a version: state_edit copies, the owner fills, state_publish links it in front (release)
 * and queues the one behind. state_reclaim unlinks queued versions once every worker has evaluated
 * everything below the key that replaced them, and frees them after a grace period.
 *
 * Life of a record: state_task_new, state_task_add (map), state_task_dead (a version that says so),
 * state_task_remove (queue); state_reclaim takes it off the map once every worker has evaluated past
 * its death and drops the map's reference. Links from children and heirs count too; whoever drops
 * the last reference frees the record after a grace period. */
#include "state/memory.h"
#include "state/table.h"
#include "state/table_internal.h"
#include "state/tidmap.h"
#include "base/rcu.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What waits for one grace period: versions and records, freed together by the shard that buried
 * them. Made by the owner, handed to liburcu's thread, handed back by it. */
struct graveyard {
	struct rcu_head rcu;
	struct graveyard *next;
	struct state_shard *shard;
	struct state_ver *ver;	 /* by retire_next */
	struct state_task *task; /* by retire_next */
};

#define GRAVE_BATCH 256 /* ask for a grace period at the latest when so many wait */

static bool alone(const struct state_shard *s)
{
	return s->table->opts.shards == 1;
}

struct state_table *state_table_new(const struct state_opts *opts)
{
	struct state_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->opts = *opts;
	t->map = tidmap_new();
	t->pool = slab_pool_new();
	t->shard = calloc(opts->shards, sizeof(*t->shard));
	if (!t->map || !t->pool || !t->shard) {
		tidmap_free(t->map);
		slab_pool_free(t->pool);
		free(t->shard);
		free(t);
		return NULL;
	}
	for (unsigned i = 0; i < opts->shards; i++) {
		struct state_shard *s = &t->shard[i];

		s->table = t;
		s->index = i;
		slab_init(&s->slab, t->pool);
		arena_init(&s->tmp);
		s->pending_fd = -1;
		s->empty = str_new(&s->slab, "", 0);
		state_shard_init(s);
	}
	return t;
}

static void free_ver(struct state_shard *s, struct state_ver *v);
static void free_exhumed(struct state_shard *s);
static void free_buried(struct state_shard *s);

/* Links first: what is then left in the map refers to nothing, and stubs that only links kept go by themselves. */
static void drop_links(struct state_task *t, void *arg)
{
	struct state_table *table = arg;
	struct state_shard *s = &table->shard[t->shard];

	for (struct state_ver *v = task_ver(t); v; v = atomic_load_explicit(&v->prev, memory_order_relaxed)) {
		ver_set_parent(s, v, NULL);
		ver_set_reaper(s, v, NULL);
	}
}

static void free_all(struct state_task *t, void *arg)
{
	struct state_table *table = arg;
	struct state_shard *s = &table->shard[t->shard];
	struct state_ver *v = task_ver(t);

	while (v) {
		struct state_ver *prev = atomic_load_explicit(&v->prev, memory_order_relaxed);

		free_ver(s, v);
		v = prev;
	}
	state_task_fini_private(s, t);
	slab_free(&s->slab, t, sizeof(*t));
}

void state_table_free(struct state_table *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->opts.shards; i++)
		state_reclaim(&t->shard[i]);
	rcu_flush();
	tidmap_for_each(t->map, drop_links, t);
	for (unsigned i = 0; i < t->opts.shards; i++) {
		free_exhumed(&t->shard[i]);
		free_buried(&t->shard[i]);
	}
	tidmap_for_each(t->map, free_all, t);
	for (unsigned i = 0; i < t->opts.shards; i++) {
		state_shard_fini(&t->shard[i]);
		arena_fini(&t->shard[i].tmp);
		str_unref(&t->shard[i].slab, t->shard[i].empty);
	}
	tidmap_free(t->map);
	slab_pool_free(t->pool);
	free(t->shard);
	free(t);
}

const struct state_opts *state_table_opts(const struct state_table *t)
{
	return &t->opts;
}

struct state_shard *state_table_shard(struct state_table *t, unsigned index)
{
	return &t->shard[index];
}

unsigned state_shard_of(const struct state_table *t, int64_t tgid)
{
	/* Multiplicative mix, then scale: neighbouring ids spread, any number of shards. */
	uint64_t x = (uint64_t)tgid * 0x9e3779b97f4a7c15ull;

	return (unsigned)(((x >> 32) * t->opts.shards) >> 32);
}

uint64_t state_task_count(const struct state_table *t)
{
	return atomic_load_explicit(&t->tasks, memory_order_relaxed);
}

void state_table_sums(const struct state_table *t, struct state_sums *ret)
{
	*ret = (struct state_sums){ 0 };
	for (unsigned i = 0; i < t->opts.shards; i++) {
		struct state_stats *s = &t->shard[i].stats;

#define ADD(to, m) ret->to += atomic_load_explicit(&s->m, memory_order_relaxed)
		ADD(added, added);
		ADD(removed, removed);
		ADD(full, drops_full_table);
		ADD(lookups, lookups);
		ADD(misses, lookups_failed);
		ADD(fds, fds);
		ADD(fds_added, fds_added);
		ADD(fds_removed, fds_removed);
		ADD(fd_lookups, fd_lookups);
		ADD(fd_misses, fd_lookups_failed);
		ADD(lossy, lossy);
		ADD(refused_memory, refused_memory);
		for (unsigned g = 0; g < STATE_GIVE_MAX; g++)
			ADD(given[g], given[g]);
#undef ADD
	}
}

size_t state_table_bytes(const struct state_table *t)
{
	return state_held_bytes(t);
}

/* ---- versions ---------------------------------------------------------------------------- */

static void each_str(struct state_ver *v, struct state_str ***ret)
{
	struct state_str **all[] = { &v->comm, &v->exe,	 &v->exepath, &v->args,	   &v->cmdline,
				     &v->env,  &v->cwd, &v->root,    &v->cgroups, &v->container_id };

	_Static_assert(sizeof(all) / sizeof(all[0]) == VER_STRINGS, "every string of a version is counted");
	memcpy(ret, all, sizeof(all));
}

static void bury(struct state_shard *s, struct state_ver *v, struct state_task *t);

/* Takes a reference unless the count has reached zero, i.e. the record is on its way out. */
static bool task_get(struct state_task *t)
{
	uint32_t n = atomic_load_explicit(&t->refs, memory_order_relaxed);

	while (n)
		if (atomic_compare_exchange_weak_explicit(&t->refs, &n, n + 1, memory_order_relaxed,
							  memory_order_relaxed))
			return true;
	return false;
}

static void task_put(struct state_shard *s, struct state_task *t)
{
	/* acq_rel: the one who frees sees everything other holders did with the record */
	if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
		bury(s, NULL, t);
}

/* Last stage: nobody can reach v. */
static void free_ver(struct state_shard *s, struct state_ver *v)
{
	struct state_str **str[VER_STRINGS];

	each_str(v, str);
	for (unsigned i = 0; i < VER_STRINGS; i++)
		str_unref(&s->slab, *str[i]);
	task_put(s, v->parent);
	task_put(s, v->reaper);
	slab_free(&s->slab, v, sizeof(*v));
}

static void free_task(struct state_shard *s, struct state_task *t)
{
	struct state_ver *v = task_ver(t);

	while (v) {
		struct state_ver *prev = atomic_load_explicit(&v->prev, memory_order_relaxed);

		free_ver(s, v);
		v = prev;
	}
	slab_free(&s->slab, t, sizeof(*t));
}

/* What a grace period has passed for comes back to the shard that buried it. */
static void exhume(struct rcu_head *head)
{
	struct graveyard *g = (struct graveyard *)((char *)head - offsetof(struct graveyard, rcu));
	struct state_shard *s;

	RCU_EDGE_ACQUIRE();
	s = g->shard;
	g->next = atomic_load_explicit(&s->exhumed, memory_order_relaxed);
	/* release: the lists in g before its address; pairs with the acquire in state_reclaim */
	while (!atomic_compare_exchange_weak_explicit(&s->exhumed, &g->next, g, memory_order_release,
						      memory_order_relaxed))
		;
}

static void bury(struct state_shard *s, struct state_ver *v, struct state_task *t)
{
	if (v) {
		v->retire_next = s->grave_ver;
		s->grave_ver = v;
	}
	if (t) {
		t->retire_next = s->grave_task;
		s->grave_task = t;
	}
	s->grave_count++;
}

/* Frees two lists. Freeing drops references and may bury further records: those wait for their own
 * grace period. */
static void free_lists(struct state_shard *s, struct state_ver *v, struct state_task *t)
{
	while (v) {
		struct state_ver *next = v->retire_next;

		free_ver(s, v);
		v = next;
	}
	while (t) {
		struct state_task *next = t->retire_next;

		free_task(s, t);
		t = next;
	}
}

static void free_exhumed(struct state_shard *s)
{
	struct graveyard *g = atomic_exchange_explicit(&s->exhumed, NULL, memory_order_acquire);

	while (g) {
		struct graveyard *next = g->next;

		free_lists(s, g->ver, g->task);
		slab_free(&s->slab, g, sizeof(*g));
		g = next;
	}
}

/* For the end of the table only: nobody reads any more. */
static void free_buried(struct state_shard *s)
{
	while (s->grave_ver || s->grave_task) {
		struct state_ver *v = s->grave_ver;
		struct state_task *t = s->grave_task;

		s->grave_ver = NULL;
		s->grave_task = NULL;
		free_lists(s, v, t);
	}
}

static void empty_grave(struct state_shard *s)
{
	struct state_ver *v = s->grave_ver;
	struct state_task *t = s->grave_task;
	struct graveyard *g;

	s->grave_ver = NULL;
	s->grave_task = NULL;
	s->grave_count = 0;
	if (alone(s)) { /* no other reader, and the owner is between two events */
		free_lists(s, v, t);
		return;
	}
	g = slab_alloc(&s->slab, sizeof(*g));
	g->shard = s;
	g->ver = v;
	g->task = t;
	rcu_later(&g->rcu, exhume);
}

void state_reclaim(struct state_shard *s)
{
	uint64_t upto = UINT64_MAX;

	if (!alone(s)) {
		upto = s->table->opts.gate.min_emitted(s->table->opts.gate.ctx);
		free_exhumed(s);
	}
	/* A version replaced from key N on is read only as of keys below N. Readers' keys are above
	 * `upto`, so once N <= upto nobody starts a read that ends at it. Those who are in the middle
	 * of one are what the grace period is for. */
	while (s->retire_ver && s->retire_ver->newer->from.time <= upto) {
		struct state_ver *v = s->retire_ver;

		s->retire_ver = v->retire_next;
		atomic_store_explicit(&v->newer->prev, NULL, memory_order_release);
		bury(s, v, NULL);
	}
	if (!s->retire_ver)
		s->retire_ver_tail = NULL;
	while (s->retire_task && task_ver(s->retire_task)->from.time <= upto) {
		struct state_task *t = s->retire_task;

		s->retire_task = t->retire_next;
		tidmap_remove(s->table->map, t);
		task_put(s, t);
	}
	if (!s->retire_task)
		s->retire_task_tail = NULL;
	if (s->grave_count && (alone(s) || s->grave_count >= GRAVE_BATCH || upto == UINT64_MAX))
		empty_grave(s);
}

/* ---- the owner's side -------------------------------------------------------------------- */

static struct state_ver *ver_new(struct state_shard *s)
{
	struct state_ver *v = slab_alloc(&s->slab, sizeof(*v));
	struct state_str **str[VER_STRINGS];

	memset(v, 0, sizeof(*v));
	v->pid = v->vtid = v->vpid = v->sid = v->vpgid = v->pgid = v->fdlimit = -1;
	v->uid = v->gid = v->loginuid = UINT32_MAX;
	each_str(v, str);
	for (unsigned i = 0; i < VER_STRINGS; i++)
		*str[i] = str_ref(s->empty);
	return v;
}

/* Counters of a shard have one writer: a plain addition that readers see whole. */
static void count(_Atomic uint64_t *c)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
}

static struct state_task *own_any(struct state_shard *s, int64_t tid, int64_t tgid, bool any)
{
	struct state_task *best = NULL;

	for (struct state_task *t = tidmap_first(s->table->map, tid); t; t = tidmap_next(t))
		if (t->shard == s->index && !t->removed && (any || group_of(t, task_ver(t)) == tgid) &&
		    (!best || okey_less(best->born, t->born)))
			best = t;
	return best;
}

struct state_task *state_own(struct state_shard *s, int64_t tid)
{
	return own_any(s, tid, 0, true);
}

struct state_task *state_own_in(struct state_shard *s, int64_t tid, int64_t tgid)
{
	struct state_task *t = s->recent;

	/* Most events are of the thread that the one before was of. Whatever could change the answer forgets it. */
	if (t && t->tid == tid && s->recent_tgid == tgid)
		return t;
	t = own_any(s, tid, tgid, false);
	s->recent = t;
	s->recent_tgid = tgid;
	return t;
}

struct state_task *state_task_new(struct state_shard *s, int64_t tid)
{
	return state_task_new_in(s, tid, tid);
}

struct state_task *state_task_new_in(struct state_shard *s, int64_t tid, int64_t tgid)
{
	struct state_task *t;
	struct state_ver *v;

	/* The limit is checked without a lock: it may be passed by as many as there are workers. */
	if (state_task_count(s->table) >= s->table->opts.max_tasks && tid != s->table->opts.self_pid) {
		count(&s->stats.drops_full_table);
		return NULL;
	}
	if (s->over && tid != s->table->opts.self_pid && (!slab_has_room(&s->slab, sizeof(*t)) || !slab_has_room(&s->slab, sizeof(*v)))) {
		count(&s->stats.refused_memory);
		return NULL;
	}
	t = slab_alloc(&s->slab, sizeof(*t));
	memset(t, 0, sizeof(*t));
	t->tid = tid;
	t->tgid = tgid;
	t->shard = s->index;
	t->last_fd = -1;
	atomic_init(&t->refs, 1);
	v = ver_new(s);
	v->tid = tid;
	atomic_init(&t->ver, v);
	return t;
}

void state_task_drop(struct state_shard *s, struct state_task *t)
{
	state_task_fini_private(s, t);
	free_task(s, t);
}

/* Shards add records in no order: the newer one may be there before the older one. */
static void supersede(struct state_task *a, struct state_task *b)
{
	struct state_task *older = okey_less(a->born, b->born) ? a : b;
	uint64_t at = older == a ? b->born.time : a->born.time;
	uint64_t was = atomic_load_explicit(&older->superseded, memory_order_relaxed);

	if (!was || at < was) /* two at a time: either will do, the later one is only later */
		atomic_store_explicit(&older->superseded, at, memory_order_relaxed);
}

void state_task_add(struct state_shard *s, struct state_task *t, struct okey from)
{
	s->recent = NULL;
	task_ver(t)->from = from;
	t->born = from;
	if (!tidmap_insert(s->table->map, t))
		abort(); /* a page of the map could not be had: 8 KiB */
	for (struct state_task *o = tidmap_next(t); o; o = tidmap_next(o))
		if (o->shard != s->index)
			supersede(o, t);
	atomic_fetch_add_explicit(&s->table->tasks, 1, memory_order_relaxed);
	count(&s->stats.added);
}

void ver_set_parent(struct state_shard *s, struct state_ver *v, struct state_task *parent)
{
	struct state_task *old = v->parent;

	v->parent = parent && task_get(parent) ? parent : NULL;
	task_put(s, old);
}

void ver_set_reaper(struct state_shard *s, struct state_ver *v, struct state_task *reaper)
{
	struct state_task *old = v->reaper;

	v->reaper = reaper && task_get(reaper) ? reaper : NULL;
	task_put(s, old);
}

struct state_ver *state_edit(struct state_shard *s, struct state_task *t, struct okey from)
{
	struct state_ver *cur = task_ver(t), *v;
	struct state_str **str[VER_STRINGS];

	/* In place when no reader can be inside: there is no other shard; or this key is not applied
	 * yet, so that as-of readers step over the version (but a live reader that goes on without the
	 * gate, lag_max, could be in it). */
	if (alone(s) || (okey_equal(cur->from, from) && !s->table->opts.live)) {
		cur->atoms_generation = 0;
		return cur;
	}
	v = slab_alloc(&s->slab, sizeof(*v));
	*v = *cur;
	v->from = from;
	v->newer = v->retire_next = NULL;
	atomic_init(&v->prev, cur);
	v->parent = cur->parent && task_get(cur->parent) ? cur->parent : NULL;
	v->reaper = cur->reaper && task_get(cur->reaper) ? cur->reaper : NULL;
	v->atoms_generation = 0;
	each_str(v, str);
	for (unsigned i = 0; i < VER_STRINGS; i++)
		str_ref(*str[i]);
	return v;
}

void state_publish(struct state_shard *s, struct state_task *t, struct state_ver *v)
{
	struct state_ver *cur = task_ver(t);

	s->recent = NULL; /* its group may be another one now, also when it was edited in place */
	if (v == cur)
		return;
	cur->newer = v;
	cur->retire_next = NULL;
	if (s->retire_ver_tail)
		s->retire_ver_tail->retire_next = cur;
	else
		s->retire_ver = cur;
	s->retire_ver_tail = cur;
	/* release: the contents before the address; pairs with the acquire in task_ver_at */
	atomic_store_explicit(&t->ver, v, memory_order_release);
	count(&s->stats.versions);
}

/* The parent that a dead version keeps is where its heirs are looked for. Dead ancestors in between are left
 * out, or generations of processes that fork and exit would keep each other's stubs for ever. Whoever
 * follows the link does so as of a later key, when these deaths are in force, so nothing changes for
 * them; a death that is not visible here yet makes the way one step longer, no more. */
static struct state_task *living_parent(const struct state_task *t, struct okey from)
{
	struct state_task *parent = task_ver(t)->parent;
	bool in_pidns = ver_in_pidns(task_ver(t));

	for (unsigned hops = 0; parent && hops < 64; hops++) {
		/* acquire: as task_ver_at; the record may be another shard's */
		const struct state_ver *v = atomic_load_explicit(&parent->ver, memory_order_acquire);

		if (!v->dead || okey_less(from, v->from))
			break;
		if (v->reaper)
			parent = v->reaper;
		else if (ver_in_pidns(v) == in_pidns)
			parent = v->parent;
		else
			break;
	}
	return parent == t ? NULL : parent; /* damaged captures: nobody is his own ancestor */
}

void state_task_dead(struct state_shard *s, struct state_task *t, struct okey from, struct state_task *reaper)
{
	struct state_ver *cur = task_ver(t), *v = ver_new(s);

	v->from = from;
	atomic_init(&v->prev, cur);
	v->tid = cur->tid;
	v->pid = cur->pid;
	v->vtid = cur->vtid;
	v->flags = cur->flags;
	v->dead = true;
	v->invalid = cur->invalid;
	if (reaper && task_get(reaper))
		v->reaper = reaper;
	else
		ver_set_parent(s, v, living_parent(t, from));
	state_publish(s, t, v);
}

void state_task_remove(struct state_shard *s, struct state_task *t, struct okey from)
{
	if (!task_ver(t)->dead)
		state_task_dead(s, t, from, NULL);
	t->removed = true;
	s->recent = NULL;
	t->retire_next = NULL;
	if (s->retire_task_tail)
		s->retire_task_tail->retire_next = t;
	else
		s->retire_task = t;
	s->retire_task_tail = t;
	atomic_fetch_sub_explicit(&s->table->tasks, 1, memory_order_relaxed);
	count(&s->stats.removed);
}

struct own_walk {
	struct state_shard *s;
	void (*fn)(struct state_task *t, void *arg);
	void *arg;
};

static void own_visit(struct state_task *t, void *arg)
{
	struct own_walk *w = arg;

	if (t->shard == w->s->index && !t->removed)
		w->fn(t, w->arg);
}

void state_for_each_own(struct state_shard *s, void (*fn)(struct state_task *t, void *arg), void *arg)
{
	struct own_walk w = { s, fn, arg };

	tidmap_for_each(s->table->map, own_visit, &w);
}
