/* See lint.h. */
#include "base/err.h"
#include "eval/compile_internal.h"
#include "eval/lint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORK_MAX 200000u /* checks compared for one rule; beyond it nothing is claimed */

/* ---- conditions that nothing fulfils ------------------------------------------------------------ */

struct facts { /* checks that hold together */
	struct fact {
		const struct cond *c;
		bool negated;
	} * f; /* owned */
	uint32_t n, cap;
	uint32_t work;
	bool failed;
	struct base_buf why;
};

static void add_fact(struct facts *k, const struct cond *c, bool negated)
{
	if (!vec_grow((void **)&k->f, k->n, &k->cap, sizeof(*k->f))) {
		k->failed = true;
		return;
	}
	k->f[k->n++] = (struct fact){ c, negated };
}

static bool same_value(const struct cond *a, const struct cond *b)
{
	struct base_buf x = { 0 }, y = { 0 };
	bool same;

	value_expr_text(&x, a->lhs);
	value_expr_text(&y, b->lhs);
	same = x.p && y.p && !strcmp(x.p, y.p);
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

/* A check of one plain value against literals, which can be asked about other values. */
static bool is_plain(const struct cond *c)
{
	const struct field_ref *f = value_expr_field(c->lhs);

	return c->kind == COND_CHECK && !c->own_compare && !c->rhs && c->cmp_data && !c->lhs->is_list && f && f->def && c->mod == MOD_NONE &&
	       strncmp(f->def->name, "evt.deltatime", 13);
}

static bool names_values(const struct cond *c)
{
	return is_plain(c) && (c->op == OP_EQ || c->op == OP_IN || c->op == OP_INTERSECTS) && c->parsed.count;
}

static void describe(struct base_buf *out, const struct cond *a, bool negated, const struct cond *b, bool b_negated)
{
	buf_reset(out);
	buf_str(out, negated ? "not " : "");
	cond_text(out, a);
	buf_str(out, " and ");
	buf_str(out, b_negated ? "not " : "");
	cond_text(out, b);
	buf_str(out, " exclude each other");
}

/* Values that fact i allows and fact k, about the same field, does not: are these all? */
static bool excluded_by(struct facts *k, const struct fact *i, const struct fact *o)
{
	for (uint32_t v = 0; v < i->c->parsed.count; v++) {
		k->work++;
		if (cmp_match(o->c->cmp_data, &i->c->parsed.vals[v]) != o->negated)
			return false;
	}
	return true;
}

/* Do the facts from `from` on contradict each other or one before? */
static bool contradiction(struct facts *k, uint32_t from)
{
	for (uint32_t i = 0; i < k->n && k->work < WORK_MAX; i++) {
		const struct fact *a = &k->f[i];

		for (uint32_t j = i < from ? from : i + 1; j < k->n && k->work < WORK_MAX; j++) {
			const struct fact *b = &k->f[j];

			k->work++;
			if (a->c == b->c || a->c->kind != COND_CHECK || !a->c->lhs || !b->c->lhs || !same_value(a->c, b->c))
				continue;
			if ((!a->negated && names_values(a->c) && is_plain(b->c) && excluded_by(k, a, b)) ||
			    (!b->negated && names_values(b->c) && is_plain(a->c) && excluded_by(k, b, a))) {
				describe(&k->why, a->c, a->negated, b->c, b->negated);
				return true;
			}
		}
	}
	return false;
}

static bool dead(struct facts *k, const struct cond *c, bool negated);

/* All parts hold at once. */
static bool dead_all(struct facts *k, const struct cond *c, bool negated)
{
	uint32_t from = k->n;

	for (uint32_t i = 0; i < c->nchild; i++) {
		const struct cond *p = c->child[i];
		bool n = negated;

		while (p->kind == COND_NOT) {
			p = p->child[0];
			n = !n;
		}
		if (p->kind == COND_CHECK)
			add_fact(k, p, n);
	}
	if (contradiction(k, from))
		return true;
	for (uint32_t i = 0; i < c->nchild && k->work < WORK_MAX; i++) {
		uint32_t n = k->n;
		bool d = dead(k, c->child[i], negated);

		/* what holds in every branch of an `or` is not carried on; what an `and` says is */
		if (c->child[i]->kind == COND_OR || c->child[i]->kind == COND_NOT)
			k->n = n;
		if (d)
			return true;
	}
	return false;
}

/* Is c (negated: not c) false whatever happens, given the facts? */
static bool dead(struct facts *k, const struct cond *c, bool negated)
{
	switch ((enum cond_kind)c->kind) {
	case COND_NOT:
		return dead(k, c->child[0], !negated);
	case COND_AND:
	case COND_OR:
		if ((c->kind == COND_AND) != negated)
			return dead_all(k, c, negated);
		for (uint32_t i = 0; i < c->nchild; i++) {
			uint32_t n = k->n;
			bool d = dead(k, c->child[i], negated);

			k->n = n;
			if (!d || k->work >= WORK_MAX)
				return false;
		}
		return c->nchild > 0;
	case COND_CHECK: {
		uint32_t from = k->n;
		bool d;

		add_fact(k, c, negated);
		d = contradiction(k, from);
		k->n = from;
		return d;
	}
	case COND_MACRO:
		break;
	}
	return false;
}

static bool no_events(const struct ruleset *rs, uint32_t id)
{
	const struct eval_rule *r = &rs->rules[id];

	for (uint32_t s = 0; s < rs->nsource; s++)
		for (unsigned t = 0; t < EVT_TYPE_MAX; t++) {
			const struct bucket *b = rs->sources[s].bucket[t];

			if (!b || t == PPME_ASYNCEVENT_E || !evt_set_has(&r->events, t))
				continue;
			for (uint32_t i = 0; i < b->nentry; i++)
				if (b->entries[i].rule == id && rs->progs[b->entries[i].prog].start != CODE_FALSE)
					return false;
		}
	return true;
}

static void lint_never(const struct ruleset *rs, uint32_t id, lint_fn *fn, void *arg)
{
	struct facts k = { 0 };

	if (no_events(rs, id))
		fn(arg, id, LINT_NEVER, "no event type fulfils what it says of evt.type");
	else if (dead(&k, rs->rules[id].cond, false) && k.work < WORK_MAX && !k.failed)
		fn(arg, id, LINT_NEVER, k.why.p ? k.why.p : "its parts exclude each other");
	free(k.f);
	buf_fini(&k.why);
}

/* ---- rules that stand before others --------------------------------------------------------------- */

struct parts { /* of the outer `and`, as numbers of texts, sorted */
	uint32_t *id; /* owned */
	uint32_t n;
};

struct shadow {
	struct cmp_set texts;
	struct base_arena mem;
	struct parts *parts; /* owned: by rule */
	uint32_t *head, *next; /* owned: rules by their smallest part, NO_ID */
};

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int add_part(struct shadow *h, struct parts *p, const struct cond *c)
{
	struct base_buf text = { 0 };
	struct set_key key;
	uint32_t id, *more;
	int64_t found;
	int r = 0;

	if (c->kind == COND_AND) {
		for (uint32_t i = 0; i < c->nchild && !r; i++)
			r = add_part(h, p, c->child[i]);
		return r;
	}
	cond_text(&text, c);
	more = realloc(p->id, (p->n + 1) * sizeof(*p->id));
	if (text.failed || !more) {
		buf_fini(&text);
		return -ENOMEM;
	}
	p->id = more;
	key = (struct set_key){ .s = text.p, .len = (uint32_t)text.len };
	found = set_find(&h->texts, key);
	if (found < 0) {
		key.s = arena_strn(&h->mem, text.p, text.len);
		r = set_add(&h->texts, key, &id);
		found = id;
	}
	p->id[p->n++] = (uint32_t)found;
	buf_fini(&text);
	return r;
}

static bool is_subset(const struct parts *a, const struct parts *b)
{
	uint32_t j = 0;

	for (uint32_t i = 0; i < a->n; i++, j++) {
		while (j < b->n && b->id[j] < a->id[i])
			j++;
		if (j == b->n || b->id[j] != a->id[i])
			return false;
	}
	return true;
}

static void look_before(const struct ruleset *rs, struct shadow *h, uint32_t id, lint_fn *fn, void *arg)
{
	const struct eval_rule *r = &rs->rules[id];
	const struct parts *p = &h->parts[id];

	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t o = h->head[p->id[i]]; o != NO_ID; o = h->next[o]) {
			const struct eval_rule *e = &rs->rules[o];
			bool same = h->parts[o].n == p->n;

			if (e->order >= r->order || strcmp(e->source, r->source) || !is_subset(&h->parts[o], p))
				continue;
			if (!rs->match_all)
				fn(arg, id, LINT_SHADOWED, e->name);
			else if (same)
				fn(arg, id, LINT_SAME, e->name);
			return;
		}
}

