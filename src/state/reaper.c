/* Who adopts orphans when the kernel did not say. Called by state_follow, i.e. by whoever follows a link
 * to a parent that has died; reads versions of any shard as of a key, changes nothing.
 *
 * The search is made by the one who follows, not at the death: it may have to look into other shards, and
 * most dead processes have no children left that could ask. The reference searches at the death; the
 * answers differ only when an ancestor has changed its willingness to adopt in between. */
#include "state/table_internal.h"

#include <errno.h>

#define GENERATIONS_MAX 4096 /* damaged captures can hold long chains */

/* The group that v belongs to adopts orphans: then a thread of it that lives, the leader if possible. */
static int adopter(struct state_shard *me, const struct state_ver *v, struct state_task *t, struct okey k,
		   const struct state_ver **ret, struct state_task **ret_task)
{
	const struct state_ver *leader = v;
	struct state_task *lt = t;
	int r = 1;

	if (v->pid != v->tid)
		r = state_find_task_at(me, v->pid, v->pid, k, &lt, &leader);
	if (r < 0)
		return r;
	if (r == 0 || leader->pid != v->pid) {
		leader = v;
		lt = t;
	}
	if (!leader->group_reaper)
		return 0;
	if (leader->exited) {
		leader = v;
		lt = t;
	}
	*ret = leader;
	if (ret_task)
		*ret_task = lt;
	return 1;
}

int state_find_reaper(struct state_shard *me, const struct state_ver *dead, struct okey k,
		      const struct state_ver **ret, struct state_task **ret_task)
{
	struct state_task *link = dead->parent;
	bool in_pidns = ver_in_pidns(dead);

	for (unsigned i = 0; link && i < GENERATIONS_MAX; i++) {
		const struct state_ver *v;
		int r;

		if (!state_shard_ready(me, link->shard, k))
			return -EAGAIN;
		v = task_ver_at(link, k);
		if (!v)
			return 0;
		if (v->dead || v->exited) {
			/* the parent of a dead parent: its heir if that is known, else on with its parent */
			link = v->reaper ? v->reaper : v->parent;
			continue;
		}
		if (ver_in_pidns(v) != in_pidns)
			return 0; /* orphans do not leave their pid namespace */
		r = adopter(me, v, link, k, ret, ret_task);
		if (r)
			return r;
		link = v->parent;
	}
	return 0;
}
