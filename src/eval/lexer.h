/* Tokens of condition texts. Owned by the parser; nothing else includes this. */
#pragma once
#include "eval/cond.h"

/* The token most recently recognised stays at hand, because messages quote it. It points into the
 * text, at a constant, or into `str`. */
struct lexer {
	const char *text; /* borrowed */
	size_t len;
	struct cond_pos pos;
	const char *tok;
	size_t tok_len;
	struct base_buf str;	/* unescaped string */
	const char *str_error;	/* set when a quoted string could not be unescaped */
	char str_error_buf[64];
};

struct lexer_mark {
	struct cond_pos pos;
	const char *tok;
	size_t tok_len;
};

void lex_init(struct lexer *l, const char *text, size_t len);
void lex_fini(struct lexer *l);
struct lexer_mark lex_mark(const struct lexer *l);
void lex_back(struct lexer *l, struct lexer_mark m);
bool lex_at_end(const struct lexer *l);

/* Each returns true and moves on when the text continues that way; lex_blank leaves the token. */
bool lex_blank(struct lexer *l);
bool lex_lit(struct lexer *l, const char *s);
bool lex_not(struct lexer *l);	/* "not" and at least one space */
bool lex_identifier(struct lexer *l);
bool lex_field_name(struct lexer *l);
bool lex_field_arg(struct lexer *l);
bool lex_number(struct lexer *l); /* hexadecimal ones included */
bool lex_bare(struct lexer *l);
/* On a bad escape returns false with str_error set and the position behind the string. */
bool lex_quoted(struct lexer *l);
bool lex_transformer(struct lexer *l, enum xform_kind *ret); /* name and "(" */
bool lex_num_op(struct lexer *l, enum cond_op *ret);
bool lex_str_op(struct lexer *l, enum cond_op *ret, bool *ret_word);
bool lex_list_op(struct lexer *l, enum cond_op *ret);
bool lex_modifier(struct lexer *l, enum cond_mod *ret);
bool lex_keyword_follows(const struct lexer *l); /* and, or, not as whole words */
char lex_peek(const struct lexer *l);		 /* NUL at the end */
