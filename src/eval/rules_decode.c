/* Keys of rules file items -> values, with the checks and messages of the rules language. Called by
 * rules_read.c; trees flow in, texts in the collection's arena flow out. */
#include "eval/rules_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct rules_ctx ctx_value(const struct yaml_node *v, enum item_type type, const char *name, const struct rules_ctx *up)
{
	return (struct rules_ctx){ .up = up, .type = type, .item = name, .file = up->file, .mark = v->mark };
}

/* A scalar's text, copied. Names and conditions with a NUL inside can't mean anything. */
static int take(struct rules *r, const struct yaml_node *v, const struct rules_ctx *c, struct text *ret)
{
	if (memchr(v->s, 0, v->len))
		return rules_fail(r, LC_YAML_VALIDATE, c, "Can't decode YAML scalar value");
	*ret = (struct text){ rules_str(r, v->s, v->len), v->len, 0 };
	return 0;
}

/* The scalar under key. *ret NULL: absent or empty, as need allows. *vc: its place. */
static int find_scalar(struct rules *r, const struct yaml_node *item, const char *key, enum need need, const struct rules_ctx *c, struct rules_ctx *vc, const struct yaml_node **ret)
{
	const struct yaml_node *v = yaml_get(item, key);

	*ret = NULL;
	if (!v)
		return need == NEED ? rules_failf(r, LC_YAML_VALIDATE, c, "Item has no mapping for key '%s'", key) : 0;
	if (v->kind == YAML_NULL)
		return need == OPTIONAL_EMPTY ? 0 : rules_failf(r, LC_YAML_VALIDATE, c, "Mapping for key '%s' is empty", key);
	*vc = ctx_value(v, IT_VALUE_FOR, key, c);
	if (v->kind != YAML_SCALAR)
		return rules_fail(r, LC_YAML_VALIDATE, vc, "Value is not a scalar value");
	if (!v->len)
		return need == OPTIONAL_EMPTY ? 0 : rules_fail(r, LC_YAML_VALIDATE, vc, "Value must be non-empty");
	*ret = v;
	return 0;
}

int decode_str(struct rules *r, const struct yaml_node *item, const char *key, enum need need, const struct rules_ctx *c, struct text *ret)
{
	const struct yaml_node *v;
	struct rules_ctx vc;
	int e = find_scalar(r, item, key, need, c, &vc, &v);

	return e || !v ? e : take(r, v, &vc, ret);
}

int decode_bool(struct rules *r, const struct yaml_node *item, const char *key, enum need need, const struct rules_ctx *c, bool *ret)
{
	const struct yaml_node *v;
	struct rules_ctx vc;
	int e = find_scalar(r, item, key, need, c, &vc, &v);

	if (e || !v)
		return e;
	return yaml_bool(v, ret) ? 0 : rules_fail(r, LC_YAML_VALIDATE, &vc, "Can't decode YAML scalar value");
}

int decode_u32(struct rules *r, const struct yaml_node *item, const char *key, enum need need, const struct rules_ctx *c, uint32_t *ret)
{
	const struct yaml_node *v;
	struct rules_ctx vc;
	int e = find_scalar(r, item, key, need, c, &vc, &v);

	if (e || !v)
		return e;
	return yaml_u32(v, ret) ? 0 : rules_fail(r, LC_YAML_VALIDATE, &vc, "Can't decode YAML scalar value");
}

int decode_seq(struct rules *r, const struct yaml_node *item, const char *key, enum need need, const struct rules_ctx *c, int (*add)(struct rules *r, void *arg, const char *s), void *arg)
{
	const struct yaml_node *v = yaml_get(item, key);
	struct rules_ctx vc;

	if (!v)
		return need == NEED ? rules_failf(r, LC_YAML_VALIDATE, c, "Item has no mapping for key '%s'", key) : 0;
	vc = ctx_value(v, IT_VALUE_FOR, key, c);
	if (v->kind != YAML_SEQ)
		return rules_fail(r, LC_YAML_VALIDATE, &vc, "Value is not a sequence");
	for (uint32_t i = 0; i < v->count; i++) {
		struct rules_ctx ic = ctx_value(v->item[i], IT_LIST_ITEM, "", &vc);
		struct text t;
		int e;

		if (v->item[i]->kind != YAML_SCALAR)
			return rules_fail(r, LC_YAML_VALIDATE, &ic, "sequence value is not scalar");
		e = take(r, v->item[i], &ic, &t);
		if (!e)
			e = add(r, arg, t.s);
		if (e)
			return e;
	}
	return 0;
}

int tags_add(struct rules *r, void *arg, const char *tag)
{
	struct tag_set *s = arg;
	uint32_t lo = 0, hi = s->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = strcmp(s->t[mid], tag);

		if (!c)
			return 0;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? s->cap * 2 : 8;
		const char **t = arena_alloc(&r->mem, cap * sizeof(*t));

		if (s->n)
			memcpy(t, s->t, s->n * sizeof(*t));
		s->t = t;
		s->cap = cap;
	}
	memmove(s->t + lo + 1, s->t + lo, (s->n - lo) * sizeof(*s->t));
	s->t[lo] = tag;
	s->n++;
	return 0;
}

