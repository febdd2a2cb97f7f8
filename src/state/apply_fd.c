/* Events that make, copy and close descriptors other than sockets, and what every event has in common
 * where descriptors are concerned (state-semantics 1 and 3). Called by apply.c: state_fd_flush_pending
 * before anything else of an event, state_fd_common before its parser, the parser from
 * state_fd_parser. Reads the event, changes the descriptor table of its process and ctx. */
#include "state/fd_internal.h"
#include "state/path.h"

#include <stdio.h>
#include <string.h>

/* Bits that say "close on exec" in one kind of flags or another: cleared together on a copy. */
#define CLOEXEC_BITS (FD_O_CLOEXEC | 1u)
#define CLOSE_RANGE_CLOEXEC 4u
enum { FCNTL_DUPFD = 1, FCNTL_SETFD = 3, FCNTL_DUPFD_CLOEXEC = 26 };

/* ---- common steps ------------------------------------------------------------------------ */

/* Parameter that holds the descriptor of an exit event, plus one. */
static const uint8_t exit_fd_param[EVT_TYPE_MAX] = {
	[PPME_SYSCALL_SETNS_X] = 2,	    [PPME_SOCKET_LISTEN_X] = 2,
	[PPME_SOCKET_SHUTDOWN_X] = 2,	    [PPME_SYSCALL_FCHDIR_X] = 2,
	[PPME_SYSCALL_LSEEK_X] = 2,	    [PPME_SYSCALL_LLSEEK_X] = 2,
	[PPME_SYSCALL_IOCTL_3_X] = 2,	    [PPME_SYSCALL_FSTAT_X] = 2,
	[PPME_SYSCALL_CLOSE_X] = 2,	    [PPME_SYSCALL_GETDENTS_X] = 2,
	[PPME_SYSCALL_GETDENTS64_X] = 2,    [PPME_SYSCALL_FLOCK_X] = 2,
	[PPME_SYSCALL_COPY_FILE_RANGE_X] = 2, [PPME_SYSCALL_FCNTL_X] = 2,
	[PPME_SYSCALL_DUP_1_X] = 2,	    [PPME_SYSCALL_DUP2_X] = 2,
	[PPME_SYSCALL_DUP3_X] = 2,	    [PPME_SYSCALL_NEWFSTATAT_X] = 2,
	[PPME_SYSCALL_FCHOWNAT_X] = 2,	    [PPME_SYSCALL_FCHMODAT_X] = 2,
	[PPME_SYSCALL_MKDIRAT_X] = 2,	    [PPME_SYSCALL_UNLINKAT_2_X] = 2,
	[PPME_SYSCALL_MKNODAT_X] = 2,	    [PPME_SOCKET_SENDMMSG_X] = 2,
	[PPME_SOCKET_RECVMMSG_X] = 2,	    [PPME_SYSCALL_IO_URING_REGISTER_X] = 2,
	[PPME_SYSCALL_IO_URING_ENTER_X] = 2, [PPME_SOCKET_SETSOCKOPT_X] = 2,
	[PPME_SOCKET_GETSOCKOPT_X] = 2,	    [PPME_SYSCALL_FSCONFIG_X] = 2,
	[PPME_SYSCALL_FINIT_MODULE_X] = 2,  [PPME_SYSCALL_FCHMOD_X] = 2,
	[PPME_SYSCALL_FCHOWN_X] = 2,

	[PPME_SYSCALL_READ_X] = 3,	    [PPME_SYSCALL_PREAD_X] = 3,
	[PPME_SOCKET_BIND_X] = 3,	    [PPME_SYSCALL_WRITE_X] = 3,
	[PPME_SYSCALL_PWRITE_X] = 3,	    [PPME_SOCKET_RECV_X] = 3,
	[PPME_SOCKET_SEND_X] = 3,	    [PPME_SOCKET_SENDTO_X] = 3,
	[PPME_SOCKET_SENDMSG_X] = 3,	    [PPME_SYSCALL_SENDFILE_X] = 3,
	[PPME_SYSCALL_SPLICE_X] = 3,	    [PPME_SYSCALL_WRITEV_X] = 3,
	[PPME_SYSCALL_PWRITEV_X] = 3,	    [PPME_SOCKET_CONNECT_X] = 3,
	[PPME_SYSCALL_SYMLINKAT_X] = 3,

	[PPME_SOCKET_RECVFROM_X] = 4,	    [PPME_SYSCALL_READV_X] = 4,
	[PPME_SYSCALL_PREADV_X] = 4,	    [PPME_SOCKET_RECVMSG_X] = 6,
	[PPME_SYSCALL_MMAP_X] = 9,	    [PPME_SYSCALL_MMAP2_X] = 9,
};

