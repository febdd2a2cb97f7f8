/* The collection, compiled: lists resolved, macros put in, conditions and outputs checked. Called by
 * rules.c after every file, over everything loaded so far, because a later file may change what an
 * earlier one defined. Trees flow to rules_select.c and rules_describe.c. */
#include "eval/rules_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const rules_priorities[8] = { "Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug" };

void rules_check_reset(struct rules *r)
{
	for (uint32_t i = 0; i < r->nmacros; i++) {
		cond_free(r->macros[i]->tree);
		r->macros[i]->tree = NULL;
		r->macros[i]->used = false;
	}
	for (uint32_t i = 0; i < r->nrules; i++) {
		struct rule_info *u = r->rules[i];

		cond_free(u->tree);
		free(u->full_output);
		for (uint32_t k = 0; k < u->nextra; k++) {
			free(u->extra[k].name);
			free(u->extra[k].format);
		}
		free(u->extra);
		u->tree = NULL;
		u->full_output = NULL;
		u->extra = NULL;
		u->nextra = 0;
	}
	r->nodes = 0;
	r->work = 0;
	r->compiled = false;
}

/* ---- lists ------------------------------------------------------------------------------------------- */

static int resolve_list(struct rules *r, struct list_info *l, size_t *total)
{
	l->nresolved = 0;
	for (uint32_t i = 0; i < l->nitems; i++) {
		const struct list_info *ref = rules_list(r, l->items[i]);
		const char **items = &l->items[i];
		uint32_t n = 1;

		if (ref && ref->index < l->visibility) {
			/* one level: what that list names is put in by text, if it ever is in a condition */
			items = ref->items;
			n = ref->nitems;
			((struct list_info *)ref)->used = true;
		}
		*total += n;
		if (*total > RULES_MAX_TOTAL)
			return rules_fail(r, LC_VALIDATE, l->ctx, "list is too big with other lists put in");
		while (l->nresolved + n > l->cap_resolved) {
			if (rules_grow((void **)&l->resolved, &l->cap_resolved, l->cap_resolved, sizeof(*l->resolved)))
				return -ENOMEM;
		}
		if (n)
			memcpy(l->resolved + l->nresolved, items, n * sizeof(*items));
		l->nresolved += n;
	}
	return 0;
}

static int check_lists(struct rules *r)
{
	size_t total = 0;
	int e = 0;

	for (uint32_t i = 0; i < r->nlists; i++)
		r->lists[i]->used = false;
	for (uint32_t i = 0; i < r->nlists && !e; i++)
		e = resolve_list(r, r->lists[i], &total);
	return e;
}

/* ---- conditions ---------------------------------------------------------------------------------------- */

static int fail_cond(struct rules *r, enum load_code code, const struct cond_error *err, const char *text, size_t len, const struct rules_ctx *up)
{
	return rules_fail(r, code, rules_ctx_cond(r, &err->pos, rules_str(r, text, len), len, up), err->msg);
}

/* Text, changed by lists -> tree. */
static int parse(struct rules *r, struct base_buf *text, const struct rules_ctx *c, struct cond **ret)
{
	struct cond_error err = { 0 };
	int e = expand_lists(r, text);

	if (e == -E2BIG)
		return rules_fail(r, LC_COMPILE_CONDITION_ERR, c, "condition is too big with lists and exceptions put in");
	if (e)
		return e;
	e = cond_parse(text->p, text->len, ret, &err);
	return e == -EINVAL ? fail_cond(r, LC_COMPILE_CONDITION_ERR, &err, text->p, text->len, c) : e;
}

struct visible {
	struct rules *r;
	uint32_t visibility;
};

static const struct cond *look_up(void *arg, const char *name)
{
	const struct visible *v = arg;
	struct macro_info *m = rules_macro(v->r, name);

	if (!m || m->index >= v->visibility || !m->tree)
		return NULL;
	m->used = true;
	return m->tree;
}

static size_t count(const struct cond *c)
{
	size_t n = 1 + c->nvalue;

	for (uint32_t i = 0; i < c->nchild; i++)
		n += count(c->child[i]); /* as deep as COND_TREE_DEPTH_MAX allows */
	return n;
}

