/* What threads change about themselves: directory, root, session, credentials, limits, memory, willingness to
 * adopt (state-semantics 2.4). Called by apply.c through state_proc_parser, one function per kind of
 * event; everything is published at the event's key, so the event itself sees it. */
#include "state/apply_task.h"
#include "state/fd.h"

#include <string.h>

#define RLIMIT_NOFILE_CODE 7 /* flags.def, rlimit_resources */
enum { PR_SET_SUBREAPER = 36, PR_GET_SUBREAPER = 37 }; /* flags.def, prctl_options */
#define CAPS_ALL ((1ull << 41) - 1)

static bool ok(const struct state_ctx *ctx)
{
	return ctx->task && ctx->has_res && ctx->res >= 0;
}

static bool done(const struct state_ctx *ctx)
{
	return ctx->task && ctx->has_res && ctx->res == 0;
}

/* ---- directories ------------------------------------------------------------------------- */

/* The base is the calling thread's own directory, and only leaders have one: a relative chdir of another
 * thread gives a relative path, as in the reference. */
static void set_cwd(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, const char *path, size_t len)
{
	struct state_task *leader = state_leader_task(s, ctx->task);
	const struct state_str *own = task_ver(ctx->task)->cwd;
	char out[PATH_JOIN_MAX + 64];
	struct state_ver *v;
	size_t n;

	if (!leader)
		return;
	n = path_join(out, own->s, own->len, path, len);
	if (!n || out[n - 1] != '/')
		out[n++] = '/';
	v = task_ver(leader);
	if (v->cwd->len == n && !memcmp(v->cwd->s, out, n))
		return;
	v = state_edit(s, leader, ev->key);
	ver_set_text(s, &v->cwd, out, n);
	state_publish(s, leader, v);
}

static void parse_chdir(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	const char *path;
	size_t len;

	if (ok(ctx) && evt_get_str(ev, 1, &path, &len))
		set_cwd(s, ev, ctx, path, len);
}

static void parse_fchdir(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	if (ok(ctx) && ctx->fd)
		set_cwd(s, ev, ctx, ctx->fd->name->s, ctx->fd->name->len);
}

static void parse_chroot(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	char out[PATH_JOIN_MAX + 64];
	const char *path, *base;
	struct state_ver *v;
	size_t len, base_len;

	if (!done(ctx) || !evt_get_str(ev, 1, &path, &len))
		return;
	if (len && path[0] != '/' && !(len == 4 && !memcmp(path, "<NA>", 4))) {
		base = state_cwd(ctx, &base_len);
		base_len = path_join(out, base, base_len, path, len);
		if (base_len) {
			path = out;
			len = base_len;
		}
	}
	v = state_edit(s, ctx->task, ev->key);
	ver_set_text(s, &v->root, path, len);
	state_publish(s, ctx->task, v);
}

/* ---- credentials ------------------------------------------------------------------------- */

static void set_user(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, unsigned param)
{
	struct state_ver *v;
	uint64_t id;

	if (!done(ctx) || !evt_get_u64(ev, param, &id))
		return;
	v = task_ver(ctx->task);
	if (v->uid != (uint32_t)id) {
		v = state_edit(s, ctx->task, ev->key);
		v->uid = (uint32_t)id;
		state_publish(s, ctx->task, v);
	}
	users_need(s, v->container_id->s, v->pid, v->uid);
}

static void set_group(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, unsigned param)
{
	struct state_ver *v;
	uint64_t id;

	if (!done(ctx) || !evt_get_u64(ev, param, &id))
		return;
	v = task_ver(ctx->task);
	if (v->gid != (uint32_t)id) {
		v = state_edit(s, ctx->task, ev->key);
		v->gid = (uint32_t)id;
		state_publish(s, ctx->task, v);
	}
	groups_need(s, v->container_id->s, v->pid, v->gid);
}

static void parse_setuid(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	set_user(s, ev, ctx, 1);
}

static void parse_setgid(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	set_group(s, ev, ctx, 1);
}

/* setreuid, setresuid: the effective id. */
static void parse_seteuid(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	set_user(s, ev, ctx, 2);
}

static void parse_setegid(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	set_group(s, ev, ctx, 2);
}

static void set_caps(struct state_shard *s, const struct evt *ev, struct state_task *t, uint64_t inh, uint64_t perm,
		     uint64_t eff)
{
	struct state_ver *v = task_ver(t);

	if (v->cap_inheritable == inh && v->cap_permitted == perm && v->cap_effective == eff)
		return;
	v = state_edit(s, t, ev->key);
	v->cap_inheritable = inh;
	v->cap_permitted = perm;
	v->cap_effective = eff;
	state_publish(s, t, v);
}

static void parse_capset(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	uint64_t inh, perm, eff;

	if (ok(ctx) && evt_get_u64(ev, 1, &inh) && evt_get_u64(ev, 2, &perm) && evt_get_u64(ev, 3, &eff))
		set_caps(s, ev, ctx->task, inh, perm, eff);
}

/* Whoever enters a new user namespace has every capability in it. */
static void parse_unshare_setns(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	uint64_t flags;

	if (ok(ctx) && evt_get_u64(ev, evt_is(ev, PPME_SYSCALL_UNSHARE_X) ? 1 : 2, &flags) &&
	    flags & TASK_F_CLONE_NEWUSER)
		set_caps(s, ev, ctx->task, CAPS_ALL, CAPS_ALL, CAPS_ALL);
}

/* ---- sessions, adoption ------------------------------------------------------------------ */

