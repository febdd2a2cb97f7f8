/* What a rule's output becomes with append_output and -p (outputs.md 4 of the design notes). Called by
 * rules_check.c for each rule; the text and the extra fields are what rules_select.c compiles. */
#include "eval/rules_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool has_tag(const struct tag_set *s, const char *tag)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (!strcmp(s->t[i], tag))
			return true;
	return false;
}

static bool matches(const struct rules_append *a, const struct rule_info *i)
{
	if (a->source && *a->source && strcmp(a->source, i->source))
		return false;
	if (a->rule && *a->rule && strcmp(a->rule, i->name))
		return false;
	for (uint32_t k = 0; k < a->ntags; k++)
		if (!has_tag(&i->tags, a->tags[k]))
			return false;
	return true;
}

/* " a_b=%a.b" */
static void add_suggestion(struct base_buf *out, const char *prefix, const char *name)
{
	size_t start = out->len + 1;

	buf_fmt(out, " %s%s", prefix, name);
	for (size_t k = start; k < out->len; k++)
		if (out->p[k] == '.')
			out->p[k] = '_';
	buf_fmt(out, "=%%%s%s", prefix, name);
}

static void add_suggestions(const struct rules *r, struct base_buf *out)
{
	for (size_t k = 0; k < eval_field_count; k++)
		if (eval_field_defs[k].flags & FF_SUGGESTED && eval_field_defs[k].cls != FC_STATIC)
			add_suggestion(out, "", eval_field_defs[k].name);
	for (const char *const *n = r->opts->static_names; n && *n; n++)
		add_suggestion(out, "static.", *n);
}

/* Later entries of the same name win; they are kept sorted by name, as they are checked and shown. */
static int add_extra(struct rule_info *i, const struct template_field *f)
{
	struct template_field *p;
	char *name, *format = NULL;
	uint32_t at = 0;

	while (at < i->nextra && strcmp(i->extra[at].name, f->name) < 0)
		at++;
	if (f->format) {
		format = strdup(f->format);
		if (!format)
			return -ENOMEM;
	}
	if (at < i->nextra && !strcmp(i->extra[at].name, f->name)) {
		free(i->extra[at].format);
		i->extra[at].format = format;
		return 0;
	}
	name = strdup(f->name);
	p = name ? reallocarray(i->extra, i->nextra + 1, sizeof(*p)) : NULL;
	if (!p) {
		free(name);
		free(format);
		return -ENOMEM;
	}
	i->extra = p;
	memmove(p + at + 1, p + at, (i->nextra - at) * sizeof(*p));
	p[at] = (struct template_field){ name, format };
	i->nextra++;
	return 0;
}

/* Older rules name it; what it stood for now comes with the suggested fields. */
static void drop_container_info(struct rules *r, struct rule_info *i, struct base_buf *text)
{
	static const char old[] = "%container.info";
	char *hit = text->p ? strstr(text->p, old) : NULL;

	if (!hit)
		return;
	rules_warn(r, LC_DEPRECATED_ITEM, i->ctx, "%container.info is deprecated and no more useful, and will be dropped by Falco 1.0.0. The container plugin will automatically add required fields to the output message.", NULL);
	for (; (hit = strstr(hit, old)); text->len -= strlen(old))
		memmove(hit, hit + strlen(old), strlen(hit + strlen(old)) + 1);
}

int rules_output_build(struct rules *r, struct rule_info *i)
{
	const struct rules_opts *o = r->opts;
	struct base_buf text = { 0 };
	int e = 0;

	buf_add(&text, i->output.s, i->output.len);
	for (uint32_t k = 0; k < o->nappend && !e; k++) {
		const struct rules_append *a = &o->append[k];

		if (!matches(a, i))
			continue;
		if (a->extra_output && *a->extra_output)
			buf_fmt(&text, " %s", a->extra_output);
		if (a->suggested)
			add_suggestions(r, &text);
		for (uint32_t f = 0; f < a->nextra && !e; f++)
			e = add_extra(i, &a->extra[f]);
	}
	if (o->print_format && *o->print_format)
		buf_fmt(&text, " %s", o->print_format);
	if (!e && !text.failed)
		drop_container_info(r, i, &text);
	i->full_output = buf_steal(&text);
	return e ? e : i->full_output ? 0 : -ENOMEM;
}

void rules_output_options(const struct rules *r, const struct rule_info *i, struct template_opts *ret)
{
	*ret = (struct template_opts){
		.iso_time = r->opts->iso_time,
		.priority_name = rules_priorities[i->priority],
		.source = i->source,
		.static_names = r->opts->static_names,
		.extra = i->extra,
		.nextra = i->nextra,
	};
}
