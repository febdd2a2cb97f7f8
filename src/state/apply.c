/* One event into the shard's state. Called by the worker for every event of its shard, in order of key.
 *
 * Order: what the last event put off (exits, closes) -> the event's thread -> what has to be asked of
 * other shards, the one place where -EAGAIN may come out, before anything is changed -> stored enter
 * event and descriptor -> the parser -> container and user of a new image -> ctx for the rules.
 *
 * Which parser: apply_clone.c, apply_exec.c (looked up here, they have two steps), apply_fd.c,
 * apply_sock.c, apply_proc.c, apply_meta.c. */
#include "state/memory.h"
#include "state/apply_clone.h"
#include "state/apply_exec.h"
#include "state/fd.h"
#include "state/ifaces.h"
#include "state/table_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTER_MAX 4096u /* larger enter events are not kept; none that matters is */

enum lookup { LOOKUP_NONE, LOOKUP_TABLE, LOOKUP_MAKE };

/* What kind of look-up the event's thread gets (state-semantics 1.1, 1.2). */
static enum lookup lookup_kind(unsigned type)
{
	if (type == PPME_PROCINFO_E)
		return LOOKUP_TABLE;
	if (evt_table[type].flags & EVF_SKIPPARSERESET)
		return LOOKUP_NONE;
	switch (type) {
	case PPME_CONTAINER_JSON_E:
	case PPME_CONTAINER_JSON_2_E:
	case PPME_USER_ADDED_E:
	case PPME_USER_DELETED_E:
	case PPME_GROUP_ADDED_E:
	case PPME_GROUP_DELETED_E:
	case PPME_PLUGINEVENT_E:
	case PPME_ASYNCEVENT_E:
		return LOOKUP_NONE;
	case PPME_SCHEDSWITCH_6_E:
	case PPME_PROCEXIT_1_E:
	case PPME_SYSCALL_CLONE_20_X:
	case PPME_SYSCALL_CLONE3_X:
	case PPME_SYSCALL_FORK_20_X:
	case PPME_SYSCALL_VFORK_20_X:
		return LOOKUP_TABLE;
	default:
		return LOOKUP_MAKE;
	}
}

/* ---- shards and records ------------------------------------------------------------------ */

/* Exit events that change nothing here but the time of their thread's last event. */
static bool is_quiet(unsigned type, const struct apply_shard *a)
{
	const struct evt_info *info = &evt_table[type];

	return info->dir == EVT_EXIT && info->origin == EO_SYSCALL && !a->parser[type] && a->lookup[type] == LOOKUP_MAKE &&
	       type != PPME_SYSCALL_EXECVE_19_X && type != PPME_SYSCALL_EXECVEAT_X && type != PPME_SYSCALL_CHROOT_X;
}

void state_shard_init(struct state_shard *s)
{
	struct apply_shard *a = calloc(1, sizeof(*a));

	if (!a)
		abort(); /* start-up */
	s->apply = a;
	a->buckets = 256;
	a->bucket = slab_alloc(&s->slab, a->buckets * sizeof(*a->bucket));
	memset(a->bucket, 0, a->buckets * sizeof(*a->bucket));
	a->exits = exit_ring_new();
	a->containers = containers_new(s);
	a->container_ids = container_cache_new(s);
	s->users = users_new(s);
	s->ifaces = ifaces_new();
	if (!a->exits || !a->containers || !a->container_ids || !s->users || !s->ifaces)
		abort();
	for (unsigned i = 0; i < EVT_TYPE_MAX; i++) {
		a->parser[i] = state_fd_parser((enum evt_type)i);
		if (!a->parser[i])
			a->parser[i] = state_proc_parser((enum evt_type)i);
		a->lookup[i] = (uint8_t)lookup_kind(i);
		a->quiet[i] = is_quiet(i, a);
	}
}

void state_reset_shard(struct state_shard *s)
{
	struct apply_shard *a = apply_of(s);

	users_clear(s->users);
	ifaces_clear(s->ifaces);
	containers_clear(s, a->containers);
	exit_ring_clear(a->exits);
}

void state_shard_fini(struct state_shard *s)
{
	struct apply_shard *a = apply_of(s);

	scan_links_free(s);
	for (uint32_t i = 0; i < a->buckets; i++) {
		struct state_group *next;

		for (struct state_group *g = a->bucket[i]; g; g = next) {
			next = g->hash_next;
			slab_free(&s->slab, g, sizeof(*g));
		}
	}
	slab_free(&s->slab, a->bucket, a->buckets * sizeof(*a->bucket));
	exit_ring_free(a->exits);
	containers_free(s, a->containers);
	container_cache_free(s, a->container_ids);
	str_unref(&s->slab, a->cgroups_raw);
	str_unref(&s->slab, a->cgroups);
	users_free(s, s->users);
	ifaces_free(s->ifaces);
	free(a);
	s->apply = NULL;
}

