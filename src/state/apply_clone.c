/* clone, clone3, fork and vfork (state-semantics 2.1). Called by apply.c with one event in one of two forms:
 * written by the parent (result = child's number) or by the child (result 0), and for one of its halves or
 * both (evt_part).
 *
 *   give   what concerns the parent: it is made known if it was not, and its descriptor table is shared
 *   take   makes the child from the event and from the parent's version as of the event
 *
 * With both threads in one shard (EVT_WHOLE) take follows give at once. */
#include "state/apply_clone.h"
#include "state/fd.h"

#include <errno.h>
#include <string.h>

#define STALE_NS 2000000000ull /* a thread made this long ago is not the one of the event */

enum { P_RES, P_EXE, P_ARGS, P_TID, P_PID, P_PTID, P_CWD, P_FDLIMIT, P_PFMAJOR, P_PFMINOR, P_VMSIZE, P_VMRSS,
       P_VMSWAP, P_COMM, P_CGROUPS, P_FLAGS, P_UID, P_GID, P_VTID, P_VPID, P_PIDNS_START };

static int64_t num(const struct evt *ev, unsigned i, int64_t absent)
{
	int64_t v;

	return evt_get_i64(ev, i, &v) ? v : absent;
}

static uint32_t flags_of(const struct evt *ev)
{
	return (uint32_t)num(ev, P_FLAGS, 0);
}

/* ---- give -------------------------------------------------------------------------------- */

/* The parent's form leaves the child to the child's own event when the number it knows is not the child's
 * number in the first pid namespace, or the child may have come and gone before vfork returned. */
static bool left_to_child(const struct evt *ev, const struct state_ver *caller)
{
	uint32_t flags = flags_of(ev);

	return flags & (TASK_F_CHILD_IN_PIDNS | TASK_F_CLONE_NEWPID | TASK_F_CLONE_PARENT | TASK_F_CLONE_VFORK) ||
	       evt_is(ev, PPME_SYSCALL_VFORK_20_X) || caller->tid != caller->vtid;
}

static void set_names(struct state_shard *s, const struct evt *ev, struct state_ver *v)
{
	const char *p;
	size_t len;

	if (!evt_get_str(ev, P_EXE, &p, &len))
		len = 0, p = "";
	ver_set_text(s, &v->exe, p, len);
	if (!evt_has(ev, P_COMM) || !evt_get_str(ev, P_COMM, &p, &len))
		ver_set_str(s, &v->comm, str_ref(v->exe));
	else
		ver_set_text(s, &v->comm, p, len);
	if (ev->nparams > P_ARGS)
		ver_set_args(s, v, (const char *)ev->param[P_ARGS].p, ev->param[P_ARGS].len);
}

static void set_vids(const struct evt *ev, struct state_ver *v)
{
	bool has = evt_has(ev, P_VPID);

	v->vtid = has ? num(ev, P_VTID, v->tid) : v->tid;
	v->vpid = has ? num(ev, P_VPID, -1) : -1;
}

/* A caller of which nothing was known: the event tells. */
static void learn_caller(struct state_shard *s, const struct evt *ev, struct state_task *t, const struct task_ref *parent)
{
	struct state_ver *v = state_edit(s, t, ev->key);

	v->pid = num(ev, P_PID, -1);
	set_vids(ev, v);
	v->invalid = v->tid < 0 || v->pid < 0 || num(ev, P_PTID, -1) < 0;
	task_join(s, t, v);
	if (!v->invalid && v->pid != 1)
		task_set_parent(s, t, v, parent->task);
	if (!left_to_child(ev, v))
		set_names(s, ev, v);
	state_publish(s, t, v);
}

