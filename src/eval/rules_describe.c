/* What is known about rules, macros and lists (-L, -l). Called by the commands that describe rules, after
 * loading. Keys are sorted, and sets come in the order of the reference's hash sets (name_order.h), so
 * that the documents can be compared as they are. */
#include "eval/name_order.h"
#include "eval/rules_internal.h"
#include "eval/template_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- sets of names ------------------------------------------------------------------------------------- */

struct names { /* unique, in order of entry */
	const char **v; /* owned array, texts in the description's arena */
	uint32_t n, cap;
	struct strmap map;
};

static void names_fini(struct names *s)
{
	free(s->v);
	strmap_fini(&s->map);
}

static void names_add(struct base_arena *mem, struct names *s, const char *name, size_t len)
{
	if (strmap_get(&s->map, name, len) != STRMAP_NONE || RULES_GROW(s->v, s->cap, s->n))
		return;
	s->v[s->n] = arena_strn(mem, name, len);
	if (!strmap_set(&s->map, s->v[s->n], len, s->n))
		s->n++;
}

static bool names_has(const struct names *s, const char *name)
{
	return strmap_get(&s->map, name, strlen(name)) != STRMAP_NONE;
}

/* Puts the names in the order of the reference's set. */
static void names_sort(struct names *s)
{
	size_t *order = calloc(s->n + 1, sizeof(*order));
	const char **v = calloc(s->n + 1, sizeof(*v));

	if (order && v && s->n && name_order(s->v, s->n, order)) {
		for (uint32_t i = 0; i < s->n; i++)
			v[i] = s->v[order[i]];
		memcpy(s->v, v, s->n * sizeof(*v));
	}
	free(order);
	free(v);
}

/* ---- JSON ------------------------------------------------------------------------------------------------ */

static void str(struct base_buf *out, const char *s)
{
	buf_chr(out, '"');
	buf_json_escape(out, s, strlen(s));
	buf_chr(out, '"');
}

static void key_str(struct base_buf *out, const char *key, const char *value)
{
	buf_fmt(out, "\"%s\":", key);
	str(out, value);
}

static void key_strs(struct base_buf *out, const char *key, const char *const *v, uint32_t n)
{
	buf_fmt(out, "\"%s\":[", key);
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_chr(out, ',');
		str(out, v[i]);
	}
	buf_chr(out, ']');
}

static void key_set(struct base_buf *out, const char *key, struct names *s)
{
	names_sort(s);
	key_strs(out, key, s->v, s->n);
}

static const char *boolean(bool b)
{
	return b ? "true" : "false";
}

/* ---- what a condition uses ---------------------------------------------------------------------------------- */

struct details {
	const struct rules *r;
	struct base_arena *mem;
	struct names fields, macros, ops, lists, events;
	const char *last_field;
};

static void details_fini(struct details *d)
{
	names_fini(&d->fields);
	names_fini(&d->macros);
	names_fini(&d->ops);
	names_fini(&d->lists);
	names_fini(&d->events);
}

static void use_value(struct details *d, const struct value_expr *e)
{
	struct base_buf text = { 0 };

	for (uint32_t i = 0; i < e->nargs; i++)
		use_value(d, e->args[i]);
	if (e->kind != XF_FIELD || !e->name)
		return;
	buf_str(&text, e->name);
	if (e->literal && *e->literal)
		buf_fmt(&text, "[%s]", e->literal);
	if (!text.failed) {
		d->last_field = arena_strn(d->mem, text.p, text.len);
		names_add(d->mem, &d->fields, text.p, text.len);
	}
	buf_fini(&text);
}

