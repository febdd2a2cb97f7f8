/* The collection: what files define, append to, replace. Called by rules_read.c, item by item; keeps the
 * order of first definition (index) and of the last change (visibility). */
#include "eval/rules_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- operators -------------------------------------------------------------------------------------- */

static bool is_one_of(const char *s, size_t len, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == len && !memcmp(*words, s, len))
			return true;
	return false;
}

static const char *const list_ops[] = { "intersects", "in", "pmatch", NULL };
static const char *const text_ops[] = { "==", "=", "!=", "glob", "iglob", "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "regex", NULL };
static const char *const other_ops[] = { "exists", "<=", "<", ">=", ">", NULL };
static const char *const modifiers[] = { "oneof", "anyof", "allof", NULL };

bool rules_op_known(const char *op)
{
	size_t len = strlen(op);

	return is_one_of(op, len, other_ops) || is_one_of(op, len, text_ops) || is_one_of(op, len, list_ops);
}

bool rules_op_modified(const char *op)
{
	const char *blank = strchr(op, ' ');

	return blank && is_one_of(op, (size_t)(blank - op), text_ops) && is_one_of(blank + 1, strlen(blank + 1), modifiers);
}

bool rules_op_takes_list(const char *op)
{
	return is_one_of(op, strlen(op), list_ops) || rules_op_modified(op);
}

/* ---- versions ---------------------------------------------------------------------------------------- */

int collect_engine_version(struct rules *r, const struct version *v, const struct rules_ctx *c)
{
	static const struct version engine = { ENGINE_MAJOR, ENGINE_MINOR, ENGINE_PATCH };
	char want[40], have[40];

	if (v->major != engine.major || rules_version_cmp(&engine, v) < 0)
		return rules_failf(r, LC_VALIDATE, c, "Rules require engine version %s, but engine version is %s", rules_version_str(v, want), rules_version_str(&engine, have));
	if (rules_version_cmp(&r->required, v) < 0)
		r->required = *v;
	return 0;
}

int collect_plugin_versions(struct rules *r, const struct plugin_alternatives *a, const struct rules_ctx *c)
{
	for (uint32_t i = 0; i < a->n; i++) {
		struct version v;

		if (!rules_version_parse(a->r[i].version, &v))
			return rules_failf(r, LC_VALIDATE, c, "Invalid required version '%s' for plugin '%s'", a->r[i].version, a->r[i].name);
		for (uint32_t k = 0; k < i; k++)
			if (!strcmp(a->r[k].name, a->r[i].name))
				return rules_failf(r, LC_VALIDATE, c, "Defined multiple alternative version requirements for plugin '%s'", a->r[i].name);
	}
	if (RULES_GROW(r->reqs, r->cap_reqs, r->nreqs))
		return -ENOMEM;
	r->reqs[r->nreqs++] = *a;
	return 0;
}

/* ---- lists and macros ------------------------------------------------------------------------------------ */

static bool has_delimiter(const char *name)
{
	return name[strcspn(name, " \t\n\r(),=")];
}

static int list_new(struct rules *r, const struct list_info *l)
{
	struct list_info *n = arena_alloc(&r->mem, sizeof(*n));

	if (RULES_GROW(r->lists, r->cap_lists, r->nlists) || strmap_set(&r->list_map, l->name, strlen(l->name), r->nlists))
		return -ENOMEM;
	*n = *l;
	n->index = n->visibility = r->next_index++;
	r->lists[r->nlists++] = n;
	r->nodd_lists += has_delimiter(l->name);
	return 0;
}

int collect_list(struct rules *r, const struct list_info *l, bool append)
{
	struct list_info *prev = rules_list(r, l->name);

	if (append && !prev)
		return rules_fail(r, LC_VALIDATE, l->ctx, "List uses 'append' or 'override.items: append' but no list by that name already exists");
	if (!prev)
		return list_new(r, l);
	prev->visibility = r->next_index++;
	if (!append) {
		prev->ctx = l->ctx;
		prev->items = l->items;
		prev->nitems = l->nitems;
		prev->cap_items = l->cap_items;
		return 0;
	}
	if (l->nitems > prev->cap_items - prev->nitems) {
		uint32_t cap = (prev->nitems + l->nitems) * 2;
		const char **items = arena_alloc(&r->mem, cap * sizeof(*items));

		memcpy(items, prev->items, prev->nitems * sizeof(*items));
		prev->items = items;
		prev->cap_items = cap;
	}
	memcpy(prev->items + prev->nitems, l->items, l->nitems * sizeof(*l->items));
	prev->nitems += l->nitems;
	return 0;
}

/* a and b with a blank between; what does not fit one condition is refused when it is expanded, so
 * growth by appending is bounded by cutting there. */
static struct text join(struct rules *r, struct text a, struct text b)
{
	uint32_t need = a.len + b.len + 2;
	char *s = (char *)a.s;

	if (a.len > RULES_MAX_TEXT)
		return a;
	if (need > a.cap) {
		a.cap = need * 2;
		s = arena_alloc(&r->mem, a.cap);
		memcpy(s, a.s, a.len);
	}
	s[a.len] = ' ';
	memcpy(s + a.len + 1, b.s, b.len);
	s[need - 1] = 0;
	return (struct text){ s, need - 1, a.cap };
}

int collect_macro(struct rules *r, const struct macro_info *m, bool append)
{
	struct macro_info *prev = rules_macro(r, m->name), *n;

	if (append && !prev)
		return rules_fail(r, LC_VALIDATE, m->ctx, "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists");
	if (prev) {
		prev->visibility = r->next_index++;
		if (append) {
			prev->cond = join(r, prev->cond, m->cond);
		} else {
			prev->cond = m->cond;
			prev->ctx = m->ctx;
			prev->cond_ctx = m->cond_ctx;
		}
		return 0;
	}
	n = arena_alloc(&r->mem, sizeof(*n));
	if (RULES_GROW(r->macros, r->cap_macros, r->nmacros) || strmap_set(&r->macro_map, m->name, strlen(m->name), r->nmacros))
		return -ENOMEM;
	*n = *m;
	n->index = n->visibility = r->next_index++;
	r->macros[r->nmacros++] = n;
	return 0;
}

/* ---- exceptions ------------------------------------------------------------------------------------------------ */

/* Operators are compared, and put into conditions, without blanks around. */
static const char *trimmed(struct rules *r, const char *s)
{
	size_t len;

	s += strspn(s, " \t\r\n");
	len = strlen(s);
	while (len && strchr(" \t\r\n", s[len - 1]))
		len--;
	return s[len] ? rules_str(r, s, len) : s;
}

static bool field_valid(const struct rules *r, const char *field)
{
	struct base_err err;
	struct field_ref f;
	struct base_buf text = { 0 };
	struct cond_error ce;
	struct cond *c;
	bool ok;

	if (!strchr(field, '(')) {
		if (eval_field_parse(field, strlen(field), "syscall", r->opts->static_names, &f, &err))
			return false;
		field_ref_fini(&f);
		return true;
	}
	buf_fmt(&text, "%s exists", field);
	ok = !text.failed && !cond_parse(text.p, text.len, &c, &ce);
	if (ok) {
		ok = !cond_check(c, "syscall", r->opts->static_names, NULL, NULL, &ce);
		cond_free(c);
	}
	buf_fini(&text);
	return ok;
}

static int fields_known(struct rules *r, const struct exc_info *x, const struct exc_entry *fields, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!field_valid(r, fields[i].item))
			return rules_failf(r, LC_VALIDATE, x->ctx, "'%s' is not a supported filter field", fields[i].item);
	return 0;
}