/* A leader of which nothing was known, from the event of its thread. */
static void learn_leader(struct state_shard *s, const struct evt *ev, struct state_task *t, const struct task_ref *parent)
{
	struct state_ver *v = state_edit(s, t, ev->key);

	v->pid = num(ev, P_PID, -1);
	v->vpid = evt_has(ev, P_VPID) ? num(ev, P_VPID, -1) : -1;
	v->vtid = v->vpid;
	v->invalid = v->tid < 0 || v->pid < 0 || num(ev, P_PTID, -1) < 0;
	task_join(s, t, v);
	if (!v->invalid && v->pid != 1)
		task_set_parent(s, t, v, parent->task);
	set_names(s, ev, v);
	state_publish(s, t, v);
}

static struct state_task *give_caller(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx,
				      const struct clone_prep *prep, bool *ret_valid)
{
	struct state_task *t = ctx->task;

	if (!t)
		t = task_placeholder(s, (int64_t)ev->hdr->tid, ev->env->tgid, ev->key);
	ctx->task = t;
	if (!t)
		return NULL;
	*ret_valid = !task_ver(t)->invalid;
	if (!*ret_valid)
		learn_caller(s, ev, t, &prep->parent);
	return t;
}

/* A child's event whose parent is not the caller. */
static bool has_other_parent(const struct evt *ev)
{
	return flags_of(ev) & TASK_F_CLONE_PARENT && num(ev, P_RES, -1) == 0;
}

/* Process of the parent in a child's event. */
static int64_t parent_group(const struct evt *ev)
{
	return ev->env->peer_tgid ? ev->env->peer_tgid : ev->env->tgid;
}

/* The thread a child's event refers to: its parent, or its leader when it is a thread itself. NULL when it is
 * another shard's (clone_prep.parent has it then), or cannot be had. */
static struct state_task *give_lookup(struct state_shard *s, const struct evt *ev, const struct clone_prep *prep,
				      bool *ret_valid)
{
	bool thread = flags_of(ev) & TASK_F_CLONE_THREAD;
	int64_t tid = num(ev, thread ? P_PID : P_PTID, -1), tgid = thread ? tid : parent_group(ev);
	struct state_task *t = state_own_in(s, tid, tgid);

	*ret_valid = false;
	/* With CLONE_PARENT the parent is not the caller, so this need not be its shard. */
	if (!t && (thread || !(prep->parent.task || has_other_parent(ev))))
		t = task_placeholder(s, tid, tgid, ev->key);
	if (!t)
		return NULL;
	*ret_valid = !task_ver(t)->invalid;
	if (!*ret_valid && thread)
		learn_leader(s, ev, t, &prep->parent);
	return t;
}

/* Whose descriptors the child gets: the lookup thread's; with CLONE_PARENT the caller's, whose process the
 * envelope knows. */
static struct state_fdtab *share_fds(struct state_shard *s, const struct evt *ev, struct state_task *from)
{
	struct state_fdtab **slot;

	if (flags_of(ev) & TASK_F_CLONE_THREAD)
		return NULL;
	if (has_other_parent(ev) && ev->env->peer_tgid)
		from = state_own_in(s, ev->env->peer_tgid, ev->env->peer_tgid);
	slot = from ? state_fds_slot(s, from) : NULL;
	return slot ? fdtab_fork(&s->slab, *slot) : NULL;
}

/* ---- take -------------------------------------------------------------------------------- */

struct take {
	struct state_task *base; /* whom the child takes after: caller, parent or leader; NULL nobody known */
	const struct state_ver *ver; /* NULL with base */
	struct state_str *cwd;	 /* counted; of base's process */
	struct state_fdtab *fds; /* owned; NULL none */
	bool valid;		 /* base was known before this event */
};

static void set_memory(const struct evt *ev, struct state_task *t)
{
	if (!evt_has(ev, P_VMSWAP))
		return;
	t->pfmajor = (uint64_t)num(ev, P_PFMAJOR, 0);
	t->pfminor = (uint64_t)num(ev, P_PFMINOR, 0);
	t->vmsize_kb = (uint32_t)num(ev, P_VMSIZE, 0);
	t->vmrss_kb = (uint32_t)num(ev, P_VMRSS, 0);
	t->vmswap_kb = (uint32_t)num(ev, P_VMSWAP, 0);
}

