/* Conditions: text -> tree, by recursive descent. Called by the rules loader on each macro and
 * rule, after lists were put in.
 *
 * Depth is counted exactly where the reference counts it, because its limit is visible: every
 * function that calls parser_enter() is one level. That also bounds the stack. Failure: the function
 * returns NULL (or false) with the message set; nothing is leaked. */
#include "eval/parser_internal.h"

#include <errno.h>

#define VALUE_SOURCES "'val', 'tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'"
#define CHECK_OPERATORS                                                                            \
	"'exists', '<=', '<', '>=', '>', '==', '=', '!=', 'glob', 'iglob', 'contains', 'icontains', "  \
	"'bcontains', 'startswith', 'bstartswith', 'endswith', 'regex', 'intersects', 'in', 'pmatch'"

static struct cond *parse_or(struct parser *p);

/* A right side that is extracted, into c->rhs. Returns 1, 0 when the text is something else, -1. */
static int parse_rhs_expr(struct parser *p, struct cond *c)
{
	enum xform_kind kind;
	int r = 0;

	if (!parser_enter(p))
		return -1;
	lex_blank(&p->l);
	if (lex_lit(&p->l, "val(")) {
		p->l.tok_len--;
		c->rhs = parser_val(p);
		r = c->rhs ? 1 : -1;
	} else if (lex_transformer(&p->l, &kind)) {
		lex_blank(&p->l);
		c->rhs = parser_transformer(p, kind);
		r = c->rhs ? 1 : -1;
	}
	p->depth--;
	return r;
}

static bool add_value(struct parser *p, struct cond *c)
{
	if (cond_add_value(c, p->l.tok, p->l.tok_len)) {
		p->nomem = true;
		return false;
	}
	return true;
}

static bool parse_num_rhs(struct parser *p, struct cond *c)
{
	bool ok = false;
	int r;

	if (!parser_enter(p))
		return false;
	lex_blank(&p->l);
	c->rhs_pos = p->l.pos;
	r = parse_rhs_expr(p, c);
	if (r)
		ok = r > 0;
	else if (lex_number(&p->l))
		ok = add_value(p, c);
	else
		parser_fail(p, "expected a number value or a field with a valid transformer: " VALUE_SOURCES);
	p->depth--;
	return ok;
}

/* One string; literal_only inside lists. */
static bool parse_str_rhs(struct parser *p, struct cond *c, bool literal_only)
{
	bool ok = false;
	int r = 0;

	if (!parser_enter(p))
		return false;
	lex_blank(&p->l);
	if (!literal_only) {
		c->rhs_pos = p->l.pos;
		r = parse_rhs_expr(p, c);
	}
	if (r)
		ok = r > 0;
	else if (parser_quoted(p))
		ok = add_value(p, c);
	else if (p->l.str_error)
		ok = false;
	else if (lex_bare(&p->l))
		ok = add_value(p, c);
	else if (literal_only)
		parser_fail(p, "expected a string value");
	else
		parser_fail(p, "expected a string value or a field with a valid transformer: " VALUE_SOURCES);
	p->depth--;
	return ok;
}

/* "(" values ")". Returns 1, 0 without "(", -1. */
static int parse_list(struct parser *p, struct cond *c)
{
	if (!lex_lit(&p->l, "("))
		return 0;
	c->values_is_list = true;
	lex_blank(&p->l);
	if (parse_str_rhs(p, c, true)) {
		lex_blank(&p->l);
		while (lex_lit(&p->l, ",")) {
			if (!parse_str_rhs(p, c, true))
				return -1;
			lex_blank(&p->l);
		}
	} else if (p->nomem) {
		return -1;
	} else {
		/* Whatever is wrong with the first value, the list may still be empty. */
		p->l.str_error = NULL;
	}
	if (lex_lit(&p->l, ")"))
		return 1;
	parser_fail(p, "expected a ')' token");
	return -1;
}

