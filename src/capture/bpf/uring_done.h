/* Events of completed requests of io_uring: those of the system calls that do the same. */
#pragma once
#include "capture/bpf/uring.h"

struct uring_event {
	uint16_t type;
	uint8_t nparams, weight;
};

/* Type, parameters and weight of the event that an operation makes. */
static __always_inline struct uring_event uring_event(uint32_t op, int64_t ret)
{
	switch (op) {
	case U_READV:
		return (struct uring_event){ PPME_SYSCALL_PREADV_X, 5, BULK };
	case U_WRITEV:
		return (struct uring_event){ PPME_SYSCALL_PWRITEV_X, 5, BULK };
	case U_READ: case U_READ_FIXED:
		return (struct uring_event){ PPME_SYSCALL_PREAD_X, 5, BULK };
	case U_WRITE: case U_WRITE_FIXED:
		return (struct uring_event){ PPME_SYSCALL_PWRITE_X, 5, BULK };
	case U_SENDMSG: case U_SENDMSG_ZC:
		return (struct uring_event){ PPME_SOCKET_SENDMSG_X, 5, BULK };
	case U_RECVMSG:
		return (struct uring_event){ PPME_SOCKET_RECVMSG_X, 6, BULK };
	case U_SEND: case U_SEND_ZC:
		return (struct uring_event){ PPME_SOCKET_SENDTO_X, 5, BULK };
	case U_RECV:
		return (struct uring_event){ PPME_SOCKET_RECVFROM_X, 5, BULK };
	case U_ACCEPT:
		return (struct uring_event){ PPME_SOCKET_ACCEPT4_6_X, 6, BULK };
	case U_CONNECT:
		return (struct uring_event){ PPME_SOCKET_CONNECT_X, 4, STATE_IF(!ret || ret == -EINPROGRESS) };
	case U_OPENAT:
		return (struct uring_event){ PPME_SYSCALL_OPENAT_2_X, 7, BULK };
	case U_OPENAT2:
		return (struct uring_event){ PPME_SYSCALL_OPENAT2_X, 8, BULK };
	case U_CLOSE:
		return (struct uring_event){ PPME_SYSCALL_CLOSE_X, 2, BULK };
	case U_SHUTDOWN:
		return (struct uring_event){ PPME_SOCKET_SHUTDOWN_X, 3, BULK };
	case U_RENAMEAT:
		return (struct uring_event){ PPME_SYSCALL_RENAMEAT2_X, 6, BULK };
	case U_UNLINKAT:
		return (struct uring_event){ PPME_SYSCALL_UNLINKAT_2_X, 4, BULK };
	case U_MKDIRAT:
		return (struct uring_event){ PPME_SYSCALL_MKDIRAT_X, 4, BULK };
	case U_SYMLINKAT:
		return (struct uring_event){ PPME_SYSCALL_SYMLINKAT_X, 4, BULK };
	case U_LINKAT:
		return (struct uring_event){ PPME_SYSCALL_LINKAT_2_X, 6, BULK };
	case U_SOCKET:
		return (struct uring_event){ PPME_SOCKET_SOCKET_X, 5, BULK };
	case U_BIND:
		return (struct uring_event){ PPME_SOCKET_BIND_X, 3, BULK };
	case U_LISTEN:
		return (struct uring_event){ PPME_SOCKET_LISTEN_X, 3, BULK };
	default:
		return (struct uring_event){};
	}
}

static __always_inline void u_open(struct scratch *s, const struct uring_req *r, int64_t ret, bool how)
{
	struct file_facts ff;
	uint32_t made = opened(r->slot ? -1 : ret, &ff);

	put_u64(s, ret);
	put_u64(s, FD(r->fd));
	put_kernel_str(s, (uint64_t)r->text);
	put_u32(s, open_flags(r->v[0]) | made);
	put_u32(s, open_mode(r->v[0], r->v[1]));
	if (how)
		put_u32(s, resolve_flags(r->v[2]));
	put_u32(s, ff.dev);
	put_u64(s, ff.ino);
}

