/* The daemon's own log: one line per message on stderr and/or syslog. Set up once by main before other
 * threads start; after that any thread writes, each line with a single write(2), so that lines of
 * different threads do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* What holds before configuration is read: warnings and worse must not get lost. */
static struct log_opts current = { .level = LOG_L_INFO, .to_stderr = true };

void log_setup(const struct log_opts *opts)
{
	current = *opts;
}

static size_t put_time(char *buf, size_t size, bool iso)
{
	time_t now = time(NULL);
	struct tm tm;

	if (iso) {
		gmtime_r(&now, &tm);
		return strftime(buf, size, "%Y-%m-%dT%H:%M:%S+0000: ", &tm);
	}
	localtime_r(&now, &tm);
	return strftime(buf, size, "%a %b %e %H:%M:%S %Y: ", &tm);
}

/* Message already formatted behind the time; room for the newline is there. */
static void put_line(enum log_level level, char *line, size_t head, size_t len)
{
	while (len > head && line[len - 1] == '\n')
		len--;
	line[len] = '\0';
	if (current.to_syslog)
		syslog((int)level, "%s", line + head);
	if (current.to_stderr) {
		line[len] = '\n';
		/* A log that cannot be written has nowhere left to be reported. */
		ssize_t r = write(STDERR_FILENO, line, len + 1);

		(void)r;
	}
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	char line[1024], *big;
	size_t head, len;
	va_list ap;
	int n;

	if (level > current.level || (!current.to_stderr && !current.to_syslog))
		return;
	head = put_time(line, sizeof(line), current.iso_time);
	va_start(ap, fmt);
	n = vsnprintf(line + head, sizeof(line) - head - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	len = head + (size_t)n;
	if (len <= sizeof(line) - 2) {
		put_line(level, line, head, len);
		return;
	}
	/* Reports of rules files can be long; without memory the beginning has to do. */
	big = malloc(len + 2);
	if (!big) {
		put_line(level, line, head, sizeof(line) - 2);
		return;
	}
	memcpy(big, line, head);
	va_start(ap, fmt);
	vsnprintf(big + head, (size_t)n + 1, fmt, ap);
	va_end(ap);
	put_line(level, big, head, len);
	free(big);
}