static int validate_list_form(struct rules *r, struct exc_info *x, bool known_source)
{
	if (!exc_entry_valid(&x->comps)) {
		x->comps = (struct exc_entry){ .is_list = true, .item = "", .n = x->fields.n };
		x->comps.items = arena_alloc(&r->mem, x->fields.n * sizeof(*x->comps.items));
		for (uint32_t i = 0; i < x->fields.n; i++)
			x->comps.items[i] = (struct exc_entry){ .item = "=" };
	}
	if (x->fields.n != (x->comps.is_list ? x->comps.n : 0))
		return rules_fail(r, LC_VALIDATE, x->ctx, "Fields and comps lists must have equal length");
	for (uint32_t i = 0; i < x->comps.n; i++) {
		struct exc_entry *c = &x->comps.items[i];

		c->item = trimmed(r, c->item);
		if (!rules_op_known(c->item) && !rules_op_modified(c->item))
			return rules_failf(r, LC_VALIDATE, x->ctx, "'%s' is not a supported comparison operator", c->item);
	}
	return known_source ? fields_known(r, x, x->fields.items, x->fields.n) : 0;
}

static int validate_exception(struct rules *r, struct exc_info *x, bool known_source)
{
	const char *op;

	if (x->fields.is_list)
		return validate_list_form(r, x, known_source);
	if (!exc_entry_valid(&x->comps))
		x->comps = (struct exc_entry){ .item = "in" };
	if (x->comps.is_list)
		return rules_fail(r, LC_VALIDATE, x->ctx, "Fields and comps must both be strings");
	op = x->comps.item = trimmed(r, x->comps.item);
	if (strcmp(op, "in") && strcmp(op, "pmatch") && strcmp(op, "intersects") && !rules_op_modified(op))
		return rules_fail(r, LC_VALIDATE, x->ctx, "When fields is a single value, comps must be one of (in, pmatch, intersects) or a modifier operator (e.g. startswith oneof)");
	return known_source ? fields_known(r, x, &x->fields, 1) : 0;
}