static __always_inline void u_names(struct scratch *s, const struct uring_req *r, int64_t ret)
{
	put_u64(s, ret);
	if (r->op == U_SYMLINKAT) {
		put_kernel_str(s, (uint64_t)r->text);
		put_u64(s, FD(r->v[1]));
		put_kernel_str(s, (uint64_t)r->text + URING_SECOND);
		return;
	}
	put_u64(s, FD(r->fd));
	put_kernel_str(s, (uint64_t)r->text);
	if (r->op == U_MKDIRAT) {
		put_u32(s, r->v[0]);
		return;
	}
	if (r->op == U_UNLINKAT) {
		put_u32(s, r->v[0] & 0x200);
		return;
	}
	put_u64(s, FD(r->v[1]));
	put_kernel_str(s, (uint64_t)r->text + URING_SECOND);
	put_u32(s, r->op == U_LINKAT ? r->v[0] & (0x400 | 0x1000) : r->v[0]);
}

static __always_inline void u_read_write(struct scratch *s, const struct uring_req *r, int64_t ret)
{
	uint32_t n;

	put_u64(s, ret);
	switch (r->op) {
	case U_READ: case U_READ_FIXED:
		put_read_data(s, r->v[0], ret);
		put_u64(s, r->fd);
		put_u32(s, r->v[1]);
		break;
	case U_WRITE: case U_WRITE_FIXED:
		put_write_data(s, r->v[0], ret, r->v[1]);
		put_u64(s, r->fd);
		put_u32(s, r->v[1]);
		break;
	case U_READV:
		n = ret > 0 ? iov_load(s, r->v[0], r->v[1], false) : 0;
		put_u32(s, ret > 0 ? ret : 0);
		put_iov_data(n, ret > 0 ? snap(ret) : 0);
		put_u64(s, r->fd);
		break;
	default:
		n = iov_load(s, r->v[0], r->v[1], false);
		put_iov_data(n, ret > 0 ? snap(ret) : config.snaplen);
		put_u64(s, r->fd);
		put_u32(s, iov_size(n));
		break;
	}
	put_u64(s, r->v[2]);
}

static __always_inline void u_message(struct scratch *s, const struct uring_req *r, int64_t ret, uint64_t sk)
{
	struct u_msghdr msg = {};
	bool in = r->op == U_RECVMSG;
	uint32_t n = 0;

	if (r->v[0] && !read_msghdr(&msg, r->v[0], false) && (!in || ret > 0))
		n = iov_load(s, msg.iov, msg.iovlen, false);
	put_u64(s, ret);
	if (in) {
		put_u32(s, ret > 0 ? ret : 0);
		put_iov_data(n, ret > 0 ? snap(ret) : 0);
		put_sock_tuple(ret >= 0 ? sk : 0, 0, msg.name);
		put_user_bytes(s, msg.control, ret >= 0 && msg.controllen <= 0xffff ? msg.controllen : 0);
		put_u64(s, r->fd);
		return;
	}
	put_iov_data(n, ret > 0 ? snap(ret) : config.snaplen);
	put_u64(s, r->fd);
	put_u32(s, iov_size(n));
	put_sock_tuple(ret >= 0 ? sk : 0, 1, msg.name);
}

static __always_inline void u_accept(struct scratch *s, const struct uring_req *r, int64_t ret, uint64_t listener)
{
	uint32_t len = 0, max = 0;

	put_u64(s, ret);
	if (ret >= 0 && !r->slot)
		put_tuple(ret, 0, 0);
	else
		put_empty(s);
	if (ret >= 0 && listener) {
		len = BPF_CORE_READ((struct sock *)listener, sk_ack_backlog);
		max = BPF_CORE_READ((struct sock *)listener, sk_max_ack_backlog);
	}
	put_u8(s, len && max ? (uint64_t)len * 100 / max : 0);
	put_u32(s, len);
	put_u32(s, max);
	put_u32(s, nonblock_cloexec(r->v[0]));
}

