/* The plain meaning of a checked tree. The compiled form has to agree with this on every event.
 *
 * Three values: true, false, not known yet (-EAGAIN: another shard must get to the event first).
 * `and` and `or` look past an unknown operand for one that decides, so the result does not depend
 * on the order of operands. [worker] */
#include "eval/cmp.h"
#include "eval/interpret.h"

#include <errno.h>

int __attribute__((noinline)) check_eval(struct eval_ctx *ctx, const struct cond *c)
{
	struct eval_val l, r;
	int k;

	if (c->own_compare)
		return eval_field_compare(ctx, &c->lhs->field, c->op, &c->parsed, cmp_scalar, c->cmp_data);
	k = value_expr_get(ctx, c->lhs, &l);
	if (k <= 0)
		return k;
	if (!c->rhs)
		return cmp_match(c->cmp_data, &l);
	k = value_expr_get(ctx, c->rhs, &r);
	if (k <= 0)
		return k;
	return cmp_pair(ctx->arena, c->op, &l, value_expr_terminated(c->lhs), &r, value_expr_terminated(c->rhs));
}

int cond_interpret(struct eval_ctx *ctx, const struct cond *c)
{
	bool unknown = false;
	int r;

	switch ((enum cond_kind)c->kind) {
	case COND_CHECK:
		return check_eval(ctx, c);
	case COND_NOT:
		r = cond_interpret(ctx, c->child[0]);
		return r < 0 ? r : !r;
	case COND_AND:
	case COND_OR:
		for (uint32_t i = 0; i < c->nchild; i++) {
			r = cond_interpret(ctx, c->child[i]);
			if (r < 0)
				unknown = true;
			else if (r == (c->kind == COND_OR))
				return r;
		}
		return unknown ? -EAGAIN : c->kind == COND_AND;
	case COND_MACRO:
		break; /* refused by the check */
	}
	return 0;
}
