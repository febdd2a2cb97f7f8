/* Rules -> ruleset: what the loader hands over becomes an immutable set of tables for workers.
 * Called by main at start and on reload; workers only read the result. */
#include "eval/compile_internal.h"
#include "eval/ast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FOLD_VARIANTS_MAX 256	   /* of one rule over the event types */
#define FOLD_NODES_MAX (1u << 22)  /* of one rule, over all its variants */

struct compiler {
	struct ruleset *rs;
	struct base_arena keys;	 /* texts of intern keys, trees of rules */
	struct base_arena fold;	 /* reset for each folded tree */
	struct cmp_set atoms, values;
	struct node **roots;	 /* by rule, NULL when not enabled */
	uint32_t *nodes;	 /* by rule */
	uint32_t *source;	 /* by rule */
	bool nomem;
};

bool vec_grow(void **arr, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t want = *cap ? *cap * 2 : 16;
	void *p;

	if (n < *cap)
		return true;
	if (want <= *cap)
		return false;
	p = realloc(*arr, want * size);
	if (!p)
		return false;
	*arr = p;
	*cap = want;
	return true;
}

/* ---- interning ------------------------------------------------------------------------------ */

static void key_text(struct base_buf *b, const char *s, size_t len)
{
	buf_add(b, &len, sizeof(len));
	buf_add(b, s, len);
}

static void key_expr(struct base_buf *b, const struct value_expr *e)
{
	buf_chr(b, (char)e->kind);
	buf_add(b, &e->nargs, sizeof(e->nargs));
	if (e->kind == XF_FIELD)
		key_text(b, e->field.text, strlen(e->field.text));
	else
		key_text(b, e->literal ? e->literal : "", e->literal_len);
	buf_chr(b, (char)!!e->literal);
	for (uint32_t i = 0; i < e->nargs; i++)
		key_expr(b, e->args[i]);
}

/* Number of the key, a new one when it was not seen before. NO_ID when memory is out. */
static uint32_t intern(struct compiler *x, struct cmp_set *set, struct base_buf *key)
{
	struct set_key k = { .s = key->p, .len = (uint32_t)key->len };
	int64_t found = key->failed ? -1 : set_find(set, k);
	uint32_t id;

	if (found >= 0)
		return (uint32_t)found;
	k.s = arena_strn(&x->keys, key->p ? key->p : "", key->len);
	if (key->failed || set_add(set, k, &id)) {
		x->nomem = true;
		return NO_ID;
	}
	return id;
}

static uint32_t intern_value(struct compiler *x, const struct value_expr *e, uint32_t source)
{
	struct ruleset *rs = x->rs;
	struct base_buf key = { 0 };
	uint32_t id;

	if (e->kind == XF_VAL)
		e = e->args[0];
	buf_add(&key, &source, sizeof(source));
	key_expr(&key, e);
	id = intern(x, &x->values, &key);
	buf_fini(&key);
	if (id == NO_ID || id < rs->nvalue)
		return id;
	if (!vec_grow((void **)&rs->values, rs->nvalue, &rs->cap_value, sizeof(*rs->values))) {
		x->nomem = true;
		return NO_ID;
	}
	rs->values[rs->nvalue++] = e;
	return id;
}

/* Is every field of the expression a function of the own process version, and is there one? */
static bool is_process(const struct value_expr *e, bool *any)
{
	if (e->kind == XF_FIELD) {
		*any = true;
		return e->field.def->flags & FF_PROCESS;
	}
	for (uint32_t i = 0; i < e->nargs; i++)
		if (!is_process(e->args[i], any))
			return false;
	return true;
}

