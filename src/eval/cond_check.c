/* Checks a condition tree: fields exist, operators suit types, literals have the field's type.
 * Called by the rules loader for each rule, on its expanded condition; afterwards the tree can be
 * interpreted and compiled. */
#include "eval/cmp.h"
#include "eval/cond_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
	const char *source;
	const char *const *static_names;
	struct cond_error *err;
};

static int set_err(struct check *x, const struct cond *c, const char *msg)
{
	x->err->pos = c->pos;
	snprintf(x->err->msg, sizeof(x->err->msg), "%s", msg);
	return -EINVAL;
}

/* ---- operators and types (rules-language 7) ---------------------------------------------- */

#define BIT(op) (1u << (op))
#define OPS_EQUAL (BIT(OP_EXISTS) | BIT(OP_EQ) | BIT(OP_NE) | BIT(OP_IN) | BIT(OP_INTERSECTS))
#define OPS_ORDER (BIT(OP_LT) | BIT(OP_LE) | BIT(OP_GT) | BIT(OP_GE))
#define OPS_TEXT (BIT(OP_CONTAINS) | BIT(OP_STARTSWITH) | BIT(OP_ENDSWITH))

static int refuse_op(struct check *x, const struct cond *c, const char *what)
{
	char msg[512];

	snprintf(msg, sizeof(msg), "filter error: '%s' %s", cond_op_name(c->op), what);
	return set_err(x, c, msg);
}

static int check_list_op(struct check *x, const struct cond *c)
{
	char msg[256];

	switch (c->lhs->type) {
	case PT_CHARBUF: case PT_UINT64: case PT_RELTIME: case PT_ABSTIME: case PT_BOOL: case PT_IPADDR: case PT_IPNET:
		if (c->op == OP_IN || c->op == OP_INTERSECTS)
			return 0;
		return refuse_op(x, c, "operator not supported list filters");
	default:
		snprintf(msg, sizeof(msg), "filter error: list filters are not supported for type '%s'", eval_type_name(c->lhs->type));
		return set_err(x, c, msg);
	}
}

static int check_op(struct check *x, const struct cond *c)
{
	uint32_t bit = BIT(c->op);
	char msg[256];

	if (c->op == OP_EXISTS)
		return 0;
	if (c->lhs->is_list)
		return check_list_op(x, c);
	switch (c->lhs->type) {
	case PT_INT8: case PT_INT16: case PT_INT32: case PT_INT64: case PT_UINT8: case PT_UINT16: case PT_UINT32:
	case PT_UINT64: case PT_ERRNO: case PT_FD: case PT_PID: case PT_SYSCALLID: case PT_SIGTYPE: case PT_RELTIME:
	case PT_ABSTIME: case PT_PORT: case PT_FLAGS8: case PT_FLAGS16: case PT_FLAGS32: case PT_DOUBLE: case PT_MODE:
	case PT_ENUMFLAGS8: case PT_ENUMFLAGS16: case PT_ENUMFLAGS32:
		return bit & (OPS_EQUAL | OPS_ORDER) ? 0 : refuse_op(x, c, "operator not supported for numeric filters");
	case PT_BOOL:
		return bit & OPS_EQUAL ? 0 : refuse_op(x, c, "operator not supported for numeric filters");
	case PT_CHARBUF: case PT_FSPATH: case PT_FSRELPATH:
		bit &= ~(BIT(OP_BCONTAINS) | BIT(OP_BSTARTSWITH));
		return bit ? 0 : refuse_op(x, c, "operator not supported for string filters");
	case PT_BYTEBUF:
		bit &= OPS_EQUAL | OPS_TEXT | BIT(OP_BCONTAINS) | BIT(OP_BSTARTSWITH);
		return bit ? 0 : refuse_op(x, c, "operator not supported for buffer filters");
	case PT_IPV4ADDR: case PT_IPV6ADDR: case PT_IPADDR: case PT_IPV4NET: case PT_IPV6NET: case PT_IPNET:
		if (bit & OPS_EQUAL)
			return 0;
		return refuse_op(x, c, c->mod ? "with modifier not supported for ip address and network filters"
					      : "operator not supported for ip address and network filters");
	default:
		snprintf(msg, sizeof(msg), "operator not supported for type '%s'", eval_type_name(c->lhs->type));
		return refuse_op(x, c, msg);
	}
}

/* ---- right sides -------------------------------------------------------------------------- */

