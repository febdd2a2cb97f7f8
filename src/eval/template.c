/* Output templates: text with %fields -> pieces and the keys of output_fields.
 *
 * Called by the rules loader, once per rule. A token is the longest text after % (and a width) that is a
 * field or a transformer over fields; so "%proc.name-x" and "%proc.names" both show proc.name. */
#include "eval/template_internal.h"
#include "eval/ast.h"
#include "eval/lexer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Longest width: templates come from rules files, and a message must stay a message. */
#define WIDTH_MAX 65536u

struct compiler {
	const struct template_opts *o;
	struct base_err *err;
	struct template *t;
	uint32_t uses; /* counts fields in order of use */
};

static void text_fini(struct template_text *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		free(t->tokens[i].text);
		value_expr_free(t->tokens[i].expr);
	}
	free(t->tokens);
	*t = (struct template_text){ 0 };
}

void template_free(struct template *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->nkeys; i++) {
		free(t->keys[i].name);
		if (t->keys[i].format)
			text_fini(t->keys[i].format);
		free(t->keys[i].format);
	}
	free(t->keys);
	for (uint32_t i = 0; i < t->nextra; i++)
		text_fini(&t->extra[i]);
	free(t->extra);
	text_fini(&t->message);
	free(t->names);
	free(t->priority_name);
	free(t);
}

static struct template_token *add_token(struct template_text *x)
{
	struct template_token *p = reallocarray(x->tokens, x->count + 1, sizeof(*p));

	if (!p)
		return NULL;
	x->tokens = p;
	p += x->count++;
	*p = (struct template_token){ .key = -1 };
	return p;
}

static int add_literal(struct template_text *x, const char *s, size_t len)
{
	struct template_token *k;

	if (!len)
		return 0;
	k = add_token(x);
	if (!k || !(k->text = cond_strn(s, len)))
		return -ENOMEM;
	k->len = len;
	return 0;
}

/* Text as an expression: 0 and *ret, -EINVAL when it is none, -ENOMEM. The condition parser knows the
 * grammar; text has the extent of an expression already. */
static int parse_expr(const struct compiler *k, const char *s, size_t len, struct value_expr **ret)
{
	struct base_buf b = { 0 };
	struct cond_error cerr;
	struct base_err err;
	struct cond *c = NULL;
	int r;

	buf_add(&b, s, len);
	buf_str(&b, " exists");
	r = b.failed ? -ENOMEM : cond_parse(b.p, b.len, &c, &cerr);
	buf_fini(&b);
	if (r)
		return r;
	if (c->kind != COND_CHECK || c->op != OP_EXISTS || !c->lhs) {
		cond_free(c);
		return -EINVAL;
	}
	*ret = c->lhs;
	c->lhs = NULL;
	cond_free(c);
	r = value_expr_resolve(*ret, k->o->source, k->o->static_names, &err);
	if (r) {
		value_expr_free(*ret);
		*ret = NULL;
	}
	return r;
}

/* Length of a bracket argument at s, 0 none. */
static size_t bracket_len(const char *s, size_t len)
{
	struct lexer l;
	size_t n = 0;

	lex_init(&l, s, len);
	if (lex_lit(&l, "[") && (lex_quoted(&l) || lex_field_arg(&l)) && lex_lit(&l, "]"))
		n = l.pos.idx;
	lex_fini(&l);
	return n;
}

static size_t field_name_len(const char *s, size_t len)
{
	struct lexer l;
	size_t n;

	lex_init(&l, s, len);
	n = lex_field_name(&l) ? l.tok_len : 0;
	lex_fini(&l);
	return n;
}

/* Length of "name(...)" up to its closing parenthesis, quoted strings skipped; 0 when it is none. */
static size_t transformer_len(const char *s, size_t len)
{
	enum xform_kind kind;
	struct lexer l;
	size_t i, depth = 1;
	char quote = 0;

	lex_init(&l, s, len);
	i = lex_transformer(&l, &kind) ? l.pos.idx : 0;
	lex_fini(&l);
	if (!i)
		return 0;
	for (; i < len; i++) {
		if (quote) {
			if (s[i] == quote && s[i - 1] != '\\')
				quote = 0;
		} else if (s[i] == '"' || s[i] == '\'') {
			quote = s[i];
		} else if (s[i] == '(') {
			depth++;
		} else if (s[i] == ')' && !--depth) {
			return i + 1;
		}
	}
	return 0;
}