int decode_tags(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, struct tag_set *ret)
{
	return decode_seq(r, item, "tags", OPTIONAL, c, tags_add, ret);
}

int decode_priority(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, uint8_t *ret)
{
	struct rules_ctx pc;
	struct text t;
	int e = decode_str(r, item, "priority", NEED, c, &t);

	if (e)
		return e;
	for (uint8_t i = 0; i < 8; i++)
		if (!strcasecmp(t.s, rules_priorities[i]) || (i == 6 && !strcasecmp(t.s, "info"))) {
			*ret = i;
			return 0;
		}
	pc = ctx_value(yaml_get(item, "priority"), IT_RULE_PRIORITY, "", c);
	return rules_fail(r, LC_YAML_VALIDATE, &pc, "Invalid priority");
}

/* ---- map keys and overrides ------------------------------------------------------------------------ */

static int fail_content(struct rules *r, const char *msg)
{
	struct rules_ctx c = { .type = IT_CONTENT, .item = "", .file = r->cur->name };

	return rules_fail(r, LC_VALIDATE, &c, msg);
}

int decode_key(struct rules *r, const struct yaml_node *key, const char **ret)
{
	char msg[128];

	if (key->kind == YAML_NULL) {
		*ret = "null";
		return 0;
	}
	if (key->kind == YAML_SCALAR) {
		*ret = rules_str(r, key->s, key->len);
		return 0;
	}
	snprintf(msg, sizeof(msg), "yaml-cpp: error at line %u, column %u: bad conversion", key->mark.line + 1, key->mark.col + 1);
	return fail_content(r, msg);
}

int decode_overrides(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, bool (*allowed)(const char *key, bool replace), override_fn each, void *arg)
{
	const struct yaml_node *v = yaml_get(item, "override");
	struct rules_ctx oc, kc;
	int e = 0;

	if (!v)
		return 0;
	if (v->kind == YAML_SEQ && v->count)
		return fail_content(r, "invalid node; this may result from using a map iterator as a sequence iterator, or vice-versa");
	if (v->kind != YAML_MAP)
		return 0;
	oc = ctx_value(item, IT_OVERRIDE, "", c);
	for (uint32_t i = 0; i < v->count && !e; i++) {
		const char *key, *op;
		bool replace;

		e = decode_key(r, v->key[i], &key);
		if (!e)
			e = decode_key(r, v->item[i], &op);
		if (e)
			break;
		replace = !strcmp(op, "replace");
		if (!replace && strcmp(op, "append")) {
			kc = ctx_value(v->item[i], IT_VALUE_FOR, key, &oc);
			return rules_failf(r, LC_YAML_VALIDATE, &kc, "Invalid override operation for key '%s': '%s'. Allowed values are: %s%s",
					   key, op, allowed(key, false) ? "append " : "", allowed(key, true) ? "replace " : "");
		}
		kc = ctx_value(v->key[i], IT_OVERRIDE, key, &oc);
		if (!allowed(key, replace))
			return rules_failf(r, LC_YAML_VALIDATE, &kc, replace ? "Key '%s' cannot be replaced" : "Key '%s' cannot be appended to, use 'replace' instead", key);
		e = each(r, arg, key, replace);
	}
	return e;
}

int warn_unknown_keys(struct rules *r, const struct yaml_node *item, const char *const *known, const struct rules_ctx *c)
{
	char msg[512];

	for (uint32_t i = 0; i < item->count; i++) {
		const char *const *k = known;
		const char *key;
		int e = decode_key(r, item->key[i], &key);

		if (e)
			return e;
		while (*k && strcmp(*k, key))
			k++;
		if (*k)
			continue;
		snprintf(msg, sizeof(msg), "Unknown key '%.400s'. The key will be ignored.", key);
		rules_warn(r, LC_UNKNOWN_KEY, c, msg, NULL);
	}
	return 0;
}

/* ---- exceptions ---------------------------------------------------------------------------------------- */

static int decode_entry(struct rules *r, const struct yaml_node *v, const char *name, const struct rules_ctx *c, struct exc_entry *ret)
{
	struct rules_ctx vc = ctx_value(v, IT_VALUE_FOR, name, c);
	struct text t;
	int e;

	*ret = (struct exc_entry){ .item = "" };
	if (v->kind == YAML_SCALAR) {
		if (!v->len)
			return rules_fail(r, LC_YAML_VALIDATE, &vc, "Value must be non-empty");
		e = take(r, v, &vc, &t);
		ret->item = e ? "" : t.s;
		return e;
	}
	if (v->kind != YAML_SEQ)
		return 0;
	ret->is_list = true;
	ret->items = arena_alloc(&r->mem, (v->count + 1) * sizeof(*ret->items));
	for (uint32_t i = 0; i < v->count; i++) {
		struct rules_ctx lc = ctx_value(v->item[i], IT_EXCEPTION, "", &vc);

		e = decode_entry(r, v->item[i], "", &lc, &ret->items[ret->n]);
		if (e)
			return e;
		ret->n++;
	}
	return 0;
}

