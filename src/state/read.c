/* Reads of threads by fields, as of the event's key; see read.h. The event's own process is read from the
 * owner's structures, everything else through versions, in whatever shard they are. [worker] */
#include "state/read.h"
#include "state/apply_internal.h"

int state_read_tid(const struct state_ctx *c, int64_t tid, int64_t tgid_hint, const struct state_ver **ret)
{
	if (c->ver && c->ver->tid == tid) {
		*ret = c->ver;
		return 1;
	}
	return state_find_at(c->shard, tid, tgid_hint, c->ev->key, ret, NULL);
}

int state_read_leader(const struct state_ctx *c, const struct state_ver *v, const struct state_ver **ret)
{
	const struct state_ver *leader;
	int r;

	if (ver_is_leader(v)) {
		*ret = v;
		return 1;
	}
	if (v == c->ver) {
		if (!c->leader)
			return 0;
		*ret = c->leader;
		return 1;
	}
	r = state_find_at(c->shard, v->pid, v->pid, c->ev->key, &leader, NULL);
	if (r <= 0)
		return r;
	if (leader->pid != v->pid) /* its number belongs to someone else by now */
		return 0;
	*ret = leader;
	return 1;
}

int state_read_parent(const struct state_ctx *c, const struct state_ver *v, const struct state_ver **ret)
{
	return v->parent ? state_follow(c->shard, v->parent, c->ev->key, ret, NULL) : 0;
}

int state_read_ancestor(const struct state_ctx *c, unsigned n, const struct state_ver **ret)
{
	const struct state_ver *v = c->leader;
	int r;

	if (!v)
		return 0;
	for (; n; n--) {
		r = state_read_parent(c, v, &v);
		if (r == 1)
			r = state_read_leader(c, v, &v);
		if (r != 1)
			return r;
	}
	*ret = v;
	return 1;
}

uint32_t state_read_nthreads(const struct state_ctx *c)
{
	return c->task && c->task->group ? c->task->group->live : 0;
}

bool state_read_leader_alive(const struct state_ctx *c)
{
	const struct state_task *leader = c->task ? state_leader_task(c->shard, c->task) : NULL;

	return leader && !leader->exited;
}

uint32_t state_read_fdcount(const struct state_ctx *c)
{
	const struct state_task *leader = c->task ? state_leader_task(c->shard, c->task) : NULL;

	return leader ? fdtab_count(leader->fds) : 0;
}