static struct exc_info *exception_find(const struct exc_list *l, const char *name)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (!strcmp(l->e[i].name, name))
			return &l->e[i];
	return NULL;
}

static void add_values(struct rules *r, struct exc_info *to, const struct exc_info *from)
{
	if (from->nvalues > to->cap_values - to->nvalues) {
		uint32_t cap = (to->nvalues + from->nvalues) * 2;
		struct exc_entry *v = arena_alloc(&r->mem, cap * sizeof(*v));

		if (to->nvalues)
			memcpy(v, to->values, to->nvalues * sizeof(*v));
		to->values = v;
		to->cap_values = cap;
	}
	if (from->nvalues)
		memcpy(to->values + to->nvalues, from->values, from->nvalues * sizeof(*from->values));
	to->nvalues += from->nvalues;
}

static int add_exception(struct rules *r, struct exc_list *l, struct exc_info *x, bool known_source)
{
	int e;

	if (!exc_entry_valid(&x->fields))
		return rules_fail(r, LC_VALIDATE, x->ctx, "Rule exception must have fields property with a list of fields");
	if (!x->nvalues)
		return rules_fail(r, LC_VALIDATE, x->ctx, "Rule exception must have values property with a list of values");
	e = validate_exception(r, x, known_source);
	if (e)
		return e;
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 4;
		struct exc_info *p = arena_alloc(&r->mem, cap * sizeof(*p));

		if (l->n)
			memcpy(p, l->e, l->n * sizeof(*p));
		l->e = p;
		l->cap = cap;
	}
	l->e[l->n++] = *x;
	return 0;
}

static int append_exceptions(struct rules *r, struct rule_info *prev, struct exc_list *add)
{
	for (uint32_t i = 0; i < add->n; i++) {
		struct exc_info *x = &add->e[i], *old = exception_find(&prev->exceptions, x->name);
		int e;

		if (!old) {
			e = add_exception(r, &prev->exceptions, x, !prev->unknown_source);
			if (e)
				return e;
			continue;
		}
		if (exc_entry_valid(&x->fields))
			return rules_fail(r, LC_VALIDATE, x->ctx, "Can not append exception fields to existing exception, only values");
		if (exc_entry_valid(&x->comps))
			return rules_fail(r, LC_VALIDATE, x->ctx, "Can not append exception comps to existing exception, only values");
		add_values(r, old, x);
	}
	return 0;
}

/* The reference does not check exceptions that replace others, and where they name no operators those
 * of the exceptions at the same places are still found. The latter is kept; `=` stands in beyond. */
