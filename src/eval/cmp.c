/* Operators: what each means for each type of value. Prepared by the check, run by workers.
 * Facts about missing values, families and terminators: language reference, section 7. */
#include "eval/cmp.h"
#include "eval/cmp_hash.h"
#include "eval/regex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum cls { CLS_SIGNED, CLS_UNSIGNED, CLS_DOUBLE, CLS_STRING, CLS_BYTES, CLS_IP, CLS_NET, CLS_OTHER };

struct cmp {
	uint8_t op, mod, type;
	bool terminated, no_length;
	uint32_t n;
	const struct eval_val *vals; /* borrowed from the condition */
	/* owned, as the operator needs */
	bool has_set;
	struct cmp_set set;
	struct path_set *paths;
	struct regex **re;
	struct glob **glob;
};

static enum cls class_of(unsigned type)
{
	switch (type) {
	case PT_INT8: case PT_INT16: case PT_INT32: case PT_INT64: case PT_ERRNO: case PT_FD: case PT_PID:
	case PT_FD32: case PT_PID32:
		return CLS_SIGNED;
	case PT_UINT8: case PT_UINT16: case PT_UINT32: case PT_UINT64: case PT_SYSCALLID: case PT_SIGTYPE:
	case PT_RELTIME: case PT_ABSTIME: case PT_PORT: case PT_L4PROTO: case PT_SOCKFAMILY: case PT_BOOL:
	case PT_FLAGS8: case PT_FLAGS16: case PT_FLAGS32: case PT_UID: case PT_GID: case PT_MODE:
	case PT_ENUMFLAGS8: case PT_ENUMFLAGS16: case PT_ENUMFLAGS32:
		return CLS_UNSIGNED;
	case PT_DOUBLE:
		return CLS_DOUBLE;
	case PT_CHARBUF: case PT_FSPATH: case PT_FSRELPATH:
		return CLS_STRING;
	case PT_BYTEBUF:
		return CLS_BYTES;
	case PT_IPADDR: case PT_IPV4ADDR: case PT_IPV6ADDR:
		return CLS_IP;
	case PT_IPNET: case PT_IPV4NET: case PT_IPV6NET:
		return CLS_NET;
	default:
		return CLS_OTHER;
	}
}

/* ---- preparation ------------------------------------------------------------------------ */

static int prepare_set(struct cmp *k)
{
	k->has_set = true;
	for (uint32_t i = 0; i < k->n; i++)
		if (set_add(&k->set, set_key_of(&k->vals[i]), NULL))
			return -ENOMEM;
	return 0;
}

static int prepare_paths(struct cmp *k)
{
	k->paths = path_set_new();
	if (!k->paths)
		return -ENOMEM;
	for (uint32_t i = 0; i < k->n; i++)
		if (path_set_add(k->paths, k->vals[i].s, k->vals[i].len, i))
			return -ENOMEM;
	return 0;
}

static int prepare_patterns(struct cmp *k, struct base_err *err)
{
	char msg[512];

	if (k->op == OP_REGEX)
		k->re = calloc(k->n + 1, sizeof(*k->re));
	else
		k->glob = calloc(k->n + 1, sizeof(*k->glob));
	if (!k->re && !k->glob)
		return -ENOMEM;
	for (uint32_t i = 0; i < k->n; i++) {
		const struct eval_val *v = &k->vals[i];

		if (k->glob) {
			k->glob[i] = glob_new(v->s, v->len, k->op == OP_IGLOB);
			if (!k->glob[i])
				return -ENOMEM;
			continue;
		}
		k->re[i] = regex_new(v->s, v->len, msg, sizeof(msg));
		if (!k->re[i])
			return base_err_set(err, NULL, 0, 0, "invalid regex pattern: %s", msg);
	}
	return 0;
}

int cmp_new(enum cond_op op, enum cond_mod mod, uint8_t type, unsigned flags, const struct cond_rhs *rhs, struct cmp **ret, struct base_err *err)
{
	struct cmp *k = calloc(1, sizeof(*k));
	int r = 0;

	if (!k)
		return -ENOMEM;
	k->op = (uint8_t)op;
	k->mod = (uint8_t)mod;
	k->type = type;
	k->terminated = flags & CMP_TERMINATED;
	k->no_length = flags & CMP_NO_LENGTH;
	k->n = rhs->count;
	k->vals = rhs->vals;
	if (op == OP_IN || op == OP_INTERSECTS || (mod && (op == OP_EQ || op == OP_NE)))
		r = prepare_set(k);
	else if (op == OP_PMATCH && class_of(type) == CLS_STRING)
		r = prepare_paths(k);
	else if (op == OP_REGEX || op == OP_GLOB || op == OP_IGLOB)
		r = prepare_patterns(k, err);
	if (r)
		cmp_free(k);
	else
		*ret = k;
	return r;
}

