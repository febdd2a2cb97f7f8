/* A process with one descriptor of each kind, threads with credentials and names of their own, and a title over its
 * arguments. For test_scan.sh: scan_zoo DIRECTORY; prints ready, sleeps. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

static void *other(void *arg)
{
	(void)arg;
	pthread_setname_np(pthread_self(), "odd\n\\name");
	syscall(SYS_setresuid, -1, 1234, -1); /* of this thread alone */
	pause();
	return NULL;
}

static void ip_pair(int family, int type, struct sockaddr *a, socklen_t len)
{
	int s = socket(family, type, 0), c = socket(family, type | SOCK_CLOEXEC, 0);

	if (bind(s, a, len) || getsockname(s, a, &len))
		return;
	if (type == SOCK_STREAM && listen(s, 5))
		return;
	if (connect(c, a, len) == 0 && type == SOCK_STREAM)
		accept(s, NULL, NULL);
}

static void sockets(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "zoo.sock" };
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK };
	int s, pair[2];

	ip_pair(AF_INET, SOCK_STREAM, (struct sockaddr *)&in, sizeof(in));
	in.sin_port = 0;
	ip_pair(AF_INET, SOCK_DGRAM, (struct sockaddr *)&in, sizeof(in));
	ip_pair(AF_INET6, SOCK_STREAM, (struct sockaddr *)&in6, sizeof(in6));
	in6.sin6_port = 0;
	ip_pair(AF_INET6, SOCK_DGRAM, (struct sockaddr *)&in6, sizeof(in6));
	socket(AF_INET, SOCK_STREAM, 0); /* in none of the kernel's tables */
	socket(AF_INET, SOCK_DGRAM, 0);
	socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(s, (struct sockaddr *)&un, sizeof(un));
	listen(s, 1);
	s = socket(AF_UNIX, SOCK_DGRAM, 0);
	memcpy(un.sun_path, "\0abs\0tract", 10);
	bind(s, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 10));
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	bind(s, (struct sockaddr *)&nl, sizeof(nl));
}

static void files(void)
{
	sigset_t set;
	int p[2];

	sigemptyset(&set);
	open("plain", O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	open("gone", O_CREAT | O_RDWR | O_NONBLOCK, 0600);
	unlink("gone");
	open(".", O_RDONLY | O_DIRECTORY);
	open(".", O_RDWR | O_TMPFILE, 0600);
	open("/dev/null", O_RDWR);
	open("/proc/self/status", O_RDONLY);
	open(".", O_PATH);
	pipe2(p, O_CLOEXEC);
	mknod("fifo", S_IFIFO | 0600, 0);
	open("fifo", O_RDWR);
	eventfd(0, 0);
	epoll_create1(0);
	inotify_init1(0);
	signalfd(-1, &set, 0);
	timerfd_create(CLOCK_MONOTONIC, 0);
	memfd_create("zoo", 0);
	syscall(SYS_pidfd_open, getpid(), 0);
	dup2(1, 700); /* in a later word of the table */
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc < 2 || chdir(argv[1]))
		return 1;
	files();
	sockets();
	for (int i = 0; i < 20; i++)
		pthread_create(&t, NULL, other, NULL);
	prctl(PR_SET_NAME, "zoo");
	sleep(1); /* until they have their names */
	memset(argv[0], 'z', strlen(argv[0]) + 1 + strlen(argv[1]) + 1);
	printf("ready\n");
	fflush(stdout);
	pause();
	return 0;
}
