/* Evaluation of a ruleset: per event one bucket, its candidates, their programs. Nothing is
 * allocated, locked or asked of the system. One eval_worker belongs to one thread. [worker] */
#include "eval/compile_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct eval_worker *eval_worker_new(const struct ruleset *rs)
{
	struct eval_worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->rs = rs;
	w->atoms = calloc(rs->natom + 1, sizeof(*w->atoms));
	w->values = calloc(rs->nvalue + 1, sizeof(*w->values));
	w->cand = calloc(rs->words_max + 1, sizeof(*w->cand));
	w->ids = calloc(rs->nrule + 1, sizeof(*w->ids));
	w->stats = calloc(rs->nrule + 1, sizeof(*w->stats));
	if (rs->words_max && rs->words_max <= MEMO_WORDS_MAX)
		w->memo = index_memo_new(rs->words_max); /* without, it is only slower */
	if (w->atoms && w->values && w->cand && w->ids && w->stats)
		return w;
	eval_worker_free(w);
	return NULL;
}

void eval_worker_free(struct eval_worker *w)
{
	if (!w)
		return;
	free(w->atoms);
	free(w->values);
	free(w->cand);
	index_memo_free(w->memo);
	free(w->ids);
	free(w->stats);
	free(w);
}

const struct eval_rule_stats *eval_worker_stats(const struct eval_worker *w)
{
	return w->stats;
}

int worker_value(struct eval_worker *w, struct eval_ctx *c, uint32_t value, const struct eval_val **ret)
{
	struct value_slot *s = &w->values[value];

	if (s->gen != w->gen) {
		int r = value_expr_get(c, w->rs->values[value], &s->val);

		if (r < 0)
			return r;
		s->rc = (int8_t)r;
		s->nul = -1;
		s->gen = w->gen;
	}
	*ret = &s->val;
	return s->rc;
}

bool worker_value_has_nul(struct eval_worker *w, uint32_t value)
{
	struct value_slot *s = &w->values[value];

	if (s->nul < 0)
		s->nul = s->val.len && memchr(s->val.s, '\0', s->val.len);
	return s->nul;
}

static int compute(struct eval_worker *w, struct eval_ctx *c, const struct atom *a)
{
	const struct cond *k = a->check;
	const struct eval_val *l, *r;
	int v;

	if (a->value == NO_ID)
		return check_eval(c, k);
	v = worker_value(w, c, a->value, &l);
	if (v <= 0)
		return v;
	if (a->rhs == NO_ID)
		return cmp_match(k->cmp_data, l);
	v = worker_value(w, c, a->rhs, &r);
	if (v <= 0)
		return v;
	return cmp_pair(c->arena, k->op, l, value_expr_terminated(k->lhs), r, value_expr_terminated(k->rhs));
}

/* An atom at most once per event; one that depends on the process version alone, once per version. */
static int atom_value(struct eval_worker *w, struct eval_ctx *c, uint32_t id)
{
	const struct atom *a = &w->rs->atoms[id];
	struct state_ver *ver = a->bit >= 0 ? w->ver : NULL;
	unsigned word = ver ? (unsigned)a->bit / 64 : 0;
	uint64_t bit = ver ? 1ull << (a->bit % 64) : 0;
	int v;

	if (ver && ver->atoms_known[word] & bit)
		return !!(ver->atoms_value[word] & bit);
	if (w->atoms[id] >> 1 == w->gen)
		return w->atoms[id] & 1;
	v = compute(w, c, a);
	if (v < 0)
		return v;
	if (ver) {
		ver->atoms_known[word] |= bit;
		ver->atoms_value[word] = v ? ver->atoms_value[word] | bit : ver->atoms_value[word] & ~bit;
	}
	w->atoms[id] = w->gen << 1 | (uint32_t)v;
	return v;
}

static int run(struct eval_worker *w, struct eval_ctx *c, const struct entry *e)
{
	const struct instr *code = w->rs->code;
	uint32_t at = w->rs->progs[e->prog].start;

	while (at < CODE_FALSE) {
		int v = atom_value(w, c, code[at].atom);

		/* Not known yet: but another operand may decide, so ask the tree. */
		if (v < 0)
			return cond_interpret(c, w->rs->rules[e->rule].cond);
		at = v ? code[at].yes : code[at].no;
	}
	return at == CODE_TRUE;
}

static void begin(struct eval_worker *w, struct eval_ctx *c)
{
	if (++w->gen >= 1u << 31) {
		memset(w->atoms, 0, (w->rs->natom + 1) * sizeof(*w->atoms));
		for (uint32_t i = 0; i < w->rs->nvalue; i++)
			w->values[i].gen = 0;
		w->gen = 1;
	}
	/* The version is this shard's own, which alone writes the cache on it. */
	w->ver = (struct state_ver *)c->st.ver;
	if (w->ver && w->ver->atoms_generation != w->rs->generation) {
		w->ver->atoms_generation = w->rs->generation;
		memset(w->ver->atoms_known, 0, sizeof(w->ver->atoms_known));
	}
}

static const struct bucket *find_bucket(const struct ruleset *rs, const struct eval_ctx *c)
{
	unsigned type = c->st.ev->hdr->type;

	if (type >= EVT_TYPE_MAX)
		return NULL;
	for (uint32_t i = 0; i < rs->nsource; i++)
		if (c->source == rs->sources[i].name || !strcmp(c->source, rs->sources[i].name))
			return rs->sources[i].bucket[type];
	return NULL;
}

/* One writer; the metrics read at any time. */
static void add(uint64_t *c, uint64_t n)
{
	__atomic_store_n(c, *c + n, __ATOMIC_RELAXED);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t); /* no system call */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int run_timed(struct eval_worker *w, struct eval_ctx *c, const struct entry *e)
{
	uint64_t from = now_ns();
	int v = w->rs->interpret ? cond_interpret(c, w->rs->rules[e->rule].cond) : run(w, c, e);

	add(&w->stats[e->rule].cpu_ns, (now_ns() - from) * EVAL_TIMED_EVERY);
	return v;
}

static int match_candidates(struct eval_worker *w, struct eval_ctx *c, const struct bucket *b)
{
	const struct ruleset *rs = w->rs;
	bool timed = w->gen % EVAL_TIMED_EVERY == 0;
	uint32_t n = 0;

	for (uint32_t word = 0; word < b->words; word++)
		for (uint64_t bits = w->cand[word]; bits; bits &= bits - 1) {
			const struct entry *e = &b->entries[word * 64 + (unsigned)__builtin_ctzll(bits)];
			int v;

			add(&w->stats[e->rule].evals, 1);
			v = timed ? run_timed(w, c, e) : rs->interpret ? cond_interpret(c, rs->rules[e->rule].cond) : run(w, c, e);
			if (v < 0)
				return v;
			if (!v)
				continue;
			w->ids[n++] = e->rule;
			if (!rs->match_all)
				return (int)n;
		}
	return (int)n;
}

int eval_match(struct eval_worker *w, struct eval_ctx *c, const uint32_t **ret_ids)
{
	const struct bucket *b = find_bucket(w->rs, c);
	bool in_filter = c->in_filter;
	int n;

	*ret_ids = w->ids;
	if (!b)
		return 0;
	begin(w, c);
	c->in_filter = true;
	eval_field_share(c->fs, !w->rs->interpret);
	index_probe(b, w, c);
	n = match_candidates(w, c, b);
	eval_field_share(c->fs, false);
	c->in_filter = in_filter;
	for (int i = 0; i < n; i++)
		add(&w->stats[w->ids[i]].matches, 1);
	return n;
}