static int lint_shadowed(const struct ruleset *rs, lint_fn *fn, void *arg)
{
	struct shadow h = { .parts = calloc(rs->nrule + 1, sizeof(*h.parts)), .next = malloc((rs->nrule + 1) * sizeof(*h.next)) };
	int r = h.parts && h.next ? 0 : -ENOMEM;

	arena_init(&h.mem);
	for (uint32_t i = 0; i < rs->nrule && !r; i++)
		if (rs->rules[i].enabled && rs->rules[i].cond) {
			r = add_part(&h, &h.parts[i], rs->rules[i].cond);
			if (h.parts[i].n)
				qsort(h.parts[i].id, h.parts[i].n, sizeof(uint32_t), by_number);
		}
	h.head = malloc((h.texts.count + 1) * sizeof(*h.head));
	if (!h.head)
		r = -ENOMEM;
	for (uint32_t i = 0; i < h.texts.count && !r; i++)
		h.head[i] = NO_ID;
	for (uint32_t i = rs->nrule; i-- > 0 && !r;)
		if (h.parts[i].n) {
			h.next[i] = h.head[h.parts[i].id[0]];
			h.head[h.parts[i].id[0]] = i;
		}
	for (uint32_t i = 0; i < rs->nrule && !r; i++)
		look_before(rs, &h, i, fn, arg);
	for (uint32_t i = 0; h.parts && i < rs->nrule; i++)
		free(h.parts[i].id);
	free(h.parts);
	free(h.head);
	free(h.next);
	set_fini(&h.texts);
	arena_fini(&h.mem);
	return r;
}

