/* Items of a rules file -> the collection. Called by rules.c for every file, once its text is a tree.
 * Decides what kind an item is, which keys it must and may have, and what they ask for. */
#include "eval/rules_internal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static const char deprecated_append[] = "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";
static const char both_appends[] = "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";
static const char deprecated_enabled[] = "The standalone 'enabled' key usage is deprecated. The correct approach requires also a 'replace' entry under the 'override' key (i.e. 'enabled: replace').";

static struct rules_ctx ctx_at(const struct yaml_node *n, enum item_type type, const char *name, const struct rules_ctx *up)
{
	return (struct rules_ctx){ .up = up, .type = type, .item = name, .file = up->file, .mark = n->mark };
}

/* ---- versions -------------------------------------------------------------------------------------- */

static int read_engine_version(struct rules *r, const struct yaml_node *item, const struct rules_ctx *up)
{
	static const char *const known[] = { "required_engine_version", NULL };
	struct rules_ctx c = ctx_at(item, IT_ENGINE_VERSION, "", up);
	struct version v = { 0 };
	struct text t;
	int e;

	/* a plain number N is version 0.N.0 */
	if (!yaml_u32(yaml_get(item, known[0]), &v.minor)) {
		e = decode_str(r, item, known[0], NEED, &c, &t);
		if (e)
			return e;
		if (!rules_version_parse(t.s, &v))
			return rules_failf(r, LC_YAML_VALIDATE, &c, "Unable to parse engine version '%s' as a semver string. Expected \"x.y.z\" semver format.", t.s);
	}
	e = collect_engine_version(r, &v, &c);
	return e ? e : warn_unknown_keys(r, item, known, &c);
}

static int read_requirement(struct rules *r, const struct yaml_node *n, enum item_type type, const struct rules_ctx *up, struct rules_ctx *c, struct plugin_alternatives *a)
{
	struct text name, version;
	int e;

	*c = ctx_at(n, type, "", up);
	if (n->kind != YAML_MAP)
		return rules_fail(r, LC_YAML_VALIDATE, c, type == IT_PLUGIN_VERSIONS_ENTRY ? "Plugin version must be a mapping" : "Plugin version alternative must be a mapping");
	e = decode_str(r, n, "name", NEED, c, &name);
	if (e)
		return e;
	c->item = name.s;
	e = decode_str(r, n, "version", NEED, c, &version);
	if (e)
		return e;
	a->r[a->n++] = (struct plugin_req){ name.s, version.s };
	return 0;
}

static int read_plugin_versions(struct rules *r, const struct yaml_node *item, const struct rules_ctx *up)
{
	static const char *const known[] = { "required_plugin_versions", NULL };
	const struct yaml_node *v = yaml_get(item, known[0]);
	struct rules_ctx c = ctx_at(v, IT_PLUGIN_VERSIONS, "", up), ic = ctx_at(item, IT_PLUGIN_VERSIONS, "", up);

	if (v->kind != YAML_SEQ)
		return rules_fail(r, LC_YAML_VALIDATE, &c, "Value of required_plugin_versions must be a sequence");
	for (uint32_t i = 0; i < v->count; i++) {
		const struct yaml_node *alt = yaml_get(v->item[i], "alternatives");
		uint32_t nalt = alt && alt->kind == YAML_SEQ ? alt->count : 0;
		struct plugin_alternatives a = { .r = arena_alloc(&r->mem, (nalt + 1) * sizeof(*a.r)) };
		struct rules_ctx pc, ac;
		int e = read_requirement(r, v->item[i], IT_PLUGIN_VERSIONS_ENTRY, &c, &pc, &a);

		if (!e && alt && alt->kind != YAML_SEQ)
			e = rules_fail(r, LC_YAML_VALIDATE, &pc, "Value of plugin version alternatives must be a sequence");
		for (uint32_t k = 0; k < nalt && !e; k++)
			e = read_requirement(r, alt->item[k], IT_PLUGIN_VERSIONS_ALTERNATIVE, &pc, &ac, &a);
		if (!e)
			e = collect_plugin_versions(r, &a, &pc);
		if (e)
			return e;
	}
	return warn_unknown_keys(r, item, known, &ic);
}

