/* Conditions as text, before they are parsed: exceptions behind the condition, lists by their items.
 * Called by rules_check.c for every macro and rule. The reference replaces text, and rules rely on what
 * follows from it (lists inside quotes, macros' names in lists), so this does the same in one pass per
 * list that occurs. */
#include "eval/rules_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- exceptions -------------------------------------------------------------------------------------- */

/* Text with blanks becomes one string of the language, unless it is written as one. */
static void add_quoted(struct base_buf *out, const char *s)
{
	bool quote = strchr(s, ' ') && *s != '"' && *s != '\'';

	if (quote)
		buf_chr(out, '"');
	buf_str(out, s);
	if (quote)
		buf_chr(out, '"');
}

static void add_value(struct base_buf *out, const struct exc_entry *v, const char *op)
{
	size_t first;

	if (v->is_list) {
		buf_chr(out, '(');
		first = out->len;
		for (uint32_t i = 0; i < v->n; i++) {
			if (out->len > first)
				buf_str(out, ", ");
			add_quoted(out, v->items[i].item);
		}
		buf_chr(out, ')');
	} else if (!rules_op_takes_list(op)) {
		add_quoted(out, v->item);
	} else if (*v->item == '(') {
		buf_str(out, v->item);
	} else {
		buf_fmt(out, "(%s)", v->item);
	}
}

static int add_scalar_form(struct rules *r, const struct exc_info *x, struct base_buf *out)
{
	for (uint32_t i = 0; i < x->nvalues; i++) {
		if (x->values[i].is_list)
			return rules_fail(r, LC_VALIDATE, x->ctx, "Expected values array to contain a list of strings");
		if (i)
			buf_str(out, ", ");
		else
			buf_fmt(out, " and not (%s %s (", x->fields.item, x->comps.item);
		add_quoted(out, x->values[i].item);
		if (out->len > RULES_MAX_TEXT)
			return -E2BIG;
	}
	if (x->nvalues)
		buf_str(out, "))");
	return 0;
}

static int add_list_form(struct rules *r, const struct exc_info *x, struct base_buf *out)
{
	for (uint32_t i = 0; i < x->nvalues; i++) {
		const struct exc_entry *v = &x->values[i];

		if (x->fields.n != (v->is_list ? v->n : 0))
			return rules_fail(r, LC_VALIDATE, x->ctx, "Fields and values lists must have equal length");
		buf_str(out, i ? " or (" : " and not ((");
		for (uint32_t k = 0; k < x->fields.n; k++) {
			const char *op = x->comps.items[k].item;

			buf_fmt(out, "%s %s %s ", k ? " and " : "", x->fields.items[k].item, op);
			add_value(out, &v->items[k], op);
			if (out->len > RULES_MAX_TEXT)
				return -E2BIG;
		}
		buf_chr(out, ')');
	}
	if (x->nvalues)
		buf_chr(out, ')');
	return 0;
}

int expand_exceptions(struct rules *r, const struct rule_info *i, struct base_buf *out)
{
	if (!i->exceptions.n) {
		buf_add(out, i->cond.s, i->cond.len);
		return out->failed ? -ENOMEM : 0;
	}
	buf_chr(out, '(');
	buf_add(out, i->cond.s, i->cond.len);
	buf_chr(out, ')');
	for (uint32_t k = 0; k < i->exceptions.n; k++) {
		const struct exc_info *x = &i->exceptions.e[k];
		int e = x->fields.is_list ? add_list_form(r, x, out) : add_scalar_form(r, x, out);

		if (e)
			return e;
	}
	return out->failed ? -ENOMEM : 0;
}

/* ---- lists -------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_delimiter(char c)
{
	return is_blank(c) || c == '(' || c == ')' || c == ',' || c == '=';
}

/* Lists that occur in a text and are still to be put in: a heap of positions, smallest first. */
struct todo {
	uint32_t *heap; /* owned */
	uint32_t n, cap;
};

static int todo_push(struct todo *t, uint32_t v)
{
	uint32_t i = t->n;

	if (RULES_GROW(t->heap, t->cap, t->n))
		return -ENOMEM;
	t->n++;
	for (; i && t->heap[(i - 1) / 2] > v; i = (i - 1) / 2)
		t->heap[i] = t->heap[(i - 1) / 2];
	t->heap[i] = v;
	return 0;
}