/* 16 words, zeros behind the address (keep_address). */
static __always_inline void u_address(struct scratch *s, const struct uring_req *r)
{
	for (int i = 0; i < 16; i++)
		((uint64_t *)s->tmp)[i] = ((const uint64_t *)r->text)[i];
	put_tmp_sockaddr(s->pos);
}

static __always_inline void u_socket(struct scratch *s, const struct uring_req *r, int64_t ret, uint64_t sk)
{
	put_u64(s, ret);
	switch (r->op) {
	case U_SOCKET:
		put_u32(s, r->v[0] & 0xff);
		put_u32(s, r->v[1]);
		put_u32(s, r->v[2]);
		put_u32(s, nonblock_cloexec(r->v[1]));
		break;
	case U_CONNECT:
		put_sock_tuple(!ret || ret == -EINPROGRESS ? sk : 0, 1, 0);
		put_u64(s, r->fd);
		u_address(s, r);
		break;
	case U_BIND:
		u_address(s, r);
		put_u64(s, r->fd);
		break;
	case U_LISTEN:
		put_u64(s, r->fd);
		put_u32(s, r->v[0]);
		break;
	case U_SHUTDOWN:
		put_u64(s, r->fd);
		put_u8(s, r->v[0] < 3 ? r->v[0] : 0xff);
		break;
	case U_RECV:
		put_read_data(s, r->v[0], ret);
		put_sock_tuple(ret >= 0 ? sk : 0, 0, 0);
		put_u64(s, r->fd);
		put_u32(s, r->v[1]);
		break;
	default: /* U_SEND */
		put_write_data(s, r->v[0], ret, r->v[1]);
		put_u64(s, r->fd);
		put_u32(s, r->v[1]);
		put_sock_tuple(ret >= 0 ? sk : 0, 1, 0);
		break;
	}
}

/* The event of a kept request. sk: the socket it works on, 0 none. */
PART uring_emit(uint64_t key, uint64_t result, uint64_t sk)
{
	const struct uring_req *r = bpf_map_lookup_elem(&uring_reqs, &key);
	int64_t ret = result;
	struct subject who = {};
	struct uring_event e;
	struct scratch *s;
	uint32_t op;

	if (!r)
		return 0;
	op = r->op;
	e = uring_event(op, ret);
	if (!e.type)
		return 0;
	cpu_state(bpf_get_smp_processor_id())->compat = 0;
	s = var_open_as(e.type, e.nparams, e.weight);
	if (!s)
		return 0;
	switch (op) {
	case U_OPENAT: case U_OPENAT2:
		u_open(s, r, ret, op == U_OPENAT2);
		break;
	case U_CLOSE:
		put_u64(s, ret);
		put_u64(s, r->fd);
		break;
	case U_UNLINKAT: case U_MKDIRAT: case U_RENAMEAT: case U_SYMLINKAT: case U_LINKAT:
		u_names(s, r, ret);
		break;
	case U_READ: case U_WRITE: case U_READV: case U_WRITEV: case U_READ_FIXED: case U_WRITE_FIXED:
		u_read_write(s, r, ret);
		break;
	case U_SENDMSG: case U_SENDMSG_ZC: case U_RECVMSG:
		u_message(s, r, ret, sk);
		break;
	case U_ACCEPT:
		u_accept(s, r, ret, sk);
		break;
	default:
		u_socket(s, r, ret, sk);
		break;
	}
	who.tid = r->tid;
	who.tgid = r->tgid;
	who.flags = e.weight ? EVT_ENV_CRITICAL : 0;
	return var_close_as(s, e.type, e.nparams, e.weight, &who);
}

