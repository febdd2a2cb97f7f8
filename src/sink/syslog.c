/* Alerts to syslog(3): level = priority, facility user, identity = program name. Runs on the thread of
 * the sink. */
#include "sink/sink.h"

#include <stdlib.h>
#include <syslog.h>

struct syslog_sink {
	struct sink_format format;
	struct base_buf line;
};

static int syslog_write(void *ctx, struct alert *const *batch, unsigned count)
{
	struct syslog_sink *s = ctx;

	for (unsigned i = 0; i < count; i++) {
		buf_reset(&s->line);
		sink_format_alert(&s->line, &s->format, batch[i]);
		if (s->line.failed)
			return (int)i;
		syslog(LOG_USER | (batch[i]->priority & 7), "%s", s->line.p);
	}
	return (int)count;
}

static void syslog_close(void *ctx)
{
	struct syslog_sink *s = ctx;

	buf_fini(&s->line);
	free(s);
}

static const struct sink_ops syslog_ops = {
	.name = "syslog",
	.write = syslog_write,
	.close = syslog_close,
};

struct sink *sink_syslog_new(const struct sink_format *f)
{
	struct syslog_sink *ctx = calloc(1, sizeof(*ctx));
	struct sink *s;

	if (!ctx)
		return NULL;
	ctx->format = *f;
	s = sink_new(&syslog_ops, ctx, 0);
	if (!s)
		syslog_close(ctx);
	return s;
}