static void drop_enter(struct state_shard *s, struct state_task *t)
{
	if (t->enter)
		slab_free(&s->slab, t->enter, t->enter_size);
	t->enter = NULL;
}

void state_task_fini_private(struct state_shard *s, struct state_task *t)
{
	struct apply_shard *a = apply_of(s);

	stat_sub(&s->stats.fds, fdtab_count(t->fds));
	fdtab_unref(&s->slab, t->fds);
	t->fds = NULL;
	drop_enter(s, t);
	if (a && a->enter_done == t)
		a->enter_done = NULL;
}

struct container_table *state_containers(struct state_shard *s)
{
	return apply_of(s)->containers;
}

/* ---- before the parser ------------------------------------------------------------------- */

static void flush(struct state_shard *s)
{
	struct apply_shard *a = apply_of(s);

	arena_reset(&s->tmp);
	if (a->enter_done) {
		drop_enter(s, a->enter_done);
		a->enter_done = NULL;
	}
	if (s->pending_exit)
		exit_flush(s);
	if (s->pending_fd_task)
		state_fd_flush_pending(s);
}

/* The event's own thread lives in this shard. */
static bool is_mine(const struct state_shard *s, const struct evt *ev)
{
	return ev->part == EVT_WHOLE || state_shard_of(s->table, ev->env->tgid) == s->index;
}

static bool is_self(const struct state_shard *s, const struct evt *ev)
{
	const struct state_opts *o = state_table_opts(s->table);

	if (!o->live || o->self_pid <= 0)
		return false;
	switch (ev->hdr->type) {
	case PPME_SCHEDSWITCH_6_E:
	case PPME_DROP_E:
	case PPME_DROP_X:
	case PPME_SCAPEVENT_E:
	case PPME_PROCINFO_E:
	case PPME_CPU_HOTPLUG_E:
		return false;
	default:
		return (int64_t)ev->hdr->tid == o->self_pid || ev->env->tgid == o->self_pid;
	}
}

static bool is_kept_enter(const struct evt *ev)
{
	switch (ev->hdr->type) {
	case PPME_SYSCALL_OPEN_E:
	case PPME_SYSCALL_CREAT_E:
	case PPME_SYSCALL_OPENAT_2_E:
	case PPME_SYSCALL_OPENAT2_E:
	case PPME_SYSCALL_EXECVE_19_E:
		return evt_has(ev, 0);
	case PPME_SYSCALL_EXECVEAT_E:
	case PPME_SOCKET_CONNECT_E:
		return true;
	default:
		return false;
	}
}

static void keep_enter(struct state_shard *s, const struct evt *ev, struct state_task *t)
{
	uint32_t size = ev->hdr->len;

	if (!t || !is_kept_enter(ev) || size > ENTER_MAX)
		return;
	drop_enter(s, t);
	t->enter = slab_alloc(&s->slab, size);
	t->enter_size = size;
	memcpy(t->enter, ev->hdr, size);
}

/* ---- hand-over --------------------------------------------------------------------------- */

static void handover_free(struct state_shard *s, struct evt_handover *h)
{
	fdtab_unref(&s->slab, h->fds);
	free(h);
}

static void handover_given(struct state_shard *s, struct evt_handover *h)
{
	if (atomic_exchange_explicit(&h->state, EVT_HANDOVER_GIVEN, memory_order_acq_rel) == EVT_HANDOVER_LEFT)
		handover_free(s, h);
}

/* True when the parent's half has been done; else the parent's half frees the record. */
static bool handover_take(struct evt_handover *h)
{
	return atomic_exchange_explicit(&h->state, EVT_HANDOVER_LEFT, memory_order_acq_rel) == EVT_HANDOVER_GIVEN;
}

/* ---- after the parser -------------------------------------------------------------------- */

/* New processes, images and roots: which container, and that container's names of the ids. */
static void update_container(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct state_task *t = ctx->task;
	struct state_str *id;
	struct state_ver *v;

	if (!t || !ctx->has_res || ctx->res < 0 ||
	    !(evt_is_clone(ev) || evt_is_exec(ev) || evt_is(ev, PPME_SYSCALL_CHROOT_X)))
		return;
	v = task_ver(t);
	id = container_id_cached(s, v->cgroups);
	if (id == v->container_id || (id->len == v->container_id->len && !memcmp(id->s, v->container_id->s, id->len))) {
		str_unref(&s->slab, id);
		return;
	}
	v = state_edit(s, t, ev->key);
	ver_set_str(s, &v->container_id, id);
	state_publish(s, t, v);
	users_need(s, id->s, v->pid, v->uid);
	groups_need(s, id->s, v->pid, v->gid);
}

