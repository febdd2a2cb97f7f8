/* execve, execveat (state-semantics 2.2) and procexit (2.3). Called by apply.c. Both may need a thread of
 * another shard by its number (exec: the parent of a thread of which nothing was known; exit: who
 * inherits the children); that is looked up first, when nothing has been changed yet. */
#include "state/apply_exec.h"
#include "state/fd.h"
#include "state/table_internal.h"

#include <errno.h>
#include <string.h>

enum { X_EXE = 1, X_ARGS = 2, X_PID = 4, X_PTID = 5, X_FDLIMIT = 7, X_PFMAJOR, X_PFMINOR, X_VMSIZE, X_VMRSS, X_VMSWAP,
       X_COMM, X_CGROUPS, X_ENV, X_TTY, X_VPGID, X_LOGINUID, X_FLAGS, X_CAP_INH, X_CAP_PERM, X_CAP_EFF, X_INO,
       X_CTIME, X_MTIME, X_EUID, X_EXEPATH, X_PGID, X_EGID };
_Static_assert(X_EGID == 29, "parameters of execve are counted right");

#define AT_EMPTY_PATH_FLAG 1u /* portable execveat_flags */
#define EXIT_REAPER 4

static int64_t num(const struct evt *ev, unsigned i, int64_t absent)
{
	int64_t v;

	return evt_get_i64(ev, i, &v) ? v : absent;
}

static const char *text(const struct evt *ev, unsigned i, size_t *len)
{
	const char *p;

	if (evt_get_str(ev, i, &p, len))
		return p;
	*len = 0;
	return "";
}

int exec_prepare(struct state_shard *s, const struct evt *ev, const struct state_task *t, struct task_ref *parent)
{
	*parent = (struct task_ref){ 0 };
	if (num(ev, 0, -1) < 0 || (t && !task_ver(t)->invalid))
		return 0;
	return task_resolve(s, num(ev, X_PTID, -1), -1, ev->key, parent);
}

/* ---- exec -------------------------------------------------------------------------------- */

static void set_image(struct state_shard *s, const struct evt *ev, struct state_ver *v)
{
	size_t len;
	const char *p = text(ev, X_EXE, &len);

	ver_set_text(s, &v->exe, p, len);
	if (evt_has(ev, X_COMM)) {
		p = text(ev, X_COMM, &len);
		ver_set_text(s, &v->comm, p, len);
	} else {
		ver_set_str(s, &v->comm, str_ref(v->exe));
	}
	if (ev->nparams > X_ARGS)
		ver_set_args(s, v, (const char *)ev->param[X_ARGS].p, ev->param[X_ARGS].len);
	if (evt_has(ev, X_ENV))
		ver_set_env(s, v, (const char *)ev->param[X_ENV].p, ev->param[X_ENV].len);
	if (evt_has(ev, X_CGROUPS))
		ver_set_cgroups(s, v, (const char *)ev->param[X_CGROUPS].p, ev->param[X_CGROUPS].len);
}

static void set_ids(const struct evt *ev, struct state_ver *v)
{
	v->fdlimit = num(ev, X_FDLIMIT, -1);
	v->tty = (uint32_t)num(ev, X_TTY, v->tty);
	v->vpgid = num(ev, X_VPGID, v->vpgid);
	v->loginuid = (uint32_t)num(ev, X_LOGINUID, v->loginuid);
	v->uid = (uint32_t)num(ev, X_EUID, v->uid);
	v->gid = (uint32_t)num(ev, X_EGID, v->gid);
	v->pgid = num(ev, X_PGID, -1);
	if (evt_has(ev, X_CAP_EFF)) {
		v->cap_inheritable = (uint64_t)num(ev, X_CAP_INH, 0);
		v->cap_permitted = (uint64_t)num(ev, X_CAP_PERM, 0);
		v->cap_effective = (uint64_t)num(ev, X_CAP_EFF, 0);
	}
}

