/* Which event types, and which syscalls, a condition can be true for: set algebra over its tree
 * (rules-language 9). Called by the loader; the results choose buckets and program the probe.
 *
 * Negation is pushed to the leaves, where only checks that say something about the type are
 * inverted: a check on anything else stays "all" under `not`. */
#include "eval/ast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8
_Static_assert(sizeof(struct evt_set) <= WORDS_MAX * 8 && sizeof(struct sc_set) <= WORDS_MAX * 8, "bits fits both");

struct bits {
	uint64_t w[WORDS_MAX];
};

struct domain {
	struct bits all;
	void (*names)(struct bits *out, const struct cond *c); /* adds the codes of c's literals */
};

static void bit_add(struct bits *b, unsigned i)
{
	b->w[i / 64] |= 1ull << (i % 64);
}

static bool bit_has(const struct bits *b, unsigned i)
{
	return b->w[i / 64] >> (i % 64) & 1;
}

static bool is_named(const struct cond *c, const char *name)
{
	for (uint32_t i = 0; i < c->nvalue; i++)
		if (c->value[i][0] == name[0] && !strcmp(c->value[i], name))
			return true;
	return false;
}

/* Every version of an event has its name; names of no event stand for syscalls without one. */
static void event_codes(struct bits *out, const struct cond *c)
{
	for (uint32_t i = 0; i < c->nvalue; i++) {
		bool found = false;

		for (unsigned t = PPME_GENERIC_X + 1; t < EVT_TYPE_MAX; t++)
			if (evt_is_named(t, c->value[i])) {
				bit_add(out, t);
				found = true;
			}
		if (!found && evt_syscall_by_name(c->value[i], strlen(c->value[i]))) {
			bit_add(out, PPME_GENERIC_E);
			bit_add(out, PPME_GENERIC_X);
		}
	}
}

static void syscall_codes(struct bits *out, const struct cond *c)
{
	struct bits events = { 0 };

	event_codes(&events, c);
	for (size_t i = 0; i < evt_syscall_count; i++) {
		const struct evt_syscall *s = &evt_syscalls[i];

		if (s->exit_event == PPME_GENERIC_X ? is_named(c, s->name) : bit_has(&events, s->exit_event))
			bit_add(out, s->code);
	}
}

/* What is known of a leaf: nothing, or its codes. */
enum leaf { LEAF_NEUTRAL, LEAF_NONE, LEAF_ALL, LEAF_NAMES };

static bool plain_field(const struct cond *c, const char *name)
{
	return c->lhs->kind == XF_FIELD && c->lhs->name && !c->lhs->literal && !strcmp(c->lhs->name, name);
}

/* As the check parses literals of UINT64 fields. */
static bool parse_u64(const char *s, uint64_t *ret)
{
	char *end;

	*ret = strtoull(s, &end, 10);
	return end != s && !*end;
}

/* evt.num counts from 1, so some comparisons with it are constant. */
static enum leaf number_leaf(const struct cond *c)
{
	uint64_t n;

	if (c->rhs || c->mod)
		return LEAF_NEUTRAL;
	if (c->op == OP_IN) {
		if (!c->values_is_list)
			return LEAF_NEUTRAL;
		for (uint32_t i = 0; i < c->nvalue; i++)
			if (!parse_u64(c->value[i], &n) || n)
				return LEAF_NEUTRAL;
		return LEAF_NONE;
	}
	if (c->nvalue != 1 || c->values_is_list || !parse_u64(c->value[0], &n))
		return LEAF_NEUTRAL;
	switch (c->op) {
	case OP_EQ:
	case OP_LE:
		return n == 0 ? LEAF_NONE : LEAF_NEUTRAL;
	case OP_LT:
		return n <= 1 ? LEAF_NONE : LEAF_NEUTRAL;
	case OP_NE:
	case OP_GT:
		return n == 0 ? LEAF_ALL : LEAF_NEUTRAL;
	case OP_GE:
		return n <= 1 ? LEAF_ALL : LEAF_NEUTRAL;
	default:
		return LEAF_NEUTRAL;
	}
}

static enum leaf classify(const struct cond *c)
{
	if (c->kind != COND_CHECK)
		return LEAF_NEUTRAL;
	if (c->op != OP_EXISTS && plain_field(c, "evt.num"))
		return number_leaf(c);
	if (!cond_is_evt_type(c) || c->rhs || c->mod)
		return LEAF_NEUTRAL;
	if (c->op == OP_EXISTS)
		return LEAF_ALL;
	return c->op == OP_EQ || c->op == OP_NE || c->op == OP_IN ? LEAF_NAMES : LEAF_NEUTRAL;
}

static void solve(const struct domain *d, const struct cond *c, bool negated, struct bits *ret)
{
	struct bits one;
	bool meet;

	if (c->kind == COND_NOT) {
		solve(d, c->child[0], !negated, ret);
		return;
	}
	if (c->kind == COND_AND || c->kind == COND_OR) {
		meet = (c->kind == COND_AND) != negated;
		*ret = meet ? d->all : (struct bits){ 0 };
		for (uint32_t i = 0; i < c->nchild; i++) {
			solve(d, c->child[i], negated, &one);
			for (unsigned w = 0; w < WORDS_MAX; w++)
				ret->w[w] = meet ? ret->w[w] & one.w[w] : ret->w[w] | one.w[w];
		}
		return;
	}
	*ret = (struct bits){ 0 };
	switch (classify(c)) {
	case LEAF_NEUTRAL:
		*ret = d->all;
		return;
	case LEAF_NONE:
		break;
	case LEAF_ALL:
		*ret = d->all;
		break;
	case LEAF_NAMES:
		d->names(ret, c);
		negated ^= c->op == OP_NE;
		break;
	}
	for (unsigned w = 0; negated && w < WORDS_MAX; w++)
		ret->w[w] = d->all.w[w] & ~ret->w[w];
}

void cond_event_codes(const struct cond *c, struct evt_set *ret)
{
	struct domain d = { .names = event_codes };
	struct bits b;

	for (unsigned t = 0; t < EVT_TYPE_MAX; t++)
		bit_add(&d.all, t);
	solve(&d, c, false, &b);
	memcpy(ret->w, b.w, sizeof(ret->w));
}

void cond_events(const struct cond *c, struct evt_set *ret)
{
	cond_event_codes(c, ret);
	evt_set_add(ret, PPME_ASYNCEVENT_E);
}

void cond_syscalls(const struct cond *c, struct sc_set *ret)
{
	struct domain d = { .names = syscall_codes };
	struct bits b;

	for (size_t i = 0; i < evt_syscall_count; i++)
		if (evt_syscalls[i].code < SC_MAX)
			bit_add(&d.all, evt_syscalls[i].code);
	solve(&d, c, false, &b);
	memcpy(ret->w, b.w, sizeof(ret->w));
}
