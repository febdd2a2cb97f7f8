/* Load with a known number of events, at a pace: paced RATE SECONDS EVERY
 *
 * Makes RATE system calls a second for SECONDS: opens and closes of /dev/null, and at every EVERY-th the open of
 * /n/NNNNNNN, seven digits, counted from 1, which is not there. Opens are made by the call `open` itself where the machine
 * has it. Prints how many calls and how many numbers. Falls behind when the machine is slow; then it takes longer, and
 * says so on standard error. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS 1000000 /* calls of a millisecond are made at once */

static int open_it(const char *path)
{
#ifdef SYS_open
	return (int)syscall(SYS_open, path, O_RDONLY);
#else
	return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
#endif
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	unsigned long rate, total, every, calls = 0, numbers = 0;
	double from = now(), took;
	char path[32];
	int fd = -1;

	if (argc != 4)
		return 2;
	rate = strtoul(argv[1], NULL, 10);
	total = rate * strtoul(argv[2], NULL, 10);
	every = strtoul(argv[3], NULL, 10);
	while (calls < total) {
		unsigned long due = (unsigned long)((now() - from) * (double)rate);

		for (due = due < total ? due : total; calls < due; calls++) {
			if (calls % every == 0) {
				snprintf(path, sizeof(path), "/n/%07lu", ++numbers);
				open_it(path);
			} else if (fd < 0) {
				fd = open_it("/dev/null");
			} else {
				syscall(SYS_close, fd);
				fd = -1;
			}
		}
		nanosleep(&(struct timespec){ .tv_nsec = SLICE_NS }, NULL);
	}
	took = now() - from;
	fprintf(stderr, "%.0f calls a second\n", (double)calls / took);
	printf("%lu %lu\n", calls, numbers);
	return 0;
}