void cmp_free(struct cmp *k)
{
	if (!k)
		return;
	set_fini(&k->set);
	path_set_free(k->paths);
	for (uint32_t i = 0; k->re && i < k->n; i++)
		regex_free(k->re[i]);
	for (uint32_t i = 0; k->glob && i < k->n; i++)
		glob_free(k->glob[i]);
	free(k->re);
	free(k->glob);
	free(k);
}

/* ---- one value, one operand ------------------------------------------------------------- */

static bool order(enum cond_op op, int c)
{
	switch (op) {
	case OP_EQ: case OP_IN: case OP_INTERSECTS:
		return c == 0;
	case OP_NE:
		return c != 0;
	case OP_LT:
		return c < 0;
	case OP_LE:
		return c <= 0;
	case OP_GT:
		return c > 0;
	case OP_GE:
		return c >= 0;
	default:
		return false;
	}
}

/* The literal's bytes read as the value's type: evt.rawarg is parsed as one type and may turn out
 * to be another. */
static uint64_t reread(const struct eval_val *lit, unsigned type)
{
	unsigned from = evt_param_fixed_size(lit->type), to = evt_param_fixed_size(type);
	unsigned n = from < to ? from : to;
	uint64_t u = lit->u;

	if (n && n < 8)
		u &= (1ull << (8 * n)) - 1;
	if (class_of(type) == CLS_SIGNED && to && to < 8 && n == to && u >> (8 * to - 1))
		u |= ~0ull << (8 * to);
	return u;
}

static bool one_number(enum cond_op op, const struct eval_val *v, const struct eval_val *lit, enum cls cls)
{
	uint64_t u = lit->type == v->type ? lit->u : reread(lit, v->type);
	int64_t i = (int64_t)u;

	if (cls == CLS_SIGNED)
		return order(op, v->i < i ? -1 : v->i > i);
	return order(op, v->u < u ? -1 : v->u > u);
}

static bool contains_fold(const char *s, size_t n, const char *p, size_t m)
{
	if (!m)
		return true;
	for (size_t i = 0; i + m <= n; i++) {
		size_t j = 0;

		for (; j < m; j++) {
			unsigned char a = (unsigned char)s[i + j], b = (unsigned char)p[j];

			if (a == b)
				continue;
			if ((a | 32) != (b | 32) || (a | 32) < 'a' || (a | 32) > 'z')
				break;
		}
		if (j == m)
			return true;
	}
	return false;
}

static int compare_text(const char *s, size_t n, const char *p, size_t m)
{
	size_t k = n < m ? n : m;
	int c = k ? memcmp(s, p, k) : 0;

	return c ? c : n < m ? -1 : n > m;
}

static bool has_suffix(const char *s, size_t n, const char *p, size_t m)
{
	return m <= n && (!m || !memcmp(s + n - m, p, m));
}

/* Strings end at their first NUL, whatever their length says. i: position of the literal, for
 * patterns. */
static bool one_string(const struct cmp *k, enum cond_op op, const struct eval_val *v, const struct eval_val *lit, uint32_t i)
{
	size_t n = v->len ? strnlen(v->s, v->len) : 0, m = lit ? lit->len : 0;
	const char *s = v->s, *p = lit ? lit->s : "";

	switch (op) {
	case OP_CONTAINS:
		return !m || (m <= n && memmem(s, n, p, m));
	case OP_ICONTAINS:
		return contains_fold(s, n, p, m);
	case OP_STARTSWITH:
		return m <= n && (!m || !memcmp(s, p, m));
	case OP_ENDSWITH:
		return has_suffix(s, n, p, m);
	case OP_GLOB:
	case OP_IGLOB:
		return k->glob && i < k->n && glob_match(k->glob[i], s, n);
	case OP_REGEX:
		for (n = v->len; n && !s[n - 1];)
			n--;
		return k->re && i < k->n && regex_match(k->re[i], s, n);
	case OP_PMATCH:
		return false; /* whole lists only */
	default:
		return order(op, compare_text(s, n, p, m));
	}
}