/* Longest expression s begins with. 0, *ret and *ret_used; -EINVAL none; -ENOMEM. */
static int longest_expr(const struct compiler *k, const char *s, size_t len, struct value_expr **ret, size_t *ret_used)
{
	size_t n = field_name_len(s, len), least = n ? 3 : 0, arg;
	int r;

	if (!n) {
		n = transformer_len(s, len);
		least = n;
	}
	if (!n)
		return -EINVAL;
	arg = bracket_len(s + n, len - n);
	if (arg) {
		*ret_used = n + arg;
		r = parse_expr(k, s, n + arg, ret);
		if (r != -EINVAL)
			return r;
	}
	/* a transformer is all or nothing, a field name may be shorter than what looks like one */
	for (; n >= least; n--) {
		struct field_ref f = { 0 };

		*ret_used = n;
		if (least == 3) { /* cheap test first: this may go through a long text */
			if (eval_field_parse(s, n, k->o->source, k->o->static_names, &f, NULL))
				continue;
			field_ref_fini(&f);
		}
		r = parse_expr(k, s, n, ret);
		if (r != -EINVAL)
			return r;
	}
	return -EINVAL;
}

/* The time of the prefix is a field like others in output_fields. */
static int key_by_name(const struct template *t, const char *name)
{
	for (uint32_t i = 0; i < t->nkeys; i++)
		if (!strcmp(t->keys[i].name, name))
			return (int)i;
	return -1;
}

/* Enters a key; one that is there already is kept, or replaced. Takes over name. */
static int add_key(struct compiler *k, struct template_key key, bool replace)
{
	struct template *t = k->t;
	struct template_key *p;
	int i;

	if (!key.name)
		return -ENOMEM;
	i = key_by_name(t, key.name);
	if (i >= 0) {
		p = &t->keys[i];
		free(key.name);
		if (replace) {
			if (p->format)
				text_fini(p->format);
			free(p->format);
			p->format = key.format;
			p->field = key.field;
		}
		p->in_text |= key.in_text;
		return 0;
	}
	p = reallocarray(t->keys, t->nkeys + 1, sizeof(*p));
	if (!p) {
		free(key.name);
		return -ENOMEM;
	}
	t->keys = p;
	key.order = ++k->uses;
	t->keys[t->nkeys++] = key;
	return 0;
}

/* Keys for all fields in an expression, inner ones first. */
static int add_fields(struct compiler *k, const struct value_expr *e)
{
	struct base_buf b = { 0 };
	int r = 0;

	for (uint32_t i = 0; i < e->nargs && !r; i++)
		r = add_fields(k, e->args[i]);
	if (r || e->kind != XF_FIELD)
		return r;
	value_expr_text(&b, e);
	return add_key(k, (struct template_key){ .name = buf_steal(&b), .field = &e->field, .in_text = true }, false);
}

static int parse_width(const char *s, size_t len, size_t *pos, uint32_t *ret)
{
	uint32_t w = 0;

	while (*pos < len && s[*pos] >= '0' && s[*pos] <= '9') {
		if (w < WIDTH_MAX)
			w = w * 10 + (uint32_t)(s[*pos] - '0');
		(*pos)++;
	}
	*ret = w > WIDTH_MAX ? WIDTH_MAX : w;
	return *pos < len ? 0 : -EINVAL;
}

static int compile_text(struct compiler *k, const char *s, size_t len, struct template_text *x)
{
	size_t lit = 0, pos = 0, used;
	const char *percent;
	int r;

	if (!len)
		return base_err_set(k->err, NULL, 0, 0, "empty formatting token");
	if (s[0] == '*') /* missing values read <NA>, which they always do */
		pos = lit = 1;
	while ((percent = pos < len ? memchr(s + pos, '%', len - pos) : NULL)) {
		struct template_token *tok;
		const struct field_ref *f;
		uint32_t width;

		pos = (size_t)(percent - s);
		r = add_literal(x, s + lit, pos - lit);
		if (r)
			return r;
		if (++pos == len)
			return base_err_set(k->err, NULL, 0, 0, "invalid formatting syntax: formatting cannot end with a %%");
		if (parse_width(s, len, &pos, &width))
			return base_err_set(k->err, NULL, 0, 0, "invalid formatting syntax: formatting cannot end with a number");
		tok = add_token(x);
		if (!tok)
			return -ENOMEM;
		tok->width = width;
		r = longest_expr(k, s + pos, len - pos, &tok->expr, &used);
		if (r == -EINVAL)
			return base_err_set(k->err, NULL, 0, 0, "unknown filter: unexpected token after '");
		if (r)
			return r;
		f = value_expr_field(tok->expr);
		tok->fmt = f ? f->def->fmt : PF_NA;
		pos += used;
		lit = pos;
	}
	return add_literal(x, s + lit, len - lit);
}

