/* See internal.h. Called by main (drops), and by the sinks' threads (gaps). */
#include "sink/internal.h"

#include "base/buf.h"

#include <string.h>
#include <time.h>

/* "name":"value" or "name":12 in JSON; name="value" or name=12 in the line. */
static void add_field(struct base_buf *out, const struct internal_field *f, const char *quote, char between)
{
	buf_fmt(out, "%s%s%s%c", quote, f->name, quote, between);
	if (!f->text) {
		if (f->literal)
			buf_str(out, f->literal);
		else
			buf_u64(out, f->number);
		return;
	}
	buf_chr(out, '"');
	buf_json_escape(out, f->text, strlen(f->text));
	buf_chr(out, '"');
}

struct alert *internal_alert_new(const char *rule, uint8_t priority, uint64_t ts, const char *hostname, const char *msg,
				 const struct internal_field *fields, size_t count)
{
	time_t sec = (time_t)(ts / 1000000000u);
	struct base_buf line = { 0 }, json = { 0 }, escaped = { 0 };
	struct alert *a = NULL;
	char when[32];
	struct tm tm;

	localtime_r(&sec, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	buf_fmt(&line, "%s.%09u: %s %s", when, (unsigned)(ts % 1000000000u), alert_priority_name[priority & 7], msg);
	for (size_t i = 0; i < count; i++) {
		buf_str(&line, i ? " " : " (");
		buf_chr(&json, i ? ',' : '{');
		add_field(&line, &fields[i], "", '=');
		add_field(&json, &fields[i], "\"", ':');
	}
	buf_str(&line, count ? ")" : "");
	buf_str(&json, count ? "}" : "{}");
	if (line.p)
		buf_json_escape(&escaped, line.p, line.len);
	if (!line.failed && !json.failed && !escaped.failed) {
		struct alert_text t = { .rule = rule, .source = "internal", .hostname = hostname, .line = line.p,
					.output = escaped.p, .fields_json = json.p };

		a = alert_new(&t);
	}
	if (a) {
		a->ts = ts;
		a->priority = priority;
		a->flags = ALERT_INTERNAL;
		a->rule_id = UINT32_MAX;
	}
	buf_fini(&line);
	buf_fini(&json);
	buf_fini(&escaped);
	return a;
}
