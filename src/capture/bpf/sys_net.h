/* Exit events of reads, writes and the socket calls. Parameters and order: contract/events.def. */
#pragma once
#include "capture/bpf/sys_file.h"

/* ---- reads and writes --------------------------------------------------------------------- */

/* Payload of a read: what was read. Of a write: what was written, or on failure what was meant. */
static __always_inline void put_read_data(struct scratch *s, uint64_t ptr, int64_t ret)
{
	put_user_bytes(s, ptr, ret > 0 ? snap(ret) : 0);
}

static __always_inline void put_write_data(struct scratch *s, uint64_t ptr, int64_t ret, uint64_t size)
{
	put_user_bytes(s, ptr, snap(ret > 0 ? ret : (int64_t)(size & 0x7fffffffffffffffULL)));
}

/* A file position takes two registers of a 32-bit caller. */
#define POSITION(ctx) (compat_ ? ARG3(ctx) | ARG4(ctx) << 32 : ARG3(ctx))

SYSCALL_EXIT(x_read)
{
	VAR(4, BULK);
	put_u64(s, ret);
	put_read_data(s, ARG1(ctx), ret);
	put_u64(s, FD(ARG0(ctx)));
	put_u32(s, ARG2(ctx));
	VAR_END(PPME_SYSCALL_READ_X);
}

SYSCALL_EXIT(x_write)
{
	uint64_t size = ARG2(ctx);

	VAR(4, BULK);
	put_u64(s, ret);
	put_write_data(s, ARG1(ctx), ret, size);
	put_u64(s, FD(ARG0(ctx)));
	put_u32(s, size);
	VAR_END(PPME_SYSCALL_WRITE_X);
}

SYSCALL_EXIT(x_pread64)
{
	VAR(5, BULK);
	put_u64(s, ret);
	put_read_data(s, ARG1(ctx), ret);
	put_u64(s, FD(ARG0(ctx)));
	put_u32(s, ARG2(ctx));
	put_u64(s, POSITION(ctx));
	VAR_END(PPME_SYSCALL_PREAD_X);
}

SYSCALL_EXIT(x_pwrite64)
{
	uint64_t size = ARG2(ctx);

	VAR(5, BULK);
	put_u64(s, ret);
	put_write_data(s, ARG1(ctx), ret, size);
	put_u64(s, FD(ARG0(ctx)));
	put_u32(s, size);
	put_u64(s, POSITION(ctx));
	VAR_END(PPME_SYSCALL_PWRITE_X);
}

/* res, size, data, fd: a failed read has size 0 and no data. */
static __always_inline void put_readv(struct scratch *s, uint64_t *ctx, int64_t ret, bool compat_)
{
	uint32_t n = 0;

	put_u64(s, ret);
	if (ret > 0) {
		n = iov_load(s, ARG1(ctx), ARG2(ctx), compat_);
		put_u32(s, ret);
		put_iov_data(n, snap(ret));
	} else {
		put_u32(s, 0);
		put_empty(s);
	}
	put_u64(s, FD(ARG0(ctx)));
}

static __always_inline void put_writev(struct scratch *s, uint64_t *ctx, int64_t ret, bool compat_)
{
	uint32_t n = iov_load(s, ARG1(ctx), ARG2(ctx), compat_);

	put_u64(s, ret);
	put_iov_data(n, ret > 0 ? snap(ret) : config.snaplen);
	put_u64(s, FD(ARG0(ctx)));
	put_u32(s, iov_size(n));
}

SYSCALL_EXIT(x_readv)
{
	VAR(4, BULK);
	put_readv(s, ctx, ret, compat_);
	VAR_END(PPME_SYSCALL_READV_X);
}

SYSCALL_EXIT(x_writev)
{
	VAR(4, BULK);
	put_writev(s, ctx, ret, compat_);
	VAR_END(PPME_SYSCALL_WRITEV_X);
}

SYSCALL_EXIT(x_preadv)
{
	VAR(5, BULK);
	put_readv(s, ctx, ret, compat_);
	put_u64(s, POSITION(ctx));
	VAR_END(PPME_SYSCALL_PREADV_X);
}

SYSCALL_EXIT(x_pwritev)
{
	VAR(5, BULK);
	put_writev(s, ctx, ret, compat_);
	put_u64(s, POSITION(ctx));
	VAR_END(PPME_SYSCALL_PWRITEV_X);
}

/* ---- sockets ------------------------------------------------------------------------------ */

SYSCALL_EXIT(x_socket)
{
	uint64_t type = ARG1(ctx);

	FIXED(PPME_SOCKET_SOCKET_X, 5, 24, BULK, 0);
	F64(ret);
	F32(ARG0(ctx) & 0xff);
	F32(type);
	F32(ARG2(ctx));
	F32(nonblock_cloexec(type));
	FIXED_END();
}

