/* One alert from a template and an event: the text line and the JSON parts. Called by the worker
 * when a rule has matched; alerts are rare, so this allocates. State may answer -EAGAIN, which goes
 * up: the caller waits and renders afresh. */
#include "eval/field_internal.h"
#include "eval/render_val.h"
#include "eval/template_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One reading of a key's field. */
struct reading {
	int found; /* as eval_field_get */
	struct eval_val v;
};

/* Times are whole nanoseconds in JSON, whatever their text looks like. */
static bool is_time(const struct field_ref *f)
{
	switch (f->def->id) {
	case FLD_EVT_TIME: case FLD_EVT_TIME_S: case FLD_EVT_TIME_ISO8601: case FLD_EVT_DATETIME: case FLD_EVT_DATETIME_S:
	case FLD_EVT_OUTPUTTIME:
		return true;
	default:
		return false;
	}
}

static void add_field_text(struct base_buf *out, const struct template_token *tok, const struct eval_val *v, bool base64)
{
	size_t start = out->len;

	if (!v || !render_val_text(out, v, base64))
		buf_str(out, "<NA>");
	if (!tok->width || out->failed)
		return;
	if (out->len - start < tok->width) {
		buf_pad(out, ' ', tok->width - (out->len - start));
	} else {
		out->len = start + tok->width;
		out->p[out->len] = 0;
	}
}

/* readings: of the keys, NULL where a text has no keys of its own. 0, -EAGAIN. */
static int add_text(struct eval_ctx *c, struct base_buf *out, const struct template_text *x, const struct reading *readings)
{
	for (uint32_t i = 0; i < x->count; i++) {
		const struct template_token *tok = &x->tokens[i];
		struct eval_val v;
		int r;

		if (!tok->expr) {
			buf_add(out, tok->text, tok->len);
			continue;
		}
		if (readings && tok->key >= 0) {
			r = readings[tok->key].found;
			v = readings[tok->key].v;
		} else {
			r = value_expr_get(c, tok->expr, &v);
			if (r < 0)
				return r;
			if (r && tok->expr->kind != XF_FIELD)
				v.fmt = tok->fmt;
		}
		add_field_text(out, tok, r > 0 ? &v : NULL, c->buffer_base64);
	}
	return 0;
}

static void add_key_json(struct eval_ctx *c, struct base_buf *out, const struct template_key *k, const struct reading *r)
{
	const struct field_ref *f = k->field;

	if (!f || r->found <= 0)
		buf_str(out, "null");
	else if (is_time(f))
		buf_u64(out, c->st.ev->hdr->ts);
	else if (f->def->id == FLD_UTIL_CNT) /* JSON reads it three times an alert, and shows the second */
		buf_u64(out, r->v.u * 3 - 1);
	else
		render_val_json(out, f, &r->v, c->buffer_base64);
}

static void add_name(struct base_buf *out, const char *name)
{
	if (out->len > 1)
		buf_chr(out, ',');
	render_json_string(out, name, strlen(name));
	buf_chr(out, ':');
}

/* {"key":value,...} sorted by key, the time of the prefix among them. 0, -EAGAIN. */
static int add_fields_json(struct eval_ctx *c, struct base_buf *out, const struct template *t, const struct reading *readings)
{
	const char *time_name = t->iso_time ? "evt.time.iso8601" : "evt.time";
	bool time_done = false;

	buf_chr(out, '{');
	for (uint32_t i = 0; i < t->nkeys; i++) {
		const struct template_key *k = &t->keys[i];
		int order = time_done ? 1 : strcmp(time_name, k->name);

		if (order <= 0) {
			time_done = true;
			if (order < 0) {
				add_name(out, time_name);
				buf_u64(out, c->st.ev->hdr->ts);
			}
		}
		add_name(out, k->name);
		if (k->format) {
			struct base_buf text = { 0 };
			int r = add_text(c, &text, k->format, NULL);

			buf_chr(out, '"');
			buf_json_escape(out, text.len ? text.p : "", text.len);
			buf_chr(out, '"');
			if (text.failed)
				out->failed = true;
			buf_fini(&text);
			if (r)
				return r;
		} else {
			add_key_json(c, out, k, &readings[i]);
		}
	}
	if (!time_done) {
		add_name(out, time_name);
		buf_u64(out, c->st.ev->hdr->ts);
	}
	buf_chr(out, '}');
	return 0;
}

static int read_keys(struct eval_ctx *c, const struct template *t, struct reading *r)
{
	for (uint32_t i = 0; i < t->nkeys; i++) {
		r[i].found = t->keys[i].field ? eval_field_get(c, t->keys[i].field, &r[i].v) : 0;
		if (r[i].found < 0)
			return r[i].found;
	}
	return 0;
}

static void add_prefix(const struct eval_ctx *c, struct base_buf *out, const struct template *t)
{
	char time[64];

	buf_add(out, time, render_ts(time, sizeof(time), c->st.ev->hdr->ts, t->iso_time ? RT_ISO8601 : RT_TIME));
	buf_str(out, ": ");
	buf_str(out, t->priority_name);
	buf_chr(out, ' ');
}

/* Everything that depends on the event. 0, -EAGAIN, -ENOMEM. */
static int render(struct eval_ctx *c, const struct template *t, struct base_buf *line, struct base_buf *message, struct base_buf *fields)
{
	struct reading *readings = arena_alloc(c->arena, (t->nkeys + 1) * sizeof(*readings));
	struct base_buf text = { 0 };
	size_t prefix;
	int r = read_keys(c, t, readings);

	if (r)
		return r;
	add_prefix(c, &text, t);
	prefix = text.len;
	r = add_text(c, &text, &t->message, readings);
	if (!r)
		r = add_fields_json(c, fields, t, readings);
	if (!r && !text.failed) {
		buf_json_escape(line, text.p, text.len);
		buf_json_escape(message, text.p + prefix, text.len - prefix);
		buf_reserve(message, 0);
	}
	if (!r && (text.failed || line->failed || message->failed || fields->failed))
		r = -ENOMEM;
	buf_fini(&text);
	return r;
}

int template_render(struct eval_ctx *c, const struct template *t, const struct alert_meta *m, struct alert **ret)
{
	struct base_buf line = { 0 }, message = { 0 }, fields = { 0 };
	bool in_filter = c->in_filter;
	struct alert *a = NULL;
	int r;

	c->in_filter = false;
	r = render(c, t, &line, &message, &fields);
	c->in_filter = in_filter;
	if (!r) {
		/* the line of text output and "output" of JSON are the same escaped text */
		a = alert_new(&(struct alert_text){ .rule = m->rule, .source = m->source, .hostname = c->hostname, .line = line.p,
						   .output = line.p, .message = message.p, .fields_json = fields.p, .tags_json = m->tags_json });
		if (!a)
			r = -ENOMEM;
	}
	if (a) {
		a->key = c->st.ev->key;
		a->seq = m->seq;
		a->rule_id = m->rule_id;
		a->ts = c->st.ev->hdr->ts;
		a->priority = m->priority;
		*ret = a;
	}
	buf_fini(&line);
	buf_fini(&message);
	buf_fini(&fields);
	return r;
}