static unsigned enter_fd_param(unsigned type)
{
	switch (type) {
	case PPME_SYSCALL_MMAP_E:
	case PPME_SYSCALL_MMAP2_E:
		return 5;
	case PPME_SYSCALL_SPLICE_E:
		return 2;
	default:
		return 1;
	}
}

/* The last enter event belongs to this exit event. A successful execveat ends as an execve. */
static bool pairs(unsigned enter, unsigned exit)
{
	return exit == enter + 1 || (exit == PPME_SYSCALL_EXECVE_19_X && enter == PPME_SYSCALL_EXECVEAT_E);
}

static void begin_enter(const struct evt *ev, struct state_task *t)
{
	t->last_fd = -1;
	t->enter_type = ev->hdr->type;
	if (ev->info->flags & EVF_USES_FD)
		evt_get_i64(ev, enter_fd_param(ev->hdr->type) - 1, &t->last_fd);
}

static void begin_exit(const struct evt *ev, struct state_ctx *ctx, struct state_task *t)
{
	unsigned type = ev->hdr->type;

	if (pairs(t->enter_type, type)) {
		const struct evt_hdr *enter = t->enter;

		/* An enter event of another kind may have come since the stored one. */
		if (enter && pairs(enter->type, type))
			ctx->enter = enter;
	} else {
		t->last_fd = -1; /* nothing that an earlier event left is to be trusted */
	}
	if (ev->info->flags & EVF_USES_FD && t->last_fd == -1 && exit_fd_param[type])
		evt_get_i64(ev, exit_fd_param[type] - 1u, &t->last_fd);
}

void state_fd_common(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct state_task *t = ctx->task;
	struct state_fdtab **slot;

	ctx->fds = NULL;
	ctx->fd = NULL;
	ctx->fd_num = -1;
	ctx->name_changed = false;
	ctx->enter = NULL;
	if (!t)
		return;
	slot = state_fds_slot(s, t);
	if (slot)
		ctx->fds = *slot;
	if (ev->info->dir == EVT_ENTER)
		begin_enter(ev, t);
	else
		begin_exit(ev, ctx, t);
	if (ev->info->flags & EVF_USES_FD) {
		ctx->fd = fdtab_get(ctx->fds, t->last_fd);
		stat_add(ctx->fd ? &s->stats.fd_lookups : &s->stats.fd_lookups_failed, 1);
		if (!ctx->fd && t->group && t->group->ask)
			state_lossy_miss(s, t, t->last_fd);
	}
	ctx->fd_num = t->last_fd;
}

void state_fd_flush_pending(struct state_shard *s)
{
	struct state_task *t = s->pending_fd_task;
	struct state_fdtab **slot;

	if (!t)
		return;
	s->pending_fd_task = NULL;
	slot = state_fds_slot(s, t);
	if (slot)
		state_fd_drop(s, slot, s->pending_fd);
	s->pending_fd = -1;
}

/* ---- changes ----------------------------------------------------------------------------- */

void fdev_add(struct state_shard *s, struct state_ctx *ctx, int64_t num, struct state_fd *f)
{
	struct state_fdtab **slot = state_fds_slot(s, ctx->task);
	bool named = f->name->len != 0;

	ctx->fd = NULL;
	ctx->name_changed = false;
	if (!slot) {
		fd_unref(&s->slab, f);
		return;
	}
	if (state_fd_store(s, slot, num, f)) {
		stat_add(&s->stats.fds_added, 1);
		ctx->fd = f;
		ctx->name_changed = named; /* from nothing to a name */
	}
	ctx->fds = *slot;
	ctx->task->last_fd = num;
	ctx->fd_num = num;
}

struct state_fd *fdev_edit(struct state_shard *s, struct state_ctx *ctx)
{
	struct state_fdtab **slot = state_fds_slot(s, ctx->task);
	struct state_fd *f = fdtab_edit(&s->slab, slot, ctx->fd_num);

