/* Exit events of the syscalls on files and paths. Parameters and order: contract/events.def. */
#pragma once
#include "capture/bpf/flags.h"
#include "capture/bpf/sock.h"

/* The weight of a call that changes state when it succeeds. */
#define STATE_IF(OK) ((OK) ? STATE : BULK)

#define VAR(NPARAMS, WEIGHT)                                                                                   \
	enum { n_ = NPARAMS };                                                                                 \
	const uint32_t weight_ = WEIGHT;                                                                           \
	struct scratch *s = var_open(n_, weight_);                                                               \
	if (!s)                                                                                                \
		return 0;
#define VAR_END(TYPE) return var_close(s, TYPE, n_, weight_)

/* Facts of the file an open made. Descriptor 0 is left out, as the reference does. */
static __always_inline uint32_t opened(int64_t fd, struct file_facts *ret)
{
	uint32_t flags = 0;
	struct file *f;

	ret->dev = ret->mode = 0;
	ret->ino = 0;
	ret->overlay = OVERLAY_NONE;
	if (fd < 0)
		return 0;
	f = fd_file(fd);
	if (!f)
		return 0;
	file_facts(f, ret);
	if (ret->mode & FMODE_CREATED)
		flags |= 0x4000;
	if (!fd) {
		ret->dev = 0;
		ret->ino = 0;
		ret->overlay = OVERLAY_NONE;
	}
	if (ret->overlay == OVERLAY_UPPER)
		flags |= 0x8000;
	else if (ret->overlay == OVERLAY_LOWER)
		flags |= 0x10000;
	return flags;
}

SYSCALL_EXIT(x_open)
{
	struct file_facts ff;
	uint64_t flags = ARG1(ctx);
	uint32_t made;

	VAR(6, BULK);
	made = opened(ret, &ff);
	put_u64(s, ret);
	put_user_str(s, ARG0(ctx));
	put_u32(s, open_flags(flags) | made);
	put_u32(s, open_mode(flags, ARG2(ctx)));
	put_u32(s, ff.dev);
	put_u64(s, ff.ino);
	VAR_END(PPME_SYSCALL_OPEN_X);
}

SYSCALL_EXIT(x_openat)
{
	struct file_facts ff;
	uint64_t flags = ARG2(ctx);
	uint32_t made;

	VAR(7, BULK);
	made = opened(ret, &ff);
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_user_str(s, ARG1(ctx));
	put_u32(s, open_flags(flags) | made);
	put_u32(s, open_mode(flags, ARG3(ctx)));
	put_u32(s, ff.dev);
	put_u64(s, ff.ino);
	VAR_END(PPME_SYSCALL_OPENAT_2_X);
}

SYSCALL_EXIT(x_openat2)
{
	struct u_open_how how = {};
	struct file_facts ff;
	uint32_t made;

	VAR(8, BULK);
	made = opened(ret, &ff);
	bpf_probe_read_user(&how, sizeof(how), (void *)ARG2(ctx));
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_user_str(s, ARG1(ctx));
	put_u32(s, open_flags(how.flags) | made);
	put_u32(s, open_mode(how.flags, how.mode));
	put_u32(s, resolve_flags(how.resolve));
	put_u32(s, ff.dev);
	put_u64(s, ff.ino);
	VAR_END(PPME_SYSCALL_OPENAT2_X);
}

SYSCALL_EXIT(x_creat)
{
	struct file_facts ff;

	VAR(6, BULK);
	opened(ret, &ff);
	put_u64(s, ret);
	put_user_str(s, ARG0(ctx));
	put_u32(s, mode_bits(ARG1(ctx)));
	put_u32(s, ff.dev);
	put_u64(s, ff.ino);
	put_u16(s, ff.overlay);
	VAR_END(PPME_SYSCALL_CREAT_X);
}

SYSCALL_EXIT(x_open_by_handle_at)
{
	struct file_facts ff;
	struct file *f = NULL;
	uint32_t made;

	VAR(6, BULK);
	made = ret > 0 ? opened(ret, &ff) : opened(-1, &ff);
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_u32(s, open_flags(ARG2(ctx)) | made);
	if (ret > 0)
		f = fd_file(ret);
	put_file_path((uint64_t)f);
	put_u32(s, ff.dev);
	put_u64(s, ff.ino);
	VAR_END(PPME_SYSCALL_OPEN_BY_HANDLE_AT_X);
}

SYSCALL_EXIT(x_close)
{
	int64_t fd = FD(ARG0(ctx));

	FIXED(PPME_SYSCALL_CLOSE_X, 2, 16, BULK, 0);
	F64(ret);
	F64(fd);
	FIXED_END();
}

SYSCALL_EXIT(x_close_range)
{
	FIXED(PPME_SYSCALL_CLOSE_RANGE_X, 4, 20, BULK, 0);
	F64(ret);
	F32(ARG0(ctx));
	F32(ARG1(ctx));
	F32(ARG2(ctx) & 6);
	FIXED_END();
}