static uint8_t expense(const struct cond *c, bool cached)
{
	static const uint8_t by_op[] = {
		[OP_REGEX] = 40, [OP_GLOB] = 8, [OP_IGLOB] = 8, [OP_ICONTAINS] = 8, [OP_PMATCH] = 6, [OP_CONTAINS] = 4, [OP_BCONTAINS] = 4,
	};
	static const uint8_t by_class[FC_MAX] = {
		[FC_GEN_EVENT] = 1, [FC_EVENT] = 1, [FC_THREAD] = 4, [FC_USER] = 8, [FC_GROUP] = 8, [FC_FD] = 3,
		[FC_FSPATH] = 5, [FC_UTILS] = 2, [FC_FDLIST] = 12, [FC_CONTAINER] = 8, [FC_STATIC] = 1,
	};
	const struct field_ref *f = value_expr_field(c->lhs);
	unsigned cost = 2 + (c->op < sizeof(by_op) ? by_op[c->op] : 0) + (c->mod ? 2 : 0);

	if (cached)
		return 1;
	if (c->lhs->kind != XF_FIELD)
		cost += 8;
	if (c->rhs)
		cost += 8;
	if (c->own_compare)
		cost += 12;
	if (f)
		cost += by_class[f->def->cls] + (f->def->flags & FF_ANCESTOR ? 60 : 0);
	return (uint8_t)(cost > 250 ? 250 : cost);
}

/* Types whose name every event of them has. */
static bool type_names_event(unsigned t)
{
	return t != PPME_GENERIC_E && t != PPME_GENERIC_X && t != PPME_ASYNCEVENT_E && evt_table[t].origin != EO_PLUGIN;
}

static void find_types(struct atom *a)
{
	const struct cond *c = a->check;

	if (!cond_is_evt_type(c) || strcmp(c->lhs->name, "evt.type") || c->rhs)
		return;
	a->typed = true;
	for (unsigned t = 0; t < EVT_TYPE_MAX; t++) {
		struct eval_val v;

		val_str(&v, evt_table[t].name, strlen(evt_table[t].name));
		if (type_names_event(t) && cmp_match(c->cmp_data, &v))
			evt_set_add(&a->types, t);
	}
}

static uint32_t __attribute__((noinline)) intern_atom(struct compiler *x, const struct cond *c, uint32_t source)
{
	struct ruleset *rs = x->rs;
	struct base_buf key = { 0 };
	struct atom a = { .check = c, .value = NO_ID, .rhs = NO_ID, .bit = -1 };
	bool any = false, pure;
	uint32_t id;

	buf_add(&key, &source, sizeof(source));
	buf_chr(&key, (char)c->op);
	buf_chr(&key, (char)c->mod);
	key_expr(&key, c->lhs);
	buf_chr(&key, (char)!!c->rhs);
	if (c->rhs)
		key_expr(&key, c->rhs);
	for (uint32_t i = 0; i < c->nvalue; i++)
		key_text(&key, c->value[i], c->value_len[i]);
	id = intern(x, &x->atoms, &key);
	buf_fini(&key);
	if (id == NO_ID || id < rs->natom)
		return id;
	if (!vec_grow((void **)&rs->atoms, rs->natom, &rs->cap_atom, sizeof(*rs->atoms))) {
		x->nomem = true;
		return NO_ID;
	}
	if (!c->own_compare) {
		a.value = intern_value(x, c->lhs, source);
		if (c->rhs)
			a.rhs = intern_value(x, c->rhs, source);
	}
	pure = !c->own_compare && is_process(c->lhs, &any) && (!c->rhs || is_process(c->rhs, &any)) && any;
	if (pure && rs->nbit < STATE_ATOM_WORDS * 64)
		a.bit = (int16_t)rs->nbit++;
	a.cost = expense(c, a.bit >= 0);
	find_types(&a);
	rs->atoms[rs->natom++] = a;
	return id;
}

static struct node *make_node(struct compiler *x, const struct cond *c, uint32_t source, uint32_t *count)
{
	struct node *n = arena_alloc(&x->keys, sizeof(*n));

	++*count;
	*n = (struct node){ .kind = c->kind, .nchild = c->nchild };
	if (c->kind == COND_CHECK)
		n->atom = intern_atom(x, c, source);
	if (c->nchild)
		n->child = arena_alloc(&x->keys, c->nchild * sizeof(*n->child));
	for (uint32_t i = 0; i < c->nchild; i++)
		n->child[i] = make_node(x, c->child[i], source, count);
	return n;
}

/* ---- variants of a rule by event type --------------------------------------------------------- */