	ctx->fds = *slot;
	ctx->fd = f;
	return f;
}

void fdev_name(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f, const char *name, size_t len)
{
	const struct state_str *old = f->name;

	fd_set_name(&s->slab, f, name, len);
	ctx->name_changed |= f->name != old;
}

/* A fresh descriptor with no name. */
static struct state_fd *nameless(struct state_shard *s, enum fd_type type)
{
	return fd_make(&s->slab, type, str_ref(s->empty), str_ref(s->empty));
}

/* ---- open -------------------------------------------------------------------------------- */

struct open_args {
	const char *name;
	size_t len;
	int64_t dirfd;
	bool has_dirfd; /* openat and openat2, and the directory is known */
	uint32_t flags, dev;
	uint64_t ino;
};

/* No kernel makes longer ones; a made-up capture shall not fill memory with names. */
#define RAW_NAME_MAX 4096u

static void read_name(const struct evt *ev, unsigned i, struct open_args *a)
{
	if (!evt_get_str(ev, i, &a->name, &a->len)) {
		a->name = "<NA>";
		a->len = 4;
	}
	if (a->len > RAW_NAME_MAX)
		a->len = RAW_NAME_MAX;
}

static void read_at(const struct evt *ev, struct open_args *a)
{
	unsigned dev = evt_is(ev, PPME_SYSCALL_OPENAT_2_X) ? 5 : 6;

	a->has_dirfd = evt_get_i64(ev, 1, &a->dirfd);
	read_name(ev, 2, a);
	a->flags = (uint32_t)evt_u64(ev, 3);
	if (evt_has(ev, dev + 1)) {
		a->dev = (uint32_t)evt_u64(ev, dev);
		a->ino = evt_u64(ev, dev + 1);
	}
}

static uint32_t creat_layer(const struct evt *ev)
{
	uint64_t bits = evt_u64(ev, 5);

	return bits & 1 ? FD_O_UPPER_LAYER : bits & 2 ? FD_O_LOWER_LAYER : 0;
}

/* Exit parameters, by event. */
static void read_exit(const struct evt *ev, struct open_args *a)
{
	switch (ev->hdr->type) {
	case PPME_SYSCALL_OPEN_X:
		read_name(ev, 1, a);
		a->flags = (uint32_t)evt_u64(ev, 2);
		a->dev = (uint32_t)evt_u64(ev, 4);
		a->ino = evt_u64(ev, 5);
		break;
	case PPME_SYSCALL_CREAT_X:
		read_name(ev, 1, a);
		a->dev = (uint32_t)evt_u64(ev, 3);
		a->ino = evt_u64(ev, 4);
		a->flags = creat_layer(ev);
		break;
	case PPME_SYSCALL_OPEN_BY_HANDLE_AT_X:
		a->flags = (uint32_t)evt_u64(ev, 2);
		read_name(ev, 3, a);
		a->dev = (uint32_t)evt_u64(ev, 4);
		a->ino = evt_u64(ev, 5);
		break;
	default:
		read_at(ev, a);
	}
}

/* What was asked for at enter cannot have been rewritten by another thread since: it replaces the
 * exit's parameters. Bits that the kernel side added to the flags at exit are kept. */
static void read_enter(const struct evt *ev, const struct state_ctx *ctx, struct open_args *a)
{
	bool at = evt_is(ev, PPME_SYSCALL_OPENAT_2_X) || evt_is(ev, PPME_SYSCALL_OPENAT2_X);
	struct evt enter;
	const char *name;
	size_t len;

	if (evt_is(ev, PPME_SYSCALL_OPEN_BY_HANDLE_AT_X) || !evt_enter(ctx, &enter))
		return;
	if (!evt_get_str(&enter, at, &name, &len) || (len == 4 && !memcmp(name, "<NA>", 4)))
		return;
	a->name = name;
	a->len = len;
	if (evt_is(ev, PPME_SYSCALL_CREAT_X))
		return;
	a->flags = (uint32_t)evt_u64(&enter, 1u + at) | (a->flags & ~(uint32_t)(FD_O_F_CREATED - 1));
	if (at)
		a->has_dirfd = evt_get_i64(&enter, 0, &a->dirfd);
}

