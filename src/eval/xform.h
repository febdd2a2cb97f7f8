/* Transformers: tolower toupper b64 basename len join concat getopt. A value expression is a field,
 * a literal or a transformer over value expressions. Used by conditions (both sides) and outputs. */
#pragma once
#include "eval/field.h"

enum xform_kind { XF_FIELD, XF_TOLOWER, XF_TOUPPER, XF_B64, XF_BASENAME, XF_LEN, XF_JOIN, XF_CONCAT, XF_GETOPT, XF_LITERAL, XF_LIST };

struct value_expr {
	uint8_t kind;	 /* enum xform_kind */
	uint8_t type;	 /* enum evt_param_type of the result */
	bool is_list;
	struct field_ref field; /* XF_FIELD */
	char *literal;	 /* owned: XF_LITERAL text, or getopt's [x] argument */
	size_t literal_len;
	struct value_expr **args; /* owned */
	uint32_t nargs;
};

void value_expr_free(struct value_expr *e);
/* Types of a transformer's arguments and result: 0, or -EINVAL with the reference's message. */
int value_expr_check(struct value_expr *e, struct base_err *err);
/* As eval_field_get. */
int value_expr_get(struct eval_ctx *c, const struct value_expr *e, struct eval_val *ret);
/* "tolower(proc.name)": text form used in messages and compiled conditions. */
void value_expr_text(struct base_buf *out, const struct value_expr *e);
/* kind by name, -1 when there is none of that name. */
int xform_by_name(const char *name, size_t len);