/* text: what the reference shows of the condition, without lists put in. */
static int put_macros(struct rules *r, struct cond **tree, uint32_t visibility, const char *text, size_t len, const struct rules_ctx *c)
{
	struct visible v = { r, visibility };
	struct cond_error err = { 0 };
	size_t left = r->nodes < RULES_MAX_TOTAL ? RULES_MAX_TOTAL - r->nodes : 0;
	int e = cond_expand(tree, look_up, &v, left < RULES_MAX_NODES ? left : RULES_MAX_NODES, &err);

	if (!e) {
		r->nodes += count(*tree);
		return r->nodes <= RULES_MAX_TOTAL ? 0 : rules_fail(r, LC_VALIDATE, c, "all conditions together are too big");
	}
	return e == -ENOMEM ? e : fail_cond(r, LC_VALIDATE, &err, text, len, c);
}

static int check_macros(struct rules *r)
{
	for (uint32_t i = 0; i < r->nmacros; i++) {
		struct macro_info *m = r->macros[i];
		struct base_buf text = { 0 };
		int e;

		buf_add(&text, m->cond.s, m->cond.len);
		e = text.failed ? -ENOMEM : parse(r, &text, m->cond_ctx, &m->tree);
		buf_fini(&text);
		if (e)
			return e;
	}
	for (uint32_t i = 0; i < r->nmacros; i++) {
		struct macro_info *m = r->macros[i];
		struct cond *whole = cond_clone(m->tree); /* a macro that comes back to itself meets its old tree */
		int e = whole ? put_macros(r, &whole, m->visibility, m->cond.s, m->cond.len, m->ctx) : -ENOMEM;

		if (e) {
			cond_free(whole);
			return e;
		}
		cond_free(m->tree);
		m->tree = whole;
	}
	return 0;
}

/* ---- rules ------------------------------------------------------------------------------------------------- */

/* Errors that `skip-if-unknown-filter` turns into warnings. */
static bool is_unknown(const char *msg)
{
	return strstr(msg, "nonexistent field") || strstr(msg, "invalid formatting token") || strstr(msg, "unknown event type") || strstr(msg, "unknown filter:");
}

static void warn_deprecated_output(struct rules *r, const char *text, const struct rules_ctx *c)
{
	for (unsigned i = 0; i < COND_DEPRECATED_COUNT; i++) {
		const char *name = cond_deprecated_fields[i].name;

		if (strstr(text, name))
			rules_warn(r, LC_DEPRECATED_ITEM, c, rules_fmt(r, "usage of deprecated field '%s' has been detected in the rule output", name), name);
	}
}

/* 1: goes on, 0: the rule is skipped, negative: error. */
static int check_output(struct rules *r, struct rule_info *i)
{
	struct template_opts o;
	struct template *t;
	struct base_err err;
	int e = rules_output_build(r, i);

	if (e)
		return e;
	rules_output_options(r, i, &o);
	o.nextra = 0;
	e = template_compile(i->full_output, strlen(i->full_output), &o, &t, &err);
	if (e == -EINVAL && i->skip_unknown && is_unknown(err.msg)) {
		rules_warn(r, LC_UNKNOWN_FILTER, i->output_ctx, err.msg, NULL);
		return 0;
	}
	if (e)
		return e == -EINVAL ? rules_fail(r, LC_COMPILE_OUTPUT, i->output_ctx, err.msg) : e;
	template_free(t);
	warn_deprecated_output(r, i->full_output, i->output_ctx);
	if (!i->nextra)
		return 1;
	rules_output_options(r, i, &o);
	e = template_compile(i->full_output, strlen(i->full_output), &o, &t, &err);
	if (e)
		return e == -EINVAL ? rules_fail(r, LC_COMPILE_OUTPUT, i->output_ctx, err.msg) : e;
	template_free(t);
	for (uint32_t k = 0; k < i->nextra; k++)
		warn_deprecated_output(r, i->extra[k].format ? i->extra[k].format : i->extra[k].name, i->output_ctx);
	return 1;
}

struct warn_arg {
	struct rules *r;
	const struct rule_info *rule;
	const struct base_buf *text;
	const char *kept; /* text in the arena, once it is needed */
	uint32_t deprecated; /* fields not yet warned of */
};

