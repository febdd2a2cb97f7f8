/* Does one thing by a system call and by io_uring: reads FILE, connects to PORT of the loopback, where it listens, removes FILE.
 *
 *   uring_rules (call|ring|sqpoll) read FILE | connect PORT | remove FILE */
#include "ring.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct io_uring_sqe request(const char *what, const char *arg, const struct sockaddr_in *to, int s)
{
	if (!strcmp(what, "read"))
		return (struct io_uring_sqe){ .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uintptr_t)arg };
	if (!strcmp(what, "connect"))
		return (struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = s, .addr = (uintptr_t)to, .off = sizeof(*to) };
	return (struct io_uring_sqe){ .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .addr = (uintptr_t)arg };
}

static long by_call(const char *what, const char *arg, const struct sockaddr_in *to, int s)
{
	long r = !strcmp(what, "read")	    ? openat(AT_FDCWD, arg, O_RDONLY) :
		 !strcmp(what, "connect") ? connect(s, (const struct sockaddr *)to, sizeof(*to)) :
					    unlinkat(AT_FDCWD, arg, 0);

	return r < 0 ? -errno : r;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct io_uring_sqe sqe;
	struct ring ring;
	int s = -1;
	long r;

	if (argc != 4)
		return 2;
	if (!strcmp(argv[2], "connect")) {
		int l = socket(AF_INET, SOCK_STREAM, 0), on = 1;

		to.sin_port = htons((uint16_t)atoi(argv[3]));
		setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(l, (struct sockaddr *)&to, sizeof(to)) || listen(l, 5))
			return 3;
		s = socket(AF_INET, SOCK_STREAM, 0);
	}
	if (!strcmp(argv[1], "call")) {
		r = by_call(argv[2], argv[3], &to, s);
	} else {
		r = ring_open(&ring, strcmp(argv[1], "sqpoll") ? 0 : IORING_SETUP_SQPOLL);
		if (r) {
			fprintf(stderr, "io_uring: %s\n", strerror((int)-r));
			return 77;
		}
		sqe = request(argv[2], argv[3], &to, s);
		r = one(&ring, &sqe);
	}
	printf("%ld\n", r);
	return 0;
}
