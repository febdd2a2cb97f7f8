/* Start-up contents of the table (scan.h), from the head of a capture (daemon) or from /proc (scan_proc.c).
 * One thread, before any worker runs; everything is valid from the very first key on. Parents come as
 * numbers and in any order: they are kept in a list until scan_finish makes links of them. */
#include "state/fd_internal.h"
#include "state/scan.h"
#include "state/apply_task.h"
#include "state/ifaces.h"
#include "state/scan_fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct scan_links { /* of one shard */
	struct {
		struct state_task *task;
		int64_t ptid;
	} *e; /* owned */
	size_t count, cap;
};

void scan_task_init(struct scan_task *t)
{
	memset(t, 0, sizeof(*t));
	t->tid = t->pid = t->ptid = t->vtid = t->vpid = t->sid = t->vpgid = t->pgid = t->fdlimit = -1;
	t->uid = t->gid = t->loginuid = UINT32_MAX;
}

static unsigned shards(const struct state_table *t)
{
	return state_table_opts(t)->shards;
}

static int link_later(struct state_shard *s, struct state_task *task, int64_t ptid)
{
	struct apply_shard *a = apply_of(s);
	struct scan_links *l = a->links;

	if (!l) {
		l = a->links = calloc(1, sizeof(*l));
		if (!l)
			return -ENOMEM;
	}
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		void *e = realloc(l->e, cap * sizeof(*l->e));

		if (!e)
			return -ENOMEM;
		l->e = e;
		l->cap = cap;
	}
	l->e[l->count].task = task;
	l->e[l->count++].ptid = ptid;
	return 0;
}

void scan_links_free(struct state_shard *s)
{
	struct apply_shard *a = apply_of(s);

	if (a->links)
		free(a->links->e);
	free(a->links);
	a->links = NULL;
}

static void unlink_later(struct state_shard *s, const struct state_task *task)
{
	struct scan_links *l = apply_of(s)->links;

	for (size_t i = 0; l && i < l->count; i++)
		if (l->e[i].task == task)
			l->e[i].task = NULL;
}

static struct state_task *find_process(const struct state_table *t, int64_t pid)
{
	return state_own(state_table_shard((struct state_table *)t, state_shard_of(t, pid)), pid);
}

static void set_numbers(struct state_task *t, struct state_ver *v, const struct scan_task *st)
{
	v->pid = st->pid;
	v->vtid = st->vtid;
	v->vpid = st->vpid;
	v->sid = st->sid;
	v->vpgid = st->vpgid;
	v->pgid = st->pgid;
	v->flags = st->flags | TASK_F_ACTIVE | TASK_F_NAME_CHANGED;
	v->tty = st->tty;
	v->uid = st->uid;
	v->gid = st->gid;
	v->loginuid = st->loginuid;
	v->exe_flags = st->exe_flags;
	v->cap_inheritable = st->cap_inheritable;
	v->cap_permitted = st->cap_permitted;
	v->cap_effective = st->cap_effective;
	v->exe_ino = st->exe_ino;
	v->exe_ino_ctime = st->exe_ino_ctime;
	v->exe_ino_mtime = st->exe_ino_mtime;
	v->clone_ts = st->clone_ts;
	v->pidns_init_start_ts = st->pidns_init_start_ts;
	v->fdlimit = st->fdlimit;
	v->invalid = st->tid < 0 || st->pid < 0 || st->ptid < 0;
	t->vmsize_kb = st->vmsize_kb;
	t->vmrss_kb = st->vmrss_kb;
	t->vmswap_kb = st->vmswap_kb;
	t->pfmajor = st->pfmajor;
	t->pfminor = st->pfminor;
	t->scanned = st->stamp.time != 0;
	t->scan_key = st->stamp;
}

static struct scan_text given(struct scan_text t)
{
	return t.s ? t : (struct scan_text){ "", 0 };
}

static void set_process_texts(struct state_shard *s, struct state_ver *v, struct scan_text exe, struct scan_text args,
			      struct scan_text env)
{
	exe = given(exe);
	ver_set_text(s, &v->exe, exe.s, exe.len);
	args = given(args);
	ver_set_args(s, v, args.s, args.len);
	env = given(env);
	ver_set_env(s, v, env.s, env.len);
}