static bool parse_list_rhs(struct parser *p, struct cond *c, bool literal_only)
{
	bool ok = false;
	int r;

	if (!parser_enter(p))
		return false;
	lex_blank(&p->l);
	c->rhs_pos = p->l.pos;
	r = parse_list(p, c);
	if (!r && !literal_only)
		r = parse_rhs_expr(p, c);
	if (r)
		ok = r > 0;
	else if (lex_identifier(&p->l))
		ok = add_value(p, c);
	else if (literal_only)
		parser_fail(p, "expected a list or an identifier");
	else
		parser_fail(p, "expected a list, an identifier, or a field with a valid transformer: " VALUE_SOURCES);
	p->depth--;
	return ok;
}

static bool list_follows(struct parser *p)
{
	struct lexer_mark m = lex_mark(&p->l);
	bool yes = lex_peek(&p->l) == '(' || lex_identifier(&p->l);

	lex_back(&p->l, m);
	return yes;
}

/* Operator and right side. */
static bool parse_operation(struct parser *p, struct cond *c)
{
	struct lexer_mark m;
	enum cond_mod mod;
	enum cond_op op;
	bool word;

	lex_blank(&p->l);
	if (lex_lit(&p->l, "exists")) {
		c->op = OP_EXISTS;
		return true;
	}
	if (lex_num_op(&p->l, &op)) {
		c->op = (uint8_t)op;
		return parse_num_rhs(p, c);
	}
	if (lex_str_op(&p->l, &op, &word)) {
		c->op = (uint8_t)op;
		c->double_eq = op == OP_EQ && p->l.tok_len == 2;
		word |= lex_blank(&p->l);
		m = lex_mark(&p->l);
		if (word && lex_modifier(&p->l, &mod) && list_follows(p) && !lex_keyword_follows(&p->l)) {
			c->mod = (uint8_t)mod;
			return parse_list_rhs(p, c, true);
		}
		lex_back(&p->l, m);
		return parse_str_rhs(p, c, false);
	}
	if (lex_list_op(&p->l, &op)) {
		c->op = (uint8_t)op;
		return parse_list_rhs(p, c, false);
	}
	parser_fail(p, "expected a valid check operator: one of " CHECK_OPERATORS);
	return false;
}

/* lhs is owned from here on. */
static struct cond *parse_condition(struct parser *p, struct value_expr *lhs, struct cond_pos pos)
{
	struct cond *c;
	bool ok;

	if (!lhs)
		return NULL;
	c = cond_new(COND_CHECK, pos);
	if (!c) {
		value_expr_free(lhs);
		p->nomem = true;
		return NULL;
	}
	c->lhs = lhs;
	if (!parser_enter(p)) {
		cond_free(c);
		return NULL;
	}
	ok = parse_operation(p, c);
	p->depth--;
	if (ok)
		return c;
	cond_free(c);
	return NULL;
}

/* Behind "(". */
static struct cond *parse_paren_rest(struct parser *p)
{
	struct cond *c;

	if (!parser_enter(p))
		return NULL;
	lex_blank(&p->l);
	c = parse_or(p);
	if (c) {
		lex_blank(&p->l);
		if (!lex_lit(&p->l, ")")) {
			parser_fail(p, "expected a ')' token");
			cond_free(c);
			c = NULL;
		}
	}
	p->depth--;
	return c;
}

static struct cond *parse_check(struct parser *p)
{
	struct cond_pos pos = p->l.pos;
	enum xform_kind kind;
	struct cond *c = NULL;

	if (!parser_enter(p))
		return NULL;
	lex_blank(&p->l);
	if (lex_lit(&p->l, "(")) {
		c = parse_paren_rest(p);
	} else if (lex_field_name(&p->l)) {
		c = parse_condition(p, parser_field(p), pos);
	} else if (lex_transformer(&p->l, &kind)) {
		lex_blank(&p->l);
		c = parse_condition(p, parser_transformer(p, kind), pos);
	} else if (lex_identifier(&p->l)) {
		c = cond_new(COND_MACRO, pos);
		if (c)
			c->name = cond_strn(p->l.tok, p->l.tok_len);
		if (!c || !c->name) {
			cond_free(c);
			c = NULL;
			p->nomem = true;
		}
	} else {
		parser_fail(p, "expected a '(' token, a field check, or an identifier");
	}
	p->depth--;
	return c;
}