static int decode_entry_key(struct rules *r, const struct yaml_node *ex, const char *key, bool optional, const struct rules_ctx *c, struct exc_entry *ret)
{
	const struct yaml_node *v = yaml_get(ex, key);

	*ret = (struct exc_entry){ .item = "" };
	if (!v)
		return optional ? 0 : rules_failf(r, LC_YAML_VALIDATE, c, "Item has no mapping for key '%s'", key);
	return decode_entry(r, v, key, c, ret);
}

static int decode_values(struct rules *r, const struct yaml_node *v, const struct rules_ctx *c, struct exc_info *x)
{
	struct rules_ctx vals = ctx_value(v, IT_EXCEPTION_VALUES, "", c);

	if (v->kind != YAML_SEQ)
		return rules_fail(r, LC_YAML_VALIDATE, &vals, "Rule exception values must be a sequence");
	x->cap_values = v->count;
	x->values = arena_alloc(&r->mem, (v->count + 1) * sizeof(*x->values));
	for (uint32_t i = 0; i < v->count; i++) {
		struct rules_ctx vc = ctx_value(v->item[i], IT_EXCEPTION_VALUE, "", &vals);
		int e = decode_entry(r, v->item[i], "", &vc, &x->values[x->nvalues]);

		if (e)
			return e;
		x->nvalues++;
	}
	return 0;
}

static int decode_exception(struct rules *r, const struct yaml_node *ex, const struct rules_ctx *exs, const struct rules_ctx *rule, bool append, struct exc_list *ret, struct strmap *names)
{
	struct rules_ctx tmp = ctx_value(ex, IT_EXCEPTION, "", exs), c;
	struct exc_info x = { 0 };
	const struct yaml_node *values;
	struct text name;
	int e;

	if (ex->kind != YAML_MAP)
		return rules_fail(r, LC_YAML_VALIDATE, &tmp, "Rule exception must be a mapping");
	e = decode_str(r, ex, "name", NEED, &tmp, &name);
	if (e)
		return e;
	c = ctx_value(ex, IT_EXCEPTION, name.s, rule);
	x.ctx = rules_ctx_keep(r, &c);
	x.name = name.s;
	if (strmap_get(names, x.name, name.len) != STRMAP_NONE)
		rules_warn(r, LC_EXCEPTION_NAME_NOT_UNIQUE, &c, rules_fmt(r, "Multiple definitions of exception '%s' in the same rule", x.name), NULL);
	e = strmap_set(names, x.name, name.len, ret->n);
	if (!e)
		e = decode_entry_key(r, ex, "fields", append, &c, &x.fields);
	if (!e)
		e = decode_entry_key(r, ex, "comps", true, &c, &x.comps);
	if (e)
		return e;
	values = yaml_get(ex, "values");
	if (values)
		e = decode_values(r, values, &c, &x);
	else if (append)
		rules_warn(r, LC_APPEND_NO_VALUES, &c, "Overriding/appending exception with no values", NULL);
	ret->e[ret->n++] = x;
	return e;
}

int decode_exceptions(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, bool append, struct exc_list *ret)
{
	const struct yaml_node *v = yaml_get(item, "exceptions");
	struct strmap names = { 0 };
	struct rules_ctx exs;
	int e = 0;

	if (!v || v->kind == YAML_NULL)
		return 0;
	exs = ctx_value(v, IT_EXCEPTIONS, "", c);
	if (v->kind != YAML_SEQ)
		return rules_fail(r, LC_YAML_VALIDATE, &exs, "Rule exceptions must be a sequence");
	ret->cap = v->count;
	ret->e = arena_alloc(&r->mem, (v->count + 1) * sizeof(*ret->e));
	for (uint32_t i = 0; i < v->count && !e; i++)
		e = decode_exception(r, v->item[i], &exs, c, append, ret, &names);
	strmap_fini(&names);
	return e;
}

/* ---- versions ---------------------------------------------------------------------------------------------- */

bool rules_version_parse(const char *s, struct version *ret)
{
	return sscanf(s, "%" SCNu32 ".%" SCNu32 ".%" SCNu32, &ret->major, &ret->minor, &ret->patch) == 3;
}

int rules_version_cmp(const struct version *a, const struct version *b)
{
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	if (a->minor != b->minor)
		return a->minor < b->minor ? -1 : 1;
	return a->patch < b->patch ? -1 : a->patch > b->patch;
}

const char *rules_version_str(const struct version *v, char buf[40])
{
	snprintf(buf, 40, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, v->major, v->minor, v->patch);
	return buf;
}