static void use_check(struct details *d, const struct cond *c)
{
	static const char *const mods[] = { [MOD_ONEOF] = " oneof", [MOD_ANYOF] = " anyof", [MOD_ALLOF] = " allof" };
	bool events;
	struct base_buf op = { 0 };

	d->last_field = "";
	use_value(d, c->lhs);
	buf_str(&op, c->double_eq ? "==" : cond_op_name((enum cond_op)c->op));
	if (c->mod)
		buf_str(&op, mods[c->mod]);
	if (!op.failed)
		names_add(d->mem, &d->ops, op.p, op.len);
	buf_fini(&op);
	events = !strcmp(d->last_field, "evt.type") || !strcmp(d->last_field, "evt.asynctype");
	for (uint32_t i = 0; i < c->nvalue; i++) {
		bool is_list = c->values_is_list && rules_list(d->r, c->value[i]);

		if (is_list)
			names_add(d->mem, &d->lists, c->value[i], strlen(c->value[i]));
		if (events && !is_list)
			names_add(d->mem, &d->events, c->value[i], strlen(c->value[i]));
	}
	if (c->rhs)
		use_value(d, c->rhs);
}

static void use_cond(struct details *d, const struct cond *c)
{
	for (uint32_t i = 0; i < c->nchild; i++)
		use_cond(d, c->child[i]);
	if (c->kind == COND_MACRO && rules_macro(d->r, c->name))
		names_add(d->mem, &d->macros, c->name, strlen(c->name));
	else if (c->kind == COND_CHECK)
		use_check(d, c);
}

/* As written: which macros and lists it names. Text that is a condition only with its lists put in has
 * no description: the reference gives up here too. */
static int use_text(struct details *d, const struct text *t)
{
	struct cond_error err;
	struct cond *c;
	int e = cond_parse_depth(t->s, t->len, COND_DEPTH_DESCRIBE, &c, &err);

	if (e)
		return e;
	use_cond(d, c);
	cond_free(c);
	return 0;
}

/* ---- events ---------------------------------------------------------------------------------------------- */

static void add_name(struct details *d, struct names *s, const char *name)
{
	names_add(d->mem, s, name, strlen(name));
}

static bool is_generic(unsigned type)
{
	return type == PPME_GENERIC_E || type == PPME_GENERIC_X;
}

static void merge(struct details *d, struct names *to, struct names *from)
{
	names_sort(from);
	for (uint32_t i = 0; i < from->n; i++)
		add_name(d, to, from->v[i]);
	names_fini(from);
}

/* Names of the events and calls for which c can be true. The steps are those of the reference, because
 * they decide the order. */
static void event_names(struct details *d, const struct cond *c, struct names *ret)
{
	struct names wanted = { 0 }, generic = { 0 }, codes = { 0 };
	struct evt_set evts;
	struct sc_set calls;

	cond_syscalls(c, &calls);
	cond_events(c, &evts);
	for (size_t i = 0; i < evt_syscall_count; i++) {
		const struct evt_syscall *s = &evt_syscalls[i];

		if (s->code >= SC_MAX || !sc_set_has(&calls, s->code))
			continue;
		if (!strncmp(s->name, "na_", 3))
			continue; /* a number that was never given to a call */
		if (is_generic(s->exit_event))
			add_name(d, &generic, s->name);
		else
			add_name(d, &wanted, evt_table[s->exit_event].name);
	}
	for (unsigned t = 0; t < EVT_TYPE_MAX; t++) {
		if (is_generic(t))
			continue;
		if (names_has(&wanted, evt_table[t].name))
			add_name(d, ret, evt_table[t].name);
		if (evt_set_has(&evts, t))
			add_name(d, &codes, evt_table[t].name);
	}
	names_fini(&wanted);
	merge(d, ret, &generic);
	merge(d, ret, &codes);
}

/* ---- items ------------------------------------------------------------------------------------------------ */

static void condition_details(struct base_buf *out, struct details *compiled, const struct cond *c)
{
	struct base_buf text = { 0 };

	cond_text(&text, c);
	key_str(out, "condition_compiled", text.p ? text.p : "");
	buf_fini(&text);
	use_cond(compiled, c);
	buf_chr(out, ',');
	key_set(out, "condition_fields", &compiled->fields);
	buf_chr(out, ',');
	key_set(out, "condition_operators", &compiled->ops);
}

