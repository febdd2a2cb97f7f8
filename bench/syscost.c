/* What a system call costs: ns per call of a program that makes nothing else, for bench/run.sh probe.
 *
 *   bench_syscost ROUNDS
 *
 * Prints one line per kind, the median of ROUNDS rounds of some 30 ms each: getppid (of no interest to any rule), an
 * open and close of /dev/null, a connect that is refused, and a fork, exec and wait of /bin/true. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUND_NS 30000000.0
#define ROUNDS_MAX 200

extern char **environ;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void uninteresting(void)
{
	syscall(SYS_getppid);
}

static void open_close(void)
{
	int fd = open("/dev/null", O_RDONLY);

	if (fd < 0)
		fail("open");
	close(fd);
}

static void connect_refused(void)
{
	static int s = -1;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (s < 0)
		s = socket(AF_INET, SOCK_STREAM, 0);
	if (!connect(s, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
}

static void fork_exec(void)
{
	char *argv[] = { "true", NULL };
	pid_t pid;
	int status;

	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) || waitpid(pid, &status, 0) != pid)
		fail("/bin/true");
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(const char *name, void (*call)(void), unsigned rounds)
{
	double per[ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++) {
		uint64_t n = 0;
		double from = now_ns(), t;

		do {
			for (int k = 0; k < 16; k++)
				call();
			n += 16;
			t = now_ns() - from;
		} while (t < ROUND_NS);
		per[i] = t / (double)n;
	}
	qsort(per, rounds, sizeof(per[0]), by_value);
	printf("%s %.1f\n", name, per[rounds / 2]);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 0;

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench_syscost ROUNDS (1 to %d)\n", ROUNDS_MAX);
		return 2;
	}
	measure("uninteresting", uninteresting, (unsigned)rounds);
	measure("open+close", open_close, (unsigned)rounds);
	measure("connect", connect_refused, (unsigned)rounds);
	measure("fork+exec", fork_exec, (unsigned)rounds);
	return 0;
}
