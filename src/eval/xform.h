/* Transformers: tolower toupper b64 basename len join concat getopt. A value expression is a field,
 * a literal or a transformer over value expressions. Used by conditions (both sides) and outputs. */
#pragma once
#include "eval/field.h"

enum xform_kind { XF_FIELD, XF_TOLOWER, XF_TOUPPER, XF_B64, XF_BASENAME, XF_LEN, XF_JOIN, XF_CONCAT, XF_GETOPT, XF_LITERAL, XF_LIST, XF_VAL };

struct value_expr {
	uint8_t kind;	 /* enum xform_kind */
	uint8_t type;	 /* enum evt_param_type of the result */
	bool is_list;
	char *name;	 /* owned: XF_FIELD from a condition: name without its bracket argument, else NULL */
	struct field_ref field; /* XF_FIELD, after value_expr_resolve */
	char *literal;	 /* owned: XF_LITERAL text; else what stood in [..] behind it, NULL without */
	size_t literal_len;
	struct value_expr **args; /* owned */
	uint32_t nargs;
};

struct value_expr *value_expr_new(enum xform_kind kind); /* NULL when memory is out */
/* Copy of what was written: fields are to be resolved again. NULL when memory is out. */
struct value_expr *value_expr_clone(const struct value_expr *e);
void value_expr_free(struct value_expr *e);
/* Appends an argument, which is owned from then on (freed on failure). 0 or -ENOMEM. */
int value_expr_add(struct value_expr *e, struct value_expr *arg);
/* Looks up the fields of a parsed expression, then value_expr_check. Idempotent. */
int value_expr_resolve(struct value_expr *e, const char *source, const char *const *static_names, struct base_err *err);
/* Types of a transformer's arguments and result: 0, or -EINVAL with the reference's message. */
int value_expr_check(struct value_expr *e, struct base_err *err);
/* As eval_field_get. */
int value_expr_get(struct eval_ctx *c, const struct value_expr *e, struct eval_val *ret);
/* "tolower(proc.name)": text form used in messages and compiled conditions. */
void value_expr_text(struct base_buf *out, const struct value_expr *e);
/* The field a chain of one-argument transformers starts from, NULL when it is no field. */
const struct field_ref *value_expr_field(const struct value_expr *e);
/* True when values carry the terminator the reference leaves behind its string transformers: it
 * counts in set membership between two extracted values, and in the length of byte buffers. */
bool value_expr_terminated(const struct value_expr *e);
/* Name of a parameter type as messages spell it ("CHARBUF"). */
const char *eval_type_name(unsigned type);
/* "tolower(": name of the transformer, "val" for XF_VAL. */
const char *xform_name(enum xform_kind kind);
/* kind by name, -1 when there is none of that name. */
int xform_by_name(const char *name, size_t len);
