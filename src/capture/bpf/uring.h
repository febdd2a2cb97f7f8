/* io_uring: a request does what a system call does without one. What it is about is taken when it is submitted (its
 * paths are the kernel's own copies by then: no thread of the program can change them), and kept until it completes.
 *
 * Facts: the kernel's io_uring/, 6.1 to 6.18. A request that is said to leave no completion behind when it succeeds
 * (IOSQE_CQE_SKIP_SUCCESS) is reported as successful at once; if it fails, its completion tells that too. */
#pragma once
#include "capture/bpf/life.h"

/* Operations: the numbers are those of the kernel's interface. */
enum {
	U_READV = 1, U_WRITEV, U_READ_FIXED = 4, U_WRITE_FIXED, U_SENDMSG = 9, U_RECVMSG, U_ACCEPT = 13, U_CONNECT = 16,
	U_OPENAT = 18, U_CLOSE, U_READ = 22, U_WRITE, U_SEND = 26, U_RECV, U_OPENAT2, U_SHUTDOWN = 34, U_RENAMEAT,
	U_UNLINKAT, U_MKDIRAT, U_SYMLINKAT, U_LINKAT, U_SOCKET = 45, U_SEND_ZC = 47, U_SENDMSG_ZC, U_BIND = 56, U_LISTEN
};

/* Bits of a submission, kept in the request's flags. */
#define U_FIXED_FILE 1
#define U_BUFFER_SELECT 32
#define U_SKIP_SUCCESS 64
#define U_CQE_MORE 2 /* a completion's: others follow */
#define U_ANY_SLOT 0xffffffff /* the ring chooses, the result tells */

/* A member of a request's command. */
#define CMD(TYPE, MEMBER) BPF_CORE_READ((struct TYPE *)req, MEMBER)

static __always_inline int64_t slot_fd(uint32_t slot)
{
	return PROBE_URING_SLOT + (int64_t)(slot & 0xfffff);
}

static __always_inline void keep_path(char *to, uint32_t max, struct filename *name)
{
	const char *text = BPF_CORE_READ(name, name);

	to[0] = 0;
	if (text)
		bpf_probe_read_kernel_str(to, max, text);
}

/* Slots count from 1, 0: the new descriptor gets a number as others do. */
static __always_inline void keep_slot(struct uring_req *r, uint32_t slot)
{
	r->slot = slot != 0;
	r->slot_at = slot == U_ANY_SLOT ? slot : slot - 1;
}

static __always_inline bool is_family(uint16_t f)
{
	return f == AF_UNIX || f == AF_INET || f == AF_INET6;
}

/* Where the kernel has its copy of the address: since 6.17 or so by itself, from 6.10 on inside the state of a message
 * (which begins with a pointer or a count, never with a family); before, and for other families: NULL. */
static __always_inline void *kernel_address(struct io_kiocb *req)
{
	struct io_async_msghdr *m = BPF_CORE_READ(req, async_data);
	uint16_t family = 0;

	if (!m)
		return NULL;
	bpf_probe_read_kernel(&family, sizeof(family), m);
	if (is_family(family))
		return m;
	if (!bpf_core_field_exists(m->addr))
		return NULL;
	m = (void *)m + bpf_core_field_offset(struct io_async_msghdr, addr);
	bpf_probe_read_kernel(&family, sizeof(family), m);
	return is_family(family) ? m : NULL;
}

/* user: where the program has it, NULL when the request does not say. */
static __always_inline void keep_address(struct uring_req *r, struct io_kiocb *req, void *user, uint32_t len)
{
	void *copy = kernel_address(req);

	/* 16 words: what is behind the address must be zeros */
	for (int i = 0; i < 16; i++)
		((uint64_t *)r->text)[i] = 0;
	if (len > 120)
		len = 120;
	if (copy)
		bpf_probe_read_kernel(r->text, len, copy);
	else if (user)
		bpf_probe_read_user(r->text, len, user);
}

static __always_inline void keep_open(struct uring_req *r, struct io_kiocb *req)
{
	r->fd = CMD(io_open, dfd);
	r->v[0] = CMD(io_open, how.flags) & ~(uint64_t)O_LARGEFILE; /* the kernel adds it */
	r->v[1] = CMD(io_open, how.mode);
	r->v[2] = CMD(io_open, how.resolve);
	keep_slot(r, CMD(io_open, file_slot));
	keep_path(r->text, URING_TEXT, CMD(io_open, filename));
}