/* What the rules see: versions as of the event, so an exit shows its thread alive. */
static void fill(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct state_task *t = ctx->task, *leader;
	struct state_fdtab **slot;

	ctx->ver = t ? task_ver_at(t, ev->key) : NULL;
	ctx->leader = NULL;
	ctx->fds = NULL;
	if (!t)
		return;
	ctx->fd_num = t->last_fd;
	leader = state_leader_task(s, t);
	if (leader)
		ctx->leader = task_ver_at(leader, ev->key);
	slot = state_fds_slot(s, t);
	if (slot)
		ctx->fds = *slot;
	t->last_access_ts = ev->hdr->ts;
}

static bool is_filtered(const struct evt *ev)
{
	return ev->env->flags & EVT_ENV_STATE_ONLY ||
	       (ev->info->dir == EVT_ENTER && ev->info->origin == EO_SYSCALL);
}

/* The start-up scan has seen what this event did. */
static bool is_stale(const struct evt *ev, const struct state_task *t)
{
	return t && t->scanned && okey_less(ev->key, t->scan_key);
}

struct prep {
	struct clone_prep clone;
	struct task_ref other; /* exec: parent; exit: heir */
};

static int prepare(struct state_shard *s, const struct evt *ev, const struct state_task *t, bool mine, struct prep *p)
{
	if (evt_is_clone(ev))
		return clone_prepare(s, ev, t, &p->clone);
	if (ev->part == EVT_TAKE) {
		/* The other half of an event that is no clone: the hand-over has to be there. */
		uint32_t other = mine ? ev->env->peer_tgid : ev->env->tgid;

		if (!state_shard_ready(s, state_shard_of(s->table, other), ev->key))
			return -EAGAIN;
	}
	if (!mine)
		return 0;
	if (evt_is_exec(ev))
		return exec_prepare(s, ev, t, &p->other);
	if (evt_is(ev, PPME_PROCEXIT_1_E))
		return exit_prepare(s, ev, t, &p->other);
	return 0;
}

static void parse(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, bool mine, bool given,
		  const struct prep *p)
{
	state_parse_fn *fn = apply_of(s)->parser[ev->hdr->type];
	struct evt alone;

	if (ev->part == EVT_TAKE && !given) {
		alone = *ev; /* the hand-over is not ours to look at */
		alone.handover = NULL;
		ev = &alone;
	}
	if (evt_is_clone(ev))
		clone_apply(s, ev, ctx, &p->clone, given);
	else if (!mine && evt_is(ev, PPME_SYSCALL_PIDFD_GETFD_X))
		state_fd_give(s, ev);
	else if (!mine && evt_is(ev, PPME_PROCEXIT_1_E))
		exit_heir(s, ev);
	else if (evt_is_exec(ev))
		exec_apply(s, ev, ctx, &p->other);
	else if (evt_is(ev, PPME_PROCEXIT_1_E))
		exit_apply(s, ev, ctx, &p->other);
	else if (fn)
		fn(s, ev, ctx);
}

/* By hand: as one assignment it becomes a string instruction, which takes longer than all the rest here. */
static void ctx_init(struct state_ctx *ctx, struct state_shard *s, const struct evt *ev, struct state_task *t)
{
	ctx->shard = s;
	ctx->ev = ev;
	ctx->task = t;
	ctx->ver = NULL;
	ctx->leader = NULL;
	ctx->fds = NULL;
	ctx->fd = NULL;
	ctx->fd_num = -1;
	ctx->res = 0;
	ctx->name_changed = false;
	ctx->enter = NULL;
}

static bool is_viewed(const struct state_shard *s, unsigned type)
{
	return !s->viewed || (s->viewed[type / 64] >> (type % 64) & 1);
}

/* A quiet event that nobody looks at, of a thread that is known: all that is to do. What it would leave in last_fd
 * the thread's next event sets anew, as no enter event is stored that it could belong to. */
static bool pass_by(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct state_task *t;

	if (!apply_of(s)->quiet[ev->hdr->type] || ev->part != EVT_WHOLE || ev->env->flags & EVT_ENV_LOSSY || is_viewed(s, ev->hdr->type))
		return false;
	t = state_own_in(s, (int64_t)ev->hdr->tid, ev->env->tgid);
	if (!t || t->enter)
		return false;
	stat_add(&s->stats.lookups, 1);
	t->last_access_ts = ev->hdr->ts;
	ctx_init(ctx, s, ev, t);
	ctx->has_res = false;
	ctx->filtered = false;
	return true;
}