static size_t join_name(const struct evt *ev, const struct state_ctx *ctx, const struct open_args *a, char *out)
{
	char dir[STATE_DIRFD_MAX];
	const char *base = "";
	size_t base_len = 0;

	if (evt_is(ev, PPME_SYSCALL_OPEN_X) || evt_is(ev, PPME_SYSCALL_CREAT_X))
		base = state_cwd(ctx, &base_len);
	else if (a->has_dirfd)
		base = state_dirfd_base(ctx, a->name, a->len, a->dirfd, dir, &base_len);
	return path_join(out, base, base_len, a->name, a->len);
}

static void parse_open(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct open_args a = { 0 };
	char path[PATH_JOIN_MAX + 64];
	struct state_str *name, *raw;
	struct state_fd *f;
	size_t len;

	if (!ctx->task || !evt_ok(ctx))
		return;
	read_exit(ev, &a);
	read_enter(ev, ctx, &a);
	len = join_name(ev, ctx, &a, path);
	name = str_new(&s->slab, path, len);
	raw = len == a.len && !memcmp(path, a.name, len) ? str_ref(name) : str_new(&s->slab, a.name, a.len);
	f = fd_make(&s->slab, a.flags & FD_O_DIRECTORY ? FD_DIRECTORY : FD_FILE_V2, name, raw);
	f->open_flags = a.flags;
	f->dev = a.dev;
	f->ino = a.ino;
	if (a.flags & FD_O_UPPER_LAYER)
		f->flags |= FD_F_OVERLAY_UPPER;
	if (a.flags & FD_O_LOWER_LAYER)
		f->flags |= FD_F_OVERLAY_LOWER;
	fdev_add(s, ctx, ctx->res, f);
}

/* ---- copies ------------------------------------------------------------------------------ */

static void add_copy(struct state_shard *s, struct state_ctx *ctx, int64_t num, const struct state_fd *src,
		     uint32_t open_flags)
{
	struct state_fd *f = fd_copy(&s->slab, src);

	f->open_flags = (f->open_flags & ~CLOEXEC_BITS) | open_flags;
	fdev_add(s, ctx, num, f);
	ctx->name_changed = false; /* a copy has had its name all along */
}

/* Standard input or output of something: the reference's guess at "part of a shell pipe". */
static void mark_pipe(struct state_shard *s, struct state_ctx *ctx, uint32_t flag)
{
	struct state_ver *v = task_ver(ctx->task);

	if (v->flags & flag)
		return;
	v = state_edit(s, ctx->task, ctx->ev->key);
	v->flags |= flag;
	state_publish(s, ctx->task, v);
}

static void parse_dup(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	uint32_t flags = 0;

	if (!ctx->task || !evt_ok(ctx) || !ctx->fd)
		return;
	if (ctx->res < 2)
		mark_pipe(s, ctx, ctx->res ? TASK_F_PIPE_SRC : TASK_F_PIPE_DST);
	if (evt_is(ev, PPME_SYSCALL_DUP3_X))
		flags = (uint32_t)evt_u64(ev, 3) & FD_O_CLOEXEC;
	add_copy(s, ctx, ctx->res, ctx->fd, flags);
}

static void parse_fcntl(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	uint64_t cmd = evt_u64(ev, 2);
	uint32_t flags, want;

	if (!ctx->task || !evt_ok(ctx) || !ctx->fd)
		return;
	if (cmd == FCNTL_DUPFD || cmd == FCNTL_DUPFD_CLOEXEC) {
		add_copy(s, ctx, ctx->res, ctx->fd, cmd == FCNTL_DUPFD_CLOEXEC ? FD_O_CLOEXEC : 0);
	} else if (cmd == FCNTL_SETFD) {
		flags = ctx->fd->open_flags;
		want = (flags & ~CLOEXEC_BITS) | (evt_u64(ev, 3) & 1 ? FD_O_CLOEXEC : 0);
		if (want != flags)
			fdev_edit(s, ctx)->open_flags = want;
	}
}

/* The other process's table is at hand in two cases: this shard has it, or its shard handed it over. */
static const struct state_fd *find_foreign(struct state_shard *s, const struct evt *ev, int64_t pid, int64_t num)
{
	struct state_task *t;
	struct state_fdtab **slot;

	if (ev->part == EVT_TAKE)
		return ev->handover && pid == ev->env->peer_tgid ? fdtab_get(ev->handover->fds, num) : NULL;
	t = state_own(s, pid);
	slot = t ? state_fds_slot(s, t) : NULL;
	return slot ? fdtab_get(*slot, num) : NULL;
}

