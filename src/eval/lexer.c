/* Splits condition texts into tokens, one attempt at a time: the parser asks "is the next thing a
 * field name?". Which characters belong to what is fixed by the language reference, including its
 * oddities: word operators match as prefixes, a backspace is a blank, a negated character class
 * stops at bytes that are not UTF-8. */
#include "eval/lexer.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void lex_init(struct lexer *l, const char *text, size_t len)
{
	*l = (struct lexer){ .text = text, .len = len, .tok = "" };
}

void lex_fini(struct lexer *l)
{
	buf_fini(&l->str);
}

struct lexer_mark lex_mark(const struct lexer *l)
{
	return (struct lexer_mark){ l->pos, l->tok, l->tok_len };
}

void lex_back(struct lexer *l, struct lexer_mark m)
{
	l->pos = m.pos;
	l->tok = m.tok;
	l->tok_len = m.tok_len;
}

bool lex_at_end(const struct lexer *l)
{
	return l->pos.idx >= l->len;
}

char lex_peek(const struct lexer *l)
{
	return lex_at_end(l) ? '\0' : l->text[l->pos.idx];
}

static void step(struct lexer *l, size_t n)
{
	for (; n; n--) {
		char c = l->text[l->pos.idx++];

		l->pos.col++;
		if (c == '\r' || c == '\n') {
			l->pos.col = 0;
			l->pos.line++;
		}
	}
}

static bool take(struct lexer *l, size_t n)
{
	if (!n)
		return false;
	l->tok = l->text + l->pos.idx;
	l->tok_len = n;
	step(l, n);
	return true;
}

bool lex_blank(struct lexer *l)
{
	bool found = false;

	for (;;) {
		char c = lex_peek(l);

		if (c != ' ' && c != '\t' && c != '\b' && c != '\r' && c != '\n')
			return found;
		step(l, 1);
		found = true;
	}
}

static bool starts(const struct lexer *l, const char *s)
{
	size_t n = strlen(s);

	return l->len - l->pos.idx >= n && !memcmp(l->text + l->pos.idx, s, n);
}

bool lex_lit(struct lexer *l, const char *s)
{
	return starts(l, s) && take(l, strlen(s));
}

/* The space class of regular expressions: more than a blank. */
static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t at(const struct lexer *l, size_t off, unsigned char *ret)
{
	size_t i = l->pos.idx + off;

	*ret = i < l->len ? (unsigned char)l->text[i] : 0;
	return i < l->len;
}

bool lex_not(struct lexer *l)
{
	size_t n = 3;
	unsigned char c;

	if (!starts(l, "not"))
		return false;
	while (at(l, n, &c) && is_space(c))
		n++;
	return n > 3 && take(l, n);
}

static size_t identifier_len(const struct lexer *l, size_t off)
{
	unsigned char c;
	size_t n = off;

	if (!at(l, n, &c) || !isalpha(c))
		return 0;
	while (at(l, n, &c) && (isalnum(c) || c == '_') && c < 128)
		n++;
	return n - off;
}

bool lex_identifier(struct lexer *l)
{
	return take(l, identifier_len(l, 0));
}

bool lex_field_name(struct lexer *l)
{
	size_t n = identifier_len(l, 0), parts = 1, m;
	unsigned char c;

	if (!n)
		return false;
	while (at(l, n, &c) && c == '.' && (m = identifier_len(l, n + 1))) {
		n += m + 1;
		parts++;
	}
	return parts > 1 && take(l, n);
}

/* Length of the run of characters that are neither white space nor in `stop`. */
static size_t run_without(const struct lexer *l, const char *stop)
{
	size_t n = 0, more;
	unsigned char c, d;

	while (at(l, n, &c)) {
		if (c < 128) {
			if (is_space(c) || (c && strchr(stop, c)))
				break;
			n++;
			continue;
		}
		more = c >= 0xc2 && c <= 0xdf ? 1 : c >= 0xe0 && c <= 0xef ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : 0;
		for (size_t i = 1; i <= more; i++)
			if (!at(l, n + i, &d) || (d & 0xc0) != 0x80)
				more = 0;
		if (!more)
			break;
		n += more + 1;
	}
	return n;
}

bool lex_field_arg(struct lexer *l)
{
	return take(l, run_without(l, "][\"'"));
}

bool lex_bare(struct lexer *l)
{
	return take(l, run_without(l, "()\"'=,"));
}

