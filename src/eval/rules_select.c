/* The collection -> a ruleset: which rules take part, in which order, with compiled outputs. Called by
 * the daemon at start and at every reload, after the files have been loaded. */
#include "eval/rules_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Every piece between stars is found at its first place; the last one must end the name. (A pattern
 * `*ab` therefore does not match "abab": rule files in the field were written against this.) */
static bool pattern_matches(const char *p, const char *s)
{
	const char *star = strchr(p, '*');
	size_t n;

	if (!star)
		return !strcmp(p, s);
	n = (size_t)(star - p);
	if (strncmp(p, s, n))
		return false;
	for (p = star, s += n;;) {
		const char *hit;

		while (*p == '*')
			p++;
		if (!*p)
			return true;
		star = strchr(p, '*');
		n = star ? (size_t)(star - p) : strlen(p);
		hit = memmem(s, strlen(s), p, n);
		if (!hit)
			return false;
		s = hit + n;
		p += n;
		if (!*p)
			return !*s;
	}
}

static bool selected(const struct rules_select *sel, const struct eval_rule *u, bool by_tag)
{
	if (!by_tag)
		return sel->rule && *sel->rule && pattern_matches(sel->rule, u->name);
	for (uint32_t i = 0; sel->tag && *sel->tag && i < u->ntags; i++)
		if (!strcmp(u->tags[i], sel->tag))
			return true;
	return false;
}

/* Falco keeps a list of rules per event type: enabling puts a rule at the end of it, unless it is in
 * it. Rules below the minimum priority never get in. */
static void apply_selection(const struct rules *r, struct eval_rule *u, uint32_t n)
{
	uint32_t next = n;

	for (uint32_t i = 0; i < r->opts->nselect; i++)
		for (int by_tag = 0; by_tag < 2; by_tag++)
			for (uint32_t k = 0; k < n; k++) {
				const struct rules_select *sel = &r->opts->select[i];

				if (u[k].priority > r->opts->min_priority || u[k].enabled == sel->enable || !selected(sel, &u[k], by_tag))
					continue;
				u[k].enabled = sel->enable;
				if (sel->enable)
					u[k].order = next++;
			}
}

static int tags_json(const struct rule_info *i, char **ret)
{
	struct base_buf b = { 0 };

	buf_chr(&b, '[');
	for (uint32_t k = 0; k < i->tags.n; k++) {
		buf_str(&b, k ? ",\"" : "\"");
		buf_json_escape(&b, i->tags.t[k], strlen(i->tags.t[k]));
		buf_chr(&b, '"');
	}
	buf_chr(&b, ']');
	*ret = buf_steal(&b);
	return *ret ? 0 : -ENOMEM;
}

static int copy_texts(const struct rule_info *i, struct eval_rule *u)
{
	u->name = strdup(i->name);
	u->desc = strdup(i->desc.s);
	u->source = strdup(i->source);
	u->tags = calloc(i->tags.n + 1, sizeof(*u->tags));
	if (!u->name || !u->desc || !u->source || !u->tags)
		return -ENOMEM;
	for (; u->ntags < i->tags.n; u->ntags++) {
		u->tags[u->ntags] = strdup(i->tags.t[u->ntags]);
		if (!u->tags[u->ntags])
			return -ENOMEM;
	}
	return tags_json(i, &u->tags_json);
}

static int build(const struct rules *r, const struct rule_info *i, struct eval_rule *u, struct base_err *err)
{
	struct template_opts o;
	struct cond_error ce;
	int e = copy_texts(i, u);

	if (e)
		return e;
	u->priority = i->priority;
	u->enabled = i->enabled && i->priority <= r->opts->min_priority;
	u->capture = i->capture;
	u->capture_duration_ms = i->capture_duration;
	u->cond = cond_clone(i->tree);
	if (!u->cond)
		return -ENOMEM;
	e = cond_check(u->cond, i->source, r->opts->static_names, NULL, NULL, &ce);
	if (e)
		return e == -EINVAL ? base_err_set(err, i->ctx->file, (int)i->ctx->mark.line + 1, (int)i->ctx->mark.col + 1, "%s", ce.msg) : e;
	cond_events(u->cond, &u->events);
	rules_output_options(r, i, &o);
	return template_compile(i->full_output, strlen(i->full_output), &o, &u->output, err);
}

static void fini(struct eval_rule *u)
{
	for (uint32_t i = 0; i < u->ntags; i++)
		free(u->tags[i]);
	free(u->tags);
	free(u->tags_json);
	free(u->name);
	free(u->desc);
	free(u->source);
	cond_free(u->cond);
	template_free(u->output);
}

struct ruleset *rules_compile(struct rules *r, struct base_err *err)
{
	struct eval_rule *u = calloc(r->nrules + 1, sizeof(*u));
	struct ruleset *rs;
	uint32_t n = 0;
	int e = u ? 0 : -ENOMEM;

	if (r->nfiles && !r->compiled) {
		free(u);
		base_err_set(err, r->files[r->nfiles - 1].name, 0, 0, "rules are invalid");
		return NULL;
	}
	for (uint32_t i = 0; i < r->nrules && !e; i++) {
		if (!r->rules[i]->tree)
			continue; /* of an unknown source, or skipped */
		u[n].id = u[n].order = n;
		e = build(r, r->rules[i], &u[n++], err);
	}
	if (e) {
		for (uint32_t i = 0; i < n; i++)
			fini(&u[i]);
		free(u);
		if (e == -ENOMEM)
			base_err_set(err, NULL, 0, 0, "out of memory");
		return NULL;
	}
	apply_selection(r, u, n);
	rs = ruleset_compile(u, n, r->opts->match_all, r->opts->interpret);
	if (!rs)
		base_err_set(err, NULL, 0, 0, "out of memory");
	return rs;
}
