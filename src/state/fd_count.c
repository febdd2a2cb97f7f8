/* Stores into and deletes from a task's descriptor table, counted in the shard's statistics. Called by everything
 * that applies events or fills tables at start, on the owner's thread. */
#include "state/fd_internal.h"

bool state_fd_store(struct state_shard *s, struct state_fdtab **slot, int64_t num, struct state_fd *f)
{
	uint32_t before;
	bool ok;

	if (s->over && !slab_has_room(&s->slab, sizeof(*f))) {
		stat_add(&s->stats.refused_memory, 1);
		fd_unref(&s->slab, f);
		return false;
	}
	if (!*slot)
		*slot = fdtab_new(&s->slab, fd_table_max(s));
	before = fdtab_count(*slot);
	ok = fdtab_set(&s->slab, slot, num, f);
	stat_add(&s->stats.fds, fdtab_count(*slot) - before);
	return ok;
}

void state_fd_drop(struct state_shard *s, struct state_fdtab **slot, int64_t num)
{
	uint32_t before = fdtab_count(*slot);

	fdtab_del(&s->slab, slot, num);
	stat_sub(&s->stats.fds, before - fdtab_count(*slot));
	stat_add(&s->stats.fds_removed, before - fdtab_count(*slot));
}