/* ---- lists and macros ---------------------------------------------------------------------------------- */

struct simple_override {
	const char *key;
	bool append, any;
};

static bool items_allowed(const char *key, bool replace)
{
	(void)replace;
	return !strcmp(key, "items");
}

static bool condition_allowed(const char *key, bool replace)
{
	(void)replace;
	return !strcmp(key, "condition");
}

static int on_simple_override(struct rules *r, void *arg, const char *key, bool replace)
{
	struct simple_override *o = arg;

	(void)r;
	(void)key;
	o->any = true;
	o->append |= !replace;
	return 0;
}

/* `append` and `override` of items with one part only: appending it is appending the item, replacing
 * it is defining the item again. */
static int read_append(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, bool (*allowed)(const char *, bool), bool *ret)
{
	struct simple_override o = { 0 };
	bool append = false;
	int e = decode_bool(r, item, "append", OPTIONAL, c, &append);

	if (e)
		return e;
	if (append)
		rules_warn(r, LC_DEPRECATED_ITEM, c, deprecated_append, NULL);
	e = decode_overrides(r, item, c, allowed, on_simple_override, &o);
	if (e)
		return e;
	if (append && o.any)
		return rules_fail(r, LC_YAML_VALIDATE, c, both_appends);
	*ret = append || o.append;
	return 0;
}

static int add_item(struct rules *r, void *arg, const char *s)
{
	struct list_info *l = arg;

	if (l->nitems == l->cap_items) {
		uint32_t cap = l->cap_items ? l->cap_items * 2 : 16;
		const char **p = arena_alloc(&r->mem, cap * sizeof(*p));

		if (l->nitems)
			memcpy(p, l->items, l->nitems * sizeof(*p));
		l->items = p;
		l->cap_items = cap;
	}
	l->items[l->nitems++] = s;
	return 0;
}

/* What a condition may name bare: lists are text without delimiters, macros are identifiers. */
static bool list_name_ok(const char *s)
{
	return *s && !s[strcspn(s, "()\"' \t\n\r\v\f=,")];
}

static bool macro_name_ok(const char *s)
{
	if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')))
		return false;
	return !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
}

static int read_list(struct rules *r, const struct yaml_node *item, const struct rules_ctx *up)
{
	static const char *const known[] = { "list", "items", "append", "override", NULL };
	struct rules_ctx c = ctx_at(item, IT_LIST, "", up);
	struct list_info l = { 0 };
	struct text name;
	bool append;
	int e = decode_str(r, item, "list", NEED, &c, &name);

	if (e)
		return e;
	c.item = l.name = name.s;
	if (!list_name_ok(name.s))
		rules_warn(r, LC_INVALID_LIST_NAME, &c, "List has an invalid name. List names should match a regular expression: ([^()\"'[:space:]=,]+)", NULL);
	e = decode_seq(r, item, "items", NEED, &c, add_item, &l);
	if (!e)
		e = read_append(r, item, &c, items_allowed, &append);
	if (e)
		return e;
	l.ctx = rules_ctx_keep(r, &c);
	e = collect_list(r, &l, append);
	return e ? e : warn_unknown_keys(r, item, known, &c);
}

static int read_macro(struct rules *r, const struct yaml_node *item, const struct rules_ctx *up)
{
	static const char *const known[] = { "macro", "condition", "append", "override", NULL };
	struct rules_ctx c = ctx_at(item, IT_MACRO, "", up), cc;
	struct macro_info m = { 0 };
	struct text name;
	bool append;
	int e = decode_str(r, item, "macro", NEED, &c, &name);

	if (e)
		return e;
	c.item = m.name = name.s;
	if (!macro_name_ok(name.s))
		rules_warn(r, LC_INVALID_MACRO_NAME, &c, "Macro has an invalid name. Macro names should match a regular expression: ([a-zA-Z]+[a-zA-Z0-9_]*)", NULL);
	e = decode_str(r, item, "condition", NEED, &c, &m.cond);
	if (!e)
		e = read_append(r, item, &c, condition_allowed, &append);
	if (e)
		return e;
	m.ctx = rules_ctx_keep(r, &c);
	cc = ctx_at(yaml_get(item, "condition"), IT_MACRO_CONDITION, "", &c);
	m.cond_ctx = rules_ctx_keep(r, &cc);
	e = collect_macro(r, &m, append);
	return e ? e : warn_unknown_keys(r, item, known, &c);
}

