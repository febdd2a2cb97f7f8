/* Records and groups of threads: joining, leaving, removal. See apply_task.h.
 *
 * A thread that exits is gone for readers from "after the event" on: that is published with the event
 * (task_die). What only its owner sees of it, descriptors and place in the group, stays until the
 * shard's next event (task_clear), because the exit event itself is still evaluated with it. */
#include "state/apply_task.h"
#include "state/table_internal.h"

#include <errno.h>
#include <string.h>

/* ---- groups ------------------------------------------------------------------------------ */

static struct state_group **group_place(struct apply_shard *a, int64_t pid)
{
	uint64_t x = (uint64_t)pid * 0x9e3779b97f4a7c15ull;

	return &a->bucket[(x >> 32) & (a->buckets - 1)];
}

static struct state_group *group_find(struct apply_shard *a, int64_t pid)
{
	for (struct state_group *g = *group_place(a, pid); g; g = g->hash_next)
		if (g->pid == pid)
			return g;
	return NULL;
}

static void groups_grow(struct state_shard *s, struct apply_shard *a)
{
	uint32_t old_count = a->buckets;
	struct state_group **old = a->bucket;

	a->buckets = old_count * 4;
	a->bucket = slab_alloc(&s->slab, a->buckets * sizeof(*a->bucket));
	memset(a->bucket, 0, a->buckets * sizeof(*a->bucket));
	for (uint32_t i = 0; i < old_count; i++) {
		struct state_group *next;

		for (struct state_group *g = old[i]; g; g = next) {
			struct state_group **place = group_place(a, g->pid);

			next = g->hash_next;
			g->hash_next = *place;
			*place = g;
		}
	}
	slab_free(&s->slab, old, old_count * sizeof(*old));
}

static struct state_group *group_new(struct state_shard *s, int64_t pid, bool reaper)
{
	struct apply_shard *a = apply_of(s);
	struct state_group *g = slab_alloc(&s->slab, sizeof(*g)), **place;

	if (a->groups >= a->buckets)
		groups_grow(s, a);
	memset(g, 0, sizeof(*g));
	g->pid = pid;
	g->reaper = reaper;
	place = group_place(a, pid);
	g->hash_next = *place;
	*place = g;
	a->groups++;
	return g;
}

static void group_free(struct state_shard *s, struct state_group *g)
{
	struct apply_shard *a = apply_of(s);
	struct state_group **place = group_place(a, g->pid);

	while (*place != g)
		place = &(*place)->hash_next;
	*place = g->hash_next;
	a->groups--;
	slab_free(&s->slab, g, sizeof(*g));
}

static void link_first(struct state_group *g, struct state_task *t)
{
	t->group_prev = NULL;
	t->group_next = g->first;
	if (g->first)
		g->first->group_prev = t;
	else
		g->last = t;
	g->first = t;
}

static void link_last(struct state_group *g, struct state_task *t)
{
	t->group_next = NULL;
	t->group_prev = g->last;
	if (g->last)
		g->last->group_next = t;
	else
		g->first = t;
	g->last = t;
}

static void unlink_member(struct state_group *g, struct state_task *t)
{
	if (t->group_prev)
		t->group_prev->group_next = t->group_next;
	else
		g->first = t->group_next;
	if (t->group_next)
		t->group_next->group_prev = t->group_prev;
	else
		g->last = t->group_prev;
	t->group_next = t->group_prev = NULL;
}

static void leave(struct state_shard *s, struct state_task *t)
{
	struct state_group *g = t->group;

	if (t->stray)
		unlink_member(&apply_of(s)->strays, t), apply_of(s)->strays.live--;
	t->stray = false;
	if (!g)
		return;
	unlink_member(g, t);
	t->group = NULL;
	if (!g->first)
		group_free(s, g);
}

void task_join(struct state_shard *s, struct state_task *t, struct state_ver *v)
{
	struct state_group *g;

	if (v->invalid || t->group)
		return;
	leave(s, t);
	g = group_find(apply_of(s), v->pid);
	if (!g)
		g = group_new(s, v->pid, v->pid == 1 || v->vpid == 1);
	t->group = g;
	if (ver_is_leader(v)) {
		link_first(g, t);
		v->group_reaper = g->reaper;
	} else {
		link_last(g, t);
	}
	g->live++;
}

struct state_task *state_leader_task(struct state_shard *s, const struct state_task *t)
{
	struct state_task *first;