static void parse_pidfd_getfd(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	const struct state_fd *pidfd, *src;
	int64_t num, target;

	if (!ctx->task || !ctx->has_res || !evt_get_i64(ev, 1, &num) || !evt_get_i64(ev, 2, &target))
		return;
	pidfd = fdtab_get(ctx->fds, num);
	if (!pidfd || pidfd->type != FD_PIDFD)
		return;
	src = find_foreign(s, ev, pidfd->pid, target);
	if (src)
		add_copy(s, ctx, ctx->res, src, FD_O_CLOEXEC);
}

void state_fd_give(struct state_shard *s, const struct evt *ev)
{
	struct state_task *t = state_own(s, ev->env->peer_tgid);
	struct state_fdtab **slot = t ? state_fds_slot(s, t) : NULL;
	struct evt_handover *h = ev->part == EVT_GIVE ? ev->handover : NULL;

	if (h && slot && *slot && !h->fds)
		h->fds = fdtab_share(*slot);
}

/* ---- closing ----------------------------------------------------------------------------- */

static void parse_close(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	(void)ev;
	if (!ctx->task || !evt_ok(ctx) || !ctx->fd)
		return;
	/* Rules still see the descriptor with this event: it goes before the next one. */
	s->pending_fd_task = ctx->task;
	s->pending_fd = ctx->fd_num;
}

static void parse_close_range(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct state_fdtab **slot;
	int64_t first, last;
	bool only_mark;

	if (!ctx->task || !evt_ok(ctx) || !ctx->fds)
		return;
	slot = state_fds_slot(s, ctx->task);
	first = (int64_t)evt_u64(ev, 1);
	last = (int64_t)evt_u64(ev, 2);
	only_mark = evt_u64(ev, 3) & CLOSE_RANGE_CLOEXEC;
	for (int64_t n = fdtab_next(*slot, first); n >= 0 && n <= last; n = fdtab_next(*slot, n + 1)) {
		if (!only_mark)
			state_fd_drop(s, slot, n);
		else if (!(fdtab_get(*slot, n)->open_flags & FD_O_CLOEXEC))
			fdtab_edit(&s->slab, slot, n)->open_flags |= FD_O_CLOEXEC;
	}
	ctx->fds = *slot;
}

/* ---- everything else that makes descriptors ---------------------------------------------- */

static void parse_pipe(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	int64_t num[2] = { 0, 0 };

	if (!ctx->task || !evt_ok(ctx))
		return;
	evt_get_i64(ev, 1, &num[0]);
	evt_get_i64(ev, 2, &num[1]);
	for (unsigned i = 0; i < 2; i++) {
		struct state_fd *f = nameless(s, FD_FIFO);

		f->ino = evt_u64(ev, 3);
		if (evt_is(ev, PPME_SYSCALL_PIPE2_X))
			f->open_flags = (uint32_t)evt_u64(ev, 4);
		fdev_add(s, ctx, num[i], f);
	}
}

static void parse_anon(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	enum fd_type type;
	uint32_t flags = 0;
	struct state_fd *f;

	if (!ctx->task || !evt_ok(ctx))
		return;
	switch (ev->hdr->type) {
	case PPME_SYSCALL_EVENTFD2_X:
		flags = (uint16_t)evt_u64(ev, 1);
		/* fall through */
	case PPME_SYSCALL_EVENTFD_X:
		type = FD_EVENT;
		break;
	case PPME_SYSCALL_SIGNALFD4_X:
		flags = (uint16_t)evt_u64(ev, 1);
		/* fall through */
	case PPME_SYSCALL_SIGNALFD_X:
		type = FD_SIGNALFD;
		break;
	case PPME_SYSCALL_INOTIFY_INIT1_X:
		flags = (uint16_t)evt_u64(ev, 1);
		/* fall through */
	case PPME_SYSCALL_INOTIFY_INIT_X:
		type = FD_INOTIFY;
		break;
	case PPME_SYSCALL_TIMERFD_CREATE_X:
		flags = (uint8_t)evt_u64(ev, 2);
		type = FD_TIMERFD;
		break;
	case PPME_SYSCALL_EPOLL_CREATE1_X:
		flags = evt_u64(ev, 1) & 1 ? FD_O_CLOEXEC : 0;
		/* fall through */
	case PPME_SYSCALL_EPOLL_CREATE_X:
		type = FD_EVENTPOLL;
		break;
	case PPME_SYSCALL_USERFAULTFD_X:
		type = FD_USERFAULTFD;
		break;
	case PPME_SYSCALL_IO_URING_SETUP_X:
		type = FD_IO_URING;
		break;
	default:
		type = FD_BPF;
	}
	f = nameless(s, type);
	f->open_flags = flags;
	fdev_add(s, ctx, ctx->res, f);
}