static void typed_atoms(const struct ruleset *rs, const struct node *n, bool *seen, uint32_t *out, uint32_t *count)
{
	if (n->kind == COND_CHECK && rs->atoms[n->atom].typed && !seen[n->atom]) {
		seen[n->atom] = true;
		out[(*count)++] = n->atom;
	}
	for (uint32_t i = 0; i < n->nchild; i++)
		typed_atoms(rs, n->child[i], seen, out, count);
}

static int add_prog(struct compiler *x, const struct node *root, uint32_t type, uint32_t *ret)
{
	struct node *n;

	arena_reset(&x->fold);
	n = tree_fold(x->rs, root, type, &x->fold);
	return tree_emit(x->rs, n, ret);
}

/* by_type[t] becomes the program for each type of the rule. Types for which the same checks hold
 * share one. */
static int rule_progs(struct compiler *x, uint32_t rule, const uint32_t *typed, uint32_t ntyped, uint32_t *by_type)
{
	const struct evt_set *events = &x->rs->rules[rule].events;
	uint32_t reps[FOLD_VARIANTS_MAX], nrep = 0, unfolded = NO_ID;

	for (unsigned t = 0; t < EVT_TYPE_MAX; t++) {
		uint32_t i = 0, k;

		by_type[t] = NO_ID;
		if (!evt_set_has(events, t))
			continue;
		for (; type_names_event(t) && i < nrep; i++) {
			for (k = 0; k < ntyped; k++)
				if (evt_set_has(&x->rs->atoms[typed[k]].types, t) != evt_set_has(&x->rs->atoms[typed[k]].types, reps[i]))
					break;
			if (k == ntyped)
				break;
		}
		if (type_names_event(t) && i < nrep) {
			by_type[t] = by_type[reps[i]];
		} else if (type_names_event(t) && nrep < FOLD_VARIANTS_MAX && (uint64_t)x->nodes[rule] * (nrep + 1) <= FOLD_NODES_MAX) {
			if (add_prog(x, x->roots[rule], t, &by_type[t]))
				return -ENOMEM;
			reps[nrep++] = t;
		} else {
			if (unfolded == NO_ID && add_prog(x, x->roots[rule], NO_ID, &unfolded))
				return -ENOMEM;
			by_type[t] = unfolded;
		}
	}
	return 0;
}

/* progs[type * nrule + rule]: buckets are made type by type */
static uint32_t *all_progs(struct compiler *x)
{
	struct ruleset *rs = x->rs;
	uint32_t *progs = malloc(((size_t)rs->nrule * EVT_TYPE_MAX + 1) * sizeof(*progs));
	uint32_t *typed = malloc((rs->natom + 1) * sizeof(*typed));
	bool *seen = calloc(rs->natom + 1, sizeof(*seen));
	int r = progs && typed && seen ? 0 : -ENOMEM;

	if (progs)
		memset(progs, 0xff, (size_t)rs->nrule * EVT_TYPE_MAX * sizeof(*progs)); /* NO_ID */
	for (uint32_t i = 0; i < rs->nrule && !r; i++) {
		uint32_t mine[EVT_TYPE_MAX], n = 0;

		if (!x->roots[i])
			continue;
		typed_atoms(rs, x->roots[i], seen, typed, &n);
		r = rule_progs(x, i, typed, n, mine);
		for (unsigned t = 0; t < EVT_TYPE_MAX && !r; t++)
			if (mine[t] != NO_ID)
				progs[(size_t)t * rs->nrule + i] = mine[t];
		for (uint32_t k = 0; k < n; k++)
			seen[typed[k]] = false;
	}
	free(typed);
	free(seen);
	if (!r)
		return progs;
	free(progs);
	return NULL;
}

/* ---- buckets ---------------------------------------------------------------------------------- */

static struct bucket *same_bucket(const struct ruleset *rs, const struct entry *e, uint32_t n)
{
	for (uint32_t i = rs->nbucket; i--;)
		if (rs->buckets[i]->nentry == n && !memcmp(rs->buckets[i]->entries, e, n * sizeof(*e)))
			return rs->buckets[i];
	return NULL;
}

