/* Requests of io_uring: each must be seen as the system call that does the same, with what the request said. */
#include "calls.h"
#include "ring.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { OP_BIND = 56, OP_LISTEN = 57 }; /* newer than Debian 12's headers */

static unsigned long ino(long fd)
{
	struct stat st;

	return fstat((int)fd, &st) ? 0 : st.st_ino;
}

static struct io_uring_sqe path_op(uint8_t op, const char *path)
{
	return (struct io_uring_sqe){ .opcode = op, .fd = AT_FDCWD, .addr = (uintptr_t)path };
}

static void files(struct ring *r)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	struct io_uring_sqe q = path_op(IORING_OP_OPENAT, "uring.made");
	char text[32] = "seen through a ring";
	long fd, res, n;

	q.open_flags = O_CREAT | O_RDWR | O_TRUNC;
	q.len = 0640;
	fd = one(r, &q);
	want("SYSCALL_OPENAT_2_X fd=%ld dirfd=-100 name=\"uring.made\" flags=0x4107 mode=416 ino=%lu", fd, ino(fd));
	q = (struct io_uring_sqe){ .opcode = IORING_OP_WRITE, .fd = (int)fd, .addr = (uintptr_t)text, .len = 4, .off = 2 };
	n = one(r, &q);
	want("SYSCALL_PWRITE_X res=%ld data=7365656e fd=%ld size=4 pos=2", n, fd);
	q.opcode = IORING_OP_READ;
	q.addr = (uintptr_t)(text + 20);
	n = one(r, &q);
	want("SYSCALL_PREAD_X res=%ld data=7365656e fd=%ld size=4 pos=2", n, fd);
	q = (struct io_uring_sqe){ .opcode = IORING_OP_CLOSE, .fd = (int)fd };
	res = one(r, &q);
	want("SYSCALL_CLOSE_X res=%ld fd=%ld", res, fd);
	q = path_op(IORING_OP_OPENAT, "/nonexistent/uring");
	res = one(r, &q);
	want("SYSCALL_OPENAT_2_X fd=%ld dirfd=-100 name=\"/nonexistent/uring\" flags=0x1 mode=0 dev=0x0 ino=0", res);
	q = path_op(IORING_OP_OPENAT2, "uring.made");
	q.len = sizeof(how);
	q.off = (uintptr_t)&how;
	fd = one(r, &q);
	want("SYSCALL_OPENAT2_X fd=%ld dirfd=-100 name=\"uring.made\" flags=0x1001 mode=0 resolve=0x8 ino=%lu", fd, ino(fd));
	close((int)fd);
}

static void names(struct ring *r)
{
	struct io_uring_sqe q = path_op(IORING_OP_MKDIRAT, "uring.dir");
	long res;

	q.len = 0750;
	res = one(r, &q);
	want("SYSCALL_MKDIRAT_X res=%ld dirfd=-100 path=\"uring.dir\" mode=0x1e8", res);
	q = path_op(IORING_OP_SYMLINKAT, "uring.made");
	q.off = (uintptr_t)"uring.soft";
	res = one(r, &q);
	want("SYSCALL_SYMLINKAT_X res=%ld target=\"uring.made\" linkdirfd=-100 linkpath=\"uring.soft\"", res);
	q = path_op(IORING_OP_LINKAT, "uring.made");
	q.len = (uint32_t)AT_FDCWD;
	q.off = (uintptr_t)"uring.hard";
	res = one(r, &q);
	want("SYSCALL_LINKAT_2_X res=%ld olddir=-100 oldpath=\"uring.made\" newdir=-100 newpath=\"uring.hard\" flags=0x0", res);
	q = path_op(IORING_OP_RENAMEAT, "uring.soft");
	q.len = (uint32_t)AT_FDCWD;
	q.off = (uintptr_t)"uring.softer";
	q.rename_flags = 1; /* RENAME_NOREPLACE */
	res = one(r, &q);
	want("SYSCALL_RENAMEAT2_X res=%ld olddirfd=-100 oldpath=\"uring.soft\" newdirfd=-100 newpath=\"uring.softer\" flags=0x1", res);
	q = path_op(IORING_OP_UNLINKAT, "uring.dir");
	q.unlink_flags = AT_REMOVEDIR;
	res = one(r, &q);
	want("SYSCALL_UNLINKAT_2_X res=%ld dirfd=-100 name=\"uring.dir\" flags=0x200", res);
	unlink("uring.hard");
	unlink("uring.softer");
}

static const char *addr4(const struct sockaddr_in *a)
{
	unsigned char b[7] = { AF_INET };
	uint16_t port = ntohs(a->sin_port);

	memcpy(b + 1, &a->sin_addr, 4);
	memcpy(b + 5, &port, 2);
	return hex(b, sizeof(b));
}

static const char *tuple4(const struct sockaddr_in *from, const struct sockaddr_in *to)
{
	unsigned char b[13] = { AF_INET };
	uint16_t port = ntohs(from->sin_port);

	memcpy(b + 1, &from->sin_addr, 4);
	memcpy(b + 5, &port, 2);
	port = ntohs(to->sin_port);
	memcpy(b + 7, &to->sin_addr, 4);
	memcpy(b + 11, &port, 2);
	return hex(b, sizeof(b));
}

