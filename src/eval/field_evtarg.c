/* Fields made of event parameters: evt.arg, evt.args, evt.rawarg, evt.buffer, evt.res, evt.abspath.
 * Called by field_get_event. Parameters flow in; text comes from render.c. */
#include "eval/field_internal.h"

#include <string.h>

int field_param_index(const struct evt *ev, const char *name)
{
	unsigned n = ev->nparams < ev->info->nparams ? ev->nparams : ev->info->nparams;

	for (unsigned i = 0; i < n; i++)
		if (ev->info->params[i].name[0] == name[0] && !strcmp(ev->info->params[i].name, name))
			return (int)i;
	return -1;
}

void field_join_path(struct eval_ctx *c, const char *base, size_t base_len, const char *path, size_t path_len, struct eval_val *ret)
{
	char *out = arena_alloc(c->arena, PATH_JOIN_MAX + 64);

	val_str(ret, out, path_join(out, base, base_len, path, path_len));
}

/* Shown text of a parameter whose text needs no making: a pointer into the event. */
static bool plain_text(const struct eval_ctx *c, unsigned i, struct eval_val *ret)
{
	const struct evt *ev = c->st.ev;
	const char *s;
	size_t len;

	if (!evt_param_is_string(ev->info->params[i].type) || !evt_get_str(ev, i, &s, &len))
		return false;
	/* relative paths show their absolute form */
	if (ev->info->params[i].type != PT_CHARBUF && c->st.ver && s[0] != '/' && len && !(len == 4 && !memcmp(s, "<NA>", 4)))
		return false;
	val_str(ret, s, len);
	return true;
}

int eval_param_text(struct eval_ctx *c, unsigned i, const char **ret_raw, const char **ret_resolved)
{
	struct base_buf local = { 0 }, local2 = { 0 };
	struct base_buf *raw = c->fs ? &c->fs->text : &local, *res = c->fs ? &c->fs->text2 : &local2;
	int r;

	buf_reset(raw);
	buf_reset(res);
	r = render_param(c, i, c->buffer_base64 && !c->in_filter, raw, res);
	if (!r) {
		*ret_raw = arena_strn(c->arena, raw->p, raw->len);
		*ret_resolved = res->len ? arena_strn(c->arena, res->p, res->len) : NULL;
	}
	buf_fini(&local);
	buf_fini(&local2);
	return r;
}

static int get_param(struct eval_ctx *c, unsigned i, struct eval_val *ret)
{
	const char *raw, *res;
	int r;

	if (plain_text(c, i, ret))
		return 1;
	r = eval_param_text(c, i, &raw, &res);
	if (r)
		return r;
	if (res)
		raw = res;
	val_str(ret, raw, strlen(raw));
	return 1;
}

static int get_arg(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const struct evt *ev = c->st.ev;
	int64_t i = f->arg_index;

	if (f->param >= 0)
		i = field_param_index(ev, f->arg);
	if (i < 0 || i >= ev->nparams || i >= ev->info->nparams)
		return 0;
	return get_param(c, (unsigned)i, ret);
}

static int get_args(struct eval_ctx *c, struct eval_val *ret)
{
	const struct evt *ev = c->st.ev;
	unsigned n = ev->nparams < ev->info->nparams ? ev->nparams : ev->info->nparams;
	struct base_buf local = { 0 }, local2 = { 0 };
	struct base_buf *out = c->fs ? &c->fs->text : &local, *res = c->fs ? &c->fs->text2 : &local2;
	int r = 0;

	if (ev->hdr->type == PPME_GENERIC_X)
		n = 0; /* its parameters are of internal use */
	buf_reset(out);
	for (unsigned i = 0; i < n && !r; i++) {
		if (i)
			buf_chr(out, ' ');
		buf_str(out, ev->info->params[i].name);
		buf_chr(out, '=');
		buf_reset(res);
		r = render_param(c, i, c->buffer_base64, out, res);
		if (res->len) {
			buf_chr(out, '(');
			buf_add(out, res->p, res->len);
			buf_chr(out, ')');
		}
	}
	if (!r) {
		val_str(ret, arena_strn(c->arena, out->p, out->len), out->len);
		r = 1;
	}
	buf_fini(&local);
	buf_fini(&local2);
	return r;
}