static struct bucket *new_bucket(struct ruleset *rs, const struct entry *e, uint32_t n)
{
	struct bucket *b;

	if (!vec_grow((void **)&rs->buckets, rs->nbucket, &rs->cap_bucket, sizeof(struct bucket *)))
		return NULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->nentry = n;
	b->words = (n + 63) / 64;
	b->entries = malloc(n * sizeof(*e));
	b->scan = calloc(b->words, sizeof(*b->scan));
	if (!b->entries || !b->scan) {
		bucket_free(b);
		return NULL;
	}
	memcpy(b->entries, e, n * sizeof(*e));
	if (index_build(rs, b)) {
		bucket_free(b);
		return NULL;
	}
	if (b->words > rs->words_max)
		rs->words_max = b->words;
	rs->buckets[rs->nbucket++] = b;
	return b;
}

/* sorted: enabled rules in evaluation order */
static int make_buckets(struct compiler *x, const uint32_t *sorted, uint32_t nsorted, const uint32_t *progs)
{
	struct ruleset *rs = x->rs;
	struct entry *e = malloc((nsorted + 1) * sizeof(*e));
	int r = e ? 0 : -ENOMEM;

	for (uint32_t s = 0; s < rs->nsource && !r; s++)
		for (unsigned t = 0; t < EVT_TYPE_MAX && !r; t++) {
			uint32_t n = 0;

			for (uint32_t i = 0; i < nsorted; i++) {
				uint32_t rule = sorted[i], prog = progs[(size_t)t * rs->nrule + rule];

				if (x->source[rule] != s || prog == NO_ID || (!rs->interpret && rs->progs[prog].start == CODE_FALSE))
					continue;
				e[n++] = (struct entry){ rule, prog };
			}
			if (!n)
				continue;
			rs->sources[s].bucket[t] = same_bucket(rs, e, n);
			if (!rs->sources[s].bucket[t])
				rs->sources[s].bucket[t] = new_bucket(rs, e, n);
			if (!rs->sources[s].bucket[t])
				r = -ENOMEM;
		}
	free(e);
	return r;
}