SYSCALL_EXIT(x_dup)
{
	FIXED(PPME_SYSCALL_DUP_1_X, 2, 16, BULK, 0);
	F64(FD(ret));
	F64(FD(ARG0(ctx)));
	FIXED_END();
}

SYSCALL_EXIT(x_dup2)
{
	FIXED(PPME_SYSCALL_DUP2_X, 3, 24, BULK, 0);
	F64(FD(ret));
	F64(FD(ARG0(ctx)));
	F64(FD(ARG1(ctx)));
	FIXED_END();
}

SYSCALL_EXIT(x_dup3)
{
	FIXED(PPME_SYSCALL_DUP3_X, 4, 28, BULK, 0);
	F64(FD(ret));
	F64(FD(ARG0(ctx)));
	F64(FD(ARG1(ctx)));
	F32(MOVE(ARG2(ctx), O_CLOEXEC, 4096));
	FIXED_END();
}

SYSCALL_EXIT(x_fcntl)
{
	FIXED(PPME_SYSCALL_FCNTL_X, 4, 25, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F8(fcntl_cmd(ARG1(ctx)));
	F64(ARG2(ctx));
	FIXED_END();
}

static __always_inline uint64_t fd_ino(int64_t fd)
{
	struct file *f = fd_file(fd);

	return f ? BPF_CORE_READ(f, f_inode, i_ino) : 0;
}

static __always_inline uint64_t pipe_fds(int64_t ret, uint64_t ptr, int32_t fd[2])
{
	fd[0] = fd[1] = -1;
	if (bpf_probe_read_user(fd, 8, (void *)ptr))
		fd[0] = fd[1] = -1;
	return ret ? 0 : fd_ino(fd[0]);
}

SYSCALL_EXIT(x_pipe)
{
	int32_t fd[2];
	uint64_t ino = pipe_fds(ret, ARG0(ctx), fd);

	FIXED(PPME_SYSCALL_PIPE_X, 4, 32, BULK, 0);
	F64(ret);
	F64((int64_t)fd[0]);
	F64((int64_t)fd[1]);
	F64(ino);
	FIXED_END();
}

SYSCALL_EXIT(x_pipe2)
{
	int32_t fd[2];
	uint64_t ino = pipe_fds(ret, ARG0(ctx), fd), flags = ARG1(ctx);

	FIXED(PPME_SYSCALL_PIPE2_X, 5, 36, BULK, 0);
	F64(ret);
	F64((int64_t)fd[0]);
	F64((int64_t)fd[1]);
	F64(ino);
	F32((int32_t)flags < 0 ? 0 : fd_flags(flags) | MOVE(flags, O_DIRECT, 512));
	FIXED_END();
}

/* ---- events of a result and a path -------------------------------------------------------- */

#define PATH_EVENT(NAME, TYPE, WEIGHT)                                                                         \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		VAR(2, WEIGHT);                                                                                \
		put_u64(s, ret);                                                                               \
		put_user_str(s, ARG0(ctx));                                                                    \
		VAR_END(TYPE);                                                                                 \
	}

PATH_EVENT(x_chdir, PPME_SYSCALL_CHDIR_X, STATE_IF(ret >= 0))
PATH_EVENT(x_chroot, PPME_SYSCALL_CHROOT_X, STATE_IF(ret >= 0))
PATH_EVENT(x_rmdir, PPME_SYSCALL_RMDIR_2_X, BULK)
PATH_EVENT(x_unlink, PPME_SYSCALL_UNLINK_2_X, BULK)
PATH_EVENT(x_umount, PPME_SYSCALL_UMOUNT_1_X, STATE_IF(ret >= 0))

