/* Shell patterns as fnmatch(3) reads them in the C locale without flags: `*` crosses slashes, a
 * leading dot is nothing special. Patterns are compiled to one token per matched character, so that
 * matching needs neither terminated texts nor recursion; bracket expressions become bit sets, which
 * fnmatch itself fills at compile time. */
#include "eval/cmp.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { TOK_BYTE, TOK_ANY, TOK_STAR, TOK_SET, TOK_NEVER };

struct token {
	uint8_t kind, byte;
	uint32_t set; /* TOK_SET: index */
};

struct glob {
	struct token *tok; /* owned */
	uint64_t (*sets)[4]; /* owned */
	uint32_t ntok, nset;
	bool fold;
};

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* Length of the bracket expression at p, 0 when it is not closed: then `[` is itself. */
static size_t bracket_len(const char *p, size_t n)
{
	size_t i = 1;

	if (i < n && (p[i] == '!' || p[i] == '^'))
		i++;
	for (size_t first = i; i < n; i++) {
		if (p[i] == ']' && i > first)
			return i + 1;
		if (p[i] == '\\') {
			i++;
		} else if (p[i] == '[' && i + 1 < n && strchr(":=.", p[i + 1])) {
			size_t j = i + 2;

			while (j + 1 < n && !(p[j] == p[i + 1] && p[j + 1] == ']'))
				j++;
			if (j + 1 < n)
				i = j + 1;
		}
	}
	return 0;
}

static bool fill_set(uint64_t set[4], const char *p, size_t n, bool fold)
{
	char *pattern = strndup(p, n);
	char text[2] = "";

	if (!pattern)
		return false;
	memset(set, 0, 4 * sizeof(*set));
	for (unsigned c = 1; c < 256; c++) {
		text[0] = (char)c;
		if (!fnmatch(pattern, text, fold ? FNM_CASEFOLD : 0))
			set[c / 64] |= 1ull << (c % 64);
	}
	free(pattern);
	return true;
}

struct glob *glob_new(const char *p, size_t n, bool fold)
{
	struct glob *g = calloc(1, sizeof(*g));
	size_t nset = 1;

	for (size_t i = 0; i < n; i++)
		nset += p[i] == '[';
	if (!g)
		return NULL;
	g->fold = fold;
	g->tok = calloc(n + 1, sizeof(*g->tok));
	g->sets = calloc(nset, sizeof(*g->sets));
	if (!g->tok || !g->sets)
		goto bad;
	for (size_t i = 0; i < n; i++) {
		struct token *t = &g->tok[g->ntok++];
		size_t len;

		switch (p[i]) {
		case '*':
			if (g->ntok > 1 && t[-1].kind == TOK_STAR)
				g->ntok--;
			else
				t->kind = TOK_STAR;
			continue;
		case '?':
			t->kind = TOK_ANY;
			continue;
		case '[':
			len = bracket_len(p + i, n - i);
			if (!len)
				break;
			t->kind = TOK_SET;
			t->set = g->nset++;
			if (!fill_set(g->sets[t->set], p + i, len, fold))
				goto bad;
			i += len - 1;
			continue;
		case '\\':
			if (++i >= n)
				t->kind = TOK_NEVER; /* a pattern that ends in one matches nothing */
			break;
		default:
			break;
		}
		if (t->kind == TOK_BYTE)
			t->byte = fold ? lower((unsigned char)p[i]) : (unsigned char)p[i];
	}
	return g;
bad:
	glob_free(g);
	return NULL;
}

void glob_free(struct glob *g)
{
	if (!g)
		return;
	free(g->tok);
	free(g->sets);
	free(g);
}

static bool token_takes(const struct glob *g, const struct token *t, unsigned char c)
{
	switch (t->kind) {
	case TOK_BYTE:
		return t->byte == (g->fold ? lower(c) : c);
	case TOK_ANY:
		return true;
	case TOK_SET:
		return g->sets[t->set][c / 64] >> (c % 64) & 1;
	default:
		return false;
	}
}

bool glob_match(const struct glob *g, const char *s, size_t len)
{
	size_t ti = 0, si = 0, star = SIZE_MAX, mark = 0;

	while (si < len) {
		if (ti < g->ntok && g->tok[ti].kind == TOK_STAR) {
			star = ++ti;
			mark = si;
			if (star == g->ntok)
				return true;
		} else if (ti < g->ntok && token_takes(g, &g->tok[ti], (unsigned char)s[si])) {
			ti++;
			si++;
		} else if (star != SIZE_MAX) {
			ti = star;
			si = ++mark;
		} else {
			return false;
		}
	}
	while (ti < g->ntok && g->tok[ti].kind == TOK_STAR)
		ti++;
	return ti == g->ntok;
}

const char *glob_literal(const char *p, size_t n, size_t *ret_len)
{
	size_t from = 0, best = 0, best_len = 0;

	for (size_t i = 0; i <= n; i++) {
		if (i < n && !strchr("*?[]\\", p[i]))
			continue;
		if (i - from > best_len) {
			best = from;
			best_len = i - from;
		}
		if (i < n && p[i] == '[') { /* what is in brackets is not literal; not closed: nor is the rest, to be sure */
			size_t len = bracket_len(p + i, n - i);

			i = len ? i + len - 1 : n;
		} else if (i < n && p[i] == '\\') {
			i++; /* the byte behind it is left out, too */
		}
		from = i + 1;
	}
	*ret_len = best_len;
	return p + best;
}
