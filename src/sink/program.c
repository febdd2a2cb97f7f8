/* Alerts as lines on the standard input of a shell command. Without keep_alive the command runs once
 * per batch, with it once and again on SIGUSR1 or after it has ended. Functions run on the thread of
 * the sink. */
#include "sink/fdout.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct program_sink {
	struct sink_format format;
	struct fdout out;
	char *command; /* owned */
	bool keep_alive;
	pid_t pid; /* -1 none */
	int last_error;
};

/* posix_spawn, as fork in a process with many threads and a big table is slow. The child starts with
 * the default signal handling, not with main's blocked mask. */
static int spawn(struct program_sink *s, int read_end)
{
	char *argv[] = { (char *)"sh", (char *)"-c", s->command, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, read_end, STDIN_FILENO);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawn(&s->pid, "/bin/sh", &fa, &attr, argv, environ);
	if (r)
		s->pid = -1;
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	return -r;
}

static int start(struct program_sink *s)
{
	int p[2], r;

	if (pipe2(p, O_CLOEXEC))
		return -errno;
	r = spawn(s, p[0]);
	close(p[0]);
	if (r < 0) {
		close(p[1]);
		return r;
	}
	fdout_set(&s->out, p[1]);
	return 0;
}

/* Closes its input and waits until it is gone; a program that stays is no reason to hang at stop. */
static void finish(struct program_sink *s)
{
	if (s->out.fd >= 0)
		close(s->out.fd);
	fdout_set(&s->out, -1);
	while (s->pid > 0) {
		struct timespec nap = { .tv_nsec = 10000000 };
		pid_t r = waitpid(s->pid, NULL, WNOHANG);

		if (r == s->pid || (r < 0 && errno != EINTR))
			break;
		/* relaxed: see fdout.h */
		if (atomic_load_explicit(&s->out.give_up, memory_order_relaxed))
			break;
		nanosleep(&nap, NULL);
	}
	s->pid = -1;
}

static int tell(struct program_sink *s, int r)
{
	if (r < 0 && r != s->last_error)
		log_err("program_output: cannot write to `%s`: %s", s->command, strerror(-r));
	s->last_error = r < 0 ? r : 0;
	return r;
}

static int program_write(void *ctx, struct alert *const *batch, unsigned count)
{
	struct program_sink *s = ctx;
	int r = 0;

	if (s->out.fd < 0)
		r = start(s);
	if (r == 0)
		r = fdout_alerts(&s->out, &s->format, batch, count);
	if (!s->keep_alive || r < 0)
		finish(s); /* after a failure the next batch starts it anew */
	return tell(s, r);
}

static void program_flush(void *ctx)
{
	struct program_sink *s = ctx;

	if (s->out.fd >= 0 && tell(s, fdout_flush(&s->out)) < 0)
		finish(s);
}

static void program_reopen(void *ctx)
{
	struct program_sink *s = ctx;

	program_flush(s);
	finish(s);
}

static void program_close(void *ctx)
{
	struct program_sink *s = ctx;

	finish(s);
	fdout_fini(&s->out);
	free(s->command);
	free(s);
}

static void program_interrupt(void *ctx)
{
	struct program_sink *s = ctx;

	fdout_interrupt(&s->out);
}

static const struct sink_ops program_ops = {
	.name = "program",
	.write = program_write,
	.flush = program_flush,
	.reopen = program_reopen,
	.close = program_close,
	.interrupt = program_interrupt,
};

struct sink *sink_program_new(const struct sink_format *f, const char *command, bool keep_alive, bool buffered)
{
	struct program_sink *ctx = calloc(1, sizeof(*ctx));
	struct sink *s;

	if (!ctx)
		return NULL;
	ctx->format = *f;
	ctx->keep_alive = keep_alive;
	ctx->pid = -1;
	fdout_init(&ctx->out, buffered && keep_alive);
	ctx->command = strdup(command);
	s = ctx->command ? sink_new(&program_ops, ctx, 0) : NULL;
	if (!s)
		program_close(ctx);
	return s;
}
