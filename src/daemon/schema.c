/* See schema.h. Walks the tree beside the table. Called by config.c. */
#include "daemon/schema.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct config_key config_keys[] = {
#define KEY(path, type, min, max, def, unit, serve, neutral, meaning) \
	{ path, KEY_##type, KEY_##serve, min, max, def, unit, neutral, meaning },
#include "daemon/config_keys.def"
#undef KEY
};
const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);

static const struct config_key *find_exact(const char *path)
{
	for (size_t i = 0; i < config_key_count; i++) {
		if (!strcmp(config_keys[i].path, path))
			return &config_keys[i];
	}
	return NULL;
}

/* Entry `name` of the map at `path`. A name with a dot in it can only be one of any names. */
static const struct config_key *find_entry(const char *path, const char *name)
{
	const struct config_key *k = NULL;
	char full[300];

	if (!strchr(name, '.') &&
	    (size_t)snprintf(full, sizeof(full), "%s%s%s", path, path[0] ? "." : "", name) < sizeof(full))
		k = find_exact(full);
	if (!k && path[0] && (size_t)snprintf(full, sizeof(full), "%s.*", path) < sizeof(full))
		k = find_exact(full);
	return k;
}

const struct config_key *config_key_find(const char *path)
{
	const char *dot = strrchr(path, '.');
	char parent[256];

	if (!dot || (size_t)(dot - path) >= sizeof(parent))
		return find_exact(path);
	memcpy(parent, path, (size_t)(dot - path));
	parent[dot - path] = '\0';
	return find_entry(parent, dot + 1);
}

const char *config_key_nearest(const char *path)
{
	const char **names = calloc(config_key_count, sizeof(*names));
	const char *near;

	if (!names)
		return NULL;
	for (size_t i = 0; i < config_key_count; i++)
		names[i] = config_keys[i].path;
	near = base_nearest(path, names, config_key_count);
	free(names);
	return near;
}

struct walk {
	const struct cfg_tree *t;
	struct base_err *err;
	uint32_t warnings;
};

static int unknown(struct walk *w, const struct yaml_node *key, const struct yaml_node *value, const char *path)
{
	struct cfg_origin o = cfg_origin(w->t, value);
	const char *near = config_key_nearest(path);
	struct cfg_origin at = cfg_origin(w->t, key);
	char hint[300] = "";

	if (near)
		snprintf(hint, sizeof(hint), ", did you mean '%s'?", near);
	if (o.option)
		return cfg_error(w->t, value, w->err, "unknown key '%s'%s", path, hint);
	log_warn("%s:%d:%d: unknown key '%s' has no effect%s", at.file ? at.file : "configuration", at.line, at.col,
		 path, hint);
	w->warnings++;
	return 0;
}

static const char *type_name(const struct config_key *k)
{
	static const char *const names[] = {
		[KEY_MAP] = "a map of keys and values", [KEY_BOOL] = "true or false", [KEY_INT] = "a whole number",
		[KEY_NUM] = "a number", [KEY_STR] = "a single value", [KEY_STRS] = "a list of values",
		[KEY_MAPS] = "a list of maps", [KEY_ANY] = "a value",
	};

	return names[k->type];
}

static int wrong_type(struct walk *w, const struct yaml_node *n, const char *path, const struct config_key *k)
{
	if (n->kind == YAML_SCALAR)
		return cfg_error(w->t, n, w->err, "'%s' is '%.100s', expected %s", path, n->s, type_name(k));
	return cfg_error(w->t, n, w->err, "'%s' is %s, expected %s", path, n->kind == YAML_MAP ? "a map" : "a list",
			 type_name(k));
}

static bool number(const struct yaml_node *n, double *ret)
{
	char *end;

	if (n->kind != YAML_SCALAR || !n->len)
		return false;
	*ret = strtod(n->s, &end);
	return *end == '\0';
}

/* Value is one of "a|b|c". */
static bool is_neutral(const struct yaml_node *n, const struct config_key *k)
{
	const char *p = k->neutral;
	bool b;

	/* booleans can be written in many ways */
	if (k->type == KEY_BOOL && yaml_bool(n, &b))
		return !strcmp(p, b ? "true" : "false");
	for (;;) {
		size_t len = strcspn(p, "|");

		if (n->kind == YAML_SCALAR && n->len == len && !memcmp(n->s, p, len))
			return true;
		if (!p[len])
			return false;
		p += len + 1;
	}
}

