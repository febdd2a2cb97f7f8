/* Many idle threads: processes with threads that sleep, to start Saker beside. Prints "ready THREADS" when all are
 * there, ends when standard input does.
 *   bench_threads THREADS [PROCESSES]   default 10 processes */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#define STACK_BYTES (16 * 1024)

static void *sleeper(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

/* One process: tells its parent how many threads it could make, then sleeps. */
static void process(long threads, int tell)
{
	pthread_attr_t attr;
	pthread_t t;
	long n = 1; /* the first one */

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setguardsize(&attr, 0);
	while (n < threads && !pthread_create(&t, &attr, sleeper, NULL))
		n++;
	if (write(tell, &n, sizeof(n)) != sizeof(n))
		_exit(1);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	long threads = argc > 1 ? atol(argv[1]) : 0, processes = argc > 2 ? atol(argv[2]) : 10, sum = 0, n;
	pid_t *pid;
	int p[2];
	char c;

	if (threads < 1 || processes < 1 || threads < processes) {
		fprintf(stderr, "usage: %s THREADS [PROCESSES]\n", argv[0]);
		return 2;
	}
	pid = calloc((size_t)processes, sizeof(*pid));
	if (!pid || pipe(p)) {
		perror("threads");
		return 1;
	}
	for (long i = 0; i < processes; i++) {
		pid[i] = fork();
		if (!pid[i])
			process(threads / processes + (i < threads % processes), p[1]);
		if (pid[i] < 0) {
			perror("fork");
			return 1;
		}
	}
	for (long i = 0; i < processes; i++) {
		if (read(p[0], &n, sizeof(n)) != sizeof(n))
			return 1;
		sum += n;
	}
	printf("ready %ld\n", sum);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		continue;
	for (long i = 0; i < processes; i++)
		kill(pid[i], SIGKILL);
	while (wait(NULL) > 0)
		continue;
	return sum == threads ? 0 : 1;
}
