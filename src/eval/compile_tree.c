/* One rule for one event type: checks that the type decides are folded away, operands are ordered
 * by expense, what remains becomes jump code, and an access clause is chosen: a disjunction of
 * positive atoms that holds whenever the rule does.
 *
 * Conditions are pure and `and`/`or` are symmetric (interpret.c), so order is free to choose.
 * Recursion is bounded by COND_TREE_DEPTH_MAX. */
#include "eval/compile_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- folding ------------------------------------------------------------------------------ */

static struct node *constant(bool value, struct base_arena *a)
{
	struct node *n = arena_alloc(a, sizeof(*n));

	*n = (struct node){ .kind = COND_MACRO, .value = value };
	return n;
}

static uint32_t add_sat(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - 1 - b ? UINT32_MAX - 1 : a + b;
}

/* Cheap operands first; those of equal expense stay in order. */
static void sort_children(struct node **child, uint32_t n, struct node **tmp)
{
	uint32_t mid = n / 2, i = 0, j = mid, k = 0;

	if (n < 2)
		return;
	sort_children(child, mid, tmp);
	sort_children(child + mid, n - mid, tmp);
	while (i < mid && j < n)
		tmp[k++] = child[j]->expense < child[i]->expense ? child[j++] : child[i++];
	while (i < mid)
		tmp[k++] = child[i++];
	while (j < n)
		tmp[k++] = child[j++];
	memcpy(child, tmp, n * sizeof(*child));
}

static struct node *fold_chain(const struct ruleset *rs, const struct node *n, uint32_t type, struct base_arena *a)
{
	bool decisive = n->kind == COND_OR;
	struct node *r = arena_alloc(a, sizeof(*r));

	*r = (struct node){ .kind = n->kind };
	r->child = arena_alloc(a, (n->nchild + 1) * sizeof(*r->child));
	for (uint32_t i = 0; i < n->nchild; i++) {
		struct node *k = tree_fold(rs, n->child[i], type, a);

		if (k->kind == COND_MACRO && k->value == decisive)
			return k;
		if (k->kind != COND_MACRO)
			r->child[r->nchild++] = k;
	}
	if (!r->nchild)
		return constant(!decisive, a);
	if (r->nchild == 1)
		return r->child[0];
	for (uint32_t i = 0; i < r->nchild; i++)
		r->expense = add_sat(r->expense, r->child[i]->expense);
	sort_children(r->child, r->nchild, arena_alloc(a, r->nchild * sizeof(*r->child)));
	/* All children of one hold at once, so the cheapest clause will do; of the other, any may. */
	for (unsigned neg = 0; neg < 2; neg++) {
		bool all = (n->kind == COND_AND) != neg;

		r->cost[neg] = all ? CLAUSE_NONE : 0;
		for (uint32_t i = 0; i < r->nchild; i++) {
			uint32_t c = r->child[i]->cost[neg];

			if (all)
				r->cost[neg] = c < r->cost[neg] ? c : r->cost[neg];
			else
				r->cost[neg] = c == CLAUSE_NONE || r->cost[neg] == CLAUSE_NONE ? CLAUSE_NONE : add_sat(r->cost[neg], c);
		}
	}
	return r;
}

struct node *tree_fold(const struct ruleset *rs, const struct node *n, uint32_t type, struct base_arena *a)
{
	const struct atom *atom;
	struct node *r, *k;

