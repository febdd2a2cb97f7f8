/* Whether a rules file has the shape that editors are told about (a JSON schema in the reference). This is
 * information only: what may be loaded is decided by rules_read.c, and the two differ in places. Called by
 * rules.c for each document; the findings are shown in reports.
 *
 * Types are weak: every scalar is a string, "1" is an integer, "true" is a boolean. Findings are listed
 * from the innermost value outwards, as the reference's validator does. */
#include "eval/rules_internal.h"

#include <stdio.h>
#include <string.h>

enum shape_type { SHAPE_ANY, SHAPE_STRING, SHAPE_INTEGER, SHAPE_BOOL, SHAPE_SCALAR, SHAPE_ARRAY, SHAPE_OBJECT };

struct shape {
	enum shape_type type;
	const struct shape *item;	 /* ARRAY */
	const struct property *props;	 /* OBJECT: by name */
	const char *const *required;	 /* OBJECT */
	bool not_empty;			 /* OBJECT */
	const char *const *words;	 /* STRING: the only ones */
};

struct property {
	const char *name;
	const struct shape *shape;
};

static const char *const priority_words[] = { "EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG", NULL };
static const char *const override_words[] = { "append", "replace", NULL };
static const char *const name_required[] = { "name", NULL };
static const char *const version_required[] = { "name", "version", NULL };

static const struct shape any = { .type = SHAPE_ANY };
static const struct shape string = { .type = SHAPE_STRING };
static const struct shape integer = { .type = SHAPE_INTEGER };
static const struct shape boolean = { .type = SHAPE_BOOL };
static const struct shape list_item = { .type = SHAPE_SCALAR };
static const struct shape list_items = { .type = SHAPE_ARRAY, .item = &list_item };
static const struct shape strings = { .type = SHAPE_ARRAY, .item = &string };
static const struct shape priority = { .type = SHAPE_STRING, .words = priority_words };
static const struct shape overridden = { .type = SHAPE_STRING, .words = override_words };

static const struct property exception_props[] = { { "comps", &any }, { "fields", &any }, { "name", &string }, { "values", &any }, { NULL, NULL } };
static const struct shape exception = { .type = SHAPE_OBJECT, .props = exception_props, .required = name_required };
static const struct shape exceptions = { .type = SHAPE_ARRAY, .item = &exception };

static const struct property alternative_props[] = { { "name", &string }, { "version", &string }, { NULL, NULL } };
static const struct shape alternative = { .type = SHAPE_OBJECT, .props = alternative_props, .required = version_required };
static const struct shape alternatives = { .type = SHAPE_ARRAY, .item = &alternative };
static const struct property plugin_props[] = { { "alternatives", &alternatives }, { "name", &string }, { "version", &string }, { NULL, NULL } };
static const struct shape plugin = { .type = SHAPE_OBJECT, .props = plugin_props, .required = version_required };
static const struct shape plugins = { .type = SHAPE_ARRAY, .item = &plugin };

static const struct property override_props[] = {
	{ "capture", &overridden }, { "capture_duration", &overridden }, { "condition", &overridden },
	{ "desc", &overridden }, { "enabled", &overridden }, { "exceptions", &overridden }, { "items", &overridden },
	{ "output", &overridden }, { "priority", &overridden }, { "skip-if-unknown-filter", &overridden },
	{ "tags", &overridden }, { "warn_evttypes", &overridden }, { NULL, NULL }
};
static const struct shape override = { .type = SHAPE_OBJECT, .props = override_props, .not_empty = true };

static const struct property item_props[] = {
	{ "append", &boolean }, { "capture", &boolean }, { "capture_duration", &integer }, { "condition", &string },
	{ "desc", &string }, { "enabled", &boolean }, { "exceptions", &exceptions }, { "items", &list_items },
	{ "list", &string }, { "macro", &string }, { "output", &string }, { "override", &override },
	{ "priority", &priority }, { "required_engine_version", &string }, { "required_plugin_versions", &plugins },
	{ "rule", &string }, { "skip-if-unknown-filter", &boolean }, { "source", &string }, { "tags", &strings },
	{ "warn_evttypes", &boolean }, { NULL, NULL }
};
static const struct shape item = { .type = SHAPE_OBJECT, .props = item_props };
static const struct shape content = { .type = SHAPE_ARRAY, .item = &item };

struct check {
	struct rules *r;
	struct base_buf path; /* "<root>[0][items]" */
	int e;
};

static void find(struct check *x, const char *what)
{
	struct rules_file *f = x->r->cur;

	if (f->nschema >= RULES_MAX_REPORTS || RULES_GROW(f->schema, f->cap_schema, f->nschema))
		return;
	f->schema[f->nschema++] = rules_fmt(x->r, "failed for %s: %s", x->path.p ? x->path.p : "", what);
}

static bool is_integer(const char *s)
{
	s += *s == '-' || *s == '+';
	return *s && !s[strspn(s, "0123456789")];
}

static bool type_fits(enum shape_type t, const struct yaml_node *n)
{
	switch (t) {
	case SHAPE_ANY:
		return true;
	case SHAPE_STRING:
	case SHAPE_SCALAR:
		return n->kind == YAML_SCALAR;
	case SHAPE_INTEGER:
		return n->kind == YAML_SCALAR && is_integer(n->s);
	case SHAPE_BOOL:
		return n->kind == YAML_SCALAR && (!strcmp(n->s, "true") || !strcmp(n->s, "false"));
	case SHAPE_ARRAY:
		return n->kind == YAML_SEQ;
	default:
		return n->kind == YAML_MAP;
	}
}

