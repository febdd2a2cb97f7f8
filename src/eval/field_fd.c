/* fd.*: the descriptor an event is about. Called through eval_field_get; sockets' own fields are in
 * field_sock.c. Where nothing is known of the descriptor (a failed open, a lost one), names come
 * from the event's parameters. */
#include "eval/field_internal.h"
#include "state/path.h"

#include <string.h>

int field_event_fd(struct eval_ctx *c, const struct state_fd **ret)
{
	if (!(c->st.ev->info->flags & (EVF_CREATES_FD | EVF_USES_FD | EVF_DESTROYS_FD)) || !c->st.ver)
		return 0;
	if (c->st.fd)
		*ret = c->st.fd;
	else
		*ret = c->st.fd_num != -1 ? fdtab_get(c->st.fds, c->st.fd_num) : NULL;
	return 1;
}

void field_dirfd_base(struct eval_ctx *c, int64_t dirfd, const char *path, size_t path_len, const char **ret, size_t *ret_len)
{
	const struct state_fd *fd;

	*ret = "<UNKNOWN>";
	*ret_len = 9;
	if (path_len && path[0] == '/') {
		*ret = "";
		*ret_len = 0;
	} else if (!c->st.ver) {
		return;
	} else if (dirfd == AT_FDCWD_PORTABLE) {
		field_cwd(c, ret, ret_len);
	} else if ((fd = fdtab_get(c->st.fds, dirfd))) {
		*ret = fd->name->s;
		*ret_len = fd->name->len;
		if (fd->name->len && fd->name->s[fd->name->len - 1] != '/') {
			*ret = arena_fmt(c->arena, "%s/", fd->name->s);
			*ret_len = strlen(*ret);
		}
	}
}

static int shown_param(struct eval_ctx *c, unsigned i, struct eval_val *ret)
{
	const char *raw, *res;
	int r;

	if (i >= c->st.ev->nparams || i >= c->st.ev->info->nparams)
		return 0;
	r = eval_param_text(c, i, &raw, &res);
	if (r)
		return r;
	if (res)
		raw = res;
	val_str(ret, raw, strlen(raw));
	return 1;
}

/* Name out of the event, for want of a descriptor. */
static int make_name(struct eval_ctx *c, bool raw, struct eval_val *ret)
{
	const struct evt *ev = c->st.ev;
	const char *name, *base;
	size_t len, base_len;
	int64_t dirfd;

	if (ev->info->dir == EVT_ENTER)
		return 0;
	switch (ev->hdr->type) {
	case PPME_SYSCALL_OPEN_X: case PPME_SYSCALL_CREAT_X: case PPME_SOCKET_ACCEPT_5_X: case PPME_SOCKET_ACCEPT4_6_X:
	case PPME_SOCKET_CONNECT_X:
		return shown_param(c, 1, ret);
	case PPME_SYSCALL_OPENAT_2_X: case PPME_SYSCALL_OPENAT2_X:
		if (!evt_has(ev, 2) || !evt_get_str(ev, 2, &name, &len))
			return 0;
		if (raw) {
			val_str(ret, name, len);
			return 1;
		}
		if (!evt_get_i64(ev, 1, &dirfd))
			return 0;
		field_dirfd_base(c, dirfd, name, len, &base, &base_len);
		field_join_path(c, base, base_len, name, len, ret);
		return 1;
	case PPME_SYSCALL_OPEN_BY_HANDLE_AT_X:
		if (!evt_get_str(ev, 3, &name, &len))
			return 0;
		val_str(ret, name, len);
		return 1;
	default:
		val_str(ret, "", 0);
		return 1;
	}
}

static int name_from_event(struct eval_ctx *c, bool raw, struct eval_val *ret)
{
	struct eval_field_state *fs = c->fs;
	int r;

	if (raw || !fs || !fs->made_name.on)
		return make_name(c, raw, ret);
	if (fs->made_name.rc >= 0) {
		*ret = fs->made_name.val;
		return fs->made_name.rc;
	}
	r = make_name(c, false, ret);
	if (r >= 0) {
		fs->made_name.rc = (int8_t)r;
		if (r)
			fs->made_name.val = *ret;
	}
	return r;
}

static int get_name(struct eval_ctx *c, const struct state_fd *fd, struct eval_val *ret)
{
	if (!fd)
		return name_from_event(c, false, ret);
	field_str(ret, fd->name);
	return 1;
}

