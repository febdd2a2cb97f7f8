/* Start-up time and event-to-line latency of a running daemon.
 *
 * Starts the command given (it must print alerts on stdout and a line with "ready" on stderr), then
 * opens FILE again and again with pauses and waits for a line on stdout each time. Prints the time from
 * exec to "ready", from exec to the line of the first event, and the distribution from open() to the line.
 *
 * From the start on FILE is opened every 2 ms until the first line arrives, so "first event" is the
 * first moment at which the daemon detects anything at all.
 *
 * usage: bench_latency [-n count] [-p pause_ms] FILE COMMAND [ARG ...] */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void touch(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
}

/* Reads what is there; true when it held a line with what (NULL: any line). */
static bool drain(int fd, int wait_ms, const char *what)
{
	static char buf[1 << 16];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool seen = false;

	while (poll(&p, 1, seen ? 0 : wait_ms) > 0) {
		ssize_t n = read(fd, buf, sizeof(buf) - 1);

		if (n <= 0)
			return seen;
		buf[n] = '\0';
		if (!what ? memchr(buf, '\n', (size_t)n) != NULL : strstr(buf, what) != NULL)
			seen = true;
	}
	return seen;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void set_nonblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int main(int argc, char **argv)
{
	int n = 200, pause_ms = 10, opt, out[2], err[2], status;
	double start, ready = -1, first = -1, *ms;
	pid_t pid;

	while ((opt = getopt(argc, argv, "+n:p:")) != -1) {
		if (opt == 'n')
			n = atoi(optarg);
		else if (opt == 'p')
			pause_ms = atoi(optarg);
		else
			return 2;
	}
	if (argc - optind < 2 || n < 1 || !(ms = calloc((size_t)n, sizeof(*ms))) || pipe(out) || pipe(err))
		return 2;
	start = now_ms();
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		dup2(err[1], 2);
		execvp(argv[optind + 1], argv + optind + 1);
		_exit(127);
	}
	set_nonblock(out[0]);
	set_nonblock(err[0]);
	while (now_ms() - start < 30000 && (ready < 0 || first < 0)) {
		touch(argv[optind]);
		if (ready < 0 && drain(err[0], 0, "ready"))
			ready = now_ms() - start;
		if (first < 0 && drain(out[0], 0, NULL))
			first = now_ms() - start;
		usleep(2000);
	}
	usleep(200000);
	drain(out[0], 0, NULL);
	int got = 0, lost = 0;

	for (int i = 0; i < n && ready >= 0; i++) {
		double t = now_ms();

		touch(argv[optind]);
		if (drain(out[0], 1000, NULL))
			ms[got++] = now_ms() - t;
		else
			lost++;
		usleep((useconds_t)(pause_ms * 1000 + i % 7 * 300));
	}
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	qsort(ms, (size_t)got, sizeof(*ms), by_value);
	printf("ready_ms %.0f first_alert_ms %.0f lines %d lost %d", ready, first, got, lost);
	if (got)
		printf(" p50_ms %.2f p99_ms %.2f max_ms %.2f", ms[got / 2], ms[(int)((got - 1) * 0.99)], ms[got - 1]);
	printf("\n");
	free(ms);
	return ready < 0 || !got;
}