static uint32_t todo_pop(struct todo *t)
{
	uint32_t top = t->heap[0], v = t->heap[--t->n], i = 0;

	for (;;) {
		uint32_t c = 2 * i + 1;

		if (c >= t->n)
			break;
		if (c + 1 < t->n && t->heap[c + 1] < t->heap[c])
			c++;
		if (t->heap[c] >= v)
			break;
		t->heap[i] = t->heap[c];
		i = c;
	}
	if (t->n)
		t->heap[i] = v;
	return top;
}

/* Notes the lists whose names stand between delimiters in s, from position `from` of the order on. */
static int note_words(const struct rules *r, const char *s, size_t len, uint32_t from, struct todo *t)
{
	for (size_t i = 0; i < len;) {
		size_t end = i;
		uint32_t l;

		while (end < len && !is_delimiter(s[end]))
			end++;
		l = end > i ? strmap_get(&r->list_map, s + i, end - i) : STRMAP_NONE;
		if (l != STRMAP_NONE && l >= from && todo_push(t, l))
			return -ENOMEM;
		i = end + 1;
	}
	return 0;
}

static bool is_empty(const struct list_info *l)
{
	for (uint32_t i = 0; i < l->nresolved; i++)
		if (*l->resolved[i])
			return false;
	return true;
}

static void add_items(struct base_buf *out, const struct list_info *l)
{
	size_t first;

	if (out->len)
		buf_chr(out, ' ');
	first = out->len;
	for (uint32_t i = 0; i < l->nresolved && out->len <= RULES_MAX_TEXT; i++) {
		/* the separator comes with the first text, not with the first item */
		if (out->len > first)
			buf_str(out, ", ");
		add_quoted(out, l->resolved[i]);
	}
	buf_chr(out, ' ');
}

/* Puts one list in wherever its name stands by itself; notes what that brings in. */
static int put_list(const struct rules *r, struct base_buf *text, uint32_t pos, struct todo *t)
{
	struct list_info *l = r->lists[pos];
	size_t nlen = strlen(l->name), from = 0, at, end;
	struct base_buf out = { 0 };
	const char *hit;
	int e = 0;

	for (at = 0; !e && at < text->len && (hit = memmem(text->p + at, text->len - at, l->name, nlen));) {
		size_t start = (size_t)(hit - text->p), kept;
		bool left, comma;

		end = start + nlen;
		/* what stands to the left is in out when nothing was copied since the last hit */
		left = start > from ? is_delimiter(text->p[start - 1]) : !out.len || is_delimiter(out.p[out.len - 1]);
		if (!left || (end < text->len && !is_delimiter(text->p[end]))) {
			at = start + 1;
			continue;
		}
		buf_add(&out, text->p + from, start - from);
		while (out.len && is_blank(out.p[out.len - 1]))
			out.len--;
		while (end < text->len && is_blank(text->p[end]))
			end++;
		if (is_empty(l)) {
			/* one comma goes with it */
			comma = out.len && out.p[out.len - 1] == ',';
			out.len -= comma;
			if (!comma && end < text->len && text->p[end] == ',')
				end++;
		}
		kept = out.len;
		add_items(&out, l);
		/* The reference goes on one character further on at the start of a text. */
		at = end + !kept;
		from = end;
		l->used = true;
		if (out.failed)
			e = -ENOMEM;
		else if (out.len > RULES_MAX_TEXT)
			e = -E2BIG;
		else
			e = note_words(r, out.p + kept, out.len - kept, pos + 1, t);
	}
	if (!e && from) {
		buf_add(&out, text->p + from, text->len - from);
		e = out.failed ? -ENOMEM : out.len > RULES_MAX_TEXT ? -E2BIG : 0;
		if (!e) {
			struct base_buf old = *text;

			*text = out;
			out = old;
		}
	}
	buf_fini(&out);
	return e;
}

int expand_lists(struct rules *r, struct base_buf *text)
{
	struct todo t = { 0 };
	uint32_t last = STRMAP_NONE;
	int e = text->len > RULES_MAX_TEXT ? -E2BIG : note_words(r, text->p, text->len, 0, &t);

	/* names with delimiters inside can't be found as words: those few lists are always tried */
	for (uint32_t i = 0; r->nodd_lists && i < r->nlists && !e; i++)
		if (r->lists[i]->name[strcspn(r->lists[i]->name, " \t\n\r(),=")])
			e = todo_push(&t, i);
	while (!e && t.n) {
		uint32_t pos = todo_pop(&t);

		if (pos != last) {
			r->work += text->len + 256; /* looking costs even where there is little to look at */
			e = r->work > RULES_MAX_WORK ? -E2BIG : put_list(r, text, pos, &t);
		}
		last = pos;
	}
	free(t.heap);
	return e;
}