SYSCALL_EXIT(x_socketpair)
{
	uint64_t source = 0, peer = 0;
	int32_t fd[2] = { -1, -1 };

	if (!ret) {
		bpf_probe_read_user(fd, sizeof(fd), (void *)ARG3(ctx));
		source = (uint64_t)fd_sock(fd[0]);
		if (source)
			peer = (uint64_t)BPF_CORE_READ((struct unix_sock *)source, peer);
	}
	FIXED(PPME_SOCKET_SOCKETPAIR_X, 8, 52, BULK, 0);
	F64(ret);
	F64((int64_t)fd[0]);
	F64((int64_t)fd[1]);
	F64(source);
	F64(peer);
	F32(ARG0(ctx) & 0xff);
	F32(ARG1(ctx));
	F32(ARG2(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_bind)
{
	VAR(3, BULK);
	put_u64(s, ret);
	put_sockaddr(ARG1(ctx), ARG2(ctx) & 0xffff);
	put_u64(s, FD(ARG0(ctx)));
	VAR_END(PPME_SOCKET_BIND_X);
}

SYSCALL_EXIT(x_connect)
{
	bool done = !ret || ret == -EINPROGRESS;
	int64_t fd = FD(ARG0(ctx));

	VAR(4, STATE_IF(done));
	put_u64(s, ret);
	if (done)
		put_tuple(fd, 1, ARG1(ctx));
	else
		put_empty(s);
	put_u64(s, fd);
	put_sockaddr(ARG1(ctx), ARG2(ctx) & 0xffff);
	VAR_END(PPME_SOCKET_CONNECT_X);
}

SYSCALL_EXIT(x_listen)
{
	FIXED(PPME_SOCKET_LISTEN_X, 3, 20, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F32(ARG1(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_shutdown)
{
	uint32_t how = ARG1(ctx);

	FIXED(PPME_SOCKET_SHUTDOWN_X, 3, 17, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F8(how < 3 ? how : 0xff);
	FIXED_END();
}

/* fd, tuple, and how full the listener's queue is. */
static __always_inline void put_accept(struct scratch *s, uint64_t *ctx, int64_t ret, bool compat_)
{
	uint32_t len = 0, max = 0;
	struct sock *sk;

	put_u64(s, ret);
	if (ret >= 0) {
		put_tuple(ret, 0, 0);
		sk = fd_sock(FD(ARG0(ctx)));
		if (sk) {
			len = BPF_CORE_READ(sk, sk_ack_backlog);
			max = BPF_CORE_READ(sk, sk_max_ack_backlog);
		}
	} else {
		put_empty(s);
	}
	put_u8(s, len && max ? (uint64_t)len * 100 / max : 0);
	put_u32(s, len);
	put_u32(s, max);
}

SYSCALL_EXIT(x_accept)
{
	VAR(5, BULK);
	put_accept(s, ctx, ret, compat_);
	VAR_END(PPME_SOCKET_ACCEPT_5_X);
}

SYSCALL_EXIT(x_accept4)
{
	VAR(6, BULK);
	put_accept(s, ctx, ret, compat_);
	put_u32(s, nonblock_cloexec(ARG3(ctx)));
	VAR_END(PPME_SOCKET_ACCEPT4_6_X);
}

SYSCALL_EXIT(x_sendto)
{
	uint32_t size = ARG2(ctx);
	int64_t fd = FD(ARG0(ctx));

	VAR(5, BULK);
	put_u64(s, ret);
	put_write_data(s, ARG1(ctx), ret, size);
	put_u64(s, fd);
	put_u32(s, size);
	if (ret >= 0)
		put_tuple(fd, 1, ARG4(ctx));
	else
		put_empty(s);
	VAR_END(PPME_SOCKET_SENDTO_X);
}

SYSCALL_EXIT(x_recvfrom)
{
	int64_t fd = FD(ARG0(ctx));

	VAR(5, BULK);
	put_u64(s, ret);
	put_read_data(s, ARG1(ctx), ret);
	if (ret >= 0)
		put_tuple(fd, 0, ARG4(ctx));
	else
		put_empty(s);
	put_u64(s, fd);
	put_u32(s, ARG2(ctx));
	VAR_END(PPME_SOCKET_RECVFROM_X);
}

SYSCALL_EXIT(x_sendmsg)
{
	struct u_msghdr msg = {};
	int64_t fd = FD(ARG0(ctx));
	uint32_t n;

	VAR(5, BULK);
	put_u64(s, ret);
	if (read_msghdr(&msg, ARG1(ctx), compat_)) {
		put_empty(s);
		put_u64(s, fd);
		put_empty(s);
		put_empty(s);
	} else {
		n = iov_load(s, msg.iov, msg.iovlen, compat_);
		put_iov_data(n, ret > 0 ? snap(ret) : config.snaplen);
		put_u64(s, fd);
		put_u32(s, iov_size(n));
		if (ret >= 0)
			put_tuple(fd, 1, msg.name);
		else
			put_empty(s);
	}
	VAR_END(PPME_SOCKET_SENDMSG_X);
}

SYSCALL_EXIT(x_recvmsg)
{
	struct u_msghdr msg = {};
	int64_t fd = FD(ARG0(ctx));
	uint32_t n;

	VAR(6, BULK);
	put_u64(s, ret);
	if (ret >= 0) {
		put_u32(s, ret);
		read_msghdr(&msg, ARG1(ctx), compat_);
		n = iov_load(s, msg.iov, msg.iovlen, compat_);
		put_iov_data(n, snap(ret));
		put_tuple(fd, 0, msg.name);
		put_user_bytes(s, msg.control, msg.controllen <= 0xffff ? msg.controllen : 0);
	} else {
		put_u32(s, 0);
		put_empty(s);
		put_empty(s);
		put_empty(s);
	}
	put_u64(s, fd);
	VAR_END(PPME_SOCKET_RECVMSG_X);
}