/* Raw value of parameter i, typed. Values of no bytes exist; len is 0 then. */
static void raw_value(const struct evt *ev, unsigned i, struct eval_val *ret)
{
	const struct evt_param_info *info = &ev->info->params[i];
	const struct evt_param *p = &ev->param[i];
	unsigned fixed = evt_param_fixed_size(info->type);

	*ret = (struct eval_val){ .type = info->type, .fmt = info->fmt };
	if (evt_param_is_string(info->type)) {
		size_t len;

		evt_get_str(ev, i, &ret->s, &len);
		ret->len = (uint32_t)len;
		return;
	}
	ret->s = (const char *)p->p;
	ret->len = p->len;
	if (!fixed || fixed > 8)
		return;
	ret->s = NULL;
	switch (info->type) {
	case PT_INT8: case PT_INT16: case PT_INT32: case PT_INT64: case PT_ERRNO: case PT_FD: case PT_PID: case PT_FD32: case PT_PID32:
		if (!evt_get_i64(ev, i, &ret->i))
			ret->len = 0;
		break;
	default: /* doubles are read as their bits */
		if (!evt_get_u64(ev, i, &ret->u))
			ret->len = 0;
		break;
	}
}

static int get_rawarg(const struct evt *ev, const struct field_ref *f, struct eval_val *ret)
{
	int i = field_param_index(ev, f->arg);

	if (i < 0)
		return 0;
	raw_value(ev, (unsigned)i, ret);
	return 1;
}

static int get_buffer(struct eval_ctx *c, struct eval_val *ret)
{
	const struct evt *ev = c->st.ev;
	struct base_buf local = { 0 }, local2 = { 0 };
	struct base_buf *out = c->fs ? &c->fs->text : &local;
	int i = field_param_index(ev, "data");

	if (i < 0)
		return 0;
	if (c->in_filter) {
		raw_value(ev, (unsigned)i, ret);
		return 1;
	}
	buf_reset(out);
	render_param(c, (unsigned)i, c->buffer_base64, out, &local2);
	if (c->fs && c->fs->texts.on && !ev->param[i].len)
		val_str(ret, arena_strn(c->arena, c->fs->texts.p, c->fs->texts.payload_len), c->fs->texts.payload_len);
	else
		val_str(ret, arena_strn(c->arena, out->p, out->len), out->len);
	ret->type = PT_BYTEBUF;
	buf_fini(&local);
	buf_fini(&local2);
	return 1;
}

static int get_res(struct eval_ctx *c, struct eval_val *ret)
{
	if (!c->st.has_res)
		return 0;
	if (c->st.res < 0)
		return get_param(c, 0, ret);
	val_str(ret, "SUCCESS", 7);
	return 1;
}

/* Names of the directory and path parameters that evt.abspath looks at; dst: evt.abspath.dst. */
static bool abspath_params(unsigned type, bool dst, const char **ret_dir, const char **ret_path)
{
	static const struct {
		uint16_t type;
		const char *dir[2], *path[2];
	} t[] = {
		{ PPME_SYSCALL_RENAMEAT_X, { "olddirfd", "newdirfd" }, { "oldpath", "newpath" } },
		{ PPME_SYSCALL_RENAMEAT2_X, { "olddirfd", "newdirfd" }, { "oldpath", "newpath" } },
		{ PPME_SYSCALL_LINKAT_2_X, { "olddir", "newdir" }, { "oldpath", "newpath" } },
		{ PPME_SYSCALL_SYMLINKAT_X, { "linkdirfd", "linkdirfd" }, { "linkpath", "linkpath" } },
		{ PPME_SYSCALL_OPENAT_2_X, { "dirfd", "dirfd" }, { "name", "name" } },
		{ PPME_SYSCALL_OPENAT2_X, { "dirfd", "dirfd" }, { "name", "name" } },
		{ PPME_SYSCALL_UNLINKAT_2_X, { "dirfd", "dirfd" }, { "name", "name" } },
		{ PPME_SYSCALL_MKDIRAT_X, { "dirfd", "dirfd" }, { "path", "path" } },
		{ PPME_SYSCALL_FCHMODAT_X, { "dirfd", "dirfd" }, { "filename", "filename" } },
		{ PPME_SYSCALL_FCHOWNAT_X, { "dirfd", "dirfd" }, { "pathname", "pathname" } },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (t[i].type != type)
			continue;
		*ret_dir = t[i].dir[dst];
		*ret_path = t[i].path[dst];
		return true;
	}
	return false;
}

