/* Exit events that state does not need but users' rules may name: queries, memory, waiting, vectors of
 * messages. Parameters and order: contract/events.def. Calls without a program here or in the other sys_*.h
 * give the generic event. */
#pragma once
#include "capture/bpf/sys_proc.h"

/* ---- files -------------------------------------------------------------------------------- */

PATH_EVENT(x_stat, PPME_SYSCALL_STAT_X, BULK)
PATH_EVENT(x_lstat, PPME_SYSCALL_LSTAT_X, BULK)

/* A result and a descriptor. */
#define FD_EVENT(NAME, TYPE)                                                                                   \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		FIXED(TYPE, 2, 16, BULK, 0);                                                                   \
		F64(ret);                                                                                      \
		F64(FD(ARG0(ctx)));                                                                            \
		FIXED_END();                                                                                   \
	}

FD_EVENT(x_fstat, PPME_SYSCALL_FSTAT_X)
FD_EVENT(x_getdents, PPME_SYSCALL_GETDENTS_X)
FD_EVENT(x_getdents64, PPME_SYSCALL_GETDENTS64_X)

SYSCALL_EXIT(x_newfstatat)
{
	VAR(4, BULK);
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_user_str(s, ARG1(ctx));
	put_u32(s, ARG3(ctx) & (0x100 | 0x800 | 0x1000));
	VAR_END(PPME_SYSCALL_NEWFSTATAT_X);
}

SYSCALL_EXIT(x_access)
{
	VAR(3, BULK);
	put_u64(s, ret);
	put_user_str(s, ARG0(ctx));
	put_u32(s, ARG1(ctx) & 7);
	VAR_END(PPME_SYSCALL_ACCESS_X);
}

/* No type means a regular file. */
static __always_inline uint32_t node_mode(uint32_t mode)
{
	return mode_bits(mode) | (mode & S_IFMT ? mode & S_IFMT : 0100000);
}

/* The number from user space in the kernel's own form, then as devices are told elsewhere. */
static __always_inline uint32_t node_dev(uint32_t dev)
{
	return encode_dev(dev);
}

SYSCALL_EXIT(x_mknod)
{
	VAR(4, BULK);
	put_u64(s, ret);
	put_user_str(s, ARG0(ctx));
	put_u32(s, node_mode(ARG1(ctx)));
	put_u32(s, node_dev(ARG2(ctx)));
	VAR_END(PPME_SYSCALL_MKNOD_X);
}

SYSCALL_EXIT(x_mknodat)
{
	VAR(5, BULK);
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_user_str(s, ARG1(ctx));
	put_u32(s, node_mode(ARG2(ctx)));
	put_u32(s, node_dev(ARG3(ctx)));
	VAR_END(PPME_SYSCALL_MKNODAT_X);
}