static int add_text_keys(struct compiler *k, const struct template_text *x)
{
	for (uint32_t i = 0; i < x->count; i++) {
		int r = x->tokens[i].expr ? add_fields(k, x->tokens[i].expr) : 0;

		if (r)
			return r;
	}
	return 0;
}

/* An extra field without a format shows the field of its name. */
static int add_raw_extra(struct compiler *k, const struct template_field *e)
{
	struct template *t = k->t;
	struct template_text *x = reallocarray(t->extra, t->nextra + 1, sizeof(*x));
	struct base_buf b = { 0 }, shown = { 0 };
	const struct field_ref *f = NULL;
	int r;

	if (!x)
		return -ENOMEM;
	t->extra = x;
	x += t->nextra++;
	*x = (struct template_text){ 0 };
	buf_chr(&b, '%');
	buf_str(&b, e->name);
	r = b.failed ? -ENOMEM : compile_text(k, b.p, b.len, x);
	buf_fini(&b);
	if (r)
		return r;
	/* the value is looked up by the name: one that is not all of a field has none */
	if (x->count == 1 && x->tokens[0].expr && x->tokens[0].expr->kind == XF_FIELD) {
		value_expr_text(&shown, x->tokens[0].expr);
		if (!shown.failed && !strcmp(shown.p, e->name))
			f = &x->tokens[0].expr->field;
		buf_fini(&shown);
	}
	return add_key(k, (struct template_key){ .name = strdup(e->name), .field = f }, true);
}

static int add_extra(struct compiler *k, const struct template_field *e)
{
	struct template_text *x;
	int r;

	if (!e->format)
		return add_raw_extra(k, e);
	if (!*e->format)
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	r = compile_text(k, e->format, strlen(e->format), x);
	if (!r)
		r = add_key(k, (struct template_key){ .name = strdup(e->name), .format = x }, true);
	if (r) {
		text_fini(x);
		free(x);
	}
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct template_key *)a)->name, ((const struct template_key *)b)->name);
}

static int by_order(const void *a, const void *b)
{
	const struct template_key *x = *(const struct template_key *const *)a, *y = *(const struct template_key *const *)b;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* Sorts the keys, points plain tokens at them, and lists the names in order of use. */
static int finish(struct template *t)
{
	const struct template_key **order = calloc(t->nkeys + 1, sizeof(*order));
	struct base_buf b = { 0 };

	t->names = calloc(t->nkeys + 1, sizeof(*t->names));
	if (!order || !t->names) {
		free(order);
		return -ENOMEM;
	}
	if (t->nkeys)
		qsort(t->keys, t->nkeys, sizeof(*t->keys), by_name);
	for (uint32_t i = 0; i < t->message.count; i++) {
		struct template_token *tok = &t->message.tokens[i];

		if (!tok->expr || tok->expr->kind != XF_FIELD)
			continue;
		buf_reset(&b);
		value_expr_text(&b, tok->expr);
		/* an extra field may have taken the name over */
		tok->key = b.failed ? -1 : key_by_name(t, b.p);
		if (tok->key >= 0 && (!t->keys[tok->key].field || !field_ref_equal(t->keys[tok->key].field, &tok->expr->field)))
			tok->key = -1;
	}
	buf_fini(&b);
	for (uint32_t i = 0; i < t->nkeys; i++)
		order[i] = &t->keys[i];
	qsort(order, t->nkeys, sizeof(*order), by_order);
	for (uint32_t i = 0; i < t->nkeys; i++)
		if (order[i]->in_text)
			t->names[t->nnames++] = order[i]->name;
	free(order);
	return 0;
}

int template_compile(const char *text, size_t len, const struct template_opts *o, struct template **ret, struct base_err *err)
{
	struct template *t = calloc(1, sizeof(*t));
	struct compiler k = { .o = o, .err = err, .t = t };
	int r;

	if (!t)
		return -ENOMEM;
	t->iso_time = o->iso_time;
	t->priority_name = strdup(o->priority_name ? o->priority_name : "");
	r = t->priority_name ? compile_text(&k, text, len, &t->message) : -ENOMEM;
	if (!r)
		r = add_text_keys(&k, &t->message);
	for (uint32_t i = 0; i < o->nextra && !r; i++)
		r = add_extra(&k, &o->extra[i]);
	if (!r)
		r = finish(t);
	if (r) {
		template_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

uint32_t template_fields(const struct template *t, const char *const **ret)
{
	*ret = t->names;
	return t->nnames;
}

bool template_uses_deprecated(const struct template *t, const char **ret_name)
{
	for (uint32_t i = 0; i < t->nkeys; i++) {
		if (!t->keys[i].field || !(t->keys[i].field->def->flags & FF_DEPRECATED))
			continue;
		*ret_name = t->keys[i].field->def->name;
		return true;
	}
	return false;
}