/* Strings that the event will set anyway are borrowed from the base first: equal ones then stay shared. */
static void inherit(struct state_shard *s, struct state_ver *v, const struct take *k, bool leader)
{
	const struct state_ver *b = k->ver;

	if (!b)
		return;
	ver_set_str(s, &v->exe, str_ref(b->exe));
	ver_set_str(s, &v->comm, str_ref(b->comm));
	ver_set_str(s, &v->args, str_ref(b->args));
	ver_set_str(s, &v->cmdline, str_ref(b->cmdline));
	v->nargs = b->nargs;
	if (!k->valid)
		return;
	ver_set_str(s, &v->exepath, str_ref(b->exepath));
	ver_set_str(s, &v->root, str_ref(b->root));
	v->exe_flags = b->exe_flags;
	v->sid = b->sid;
	v->vpgid = b->vpgid;
	v->pgid = b->pgid;
	v->tty = b->tty;
	v->loginuid = b->loginuid;
	v->cap_inheritable = b->cap_inheritable;
	v->cap_permitted = b->cap_permitted;
	v->cap_effective = b->cap_effective;
	v->exe_ino = b->exe_ino;
	v->exe_ino_ctime = b->exe_ino_ctime;
	v->exe_ino_mtime = b->exe_ino_mtime;
	v->exe_ino_ctime_duration_clone_ts = b->exe_ino_ctime_duration_clone_ts;
	if (!leader)
		return;
	ver_set_str(s, &v->env, str_ref(b->env));
	v->nenv = b->nenv;
	ver_set_str(s, &v->cwd, str_ref(k->cwd));
}

static void set_from_event(struct state_shard *s, const struct evt *ev, struct state_task *t, struct state_ver *v,
			   const struct take *k)
{
	set_names(s, ev, v);
	v->fdlimit = num(ev, P_FDLIMIT, -1);
	set_memory(ev, t);
	v->uid = (uint32_t)num(ev, P_UID, -1);
	v->gid = (uint32_t)num(ev, P_GID, -1);
	users_need(s, "", v->pid, v->uid);
	groups_need(s, "", v->pid, v->gid);
	if (evt_has(ev, P_CGROUPS)) {
		if (k->ver)
			ver_set_str(s, &v->cgroups, str_ref(k->ver->cgroups)); /* as in inherit */
		if (!ver_set_cgroups(s, v, (const char *)ev->param[P_CGROUPS].p, ev->param[P_CGROUPS].len))
			ver_set_str(s, &v->cgroups, str_ref(s->empty));
	}
	v->clone_ts = ev->hdr->ts;
}

/* The reference knows it only where it runs: in replay its times of namespaces count from boot. */
static uint64_t boot_time(const struct state_shard *s)
{
	const struct state_opts *o = state_table_opts(s->table);

	return o->live ? o->boot_ts : 0;
}

/* Enters the child in the table in the place of `old` (NULL none). */
static void add_child(struct state_shard *s, const struct evt *ev, struct state_task *t, struct take *k,
		      struct state_task *old)
{
	t->fds = k->fds;
	stat_add(&s->stats.fds, fdtab_count(t->fds));
	k->fds = NULL;
	task_join(s, t, task_ver(t));
	state_task_add(s, t, ev->key);
	if (old)
		task_replace(s, old, ev->key, t);
}

/* Removes an older thread of the child's number, whose end was not seen. Returns it when it leads other
 * threads and so stays for the time being. */
static struct state_task *make_room(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx,
				    struct state_task *old)
{
	task_remove(s, old, ev->key, NULL);
	if (ctx->task && ctx->task->removed)
		ctx->task = NULL;
	return old->removed ? NULL : old;
}

