/* Parts of the check, for the files that make it up. */
#pragma once
#include "eval/ast.h"

#define LITERAL_MEM 16 /* bytes literal_parse may need in mem, besides half the length of the text */

/* One literal for a field of this type. mem: room the value may point into. raw_arg: evt.rawarg.
 * 0, -ENOMEM, or -EINVAL with the reference's message. */
int literal_parse(const char *text, size_t len, uint8_t type, enum cond_op op, bool raw_arg, char *mem, struct eval_val *ret, struct base_err *err);

/* Warnings about a whole condition, ahead of the check. */
void cond_warn_whole(const struct cond *c, cond_warn_fn warn, void *arg);
/* Warnings about the literals of checked checks, after it. */
void cond_warn_literals(const struct cond *c, const char *source, const char *const *static_names, cond_warn_fn warn, void *arg);
