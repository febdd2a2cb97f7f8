/* Access predicates: which rules of a bucket can match at all. A rule whose access clause consists
 * of keys is entered under each of them; for an event the values are looked up, and what they point
 * at, plus the rules without such a clause, are the candidates. Built with the ruleset, probed by
 * workers.
 *
 * Never misses: where a value can't be had or is not what keys are made of (a string with a NUL
 * inside), every entry of the group is a candidate. */
#include "eval/cmp_hash.h"
#include "eval/compile_internal.h"
#include "eval/multi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- which atoms ------------------------------------------------------------------------------ */

/* Fields whose few values most events share: keys on them let nearly everything through. */
static bool few_values(const char *name)
{
	static const char *const names[] = {
		"evt.res", "fd.type", "fd.typechar", "fd.l4proto", "fd.sockfamily", "user.name", "user.loginname", "group.name",
		"evt.category", "evt.dir", "evt.io_dir", "container.type", "syscall.type", "evt.source", "evt.hostname",
		"thread.cap_permitted", "thread.cap_inheritable", "thread.cap_effective", /* and long ones at that */
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static bool key_kind(const struct cond *c, enum key_kind *ret)
{
	switch (c->op) {
	case OP_EQ:
		*ret = KEY_EQUAL;
		return c->mod == MOD_NONE || c->mod == MOD_ANYOF;
	case OP_IN:
	case OP_INTERSECTS:
		*ret = KEY_EQUAL;
		return true;
	case OP_STARTSWITH:
		*ret = KEY_PREFIX;
		return c->mod == MOD_NONE || c->mod == MOD_ANYOF;
	case OP_ENDSWITH:
		*ret = KEY_SUFFIX;
		return c->mod == MOD_NONE || c->mod == MOD_ANYOF;
	case OP_PMATCH:
		*ret = KEY_PATH;
		return true;
	case OP_CONTAINS:
	case OP_GLOB:
		*ret = KEY_PART;
		return c->mod == MOD_NONE || c->mod == MOD_ANYOF;
	default:
		return false;
	}
}

/* Types whose equality is that of their key. */
static bool key_type(unsigned type)
{
	return type != PT_BOOL && type != PT_DOUBLE && type != PT_IPNET && type != PT_IPV4NET && type != PT_IPV6NET && type != PT_BYTEBUF;
}

/* Substring that every value has which operand i accepts; len 0 when there is none. */
static const char *part_of(const struct cond *c, uint32_t i, size_t *ret_len)
{
	const char *s = c->value[i];

	*ret_len = c->value_len[i];
	return c->op == OP_GLOB ? glob_literal(s, *ret_len, ret_len) : s;
}

bool index_atom(const struct atom *a, uint32_t *ret_cost)
{
	const struct cond *c = a->check;
	const struct field_ref *f = value_expr_field(c->lhs);
	uint32_t cost = 0, per = 0;
	enum key_kind kind;

	/* evt.deltatime and its kin change by being read */
	if (c->own_compare || c->rhs || c->lhs->is_list || !f || !f->def || f->def->flags & FF_ANCESTOR ||
	    !strncmp(f->def->name, "evt.deltatime", 13) || !key_type(c->lhs->type) || !key_kind(c, &kind))
		return false;
	if (kind != KEY_EQUAL && !evt_param_is_string(c->lhs->type))
		return false;
	for (uint32_t i = 0; i < c->nvalue; i++) {
		size_t len = c->value_len[i];

		if (kind == KEY_PART) {
			part_of(c, i, &len);
			if (!len)
				return false;
		}
		if (kind == KEY_PART)
			per = len > 2 ? 10 : len > 1 ? 100 : 2000;
		else if (kind == KEY_EQUAL)
			per = evt_param_is_string(c->lhs->type) && len > 1 ? 4 : 40;
		else
			per = len > 4 ? 10 : len > 1 ? 60 : 2000;
		cost += per * 8;
		if (cost > 1u << 24)
			break;
	}
	/* a long list of good keys is still good */
	if (kind == KEY_EQUAL ? cost > 400 && per < 40 : per <= 10 && cost > 800)
		cost = kind == KEY_EQUAL ? 400 : 800;
	if (few_values(f->def->name))
		cost += 4000;
	if (c->lhs->kind != XF_FIELD)
		cost += 100;
	if (kind == KEY_PART) /* every byte of the value is looked at */
		cost += !strcmp(f->def->name, "proc.env") ? 1000 : !strncmp(f->def->name, "proc.", 5) ? 100 : 20;
	if (f->def->cls == FC_CONTAINER || f->def->cls == FC_USER || f->def->cls == FC_GROUP)
		cost += 100;
	*ret_cost = cost;
	return true;
}

/* ---- building ---------------------------------------------------------------------------------- */

struct link {
	uint32_t group, key, pos;
};

struct builder {
	const struct ruleset *rs;
	struct bucket *b;
	struct link *links; /* keys of sets and where they point */
	uint32_t nlink, cap_link, cap_group;
};

static struct key_group *group_for(struct builder *x, uint32_t value, enum key_kind kind, uint8_t type)
{
	struct bucket *b = x->b;
	struct key_group *g;

	for (uint32_t i = 0; i < b->ngroup; i++)
		if (b->groups[i].value == value && b->groups[i].kind == kind)
			return &b->groups[i];
	if (!vec_grow((void **)&b->groups, b->ngroup, &x->cap_group, sizeof(*b->groups)))
		return NULL;
	g = &b->groups[b->ngroup];
	*g = (struct key_group){ .value = value, .kind = (uint8_t)kind, .type = type };
	b->ngroup++;
	g->all = calloc(b->words, sizeof(*g->all));
	if (kind == KEY_PATH)
		g->paths = path_set_new();
	if (kind == KEY_PART)
		g->parts = multi_new();
	return g->all && (g->paths || kind != KEY_PATH) && (g->parts || kind != KEY_PART) ? g : NULL;
}

/* Is there room for a key of this length? */
static bool fits_length(const struct key_group *g, uint32_t len)
{
	for (unsigned i = 0; i < g->nlen; i++)
		if (g->len[i] == len)
			return true;
	return g->nlen < KEY_LENGTHS_MAX;
}

static void note_length(struct key_group *g, const char *s, uint32_t len)
{
	unsigned i = 0;

	while (i < g->nlen && g->len[i] != len)
		i++;
	g->len[i] = len;
	g->tails[i] |= tail_bit(s, len);
	if (i == g->nlen)
		g->nlen++;
}

/* 0, -ENOMEM, or 1: the group has no room for it. */
static int enter_atom(struct builder *x, const struct atom *a, uint32_t pos)
{
	const struct cond *c = a->check;
	struct key_group *g;
	enum key_kind kind;

	key_kind(c, &kind);
	g = group_for(x, a->value, kind, c->lhs->type);
	if (!g)
		return -ENOMEM;
	g->all[pos / 64] |= 1ull << (pos % 64);
	for (uint32_t i = 0; i < c->parsed.count; i++) {
		const struct eval_val *v = &c->parsed.vals[i];
		uint32_t key;

		if (kind == KEY_PART) {
			size_t len;
			const char *s = part_of(c, i, &len);

			if (multi_add(g->parts, s, len, pos))
				return -ENOMEM;
			continue;
		}
		if (kind == KEY_PATH) {
			if (path_set_add(g->paths, v->s, v->len, pos))
				return -ENOMEM;
			continue;
		}
		if (kind != KEY_EQUAL) {
			if (!fits_length(g, v->len))
				return 1;
			note_length(g, v->s, v->len);
		}
		if (set_add(&g->set, set_key_of(v), &key) || !vec_grow((void **)&x->links, x->nlink, &x->cap_link, sizeof(*x->links)))
			return -ENOMEM;
		x->links[x->nlink++] = (struct link){ (uint32_t)(g - x->b->groups), key, pos };
	}
	return 0;
}

static int by_group_key(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

/* Turns the links into one array of positions per group. */
static int lay_out(struct builder *x)
{
	uint32_t i = 0;

	if (x->nlink)
		qsort(x->links, x->nlink, sizeof(*x->links), by_group_key);
	for (uint32_t g = 0; g < x->b->ngroup; g++) {
		struct key_group *k = &x->b->groups[g];
		uint32_t from = i, n = 0, key = 0;

		while (i < x->nlink && x->links[i].group == g)
			i++;
		k->first = calloc(k->set.count + 1, sizeof(*k->first));
		k->pos = calloc(i - from + 1, sizeof(*k->pos));
		if (!k->first || !k->pos)
			return -ENOMEM;
		for (uint32_t l = from; l < i; l++) {
			while (key <= x->links[l].key)
				k->first[key++] = n;
			k->pos[n++] = x->links[l].pos;
		}
		while (key <= k->set.count)
			k->first[key++] = n;
	}
	return 0;
}

/* Tables of substrings; what is too much for one is tried always. */
static int build_parts(struct bucket *b)
{
	for (uint32_t i = 0; i < b->ngroup; i++) {
		struct key_group *g = &b->groups[i];
		int r = g->parts ? multi_build(g->parts) : 0;

		if (r == -ENOMEM)
			return r;
		for (uint32_t k = 0; r && k < b->words; k++)
			b->scan[k] |= g->all[k]; /* so it is never probed */
	}
	return 0;
}

/* Is every value of the group a function of field_fd_names? */
static bool of_path(const struct value_expr *e)
{
	static const char *const names[] = { "fd.name", "fd.nameraw", "fd.directory", "fd.filename" };

	for (size_t i = 0; e->kind == XF_FIELD && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(e->field.def->name, names[i]))
			return true;
	return false;
}

static int by_path(const void *a, const void *b)
{
	const struct key_group *x = a, *y = b;

	return y->path - x->path;
}

static void sort_groups(const struct ruleset *rs, struct bucket *b)
{
	for (uint32_t i = 0; i < b->ngroup; i++) {
		b->groups[i].path = of_path(rs->values[b->groups[i].value]);
		b->npath += b->groups[i].path;
	}
	if (b->ngroup)
		qsort(b->groups, b->ngroup, sizeof(*b->groups), by_path);
}

int index_build(const struct ruleset *rs, struct bucket *b)
{
	struct builder x = { .rs = rs, .b = b };
	int r = 0;

	for (uint32_t pos = 0; pos < b->nentry && r >= 0; pos++) {
		const struct prog *p = rs->interpret ? NULL : &rs->progs[b->entries[pos].prog];

		r = !p || !p->indexed;
		for (uint32_t i = 0; !r && i < p->nclause; i++)
			r = enter_atom(&x, &rs->atoms[p->clause[i]], pos);
		if (r > 0) /* entries already made under other keys do no harm */
			b->scan[pos / 64] |= 1ull << (pos % 64);
	}
	if (r >= 0)
		r = lay_out(&x);
	if (r >= 0)
		r = build_parts(b);
	sort_groups(rs, b);
	free(x.links);
	return r < 0 ? r : 0;
}

void bucket_free(struct bucket *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; i < b->ngroup; i++) {
		struct key_group *g = &b->groups[i];

		set_fini(&g->set);
		path_set_free(g->paths);
		multi_free(g->parts);
		free(g->first);
		free(g->pos);
		free(g->all);
	}
	free(b->groups);
	free(b->entries);
	free(b->scan);
	free(b);
}

/* ---- probing ------------------------------------------------------------------------------------ */

static void hit_position(void *arg, uint32_t pos)
{
	uint64_t *cand = arg;

	cand[pos / 64] |= 1ull << (pos % 64);
}

static void hit_key(const struct key_group *g, struct set_key k, uint64_t *cand)
{
	int64_t key = set_find(&g->set, k);

	for (uint32_t i = key < 0 ? 0 : g->first[key]; key >= 0 && i < g->first[key + 1]; i++)
		hit_position(cand, g->pos[i]);
}

static void probe_group(const struct key_group *g, const struct eval_val *v, uint64_t *cand)
{
	struct set_key k;

	switch ((enum key_kind)g->kind) {
	case KEY_EQUAL:
		hit_key(g, set_key_of(v), cand);
		break;
	case KEY_PREFIX:
	case KEY_SUFFIX:
		for (unsigned i = 0; i < g->nlen; i++) {
			if (g->len[i] > v->len)
				continue;
			k = (struct set_key){ .s = v->s, .len = g->len[i] };
			if (g->kind == KEY_SUFFIX)
				k.s += v->len - g->len[i];
			if (g->tails[i] & tail_bit(k.s, k.len))
				hit_key(g, k, cand);
		}
		break;
	case KEY_PATH:
		path_set_visit(g->paths, v->s, v->len, hit_position, cand);
		break;
	case KEY_PART:
		multi_visit(g->parts, v->s, v->len, hit_position, cand);
		break;
	case KEY_KINDS:
		break;
	}
}

/* Is the value something keys say nothing about? */
static bool unlike_keys(const struct key_group *g, const struct eval_val *v, struct eval_worker *w)
{
	if (v->is_list)
		return true;
	if (!evt_param_is_string(g->type))
		return v->type != g->type;
	return !evt_param_is_string(v->type) || worker_value_has_nul(w, g->value);
}

/* False: another shard has to get on first, everything is a candidate. */
static bool probe_groups(const struct bucket *b, uint32_t from, uint32_t to, struct eval_worker *w, struct eval_ctx *c, uint64_t *cand)
{
	bool sure = true;

	for (uint32_t i = from; i < to; i++) {
		const struct key_group *g = &b->groups[i];
		const struct eval_val *v;
		uint64_t more = 0;
		int r;

		/* nothing new can come of it when all its entries are candidates already */
		for (uint32_t k = 0; k < b->words; k++)
			more |= g->all[k] & ~cand[k];
		if (!more)
			continue;
		r = worker_value(w, c, g->value, &v);
		if (!r)
			continue;
		if (r > 0 && !unlike_keys(g, v, w)) {
			probe_group(g, v, cand);
			continue;
		}
		sure = sure && r > 0;
		for (uint32_t k = 0; k < b->words; k++)
			cand[k] |= g->all[k];
	}
	return sure;
}

void index_probe(const struct bucket *b, struct eval_worker *w, struct eval_ctx *c)
{
	const uint64_t *known;
	struct memo_key key;

	if (!b->npath || !w->memo || !index_memo_key(b, c, &key)) {
		memcpy(w->cand, b->scan, b->words * sizeof(*w->cand));
		probe_groups(b, 0, b->ngroup, w, c, w->cand);
		return;
	}
	known = index_memo_get(w->memo, &key);
	memcpy(w->cand, known ? known : b->scan, b->words * sizeof(*w->cand));
	if (!known && probe_groups(b, 0, b->npath, w, c, w->cand))
		index_memo_put(w->memo, &key, w->cand);
	probe_groups(b, b->npath, b->ngroup, w, c, w->cand);
}
