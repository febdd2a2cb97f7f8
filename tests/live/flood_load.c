/* Load for the flood test: makes system calls as fast as it can and says how many.
 *
 *   load flood PROGRAMS LEAF   two threads open and close a file until PROGRAMS short programs have been run
 *   load trickle               opens a file every 200 us until standard input is closed
 *   load leaf                  ends at once (LEAF is this program under a name of its own)
 *
 * Opens are made by the call `open` itself where the machine has it: the C library uses openat, so that every
 * event of that type comes from here. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_bool stop;

static int open_it(void)
{
#ifdef SYS_open
	return (int)syscall(SYS_open, "/dev/null", O_RDONLY);
#else
	return (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
#endif
}

static void *flooder(void *arg)
{
	unsigned long *n = arg;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		int fd = open_it();

		if (fd < 0)
			exit(3);
		syscall(SYS_close, fd);
		++*n;
	}
	return NULL;
}

static int flood(int programs, const char *leaf)
{
	static unsigned long n[2][8]; /* not on one cache line */
	char *const argv[] = { (char *)leaf, "leaf", NULL }, *const env[] = { NULL };
	pthread_t t[2];
	int bad = 0;

	for (int i = 0; i < 2; i++) {
		if (pthread_create(&t[i], NULL, flooder, n[i]))
			return 3;
	}
	for (int i = 0; i < programs; i++) {
		pid_t pid;
		int st = 1;

		if (posix_spawn(&pid, leaf, NULL, NULL, argv, env) || waitpid(pid, &st, 0) != pid || st)
			bad++;
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	printf("%lu\n", n[0][0] + n[1][0]);
	return bad != 0;
}

static int trickle(void)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	struct timespec nap = { 0, 200000 };
	unsigned long n = 0;

	for (;;) {
		int fd = open_it();

		if (fd < 0)
			return 3;
		syscall(SYS_close, fd);
		n++;
		if (poll(&p, 1, 0) > 0)
			break;
		nanosleep(&nap, NULL);
	}
	printf("%lu\n", n);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "flood"))
		return flood(atoi(argv[2]), argv[3]);
	if (argc == 2 && !strcmp(argv[1], "trickle"))
		return trickle();
	return argc == 2 && !strcmp(argv[1], "leaf") ? 0 : 2;
}
