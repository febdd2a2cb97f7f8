/* Transformers and value expressions: what stands on the left of an operator, what val() and
 * transformers give on its right, and transformed fields in outputs. */
#include "eval/xform.h"
#include "eval/ast.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const xform_names[] = {
	[XF_FIELD] = "", [XF_TOLOWER] = "tolower", [XF_TOUPPER] = "toupper", [XF_B64] = "b64",
	[XF_BASENAME] = "basename", [XF_LEN] = "len", [XF_JOIN] = "join", [XF_CONCAT] = "concat",
	[XF_GETOPT] = "getopt", [XF_LITERAL] = "", [XF_LIST] = "", [XF_VAL] = "val",
};

static const char *const type_names[] = {
	"NONE", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "CHARBUF",
	"BYTEBUF", "ERRNO", "SOCKADDR", "SOCKTUPLE", "FD", "PID", "FDLIST", "FSPATH", "SYSCALLID",
	"SIGTYPE", "RELTIME", "ABSTIME", "PORT", "L4PROTO", "SOCKFAMILY", "BOOL", "IPV4ADDR", "DYNAMIC",
	"FLAGS8", "FLAGS16", "FLAGS32", "UID", "GID", "DOUBLE", "SIGSET", "CHARBUFARRAY",
	"CHARBUF_PAIR_ARRAY", "IPV4NET", "IPV6ADDR", "IPV6NET", "IPADDR", "IPNET", "MODE",
	"FSRELPATH", "ENUMFLAGS8", "ENUMFLAGS16", "ENUMFLAGS32", "FD32", "PID32",
};
_Static_assert(sizeof(type_names) / sizeof(type_names[0]) == PT_MAX, "one name per type");

const char *eval_type_name(unsigned type)
{
	return type < PT_MAX ? type_names[type] : "NONE";
}

const char *xform_name(enum xform_kind kind)
{
	return xform_names[kind];
}

int xform_by_name(const char *name, size_t len)
{
	for (int i = XF_TOLOWER; i <= XF_GETOPT; i++)
		if (strlen(xform_names[i]) == len && !memcmp(xform_names[i], name, len))
			return i;
	return -1;
}

struct value_expr *value_expr_new(enum xform_kind kind)
{
	struct value_expr *e = calloc(1, sizeof(*e));

	if (e)
		e->kind = (uint8_t)kind;
	return e;
}

void value_expr_free(struct value_expr *e)
{
	if (!e)
		return;
	for (uint32_t i = 0; i < e->nargs; i++)
		value_expr_free(e->args[i]);
	free(e->args);
	if (e->field.def)
		field_ref_fini(&e->field);
	free(e->name);
	free(e->literal);
	free(e);
}

int value_expr_add(struct value_expr *e, struct value_expr *arg)
{
	struct value_expr **p = NULL;

	if (e->nargs < 1u << 20)
		p = realloc(e->args, (e->nargs + 1) * sizeof(*p));
	if (!p) {
		value_expr_free(arg);
		return -ENOMEM;
	}
	e->args = p;
	e->args[e->nargs++] = arg;
	return 0;
}

struct value_expr *value_expr_clone(const struct value_expr *e)
{
	struct value_expr *n = value_expr_new(e->kind);

	if (!n)
		return NULL;
	n->literal_len = e->literal_len;
	if (e->name && !(n->name = cond_strn(e->name, strlen(e->name))))
		goto bad;
	if (e->literal && !(n->literal = cond_strn(e->literal, e->literal_len)))
		goto bad;
	for (uint32_t i = 0; i < e->nargs; i++) {
		struct value_expr *a = value_expr_clone(e->args[i]);

		if (!a || value_expr_add(n, a))
			goto bad;
	}
	return n;
bad:
	value_expr_free(n);
	return NULL;
}

static void arg_text(struct base_buf *out, const struct value_expr *e)
{
	if (!e->literal)
		return;
	buf_chr(out, '[');
	if (e->literal_len)
		cond_text_escaped(out, e->literal, e->literal_len);
	else
		buf_str(out, "\"\"");
	buf_chr(out, ']');
}

