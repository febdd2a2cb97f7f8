/* Values in conditions: fields with arguments, transformers, val(). Called by parser.c; see there for
 * how depth and failure work. */
#include "eval/parser_internal.h"

#include <stdarg.h>
#include <stdio.h>

void parser_fail(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->err->msg, sizeof(p->err->msg), fmt, ap);
	va_end(ap);
	p->err->pos = p->l.pos;
}

bool parser_enter(struct parser *p)
{
	if (++p->depth < p->max_depth)
		return true;
	parser_fail(p, "exceeded max depth limit of %u", p->max_depth);
	p->depth--;
	return false;
}

/* A quoted string. False also when there is one that cannot be read: then str_error is set. */
bool parser_quoted(struct parser *p)
{
	if (lex_quoted(&p->l))
		return true;
	if (p->l.str_error)
		parser_fail(p, "%s", p->l.str_error);
	return false;
}

static struct value_expr *literal(struct parser *p)
{
	struct value_expr *e = value_expr_new(XF_LITERAL);

	if (e) {
		e->literal = cond_strn(p->l.tok, p->l.tok_len);
		e->literal_len = p->l.tok_len;
	}
	if (!e || !e->literal) {
		value_expr_free(e);
		p->nomem = true;
		return NULL;
	}
	return e;
}

/* "[" argument "]", kept in e->literal. */
static bool parse_field_arg(struct parser *p, struct value_expr *e)
{
	if (!lex_lit(&p->l, "["))
		return true;
	if (!parser_quoted(p)) {
		if (p->l.str_error)
			return false;
		if (!lex_field_arg(&p->l)) {
			parser_fail(p, "expected a valid field argument: a quoted string or a bare string");
			return false;
		}
	}
	e->literal = cond_strn(p->l.tok, p->l.tok_len);
	e->literal_len = p->l.tok_len;
	if (!e->literal) {
		p->nomem = true;
		return false;
	}
	if (!lex_lit(&p->l, "]")) {
		parser_fail(p, "expected a ']' token");
		return false;
	}
	return true;
}

/* The field name is the current token. */
struct value_expr *parser_field(struct parser *p)
{
	struct value_expr *e;

	if (!parser_enter(p))
		return NULL;
	e = value_expr_new(XF_FIELD);
	if (e)
		e->name = cond_strn(p->l.tok, p->l.tok_len);
	if (!e || !e->name)
		p->nomem = true;
	if (p->nomem || !parse_field_arg(p, e)) {
		value_expr_free(e);
		e = NULL;
	}
	p->depth--;
	return e;
}

static bool add_arg(struct parser *p, struct value_expr *e, struct value_expr *arg)
{
	if (!arg)
		return false;
	if (value_expr_add(e, arg)) {
		p->nomem = true;
		return false;
	}
	return true;
}

static struct value_expr *parse_list_arg(struct parser *p)
{
	enum xform_kind kind;

	if (lex_field_name(&p->l))
		return parser_field(p);
	if (lex_transformer(&p->l, &kind)) {
		lex_blank(&p->l);
		return parser_transformer(p, kind);
	}
	if (parser_quoted(p))
		return literal(p);
	if (p->l.str_error)
		return NULL;
	if (lex_number(&p->l))
		return literal(p);
	parser_fail(p, "expected transformer list argument: field, transformer, quoted string, or number");
	return NULL;
}

/* Behind "(". */
static struct value_expr *parse_transformer_list(struct parser *p)
{
	struct value_expr *e = value_expr_new(XF_LIST);

	if (!e) {
		p->nomem = true;
		return NULL;
	}
	lex_blank(&p->l);
	if (lex_lit(&p->l, ")"))
		return e;
	do {
		lex_blank(&p->l);
		if (!add_arg(p, e, parse_list_arg(p)))
			goto bad;
		lex_blank(&p->l);
	} while (lex_lit(&p->l, ","));
	if (lex_lit(&p->l, ")"))
		return e;
	parser_fail(p, "expected ')'");
bad:
	value_expr_free(e);
	return NULL;
}

static struct value_expr *parse_transformer_arg(struct parser *p)
{
	struct value_expr *e = NULL;
	enum xform_kind kind;

	if (!parser_enter(p))
		return NULL;
	lex_blank(&p->l);
	if (lex_number(&p->l) || parser_quoted(p))
		e = literal(p);
	else if (p->l.str_error)
		e = NULL;
	else if (lex_lit(&p->l, "("))
		e = parse_transformer_list(p);
	else if (lex_transformer(&p->l, &kind))
		e = parser_transformer(p, kind);
	else if (lex_field_name(&p->l))
		e = parser_field(p);
	else
		parser_fail(p, "expected field transformer argument: field, transformer, quoted string, number, or transformer list");
	p->depth--;
	return e;
}

/* Behind the transformer's "(". */
struct value_expr *parser_transformer(struct parser *p, enum xform_kind kind)
{
	struct value_expr *e;

	if (!parser_enter(p))
		return NULL;
	e = value_expr_new(kind);
	if (!e) {
		p->nomem = true;
		goto bad;
	}
	lex_blank(&p->l);
	do {
		if (!add_arg(p, e, parse_transformer_arg(p)))
			goto bad;
		lex_blank(&p->l);
	} while (lex_lit(&p->l, ","));
	if (!lex_lit(&p->l, ")")) {
		parser_fail(p, "expected a ')' token closing the transformer");
		goto bad;
	}
	if (!parse_field_arg(p, e))
		goto bad;
	p->depth--;
	return e;
bad:
	value_expr_free(e);
	p->depth--;
	return NULL;
}

/* Behind "val(". */
struct value_expr *parser_val(struct parser *p)
{
	struct value_expr *e = value_expr_new(XF_VAL);

	if (!e) {
		p->nomem = true;
		return NULL;
	}
	lex_blank(&p->l);
	if (!lex_field_name(&p->l)) {
		parser_fail(p, "expected a field within 'val' transformer");
		goto bad;
	}
	if (!add_arg(p, e, parser_field(p)))
		goto bad;
	lex_blank(&p->l);
	if (!lex_lit(&p->l, ")")) {
		parser_fail(p, "expected a ')' token closing the transformer");
		goto bad;
	}
	if (parse_field_arg(p, e))
		return e;
bad:
	value_expr_free(e);
	return NULL;
}
