/* Alerts as lines appended to a file. Without keep_alive the file is opened for each batch, so that it
 * can be renamed away at any time; with it, it is opened once and again on SIGUSR1. Functions run on the
 * thread of the sink, open on main before that. */
#include "sink/fdout.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file_sink {
	struct sink_format format;
	struct fdout out;
	char *path; /* owned */
	bool keep_alive;
	int last_error; /* told once per kind, not per alert */
};

/* O_NONBLOCK: a FIFO without a reader is an error, not a place to hang. */
static int open_file(struct file_sink *s)
{
	int fd = open(s->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);

	if (fd < 0)
		return -errno;
	fdout_set(&s->out, fd);
	return 0;
}

static void close_file(struct file_sink *s)
{
	if (s->out.fd >= 0)
		close(s->out.fd);
	fdout_set(&s->out, -1);
}

/* Proves at start that the file can be written: a wrong path is then a message, not silence. */
static int file_open(void *ctx, struct base_err *err)
{
	struct file_sink *s = ctx;
	int r = open_file(s);

	if (r < 0) {
		base_err_set(err, NULL, 0, 0, "file_output: cannot open %s: %s", s->path, strerror(-r));
		return r;
	}
	if (!s->keep_alive)
		close_file(s);
	return 0;
}

static int tell(struct file_sink *s, int r)
{
	if (r < 0 && r != s->last_error)
		log_err("file_output: cannot write %s: %s", s->path, strerror(-r));
	s->last_error = r < 0 ? r : 0;
	return r;
}

static int file_write(void *ctx, struct alert *const *batch, unsigned count)
{
	struct file_sink *s = ctx;
	int r = 0;

	if (s->out.fd < 0)
		r = open_file(s);
	if (r == 0)
		r = fdout_alerts(&s->out, &s->format, batch, count);
	if (!s->keep_alive) {
		int f = s->out.fd < 0 ? 0 : fdout_flush(&s->out);

		if (r >= 0 && f < 0)
			r = f;
		close_file(s);
	}
	return tell(s, r);
}

static void file_flush(void *ctx)
{
	struct file_sink *s = ctx;

	if (s->out.fd >= 0)
		tell(s, fdout_flush(&s->out));
}

static void file_reopen(void *ctx)
{
	struct file_sink *s = ctx;

	file_flush(s);
	close_file(s);
	if (s->keep_alive)
		tell(s, open_file(s));
}

static void file_close(void *ctx)
{
	struct file_sink *s = ctx;

	close_file(s);
	fdout_fini(&s->out);
	free(s->path);
	free(s);
}

static void file_interrupt(void *ctx)
{
	struct file_sink *s = ctx;

	fdout_interrupt(&s->out);
}

static const struct sink_ops file_ops = {
	.name = "file",
	.open = file_open,
	.write = file_write,
	.flush = file_flush,
	.reopen = file_reopen,
	.close = file_close,
	.interrupt = file_interrupt,
};

struct sink *sink_file_new(const struct sink_format *f, const char *path, bool keep_alive, bool buffered)
{
	struct file_sink *ctx = calloc(1, sizeof(*ctx));
	struct sink *s;

	if (!ctx)
		return NULL;
	ctx->format = *f;
	ctx->keep_alive = keep_alive;
	/* A file that is closed after each batch has nothing to gain from buffering. */
	fdout_init(&ctx->out, buffered && keep_alive);
	ctx->path = strdup(path);
	s = ctx->path ? sink_new(&file_ops, ctx, 0) : NULL;
	if (!s)
		file_close(ctx);
	return s;
}
