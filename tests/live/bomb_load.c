/* A fork and descriptor bomb that does not hurt the machine: many processes, each with a few thousand descriptors of files
 * with long names, and many more with an environment of their own, all alive at once until the time is up.
 *   bomb_load SECONDS DIRECTORY */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILLERS 250
#define FILES 4000
#define SLEEPERS 4000

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void fill(void)
{
	char name[201];

	die_with_parent();
	memset(name, 'f', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	for (int i = 0; i < FILES; i++)
		if (open(name, O_CREAT | O_RDWR, 0600) < 0)
			break;
	for (;;)
		pause();
}

static void sleeper(const char *self, unsigned n)
{
	static char text[3900];
	char *env[] = { text, NULL }, *args[] = { (char *)self, "-", NULL };

	die_with_parent();
	snprintf(text, sizeof(text), "BOMB=%u", n);
	memset(text + strlen(text), 'e', sizeof(text) - strlen(text) - 1);
	execve(self, args, env);
	_exit(1);
}

int main(int argc, char **argv)
{
	struct rlimit lim = { FILES + 100, FILES + 100 };
	unsigned fillers = 0, sleepers = 0, quick = 0;
	double end;
	pid_t pid;

	if (argc == 2) {
		die_with_parent();
		for (;;)
			pause();
	}
	if (argc < 3 || chdir(argv[2]))
		return 2;
	setrlimit(RLIMIT_NOFILE, &lim);
	end = now() + atof(argv[1]);
	while (now() < end) {
		pid = fork();
		if (!pid) {
			if (fillers < FILLERS)
				fill();
			if (sleepers < SLEEPERS)
				sleeper("/proc/self/exe", sleepers);
			_exit(0);
		}
		if (pid < 0) {
			usleep(1000);
		} else if (fillers < FILLERS) {
			fillers++;
			usleep(5000);
		} else if (sleepers < SLEEPERS) {
			sleepers++;
		} else {
			quick++;
			waitpid(pid, NULL, 0);
		}
	}
	printf("fillers %u sleepers %u quick %u\n", fillers, sleepers, quick);
	signal(SIGTERM, SIG_IGN);
	return 0; /* the others die with their parent */
}