/* A result as the program would see it, were the descriptor one of its own. */
static __always_inline int64_t uring_result(const struct uring_req *r, int64_t ret)
{
	if (ret < 0 || !r->slot)
		return ret;
	return slot_fd(r->slot_at == U_ANY_SLOT ? ret : r->slot_at);
}

static __always_inline uint64_t req_sock(struct io_kiocb *req, uint32_t op)
{
	switch (op) {
	case U_SENDMSG: case U_SENDMSG_ZC: case U_RECVMSG: case U_SEND: case U_SEND_ZC: case U_RECV: case U_CONNECT: case U_ACCEPT:
		return (uint64_t)file_sock(BPF_CORE_READ(req, file));
	default:
		return 0;
	}
}

/* Of the ring's own threads the state knows nothing: their requests are their process's. */
static __always_inline void keep_caller(struct uring_req *r)
{
	uint64_t id = bpf_get_current_pid_tgid();

	r->tgid = id >> 32;
	r->tid = BPF_CORE_READ(current_task(), flags) & PF_IO_WORKER ? r->tgid : (uint32_t)id;
}

SEC("saker/uring_submit")
int on_uring_submit(uint64_t *ctx)
{
	struct scratch *s = scratch_here();
	struct io_kiocb *req;
	struct uring_req *r;
	uint32_t op, nr, flags;
	uint64_t key;

	if (!enabled || !s)
		return 0;
	req = untyped(s, (void *)ctx[0]);
	key = (uint64_t)req;
	op = BPF_CORE_READ(req, opcode);
	if (op >= PROBE_URING_OPS)
		return 0;
	nr = uring_nr[op];
	if (nr >= PROBE_MAX_NR || !interest[nr & (PROBE_MAX_NR - 1)] || own_call())
		return 0;
	if (s->nest++) {
		s->nest--;
		return lost(PD_SCRATCH, exit_type[nr & (PROBE_MAX_NR - 1)], 0);
	}
	_Static_assert(sizeof(*r) <= TMP_SIZE, "a request is put together in tmp");
	r = (struct uring_req *)s->tmp;
	flags = BPF_CORE_READ(req, flags);
	keep_caller(r);
	r->nr = nr;
	r->op = op;
	r->slot = 0;
	r->fd = BPF_CORE_READ(req, cqe.fd);
	if (flags & U_FIXED_FILE)
		r->fd = slot_fd(r->fd);
	keep_command(r, req, op, flags);
	if (bpf_map_update_elem(&uring_reqs, &key, r, BPF_ANY))
		lost(PD_SCRATCH, exit_type[nr & (PROBE_MAX_NR - 1)], 0);
	flags = flags & U_SKIP_SUCCESS ? 1 + (op == U_OPENAT || op == U_OPENAT2 || op == U_SOCKET || op == U_ACCEPT) : 0;
	s->nest--;
	if (flags)
		uring_emit(key, flags == 2 ? slot_fd(-1) : 0, req_sock(req, op));
	return 0;
}

SEC("saker/uring_done")
int on_uring_done(uint64_t *ctx)
{
	struct scratch *s = scratch_here();
	const struct uring_req *r;
	struct io_uring_cqe *cqe;
	uint32_t more;
	uint64_t key;
	int64_t ret;

	if (!enabled || !s)
		return 0;
	key = (uint64_t)untyped(s, (void *)ctx[1]);
	r = bpf_map_lookup_elem(&uring_reqs, &key);
	if (!r)
		return 0;
	if (config.uring_cqe) {
		cqe = untyped(s, (void *)ctx[2]);
		ret = BPF_CORE_READ(cqe, res);
		more = BPF_CORE_READ(cqe, flags) & U_CQE_MORE;
	} else {
		ret = (int32_t)ctx[3];
		more = ctx[4] & U_CQE_MORE;
	}
	if (!config.drop_failed || ret >= 0)
		uring_emit(key, uring_result(r, ret), req_sock((struct io_kiocb *)key, r->op));
	if (!more)
		bpf_map_delete_elem(&uring_reqs, &key);
	return 0;
}
