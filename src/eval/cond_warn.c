/* Warnings tied to conditions (rules-language 10): values that are probably not what was meant,
 * deprecated fields, regular expressions that are none. */
#include "eval/cond_check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NO_LATENCY "field is not available due to the drop of enter events."

const struct cond_deprecated cond_deprecated_fields[COND_DEPRECATED_COUNT] = {
	{ "evt.dir", "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = >' always evaluates to false. "
		     "The rule expression can be simplified by removing the condition on 'evt.dir'" },
	{ "evt.latency", NO_LATENCY },
	{ "evt.latency.s", NO_LATENCY },
	{ "evt.latency.ns", NO_LATENCY },
	{ "evt.latency.human", NO_LATENCY },
	{ "evt.wait_latency", NO_LATENCY },
};

static const struct cond_pos whole = { 0, UINT32_MAX, UINT32_MAX };

static uint32_t expr_deprecated(const struct value_expr *e)
{
	uint32_t used = 0;

	for (unsigned i = 0; e->name && i < COND_DEPRECATED_COUNT; i++)
		if (!strcmp(e->name, cond_deprecated_fields[i].name))
			used |= 1u << i;
	/* elements of lists are not looked at */
	for (uint32_t i = 0; i < e->nargs && e->kind != XF_LIST; i++)
		used |= expr_deprecated(e->args[i]);
	return used;
}

uint32_t cond_deprecated_used(const struct cond *c)
{
	uint32_t used = c->lhs ? expr_deprecated(c->lhs) : 0;

	for (uint32_t i = 0; i < c->nchild; i++)
		used |= cond_deprecated_used(c->child[i]);
	return used;
}

/* Name of the last field of the expression, which is what the left side counts as. */
static const char *last_field(const struct value_expr *e)
{
	const char *name = e->name;

	for (uint32_t i = 0; i < e->nargs && e->kind != XF_LIST; i++) {
		const char *n = last_field(e->args[i]);

		if (n)
			name = n;
	}
	return name;
}

/* Fields of audit logs yield "<NA>" in old rules' minds only: comparing with it is a mistake. */
static bool unsafe_na(const struct cond *c)
{
	const char *name = c->lhs ? last_field(c->lhs) : NULL;

	for (uint32_t i = 0; i < c->nchild; i++)
		if (unsafe_na(c->child[i]))
			return true;
	if (!name || c->mod || (strncmp(name, "ka.", 3) && strncmp(name, "jevt.", 5)))
		return false;
	if (c->op != OP_EQ && c->op != OP_NE && c->op != OP_IN && c->op != OP_INTERSECTS && c->op != OP_PMATCH)
		return false;
	for (uint32_t i = 0; i < c->nvalue; i++)
		if (!strcmp(c->value[i], "<NA>"))
			return true;
	return false;
}

void cond_warn_whole(const struct cond *c, cond_warn_fn warn, void *arg)
{
	uint32_t used = cond_deprecated_used(c);

	if (unsafe_na(c))
		warn(arg, "LOAD_UNSAFE_NA_CHECK", "", whole);
	for (unsigned i = 0; i < COND_DEPRECATED_COUNT; i++)
		if (used >> i & 1)
			warn(arg, "LOAD_DEPRECATED_ITEM", cond_deprecated_fields[i].msg, whole);
}

static void say(cond_warn_fn warn, void *arg, const char *a, const char *v, size_t len, const char *b, struct cond_pos pos)
{
	struct base_buf m = { 0 };

	buf_str(&m, a);
	buf_add(&m, v, len);
	buf_str(&m, b);
	if (!m.failed)
		warn(arg, "LOAD_COMPILE_CONDITION", m.p, pos);
	buf_fini(&m);
}

/* True when the pattern has no operator but anchors, which are implied, and "any text" at an end. */
static bool simple_regex(const char *v, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((i == 0 && v[i] == '^') || (i == len - 1 && v[i] == '$'))
			continue;
		if (((i == 0 && len > 1) || i + 2 == len) && v[i] == '.' && v[i + 1] && strchr("+*?", v[i + 1])) {
			i++;
			continue;
		}
		if (v[i] && strchr(".+*?^$()[]{}|\\", v[i]))
			return false;
	}
	return true;
}

static void warn_literal(const struct cond *c, uint32_t i, const char *source, const char *const *static_names, cond_warn_fn warn, void *arg)
{
	const char *v = c->value[i];
	size_t len = c->value_len[i], n = 0;
	struct field_ref ref = { 0 };
	char *tight = malloc(len + 1);

	if (!tight)
		return;
	for (size_t k = 0; k < len; k++)
		if (!isspace((unsigned char)v[k]))
			tight[n++] = v[k];
	tight[n] = '\0';
	if (c->op == OP_REGEX && simple_regex(v, len))
		say(warn, arg, "regex check with '", v, len, "' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'", c->rhs_pos);
	if (n && memchr(tight, '.', n) && !eval_field_parse(tight, n, source, static_names, &ref, NULL)) {
		say(warn, arg, "'", v, len, "' may be a valid field misused as a const string value", c->rhs_pos);
		field_ref_fini(&ref);
	}
	for (int k = XF_TOLOWER; k <= XF_VAL; k++) {
		const char *name = xform_name((enum xform_kind)k);
		size_t m = strlen(name);

		if (m && n >= m + 2 && !memcmp(tight, name, m) && tight[m] == '(' && tight[n - 1] == ')')
			say(warn, arg, "'", v, len, "' may be a valid field transformer misused as a const string value", c->rhs_pos);
	}
	free(tight);
}

void cond_warn_literals(const struct cond *c, const char *source, const char *const *static_names, cond_warn_fn warn, void *arg)
{
	for (uint32_t i = 0; i < c->nchild; i++)
		cond_warn_literals(c->child[i], source, static_names, warn, arg);
	for (uint32_t i = 0; i < c->nvalue; i++)
		warn_literal(c, i, source, static_names, warn, arg);
}