static void replace_exceptions(struct rules *r, struct rule_info *prev, struct exc_list *with)
{
	for (uint32_t i = 0; i < with->n; i++) {
		struct exc_info *x = &with->e[i];
		const struct exc_entry *old = i < prev->exceptions.n ? &prev->exceptions.e[i].comps : NULL;
		struct exc_entry *items;
		uint32_t given = x->comps.is_list ? x->comps.n : 0;

		if (!x->fields.is_list || given >= x->fields.n)
			continue;
		items = arena_alloc(&r->mem, x->fields.n * sizeof(*items));
		for (uint32_t k = 0; k < x->fields.n; k++) {
			items[k] = (struct exc_entry){ .item = "=" };
			if (k < given)
				items[k] = x->comps.items[k];
			else if (old && old->is_list && k < old->n)
				items[k] = old->items[k];
		}
		/* is_list stays as given: it is what describe shows */
		x->comps.items = items;
	}
	prev->exceptions = *with;
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static int find_previous(struct rules *r, const struct rule_info *i, struct rule_info **ret)
{
	*ret = rules_rule(r, i->name);
	if (*ret && i->source && strcmp((*ret)->source, i->source))
		return rules_fail(r, LC_VALIDATE, i->ctx, "Rule has been re-defined with a different source");
	return 0;
}

int collect_rule(struct rules *r, struct rule_info *i)
{
	struct rule_info *prev;
	int e = find_previous(r, i, &prev);

	if (e)
		return e;
	i->unknown_source = strcmp(i->source, "syscall");
	if (i->unknown_source)
		rules_warn(r, LC_UNKNOWN_SOURCE, i->ctx, rules_fmt(r, "Unknown source %s, skipping", i->source), NULL);
	for (uint32_t k = 0; k < i->exceptions.n; k++) {
		struct exc_info *x = &i->exceptions.e[k];

		if (!exc_entry_valid(&x->fields))
			return rules_fail(r, LC_VALIDATE, x->ctx, "Rule exception item must have fields property with a list of fields");
		e = validate_exception(r, x, !i->unknown_source);
		if (e)
			return e;
	}
	i->visibility = i->index = r->next_index++;
	if (prev) {
		i->index = prev->index;
		i->tree = prev->tree; /* what the last check made is given up before the next one */
		i->full_output = prev->full_output;
		i->extra = prev->extra;
		i->nextra = prev->nextra;
		*prev = *i;
		return 0;
	}
	prev = arena_alloc(&r->mem, sizeof(*prev));
	if (RULES_GROW(r->rules, r->cap_rules, r->nrules) || strmap_set(&r->rule_map, i->name, strlen(i->name), r->nrules))
		return -ENOMEM;
	*prev = *i;
	r->rules[r->nrules++] = prev;
	return 0;
}

int collect_append(struct rules *r, struct rule_info *u, unsigned parts)
{
	struct rule_info *prev;
	int e = find_previous(r, u, &prev);

	if (e)
		return e;
	if (!prev)
		return rules_fail(r, LC_VALIDATE, u->ctx, "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists");
	if (!parts)
		return rules_fail(r, LC_VALIDATE, u->ctx, "Appended rule must have exceptions or condition property");
	if (parts & RP_CONDITION)
		prev->cond = join(r, prev->cond, u->cond);
	if (parts & RP_OUTPUT)
		prev->output = join(r, prev->output, u->output);
	if (parts & RP_DESC)
		prev->desc = join(r, prev->desc, u->desc);
	if (parts & RP_TAGS)
		for (uint32_t i = 0; i < u->tags.n; i++)
			tags_add(r, &prev->tags, u->tags.t[i]);
	if (parts & RP_EXCEPTIONS) {
		e = append_exceptions(r, prev, &u->exceptions);
		if (e)
			return e;
	}
	prev->visibility = r->next_index++;
	return 0;
}

int collect_replace(struct rules *r, struct rule_info *u, unsigned parts)
{
	struct rule_info *prev;
	int e = find_previous(r, u, &prev);

	if (e)
		return e;
	if (!prev)
		return rules_fail(r, LC_VALIDATE, u->ctx, "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists");
	if (parts & RP_CONDITION)
		prev->cond = u->cond;
	if (parts & RP_OUTPUT)
		prev->output = u->output;
	if (parts & RP_DESC)
		prev->desc = u->desc;
	if (parts & RP_TAGS)
		prev->tags = u->tags;
	if (parts & RP_EXCEPTIONS)
		replace_exceptions(r, prev, &u->exceptions);
	if (parts & RP_PRIORITY)
		prev->priority = u->priority;
	if (parts & RP_CAPTURE)
		prev->capture = u->capture;
	if (parts & RP_CAPTURE_DURATION)
		prev->capture_duration = u->capture_duration;
	if (parts & RP_ENABLED)
		prev->enabled = u->enabled;
	if (parts & RP_WARN_EVTTYPES)
		prev->warn_evttypes = u->warn_evttypes;
	if (parts & RP_SKIP_UNKNOWN)
		prev->skip_unknown = u->skip_unknown;
	prev->visibility = r->next_index++;
	return 0;
}

int collect_enable(struct rules *r, const char *name, bool enabled, const struct rules_ctx *c)
{
	struct rule_info *prev = rules_rule(r, name);

	if (!prev)
		return rules_fail(r, LC_VALIDATE, c, "Rule has 'enabled' key but no rule by that name already exists");
	prev->enabled = enabled;
	return 0;
}