	(void)s;
	if (ver_is_leader(task_ver(t)))
		return (struct state_task *)t;
	first = t->group ? t->group->first : NULL;
	return first && ver_is_leader(task_ver(first)) ? first : NULL;
}

const struct state_ver *state_leader_own(struct state_shard *s, const struct state_task *t)
{
	const struct state_task *leader = state_leader_task(s, t);

	return leader ? task_ver(leader) : NULL;
}

struct state_fdtab **state_fds_slot(struct state_shard *s, struct state_task *t)
{
	struct state_task *leader;

	if (!(task_ver(t)->flags & TASK_F_CLONE_FILES))
		return &t->fds;
	leader = state_leader_task(s, t);
	return leader ? &leader->fds : NULL;
}

/* ---- life and death ---------------------------------------------------------------------- */

struct state_task *task_placeholder(struct state_shard *s, int64_t tid, int64_t tgid, struct okey from)
{
	struct state_task *t = state_task_new_in(s, tid, tgid);
	struct state_ver *v;

	if (!t)
		return NULL;
	v = task_ver(t);
	v->invalid = true;
	ver_set_text(s, &v->comm, "<NA>", 4);
	ver_set_str(s, &v->exe, str_ref(v->comm));
	ver_set_str(s, &v->cmdline, str_ref(v->comm));
	state_task_add(s, t, from);
	t->stray = true;
	link_last(&apply_of(s)->strays, t);
	apply_of(s)->strays.live++;
	return t;
}

void task_mark_exited(struct state_task *t)
{
	if (t->group && !t->exited)
		t->group->live--;
	t->exited = true;
}

void task_mark_live(struct state_task *t)
{
	if (t->group && t->exited)
		t->group->live++;
	t->exited = false;
}

struct state_task *task_sibling(const struct state_task *t)
{
	if (!t->group || !t->group->live)
		return NULL;
	for (struct state_task *m = t->group->first; m; m = m->group_next)
		if (!m->exited && m != t)
			return m;
	return NULL;
}

/* The leader stays in the table while threads of its process live. */
static bool stays(const struct state_task *t)
{
	return t->group && t->group->live && ver_is_leader(task_ver(t));
}

static struct state_task *leader_to_go(const struct state_task *t)
{
	struct state_task *first = t->group && !t->group->live ? t->group->first : NULL;

	return first && first != t && ver_is_leader(task_ver(first)) ? first : NULL;
}

/* Children of a thread go to another one of its process. Those of a non-leader go to the leader's record even
 * when that has exited, and from there to whoever lives: so one record is referred to for as long as the
 * process lives, and not a stub of every thread that ever inherited. */
static struct state_task *heir_in_group(const struct state_task *t)
{
	struct state_task *first = t->group && t->group->live ? t->group->first : NULL;

	if (first && first != t && ver_is_leader(task_ver(first)))
		return first;
	return task_sibling(t);
}

#define LINKS_MAX 1024 /* deeper than any tree of processes */

bool task_leads_to(const struct state_task *t, const struct state_task *to)
{
	for (unsigned i = 0; t && t != to && i < LINKS_MAX; i++) {
		/* acquire: as task_ver_at; it may be another shard's record */
		const struct state_ver *v = atomic_load_explicit(&t->ver, memory_order_acquire);

		t = (v->dead || v->exited) && v->reaper ? v->reaper : v->parent;
	}
	return t;
}

void task_set_parent(struct state_shard *s, const struct state_task *t, struct state_ver *v, struct state_task *parent)
{
	ver_set_parent(s, v, task_leads_to(parent, t) ? NULL : parent);
}

static void set_exited(struct state_shard *s, struct state_task *leader, struct okey from, struct state_task *heir)
{
	struct state_ver *v = state_edit(s, leader, from);

	v->exited = true;
	ver_set_reaper(s, v, heir);
	state_publish(s, leader, v);
}

/* The heir of a leader that has exited is gone too. */
static void inherit_again(struct state_shard *s, struct state_task *leader, struct okey from)
{
	struct state_task *heir = task_sibling(leader);

	set_exited(s, leader, from, heir && task_leads_to(heir, leader) ? NULL : heir);
}