static void key_events(struct base_buf *out, struct details *d, const struct cond *c)
{
	struct names events = { 0 };

	event_names(d, c, &events);
	key_set(out, "events", &events);
	names_fini(&events);
}

static void exception_details(struct base_buf *out, struct base_arena *mem, const struct rule_info *i)
{
	struct names names = { 0 }, ops = { 0 };

	for (uint32_t k = 0; k < i->exceptions.n; k++) {
		const struct exc_info *x = &i->exceptions.e[k];

		names_add(mem, &names, x->name, strlen(x->name));
		if (!x->comps.is_list)
			names_add(mem, &ops, x->comps.item, strlen(x->comps.item));
		for (uint32_t m = 0; x->comps.is_list && m < x->comps.n; m++)
			names_add(mem, &ops, x->comps.items[m].item, strlen(x->comps.items[m].item));
	}
	buf_chr(out, ',');
	key_set(out, "exception_names", &names);
	buf_chr(out, ',');
	key_set(out, "exception_operators", &ops);
	names_fini(&names);
	names_fini(&ops);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Fields of exceptions that have values, sorted. */
static void exception_fields(struct base_buf *out, struct base_arena *mem, const struct rule_info *i)
{
	struct names s = { 0 };

	for (uint32_t k = 0; k < i->exceptions.n; k++) {
		const struct exc_info *x = &i->exceptions.e[k];

		if (!x->nvalues)
			continue;
		if (!x->fields.is_list)
			names_add(mem, &s, x->fields.item, strlen(x->fields.item));
		for (uint32_t m = 0; x->fields.is_list && m < x->fields.n; m++)
			names_add(mem, &s, x->fields.items[m].item, strlen(x->fields.items[m].item));
	}
	if (s.n)
		qsort(s.v, s.n, sizeof(*s.v), by_text);
	key_strs(out, "exception_fields", s.v, s.n);
	names_fini(&s);
}

struct text_list {
	const char **v; /* owned array */
	uint32_t n, cap;
};

static bool is_container_field(const char *name)
{
	size_t len = strcspn(name, "[");

	for (size_t i = 0; i < eval_field_count; i++)
		if (eval_field_defs[i].cls == FC_CONTAINER && strlen(eval_field_defs[i].name) == len && !memcmp(eval_field_defs[i].name, name, len))
			return true;
	return false;
}

/* Container fields and events come from a plugin in the reference, and tools look for its name. */
static bool uses_container(const struct details *d, const char *const *out_fields, uint32_t n)
{
	for (uint32_t i = 0; i < d->fields.n; i++)
		if (is_container_field(d->fields.v[i]))
			return true;
	for (uint32_t i = 0; i < n; i++)
		if (is_container_field(out_fields[i]))
			return true;
	return names_has(&d->events, "container") || names_has(&d->events, "container_removed");
}

/* Fields of one value, and the text of what transforms them. */
static void use_output(struct base_arena *mem, const struct value_expr *e, bool whole, struct text_list *l)
{
	struct base_buf text = { 0 };

	for (uint32_t i = 0; i < e->nargs; i++)
		use_output(mem, e->args[i], false, l);
	if (e->kind != XF_FIELD && !whole)
		return;
	value_expr_text(&text, e);
	if (!text.failed && !RULES_GROW(l->v, l->cap, l->n))
		l->v[l->n++] = arena_strn(mem, text.p, text.len);
	buf_fini(&text);
}

/* Extra fields first, then the fields of the text in the order of use. */
static void output_fields(const struct rules *r, struct base_arena *mem, const struct rule_info *i, struct text_list *l)
{
	struct template_opts o;
	struct template *t;
	struct base_err err;

	for (uint32_t k = 0; k < i->nextra; k++) {
		const char *f = i->extra[k].format;
		char *raw = f ? NULL : arena_fmt(mem, "%%%s", i->extra[k].name);

		if (!RULES_GROW(l->v, l->cap, l->n))
			l->v[l->n++] = f ? f : raw;
	}
	rules_output_options(r, i, &o);
	o.nextra = 0;
	if (template_compile(i->full_output, strlen(i->full_output), &o, &t, &err))
		return;
	for (uint32_t k = 0; k < t->message.count; k++)
		if (t->message.tokens[k].expr)
			use_output(mem, t->message.tokens[k].expr, true, l);
	template_free(t);
}

static void output_details(struct base_buf *out, struct details *compiled, const struct rule_info *i)
{
	struct text_list l = { 0 };

	output_fields(compiled->r, compiled->mem, i, &l);
	buf_chr(out, ',');
	key_strs(out, "output_fields", l.v, l.n);
	buf_fmt(out, ",\"plugins\":[%s]", uses_container(compiled, l.v, l.n) ? "\"container\"" : "");
	free(l.v);
}

static void extra_formatted(struct base_buf *out, const struct rule_info *i)
{
	const char *sep = ",\"extra_output_formatted_fields\":{";

	for (uint32_t k = 0; k < i->nextra; k++) {
		if (!i->extra[k].format)
			continue;
		buf_str(out, sep);
		sep = ",";
		str(out, i->extra[k].name);
		buf_chr(out, ':');
		str(out, i->extra[k].format);
	}
	if (*sep == ',' && !sep[1])
		buf_chr(out, '}');
}

static int rule_json(const struct rules *r, const struct rule_info *i, struct base_buf *out)
{
	struct base_arena mem;
	struct details raw = { .r = r, .mem = &mem }, compiled = { .r = r, .mem = &mem };
	int e;

	arena_init(&mem);
	e = use_text(&raw, &i->cond);
	buf_str(out, "{\"details\":{");
	condition_details(out, &compiled, i->tree);
	buf_chr(out, ',');
	key_events(out, &compiled, i->tree);
	buf_chr(out, ',');
	exception_fields(out, &mem, i);
	exception_details(out, &mem, i);
	extra_formatted(out, i);
	buf_chr(out, ',');
	key_set(out, "lists", &raw.lists);
	buf_chr(out, ',');
	key_set(out, "macros", &raw.macros);
	buf_chr(out, ',');
	key_str(out, "output_compiled", i->full_output);
	output_details(out, &compiled, i);
	buf_fmt(out, "},\"info\":{\"capture\":%s,\"capture_duration\":%u,", boolean(i->capture), i->capture_duration);
	key_str(out, "condition", i->cond.s);
	buf_chr(out, ',');
	key_str(out, "description", i->desc.s);
	buf_fmt(out, ",\"enabled\":%s,", boolean(i->enabled));
	key_str(out, "name", i->name);
	buf_chr(out, ',');
	key_str(out, "output", i->output.s);
	buf_chr(out, ',');
	key_str(out, "priority", rules_priorities[i->priority]);
	buf_chr(out, ',');
	key_str(out, "source", i->source);
	buf_chr(out, ',');
	key_strs(out, "tags", i->tags.t, i->tags.n);
	buf_str(out, "}}");
	details_fini(&raw);
	details_fini(&compiled);
	arena_fini(&mem);
	return e;
}

static int macro_json(const struct rules *r, const struct macro_info *m, struct base_buf *out)
{
	struct base_arena mem;
	struct details raw = { .r = r, .mem = &mem }, compiled = { .r = r, .mem = &mem };
	int e;

	arena_init(&mem);
	e = use_text(&raw, &m->cond);
	buf_str(out, "{\"details\":{");
	condition_details(out, &compiled, m->tree);
	buf_chr(out, ',');
	key_events(out, &compiled, m->tree);
	buf_chr(out, ',');
	key_set(out, "lists", &raw.lists);
	buf_chr(out, ',');
	key_set(out, "macros", &raw.macros);
	buf_fmt(out, ",\"plugins\":[],\"used\":%s},\"info\":{", boolean(m->used));
	key_str(out, "condition", m->cond.s);
	buf_chr(out, ',');
	key_str(out, "name", m->name);
	buf_str(out, "}}");
	details_fini(&raw);
	details_fini(&compiled);
	arena_fini(&mem);
	return e;
}

/* An item that is not among the resolved ones was the name of a list. */
static void list_json(const struct list_info *l, struct base_buf *out)
{
	struct names resolved = { 0 }, lists = { 0 };
	const char *sep = "";
	struct base_arena mem;

	arena_init(&mem);
	for (uint32_t i = 0; i < l->nresolved; i++)
		names_add(&mem, &resolved, l->resolved[i], strlen(l->resolved[i]));
	for (uint32_t i = 0; i < l->nitems; i++)
		if (!names_has(&resolved, l->items[i]))
			names_add(&mem, &lists, l->items[i], strlen(l->items[i]));
	buf_str(out, "{\"details\":{");
	key_strs(out, "items_compiled", l->resolved, l->nresolved);
	buf_chr(out, ',');
	key_set(out, "lists", &lists);
	buf_fmt(out, ",\"plugins\":[],\"used\":%s},\"info\":{\"items\":[", boolean(l->used));
	for (uint32_t i = 0; i < l->nitems; i++) {
		if (!names_has(&resolved, l->items[i]))
			continue;
		buf_str(out, sep);
		str(out, l->items[i]);
		sep = ",";
	}
	buf_str(out, "],");
	key_str(out, "name", l->name);
	buf_str(out, "}}");
	names_fini(&resolved);
	names_fini(&lists);
	arena_fini(&mem);
}

/* ---- documents -------------------------------------------------------------------------------------------- */

static void requirements_json(const struct rules *r, struct base_buf *out)
{
	char version[40];

	key_str(out, "required_engine_version", rules_version_str(&r->required, version));
	buf_str(out, ",\"required_plugin_versions\":[");
	for (uint32_t i = 0; i < r->nreqs; i++) {
		const struct plugin_alternatives *a = &r->reqs[i];

		buf_str(out, i ? ",{\"alternatives\":[" : "{\"alternatives\":[");
		for (uint32_t k = 1; k < a->n; k++) {
			buf_str(out, k > 1 ? ",{" : "{");
			key_str(out, "name", a->r[k].name);
			buf_chr(out, ',');
			key_str(out, "version", a->r[k].version);
			buf_chr(out, '}');
		}
		buf_str(out, "],");
		key_str(out, "name", a->r[0].name);
		buf_chr(out, ',');
		key_str(out, "version", a->r[0].version);
		buf_chr(out, '}');
	}
	buf_str(out, "],");
}

static int all_json(const struct rules *r, struct base_buf *out)
{
	const char *sep = "";
	int e = 0;

	buf_str(out, "{\"lists\":[");
	for (uint32_t i = 0; i < r->nlists; i++, sep = ",") {
		buf_str(out, sep);
		list_json(r->lists[i], out);
	}
	buf_str(out, "],\"macros\":[");
	sep = "";
	for (uint32_t i = 0; i < r->nmacros && !e; i++) {
		if (!r->macros[i]->tree)
			continue;
		buf_str(out, sep);
		e = macro_json(r, r->macros[i], out);
		sep = ",";
	}
	buf_str(out, "],");
	requirements_json(r, out);
	buf_str(out, "\"rules\":[");
	sep = "";
	for (uint32_t i = 0; i < r->nrules && !e; i++) {
		if (!r->rules[i]->tree)
			continue;
		buf_str(out, sep);
		e = rule_json(r, r->rules[i], out);
		sep = ",";
	}
	buf_str(out, "]}");
	return e;
}

int rules_describe_json(const struct rules *r, const char *rule, struct base_buf *out)
{
	const struct rule_info *i = rule ? rules_described(r, rule) : NULL;
	size_t start = out->len;
	int e;

	if (rule && !i)
		return -ENOENT;
	if (i) {
		buf_str(out, "{\"rules\":[");
		e = rule_json(r, i, out);
		buf_str(out, "]}");
	} else {
		e = all_json(r, out);
	}
	if (out->failed)
		return -ENOMEM;
	if (e) {
		out->len = start;
		out->p[start] = 0;
	}
	return e;
}