/* Name by which messages call an expression: that of its field. */
static const struct field_def *def_of(const struct value_expr *e)
{
	const struct field_ref *f = value_expr_field(e);

	return f ? f->def : NULL;
}

static const char *name_of(const struct value_expr *e)
{
	const struct field_def *d = def_of(e);

	if (d)
		return d->name;
	return e->is_list && e->kind != XF_LIST ? "INTERNAL" : "INTERNAL.";
}

static bool no_rhs(const struct value_expr *e)
{
	const struct field_def *d = def_of(e);

	return d && d->flags & FF_NO_RHS;
}

static int check_rhs_expr(struct check *x, struct cond *c)
{
	const struct value_expr *l = c->lhs, *r = c->rhs;
	char msg[512];

	if (c->op == OP_PMATCH || c->op == OP_REGEX) {
		snprintf(msg, sizeof(msg), "operator '%s' doesn't support right-hand side fields", c->op == OP_PMATCH ? "PMATCH" : "REGEX");
		return set_err(x, c, msg);
	}
	if (l->type == PT_IPNET || l->type == PT_IPV4NET || l->type == PT_IPV6NET)
		return set_err(x, c, "field type 'IPNET' doesn't support right-hand side fields");
	if (no_rhs(l)) {
		snprintf(msg, sizeof(msg), "field '%s' doesn't support right-hand side fields", name_of(l));
		return set_err(x, c, msg);
	}
	if (no_rhs(r)) {
		snprintf(msg, sizeof(msg), "field '%s' can't be used as a right-hand side field", name_of(r));
		return set_err(x, c, msg);
	}
	if (l->type != r->type || l->is_list != r->is_list) {
		snprintf(msg, sizeof(msg), "field '%s' has type '%s%s' while the right-hand side field '%s' has incompatible type '%s%s'",
			 name_of(l), eval_type_name(l->type), l->is_list ? " (list)" : "", name_of(r), eval_type_name(r->type), r->is_list ? " (list)" : "");
		return set_err(x, c, msg);
	}
	return 0;
}

/* Names evt.type can have: events, syscalls, and those the native container tracking raises. */
static bool known_event(const char *name)
{
	for (unsigned i = 0; i < EVT_TYPE_MAX; i++)
		if (evt_is_named(i, name))
			return true;
	return evt_syscall_by_name(name, strlen(name)) || !strcmp(name, "container") || !strcmp(name, "container_removed") ||
	       !strcmp(name, "unknown");
}

static int check_literals(struct check *x, struct cond *c)
{
	const struct field_def *d = def_of(c->lhs);
	bool raw_arg = d && !strcmp(d->name, "evt.rawarg"), evt_type = d && !strcmp(d->name, "evt.type");
	bool no_length = c->own_compare && (raw_arg || !strcmp(d->name, "fd.ip") || !strcmp(d->name, "proc.apid"));
	struct base_err err = { .msg = "" };
	struct cmp *k = NULL;
	size_t room = 0;
	char *mem, msg[512];
	int r = 0;

	for (uint32_t i = 0; i < c->nvalue; i++)
		room += LITERAL_MEM + c->value_len[i] / 2;
	mem = c->literal_mem = malloc(room + 1);
	c->parsed.vals = calloc(c->nvalue + 1, sizeof(*c->parsed.vals));
	c->parsed.texts = (const char **)c->value;
	if (!mem || !c->parsed.vals)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->nvalue && !r; i++) {
		r = literal_parse(c->value[i], c->value_len[i], c->lhs->type, c->op, raw_arg, mem, &c->parsed.vals[i], &err);
		mem += LITERAL_MEM + c->value_len[i] / 2;
		if (!r && evt_type && !known_event(c->value[i])) {
			snprintf(msg, sizeof(msg), "unknown event type %.400s", c->value[i]);
			return set_err(x, c, msg);
		}
	}
	c->parsed.count = c->nvalue;
	if (!r)
		r = cmp_new(c->op, c->mod, c->lhs->type, (value_expr_terminated(c->lhs) ? CMP_TERMINATED : 0) | (no_length ? CMP_NO_LENGTH : 0), &c->parsed, &k, &err);
	if (r == -EINVAL)
		return set_err(x, c, err.msg);
	c->cmp_data = k;
	return r;
}