static void on_warning(void *arg, const char *code, const char *msg, struct cond_pos pos)
{
	struct warn_arg *w = arg;
	enum load_code lc = LC_COMPILE_CONDITION;
	const char *field = NULL;

	if (w->r->cur->nwarnings >= RULES_MAX_REPORTS) {
		w->r->cur->suppressed++;
		return;
	}
	for (int i = 0; i < LC_MAX; i++)
		if (!strcmp(load_codes[i].code, code))
			lc = (enum load_code)i;
	if (lc == LC_DEPRECATED_ITEM && w->deprecated) {
		field = cond_deprecated_fields[__builtin_ctz(w->deprecated)].name;
		w->deprecated &= w->deprecated - 1;
	}
	if (!w->kept)
		w->kept = rules_str(w->r, w->text->p, w->text->len);
	rules_warn(w->r, lc, rules_ctx_cond(w->r, &pos, w->kept, w->text->len, w->rule->cond_ctx), msg, field);
}

static int check_condition(struct rules *r, struct rule_info *i, const struct base_buf *raw)
{
	struct warn_arg w = { .r = r, .rule = i, .text = raw };
	struct cond_error err = { 0 };
	struct base_buf text = { 0 };
	struct evt_set codes;
	unsigned n = 0;
	int e;

	buf_add(&text, raw->p, raw->len);
	e = text.failed ? -ENOMEM : parse(r, &text, i->cond_ctx, &i->tree);
	buf_fini(&text);
	if (!e)
		e = put_macros(r, &i->tree, UINT32_MAX, raw->p, raw->len, i->ctx);
	if (e)
		return e;
	w.deprecated = cond_deprecated_used(i->tree);
	e = cond_check(i->tree, i->source, r->opts->static_names, on_warning, &w, &err);
	if (e == -EINVAL && i->skip_unknown && is_unknown(err.msg)) {
		rules_warn(r, LC_UNKNOWN_FILTER, rules_ctx_cond(r, &err.pos, rules_str(r, raw->p, raw->len), raw->len, i->cond_ctx), err.msg, NULL);
		cond_free(i->tree);
		i->tree = NULL;
		return 0;
	}
	if (e)
		return e == -EINVAL ? fail_cond(r, LC_COMPILE_CONDITION_ERR, &err, raw->p, raw->len, i->cond_ctx) : e;
	cond_event_codes(i->tree, &codes);
	for (unsigned t = 0; t < EVT_TYPE_MAX; t++)
		n += evt_set_has(&codes, t);
	if (n > 100 && i->warn_evttypes)
		rules_warn(r, LC_NO_EVTTYPE, i->ctx, "Rule matches too many evt.type values. This has a significant performance penalty.", NULL);
	return 0;
}

static int check_rule(struct rules *r, struct rule_info *i)
{
	struct base_buf raw = { 0 };
	int e;

	if (i->unknown_source)
		return 0;
	e = expand_exceptions(r, i, &raw);
	if (e == -E2BIG)
		e = rules_fail(r, LC_COMPILE_CONDITION_ERR, i->cond_ctx, "condition is too big with lists and exceptions put in");
	if (!e) {
		e = check_output(r, i);
		if (e == 1)
			e = check_condition(r, i, &raw);
	}
	buf_fini(&raw);
	return e;
}

int rules_check(struct rules *r)
{
	int e;

	rules_check_reset(r);
	e = check_lists(r);
	if (!e)
		e = check_macros(r);
	for (uint32_t i = 0; i < r->nrules && !e; i++)
		e = check_rule(r, r->rules[i]);
	if (e)
		return e;
	for (uint32_t i = 0; i < r->nmacros; i++)
		if (!r->macros[i]->used)
			rules_warn(r, LC_UNUSED_MACRO, r->macros[i]->ctx, "Macro not referred to by any other rule/macro", NULL);
	for (uint32_t i = 0; i < r->nlists; i++)
		if (!r->lists[i]->used)
			rules_warn(r, LC_UNUSED_LIST, r->lists[i]->ctx, "List not referred to by any other rule/macro", NULL);
	return 0;
}