static void parse_setsid(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct state_ver *v;

	if (!ok(ctx) || task_ver(ctx->task)->sid == ctx->res)
		return;
	v = state_edit(s, ctx->task, ev->key);
	v->sid = ctx->res;
	state_publish(s, ctx->task, v);
}

static void parse_prctl(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct state_task *leader;
	struct state_ver *v;
	int64_t option, value;

	if (!ok(ctx) || !ctx->task->group || !evt_get_i64(ev, 1, &option) || !evt_get_i64(ev, 3, &value) ||
	    (option != PR_SET_SUBREAPER && option != PR_GET_SUBREAPER))
		return;
	ctx->task->group->reaper = value != 0;
	/* where other shards look, see reaper.c */
	leader = state_leader_task(s, ctx->task);
	if (!leader)
		leader = ctx->task;
	if (task_ver(leader)->group_reaper == (value != 0))
		return;
	v = state_edit(s, leader, ev->key);
	v->group_reaper = value != 0;
	state_publish(s, leader, v);
}

/* ---- limits, counters -------------------------------------------------------------------- */

static void set_fdlimit(struct state_shard *s, const struct evt *ev, struct state_task *t, int64_t limit)
{
	struct state_task *leader = state_leader_task(s, t);
	struct state_ver *v;

	if (!leader || task_ver(leader)->fdlimit == limit)
		return;
	v = state_edit(s, leader, ev->key);
	v->fdlimit = limit;
	state_publish(s, leader, v);
}

static void parse_rlimit(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	uint64_t resource;
	int64_t limit;

	if (ok(ctx) && evt_get_u64(ev, 3, &resource) && (uint8_t)resource == RLIMIT_NOFILE_CODE &&
	    evt_get_i64(ev, 1, &limit) && limit != -1)
		set_fdlimit(s, ev, ctx->task, limit);
}

/* May be about another process. When that is another shard's, the event has to be delivered there too. */
static void parse_prlimit(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct state_task *t;
	uint64_t resource;
	int64_t limit, tid;

	if (!ctx->has_res || ctx->res != 0 || !evt_get_u64(ev, 6, &resource) ||
	    (uint8_t)resource != RLIMIT_NOFILE_CODE || !evt_get_i64(ev, 1, &limit) || limit == -1 ||
	    !evt_get_i64(ev, 5, &tid))
		return;
	t = state_own(s, tid ? tid : (int64_t)ev->hdr->tid);
	if (t && !task_ver(t)->invalid)
		set_fdlimit(s, ev, t, limit);
}

static void parse_memory(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct state_task *t = ctx->task;
	uint64_t size, rss, swap;

	(void)s;
	if (!t)
		return;
	if (evt_get_u64(ev, 1, &size))
		t->vmsize_kb = (uint32_t)size;
	if (evt_get_u64(ev, 2, &rss) && evt_get_u64(ev, 3, &swap)) {
		t->vmrss_kb = (uint32_t)rss;
		t->vmswap_kb = (uint32_t)swap;
	}
}

static void parse_switch(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct state_task *t = ctx->task, *leader;
	uint64_t major, minor, size, rss, swap;

	if (!t || !evt_get_u64(ev, 1, &major) || !evt_get_u64(ev, 2, &minor) || !evt_get_u64(ev, 3, &size) ||
	    !evt_get_u64(ev, 4, &rss) || !evt_get_u64(ev, 5, &swap))
		return;
	t->pfmajor = major;
	t->pfminor = minor;
	leader = state_leader_task(s, t);
	if (!leader)
		return;
	leader->vmsize_kb = (uint32_t)size;
	leader->vmrss_kb = (uint32_t)rss;
	leader->vmswap_kb = (uint32_t)swap;
}

state_parse_fn *state_proc_parser(enum evt_type type)
{
	switch (type) {
	case PPME_SYSCALL_CHDIR_X:
	case PPME_SYSCALL_GETCWD_X:
		return parse_chdir;
	case PPME_SYSCALL_FCHDIR_X:
		return parse_fchdir;
	case PPME_SYSCALL_CHROOT_X:
		return parse_chroot;
	case PPME_SYSCALL_SETUID_X:
		return parse_setuid;
	case PPME_SYSCALL_SETGID_X:
		return parse_setgid;
	case PPME_SYSCALL_SETREUID_X:
	case PPME_SYSCALL_SETRESUID_X:
		return parse_seteuid;
	case PPME_SYSCALL_SETREGID_X:
	case PPME_SYSCALL_SETRESGID_X:
		return parse_setegid;
	case PPME_SYSCALL_CAPSET_X:
		return parse_capset;
	case PPME_SYSCALL_UNSHARE_X:
	case PPME_SYSCALL_SETNS_X:
		return parse_unshare_setns;
	case PPME_SYSCALL_SETSID_X:
		return parse_setsid;
	case PPME_SYSCALL_PRCTL_X:
		return parse_prctl;
	case PPME_SYSCALL_GETRLIMIT_X:
	case PPME_SYSCALL_SETRLIMIT_X:
		return parse_rlimit;
	case PPME_SYSCALL_PRLIMIT_X:
		return parse_prlimit;
	case PPME_SYSCALL_BRK_4_X:
	case PPME_SYSCALL_MMAP_X:
	case PPME_SYSCALL_MMAP2_X:
	case PPME_SYSCALL_MUNMAP_X:
		return parse_memory;
	case PPME_SCHEDSWITCH_6_E:
		return parse_switch;
	default:
		return state_meta_parser(type);
	}
}