/* ---- rules: override --------------------------------------------------------------------------------------- */

/* In the order in which the reference complains about leftovers. */
static const struct { const char *key; unsigned part; bool append; } rule_parts[] = {
	{ "capture", RP_CAPTURE, false },
	{ "capture_duration", RP_CAPTURE_DURATION, false },
	{ "condition", RP_CONDITION, true },
	{ "desc", RP_DESC, true },
	{ "enabled", RP_ENABLED, false },
	{ "exceptions", RP_EXCEPTIONS, true },
	{ "output", RP_OUTPUT, true },
	{ "priority", RP_PRIORITY, false },
	{ "skip-if-unknown-filter", RP_SKIP_UNKNOWN, false },
	{ "tags", RP_TAGS, true },
	{ "warn_evttypes", RP_WARN_EVTTYPES, false },
};
#define NPARTS (sizeof(rule_parts) / sizeof(rule_parts[0]))

struct rule_override {
	unsigned append, replace; /* enum rule_part */
};

static bool rule_part_allowed(const char *key, bool replace)
{
	for (size_t i = 0; i < NPARTS; i++)
		if (!strcmp(key, rule_parts[i].key))
			return replace || rule_parts[i].append;
	return false;
}

static int on_rule_override(struct rules *r, void *arg, const char *key, bool replace)
{
	struct rule_override *o = arg;

	(void)r;
	for (size_t i = 0; i < NPARTS; i++)
		if (!strcmp(key, rule_parts[i].key))
			*(replace ? &o->replace : &o->append) |= rule_parts[i].part;
	return 0;
}

static int decode_part(struct rules *r, const struct yaml_node *item, unsigned part, bool append, const struct rules_ctx *c, struct rule_info *u)
{
	switch (part) {
	case RP_CONDITION:
		return decode_str(r, item, "condition", NEED, c, &u->cond);
	case RP_EXCEPTIONS:
		return decode_exceptions(r, item, c, append, &u->exceptions);
	case RP_OUTPUT:
		return decode_str(r, item, "output", NEED, c, &u->output);
	case RP_DESC:
		return decode_str(r, item, "desc", NEED, c, &u->desc);
	case RP_TAGS:
		return decode_tags(r, item, c, &u->tags);
	case RP_PRIORITY:
		return decode_priority(r, item, c, &u->priority);
	case RP_CAPTURE:
		return decode_bool(r, item, "capture", NEED, c, &u->capture);
	case RP_CAPTURE_DURATION:
		return decode_u32(r, item, "capture_duration", NEED, c, &u->capture_duration);
	case RP_ENABLED:
		return decode_bool(r, item, "enabled", NEED, c, &u->enabled);
	case RP_WARN_EVTTYPES:
		return decode_bool(r, item, "warn_evttypes", NEED, c, &u->warn_evttypes);
	default:
		return decode_bool(r, item, "skip-if-unknown-filter", NEED, c, &u->skip_unknown);
	}
}

/* One pass over an item with overrides: all that is appended, or all that is replaced. left: parts
 * that the item defines and no override has named so far. */
static int read_override_pass(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, const struct rule_info *base, unsigned parts, bool append, unsigned *left)
{
	static const unsigned order[] = { RP_CONDITION, RP_EXCEPTIONS, RP_OUTPUT, RP_DESC, RP_TAGS, RP_PRIORITY, RP_CAPTURE, RP_CAPTURE_DURATION, RP_ENABLED, RP_WARN_EVTTYPES, RP_SKIP_UNKNOWN };
	struct rule_info u = { .name = base->name, .ctx = base->ctx };

	if (!parts)
		return 0;
	for (size_t i = 0; i < NPARTS; i++) {
		const char *key = NULL;
		int e;

		if (!(parts & order[i]))
			continue;
		for (size_t k = 0; k < NPARTS; k++)
			if (rule_parts[k].part == order[i])
				key = rule_parts[k].key;
		if (!(*left & order[i]))
			return rules_failf(r, LC_YAML_VALIDATE, c, "An %s override for '%s' was specified but '%s' is not defined", append ? "append" : "replace", key, key);
		*left &= ~order[i];
		if (order[i] == RP_CONDITION)
			u.source = base->source; /* only a condition is bound to a source */
		e = decode_part(r, item, order[i], append, c, &u);
		if (e)
			return e;
	}
	return append ? collect_append(r, &u, parts) : collect_replace(r, &u, parts);
}