static struct cond *parse_not(struct parser *p)
{
	struct cond_pos pos = p->l.pos;
	bool negated = false;
	struct cond *c, *n;

	if (!parser_enter(p))
		return NULL;
	lex_blank(&p->l);
	while (lex_not(&p->l))
		negated = !negated;
	if (lex_lit(&p->l, "not(")) {
		negated = !negated;
		c = parse_paren_rest(p);
	} else {
		c = parse_check(p);
	}
	p->depth--;
	if (!c || !negated)
		return c;
	n = cond_new(COND_NOT, pos);
	if (!n) {
		cond_free(c);
		p->nomem = true;
	} else if (cond_add_child(n, c)) {
		cond_free(n);
		n = NULL;
		p->nomem = true;
	}
	return n;
}

/* A chain of `word` over what `operand` parses, flattened. */
static struct cond *parse_chain(struct parser *p, enum cond_kind kind, const char *word, struct cond *(*operand)(struct parser *))
{
	struct cond_pos pos = p->l.pos;
	struct cond *c, *chain = NULL;

	if (!parser_enter(p))
		return NULL;
	lex_blank(&p->l);
	c = operand(p);
	if (!c)
		goto out;
	lex_blank(&p->l);
	while (lex_lit(&p->l, word)) {
		struct cond *next = NULL;

		if (!chain) {
			chain = cond_new(kind, pos);
			if (!chain || cond_add_child(chain, c)) {
				if (!chain)
					cond_free(c);
				p->nomem = true;
				goto bad;
			}
			c = NULL;
		}
		if (lex_blank(&p->l))
			next = operand(p);
		else if (lex_lit(&p->l, "("))
			next = parse_paren_rest(p);
		else
			parser_fail(p, "expected blank or '(' after '%s'", word);
		if (!next)
			goto bad;
		if (cond_add_child(chain, next)) {
			p->nomem = true;
			goto bad;
		}
		lex_blank(&p->l);
	}
out:
	p->depth--;
	return chain ? chain : c;
bad:
	cond_free(chain);
	p->depth--;
	return NULL;
}

static struct cond *parse_and(struct parser *p)
{
	return parse_chain(p, COND_AND, "and", parse_not);
}

static struct cond *parse_or(struct parser *p)
{
	return parse_chain(p, COND_OR, "or", parse_and);
}

int cond_parse(const char *text, size_t len, struct cond **ret, struct cond_error *err)
{
	return cond_parse_depth(text, len, COND_DEPTH_MAX, ret, err);
}

int cond_parse_depth(const char *text, size_t len, uint32_t max_depth, struct cond **ret, struct cond_error *err)
{
	struct parser p = { .max_depth = max_depth, .err = err };
	struct cond *c;

	*err = (struct cond_error){ 0 };
	lex_init(&p.l, text, len);
	if (!len) {
		parser_fail(&p, "filter input string is empty");
		return -EINVAL;
	}
	if (len >= UINT32_MAX) {
		parser_fail(&p, "filter input string is too long");
		return -EINVAL;
	}
	c = parse_or(&p);
	if (c && !lex_at_end(&p.l)) {
		parser_fail(&p, "unexpected token after '%.*s', expecting 'or', 'and'", (int)(p.l.tok_len > 900 ? 900 : p.l.tok_len), p.l.tok);
		cond_free(c);
		c = NULL;
	}
	p.nomem |= p.l.str.failed;
	lex_fini(&p.l);
	if (p.nomem) {
		cond_free(c);
		return -ENOMEM;
	}
	if (!c)
		return -EINVAL;
	*ret = c;
	return 0;
}