static void set_file(const struct evt *ev, struct state_ver *v)
{
	if (evt_has(ev, X_FLAGS))
		v->exe_flags = (uint32_t)num(ev, X_FLAGS, 0) &
			       (EXE_WRITABLE | EXE_UPPER_LAYER | EXE_FROM_MEMFD | EXE_LOWER_LAYER);
	if (!evt_has(ev, X_MTIME))
		return;
	v->exe_ino = (uint64_t)num(ev, X_INO, 0);
	v->exe_ino_ctime = (uint64_t)num(ev, X_CTIME, 0);
	v->exe_ino_mtime = (uint64_t)num(ev, X_MTIME, 0);
	if (v->clone_ts)
		v->exe_ino_ctime_duration_clone_ts = v->clone_ts - v->exe_ino_ctime;
	if (v->pidns_init_start_ts && v->exe_ino_ctime > v->pidns_init_start_ts)
		v->exe_ino_ctime_duration_pidns_start = v->exe_ino_ctime - v->pidns_init_start_ts;
}

static bool is_na(const char *p, size_t len)
{
	return len == 4 && !memcmp(p, "<NA>", 4);
}

/* Old captures do not say what was executed: their enter events say what was asked for. */
static void set_path_from_enter(struct state_shard *s, struct state_ctx *ctx, struct state_ver *v)
{
	struct evt enter = { .hdr = ctx->enter };
	char dir[STATE_DIRFD_MAX], out[PATH_JOIN_MAX + 64];
	const char *base, *path;
	size_t base_len, len;
	uint32_t flags;
	int64_t dirfd;

	if (!ctx->enter || evt_decode(&enter, ctx->enter->len))
		return;
	if (evt_is(&enter, PPME_SYSCALL_EXECVE_19_E)) {
		path = text(&enter, 0, &len);
		base = state_cwd(ctx, &base_len);
		if (!is_na(path, len)) {
			len = path_join(out, base, base_len, path, len);
			path = out;
		}
		ver_set_exepath(s, v, path, len);
		return;
	}
	if (!evt_is(&enter, PPME_SYSCALL_EXECVEAT_E))
		return;
	dirfd = num(&enter, 0, -1);
	path = text(&enter, 1, &len);
	flags = (uint32_t)num(&enter, 2, 0);
	base = state_dirfd_base(ctx, path, len, dirfd, dir, &base_len);
	if ((!(flags & AT_EMPTY_PATH_FLAG) && is_na(path, len)) || (base_len == 9 && !memcmp(base, "<UNKNOWN>", 9))) {
		ver_set_exepath(s, v, "<NA>", 4);
		return;
	}
	if (flags & AT_EMPTY_PATH_FLAG)
		len = path_join(out, "", 0, base, base_len);
	else
		len = path_join(out, base, base_len, path, len);
	ver_set_exepath(s, v, out, len);
}

static void learn(struct state_shard *s, const struct evt *ev, struct state_task *t, struct state_ver *v,
		  const struct task_ref *parent)
{
	v->invalid = v->tid < 0 || v->pid < 0 || num(ev, X_PTID, -1) < 0;
	if (!(v->flags & TASK_F_CHILD_IN_PIDNS)) {
		v->vtid = v->tid;
		v->vpid = v->pid;
	}
	task_join(s, t, v);
	if (!v->invalid && v->pid != 1)
		task_set_parent(s, t, v, parent->task);
}

/* The kernel ends all other threads and gives the leader's number to the one that called. Their exit events
 * need not have come. */
static void end_others(struct state_shard *s, const struct evt *ev, struct state_task *t)
{
	struct state_task *m, *next;

	if (!t->group || t->group->live <= 1)
		return;
	for (m = t->group->first; m; m = next) {
		next = m->group_next;
		if (m != t && !ver_is_leader(task_ver(m)))
			task_remove(s, m, ev->key, NULL);
	}
}

static void set_counters(const struct evt *ev, struct state_task *t)
{
	if (!evt_has(ev, X_VMSWAP))
		return;
	t->pfmajor = (uint64_t)num(ev, X_PFMAJOR, 0);
	t->pfminor = (uint64_t)num(ev, X_PFMINOR, 0);
	t->vmsize_kb = (uint32_t)num(ev, X_VMSIZE, 0);
	t->vmrss_kb = (uint32_t)num(ev, X_VMRSS, 0);
	t->vmswap_kb = (uint32_t)num(ev, X_VMSWAP, 0);
}