static void take_caller(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, struct take *k)
{
	int64_t child = num(ev, P_RES, 0), caller = (int64_t)ev->hdr->tid;
	bool leader = !(flags_of(ev) & TASK_F_CLONE_THREAD);
	bool collided;
	struct state_task *old, *t;
	struct state_ver *v;

	if (left_to_child(ev, k->ver) ||
	    exit_ring_has(apply_of(s)->exits, leader ? caller : k->ver->pid, child, !leader, ev->hdr->ts))
		return;
	old = state_own_in(s, child, leader ? child : k->ver->pid);
	collided = old;
	if (old) {
		if (task_ver(old)->flags & TASK_F_CLONE_INVERTED)
			return; /* its own event came first and made it */
		old = make_room(s, ev, ctx, old);
	}
	t = state_task_new_in(s, child, leader ? child : k->ver->pid);
	if (!t)
		return;
	v = task_ver(t);
	v->flags = flags_of(ev);
	inherit(s, v, k, leader);
	if (leader) {
		v->pid = child;
		ver_set_parent(s, v, k->ver->invalid ? NULL : k->base);
	} else {
		v->pid = k->ver->pid;
		ver_set_parent(s, v, k->ver->parent);
		v->lastexec_ts = k->ver->lastexec_ts;
		v->flags |= TASK_F_CLONE_FILES;
	}
	v->vtid = child;
	v->vpid = v->pid;
	v->invalid = v->pid < 0;
	set_from_event(s, ev, t, v, k);
	v->pidns_init_start_ts = boot_time(s);
	add_child(s, ev, t, k, old);
	if (collided && ev->part == EVT_WHOLE)
		ctx->task = state_own_in(s, caller, ev->env->tgid);
}

static void take_child(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, const struct clone_prep *prep,
		       struct take *k)
{
	int64_t child = (int64_t)ev->hdr->tid, ptid = num(ev, P_PTID, -1);
	bool leader = !(flags_of(ev) & TASK_F_CLONE_THREAD);
	struct state_task *old = ctx->task, *t;
	struct state_ver *v;
	uint64_t boot = boot_time(s);

	if (old && task_ver(old)->clone_ts)
		old = make_room(s, ev, ctx, old);
	ctx->task = NULL;
	t = state_task_new_in(s, child, ev->env->tgid);
	if (!t)
		return;
	v = task_ver(t);
	v->pid = num(ev, P_PID, -1);
	set_vids(ev, v);
	v->flags = flags_of(ev) | TASK_F_CLONE_INVERTED | (leader ? 0 : TASK_F_CLONE_FILES);
	v->invalid = child < 0 || v->pid < 0 || ptid < 0;
	inherit(s, v, k, leader);
	if (!leader && k->valid)
		v->lastexec_ts = k->ver->lastexec_ts;
	set_from_event(s, ev, t, v, k);
	if (!v->invalid && v->pid != 1)
		ver_set_parent(s, v, prep->parent.task);
	if (v->flags & (TASK_F_CHILD_IN_PIDNS | TASK_F_CLONE_NEWPID) || v->tid != v->vtid)
		v->pidns_init_start_ts = evt_has(ev, P_PIDNS_START) ?
						 (uint64_t)num(ev, P_PIDNS_START, 0) + boot : 0;
	else
		v->pidns_init_start_ts = boot;
	add_child(s, ev, t, k, old);
	ctx->task = t;
}

/* ---- both -------------------------------------------------------------------------------- */

/* The child's own event finds it as the parent's event made it a moment ago. */
static bool ver_is_fresh(const struct evt *ev, const struct state_ver *v)
{
	return v->clone_ts && ev->hdr->ts - v->clone_ts < STALE_NS;
}

static bool is_fresh(const struct evt *ev, const struct state_task *t)
{
	return t && ver_is_fresh(ev, task_ver(t));
}