static int check_scalar(struct walk *w, const struct yaml_node *n, const char *path, const struct config_key *k)
{
	int64_t v;
	double d;
	bool b;

	switch ((enum key_type)k->type) {
	case KEY_BOOL:
		if (!yaml_bool(n, &b))
			return wrong_type(w, n, path, k);
		break;
	case KEY_INT:
		if (!yaml_i64(n, &v))
			return wrong_type(w, n, path, k);
		if ((k->min || k->max) && (v < k->min || v > k->max))
			return cfg_error(w->t, n, w->err, "'%s' is %lld, must be from %lld to %lld%s%s", path, (long long)v,
					 (long long)k->min, (long long)k->max, k->unit[0] ? " " : "", k->unit);
		break;
	case KEY_NUM:
		if (!number(n, &d))
			return wrong_type(w, n, path, k);
		break;
	case KEY_STR:
		if (n->kind != YAML_SCALAR)
			return wrong_type(w, n, path, k);
		break;
	default:
		break;
	}
	if (k->serve == KEY_LATER && !is_neutral(n, k))
		return cfg_error(w->t, n, w->err, "'%s: %.100s' is not served yet (%s); leave it out%s%s", path,
				 n->kind == YAML_SCALAR ? n->s : "...", k->meaning, k->neutral[0] ? " or set it to " : "",
				 k->neutral);
	return 0;
}

static int check_map(struct walk *w, const struct yaml_node *map, const char *path);

static int check_maps(struct walk *w, const struct yaml_node *n, const char *path, const struct config_key *k)
{
	char element[300];
	int r = 0;

	if (n->kind != YAML_SEQ) {
		/* Falco's word for it comes last; what is wrong and where stands before it. */
		struct base_err e = { 0 };
		char text[1600];

		wrong_type(&(struct walk){ .t = w->t, .err = &e }, n, path, k);
		log_err("%s", base_err_str(&e, text, sizeof(text)));
		return base_err_set(w->err, NULL, 0, 0, "bad conversion");
	}
	snprintf(element, sizeof(element), "%s[]", path);
	for (uint32_t i = 0; !r && i < n->count; i++) {
		if (n->item[i]->kind != YAML_MAP)
			return cfg_error(w->t, n->item[i], w->err, "'%s': each element is a map of keys and values", path);
		r = check_map(w, n->item[i], element);
	}
	return r;
}

static int check_strs(struct walk *w, const struct yaml_node *n, const char *path, const struct config_key *k)
{
	if (n->kind == YAML_SCALAR)
		return 0; /* a list of one */
	if (n->kind != YAML_SEQ)
		return wrong_type(w, n, path, k);
	for (uint32_t i = 0; i < n->count; i++) {
		if (n->item[i]->kind != YAML_SCALAR)
			return cfg_error(w->t, n->item[i], w->err, "'%s': each element is a single value", path);
	}
	return 0;
}

static int check_value(struct walk *w, const struct yaml_node *n, const char *path, const struct config_key *k)
{
	if (n->kind == YAML_NULL)
		return 0; /* as if it were not there */
	switch ((enum key_type)k->type) {
	case KEY_MAP:
		return n->kind == YAML_MAP ? check_map(w, n, path) : wrong_type(w, n, path, k);
	case KEY_MAPS:
		return check_maps(w, n, path, k);
	case KEY_STRS:
		return check_strs(w, n, path, k);
	case KEY_ANY:
		return 0;
	default:
		return check_scalar(w, n, path, k);
	}
}

/* Depth is that of the table, not of the input: below ANY nothing is looked at. */
static int check_map(struct walk *w, const struct yaml_node *map, const char *path)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < map->count; i++) {
		const struct yaml_node *key = map->key[i];
		const struct config_key *k;
		char full[300];

		if (key->kind != YAML_SCALAR)
			return cfg_error(w->t, key, w->err, "a key is a single value");
		snprintf(full, sizeof(full), "%s%s%s", path, path[0] ? "." : "", key->s);
		k = find_entry(path, key->s);
		r = k ? check_value(w, map->item[i], full, k) : unknown(w, key, map->item[i], full);
	}
	return r;
}

int schema_check(const struct cfg_tree *t, uint32_t *ret_warnings, struct base_err *err)
{
	struct walk w = { .t = t, .err = err };
	int r = check_map(&w, cfg_root(t), "");

	if (!r)
		*ret_warnings = w.warnings;
	return r;
}

static const char *text_of(const struct cfg_tree *t, const char *path)
{
	const struct config_key *k = config_key_find(path);
	const struct yaml_node *n = cfg_get(t, path);

	assert(k);
	return n && n->kind == YAML_SCALAR ? n->s : k->def;
}

bool schema_bool(const struct cfg_tree *t, const char *path)
{
	const struct yaml_node *n = cfg_get(t, path);
	const struct config_key *k = config_key_find(path);
	bool b;

	assert(k && k->type == KEY_BOOL);
	return n && yaml_bool(n, &b) ? b : !strcmp(k->def, "true");
}

int64_t schema_int(const struct cfg_tree *t, const char *path)
{
	const struct yaml_node *n = cfg_get(t, path);
	const struct config_key *k = config_key_find(path);
	int64_t v;

	assert(k && k->type == KEY_INT);
	return n && yaml_i64(n, &v) ? v : strtoll(k->def, NULL, 10);
}

double schema_num(const struct cfg_tree *t, const char *path)
{
	return strtod(text_of(t, path), NULL);
}

const char *schema_str(const struct cfg_tree *t, const char *path)
{
	return text_of(t, path);
}