bool field_fd_names(struct eval_ctx *c, struct field_fd_names *ret)
{
	const struct evt *ev = c->st.ev;
	const struct state_fd *fd = NULL;
	const char *name;
	int64_t dirfd;
	size_t len;

	if (!field_event_fd(c, &fd))
		return false;
	if (fd) {
		*ret = (struct field_fd_names){ fd->name->s, fd->nameraw->s, fd->name->len, fd->nameraw->len, fd->type };
		return true;
	}
	/* An absolute path that could not be opened: make_name's names are made of it alone. */
	if ((ev->hdr->type != PPME_SYSCALL_OPENAT_2_X && ev->hdr->type != PPME_SYSCALL_OPENAT2_X) || !evt_has(ev, 2) ||
	    !evt_get_i64(ev, 1, &dirfd) || !evt_get_str(ev, 2, &name, &len) || !len || name[0] != '/')
		return false;
	*ret = (struct field_fd_names){ name, name, (uint32_t)len, (uint32_t)len, UINT8_MAX };
	return true;
}

/* Slashes that repeat are dropped. */
static int get_nameraw(struct eval_ctx *c, const struct state_fd *fd, struct eval_val *ret)
{
	char *out, *p;
	int r;

	if (fd) {
		field_str(ret, fd->nameraw);
	} else {
		r = name_from_event(c, true, ret);
		if (r <= 0)
			return r;
	}
	if (path_is_plain(ret->s, ret->len) || !memmem(ret->s, ret->len, "//", 2))
		return 1;
	out = p = arena_alloc(c->arena, ret->len);
	for (uint32_t i = 0; i < ret->len; i++)
		if (!i || ret->s[i] != '/' || ret->s[i - 1] != '/')
			*p++ = ret->s[i];
	val_str(ret, out, (size_t)(p - out));
	return 1;
}

static int get_directory(struct eval_ctx *c, const struct state_fd *fd, struct eval_val *ret)
{
	const char *slash;
	int r;

	if (fd && !fd_is_file(fd) && fd->type != FD_DIRECTORY)
		return 0;
	r = get_name(c, fd, ret);
	if (r <= 0 || (fd && fd->type == FD_DIRECTORY))
		return r;
	slash = ret->len ? memrchr(ret->s, '/', ret->len) : NULL;
	if (!slash || slash == ret->s)
		val_str(ret, "/", 1);
	else if (slash + 1 < ret->s + ret->len)
		ret->len = (uint32_t)(slash - ret->s);
	return 1;
}

static int get_filename(const struct state_fd *fd, struct eval_val *ret)
{
	const char *slash;

	if (!fd || !fd_is_file(fd))
		return 0;
	field_str(ret, fd->name);
	slash = ret->len ? memrchr(ret->s, '/', ret->len) : NULL;
	if (!slash) {
		val_str(ret, "/", 1);
	} else if (slash + 1 < ret->s + ret->len) {
		ret->len -= (uint32_t)(slash + 1 - ret->s);
		ret->s = slash + 1;
	}
	return 1;
}

static int with_container(struct eval_ctx *c, int r, struct eval_val *ret)
{
	const struct state_str *id = c->st.ver->container_id;
	char *out;

	if (r <= 0)
		return r;
	out = arena_alloc(c->arena, id->len + 1 + ret->len);
	memcpy(out, id->s, id->len);
	out[id->len] = ':';
	if (ret->len)
		memcpy(out + id->len + 1, ret->s, ret->len);
	val_str(ret, out, id->len + 1 + ret->len);
	return 1;
}

/* Type letter that an event which makes descriptors stands for. */
static const char *event_typechar(unsigned type)
{
	switch (type | 1) { /* exit events have odd numbers */
	case PPME_SYSCALL_OPENAT_2_X: case PPME_SYSCALL_OPENAT2_X: case PPME_SYSCALL_CREAT_X:
		return "f";
	case PPME_SOCKET_SOCKET_X: case PPME_SOCKET_ACCEPT_5_X: case PPME_SOCKET_ACCEPT4_6_X:
		return "4";
	case PPME_SYSCALL_PIPE_X: case PPME_SYSCALL_PIPE2_X:
		return "p";
	case PPME_SYSCALL_EVENTFD_X: case PPME_SYSCALL_EVENTFD2_X:
		return "e";
	case PPME_SYSCALL_SIGNALFD_X: case PPME_SYSCALL_SIGNALFD4_X:
		return "s";
	case PPME_SYSCALL_TIMERFD_CREATE_X:
		return "t";
	case PPME_SYSCALL_INOTIFY_INIT_X: case PPME_SYSCALL_INOTIFY_INIT1_X:
		return "i";
	default:
		return "o";
	}
}

static int get_typechar(const struct eval_ctx *c, const struct state_fd *fd, struct eval_val *ret)
{
	/* one letter each, so that a value can point at it */
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz456PX?";
	const char *s = event_typechar(c->st.ev->hdr->type);

	if (fd) {
		char ch = fd_typechar(fd);

		s = ch >= 'a' && ch <= 'z' ? letters + (ch - 'a') : ch >= '4' && ch <= '6' ? letters + 26 + (ch - '4') : ch == 'P' ? letters + 29 : ch == 'X' ? letters + 30 : letters + 31;
	}
	val_str(ret, s, 1);
	return 1;
}