void value_expr_text(struct base_buf *out, const struct value_expr *e)
{
	if (e->kind == XF_LITERAL) {
		cond_text_escaped(out, e->literal, e->literal_len);
		return;
	}
	if (e->kind == XF_FIELD) {
		buf_str(out, e->name ? e->name : e->field.text);
		if (e->name)
			arg_text(out, e);
		return;
	}
	buf_str(out, xform_names[e->kind]);
	buf_chr(out, '(');
	for (uint32_t i = 0; i < e->nargs; i++) {
		if (i)
			buf_chr(out, ',');
		value_expr_text(out, e->args[i]);
	}
	buf_chr(out, ')');
	if (e->kind != XF_LIST)
		arg_text(out, e);
}

const struct field_ref *value_expr_field(const struct value_expr *e)
{
	while (e->kind != XF_FIELD) {
		if (e->nargs != 1 || e->kind == XF_LIST)
			return NULL;
		e = e->args[0];
	}
	return &e->field;
}

bool value_expr_terminated(const struct value_expr *e)
{
	return e->kind == XF_TOLOWER || e->kind == XF_TOUPPER || e->kind == XF_B64 || e->kind == XF_BASENAME;
}

/* ---- types ------------------------------------------------------------------------------ */

static bool is_multi(const struct value_expr *e)
{
	return e->kind == XF_JOIN || e->kind == XF_CONCAT || e->kind == XF_GETOPT;
}

/* The expression below a chain of one-argument transformers: the reference takes argument types
 * of join, concat and getopt from there, not from the end of the chain. */
static const struct value_expr *origin(const struct value_expr *e)
{
	while ((e->kind >= XF_TOLOWER && e->kind <= XF_LEN) || e->kind == XF_VAL)
		e = e->args[0];
	return e;
}

static uint8_t origin_type(const struct value_expr *e)
{
	e = origin(e);
	return e->kind == XF_FIELD ? e->field.type : PT_CHARBUF;
}

static bool origin_is_list(const struct value_expr *e)
{
	e = origin(e);
	/* what join, concat and getopt yield counts as a plain string here */
	return e->kind == XF_FIELD ? e->field.is_list : e->kind == XF_LIST;
}

static int refuse(struct base_err *err, const char *msg)
{
	return base_err_set(err, NULL, 0, 0, "%s", msg);
}

static int check_single(struct value_expr *e, struct base_err *err)
{
	const struct value_expr *a = e->args[0], *o = origin(a);
	const char *on = o->kind == XF_FIELD ? o->field.def->name : "INTERNAL.";
	bool ok;

	if (o->kind == XF_GETOPT && !o->literal)
		on = "INTERNAL";
	if (o->kind == XF_FIELD && o->field.def->flags & FF_NO_TRANSFORMER)
		return base_err_set(err, NULL, 0, 0, "field '%s' does not support transformers", on);
	switch (a->type) {
	case PT_CHARBUF:
		ok = true;
		break;
	case PT_FSPATH:
	case PT_FSRELPATH:
		ok = e->kind != XF_B64;
		break;
	case PT_BYTEBUF:
		ok = e->kind == XF_B64 || e->kind == XF_LEN;
		break;
	default:
		ok = e->kind == XF_LEN && a->is_list;
	}
	if (!ok)
		return base_err_set(err, NULL, 0, 0, "can't add field transformer: type '%s' is not supported by '%s' transformer applied on %sfield '%s'",
				    eval_type_name(a->type), xform_names[e->kind], a->is_list ? "list " : "", on);
	e->type = e->kind == XF_LEN ? PT_UINT64 : a->type;
	e->is_list = e->kind == XF_LEN ? false : a->is_list;
	return 0;
}

static int check_join(const struct value_expr *e, struct base_err *err)
{
	if (e->nargs != 2)
		return refuse(err, "join() requires exactly 2 arguments: separator and list");
	if (origin_is_list(e->args[0]))
		return refuse(err, "join() first argument (separator) must be a single value, not a list");
	if (!origin_is_list(e->args[1]))
		return refuse(err, "join() second argument must be a list");
	return 0;
}