/* ---- words that look like lists -------------------------------------------------------------------- */

static bool looks_like_list(const char *s)
{
	static const char *const tails[] = { "_binaries", "_binary", "_list", "_files", "_procs", "_programs", "_images", "_ports", "_ips",
					     "_dirs", "_directories", "_paths", "_servers", "_users", "_domains", "_containers" };
	size_t len = strlen(s);

	for (const char *p = s; *p; p++)
		if (!(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9') && *p != '_')
			return false;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		size_t n = strlen(tails[i]);

		if (len > n && !strcmp(s + len - n, tails[i]))
			return true;
	}
	return false;
}

static void lint_words(const struct cond *c, uint32_t id, const char *const *lists, size_t nlist, lint_fn *fn, void *arg)
{
	for (uint32_t i = 0; i < c->nchild; i++)
		lint_words(c->child[i], id, lists, nlist, fn, arg);
	if (c->kind != COND_CHECK || !c->values_is_list)
		return;
	for (uint32_t i = 0; i < c->nvalue; i++) {
		const char *v = c->value[i], *near = strchr(v, '_') ? base_nearest(v, lists, nlist) : NULL;
		struct base_buf text = { 0 };

		if (!near && !looks_like_list(v))
			continue;
		buf_fmt(&text, "'%.100s' is compared as a word: there is no such list", v);
		if (near)
			buf_fmt(&text, ", did you mean '%.100s'?", near);
		if (!text.failed)
			fn(arg, id, LINT_NO_LIST, text.p);
		buf_fini(&text);
	}
}

int ruleset_lint(const struct ruleset *rs, const char *const *lists, size_t nlist, lint_fn *fn, void *arg)
{
	for (uint32_t i = 0; i < rs->nrule; i++) {
		if (!rs->rules[i].enabled || !rs->rules[i].cond)
			continue;
		lint_never(rs, i, fn, arg);
		lint_words(rs->rules[i].cond, i, lists, nlist, fn, arg);
	}
	return lint_shadowed(rs, fn, arg);
}
