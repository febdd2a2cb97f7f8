/* See suppress.h. */
#include "sink/suppress.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#define FIELD "saker.suppressed"

/* End of the JSON string that starts at p (behind its quote). */
static const char *string_end(const char *p)
{
	while (*p && *p != '"')
		p += *p == '\\' && p[1] ? 2 : 1;
	return p;
}

/* Where in the object a key named FIELD belongs, so that keys stay sorted: at a key's quote, or at the end.
 * The text was made by Saker: no spaces, no keys within values but those of nested objects, which are
 * skipped. */
static const char *place(const char *json)
{
	const char *p = json + 1;
	int depth = 0;

	for (bool key = true; *p; p++) {
		if (*p == '"') {
			const char *end = string_end(p + 1);

			if (!depth && key && strncmp(p + 1, FIELD, strlen(FIELD)) > 0)
				return p;
			key = false;
			p = *end ? end : end - 1;
		} else if (*p == '{' || *p == '[') {
			depth++;
		} else if (*p == '}' || *p == ']') {
			if (!depth--)
				return p;
		} else if (*p == ',' && !depth) {
			key = true;
		}
	}
	return p;
}

static void add_field(struct base_buf *out, const char *json, uint64_t count)
{
	const char *at;

	if (json[0] != '{')
		json = "{}";
	at = place(json);
	buf_add(out, json, (size_t)(at - json));
	buf_fmt(out, "%s\"" FIELD "\":%llu%s", *at != '"' && at[-1] != '{' ? "," : "", (unsigned long long)count,
		*at == '"' ? "," : "");
	buf_str(out, at);
}

struct alert *suppress_tell(const struct alert *a, uint64_t count)
{
	struct base_buf line = { 0 }, output = { 0 }, message = { 0 }, fields = { 0 };
	struct alert *n = NULL;
	char note[80];

	/* nothing in it that JSON would escape */
	snprintf(note, sizeof(note), " (%llu more of this rule suppressed before)", (unsigned long long)count);
	buf_fmt(&line, "%s%s", a->line, note);
	buf_fmt(&output, "%s%s", a->output, note);
	buf_fmt(&message, "%s%s", a->message, note);
	add_field(&fields, a->fields_json, count);
	if (!line.failed && !output.failed && !message.failed && !fields.failed) {
		struct alert_text t = { .rule = a->rule, .source = a->source, .hostname = a->hostname, .line = line.p,
					.output = output.p, .message = message.p, .fields_json = fields.p,
					.tags_json = a->tags_json };

		n = alert_new(&t);
	}
	if (n) {
		n->key = a->key;
		n->seq = a->seq;
		n->rule_id = a->rule_id;
		n->ts = a->ts;
		n->priority = a->priority;
		n->flags = a->flags;
	}
	buf_fini(&line);
	buf_fini(&output);
	buf_fini(&message);
	buf_fini(&fields);
	return n;
}
