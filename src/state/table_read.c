/* Reading the process table, also other shards' part of it, as of a key. Called by any worker; table.h says how waiting
 * works: nothing here blocks, -EAGAIN goes up to the worker's loop. */
#include "state/table.h"
#include "state/table_internal.h"

#include <errno.h>

static bool ready(struct state_shard *me, unsigned shard, struct okey k)
{
	const struct state_gate *g = &me->table->opts.gate;

	return shard == me->index || !g->ready || g->ready(g->ctx, me->index, shard, k);
}

bool state_shard_ready(struct state_shard *me, unsigned shard, struct okey k)
{
	return ready(me, shard, k);
}

static bool is_of_group(const struct state_task *t, struct okey k, int64_t tgid)
{
	const struct state_ver *v = task_ver_at(t, k);

	return v && group_of(t, v) == tgid;
}

int state_find_task_at(struct state_shard *me, int64_t tid, int64_t tgid_hint, struct okey k,
		       struct state_task **ret, const struct state_ver **ret_ver)
{
	unsigned first = 0, last = me->table->opts.shards;
	struct state_task *best = NULL;
	const struct state_ver *v;

	/* Whoever might add or remove this thread below k must have done so. */
	if (tgid_hint >= 0) {
		first = state_shard_of(me->table, tgid_hint);
		last = first + 1;
	}
	for (unsigned i = first; i < last; i++)
		if (!ready(me, i, k))
			return -EAGAIN;
	for (struct state_task *t = tidmap_first(me->table->map, tid); t; t = tidmap_next(t)) {
		/* Another shard's record says nothing that holds: that shard may be behind, the thread long gone. */
		if (t->shard < first || t->shard >= last || okey_less(k, t->born))
			continue;
		if (tgid_hint >= 0 && !is_of_group(t, k, tgid_hint))
			continue;
		/* Shards add records in no order, so the list has none among them. */
		if (!best || okey_less(best->born, t->born))
			best = t;
	}
	v = best ? task_ver_at(best, k) : NULL;
	if (!v || v->dead)
		return 0;
	*ret = best;
	*ret_ver = v;
	return 1;
}

int state_find_at(struct state_shard *me, int64_t tid, int64_t tgid_hint, struct okey k,
		  const struct state_ver **ret, const struct state_ver **ret_dead)
{
	struct state_task *t;
	int r = state_find_task_at(me, tid, tgid_hint, k, &t, ret);

	if (ret_dead)
		*ret_dead = NULL;
	if (r == 0 && ret_dead && (t = tidmap_first(me->table->map, tid)))
		*ret_dead = task_ver_at(t, k);
	return r;
}

int state_follow(struct state_shard *me, struct state_task *link, struct okey k,
		 const struct state_ver **ret, struct state_task **ret_task)
{
	/* Each step goes to a record that lived when the one before it died, so the chain ends. The
	 * bound is for damaged captures. */
	for (unsigned hops = 0; link && hops < 65536; hops++) {
		const struct state_ver *v;

		if (!ready(me, link->shard, k))
			return -EAGAIN;
		v = task_ver_at(link, k);
		if (!v)
			return 0;
		if (!v->dead && !v->exited) {
			*ret = v;
			if (ret_task)
				*ret_task = link;
			return 1;
		}
		if (!v->reaper)
			return state_find_reaper(me, v, k, ret, ret_task);
		link = v->reaper;
	}
	return 0;
}