static int find_base_leader(struct state_shard *s, struct okey k, struct clone_prep *prep)
{
	const struct state_ver *v = prep->base.ver;
	int r;

	prep->base_leader = v;
	if (ver_is_leader(v))
		return 0;
	/* the leader is in the shard of its group, as the thread is */
	r = state_find_at(s, v->pid, v->pid, k, &prep->base_leader, NULL);
	if (r < 0)
		return r;
	if (r == 0 || prep->base_leader->pid != v->pid)
		prep->base_leader = NULL;
	return 0;
}

/* For EVT_TAKE: the thread that the child takes after, which is in the shard that gives, or (CLONE_PARENT) in any.
 * Its version is that of the event in the first case, that before the event in the second: waiting for the
 * event itself is safe only for the one shard that never waits for us. 0, or -EAGAIN. */
static int find_base(struct state_shard *s, const struct evt *ev, struct clone_prep *prep)
{
	bool parent_side = num(ev, P_RES, 0) > 0;
	int64_t tid = parent_side ? (int64_t)ev->hdr->tid : num(ev, P_PTID, -1);
	int64_t tgid = parent_side ? ev->env->tgid : ev->env->peer_tgid;
	unsigned giver = state_shard_of(s->table, tgid);
	struct okey k = ev->key;
	int r = state_find_task_at(s, tid, tgid, k, &prep->base.task, &prep->base.ver);

	if (r < 0)
		return r;
	if (r == 0 || prep->base.task->shard != giver) {
		prep->base = (struct task_ref){ 0 };
		k = okey_before(k);
		r = parent_side ? 0 : state_find_task_at(s, tid, -1, k, &prep->base.task, &prep->base.ver);
		if (r <= 0)
			return r;
	}
	return find_base_leader(s, k, prep);
}

/* The parent of a new thread: its leader's, as a rule, and then nobody needs to be asked. */
static int thread_parent(struct state_shard *s, const struct evt *ev, struct clone_prep *prep)
{
	int64_t ptid = num(ev, P_PTID, -1);
	int64_t pid = num(ev, P_PID, -1);
	struct state_task *leader = state_own_in(s, pid, pid);
	struct state_task *parent = leader ? task_ver(leader)->parent : NULL;

	if (parent && parent->tid == ptid) {
		prep->parent.task = parent;
		return 0;
	}
	return task_resolve(s, ptid, -1, ev->key, &prep->parent);
}

static int child_side_prepare(struct state_shard *s, const struct evt *ev, const struct state_task *own,
			      struct clone_prep *prep)
{
	int64_t ptid = num(ev, P_PTID, -1);
	int r;

	if (ev->part != EVT_GIVE && is_fresh(ev, own))
		return 0;
	if (ev->part == EVT_TAKE) {
		r = find_base(s, ev, prep);
		if (prep->base.ver && !prep->base.ver->invalid)
			prep->parent = prep->base;
		return r;
	}
	if (flags_of(ev) & TASK_F_CLONE_THREAD)
		return thread_parent(s, ev, prep);
	if (ev->part == EVT_GIVE) {
		struct task_ref child;

		if (state_own_in(s, ptid, parent_group(ev)))
			return 0;
		/* An unknown parent is made known only for a new child, and the other shard knows if it is one. */
		r = state_find_task_at(s, (int64_t)ev->hdr->tid, ev->env->tgid, okey_before(ev->key), &child.task,
				       &child.ver);
		prep->fresh = r > 0 && ver_is_fresh(ev, child.ver);
		if (r < 0 || prep->fresh)
			return r < 0 ? r : 0;
	}
	r = task_resolve(s, ptid, parent_group(ev), ev->key, &prep->parent);
	if (r == 0 && prep->parent.task && !state_own_in(s, ptid, parent_group(ev))) {
		prep->base = prep->parent;
		r = find_base_leader(s, okey_before(ev->key), prep);
	}
	return r;
}