static int by_order(const void *a, const void *b, void *arg)
{
	const struct eval_rule *rules = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (rules[x].order != rules[y].order)
		return rules[x].order < rules[y].order ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int find_source(struct ruleset *rs, const char *name, uint32_t *ret)
{
	struct source *p;
	uint32_t i = 0;

	while (i < rs->nsource && strcmp(rs->sources[i].name, name))
		i++;
	if (i == rs->nsource) {
		p = realloc(rs->sources, (i + 1) * sizeof(*p));
		if (!p)
			return -ENOMEM;
		rs->sources = p;
		rs->sources[i] = (struct source){ .name = name };
		rs->nsource++;
	}
	*ret = i;
	return 0;
}

static int build(struct compiler *x)
{
	struct ruleset *rs = x->rs;
	uint32_t *sorted = malloc((rs->nrule + 1) * sizeof(*sorted)), *progs = NULL, n = 0;
	int r = -ENOMEM;

	x->roots = calloc(rs->nrule + 1, sizeof(struct node *));
	x->nodes = calloc(rs->nrule + 1, sizeof(*x->nodes));
	x->source = calloc(rs->nrule + 1, sizeof(*x->source));
	if (!sorted || !x->roots || !x->nodes || !x->source)
		goto out;
	for (uint32_t i = 0; i < rs->nrule; i++) {
		struct eval_rule *rule = &rs->rules[i];

		if (!rule->enabled || !rule->cond)
			continue;
		if (find_source(rs, rule->source, &x->source[i]))
			goto out;
		if (!strcmp(rule->source, "syscall"))
			evt_set_add(&rule->events, PPME_ASYNCEVENT_E);
		x->roots[i] = make_node(x, rule->cond, x->source[i], &x->nodes[i]);
		sorted[n++] = i;
	}
	if (x->nomem)
		goto out;
	qsort_r(sorted, n, sizeof(*sorted), by_order, rs->rules);
	progs = all_progs(x);
	if (progs)
		r = make_buckets(x, sorted, n, progs);
out:
	free(progs);
	free(sorted);
	return r;
}

static void free_rules(struct eval_rule *rules, uint32_t count)
{
	for (uint32_t i = 0; rules && i < count; i++) {
		struct eval_rule *r = &rules[i];

		free(r->name);
		free(r->desc);
		free(r->source);
		for (uint32_t k = 0; k < r->ntags; k++)
			free(r->tags[k]);
		free(r->tags);
		free(r->tags_json);
		cond_free(r->cond);
		template_free(r->output);
	}
	free(rules);
}

struct ruleset *ruleset_compile(struct eval_rule *rules, uint32_t count, bool match_all, bool interpret)
{
	struct ruleset *rs = calloc(1, sizeof(*rs));
	struct compiler x = { .rs = rs };
	struct timespec now;
	int r;

	if (!rs) {
		free_rules(rules, count);
		return NULL;
	}
	/* Sets are compiled one after the other by one thread: the clock numbers them. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	*rs = (struct ruleset){
		.rules = rules, .nrule = count, .match_all = match_all, .interpret = interpret,
		.generation = ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec) | 1ull << 63,
	};
	arena_init(&x.keys);
	arena_init(&x.fold);
	r = build(&x);
	set_fini(&x.atoms);
	set_fini(&x.values);
	free(x.roots);
	free(x.nodes);
	free(x.source);
	arena_fini(&x.keys);
	arena_fini(&x.fold);
	if (!r)
		return rs;
	ruleset_free(rs);
	return NULL;
}

void ruleset_free(struct ruleset *rs)
{
	if (!rs)
		return;
	for (uint32_t i = 0; i < rs->nbucket; i++)
		bucket_free(rs->buckets[i]);
	for (uint32_t i = 0; i < rs->nprog; i++)
		free(rs->progs[i].clause);
	free(rs->buckets);
	free(rs->progs);
	free(rs->code);
	free(rs->atoms);
	free(rs->values);
	free(rs->sources);
	free_rules(rs->rules, rs->nrule);
	free(rs);
}

uint32_t ruleset_count(const struct ruleset *rs)
{
	return rs->nrule;
}

const struct eval_rule *ruleset_rule(const struct ruleset *rs, uint32_t id)
{
	return id < rs->nrule ? &rs->rules[id] : NULL;
}

void ruleset_events(const struct ruleset *rs, struct evt_set *ret)
{
	*ret = (struct evt_set){ 0 };
	for (uint32_t i = 0; i < rs->nrule; i++)
		for (size_t w = 0; rs->rules[i].enabled && w < sizeof(ret->w) / sizeof(ret->w[0]); w++)
			ret->w[w] |= rs->rules[i].events.w[w];
}

void ruleset_syscalls(const struct ruleset *rs, struct sc_set *ret)
{
	struct sc_set one;

	*ret = (struct sc_set){ 0 };
	for (uint32_t i = 0; i < rs->nrule; i++) {
		const struct eval_rule *r = &rs->rules[i];

		if (!r->enabled || !r->cond || strcmp(r->source, "syscall"))
			continue;
		cond_syscalls(r->cond, &one);
		for (size_t w = 0; w < sizeof(ret->w) / sizeof(ret->w[0]); w++)
			ret->w[w] |= one.w[w];
	}
}

static bool shows(const struct eval_rule *r, const char *name)
{
	const char *const *names = NULL;
	uint32_t n = r->output ? template_fields(r->output, &names) : 0;

	for (uint32_t k = 0; k < n; k++)
		if (!strcmp(names[k], name))
			return true;
	return false;
}

bool ruleset_outputs_field(const struct ruleset *rs, const char *name)
{
	for (uint32_t i = 0; i < rs->nrule; i++)
		if (rs->rules[i].enabled && shows(&rs->rules[i], name))
			return true;
	return false;
}

bool ruleset_uses_field(const struct ruleset *rs, const char *name)
{
	for (uint32_t i = 0; i < rs->nrule; i++)
		if (rs->rules[i].enabled && rs->rules[i].cond && cond_uses_field(rs->rules[i].cond, name))
			return true;
	return ruleset_outputs_field(rs, name);
}
