/* Load for live benchmarks: threads that open and close /dev/null as fast as they can, and count what
 * they did. Prints one line: threads, seconds, events (an open and a close are two), events per
 * second, ns per event, CPU seconds used.
 *
 * usage: bench_load [-t threads] [-s seconds] [-r events per second, 0 = as fast as it goes] */
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static atomic_bool stop;
static uint64_t rate; /* per thread, events per second */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *run(void *arg)
{
	uint64_t n = 0;
	double start = now();

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (int i = 0; i < 32; i++) {
			int fd = open("/dev/null", O_RDONLY);

			if (fd < 0) {
				perror("open /dev/null");
				exit(1);
			}
			close(fd);
		}
		n += 64;
		while (rate && (double)n / (double)rate > now() - start &&
		       !atomic_load_explicit(&stop, memory_order_relaxed))
			usleep(1000);
	}
	*(uint64_t *)arg = n;
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = 1, opt;
	double seconds = 5, begin;
	uint64_t events = 0;
	struct rusage ru;

	while ((opt = getopt(argc, argv, "t:s:r:")) != -1) {
		if (opt == 't')
			threads = atoi(optarg);
		else if (opt == 's')
			seconds = atof(optarg);
		else if (opt == 'r')
			rate = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	if (threads < 1 || threads > 256)
		return 2;
	rate /= (uint64_t)threads;
	pthread_t *t = calloc((size_t)threads, sizeof(*t));
	uint64_t *count = calloc((size_t)threads, sizeof(*count));

	if (!t || !count)
		return 1;
	begin = now();
	for (int i = 0; i < threads; i++)
		if (pthread_create(&t[i], NULL, run, &count[i]))
			return 1;
	usleep((useconds_t)(seconds * 1e6));
	atomic_store(&stop, true);
	for (int i = 0; i < threads; i++) {
		pthread_join(t[i], NULL);
		events += count[i];
	}
	seconds = now() - begin;
	getrusage(RUSAGE_SELF, &ru);
	printf("threads %d seconds %.3f events %llu per_second %.0f ns_per_event %.1f cpu_seconds %.2f\n", threads,
	       seconds, (unsigned long long)events, (double)events / seconds,
	       seconds * 1e9 * threads / (double)events,
	       (double)ru.ru_utime.tv_sec + (double)ru.ru_utime.tv_usec / 1e6 + (double)ru.ru_stime.tv_sec +
		       (double)ru.ru_stime.tv_usec / 1e6);
	free(t);
	free(count);
	return 0;
}
