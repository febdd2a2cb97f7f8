/* Alerts as lines on standard output. Its functions run on the thread of the sink. */
#include "sink/fdout.h"

#include <stdlib.h>
#include <unistd.h>

struct stdout_sink {
	struct sink_format format;
	struct fdout out;
};

static int stdout_write(void *ctx, struct alert *const *batch, unsigned count)
{
	struct stdout_sink *s = ctx;

	return fdout_alerts(&s->out, &s->format, batch, count);
}

static void stdout_flush(void *ctx)
{
	struct stdout_sink *s = ctx;

	fdout_flush(&s->out);
}

static void stdout_interrupt(void *ctx)
{
	struct stdout_sink *s = ctx;

	fdout_interrupt(&s->out);
}

static void stdout_close(void *ctx)
{
	struct stdout_sink *s = ctx;

	fdout_fini(&s->out);
	free(s);
}

static const struct sink_ops stdout_ops = {
	.name = "stdout",
	.write = stdout_write,
	.flush = stdout_flush,
	.close = stdout_close,
	.interrupt = stdout_interrupt,
};

/* The same, but without a flush there is no timer for it either. */
static const struct sink_ops stdout_unbuffered_ops = {
	.name = "stdout",
	.write = stdout_write,
	.close = stdout_close,
	.interrupt = stdout_interrupt,
};

struct sink *sink_stdout_new(const struct sink_format *f, bool buffered)
{
	struct stdout_sink *ctx = calloc(1, sizeof(*ctx));
	struct sink *s;

	if (!ctx)
		return NULL;
	ctx->format = *f;
	fdout_init(&ctx->out, buffered);
	fdout_set(&ctx->out, STDOUT_FILENO);
	s = sink_new(buffered ? &stdout_ops : &stdout_unbuffered_ops, ctx, 0);
	if (!s)
		stdout_close(ctx);
	return s;
}
