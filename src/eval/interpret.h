/* One check, for the interpreter and the compiled form. */
#pragma once
#include "eval/cond.h"

/* 1, 0 or -EAGAIN. [worker] */
int check_eval(struct eval_ctx *ctx, const struct cond *c);