void exec_apply(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, const struct task_ref *parent)
{
	struct state_task *t = ctx->task;
	struct state_fdtab **slot;
	struct state_ver *v;
	size_t len;

	if (!t || !ctx->has_res || ctx->res < 0)
		return;
	v = state_edit(s, t, ev->key);
	if (t->exited) {
		task_mark_live(t);
		v->exited = false;
		ver_set_reaper(s, v, NULL);
	}
	v->lastexec_ts = ev->hdr->ts;
	v->pid = num(ev, X_PID, -1);
	set_image(s, ev, v);
	if (v->invalid)
		learn(s, ev, t, v, parent);
	set_counters(ev, t);
	if (evt_has(ev, X_EXEPATH)) {
		const char *path = text(ev, X_EXEPATH, &len);

		ver_set_exepath(s, v, path, len);
	} else {
		set_path_from_enter(s, ctx, v);
	}
	set_ids(ev, v);
	set_file(ev, v);
	/* the table in use before the flags change: a thread's is its leader's */
	slot = state_fds_slot(s, t);
	v->flags = TASK_F_ACTIVE | TASK_F_NAME_CHANGED |
		   (v->flags & (TASK_F_PIPE_SRC | TASK_F_PIPE_DST | TASK_F_IS_MAIN_THREAD | TASK_F_CLONE_INVERTED));
	users_need(s, v->container_id->s, v->pid, v->uid);
	groups_need(s, v->container_id->s, v->pid, v->gid);
	state_publish(s, t, v);
	if (slot && *slot) {
		uint32_t before = fdtab_count(*slot);

		fdtab_exec(&s->slab, slot);
		stat_sub(&s->stats.fds, before - fdtab_count(*slot));
	}
	end_others(s, ev, t);
}

/* ---- exit -------------------------------------------------------------------------------- */

#define DESCENT_MAX 64

/* Damaged captures name a descendant as heir: links would go in a circle. 1, 0, or -EAGAIN. */
static int descends(struct state_shard *s, const struct task_ref *r, const struct state_task *from, struct okey k)
{
	const struct state_task *up = r->ver->parent;

	for (unsigned i = 0; up && up != from && i < DESCENT_MAX; i++) {
		const struct state_ver *v;

		if (!state_shard_ready(s, up->shard, k))
			return -EAGAIN;
		v = task_ver_at(up, k);
		up = v ? v->parent : NULL;
	}
	return up == from;
}

int exit_prepare(struct state_shard *s, const struct evt *ev, const struct state_task *t, struct task_ref *heir)
{
	int64_t tid = num(ev, EXIT_REAPER, -1);
	int r;

	*heir = (struct task_ref){ 0 };
	if (!t || tid <= 0 || task_ver(t)->invalid)
		return 0;
	r = task_resolve(s, tid, -1, ev->key, heir);
	if (r < 0 || !heir->task)
		return r;
	r = heir->ver->exited || heir->ver->pid == task_ver(t)->pid ? 1 : descends(s, heir, t, okey_before(ev->key));
	if (r > 0)
		heir->task = NULL; /* of its own process: found when it is needed */
	return r < 0 ? r : 0;
}

void exit_apply(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, const struct task_ref *heir)
{
	struct state_task *t = ctx->task;
	const struct state_ver *v;

	if (!t)
		return;
	v = task_ver(t);
	if (ver_is_leader(v))
		exit_ring_add(apply_of(s)->exits, v->parent ? v->parent->tid : 0, t->tid, false, ev->hdr->ts);
	else
		exit_ring_add(apply_of(s)->exits, v->pid, t->tid, true, ev->hdr->ts);
	s->pending_exit = t;
	task_die(s, t, okey_after(ev->key), heir->task);
	if (ev->part == EVT_WHOLE && ev->env->peer_tgid)
		exit_heir(s, ev);
}

void exit_heir(struct state_shard *s, const struct evt *ev)
{
	int64_t tid = ev->env->peer_tgid;

	if (!state_table_opts(s->table)->live && !state_own_in(s, tid, tid))
		task_placeholder(s, tid, tid, okey_after(ev->key));
}

void exit_flush(struct state_shard *s)
{
	struct state_task *t = s->pending_exit;

	if (!t)
		return;
	s->pending_exit = NULL;
	task_clear(s, t, task_ver(t)->from);
}
