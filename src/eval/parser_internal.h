/* Parts of the condition parser, for its two files: parser.c has the boolean grammar and operators,
 * parser_value.c what stands on either side of an operator. */
#pragma once
#include "eval/ast.h"
#include "eval/lexer.h"

struct parser {
	struct lexer l;
	uint32_t depth, max_depth;
	bool nomem;
	struct cond_error *err;
};

/* Sets the message, at the current position. */
void parser_fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One level deeper; the caller takes it back (p->depth--) when it returns. False at the limit. */
bool parser_enter(struct parser *p);
/* A quoted string. False also when there is one that cannot be read: then str_error is set. */
bool parser_quoted(struct parser *p);
/* Behind a field name, which is the current token. These three: NULL on failure. */
struct value_expr *parser_field(struct parser *p);
/* Behind a transformer's "(". */
struct value_expr *parser_transformer(struct parser *p, enum xform_kind kind);
/* Behind "val(". */
struct value_expr *parser_val(struct parser *p);