	switch ((enum cond_kind)n->kind) {
	case COND_AND:
	case COND_OR:
		return fold_chain(rs, n, type, a);
	case COND_NOT:
		k = tree_fold(rs, n->child[0], type, a);
		if (k->kind == COND_MACRO)
			return constant(!k->value, a);
		if (k->kind == COND_NOT)
			return k->child[0];
		r = arena_alloc(a, sizeof(*r));
		*r = (struct node){ .kind = COND_NOT, .nchild = 1, .expense = k->expense, .cost = { k->cost[1], k->cost[0] } };
		r->child = arena_alloc(a, sizeof(*r->child));
		r->child[0] = k;
		return r;
	case COND_CHECK:
		atom = &rs->atoms[n->atom];
		if (type != NO_ID && atom->typed)
			return constant(evt_set_has(&atom->types, type), a);
		r = arena_alloc(a, sizeof(*r));
		*r = (struct node){ .kind = COND_CHECK, .atom = n->atom, .expense = atom->cost, .cost = { CLAUSE_NONE, CLAUSE_NONE } };
		if (!index_atom(atom, &r->cost[0]))
			r->cost[0] = CLAUSE_NONE;
		return r;
	case COND_MACRO:
		break;
	}
	return constant(n->value, a);
}

/* ---- code ----------------------------------------------------------------------------------- */

/* Appends code for n that goes to yes or no; returns where it starts. Operands are emitted from
 * the last to the first, so that every target is known. */
static uint32_t emit(struct ruleset *rs, const struct node *n, uint32_t yes, uint32_t no)
{
	uint32_t to;

	switch ((enum cond_kind)n->kind) {
	case COND_NOT:
		return emit(rs, n->child[0], no, yes);
	case COND_AND:
		to = yes;
		for (uint32_t i = n->nchild; i--;)
			to = emit(rs, n->child[i], to, no);
		return to;
	case COND_OR:
		to = no;
		for (uint32_t i = n->nchild; i--;)
			to = emit(rs, n->child[i], yes, to);
		return to;
	case COND_CHECK:
		rs->code[rs->ncode] = (struct instr){ n->atom, yes, no };
		return rs->ncode++;
	case COND_MACRO:
		break;
	}
	return n->value ? yes : no;
}

static uint32_t count_atoms(const struct node *n)
{
	uint32_t k = n->kind == COND_CHECK;

	for (uint32_t i = 0; i < n->nchild; i++)
		k += count_atoms(n->child[i]);
	return k;
}

/* ---- clause ---------------------------------------------------------------------------------- */

/* Atoms of the clause whose cost is n->cost[neg], which is not CLAUSE_NONE. */
static uint32_t collect(const struct node *n, unsigned neg, uint32_t *out)
{
	uint32_t k = 0;

	if (n->kind == COND_CHECK) {
		if (out)
			*out = n->atom;
		return 1;
	}
	if (n->kind == COND_NOT)
		return collect(n->child[0], !neg, out);
	if ((n->kind == COND_AND) != neg) {
		for (uint32_t i = 0; i < n->nchild; i++)
			if (n->child[i]->cost[neg] == n->cost[neg])
				return collect(n->child[i], neg, out);
		return 0;
	}
	for (uint32_t i = 0; i < n->nchild; i++)
		k += collect(n->child[i], neg, out ? out + k : NULL);
	return k;
}

int tree_emit(struct ruleset *rs, struct node *n, uint32_t *ret_prog)
{
	struct prog p = { 0 };
	uint32_t need = count_atoms(n);

	while (rs->cap_code - rs->ncode < need || !rs->code)
		if (rs->ncode > UINT32_MAX / 2 - need || !vec_grow((void **)&rs->code, rs->cap_code, &rs->cap_code, sizeof(*rs->code)))
			return -ENOMEM;
	if (!vec_grow((void **)&rs->progs, rs->nprog, &rs->cap_prog, sizeof(*rs->progs)))
		return -ENOMEM;
	p.start = emit(rs, n, CODE_TRUE, CODE_FALSE);
	if (n->kind != COND_MACRO && n->cost[0] <= CLAUSE_COST_MAX) {
		p.nclause = collect(n, 0, NULL);
		p.clause = malloc((p.nclause + 1) * sizeof(*p.clause));
		if (!p.clause)
			return -ENOMEM;
		collect(n, 0, p.clause);
		p.indexed = true;
	}
	*ret_prog = rs->nprog;
	rs->progs[rs->nprog++] = p;
	return 0;
}