void scan_set_texts(struct state_table *t, int64_t pid, struct scan_text exe, struct scan_text args, struct scan_text env)
{
	struct state_task *task = find_process(t, pid);
	struct state_shard *s = task ? state_table_shard(t, task->shard) : NULL;

	if (!task)
		return;
	arena_reset(&s->tmp);
	set_process_texts(s, task_ver(task), exe, args, env);
}

uint64_t scan_started(const struct state_table *t, int64_t pid)
{
	const struct state_task *task = find_process(t, pid);

	return task ? task_ver(task)->clone_ts : 0;
}

/* What is the process's and not the thread's. */
static void borrow_numbers(struct state_ver *v, const struct state_ver *b)
{
	v->exe_flags = b->exe_flags;
	v->exe_ino = b->exe_ino;
	v->exe_ino_ctime = b->exe_ino_ctime;
	v->exe_ino_mtime = b->exe_ino_mtime;
	v->nargs = b->nargs;
	v->ncgroups = b->ncgroups;
}

/* Threads have most of their leader's texts: what is equal afterwards stays shared. */
static void borrow(struct state_shard *s, struct state_ver *v, int64_t pid)
{
	const struct state_task *leader = state_own(s, pid);
	const struct state_ver *b = leader ? task_ver(leader) : NULL;

	if (!b)
		return;
	ver_set_str(s, &v->comm, str_ref(b->comm));
	ver_set_str(s, &v->exe, str_ref(b->exe));
	ver_set_str(s, &v->exepath, str_ref(b->exepath));
	ver_set_str(s, &v->args, str_ref(b->args));
	ver_set_str(s, &v->cmdline, str_ref(b->cmdline));
	ver_set_str(s, &v->root, str_ref(b->root));
	ver_set_str(s, &v->cgroups, str_ref(b->cgroups));
}

static void set_texts(struct state_shard *s, struct state_ver *v, const struct scan_task *st)
{
	struct scan_text x = given(st->comm);
	char cwd[PATH_JOIN_MAX + 64];
	size_t len;

	if (st->tid != st->pid)
		borrow(s, v, st->pid);
	ver_set_text(s, &v->comm, x.s, x.len);
	if (st->like_leader) {
		const struct state_ver *b = task_ver(state_own(s, st->pid));

		borrow_numbers(v, b);
		if (v->comm != b->comm) /* begins the command line */
			ver_set_args(s, v, b->args->s, b->args->len);
		return;
	}
	x = given(st->exe);
	ver_set_text(s, &v->exe, x.s, x.len);
	x = given(st->exepath);
	ver_set_exepath(s, v, x.s, x.len);
	x = given(st->args);
	ver_set_args(s, v, x.s, x.len);
	x = given(st->cgroups);
	if (!ver_set_cgroups(s, v, x.s, x.len))
		ver_set_str(s, &v->cgroups, str_ref(s->empty));
	x = given(st->root);
	ver_set_text(s, &v->root, x.s, x.len);
	if (st->tid != st->pid)
		return;
	x = given(st->env);
	ver_set_env(s, v, x.s, x.len);
	x = given(st->cwd);
	len = path_join(cwd, "", 0, x.s, x.len);
	if (!len || cwd[len - 1] != '/')
		cwd[len++] = '/';
	ver_set_text(s, &v->cwd, cwd, len);
}

static struct state_task *find(struct state_table *t, int64_t tid)
{
	for (unsigned i = 0; i < shards(t); i++) {
		struct state_task *task = state_own(state_table_shard(t, i), tid);

		if (task)
			return task;
	}
	return NULL;
}

void scan_fill(struct state_shard *s, struct state_task *task, const struct scan_task *st)
{
	set_numbers(task, task_ver(task), st);
	set_texts(s, task_ver(task), st);
}

int scan_add_task(struct state_table *t, const struct scan_task *st)
{
	struct state_shard *s = state_table_shard(t, state_shard_of(t, st->pid));
	/* with like_leader the source is one that lists a thread once, so it can only be a left-over of its own group */
	struct state_task *task = st->like_leader ? state_own(s, st->tid) : find(t, st->tid);

	arena_reset(&s->tmp);
	if (st->like_leader && !state_own(s, st->pid))
		return -ESRCH;
	if (task) { /* listed twice: the later one counts */
		struct state_shard *old = state_table_shard(t, task->shard);

		unlink_later(old, task);
		task_remove(old, task, OKEY_MIN, NULL);
	}
	task = state_task_new_in(s, st->tid, st->pid);
	if (!task)
		return -ENOSPC;
	scan_fill(s, task, st);
	if (link_later(s, task, st->ptid)) {
		state_task_drop(s, task);
		return -ENOMEM;
	}
	task_join(s, task, task_ver(task));
	state_task_add(s, task, OKEY_MIN);
	return 0;
}