void cond_uncheck(struct cond *c)
{
	cmp_free(c->cmp_data);
	free(c->parsed.vals);
	free(c->literal_mem);
	c->cmp_data = c->literal_mem = NULL;
	c->parsed = (struct cond_rhs){ 0 };
}

/* Does the field compare itself? Ancestor fields don't when they name one ancestor, or a variable
 * of the environment; with a number in the brackets proc.aenv does. */
static bool own_compare(const struct value_expr *e)
{
	const struct field_ref *f = &e->field;

	if (e->kind != XF_FIELD || !(f->def->flags & FF_FILTER_CMP))
		return false;
	if (f->def->cls != FC_THREAD || !f->arg)
		return true;
	return !strcmp(f->def->name, "proc.aenv") && f->arg_index >= 0;
}

/* Apart from the walk over the tree, which may be deep and has to be sparing with stack. */
static int __attribute__((noinline)) check_leaf(struct check *x, struct cond *c)
{
	struct base_err err = { .msg = "" };
	int r;

	if (c->kind == COND_MACRO) {
		char msg[512];

		snprintf(msg, sizeof(msg), "filter error: unexpected identifier '%.400s'", c->name);
		return set_err(x, c, msg);
	}
	r = value_expr_resolve(c->lhs, x->source, x->static_names, &err);
	if (!r)
		r = check_op(x, c);
	else if (r == -EINVAL)
		return set_err(x, c, err.msg);
	if (r)
		return r;
	c->own_compare = own_compare(c->lhs);
	if (!c->rhs)
		return check_literals(x, c);
	r = value_expr_resolve(c->rhs, x->source, x->static_names, &err);
	if (r == -EINVAL)
		return set_err(x, c, err.msg);
	return r ? r : check_rhs_expr(x, c);
}

static int check_node(struct check *x, struct cond *c)
{
	int r = 0;

	if (c->kind == COND_CHECK || c->kind == COND_MACRO)
		return check_leaf(x, c);
	for (uint32_t i = 0; i < c->nchild && !r; i++)
		r = check_node(x, c->child[i]);
	return r;
}

/* ---- event types --------------------------------------------------------------------------- */

static bool is_evt_type_field(const struct value_expr *e)
{
	return e->kind == XF_FIELD && e->name && !e->literal && (!strcmp(e->name, "evt.type") || !strcmp(e->name, "syscall.type"));
}

bool cond_is_evt_type(const struct cond *c)
{
	return c->kind == COND_CHECK && is_evt_type_field(c->lhs);
}

/* Is evt.type an argument of a transformer, where the search for event codes would meet it? In a
 * list only the last element counts. */
static bool transforms_evt_type(const struct value_expr *e)
{
	if (e->kind == XF_LIST)
		return e->nargs && (is_evt_type_field(e->args[e->nargs - 1]) || transforms_evt_type(e->args[e->nargs - 1]));
	for (uint32_t i = 0; i < e->nargs; i++)
		if (is_evt_type_field(e->args[i]) || transforms_evt_type(e->args[i]))
			return true;
	return false;
}

/* What the search for event codes can't do is fatal for syscall rules. */
static int check_evt_type(struct check *x, const struct cond *c)
{
	static const char *const with_transformer = "event code search does not support `evt.type` checks with transformers";
	int r = 0;

	for (uint32_t i = 0; i < c->nchild && !r; i++)
		r = check_evt_type(x, c->child[i]);
	if (r || c->kind != COND_CHECK)
		return r;
	if (c->op != OP_EXISTS && (c->mod || (c->op != OP_EQ && c->op != OP_NE && c->op != OP_IN)))
		return 0;
	if (c->lhs->kind != XF_FIELD && transforms_evt_type(c->lhs))
		return set_err(x, c, with_transformer);
	if (!c->rhs || !cond_is_evt_type(c))
		return 0;
	if (transforms_evt_type(c->rhs))
		return set_err(x, c, with_transformer);
	return set_err(x, c, "right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by event code search");
}

int cond_check(struct cond *c, const char *source, const char *const *static_names, cond_warn_fn warn, void *warn_arg, struct cond_error *err)
{
	struct check x = { source, static_names, err };
	int r;

	if (warn)
		cond_warn_whole(c, warn, warn_arg);
	r = check_node(&x, c);
	if (!r && !strcmp(source, "syscall"))
		r = check_evt_type(&x, c);
	if (!r && warn)
		cond_warn_literals(c, source, static_names, warn, warn_arg);
	return r;
}
