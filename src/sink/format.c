/* One alert as one line of text or JSON. Called by sinks on their threads; the alert's parts were
 * rendered and escaped by the worker, here they are only put together. */
#include "sink/sink.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void add_time(struct base_buf *out, uint64_t ts)
{
	time_t sec = (time_t)(ts / 1000000000u);
	char text[64];
	struct tm tm;

	gmtime_r(&sec, &tm);
	buf_add(out, text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm));
	buf_fmt(out, ".%09uZ", (unsigned)(ts % 1000000000u));
}

/* ,"key":"escaped value" with the comma left out before the first key. */
static void add_string(struct base_buf *out, const char *key, const char *value)
{
	buf_chr(out, key[0] == 'h' ? '{' : ',');
	buf_chr(out, '"');
	buf_str(out, key);
	buf_str(out, "\":\"");
	buf_json_escape(out, value, strlen(value));
	buf_chr(out, '"');
}

/* Same for a value that is JSON already; quoted: it lacks its quotes. */
static void add_json(struct base_buf *out, const char *key, const char *value, bool quoted)
{
	buf_str(out, ",\"");
	buf_str(out, key);
	buf_str(out, quoted ? "\":\"" : "\":");
	buf_str(out, value);
	if (quoted)
		buf_chr(out, '"');
}

void sink_format_alert(struct base_buf *out, const struct sink_format *f, const struct alert *a)
{
	if (!f->json) {
		buf_str(out, a->line);
		return;
	}
	/* Keys in alphabetical order: programs that compare lines rely on it. */
	add_string(out, "hostname", a->hostname);
	if (f->include_message && !(a->flags & ALERT_INTERNAL))
		add_json(out, "message", a->message, true);
	if (f->include_output)
		add_json(out, "output", a->output, true);
	if (f->include_fields)
		add_json(out, "output_fields", a->fields_json[0] ? a->fields_json : "{}", false);
	add_string(out, "priority", alert_priority_name[a->priority & 7]);
	add_string(out, "rule", a->rule);
	add_string(out, "source", a->source);
	if (f->include_tags && a->tags_json)
		add_json(out, "tags", a->tags_json, false);
	buf_str(out, ",\"time\":\"");
	add_time(out, a->ts);
	buf_str(out, "\"}");
}