struct slab *scan_slab(struct state_table *t, int64_t tid)
{
	struct state_task *task = find(t, tid);

	return task ? &state_table_shard(t, task->shard)->slab : NULL;
}

struct slab *scan_slab_of(struct state_table *t, int64_t pid)
{
	struct state_task *task = find_process(t, pid);

	return task ? &state_table_shard(t, task->shard)->slab : NULL;
}

void scan_add_fd(struct state_table *t, int64_t tid, int64_t fdnum, struct state_fd *fd)
{
	struct state_task *task = find_process(t, tid);
	struct state_shard *s;

	if (!task) /* of a thread */
		task = find(t, tid);
	s = state_table_shard(t, task ? task->shard : 0);
	if (!task) {
		fd_unref(&s->slab, fd);
		return;
	}
	scan_fd_import(s, fd);
	state_fd_store(s, &task->fds, fdnum, fd);
}

void scan_add_user(struct state_table *t, uint32_t uid, uint32_t gid, struct scan_text name, struct scan_text home,
		   struct scan_text shell)
{
	name = given(name);
	home = given(home);
	shell = given(shell);
	for (unsigned i = 0; i < shards(t); i++)
		users_add(state_table_shard(t, i), "", uid, gid, name.s, name.len, home.s, home.len, shell.s, shell.len);
}

void scan_add_group(struct state_table *t, uint32_t gid, struct scan_text name)
{
	name = given(name);
	for (unsigned i = 0; i < shards(t); i++)
		groups_add(state_table_shard(t, i), "", gid, name.s, name.len);
}

void scan_add_iface(struct state_table *t, int family, const uint8_t *addr, const uint8_t *netmask, const uint8_t *bcast,
		    struct scan_text name)
{
	(void)bcast;
	(void)name; /* nobody asks for them */
	for (unsigned i = 0; i < shards(t); i++)
		ifaces_add(state_table_shard(t, i)->ifaces, family, addr, netmask);
}

/* Nobody reads yet: versions may be changed where they are. */
static void link_parents(struct state_table *t, struct state_shard *s)
{
	struct scan_links *l = apply_of(s)->links;

	for (size_t i = 0; l && i < l->count; i++) {
		struct state_task *task = l->e[i].task, *parent;
		struct state_ver *v = task ? task_ver(task) : NULL;

		if (!v || v->invalid || v->pid == 1)
			continue;
		parent = find_process(t, l->e[i].ptid);
		if (!parent)
			parent = find(t, l->e[i].ptid);
		if (parent && !task_ver(parent)->invalid)
			task_set_parent(s, task, v, parent);
	}
	scan_links_free(s);
}

static void set_container(struct state_task *task, void *arg)
{
	struct state_shard *s = arg;
	struct state_ver *v = task_ver(task);

	arena_reset(&s->tmp);
	ver_set_container(s, v);
	users_need(s, v->container_id->s, v->pid, v->uid);
	groups_need(s, v->container_id->s, v->pid, v->gid);
}

void scan_finish(struct state_table *t)
{
	for (unsigned i = 0; i < shards(t); i++) {
		struct state_shard *s = state_table_shard(t, i);

		link_parents(t, s);
		state_for_each_own(s, set_container, s);
	}
	scan_fd_finish(t);
}

static void collect(struct state_task *task, void *arg)
{
	struct state_shard *s = arg;

	/* Not task_remove: the walk must not lose its place; the list is worked off below. */
	link_later(s, task, 0);
}

void scan_reset(struct state_table *t)
{
	for (unsigned i = 0; i < shards(t); i++) {
		struct state_shard *s = state_table_shard(t, i);
		struct scan_links *l;

		s->pending_exit = NULL;
		scan_links_free(s);
		state_for_each_own(s, collect, s);
		l = apply_of(s)->links;
		for (size_t k = 0; l && k < l->count; k++)
			if (!l->e[k].task->removed)
				task_remove(s, l->e[k].task, OKEY_MIN, NULL);
		scan_links_free(s);
		state_reset_shard(s);
		if (shards(t) == 1)
			state_reclaim(s); /* else its worker does, when no other reads it any more */
	}
}