static int get_abspath(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const struct evt *ev = c->st.ev;
	const char *dir_name, *path_name, *path, *base = NULL;
	size_t len, base_len = 0;
	int64_t dirfd;
	int d, p;

	if (!c->st.ver)
		return 0;
	if (ev->hdr->type == PPME_SYSCALL_OPEN_BY_HANDLE_AT_X) {
		if (!c->st.has_res || c->st.res <= 0 || !evt_get_str(ev, 3, &path, &len))
			return 0;
		field_join_path(c, "", 0, path, len, ret);
		return 1;
	}
	if (!abspath_params(ev->hdr->type, f->arg_index == 2, &dir_name, &path_name))
		return 0;
	d = field_param_index(ev, dir_name);
	p = field_param_index(ev, path_name);
	if (d < 0 || p < 0 || !evt_has(ev, (unsigned)p) || !evt_get_i64(ev, (unsigned)d, &dirfd) || !evt_get_str(ev, (unsigned)p, &path, &len))
		return 0;
	if (len && path[0] == '/') {
		base = "";
	} else if (dirfd == AT_FDCWD_PORTABLE) {
		field_cwd(c, &base, &base_len);
	} else {
		const struct state_fd *fd = fdtab_get(c->st.fds, dirfd);

		/* a slash is added even when the name ends with one */
		base = fd ? arena_fmt(c->arena, "%s/", fd->name->s) : "<UNKNOWN>/";
		base_len = strlen(base);
	}
	field_join_path(c, base, base_len, path, len, ret);
	return 1;
}

static void trim(const char **s, size_t *len)
{
	while (*len && strchr(" \t\n\r\f\v", **s)) {
		(*s)++;
		(*len)--;
	}
	while (*len && strchr(" \t\n\r\f\v", (*s)[*len - 1]))
		(*len)--;
}

/* Old captures carry events of the container runtime as "Event:x;ID:y;name:z;Image:w". */
static int get_infra(const struct evt *ev, unsigned id, struct eval_val *ret)
{
	const char *key = id == FLD_EVT_INFRA_DOCKER_NAME ? "Event" : id == FLD_EVT_INFRA_DOCKER_CONTAINER_ID ? "ID" : id == FLD_EVT_INFRA_DOCKER_CONTAINER_NAME ? "name" : "Image";
	const char *s, *end, *next;
	size_t len;

	if (ev->hdr->type != PPME_INFRASTRUCTURE_EVENT_E || !evt_get_str(ev, 2, &s, &len))
		return 0;
	for (end = s + len; s < end; s = next + 1) {
		const char *e = s, *v, *stop;
		size_t n, vn;

		next = memchr(s, ';', (size_t)(end - s));
		if (!next)
			next = end;
		n = (size_t)(next - s);
		trim(&e, &n);
		if (n < strlen(key) || memcmp(e, key, strlen(key)) || !(v = memchr(e, ':', n)))
			continue;
		v++;
		vn = (size_t)(e + n - v);
		/* the part up to the next colon; an image may be named by its digest, kept whole */
		stop = memchr(v, ':', vn);
		if (stop && !(id == FLD_EVT_INFRA_DOCKER_CONTAINER_IMAGE && memmem(v, (size_t)(stop - v), "sha256", 6)))
			vn = (size_t)(stop - v);
		if (id == FLD_EVT_INFRA_DOCKER_CONTAINER_IMAGE && (stop = memchr(v, '@', vn)))
			vn = (size_t)(stop - v);
		trim(&v, &vn);
		val_str(ret, v, id == FLD_EVT_INFRA_DOCKER_CONTAINER_ID && vn > 12 ? 12 : vn);
		return 1;
	}
	return 0;
}

int field_get_evtarg(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	switch (f->def->id) {
	case FLD_EVT_ARG:
		return get_arg(c, f, ret);
	case FLD_EVT_ARGS: case FLD_EVT_INFO:
		return get_args(c, ret);
	case FLD_EVT_RAWARG:
		return get_rawarg(c->st.ev, f, ret);
	case FLD_EVT_BUFFER:
		return get_buffer(c, ret);
	case FLD_EVT_RES:
		return get_res(c, ret);
	case FLD_EVT_ABSPATH:
		return get_abspath(c, f, ret);
	case FLD_EVT_INFRA_DOCKER_NAME: case FLD_EVT_INFRA_DOCKER_CONTAINER_ID:
	case FLD_EVT_INFRA_DOCKER_CONTAINER_NAME: case FLD_EVT_INFRA_DOCKER_CONTAINER_IMAGE:
		return get_infra(c->st.ev, f->def->id, ret);
	default: /* evt.around is for conditions only */
		return 0;
	}
}