static bool one_bytes(enum cond_op op, const struct eval_val *v, const struct eval_val *lit)
{
	size_t n = v->len, m = lit->len;

	switch (op) {
	case OP_EQ: case OP_IN: case OP_INTERSECTS:
		return n == m && (!n || !memcmp(v->s, lit->s, n));
	case OP_NE:
		return n != m || (n && memcmp(v->s, lit->s, n));
	case OP_CONTAINS: case OP_BCONTAINS:
		return !m || (m <= n && memmem(v->s, n, lit->s, m));
	case OP_STARTSWITH: case OP_BSTARTSWITH:
		return m <= n && (!m || !memcmp(v->s, lit->s, m));
	case OP_ENDSWITH:
		return has_suffix(v->s, n, lit->s, m);
	default:
		return false;
	}
}

static bool in_net(const struct eval_val *addr, const struct eval_val *net)
{
	unsigned bits = (unsigned)net->u, bytes = bits / 8;

	if (addr->len != net->len || bits > net->len * 8)
		return false;
	if (memcmp(addr->s, net->s, bytes))
		return false;
	return bits % 8 == 0 || !(((unsigned char)addr->s[bytes] ^ (unsigned char)net->s[bytes]) >> (8 - bits % 8));
}

static bool one(const struct cmp *k, enum cond_op op, const struct eval_val *v, const struct eval_val *lit, uint32_t i)
{
	enum cls cls = class_of(v->type), lcls = class_of(lit->type);

	/* A literal of another kind than the value (evt.rawarg again) equals nothing. */
	switch (cls) {
	case CLS_SIGNED:
	case CLS_UNSIGNED:
		return lcls <= CLS_UNSIGNED && one_number(op, v, lit, cls);
	case CLS_DOUBLE:
		return lcls == CLS_DOUBLE && order(op, v->d < lit->d ? -1 : v->d > lit->d);
	case CLS_STRING:
		return (lcls == CLS_STRING || lcls == CLS_BYTES) && one_string(k, op, v, lit, i);
	case CLS_BYTES:
		return (lcls == CLS_STRING || lcls == CLS_BYTES) && one_bytes(op, v, lit);
	case CLS_IP:
		return lcls == CLS_IP && one_bytes(op, v, lit);
	case CLS_NET:
		return lcls == CLS_NET && (op == OP_NE) != in_net(v, lit);
	default:
		return false;
	}
}

/* ---- one value, all literals ------------------------------------------------------------- */

static bool member(const struct cmp *k, const struct eval_val *v)
{
	enum cls cls = class_of(v->type);

	if (k->no_length && cls != CLS_STRING)
		return false;
	/* numbers of another width than the literals' are never members */
	if (cls <= CLS_DOUBLE && evt_param_fixed_size(v->type) != evt_param_fixed_size(k->type))
		return false;
	return set_find(&k->set, set_key_of(v)) >= 0;
}

static bool in_any_net(const struct cmp *k, const struct eval_val *v)
{
	for (uint32_t i = 0; i < k->n; i++)
		if (class_of(k->vals[i].type) == CLS_NET && in_net(v, &k->vals[i]))
			return true;
	return false;
}

static bool scalar(const struct cmp *k, enum cond_op op, const struct eval_val *v)
{
	size_t n;

	switch (op) {
	case OP_EXISTS:
		return true;
	case OP_IN:
	case OP_INTERSECTS:
		return class_of(v->type) == CLS_NET ? in_any_net(k, v) : member(k, v);
	case OP_PMATCH:
		if (!k->paths || class_of(v->type) != CLS_STRING)
			return false;
		for (n = v->len; n && !v->s[n - 1];)
			n--;
		return path_set_match(k->paths, v->s, n);
	default:
		return k->n && one(k, op, v, &k->vals[0], 0);
	}
}

static bool modified(const struct cmp *k, const struct eval_val *v)
{
	bool net = class_of(v->type) == CLS_NET;
	uint32_t hits = 0;

	if (!k->n)
		return false;
	/* Set lookups answer for these two; no address is the same bytes as a network. */
	if (k->mod == MOD_ANYOF && k->op == OP_EQ)
		return !net && member(k, v);
	if (k->mod == MOD_ALLOF && k->op == OP_NE)
		return net || !member(k, v);
	for (uint32_t i = 0; i < k->n; i++) {
		bool yes = one(k, k->op, v, &k->vals[i], i);

		hits += yes;
		if (k->mod == MOD_ANYOF && yes)
			return true;
		if (k->mod == MOD_ALLOF && !yes)
			return false;
		if (k->mod == MOD_ONEOF && hits > 1)
			return false;
	}
	return k->mod == MOD_ALLOF || (k->mod == MOD_ONEOF && hits == 1);
}