static bool fits(struct check *x, const struct shape *s, const struct yaml_node *n);

static bool step(struct check *x, const char *name, const struct shape *s, const struct yaml_node *n)
{
	size_t len = x->path.len;
	bool ok;

	buf_fmt(&x->path, "[%s]", name);
	ok = fits(x, s, n);
	x->path.len = len;
	if (x->path.p)
		x->path.p[len] = 0;
	return ok;
}

static bool array_fits(struct check *x, const struct shape *s, const struct yaml_node *n)
{
	bool ok = true;
	char name[48];

	for (uint32_t i = 0; i < n->count && !x->e; i++) {
		snprintf(name, sizeof(name), "%u", i);
		if (step(x, name, s->item, n->item[i]))
			continue;
		snprintf(name, sizeof(name), "Failed to validate item #%u in array.", i);
		find(x, name);
		ok = false;
	}
	return ok;
}

static const struct shape *property_of(const struct shape *s, const char *name)
{
	for (const struct property *p = s->props; p->name; p++)
		if (!strcmp(p->name, name))
			return p->shape;
	return NULL;
}

/* The first key that is no property, "" when there is only one too many. */
static const char *unknown_key(struct check *x, const struct shape *s, const struct yaml_node *n)
{
	for (uint32_t i = 0; i < n->count; i++) {
		const char *key;

		if (!decode_key(x->r, n->key[i], &key) && !property_of(s, key))
			return key;
	}
	return "";
}

static bool object_fits(struct check *x, const struct shape *s, const struct yaml_node *n)
{
	uint32_t known = 0;
	bool ok = true;
	char msg[512];

	for (const char *const *q = s->required; q && *q; q++)
		if (!yaml_get(n, *q)) {
			snprintf(msg, sizeof(msg), "Missing required property '%s'.", *q);
			find(x, msg);
			ok = false;
		}
	for (const struct property *p = s->props; p->name && !x->e; p++) {
		const struct yaml_node *v = yaml_get(n, p->name);

		known += v != NULL;
		if (!v || step(x, p->name, p->shape, v))
			continue;
		snprintf(msg, sizeof(msg), "Failed to validate against schema associated with property name '%s'.", p->name);
		find(x, msg);
		ok = false;
	}
	if (known != n->count) {
		snprintf(msg, sizeof(msg), "Object contains a property that could not be validated using 'properties' or 'additionalProperties' constraints: '%.300s'.", unknown_key(x, s, n));
		find(x, msg);
		ok = false;
	}
	if (s->not_empty && !n->count) {
		find(x, "Object should have no fewer than 1 properties.");
		ok = false;
	}
	return ok;
}

/* Keys that are collections end the reference's check, and the load. */
static bool keys_are_names(struct check *x, const struct yaml_node *n)
{
	struct rules_ctx c = { .type = IT_CONTENT, .item = "", .file = x->r->cur->name };

	for (uint32_t i = 0; i < n->count; i++) {
		const struct yaml_node *k = n->key[i];

		if (k->kind == YAML_SCALAR || k->kind == YAML_NULL)
			continue;
		x->e = rules_failf(x->r, LC_YAML_PARSE, &c, "yaml-cpp: error at line %u, column %u: bad conversion", k->mark.line + 1, k->mark.col + 1);
		return false;
	}
	return true;
}

static bool fits(struct check *x, const struct shape *s, const struct yaml_node *n)
{
	static const char wrong_type[] = "Value type not permitted by 'type' constraint.";
	bool ok = type_fits(s->type, n), word = !s->words;

	if (s->type == SHAPE_SCALAR && !ok) {
		/* written as a choice between integer and string */
		find(x, wrong_type);
		find(x, "Failed to validate against child schema #0.");
		find(x, wrong_type);
		find(x, "Failed to validate against child schema #1.");
		find(x, "Failed to validate against any schemas allowed by anyOf constraint.");
		return false;
	}
	if (!ok)
		find(x, wrong_type);
	else if (s->type == SHAPE_ARRAY)
		return array_fits(x, s, n);
	else if (s->type == SHAPE_OBJECT)
		return keys_are_names(x, n) && object_fits(x, s, n);
	for (const char *const *w = s->words; w && *w && n->kind == YAML_SCALAR; w++)
		word = word || !strcmp(*w, n->s);
	if (!word)
		find(x, "Failed to match against any enum values.");
	return ok && word;
}

int rules_schema_check(struct rules *r, const struct yaml_node *doc)
{
	struct check x = { .r = r };
	struct rules_file *f = r->cur;

	buf_str(&x.path, "<root>");
	if (fits(&x, &content, doc) && !RULES_GROW(f->schema, f->cap_schema, f->nschema))
		f->schema[f->nschema++] = "ok";
	buf_fini(&x.path);
	if (x.e)
		f->nschema = 0;
	return x.e;
}

bool rules_schema_ok(const struct rules_file *f)
{
	return f->nschema && !strcmp(f->schema[0], "ok");
}