static __always_inline void keep_two_paths(struct uring_req *r, struct filename *from, struct filename *to)
{
	keep_path(r->text, URING_SECOND, from);
	keep_path(r->text + URING_SECOND, URING_TEXT - URING_SECOND, to);
}

static __always_inline void keep_names(struct uring_req *r, struct io_kiocb *req, uint32_t op)
{
	switch (op) {
	case U_UNLINKAT:
		r->fd = CMD(io_unlink, dfd);
		r->v[0] = CMD(io_unlink, flags);
		keep_path(r->text, URING_TEXT, CMD(io_unlink, filename));
		break;
	case U_MKDIRAT:
		r->fd = CMD(io_mkdir, dfd);
		r->v[0] = CMD(io_mkdir, mode);
		keep_path(r->text, URING_TEXT, CMD(io_mkdir, filename));
		break;
	case U_RENAMEAT:
		r->fd = CMD(io_rename, old_dfd);
		r->v[0] = CMD(io_rename, flags);
		r->v[1] = (int64_t)CMD(io_rename, new_dfd);
		keep_two_paths(r, CMD(io_rename, oldpath), CMD(io_rename, newpath));
		break;
	default: /* U_SYMLINKAT, U_LINKAT */
		r->fd = CMD(io_link, old_dfd);
		r->v[0] = CMD(io_link, flags);
		r->v[1] = (int64_t)CMD(io_link, new_dfd);
		keep_two_paths(r, CMD(io_link, oldpath), CMD(io_link, newpath));
		break;
	}
}

static __always_inline void keep_socket(struct uring_req *r, struct io_kiocb *req, uint32_t op)
{
	switch (op) {
	case U_SOCKET:
		r->v[0] = CMD(io_socket, domain);
		r->v[1] = CMD(io_socket, type);
		r->v[2] = CMD(io_socket, protocol);
		keep_slot(r, CMD(io_socket, file_slot));
		break;
	case U_ACCEPT:
		r->v[0] = CMD(io_accept, flags);
		keep_slot(r, CMD(io_accept, file_slot));
		break;
	case U_CONNECT:
		keep_address(r, req, CMD(io_connect, addr), CMD(io_connect, addr_len));
		break;
	case U_BIND:
		if (bpf_core_type_exists(struct io_bind))
			keep_address(r, req, NULL, CMD(io_bind, addr_len));
		break;
	case U_LISTEN:
		if (bpf_core_type_exists(struct io_listen))
			r->v[0] = CMD(io_listen, backlog);
		break;
	case U_SHUTDOWN:
		r->v[0] = CMD(io_shutdown, how);
		break;
	default: /* sends and receives */
		r->v[0] = (uint64_t)CMD(io_sr_msg, buf);
		r->v[1] = (uint32_t)CMD(io_sr_msg, len);
		break;
	}
}

static __always_inline void keep_command(struct uring_req *r, struct io_kiocb *req, uint32_t op, uint32_t flags)
{
	uint32_t slot;

	switch (op) {
	case U_OPENAT: case U_OPENAT2:
		keep_open(r, req);
		break;
	case U_CLOSE:
		slot = CMD(io_close, file_slot);
		r->fd = slot ? slot_fd(slot - 1) : CMD(io_close, fd);
		break;
	case U_UNLINKAT: case U_MKDIRAT: case U_RENAMEAT: case U_SYMLINKAT: case U_LINKAT:
		keep_names(r, req, op);
		break;
	case U_READ: case U_WRITE: case U_READV: case U_WRITEV: case U_READ_FIXED: case U_WRITE_FIXED:
		r->v[0] = flags & U_BUFFER_SELECT ? 0 : CMD(io_rw, addr);
		r->v[1] = CMD(io_rw, len);
		r->v[2] = CMD(io_rw, kiocb.ki_pos);
		break;
	default:
		keep_socket(r, req, op);
		if (flags & U_BUFFER_SELECT && (op == U_RECV || op == U_RECVMSG))
			r->v[0] = 0;
		break;
	}
}
