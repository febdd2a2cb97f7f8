/* Condition trees: making, copying, freeing, and the text form that describe shows. Used by the
 * parser, the expander and the rules loader. Recursion is bounded by COND_TREE_DEPTH_MAX. */
#include "eval/ast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const op_names[] = {
	[OP_NONE] = "none", [OP_EXISTS] = "exists", [OP_EQ] = "=", [OP_NE] = "!=", [OP_LT] = "<",
	[OP_LE] = "<=", [OP_GT] = ">", [OP_GE] = ">=", [OP_CONTAINS] = "contains",
	[OP_ICONTAINS] = "icontains", [OP_BCONTAINS] = "bcontains", [OP_STARTSWITH] = "startswith",
	[OP_BSTARTSWITH] = "bstartswith", [OP_ENDSWITH] = "endswith", [OP_GLOB] = "glob",
	[OP_IGLOB] = "iglob", [OP_REGEX] = "regex", [OP_IN] = "in", [OP_INTERSECTS] = "intersects",
	[OP_PMATCH] = "pmatch",
};
_Static_assert(sizeof(op_names) / sizeof(op_names[0]) == OP_PMATCH + 1, "one name per operator");

static const char *const mod_names[] = { "", " oneof", " anyof", " allof" };

const char *cond_op_name(enum cond_op op)
{
	return op_names[op];
}

char *cond_strn(const char *s, size_t len)
{
	char *p = malloc(len + 1);

	if (p) {
		if (len)
			memcpy(p, s, len);
		p[len] = '\0';
	}
	return p;
}

struct cond *cond_new(enum cond_kind kind, struct cond_pos pos)
{
	struct cond *c = calloc(1, sizeof(*c));

	if (c) {
		c->kind = (uint8_t)kind;
		c->pos = pos;
	}
	return c;
}

/* Grows an array to hold one more than n elements, in powers of two. */
static bool grow(void **arr, uint32_t n, size_t size)
{
	void *p;

	if (n & (n - 1) || (n && n < 4))
		return true; /* room was made at the last power of two */
	if (n >= 1u << 30)
		return false;
	p = realloc(*arr, (n < 4 ? 4 : (size_t)n * 2) * size);
	if (p)
		*arr = p;
	return p;
}

int cond_add_child(struct cond *c, struct cond *child)
{
	if (!grow((void **)&c->child, c->nchild, sizeof(*c->child))) {
		cond_free(child);
		return -ENOMEM;
	}
	c->child[c->nchild++] = child;
	return 0;
}

int cond_add_value(struct cond *c, const char *s, size_t len)
{
	char *copy = cond_strn(s, len);

	if (!copy || !grow((void **)&c->value, c->nvalue, sizeof(*c->value)) ||
	    !grow((void **)&c->value_len, c->nvalue, sizeof(*c->value_len))) {
		free(copy);
		return -ENOMEM;
	}
	c->value[c->nvalue] = copy;
	c->value_len[c->nvalue++] = (uint32_t)len;
	return 0;
}

void cond_free(struct cond *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->nchild; i++)
		cond_free(c->child[i]);
	free(c->child);
	free(c->name);
	value_expr_free(c->lhs);
	value_expr_free(c->rhs);
	for (uint32_t i = 0; i < c->nvalue; i++)
		free(c->value[i]);
	free(c->value);
	free(c->value_len);
	cond_uncheck(c);
	free(c);
}

struct cond *cond_clone(const struct cond *c)
{
	struct cond *n = cond_new(c->kind, c->pos);

	if (!n)
		return NULL;
	n->op = c->op;
	n->mod = c->mod;
	n->double_eq = c->double_eq;
	n->rhs_pos = c->rhs_pos;
	n->values_is_list = c->values_is_list;
	if (c->name && !(n->name = cond_strn(c->name, strlen(c->name))))
		goto bad;
	if (c->lhs && !(n->lhs = value_expr_clone(c->lhs)))
		goto bad;
	if (c->rhs && !(n->rhs = value_expr_clone(c->rhs)))
		goto bad;
	for (uint32_t i = 0; i < c->nvalue; i++)
		if (cond_add_value(n, c->value[i], c->value_len[i]))
			goto bad;
	for (uint32_t i = 0; i < c->nchild; i++) {
		struct cond *k = cond_clone(c->child[i]);

		if (!k || cond_add_child(n, k))
			goto bad;
	}
	return n;
bad:
	cond_free(n);
	return NULL;
}

void cond_text_escaped(struct base_buf *out, const char *s, size_t len)
{
	bool quote = false;

	for (size_t i = 0; i < len && !quote; i++)
		quote = !s[i] || strchr("\b\f\n\r\t =\\\"'", s[i]);
	if (!quote) {
		buf_add(out, s, len);
		return;
	}
	buf_chr(out, '"');
	for (size_t i = 0; i < len; i++) {
		switch (s[i]) {
		case '\b': buf_str(out, "\\b"); break;
		case '\f': buf_str(out, "\\f"); break;
		case '\n': buf_str(out, "\\n"); break;
		case '\r': buf_str(out, "\\r"); break;
		case '\t': buf_str(out, "\\t"); break;
		case '\\': buf_str(out, "\\\\"); break;
		case '"': buf_str(out, "\\\""); break;
		default: buf_chr(out, s[i]);
		}
	}
	buf_chr(out, '"');
}

static void check_text(struct base_buf *out, const struct cond *c)
{
	value_expr_text(out, c->lhs);
	buf_chr(out, ' ');
	buf_str(out, c->double_eq ? "==" : op_names[c->op]);
	buf_str(out, mod_names[c->mod]);
	if (c->op == OP_EXISTS)
		return;
	buf_chr(out, ' ');
	if (c->rhs) {
		value_expr_text(out, c->rhs);
		return;
	}
	if (c->values_is_list)
		buf_chr(out, '(');
	for (uint32_t i = 0; i < c->nvalue; i++) {
		if (i)
			buf_str(out, ", ");
		cond_text_escaped(out, c->value[i], c->value_len[i]);
	}
	if (c->values_is_list)
		buf_chr(out, ')');
}

void cond_text(struct base_buf *out, const struct cond *c)
{
	switch ((enum cond_kind)c->kind) {
	case COND_AND:
	case COND_OR:
		buf_chr(out, '(');
		for (uint32_t i = 0; i < c->nchild; i++) {
			if (i)
				buf_str(out, c->kind == COND_AND ? " and " : " or ");
			cond_text(out, c->child[i]);
		}
		buf_chr(out, ')');
		break;
	case COND_NOT:
		buf_str(out, "not ");
		cond_text(out, c->child[0]);
		break;
	case COND_CHECK:
		check_text(out, c);
		break;
	case COND_MACRO:
		buf_str(out, c->name);
		break;
	}
}

static bool expr_uses_field(const struct value_expr *e, const char *name)
{
	if (e->name && !strcmp(e->name, name))
		return true;
	for (uint32_t i = 0; i < e->nargs; i++)
		if (expr_uses_field(e->args[i], name))
			return true;
	return false;
}

bool cond_uses_field(const struct cond *c, const char *name)
{
	if ((c->lhs && expr_uses_field(c->lhs, name)) || (c->rhs && expr_uses_field(c->rhs, name)))
		return true;
	for (uint32_t i = 0; i < c->nchild; i++)
		if (cond_uses_field(c->child[i], name))
			return true;
	return false;
}