static int check_concat(const struct value_expr *e, struct base_err *err)
{
	if (e->nargs < 2)
		return refuse(err, "concat() requires at least 2 arguments");
	for (uint32_t i = 0; i < e->nargs; i++)
		if (origin_type(e->args[i]) != PT_CHARBUF || origin_is_list(e->args[i]))
			return refuse(err, "concat() arguments must be strings");
	return 0;
}

static int check_getopt(const struct value_expr *e, struct base_err *err)
{
	if (e->nargs != 2)
		return refuse(err, "getopt() requires exactly 2 arguments: args list and optstring");
	if (!origin_is_list(e->args[0]))
		return refuse(err, "getopt() first argument must be a list");
	if (origin_is_list(e->args[1]))
		return refuse(err, "getopt() second argument (optstring) must be a single value");
	if (origin_type(e->args[0]) != PT_CHARBUF || origin_type(e->args[1]) != PT_CHARBUF)
		return refuse(err, "getopt() arguments must be strings");
	if (e->literal && e->literal_len != 1)
		return refuse(err, "getopt() field argument must be a single option character");
	return 0;
}

static int check_multi(struct value_expr *e, struct base_err *err)
{
	int r = e->kind == XF_JOIN ? check_join(e, err) : e->kind == XF_CONCAT ? check_concat(e, err) : check_getopt(e, err);

	if (r)
		return r;
	if (e->literal && e->kind != XF_GETOPT)
		return base_err_set(err, NULL, 0, 0, "transformer '%s' does not support field arguments", xform_names[e->kind]);
	e->type = PT_CHARBUF;
	e->is_list = e->kind == XF_GETOPT && !e->literal;
	return 0;
}

int value_expr_check(struct value_expr *e, struct base_err *err)
{
	int r;

	switch ((enum xform_kind)e->kind) {
	case XF_FIELD:
		e->type = e->field.type;
		e->is_list = e->field.is_list;
		return 0;
	case XF_LITERAL:
		e->type = PT_CHARBUF;
		return 0;
	default:
		break;
	}
	for (uint32_t i = 0; i < e->nargs; i++) {
		r = value_expr_check(e->args[i], err);
		if (r)
			return r;
	}
	if (e->kind == XF_LIST) {
		e->type = PT_CHARBUF;
		e->is_list = true;
		return 0;
	}
	if (e->nargs != 1)
		return is_multi(e) ? check_multi(e, err) : refuse(err, "unknown multivalue transformer");
	if (e->literal)
		return base_err_set(err, NULL, 0, 0, "filter error: transformer '%s' does not support field arguments", xform_names[e->kind]);
	if (is_multi(e))
		return base_err_set(err, NULL, 0, 0, "unknown field transfomer '%s'", xform_names[e->kind]);
	if (e->kind == XF_VAL) {
		e->type = e->args[0]->type;
		e->is_list = e->args[0]->is_list;
		return 0;
	}
	return check_single(e, err);
}

static int resolve_fields(struct value_expr *e, const char *source, const char *const *static_names, struct base_err *err)
{
	struct base_buf text = { 0 };
	int r = 0;

	if (e->kind == XF_FIELD && e->name && !e->field.def) {
		struct field_ref ref = { 0 };

		buf_str(&text, e->name);
		if (e->literal) {
			buf_chr(&text, '[');
			buf_add(&text, e->literal, e->literal_len);
			buf_chr(&text, ']');
		}
		r = text.failed ? -ENOMEM : eval_field_parse(text.p, text.len, source, static_names, &ref, err);
		buf_fini(&text);
		if (!r)
			e->field = ref;
		return r;
	}
	for (uint32_t i = 0; i < e->nargs && !r; i++)
		r = resolve_fields(e->args[i], source, static_names, err);
	return r;
}

int value_expr_resolve(struct value_expr *e, const char *source, const char *const *static_names, struct base_err *err)
{
	int r = resolve_fields(e, source, static_names, err);

	return r ? r : value_expr_check(e, err);
}