struct types {
	const char *seen[24];
	unsigned count;
};

static bool add_type(int64_t num, const struct state_fd *fd, void *arg)
{
	struct types *t = arg;
	const char *name = fd_typename(fd);

	(void)num;
	for (unsigned i = 0; i < t->count; i++)
		if (!strcmp(t->seen[i], name))
			return true;
	if (t->count < sizeof(t->seen) / sizeof(t->seen[0]))
		t->seen[t->count++] = name;
	return true;
}

static int get_types(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	struct types t = { .count = 0 };

	if (f->arg_index != -1) {
		const struct state_fd *fd = fdtab_get(c->st.fds, f->arg_index);

		if (!fd)
			return 0;
		add_type(0, fd, &t);
	} else if (c->st.fds) {
		fdtab_for_each(c->st.fds, add_type, &t);
	}
	*ret = (struct eval_val){ .type = PT_CHARBUF, .is_list = true, .count = t.count };
	ret->items = arena_alloc(c->arena, (t.count + 1) * sizeof(*ret->items));
	for (unsigned i = 0; i < t.count; i++)
		val_str(&ret->items[i], t.seen[i], strlen(t.seen[i]));
	return 1;
}

static int get_uid(struct eval_ctx *c, struct eval_val *ret)
{
	char *s = arena_fmt(c->arena, "%lld%lld", (long long)c->st.ver->tid, (long long)c->st.fd_num);

	val_str(ret, s, strlen(s));
	return 1;
}

static int get_file_info(const struct eval_ctx *c, unsigned id, const struct state_fd *fd, struct eval_val *ret)
{
	switch (id) {
	case FLD_FD_CONNECTED:
		val_bool(ret, fd->flags & FD_F_CONNECTED);
		return 1;
	case FLD_FD_NAME_CHANGED:
		val_bool(ret, c->st.name_changed);
		return 1;
	case FLD_FD_IS_UPPER_LAYER:
		val_bool(ret, fd->flags & FD_F_OVERLAY_UPPER);
		return 1;
	case FLD_FD_IS_LOWER_LAYER:
		val_bool(ret, fd->flags & FD_F_OVERLAY_LOWER);
		return 1;
	case FLD_FD_DEV:
		val_i64(ret, PT_INT32, (int32_t)fd->dev);
		return 1;
	case FLD_FD_DEV_MAJOR:
		val_i64(ret, PT_INT32, fd->dev >> 8 & 0xfff);
		return 1;
	case FLD_FD_DEV_MINOR:
		val_i64(ret, PT_INT32, (fd->dev & 0xff) | (fd->dev >> 12 & 0xfff00));
		return 1;
	default: /* fd.ino */
		val_i64(ret, PT_INT64, (int64_t)fd->ino);
		return 1;
	}
}

int field_get_fd(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const struct state_fd *fd = NULL;
	const char *s;

	if (!field_event_fd(c, &fd))
		return 0;
	switch (f->def->id) {
	case FLD_FD_NUM:
		val_i64(ret, PT_INT64, c->st.fd_num);
		return 1;
	case FLD_FD_NAME:
		return get_name(c, fd, ret);
	case FLD_FD_TYPECHAR:
		return get_typechar(c, fd, ret);
	case FLD_FD_NAMERAW:
		return get_nameraw(c, fd, ret);
	case FLD_FD_DIRECTORY:
		return get_directory(c, fd, ret);
	case FLD_FD_FILENAME:
		return get_filename(fd, ret);
	case FLD_FD_CONTAINERNAME:
		return with_container(c, get_name(c, fd, ret), ret);
	case FLD_FD_CONTAINERDIRECTORY:
		return with_container(c, get_directory(c, fd, ret), ret);
	case FLD_FD_UID:
		return get_uid(c, ret);
	case FLD_FD_TYPES:
		return get_types(c, f, ret);
	case FLD_FD_TYPE:
		if (!fd)
			return 0;
		s = fd_typename(fd);
		val_str(ret, s, strlen(s));
		return 1;
	case FLD_FD_CONNECTED: case FLD_FD_NAME_CHANGED: case FLD_FD_IS_UPPER_LAYER: case FLD_FD_IS_LOWER_LAYER:
	case FLD_FD_DEV: case FLD_FD_DEV_MAJOR: case FLD_FD_DEV_MINOR: case FLD_FD_INO:
		return fd ? get_file_info(c, f->def->id, fd, ret) : 0;
	default:
		return fd ? field_get_sock(c, f, fd, ret) : 0;
	}
}
