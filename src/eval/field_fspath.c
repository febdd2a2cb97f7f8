/* fs.path.*: the paths a file system call worked on, raw and made absolute. Called through
 * eval_field_get. Only calls in the table have them, and only when they succeeded. */
#include "eval/field_internal.h"

#include <string.h>

enum base {
	BASE_CWD,
	BASE_NEW_FD, /* the path is the name of the descriptor that was opened */
	BASE_DIRFD,  /* directory is the event's descriptor, when it is known to be one */
	BASE_PARAM,  /* directory is a parameter of its own for each path */
};

struct call {
	uint16_t type;
	uint8_t base;
	bool opens;		   /* success: descriptor is not -1, else result is 0 */
	const char *path;	   /* names of parameters, NULL none; "" stands for fd.name */
	const char *source, *target;
};

static const struct call *find(unsigned type)
{
	static const struct call calls[] = {
		{ PPME_SYSCALL_MKDIR_2_X, BASE_CWD, false, "path", NULL, NULL },
		{ PPME_SYSCALL_MKDIRAT_X, BASE_DIRFD, false, "path", NULL, NULL },
		{ PPME_SYSCALL_RMDIR_2_X, BASE_CWD, false, "path", NULL, NULL },
		{ PPME_SYSCALL_UNLINK_2_X, BASE_CWD, false, "path", NULL, NULL },
		{ PPME_SYSCALL_UNLINKAT_2_X, BASE_DIRFD, false, "name", NULL, NULL },
		{ PPME_SYSCALL_OPEN_X, BASE_CWD, true, "name", NULL, NULL },
		{ PPME_SYSCALL_OPENAT_2_X, BASE_NEW_FD, true, "name", NULL, NULL },
		{ PPME_SYSCALL_OPENAT2_X, BASE_NEW_FD, true, "name", NULL, NULL },
		{ PPME_SYSCALL_CHMOD_X, BASE_CWD, false, "filename", NULL, NULL },
		{ PPME_SYSCALL_FCHMODAT_X, BASE_DIRFD, false, "filename", NULL, NULL },
		{ PPME_SYSCALL_FCHMOD_X, BASE_CWD, false, "", NULL, NULL },
		{ PPME_SYSCALL_CHOWN_X, BASE_CWD, false, "path", NULL, NULL },
		{ PPME_SYSCALL_LCHOWN_X, BASE_CWD, false, "path", NULL, NULL },
		{ PPME_SYSCALL_FCHOWN_X, BASE_CWD, false, "", NULL, NULL },
		{ PPME_SYSCALL_FCHOWNAT_X, BASE_DIRFD, false, "pathname", NULL, NULL },
		{ PPME_SYSCALL_QUOTACTL_X, BASE_CWD, false, "special", NULL, NULL },
		{ PPME_SYSCALL_UMOUNT_1_X, BASE_CWD, false, "name", NULL, NULL },
		{ PPME_SYSCALL_UMOUNT2_X, BASE_CWD, false, "name", NULL, NULL },
		{ PPME_SYSCALL_RENAME_X, BASE_CWD, false, NULL, "oldpath", "newpath" },
		{ PPME_SYSCALL_RENAMEAT_X, BASE_CWD, false, NULL, "oldpath", "newpath" },
		{ PPME_SYSCALL_RENAMEAT2_X, BASE_PARAM, false, NULL, "oldpath", "newpath" },
		{ PPME_SYSCALL_LINK_2_X, BASE_CWD, false, NULL, "newpath", "oldpath" },
		{ PPME_SYSCALL_LINKAT_2_X, BASE_CWD, false, NULL, "newpath", "oldpath" },
		{ PPME_SYSCALL_SYMLINK_X, BASE_CWD, false, NULL, "linkpath", "target" },
		{ PPME_SYSCALL_SYMLINKAT_X, BASE_DIRFD, false, NULL, "linkpath", "target" },
		{ PPME_SYSCALL_MOUNT_X, BASE_CWD, false, NULL, "dev", "dir" },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].type == type)
			return &calls[i];
	return NULL;
}

static int raw_path(struct eval_ctx *c, const char *name, struct eval_val *ret)
{
	const struct field_ref fd_name = { .def = &eval_field_defs[FLD_FD_NAME], .arg_index = -1, .param = -1 };
	const char *s;
	size_t len;
	int i;

	if (!name)
		return 0;
	if (!*name)
		return field_get_fd(c, &fd_name, ret);
	i = field_param_index(c->st.ev, name);
	if (i < 0 || !evt_get_str(c->st.ev, (unsigned)i, &s, &len))
		return 0;
	val_str(ret, s, len);
	return 1;
}

/* Directory the event's descriptor stands for. */
static void event_dir(struct eval_ctx *c, const char **ret, size_t *ret_len)
{
	const struct state_fd *fd = c->st.fd;

	*ret = "<UNKNOWN>";
	*ret_len = 9;
	if (!fd || fd->type != FD_DIRECTORY)
		return;
	*ret = fd->name->s;
	*ret_len = fd->name->len;
	if (fd->name->len && fd->name->s[fd->name->len - 1] != '/') {
		*ret = arena_fmt(c->arena, "%s/", fd->name->s);
		*ret_len = strlen(*ret);
	}
}

static void make_absolute(struct eval_ctx *c, const struct call *call, bool target, struct eval_val *v)
{
	const char *base = "";
	size_t base_len = 0;
	int64_t dirfd;

	if (v->len && v->s[0] == '/') {
		field_join_path(c, "", 0, v->s, v->len, v);
		return;
	}
	switch (call->base) {
	case BASE_NEW_FD:
		if (c->st.fd)
			field_str(v, c->st.fd->name);
		else
			val_str(v, "<UNKNOWN>", 9);
		break;
	case BASE_DIRFD:
		if (target) { /* symlinkat's target is relative to the link, which nobody follows */
			base = "<UNKNOWN>";
			base_len = 9;
		} else {
			event_dir(c, &base, &base_len);
		}
		break;
	case BASE_PARAM:
		if (!evt_get_i64(c->st.ev, target ? 3 : 1, &dirfd))
			dirfd = -1;
		field_dirfd_base(c, dirfd, v->s, v->len, &base, &base_len);
		break;
	default:
		field_cwd(c, &base, &base_len);
		break;
	}
	field_join_path(c, base, base_len, v->s, v->len, v);
}

int field_get_fspath(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const struct call *call = find(c->st.ev->hdr->type);
	unsigned id = f->def->id;
	bool target = id == FLD_FS_PATH_TARGET || id == FLD_FS_PATH_TARGETRAW;
	bool source = id == FLD_FS_PATH_SOURCE || id == FLD_FS_PATH_SOURCERAW;
	int r;

	if (!call || !c->st.has_res || (call->opens ? c->st.res == -1 : c->st.res != 0))
		return 0;
	r = raw_path(c, target ? call->target : source ? call->source : call->path, ret);
	if (r <= 0 || id == FLD_FS_PATH_NAMERAW || id == FLD_FS_PATH_SOURCERAW || id == FLD_FS_PATH_TARGETRAW)
		return r;
	if (!c->st.ver)
		return 0;
	make_absolute(c, call, target, ret);
	return 1;
}