static int read_overrides(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, const struct rule_info *base, const struct rule_override *o)
{
	unsigned left = 0;
	int e;

	for (size_t i = 0; i < NPARTS; i++)
		if (yaml_get(item, rule_parts[i].key))
			left |= rule_parts[i].part;
	e = read_override_pass(r, item, c, base, o->append, true, &left);
	if (!e)
		e = read_override_pass(r, item, c, base, o->replace, false, &left);
	for (size_t i = 0; i < NPARTS && !e; i++)
		if (left & rule_parts[i].part) {
			struct rules_ctx kc = ctx_at(yaml_get(item, rule_parts[i].key), IT_OVERRIDE, rule_parts[i].key, c);

			e = rules_failf(r, LC_YAML_VALIDATE, &kc, "Unexpected key '%s': no corresponding entry under 'override' is defined.", rule_parts[i].key);
		}
	return e;
}

/* ---- rules: append, enable, define ----------------------------------------------------------------------------- */

static int read_appended(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, struct rule_info *u)
{
	unsigned parts = 0;
	int e = 0;

	if (yaml_get(item, "condition")) {
		parts |= RP_CONDITION;
		e = decode_str(r, item, "condition", NEED, c, &u->cond);
	}
	if (!e && yaml_get(item, "exceptions")) {
		parts |= RP_EXCEPTIONS;
		e = decode_exceptions(r, item, c, true, &u->exceptions);
	}
	return e ? e : collect_append(r, u, parts);
}

static void trim(struct text *t)
{
	while (t->len && isspace((unsigned char)*t->s)) {
		t->s++;
		t->len--;
	}
	while (t->len && isspace((unsigned char)t->s[t->len - 1]))
		t->len--;
}

static int read_flags(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, struct rule_info *i)
{
	struct text source = { .s = "syscall", .len = 7 };
	int e = decode_str(r, item, "source", OPTIONAL, c, &source);

	i->source = source.s;
	if (!e)
		e = decode_bool(r, item, "enabled", OPTIONAL, c, &i->enabled);
	if (!e)
		e = decode_bool(r, item, "capture", OPTIONAL, c, &i->capture);
	if (!e)
		e = decode_u32(r, item, "capture_duration", OPTIONAL, c, &i->capture_duration);
	if (!e)
		e = decode_bool(r, item, "warn_evttypes", OPTIONAL, c, &i->warn_evttypes);
	if (!e)
		e = decode_bool(r, item, "skip-if-unknown-filter", OPTIONAL, c, &i->skip_unknown);
	if (!e)
		e = decode_tags(r, item, c, &i->tags);
	return e ? e : decode_exceptions(r, item, c, false, &i->exceptions);
}

static int read_definition(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, struct rule_info *i)
{
	struct rules_ctx sub;
	int e = decode_str(r, item, "condition", NEED, c, &i->cond);

	if (e)
		return e;
	sub = ctx_at(yaml_get(item, "condition"), IT_RULE_CONDITION, "", c);
	i->cond_ctx = rules_ctx_keep(r, &sub);
	e = decode_str(r, item, "output", NEED, c, &i->output);
	if (e)
		return e;
	sub = ctx_at(yaml_get(item, "output"), IT_RULE_OUTPUT, "", c);
	i->output_ctx = rules_ctx_keep(r, &sub);
	trim(&i->output);
	i->output.s = rules_str(r, i->output.s, i->output.len);
	e = decode_str(r, item, "desc", NEED, c, &i->desc);
	if (!e)
		e = decode_priority(r, item, c, &i->priority);
	if (!e)
		e = read_flags(r, item, c, i);
	return e ? e : collect_rule(r, i);
}