SYSCALL_EXIT(x_lseek)
{
	uint32_t whence = ARG2(ctx);

	FIXED(PPME_SYSCALL_LSEEK_X, 4, 25, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F64(ARG1(ctx));
	F8(whence < 3 ? whence : 0);
	FIXED_END();
}

SYSCALL_EXIT(x_flock)
{
	FIXED(PPME_SYSCALL_FLOCK_X, 3, 20, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F32(ARG1(ctx) & 15);
	FIXED_END();
}

SYSCALL_EXIT(x_ioctl)
{
	FIXED(PPME_SYSCALL_IOCTL_3_X, 4, 32, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F64(ARG1(ctx));
	F64(ARG2(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_sendfile)
{
	uint64_t offset = 0;

	bpf_probe_read_user(&offset, compat_ ? 4 : 8, (void *)ARG2(ctx));
	FIXED(PPME_SYSCALL_SENDFILE_X, 5, 40, BULK, 0);
	F64(ret);
	F64(offset);
	F64(FD(ARG0(ctx)));
	F64(FD(ARG1(ctx)));
	F64(ARG3(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_splice)
{
	FIXED(PPME_SYSCALL_SPLICE_X, 5, 36, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F64(FD(ARG2(ctx)));
	F64(ARG4(ctx));
	F32(ARG5(ctx) & 15);
	FIXED_END();
}

SYSCALL_EXIT(x_copy_file_range)
{
	FIXED(PPME_SYSCALL_COPY_FILE_RANGE_X, 6, 48, BULK, 0);
	F64(ret);
	F64(FD(ARG2(ctx)));
	F64(ARG3(ctx));
	F64(FD(ARG0(ctx)));
	F64(ARG1(ctx));
	F64(ARG4(ctx));
	FIXED_END();
}

/* ---- memory ------------------------------------------------------------------------------- */

static __always_inline uint32_t prot_flags(uint64_t x)
{
	return (x & 7) | (x & 8) | MOVE(x, 0x01000000, 16) | MOVE(x, 0x02000000, 32) | MOVE(x, 0x10, 64);
}

static __always_inline uint32_t map_flags(uint64_t x)
{
	uint32_t r = (x & 3) | MOVE(x, 0x10, 4) | MOVE(x, 0x20, 8) | MOVE(x, 0x40, 16);

	r |= MOVE(x, 0x80, 4096) | MOVE(x, 0x4000, 64) | MOVE(x, 0x8000, 128) | MOVE(x, 0x10000, 256) | MOVE(x, 0x100, 512);
	return r | MOVE(x, 0x800, 1024) | MOVE(x, 0x1000, 2048) | MOVE(x, 0x2000, 16384);
}

#define F_MEMORY()                                                                                             \
	do {                                                                                                   \
		struct mm_struct *mm_ = BPF_CORE_READ(current_task(), mm);                                     \
		F32(PAGES_KB(BPF_CORE_READ(mm_, total_vm)));                                                   \
		F32(PAGES_KB(mm_pages(mm_, 0) + mm_pages(mm_, 1) + mm_pages(mm_, 3)));                         \
		F32(PAGES_KB(mm_pages(mm_, 2)));                                                               \
	} while (0)

SYSCALL_EXIT(x_mmap)
{
	FIXED(PPME_SYSCALL_MMAP_X, 10, 60, BULK, 0);
	F64(ret);
	F_MEMORY();
	F64(ARG0(ctx));
	F64(ARG1(ctx));
	F32(prot_flags(ARG2(ctx)));
	F32(map_flags(ARG3(ctx)));
	F64(FD(ARG4(ctx)));
	F64(ARG5(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_munmap)
{
	FIXED(PPME_SYSCALL_MUNMAP_X, 6, 36, BULK, 0);
	F64(ret);
	F_MEMORY();
	F64(ARG0(ctx));
	F64(ARG1(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_brk)
{
	FIXED(PPME_SYSCALL_BRK_4_X, 5, 28, BULK, 0);
	F64(ret);
	F_MEMORY();
	F64(ARG0(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_mprotect)
{
	FIXED(PPME_SYSCALL_MPROTECT_X, 4, 28, BULK, 0);
	F64(ret);
	F64(ARG0(ctx));
	F64(ARG1(ctx));
	F32(prot_flags(ARG2(ctx)));
	FIXED_END();
}

#define LOCK_EVENT(NAME, TYPE)                                                                                 \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		FIXED(TYPE, 3, 24, BULK, 0);                                                                   \
		F64(ret);                                                                                      \
		F64(ARG0(ctx));                                                                                \
		F64(ARG1(ctx));                                                                                \
		FIXED_END();                                                                                   \
	}

LOCK_EVENT(x_mlock, PPME_SYSCALL_MLOCK_X)
LOCK_EVENT(x_munlock, PPME_SYSCALL_MUNLOCK_X)

SYSCALL_EXIT(x_mlock2)
{
	FIXED(PPME_SYSCALL_MLOCK2_X, 4, 28, BULK, 0);
	F64(ret);
	F64(ARG0(ctx));
	F64(ARG1(ctx));
	F32(ARG2(ctx) & 1);
	FIXED_END();
}

SYSCALL_EXIT(x_mlockall)
{
	FIXED(PPME_SYSCALL_MLOCKALL_X, 2, 12, BULK, 0);
	F64(ret);
	F32(ARG0(ctx) & 7);
	FIXED_END();
}

SYSCALL_EXIT(x_munlockall)
{
	FIXED(PPME_SYSCALL_MUNLOCKALL_X, 1, 8, BULK, 0);
	F64(ret);
	FIXED_END();
}

/* ---- processes ---------------------------------------------------------------------------- */

#define ID_EVENT(NAME, TYPE)                                                                                   \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		FIXED(TYPE, 1, 4, BULK, 0);                                                                    \
		F32(ret);                                                                                      \
		FIXED_END();                                                                                   \
	}

ID_EVENT(x_getuid, PPME_SYSCALL_GETUID_X)
ID_EVENT(x_geteuid, PPME_SYSCALL_GETEUID_X)
ID_EVENT(x_getgid, PPME_SYSCALL_GETGID_X)
ID_EVENT(x_getegid, PPME_SYSCALL_GETEGID_X)

static __always_inline uint32_t user_u32(uint64_t ptr)
{
	uint32_t v = 0;

	bpf_probe_read_user(&v, sizeof(v), (void *)ptr);
	return v;
}

#define IDS_READ(NAME, TYPE)                                                                                   \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		FIXED(TYPE, 4, 20, BULK, 0);                                                                   \
		F64(ret);                                                                                      \
		F32(user_u32(ARG0(ctx)));                                                                      \
		F32(user_u32(ARG1(ctx)));                                                                      \
		F32(user_u32(ARG2(ctx)));                                                                      \
		FIXED_END();                                                                                   \
	}

IDS_READ(x_getresuid, PPME_SYSCALL_GETRESUID_X)
IDS_READ(x_getresgid, PPME_SYSCALL_GETRESGID_X)

SYSCALL_EXIT(x_getrlimit)
{
	struct u_rlimit r = { -1, -1 };

	if (!ret)
		r = compat_ ? narrow_rlimit(ARG1(ctx)) : user_rlimit(ARG1(ctx));
	FIXED(PPME_SYSCALL_GETRLIMIT_X, 4, 25, BULK, 0);
	F64(ret);
	F64(r.cur);
	F64(r.max);
	F8(rlimit_resource(ARG0(ctx)));
	FIXED_END();
}

SYSCALL_EXIT(x_seccomp)
{
	FIXED(PPME_SYSCALL_SECCOMP_X, 3, 24, BULK, 0);
	F64(ret);
	F64(ARG0(ctx));
	F64(ARG1(ctx) & 0xffffffff);
	FIXED_END();
}

SYSCALL_EXIT(x_delete_module)
{
	uint64_t flags = ARG1(ctx);

	VAR(3, STATE_IF(ret >= 0));
	put_u64(s, ret);
	put_user_str(s, ARG0(ctx));
	put_u32(s, MOVE(flags, O_NONBLOCK, 2) | MOVE(flags, O_TRUNC, 1));
	VAR_END(PPME_SYSCALL_DELETE_MODULE_X);
}

#define VM_EVENT(NAME, TYPE)                                                                                   \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		VAR(3, BULK);                                                                                  \
		put_u64(s, ret);                                                                               \
		put_u64(s, FD(ARG0(ctx)));                                                                     \
		if (ret > 0)                                                                                   \
			put_iov_data(iov_load(s, ARG1(ctx), ARG2(ctx), compat_), snap(ret));                   \
		else                                                                                           \
			put_empty(s);                                                                          \
		VAR_END(TYPE);                                                                                 \
	}

VM_EVENT(x_process_vm_readv, PPME_SYSCALL_PROCESS_VM_READV_X)
VM_EVENT(x_process_vm_writev, PPME_SYSCALL_PROCESS_VM_WRITEV_X)

/* ---- waiting ------------------------------------------------------------------------------ */

SYSCALL_EXIT(x_epoll_wait)
{
	FIXED(PPME_SYSCALL_EPOLLWAIT_X, 2, 16, BULK, 0);
	F64(ret);
	F64(FD(ARG2(ctx)));
	FIXED_END();
}

SYSCALL_EXIT(x_select)
{
	FIXED(PPME_SYSCALL_SELECT_X, 1, 8, BULK, 0);
	F64(ret);
	FIXED_END();
}

SYSCALL_EXIT(x_nanosleep)
{
	uint64_t ts[2] = {};
	uint32_t v[2] = {};

	if (compat_) {
		bpf_probe_read_user(v, sizeof(v), (void *)ARG0(ctx));
		ts[0] = v[0];
		ts[1] = v[1];
	} else {
		bpf_probe_read_user(ts, sizeof(ts), (void *)ARG0(ctx));
	}
	FIXED(PPME_SYSCALL_NANOSLEEP_X, 2, 16, BULK, 0);
	F64(ret);
	F64(ts[0] * 1000000000 + ts[1]);
	FIXED_END();
}

SYSCALL_EXIT(x_futex)
{
	uint32_t op = ARG1(ctx);

	FIXED(PPME_SYSCALL_FUTEX_X, 4, 26, BULK, 0);
	F64(ret);
	F64(ARG0(ctx));
	F16(((op & 127) <= 12 ? op & 127 : 0) | (op & (128 | 256)));
	F64(ARG2(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_semget)
{
	uint64_t flags = ARG2(ctx);

	FIXED(PPME_SYSCALL_SEMGET_X, 4, 20, BULK, 0);
	F64(ret);
	F32(ARG0(ctx));
	F32(ARG1(ctx));
	F32(MOVE(flags, 01000, 8192) | MOVE(flags, 02000, 16384));
	FIXED_END();
}

SYSCALL_EXIT(x_io_uring_enter)
{
	FIXED(PPME_SYSCALL_IO_URING_ENTER_X, 6, 32, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F32(ARG1(ctx));
	F32(ARG2(ctx));
	F32(ARG3(ctx) & 15);
	F32(ARG4(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_io_uring_register)
{
	FIXED(PPME_SYSCALL_IO_URING_REGISTER_X, 5, 30, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F16(ARG1(ctx));
	F64(ARG2(ctx));
	F32(ARG3(ctx));
	FIXED_END();
}

/* ---- sockets ------------------------------------------------------------------------------ */

#define BARE_EVENT(NAME, TYPE)                                                                                 \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		FIXED(TYPE, 0, 0, BULK, 0);                                                                    \
		FIXED_END();                                                                                   \
	}

BARE_EVENT(x_getsockname, PPME_SOCKET_GETSOCKNAME_X)
BARE_EVENT(x_getpeername, PPME_SOCKET_GETPEERNAME_X)

#define MMSG_MAX 16 /* messages of one call that become events */

/* One message of a vector: an event of its own, whose result is the message's length. */
PART one_message(uint64_t at, uint64_t fd, uint32_t send, uint32_t compat)
{
	const uint32_t params = send ? 5 : 6;
	struct u_msghdr msg = {};
	uint32_t len = 0, n;
	struct scratch *s;

	if (read_msghdr(&msg, at, compat))
		return 0;
	bpf_probe_read_user(&len, sizeof(len), (void *)(at + (compat ? 28 : 56)));
	s = var_open(params, BULK);
	if (!s)
		return 0;
	n = iov_load(s, msg.iov, msg.iovlen, compat);
	put_u64(s, len);
	put_u64(s, FD(fd));
	put_u32(s, send ? iov_size(n) : len);
	put_iov_data(n, snap(len));
	put_tuple(fd, send, msg.name);
	if (!send)
		put_user_bytes(s, msg.control, msg.controllen <= 0xffff ? msg.controllen : 0);
	return var_close(s, send ? PPME_SOCKET_SENDMMSG_X : PPME_SOCKET_RECVMMSG_X, params, BULK);
}

static __always_inline int messages(int64_t ret, uint64_t fd, uint64_t vec, bool send, bool compat)
{
	const uint32_t params = send ? 5 : 6;
	struct scratch *s;
	int i;

	if (ret > 0) {
		for (i = 0; i < MMSG_MAX; i++) {
			if (i >= ret)
				break;
			one_message(vec + i * (compat ? 32 : 64), fd, send, compat);
		}
		return 0;
	}
	s = var_open(params, BULK);
	if (!s)
		return 0;
	put_u64(s, ret);
	put_u64(s, FD(fd));
	put_u32(s, 0);
	put_empty(s);
	put_empty(s);
	if (!send)
		put_empty(s);
	return var_close(s, send ? PPME_SOCKET_SENDMMSG_X : PPME_SOCKET_RECVMMSG_X, params, BULK);
}

SYSCALL_EXIT(x_sendmmsg)
{
	return messages(ret, FD(ARG0(ctx)), ARG1(ctx), true, compat_);
}

SYSCALL_EXIT(x_recvmmsg)
{
	return messages(ret, FD(ARG0(ctx)), ARG1(ctx), false, compat_);
}