int state_apply(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	bool mine = is_mine(s, ev), given = false, lossy;
	enum lookup kind = mine ? apply_of(s)->lookup[ev->hdr->type] : LOOKUP_NONE;
	struct evt_handover *h = ev->part == EVT_WHOLE ? NULL : ev->handover;
	struct state_task *t;
	struct prep p;
	int r;

	flush(s);
	if (!(++s->ticks & 255))
		state_memory_look(s);
	if (!(s->ticks & 15) && state_table_opts(s->table)->repair.take)
		state_table_opts(s->table)->repair.take(s, ev->key);
	if (s->pressed)
		state_memory_give(s, ev->key, ev->hdr->ts, ev->env->tgid);
	if (state_table_opts(s->table)->live)
		task_purge(s, ev);
	if (pass_by(s, ev, ctx))
		return 0;
	t = kind == LOOKUP_NONE ? NULL : state_own_in(s, (int64_t)ev->hdr->tid, ev->env->tgid);
	if (kind != LOOKUP_NONE)
		stat_add(t ? &s->stats.lookups : &s->stats.lookups_failed, 1);
	r = prepare(s, ev, t, mine, &p);
	if (r < 0)
		return r;
	if (h && ev->part == EVT_TAKE)
		given = handover_take(h);
	if (!t && kind == LOOKUP_MAKE) {
		t = task_placeholder(s, (int64_t)ev->hdr->tid, ev->env->tgid, ev->key);
		if (t && state_table_opts(s->table)->repair.task)
			state_table_opts(s->table)->repair.task(state_table_opts(s->table)->repair.ctx, s->index, ev->env->tgid,
								(int64_t)ev->hdr->tid, ev->hdr->ts);
	}

	ctx_init(ctx, s, ev, t);
	lossy = mine && ev->env->flags & EVT_ENV_LOSSY && !is_stale(ev, t);
	if (lossy && !(ev->env->flags & EVT_ENV_FORK))
		state_lossy(s, ev, t);
	ctx->has_res = evt_result(ev, &ctx->res);
	if (kind != LOOKUP_NONE && ev->hdr->type != PPME_SCHEDSWITCH_6_E && ev->hdr->type != PPME_PROCINFO_E)
		state_fd_common(s, ev, ctx);
	ctx->filtered = is_filtered(ev);
	if (mine && is_self(s, ev)) {
		ctx->filtered = true;
	} else if (!is_stale(ev, t)) {
		if (ev->info->dir == EVT_ENTER)
			keep_enter(s, ev, t);
		parse(s, ev, ctx, mine, given, &p);
		if (mine)
			update_container(s, ev, ctx);
	}
	if (lossy && ev->env->flags & EVT_ENV_FORK)
		state_lossy(s, ev, NULL); /* of the child now: it got its parent's */
	if (ev->info->dir == EVT_EXIT && ctx->task && ctx->task->enter)
		apply_of(s)->enter_done = ctx->task; /* rules may still look at it */
	if (h && ev->part == EVT_GIVE)
		handover_given(s, h);
	else if (h && given)
		handover_free(s, h);
	if (is_viewed(s, ev->hdr->type))
		fill(s, ev, ctx);
	else if (ctx->task)
		ctx->task->last_access_ts = ev->hdr->ts;
	return 0;
}

void state_refresh(struct state_ctx *ctx)
{
	fill(ctx->shard, ctx->ev, ctx);
}

/* ---- helpers for parsers ----------------------------------------------------------------- */

const char *state_cwd(const struct state_ctx *ctx, size_t *ret_len)
{
	const struct state_ver *leader = ctx->task ? state_leader_own(ctx->shard, ctx->task) : NULL;

	if (!leader) {
		*ret_len = 2;
		return "./";
	}
	*ret_len = leader->cwd->len;
	return leader->cwd->s;
}

const char *state_dirfd_base(const struct state_ctx *ctx, const char *name, size_t name_len, int64_t dirfd,
			     char buf[STATE_DIRFD_MAX], size_t *ret_len)
{
	const struct state_fd *f;
	struct state_fdtab **slot;
	size_t len;

	*ret_len = 1;
	if (name_len && name[0] == '/')
		return ".";
	*ret_len = 9;
	if (!ctx->task)
		return "<UNKNOWN>";
	if (dirfd == -100)
		return state_cwd(ctx, ret_len);
	slot = state_fds_slot(ctx->shard, ctx->task);
	f = slot ? fdtab_get(*slot, dirfd) : NULL;
	if (!f)
		return "<UNKNOWN>";
	len = f->name->len;
	*ret_len = len;
	if (!len || f->name->s[len - 1] == '/')
		return f->name->s;
	if (len > STATE_DIRFD_MAX - 1)
		len = STATE_DIRFD_MAX - 1;
	memcpy(buf, f->name->s, len);
	buf[len] = '/';
	*ret_len = len + 1;
	return buf;
}
