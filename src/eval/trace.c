/* See trace.h. */
#include "eval/interpret.h"
#include "eval/render_val.h"
#include "eval/trace.h"

#include <stdlib.h>

#define VALUE_SHOWN 200u /* bytes of a value */
#define TEXT_SHOWN 160u  /* of a check */

struct part {
	const struct cond *c;
	uint32_t depth;
	uint8_t result; /* enum trace_result, of the last event */
	uint64_t count[3], first_false;
	char *value; /* owned: left side, of the last event; NULL none */
};

struct trace {
	struct part *parts; /* owned: the tree in order */
	uint32_t n, top;    /* top: number of parts of the outer `and`, 1 without */
	uint32_t held;
};

static uint32_t size_of(const struct cond *c)
{
	uint32_t n = 1;

	for (uint32_t i = 0; i < c->nchild; i++)
		n += size_of(c->child[i]);
	return n;
}

static void lay(struct trace *t, const struct cond *c, uint32_t depth)
{
	t->parts[t->n++] = (struct part){ .c = c, .depth = depth };
	for (uint32_t i = 0; i < c->nchild; i++)
		lay(t, c->child[i], depth + 1);
}

struct trace *trace_new(const struct cond *c)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->parts = calloc(size_of(c), sizeof(*t->parts));
	if (!t->parts) {
		free(t);
		return NULL;
	}
	lay(t, c, 0);
	t->top = c->kind == COND_AND ? c->nchild : 1;
	return t;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		free(t->parts[i].value);
	free(t->parts);
	free(t);
}

static bool has_value(struct eval_ctx *ctx, const struct value_expr *e, struct part *p)
{
	struct base_buf text = { 0 };
	struct eval_val v;

	if (value_expr_get(ctx, e, &v) != 1)
		return false;
	if (p) {
		eval_val_text(&text, &v);
		if (text.len > VALUE_SHOWN && text.p)
			text.p[VALUE_SHOWN] = '\0';
		p->value = text.p ? buf_steal(&text) : NULL;
	}
	return true;
}

static enum trace_result look_check(struct eval_ctx *ctx, struct part *p)
{
	const struct cond *c = p->c;
	bool left = has_value(ctx, c->lhs, p), right = !c->rhs || has_value(ctx, c->rhs, NULL);
	int r = check_eval(ctx, c);

	return r == 1 ? TRACE_TRUE : left && right ? TRACE_FALSE : TRACE_MISSING;
}

/* Results of the part at *at and all below it; steps behind them. */
static bool look(struct trace *t, struct eval_ctx *ctx, uint32_t *at)
{
	struct part *p = &t->parts[(*at)++];
	bool any = false, all = true;

	free(p->value);
	p->value = NULL;
	if (p->c->kind == COND_CHECK) {
		p->result = (uint8_t)look_check(ctx, p);
	} else {
		for (uint32_t i = 0; i < p->c->nchild; i++) {
			bool r = look(t, ctx, at);

			any |= r;
			all &= r;
		}
		p->result = p->c->kind == COND_AND ? all : p->c->kind == COND_OR ? any : !any;
	}
	p->count[p->result]++;
	return p->result == TRACE_TRUE;
}

bool trace_event(struct trace *t, struct eval_ctx *ctx)
{
	bool stopped = false, outer = t->parts[0].c->kind == COND_AND;
	uint32_t at = 0;
	bool r = look(t, ctx, &at);

	t->held = 0;
	for (uint32_t i = outer ? 1 : 0; i < t->n; i++) {
		struct part *p = &t->parts[i];

		if (p->depth != (outer ? 1 : 0))
			continue;
		if (p->result == TRACE_TRUE) {
			t->held++;
		} else if (!stopped) {
			p->first_false++;
			stopped = true;
		}
	}
	return r;
}

void trace_near(const struct trace *t, uint32_t *ret_held, uint32_t *ret_parts)
{
	*ret_held = t->held;
	*ret_parts = t->top;
}

static void print_name(const struct part *p, struct base_buf *out)
{
	switch ((enum cond_kind)p->c->kind) {
	case COND_AND: buf_str(out, "and"); break;
	case COND_OR: buf_str(out, "or"); break;
	case COND_NOT: buf_str(out, "not"); break;
	default: {
		size_t from = out->len;

		cond_text(out, p->c);
		if (!out->failed && out->len - from > TEXT_SHOWN) { /* long lists */
			out->len = from + TEXT_SHOWN;
			out->p[out->len] = '\0';
			buf_str(out, "...");
		}
	}
	}
}

void trace_print(const struct trace *t, struct base_buf *out)
{
	static const char *const names[] = { "false  ", "true   ", "missing" };

	for (uint32_t i = 0; i < t->n; i++) {
		const struct part *p = &t->parts[i];

		buf_fmt(out, "  %s  %*s", names[p->result], (int)(2 * p->depth), "");
		print_name(p, out);
		if (p->c->kind == COND_CHECK && p->result == TRACE_FALSE && p->value)
			buf_fmt(out, "    [it is: %s]", p->value);
		buf_chr(out, '\n');
	}
}

void trace_print_counts(const struct trace *t, struct base_buf *out)
{
	buf_fmt(out, "  %10s %10s %10s %10s\n", "true", "false", "missing", "stops here");
	for (uint32_t i = 0; i < t->n; i++) {
		const struct part *p = &t->parts[i];

		buf_fmt(out, "  %10llu %10llu %10llu ", (unsigned long long)p->count[TRACE_TRUE], (unsigned long long)p->count[TRACE_FALSE],
			(unsigned long long)p->count[TRACE_MISSING]);
		if (p->first_false)
			buf_fmt(out, "%10llu", (unsigned long long)p->first_false);
		else
			buf_fmt(out, "%10s", "");
		buf_fmt(out, "  %*s", (int)(2 * p->depth), "");
		print_name(p, out);
		buf_chr(out, '\n');
	}
}
