/* What is left of a thread group's descriptors when one of its events was lost: nothing. A lost close or dup
 * would leave a number that stands for another file by now, and a rule would be told the wrong name; a number
 * that is not known is told as missing. What was open is asked for again (state_repair), once; later, what an event
 * turns out to use and is not known. Called by apply.c, on the owner's thread, before the event that carries
 * EVT_ENV_LOSSY is applied (after it when it makes the group). */
#include "state/fd_internal.h"
#include "state/table_internal.h"

#define ASK_MAX 253  /* descriptors asked for at once, lowest numbers first */
#define ASK_LATER 64 /* and one by one until the next loss */

static void forget(struct state_shard *s, struct state_task *t)
{
	const struct state_repair *repair = &state_table_opts(s->table)->repair;
	int32_t fds[ASK_MAX];
	unsigned n = 0;

	if (!t->fds)
		return;
	if (repair->fds) {
		for (int64_t fd = fdtab_next(t->fds, 0); fd >= 0 && n < ASK_MAX; fd = fdtab_next(t->fds, fd + 1))
			fds[n++] = (int32_t)fd;
	}
	stat_sub(&s->stats.fds, fdtab_count(t->fds));
	fdtab_unref(&s->slab, t->fds);
	t->fds = NULL;
	if (n)
		repair->fds(repair->ctx, s->index, task_ver(t)->pid, fds, n);
}

void state_lossy(struct state_shard *s, const struct evt *ev, struct state_task *t)
{
	struct state_group *g;

	if (!t)
		t = state_own_in(s, ev->env->tgid, ev->env->tgid);
	if (!t)
		return;
	stat_add(&s->stats.lossy, 1);
	g = t->group;
	if (!g) {
		forget(s, t);
		return;
	}
	g->ask = ASK_LATER;
	for (t = g->first; t; t = t->group_next)
		forget(s, t);
}

void state_lossy_miss(struct state_shard *s, struct state_task *t, int64_t fd)
{
	const struct state_repair *repair = &state_table_opts(s->table)->repair;
	int32_t num = (int32_t)fd;

	if (!repair->fds || fd < 0 || fd > INT32_MAX)
		return;
	t->group->ask--;
	repair->fds(repair->ctx, s->index, t->group->pid, &num, 1);
}