bool lex_number(struct lexer *l)
{
	size_t n = 0, m;
	unsigned char c, d;

	if (at(l, 1, &d) && (d == 'x' || d == 'X') && lex_peek(l) == '0') {
		for (m = 2; at(l, m, &c) && isxdigit(c);)
			m++;
		if (m > 2)
			return take(l, m);
	}
	at(l, 0, &c);
	if (c == '+' || c == '-')
		n++;
	m = n;
	while (at(l, n, &c) && isdigit(c))
		n++;
	if (n == m)
		return false;
	if (c == '.')
		n++;
	while (at(l, n, &c) && isdigit(c))
		n++;
	if ((c == 'e' || c == 'E') && at(l, n + 1, &d) && (d == '+' || d == '-')) {
		m = n + 2;
		while (at(l, m, &c) && isdigit(c))
			m++;
		if (m > n + 2)
			n = m;
	}
	return take(l, n);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* s[0..n) is what stands between the quotes. */
static bool unescape(struct lexer *l, char quote, const char *s, size_t n)
{
	buf_reset(&l->str);
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		int hi, lo;

		if (c != '\\') {
			buf_chr(&l->str, c);
			continue;
		}
		if (++i >= n)
			break;
		c = s[i];
		switch (c) {
		case 'b': buf_chr(&l->str, '\b'); break;
		case 'f': buf_chr(&l->str, '\f'); break;
		case 'n': buf_chr(&l->str, '\n'); break;
		case 'r': buf_chr(&l->str, '\r'); break;
		case 't': buf_chr(&l->str, '\t'); break;
		case ' ': /* old rules escape wrongly this way */
		case '\\': buf_chr(&l->str, '\\'); break;
		case '/': buf_chr(&l->str, '/'); break;
		case '"':
		case '\'':
			if (c != quote) {
				l->str_error = c == '"' ? "invalid \\\" escape in '-quoted string" : "invalid \\' escape in \"-quoted string";
				return false;
			}
			buf_chr(&l->str, c);
			break;
		case 'x':
			if (i + 2 >= n) {
				l->str_error = "truncated hex char escape sequence";
				return false;
			}
			hi = hex_digit(s[i + 1]);
			lo = hex_digit(s[i + 2]);
			if (hi < 0 || lo < 0) {
				snprintf(l->str_error_buf, sizeof(l->str_error_buf), "invalid hex char escape sequence: %.2s", s + i + 1);
				l->str_error = l->str_error_buf;
				return false;
			}
			buf_chr(&l->str, (char)(hi << 4 | lo));
			i += 2;
			break;
		default:
			snprintf(l->str_error_buf, sizeof(l->str_error_buf), "unsupported string escape sequence: \\%c", c);
			l->str_error = l->str_error_buf;
			return false;
		}
	}
	return true;
}

bool lex_quoted(struct lexer *l)
{
	char quote = lex_peek(l), prev = quote;
	size_t n = 1;
	unsigned char c;

	if (quote != '"' && quote != '\'')
		return false;
	/* It ends at the next such quote not preceded by a backslash, even an escaped one. */
	for (;; n++) {
		if (!at(l, n, &c) || !c)
			return false;
		if (c == (unsigned char)quote && prev != '\\')
			break;
		prev = (char)c;
	}
	take(l, n + 1);
	if (!unescape(l, quote, l->tok + 1, n - 1))
		return false;
	l->tok = l->str.p ? l->str.p : "";
	l->tok_len = l->str.len;
	return true;
}

bool lex_transformer(struct lexer *l, enum xform_kind *ret)
{
	static const struct {
		const char *text;
		enum xform_kind kind;
	} names[] = {
		{ "tolower(", XF_TOLOWER }, { "toupper(", XF_TOUPPER }, { "b64(", XF_B64 }, { "basename(", XF_BASENAME },
		{ "len(", XF_LEN }, { "join(", XF_JOIN }, { "concat(", XF_CONCAT }, { "getopt(", XF_GETOPT },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (lex_lit(l, names[i].text)) {
			*ret = names[i].kind;
			l->tok_len--; /* messages quote the name alone */
			return true;
		}
	return false;
}

/* A word that needs a blank behind it, which is taken too. */
static bool lex_word(struct lexer *l, const char *s)
{
	struct lexer_mark m = lex_mark(l);

	if (!lex_lit(l, s))
		return false;
	if (lex_blank(l))
		return true;
	lex_back(l, m);
	return false;
}

bool lex_num_op(struct lexer *l, enum cond_op *ret)
{
	static const struct {
		const char *text;
		enum cond_op op;
	} ops[] = { { "<=", OP_LE }, { "<", OP_LT }, { ">=", OP_GE }, { ">", OP_GT } };

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (lex_lit(l, ops[i].text)) {
			*ret = ops[i].op;
			return true;
		}
	return false;
}

bool lex_str_op(struct lexer *l, enum cond_op *ret, bool *ret_word)
{
	static const struct {
		const char *text;
		enum cond_op op;
	} words[] = {
		{ "glob", OP_GLOB }, { "iglob", OP_IGLOB }, { "contains", OP_CONTAINS }, { "icontains", OP_ICONTAINS },
		{ "bcontains", OP_BCONTAINS }, { "startswith", OP_STARTSWITH }, { "bstartswith", OP_BSTARTSWITH },
		{ "endswith", OP_ENDSWITH }, { "regex", OP_REGEX },
	};

	*ret_word = false;
	if (lex_lit(l, "==") || lex_lit(l, "=")) {
		*ret = OP_EQ;
		return true;
	}
	if (lex_lit(l, "!=")) {
		*ret = OP_NE;
		return true;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (lex_word(l, words[i].text)) {
			*ret = words[i].op;
			*ret_word = true;
			return true;
		}
	return false;
}

bool lex_list_op(struct lexer *l, enum cond_op *ret)
{
	if (lex_lit(l, "intersects"))
		*ret = OP_INTERSECTS;
	else if (lex_lit(l, "in"))
		*ret = OP_IN;
	else if (lex_lit(l, "pmatch"))
		*ret = OP_PMATCH;
	else
		return false;
	return true;
}

bool lex_modifier(struct lexer *l, enum cond_mod *ret)
{
	if (lex_word(l, "oneof"))
		*ret = MOD_ONEOF;
	else if (lex_word(l, "anyof"))
		*ret = MOD_ANYOF;
	else if (lex_word(l, "allof"))
		*ret = MOD_ALLOF;
	else
		return false;
	return true;
}

bool lex_keyword_follows(const struct lexer *l)
{
	static const char *const words[] = { "and", "or", "not" };

	for (size_t i = 0; i < 3; i++) {
		unsigned char c;

		if (starts(l, words[i]) && (!at(l, strlen(words[i]), &c) || !isalnum(c)))
			return true;
	}
	return false;
}