void task_die(struct state_shard *s, struct state_task *t, struct okey from, struct state_task *heir)
{
	struct state_task *leader, *first = t->group ? t->group->first : NULL;

	task_mark_exited(t);
	if (first && first != t && t->group->live && task_ver(first)->exited && task_ver(first)->reaper == t)
		inherit_again(s, first, from);
	if (!heir)
		heir = heir_in_group(t);
	if (heir && task_leads_to(heir, t))
		heir = NULL;
	if (stays(t)) {
		set_exited(s, t, from, heir);
		return;
	}
	state_task_dead(s, t, from, heir);
	leader = leader_to_go(t);
	if (leader)
		state_task_dead(s, leader, from, heir);
}

static void forget(struct state_shard *s, struct state_task *t, struct okey from)
{
	leave(s, t);
	state_task_fini_private(s, t);
	if (s->pending_fd_task == t)
		s->pending_fd_task = NULL;
	if (s->pending_exit == t)
		s->pending_exit = NULL;
	state_task_remove(s, t, from);
}

void task_clear(struct state_shard *s, struct state_task *t, struct okey from)
{
	struct state_task *leader;

	if (stays(t))
		return;
	leader = leader_to_go(t);
	forget(s, t, from);
	if (leader)
		forget(s, leader, from);
}

void task_remove(struct state_shard *s, struct state_task *t, struct okey from, struct state_task *heir)
{
	task_die(s, t, from, heir);
	task_clear(s, t, from);
}

void task_replace(struct state_shard *s, struct state_task *t, struct okey from, struct state_task *by)
{
	/* Unlike in the reference, which forgets to: there such a process seems to have a thread more for ever. */
	task_mark_exited(t);
	state_task_dead(s, t, from, task_leads_to(by, t) ? NULL : by);
	forget(s, t, from);
}

/* ---- purge ------------------------------------------------------------------------------- */

#define PURGE_FIRST_NS (30 * 1000000000ull)
#define PURGE_INTERVAL_NS (300 * 1000000000ull)
#define PURGE_STEP 4u	   /* placeholders, and buckets of groups, per event */
#define PURGE_MEMBERS 256u /* of one group: larger ones are looked at in part */

static void purge_group(struct state_shard *s, struct state_group *g, struct okey from)
{
	struct state_task *next, *t = g->first;

	for (unsigned n = 0; t && n < PURGE_MEMBERS; n++, t = next) {
		uint64_t at = atomic_load_explicit(&t->superseded, memory_order_relaxed);

		next = t->group_next;
		if (!at || at > from.time || t->exited)
			continue;
		task_remove(s, t, from, NULL);
		return; /* the group may be gone with it; the rest is for the next time */
	}
}

void task_purge(struct state_shard *s, const struct evt *ev)
{
	struct apply_shard *a = apply_of(s);
	uint64_t ts = ev->hdr->ts;

	if (!state_table_opts(s->table)->live)
		return;
	if (!a->purge_ts)
		a->purge_ts = ts + PURGE_FIRST_NS;
	if (ts >= a->purge_ts) {
		a->purge_ts = ts + PURGE_INTERVAL_NS;
		a->purge_strays = a->strays.live;
		a->purge_bucket = a->buckets;
	}
	for (unsigned i = 0; i < PURGE_STEP && a->purge_strays; i++) {
		if (!a->strays.first) {
			a->purge_strays = 0;
			break;
		}
		a->purge_strays--;
		task_remove(s, a->strays.first, ev->key, NULL);
	}
	for (unsigned i = 0; i < PURGE_STEP && a->purge_bucket; i++) {
		struct state_group *next;

		a->purge_bucket--;
		if (a->purge_bucket >= a->buckets)
			continue;
		for (struct state_group *g = a->bucket[a->purge_bucket]; g; g = next) {
			next = g->hash_next;
			purge_group(s, g, ev->key);
		}
	}
}

/* ---- other threads by number ------------------------------------------------------------- */

int task_resolve(struct state_shard *s, int64_t tid, int64_t tgid_hint, struct okey k, struct task_ref *ret)
{
	struct task_ref found = { 0 };
	int r;

	*ret = found;
	if (tid < 0)
		return 0;
	/* Most parents lead their process: with that guess one shard is asked. */
	r = state_find_task_at(s, tid, tgid_hint >= 0 ? tgid_hint : tid, okey_before(k), &found.task, &found.ver);
	if (r == 0)
		r = state_find_task_at(s, tid, -1, okey_before(k), &found.task, &found.ver);
	if (r == 1 && !found.ver->invalid)
		*ret = found;
	return r < 0 ? r : 0;
}
