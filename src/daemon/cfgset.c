/* One -o option applied to the configuration tree: parses the key, walks to its place (making what is
 * missing) and puts the value there. Called by cfgtree.c. The meaning of keys is Falco's: dots between
 * names, [n] an element, [] a new element at the end, backslash before a literal . [ ] or backslash. */
#include "daemon/cfgtree.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 32
#define MAX_KEY 1024

struct step {
	enum { STEP_NAME, STEP_INDEX, STEP_APPEND } kind;
	char *name; /* in the buffer of the path */
	uint32_t index;
};

struct path {
	struct step step[MAX_STEPS];
	unsigned len;
	char names[MAX_KEY + MAX_STEPS]; /* every name with its NUL */
	size_t used;
};

static int key_error(struct base_err *err, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int key_error(struct base_err *err, const char *key, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return base_err_set(err, NULL, 0, 0, "Config error at key \"%s\": Parsing error: %s", key, text);
}

static int add_step(struct path *p, const char *key, struct step s, struct base_err *err)
{
	if (p->len == MAX_STEPS)
		return key_error(err, key, "more than %d steps", MAX_STEPS);
	p->step[p->len++] = s;
	return 0;
}

/* One name starting at key[*i]; stops at an unescaped '.' or '['. */
static int parse_name(struct path *p, const char *key, size_t *i, struct base_err *err)
{
	char *name = p->names + p->used;

	for (; key[*i] && key[*i] != '.' && key[*i] != '['; (*i)++) {
		char c = key[*i];

		if (c == '\\') {
			c = key[*i + 1];
			if (!c)
				return key_error(err, key, "trailing backslash at pos %zu", *i);
			if (!strchr(".[]\\", c))
				return key_error(err, key, "invalid escape sequence '\\%c' at pos %zu", c, *i);
			(*i)++;
		}
		p->names[p->used++] = c;
	}
	if (p->names + p->used == name)
		return key_error(err, key, "unexpected character at pos %zu", *i);
	p->names[p->used++] = '\0';
	return add_step(p, key, (struct step){ .kind = STEP_NAME, .name = name }, err);
}

/* "[n]" or "[]" starting at key[*i]; a missing bracket reads to the end. */
static int parse_index(struct path *p, const char *key, size_t *i, struct base_err *err)
{
	const char *from = key + *i + 1, *close = strchr(from, ']');
	size_t len = close ? (size_t)(close - from) : strlen(from);
	struct step s = { .kind = len ? STEP_INDEX : STEP_APPEND };

	for (size_t k = 0; k < len; k++) {
		if (!isdigit((unsigned char)from[k]) || len > 8)
			return key_error(err, key, "expected a numeric index, found '%.*s'", (int)len, from);
		s.index = s.index * 10 + (uint32_t)(from[k] - '0');
	}
	if (!close)
		return key_error(err, key, "']' is missing");
	*i = (size_t)(close - key) + 1;
	return add_step(p, key, s, err);
}

static int parse_path(struct path *p, const char *key, struct base_err *err)
{
	size_t i = 0;
	int r;

	p->len = 0;
	p->used = 0;
	if (strlen(key) > MAX_KEY)
		return base_err_set(err, NULL, 0, 0, "Config error: key of more than %d bytes", MAX_KEY);
	for (;;) {
		r = parse_name(p, key, &i, err);
		while (!r && key[i] == '[')
			r = parse_index(p, key, &i, err);
		if (r || !key[i])
			return r;
		if (key[i] != '.')
			return key_error(err, key, "expected '.' character at pos %zu", i);
		i++;
	}
}

/* Entry of a map, or NULL. */
static struct yaml_node **map_slot(struct yaml_node *map, const char *name)
{
	for (uint32_t i = 0; i < map->count; i++) {
		if (map->key[i]->s && !strcmp(map->key[i]->s, name))
			return &map->item[i];
	}
	return NULL;
}

static const char *kind_name(const struct yaml_node *n)
{
	return n->kind == YAML_MAP ? "a map" : n->kind == YAML_SEQ ? "a list" : "a single value";
}

struct setter {
	struct yaml_doc *doc;
	const struct cfg_set_ops *ops;
	struct base_err *err;
	const char *key;
};

/* Puts `value` (or, when NULL, makes a container of `kind` where there is none yet) at step s of
 * `at`, and gives what stands there then. */
static int put(struct setter *c, struct yaml_node *at, const struct step *s, struct yaml_node *value,
	       enum yaml_kind kind, struct yaml_node **ret)
{
	struct yaml_node **slot = NULL, *n = value;

	if (s->kind == STEP_NAME) {
		if (at->kind != YAML_MAP)
			return key_error(c->err, c->key, "'%s' goes into %s, not into a map", s->name, kind_name(at));
		slot = map_slot(at, s->name);
	} else {
		if (at->kind != YAML_SEQ)
			return key_error(c->err, c->key, "expected a list, found %s", kind_name(at));
		if (s->kind == STEP_INDEX && s->index > at->count)
			return key_error(c->err, c->key, "index %u is beyond the end, the list has %u elements", s->index, at->count);
		if (s->kind == STEP_INDEX && s->index < at->count)
			slot = &at->item[s->index];
	}
	if (!value && slot && (*slot)->kind != YAML_NULL) {
		*ret = *slot;
		return 0;
	}
	if (!value && !(n = yaml_new(c->doc, kind)))
		return -ENOMEM;
	if (slot)
		*slot = n;
	else if (s->kind == STEP_NAME ? !yaml_map_set(c->doc, at, s->name, n) : !yaml_seq_add(c->doc, at, n))
		return -ENOMEM;
	c->ops->made(c->ops->arg, n);
	*ret = n;
	return 0;
}

static int parse_value(struct setter *c, const char *text, struct yaml_node **ret)
{
	const struct yaml_limits limits = { .max_depth = 16, .max_nodes = 10000, .max_bytes = 1 << 20 };
	size_t len = strlen(text);
	struct yaml_node **docs;
	struct yaml_doc *d;
	uint32_t count;
	int r;

	if (len < 2 || text[0] != '{' || text[len - 1] != '}') {
		*ret = yaml_scalar(c->doc, text);
		return *ret ? 0 : -ENOMEM;
	}
	r = yaml_parse("-o", text, len, &limits, &d, &docs, &count, c->err);
	if (r < 0)
		return r;
	c->ops->parsed(c->ops->arg, d);
	if (count != 1)
		return base_err_set(c->err, NULL, 0, 0, "-o %s: the value is not one object", c->key);
	*ret = docs[0];
	return 0;
}

int cfg_set_option(struct yaml_doc *d, struct yaml_node *root, const char *option, const struct cfg_set_ops *ops, struct base_err *err)
{
	const char *eq = strchr(option, '=');
	struct setter c = { .doc = d, .ops = ops, .err = err };
	struct yaml_node *at = root, *value = NULL;
	struct path *p;
	char *key;
	int r;

	if (!eq)
		return base_err_set(err, NULL, 0, 0,
				    "Error parsing config option \"%s\". Must be of the form key=val or key.subkey=val", option);
	key = strndup(option, (size_t)(eq - option));
	p = malloc(sizeof(*p));
	if (!key || !p) {
		r = -ENOMEM;
		goto out;
	}
	c.key = key;
	r = parse_path(p, key, err);
	if (!r)
		r = parse_value(&c, eq + 1, &value);
	for (unsigned i = 0; !r && i < p->len; i++) {
		bool last = i + 1 == p->len;
		enum yaml_kind next = last || p->step[i + 1].kind == STEP_NAME ? YAML_MAP : YAML_SEQ;

		r = put(&c, at, &p->step[i], last ? value : NULL, next, &at);
	}
out:
	if (r == -ENOMEM)
		base_err_set(err, NULL, 0, 0, "-o %s: no memory", option);
	free(p);
	free(key);
	return r;
}