static void sockets(struct ring *r)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, ca;
	struct io_uring_sqe q = { .opcode = IORING_OP_SOCKET, .fd = AF_INET, .off = SOCK_STREAM | SOCK_CLOEXEC };
	socklen_t len = sizeof(sa), clen = sizeof(ca);
	char buf[16];
	long s = one(r, &q), c, a, res;

	if (s < 0) { /* older than 5.19 */
		s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	} else {
		want("SOCKET_SOCKET_X fd=%ld domain=2 type=%d proto=0 flags=0x1000", s, SOCK_STREAM | SOCK_CLOEXEC);
	}
	q = (struct io_uring_sqe){ .opcode = OP_BIND, .fd = (int)s, .addr = (uintptr_t)&sa, .addr2 = sizeof(sa) };
	res = one(r, &q);
	if (res == -EINVAL) /* older than 6.11 */
		bind((int)s, (struct sockaddr *)&sa, sizeof(sa));
	else
		want("SOCKET_BIND_X res=%ld addr=%s fd=%ld", res, addr4(&sa), s);
	q = (struct io_uring_sqe){ .opcode = OP_LISTEN, .fd = (int)s, .len = 5 };
	res = one(r, &q);
	if (res == -EINVAL)
		listen((int)s, 5);
	else
		want("SOCKET_LISTEN_X res=%ld fd=%ld backlog=5", res, s);
	getsockname((int)s, (struct sockaddr *)&sa, &len);
	c = socket(AF_INET, SOCK_STREAM, 0);
	q = (struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = (int)c, .addr = (uintptr_t)&sa, .off = sizeof(sa) };
	res = one(r, &q);
	getsockname((int)c, (struct sockaddr *)&ca, &clen);
	want("SOCKET_CONNECT_X res=%ld tuple=%s fd=%ld addr=%s @flags=0x1", res, tuple4(&ca, &sa), c, addr4(&sa));
	q = (struct io_uring_sqe){ .opcode = IORING_OP_ACCEPT, .fd = (int)s, .accept_flags = SOCK_CLOEXEC };
	a = one(r, &q);
	want("SOCKET_ACCEPT4_6_X fd=%ld tuple=%s queuepct=0 queuelen=0 queuemax=5 flags=0x1000", a, tuple4(&ca, &sa));
	q = (struct io_uring_sqe){ .opcode = IORING_OP_SEND, .fd = (int)c, .addr = (uintptr_t)"ring", .len = 4 };
	res = one(r, &q);
	want("SOCKET_SENDTO_X res=%ld data=72696e67 fd=%ld size=4 tuple=%s", res, c, tuple4(&ca, &sa));
	q = (struct io_uring_sqe){ .opcode = IORING_OP_RECV, .fd = (int)a, .addr = (uintptr_t)buf, .len = sizeof(buf) };
	res = one(r, &q);
	want("SOCKET_RECVFROM_X res=%ld data=72696e67 tuple=%s fd=%ld size=16", res, tuple4(&ca, &sa), a);
	q = (struct io_uring_sqe){ .opcode = IORING_OP_SHUTDOWN, .fd = (int)c, .len = SHUT_RDWR };
	res = one(r, &q);
	want("SOCKET_SHUTDOWN_X res=%ld fd=%ld how=0x2", res, c);
	close((int)a);
	close((int)c);
	close((int)s);
	c = socket(AF_INET, SOCK_STREAM, 0);
	q = (struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = (int)c, .addr = (uintptr_t)&sa, .off = sizeof(sa) };
	res = one(r, &q);
	want("SOCKET_CONNECT_X res=%ld tuple=- fd=%ld addr=%s @flags=0x0", res, c, addr4(&sa));
	close((int)c);
}

/* Ways around: no completion, a descriptor that only the ring knows, another thread of the kernel's doing the work. */
static void hidden(struct ring *r)
{
	int slots[2] = { -1, -1 };
	struct io_uring_sqe q = path_op(IORING_OP_OPENAT, "uring.made");

	q.flags = IOSQE_CQE_SKIP_SUCCESS;
	one(r, &q);
	want("SYSCALL_OPENAT_2_X fd=%d dirfd=-100 name=\"uring.made\" flags=0x1", 0x40000000 + 0xfffff);
	q = path_op(IORING_OP_OPENAT, "uring.made");
	q.flags = IOSQE_ASYNC;
	q.user_data = 1;
	want("SYSCALL_OPENAT_2_X fd=%ld dirfd=-100 name=\"uring.made\" flags=0x1", one(r, &q));
	if (!syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_FILES, slots, 2)) {
		q = path_op(IORING_OP_OPENAT, "uring.made");
		q.file_index = 2;
		one(r, &q);
		want("SYSCALL_OPENAT_2_X fd=%d dirfd=-100 name=\"uring.made\" flags=0x1", 0x40000000 + 1);
		q = (struct io_uring_sqe){ .opcode = IORING_OP_CLOSE, .file_index = 2 };
		one(r, &q);
		want("SYSCALL_CLOSE_X res=0 fd=%d", 0x40000000 + 1);
	}
	unlink("uring.made");
}

void uring(void)
{
	struct ring r;

	if (ring_open(&r, 0)) {
		fprintf(stderr, "note: no io_uring here\n");
		return;
	}
	files(&r);
	names(&r);
	sockets(&r);
	hidden(&r);
	close(r.fd);
}