static bool list_member(const struct cmp *k, const struct eval_val *v)
{
	if (class_of(v->type) == CLS_NET)
		return in_any_net(k, v);
	return !k->terminated && member(k, v);
}

bool cmp_match(const struct cmp *k, const struct eval_val *v)
{
	if (k->op == OP_EXISTS)
		return true;
	if (!v->is_list)
		return k->mod ? modified(k, v) : scalar(k, k->op, v);
	for (uint32_t i = 0; i < v->count; i++)
		if (list_member(k, &v->items[i]) != (k->op == OP_IN))
			return k->op == OP_INTERSECTS;
	return k->op == OP_IN;
}

int cmp_scalar(const struct eval_val *v, enum cond_op op, const void *cmp_data)
{
	return scalar(cmp_data, op, v);
}

/* ---- two values -------------------------------------------------------------------------- */

static bool pair_member(const struct eval_val *l, const struct eval_val *r)
{
	struct set_key a = set_key_of(l);

	if (class_of(l->type) == CLS_STRING || class_of(l->type) >= CLS_BYTES)
		return a.len == r->len && (!a.len || !memcmp(a.s, r->s, a.len));
	return l->u == r->u;
}

static uint32_t pair_hash(const struct eval_val *v)
{
	return (uint32_t)(class_of(v->type) >= CLS_STRING ? hash_bytes(v->s, v->len) : hash_u64(v->u));
}

static bool pair_equal(const struct eval_val *a, const struct eval_val *b)
{
	if (class_of(a->type) < CLS_STRING)
		return a->u == b->u;
	return a->len == b->len && (!a->len || !memcmp(a->s, b->s, a->len));
}

/* Is every (in) or any (intersects) element of l one of r's? */
static bool pair_lists(struct base_arena *arena, bool all, const struct eval_val *l, const struct eval_val *r)
{
	uint32_t size = 16, *slots;

	while (size < r->count * 2 && size < 1u << 30)
		size *= 2;
	slots = arena_alloc(arena, size * sizeof(*slots));
	memset(slots, 0, size * sizeof(*slots));
	for (uint32_t i = 0; i < r->count; i++) {
		uint32_t h = pair_hash(&r->items[i]) & (size - 1);

		while (slots[h])
			h = (h + 1) & (size - 1);
		slots[h] = i + 1;
	}
	for (uint32_t i = 0; i < l->count; i++) {
		const struct eval_val *v = &l->items[i];
		uint32_t h = pair_hash(v) & (size - 1);
		bool found = false;

		for (; slots[h] && !found; h = (h + 1) & (size - 1))
			found = pair_equal(v, &r->items[slots[h] - 1]);
		if (found != all)
			return !all;
	}
	return all;
}

/* A pattern out of an event. Compiling is bounded by its length; longer ones never match. */
#define PAIR_GLOB_MAX 1024

static bool pair_glob(enum cond_op op, const struct eval_val *l, const struct eval_val *r)
{
	struct glob *g;
	bool yes;

	if (l->is_list || r->is_list || r->len > PAIR_GLOB_MAX)
		return false;
	g = glob_new(r->s, r->len ? strnlen(r->s, r->len) : 0, op == OP_IGLOB);
	if (!g)
		return false;
	yes = glob_match(g, l->s, l->len ? strnlen(l->s, l->len) : 0);
	glob_free(g);
	return yes;
}

bool cmp_pair(struct base_arena *a, enum cond_op op, const struct eval_val *l, bool lt, const struct eval_val *r, bool rt)
{
	bool all = op == OP_IN;

	if (op == OP_EXISTS)
		return true;
	if (op == OP_GLOB || op == OP_IGLOB)
		return pair_glob(op, l, r);
	if (op != OP_IN && op != OP_INTERSECTS)
		return !l->is_list && !r->is_list && one(NULL, op, l, r, 0);
	if (l->is_list != r->is_list)
		return false;
	if (!l->is_list) /* a left string loses its terminator before the look-up, a right one does not */
		return !(rt && class_of(r->type) == CLS_STRING) && pair_member(l, r);
	if (lt != rt)
		return all && !l->count;
	return pair_lists(a, all, l, r);
}