SYSCALL_EXIT(x_fchdir)
{
	FIXED(PPME_SYSCALL_FCHDIR_X, 2, 16, STATE_IF(ret >= 0), 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	FIXED_END();
}

SYSCALL_EXIT(x_getcwd)
{
	VAR(2, BULK);
	put_u64(s, ret);
	put_user_str(s, ret >= 0 ? ARG0(ctx) : 0);
	VAR_END(PPME_SYSCALL_GETCWD_X);
}

SYSCALL_EXIT(x_mkdir)
{
	VAR(3, BULK);
	put_u64(s, ret);
	put_user_str(s, ARG0(ctx));
	put_u32(s, ARG1(ctx));
	VAR_END(PPME_SYSCALL_MKDIR_2_X);
}

SYSCALL_EXIT(x_mkdirat)
{
	VAR(4, BULK);
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_user_str(s, ARG1(ctx));
	put_u32(s, ARG2(ctx));
	VAR_END(PPME_SYSCALL_MKDIRAT_X);
}

SYSCALL_EXIT(x_unlinkat)
{
	VAR(4, BULK);
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_user_str(s, ARG1(ctx));
	put_u32(s, ARG2(ctx) & 0x200);
	VAR_END(PPME_SYSCALL_UNLINKAT_2_X);
}

/* ---- owner and mode ----------------------------------------------------------------------- */

SYSCALL_EXIT(x_chmod)
{
	VAR(3, BULK);
	put_u64(s, ret);
	put_user_str(s, ARG0(ctx));
	put_u32(s, mode_bits(ARG1(ctx)));
	VAR_END(PPME_SYSCALL_CHMOD_X);
}

SYSCALL_EXIT(x_fchmod)
{
	FIXED(PPME_SYSCALL_FCHMOD_X, 3, 20, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F32(mode_bits(ARG1(ctx)));
	FIXED_END();
}

SYSCALL_EXIT(x_fchmodat)
{
	VAR(4, BULK);
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_user_str(s, ARG1(ctx));
	put_u32(s, mode_bits(ARG2(ctx)));
	VAR_END(PPME_SYSCALL_FCHMODAT_X);
}

#define CHOWN_EVENT(NAME, TYPE)                                                                                \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		VAR(4, BULK);                                                                                 \
		put_u64(s, ret);                                                                               \
		put_user_str(s, ARG0(ctx));                                                                    \
		put_u32(s, ARG1(ctx));                                                                         \
		put_u32(s, ARG2(ctx));                                                                         \
		VAR_END(TYPE);                                                                                 \
	}

CHOWN_EVENT(x_chown, PPME_SYSCALL_CHOWN_X)
CHOWN_EVENT(x_lchown, PPME_SYSCALL_LCHOWN_X)

SYSCALL_EXIT(x_fchown)
{
	FIXED(PPME_SYSCALL_FCHOWN_X, 4, 24, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F32(ARG1(ctx));
	F32(ARG2(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_fchownat)
{
	VAR(6, BULK);
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_user_str(s, ARG1(ctx));
	put_u32(s, ARG2(ctx));
	put_u32(s, ARG3(ctx));
	put_u32(s, ARG4(ctx) & (0x400 | 0x1000));
	VAR_END(PPME_SYSCALL_FCHOWNAT_X);
}

/* ---- two paths ---------------------------------------------------------------------------- */

#define TWO_PATHS(NAME, TYPE)                                                                                  \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		VAR(3, BULK);                                                                                 \
		put_u64(s, ret);                                                                               \
		put_user_str(s, ARG0(ctx));                                                                    \
		put_user_str(s, ARG1(ctx));                                                                    \
		VAR_END(TYPE);                                                                                 \
	}

TWO_PATHS(x_rename, PPME_SYSCALL_RENAME_X)
TWO_PATHS(x_link, PPME_SYSCALL_LINK_2_X)
TWO_PATHS(x_symlink, PPME_SYSCALL_SYMLINK_X)

static __always_inline void put_two_at(struct scratch *s, uint64_t *ctx, int64_t ret, bool compat_)
{
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_user_str(s, ARG1(ctx));
	put_u64(s, FD(ARG2(ctx)));
	put_user_str(s, ARG3(ctx));
}

SYSCALL_EXIT(x_renameat)
{
	VAR(5, BULK);
	put_two_at(s, ctx, ret, compat_);
	VAR_END(PPME_SYSCALL_RENAMEAT_X);
}

SYSCALL_EXIT(x_renameat2)
{
	VAR(6, BULK);
	put_two_at(s, ctx, ret, compat_);
	put_u32(s, ARG4(ctx));
	VAR_END(PPME_SYSCALL_RENAMEAT2_X);
}

SYSCALL_EXIT(x_linkat)
{
	VAR(6, BULK);
	put_two_at(s, ctx, ret, compat_);
	put_u32(s, ARG4(ctx) & (0x400 | 0x1000));
	VAR_END(PPME_SYSCALL_LINKAT_2_X);
}

SYSCALL_EXIT(x_symlinkat)
{
	VAR(4, BULK);
	put_u64(s, ret);
	put_user_str(s, ARG0(ctx));
	put_u64(s, FD(ARG1(ctx)));
	put_user_str(s, ARG2(ctx));
	VAR_END(PPME_SYSCALL_SYMLINKAT_X);
}

/* ---- mounts ------------------------------------------------------------------------------- */

SYSCALL_EXIT(x_mount)
{
	uint32_t flags = ARG3(ctx);

	/* The magic number that old callers put in the upper half. */
	if ((flags & 0xffff0000) == 0xc0ed0000)
		flags &= 0xffff;
	VAR(5, STATE_IF(ret >= 0));
	put_u64(s, ret);
	put_user_str(s, ARG0(ctx));
	put_user_str(s, ARG1(ctx));
	put_user_str(s, ARG2(ctx));
	put_u32(s, flags);
	VAR_END(PPME_SYSCALL_MOUNT_X);
}

SYSCALL_EXIT(x_umount2)
{
	VAR(3, STATE_IF(ret >= 0));
	put_u64(s, ret);
	put_user_str(s, ARG0(ctx));
	put_u32(s, ARG1(ctx) & 15);
	VAR_END(PPME_SYSCALL_UMOUNT2_X);
}
