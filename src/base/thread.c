/* Named threads and clocks. Called by main to start every thread of the daemon; the role set here is
 * what debug assertions elsewhere look at. */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Thread_local enum base_role base_role = ROLE_NONE;

struct start {
	enum base_role role;
	char name[16];
	void *(*fn)(void *);
	void *arg;
};

/* [any] First code of a new thread. The argument block is its own from here on. */
static void *thread_main(void *p)
{
	struct start s = *(struct start *)p;

	free(p);
	base_role = s.role;
	pthread_setname_np(pthread_self(), s.name);
	return s.fn(s.arg);
}

int base_thread_start(pthread_t *ret, enum base_role role, const char *name, void *(*fn)(void *), void *arg)
{
	struct start *s = malloc(sizeof(*s));
	sigset_t all, old;
	pthread_t t;
	int r;

	if (!s)
		return -ENOMEM;
	s->role = role;
	s->fn = fn;
	s->arg = arg;
	strncpy(s->name, name, sizeof(s->name) - 1);
	s->name[sizeof(s->name) - 1] = '\0';

	/* The new thread inherits the mask: no window in which it could take a signal meant for main. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&t, NULL, thread_main, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		free(s);
		return -r;
	}
	*ret = t;
	return 0;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t base_now_ns(void)
{
	return now_ns(CLOCK_REALTIME);
}

uint64_t base_mono_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}