int clone_prepare(struct state_shard *s, const struct evt *ev, const struct state_task *own, struct clone_prep *prep)
{
	int64_t res = num(ev, P_RES, -1);

	memset(prep, 0, sizeof(*prep));
	if (res < 0)
		return 0;
	if (res == 0)
		return child_side_prepare(s, ev, own, prep);
	if (ev->part == EVT_TAKE) {
		const struct state_task *t = state_own_in(s, res, ev->env->peer_tgid);

		/* The usual case live: the child's own event came first. Nothing to wait for. */
		return t && task_ver(t)->flags & TASK_F_CLONE_INVERTED ? 0 : find_base(s, ev, prep);
	}
	/* The parent's parent is needed only for a parent of which nothing is known. */
	if (own && !task_ver(own)->invalid)
		return 0;
	return task_resolve(s, num(ev, P_PTID, -1), -1, ev->key, &prep->parent);
}

static struct state_str *dot(struct state_shard *s)
{
	return str_new(&s->slab, "./", 2);
}

static void take(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, const struct clone_prep *prep,
		 struct take *k)
{
	if (num(ev, P_RES, 0) > 0)
		take_caller(s, ev, ctx, k);
	else
		take_child(s, ev, ctx, prep, k);
	str_unref(&s->slab, k->cwd);
	fdtab_unref(&s->slab, k->fds);
}

/* The child takes after a thread that is not of the group the envelope names (CLONE_PARENT), or another
 * shard's. */
static void take_from_afar(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx,
			   const struct clone_prep *prep, struct take *k)
{
	k->base = prep->base.task;
	k->ver = prep->base.ver;
	k->cwd = prep->base_leader ? str_ref(prep->base_leader->cwd) : dot(s);
	take(s, ev, ctx, prep, k);
}

static void whole(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, const struct clone_prep *prep)
{
	struct take k = { 0 };
	const struct state_ver *leader;

	if (num(ev, P_RES, 0) > 0)
		k.base = give_caller(s, ev, ctx, prep, &k.valid);
	else
		k.base = give_lookup(s, ev, prep, &k.valid);
	if (!k.base && (prep->base.task || has_other_parent(ev))) {
		k.valid = prep->base.task;
		if (k.valid)
			k.fds = share_fds(s, ev, NULL);
		take_from_afar(s, ev, ctx, prep, &k);
		return;
	}
	if (!k.base) {
		ctx->task = NULL; /* the table is full */
		return;
	}
	k.ver = task_ver(k.base);
	if (k.valid)
		k.fds = share_fds(s, ev, k.base);
	leader = state_leader_own(s, k.base);
	k.cwd = leader ? str_ref(leader->cwd) : dot(s);
	take(s, ev, ctx, prep, &k);
}

static void give(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, const struct clone_prep *prep)
{
	struct evt_handover *h = ev->handover;
	struct state_task *t;
	bool valid = false;

	if (num(ev, P_RES, 0) > 0)
		t = give_caller(s, ev, ctx, prep, &valid);
	else
		t = give_lookup(s, ev, prep, &valid);
	h->valid = t ? valid : prep->parent.task != NULL;
	if (h->valid)
		h->fds = share_fds(s, ev, t);
}

static void take_foreign(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx,
			 const struct clone_prep *prep, bool given)
{
	struct take k = { 0 };

	if (!prep->base.task && !has_other_parent(ev)) {
		ctx->task = NULL;
		return;
	}
	k.valid = prep->base.task && (given ? ev->handover->valid : !prep->base.ver->invalid);
	if (given) {
		k.fds = ev->handover->fds;
		ev->handover->fds = NULL;
	}
	take_from_afar(s, ev, ctx, prep, &k);
}

void clone_apply(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, const struct clone_prep *prep,
		 bool given)
{
	int64_t res = num(ev, P_RES, -1);

	if (res < 0 || prep->fresh || (res == 0 && ev->part != EVT_GIVE && is_fresh(ev, ctx->task)))
		return;
	if (ev->part == EVT_GIVE)
		give(s, ev, ctx, prep);
	else if (ev->part == EVT_TAKE)
		take_foreign(s, ev, ctx, prep, given);
	else
		whole(s, ev, ctx, prep);
}