static void parse_memfd(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct open_args a = { 0 };
	struct state_fd *f;

	if (!ctx->task || !ctx->has_res)
		return;
	if (ctx->res < 0) {
		/* The reference stores an empty entry under the error number: it counts as open. */
		fdev_add(s, ctx, ctx->res, nameless(s, FD_UNKNOWN));
		return;
	}
	read_name(ev, 1, &a);
	f = fd_make(&s->slab, FD_MEMFD, str_new(&s->slab, a.name, a.len), str_ref(s->empty));
	f->open_flags = (uint32_t)evt_u64(ev, 2);
	fdev_add(s, ctx, ctx->res, f);
}

static void parse_pidfd_open(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	const char *root = state_table_opts(s->table)->host_root;
	char name[FD_NAME_MAX];
	struct state_fd *f;
	int64_t pid = 0;
	int len;

	if (!ctx->task || !evt_ok(ctx))
		return;
	evt_get_i64(ev, 1, &pid);
	len = snprintf(name, sizeof(name), "%s/proc/%lld", root ? root : "", (long long)pid);
	if (len >= (int)sizeof(name))
		len = sizeof(name) - 1;
	f = fd_make(&s->slab, FD_PIDFD, str_new(&s->slab, name, (size_t)len), str_ref(s->empty));
	f->open_flags = (uint32_t)evt_u64(ev, 2);
	f->pid = pid;
	fdev_add(s, ctx, ctx->res, f);
}

state_parse_fn *state_fd_parser(enum evt_type type)
{
	switch (type) {
	case PPME_SYSCALL_OPEN_X:
	case PPME_SYSCALL_CREAT_X:
	case PPME_SYSCALL_OPENAT_2_X:
	case PPME_SYSCALL_OPENAT2_X:
	case PPME_SYSCALL_OPEN_BY_HANDLE_AT_X:
		return parse_open;
	case PPME_SYSCALL_DUP_1_X:
	case PPME_SYSCALL_DUP2_X:
	case PPME_SYSCALL_DUP3_X:
		return parse_dup;
	case PPME_SYSCALL_FCNTL_X:
		return parse_fcntl;
	case PPME_SYSCALL_CLOSE_X:
		return parse_close;
	case PPME_SYSCALL_CLOSE_RANGE_X:
		return parse_close_range;
	case PPME_SYSCALL_PIPE_X:
	case PPME_SYSCALL_PIPE2_X:
		return parse_pipe;
	case PPME_SYSCALL_EVENTFD_X:
	case PPME_SYSCALL_EVENTFD2_X:
	case PPME_SYSCALL_SIGNALFD_X:
	case PPME_SYSCALL_SIGNALFD4_X:
	case PPME_SYSCALL_TIMERFD_CREATE_X:
	case PPME_SYSCALL_INOTIFY_INIT_X:
	case PPME_SYSCALL_INOTIFY_INIT1_X:
	case PPME_SYSCALL_EPOLL_CREATE_X:
	case PPME_SYSCALL_EPOLL_CREATE1_X:
	case PPME_SYSCALL_USERFAULTFD_X:
	case PPME_SYSCALL_IO_URING_SETUP_X:
	case PPME_SYSCALL_BPF_2_X:
		return parse_anon;
	case PPME_SYSCALL_MEMFD_CREATE_X:
		return parse_memfd;
	case PPME_SYSCALL_PIDFD_OPEN_X:
		return parse_pidfd_open;
	case PPME_SYSCALL_PIDFD_GETFD_X:
		return parse_pidfd_getfd;
	default:
		return state_sock_parser(type);
	}
}