static int read_enable(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, const char *name)
{
	bool enabled = true;
	int e = decode_bool(r, item, "enabled", NEED, c, &enabled);

	if (e)
		return e;
	rules_warn(r, LC_DEPRECATED_ITEM, c, deprecated_enabled, NULL);
	return collect_enable(r, name, enabled, c);
}

static int read_rule_body(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, const char *name)
{
	struct rule_info i = { .name = name, .enabled = true, .warn_evttypes = true };
	struct rule_override o = { 0 };
	struct text source = { 0 };
	bool append = false;
	int e = decode_str(r, item, "source", OPTIONAL_EMPTY, c, &source);

	if (!e)
		e = decode_bool(r, item, "append", OPTIONAL, c, &append);
	if (e)
		return e;
	if (append)
		rules_warn(r, LC_DEPRECATED_ITEM, c, deprecated_append, NULL);
	e = decode_overrides(r, item, c, rule_part_allowed, on_rule_override, &o);
	if (e)
		return e;
	if (append && (o.append || o.replace))
		return rules_fail(r, LC_YAML_VALIDATE, c, both_appends);
	i.source = source.s;
	i.ctx = i.cond_ctx = i.output_ctx = rules_ctx_keep(r, c);
	if (o.append || o.replace)
		return read_overrides(r, item, c, &i, &o);
	if (append)
		return read_appended(r, item, c, &i);
	if (!yaml_get(item, "condition") && !yaml_get(item, "output") && !yaml_get(item, "desc") && !yaml_get(item, "priority"))
		return read_enable(r, item, c, name);
	return read_definition(r, item, c, &i);
}

static int read_rule(struct rules *r, const struct yaml_node *item, const struct rules_ctx *up)
{
	static const char *const known[] = { "rule", "condition", "output", "desc", "priority", "source", "enabled", "capture", "capture_duration", "warn_evttypes", "skip-if-unknown-filter", "tags", "exceptions", "override", "append", NULL };
	struct rules_ctx c = ctx_at(item, IT_RULE, "", up);
	struct text name;
	int e = decode_str(r, item, "rule", NEED, &c, &name);

	if (e)
		return e;
	c.item = name.s;
	e = read_rule_body(r, item, &c, name.s);
	return e ? e : warn_unknown_keys(r, item, known, &c);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static int read_item(struct rules *r, const struct yaml_node *item, const struct rules_ctx *up)
{
	static const struct { const char *key; int (*read)(struct rules *, const struct yaml_node *, const struct rules_ctx *); } kinds[] = {
		{ "required_engine_version", read_engine_version },
		{ "required_plugin_versions", read_plugin_versions },
		{ "list", read_list },
		{ "macro", read_macro },
		{ "rule", read_rule },
	};
	struct rules_ctx c = ctx_at(item, IT_CONTENT_ITEM, "", up);

	if (item->kind != YAML_MAP)
		return rules_fail(r, LC_YAML_VALIDATE, &c, "Unexpected element type. Each element should be a yaml associative array.");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (yaml_get(item, kinds[i].key))
			return kinds[i].read(r, item, up);
	rules_warn(r, LC_UNKNOWN_ITEM, &c, "Unknown top level item", NULL);
	return 0;
}

int rules_read(struct rules *r, struct yaml_node *const *docs, uint32_t ndocs)
{
	struct rules_ctx c = { .type = IT_CONTENT, .item = "", .file = r->cur->name };

	for (uint32_t d = 0; d < ndocs; d++) {
		const struct yaml_node *doc = docs[d];

		if (doc->kind == YAML_NULL)
			continue;
		if (doc->kind == YAML_SCALAR)
			return rules_fail(r, LC_YAML_VALIDATE, &c, "Rules content is not yaml");
		if (doc->kind != YAML_SEQ)
			return rules_fail(r, LC_YAML_VALIDATE, &c, "Rules content is not yaml array of objects");
		for (uint32_t i = 0; i < doc->count; i++) {
			int e = doc->item[i]->kind == YAML_NULL ? 0 : read_item(r, doc->item[i], &c);

			if (e)
				return e;
		}
	}
	return 0;
}
