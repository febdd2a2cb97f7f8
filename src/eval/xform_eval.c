/* Values of transformers for one event. Results live in the event's arena. [worker] */
#include "eval/xform.h"

#include <errno.h>
#include <string.h>

static bool is_text(unsigned type)
{
	return evt_param_is_string(type) || type == PT_BYTEBUF;
}

static int b64_digit(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes in[0..n) to out (3 bytes for every 4, rounded up). Returns the length, -1 when it is not
 * base64: padding may be missing, but bits behind the end must be 0. */
static int64_t b64_decode(const char *in, size_t n, char *out)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	int64_t len = 0;

	if (!n)
		return 0;
	if (in[n - 1] == '=')
		n--;
	if (n && in[n - 1] == '=')
		n--;
	if (!n || n % 4 == 1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int d = b64_digit((unsigned char)in[i]);

		if (d < 0)
			return -1;
		acc = acc << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[len++] = (char)(acc >> bits);
			acc &= (1u << bits) - 1;
		}
	}
	return acc ? -1 : len;
}

/* One string through a one-argument transformer, in place. False: no value. */
static bool map_string(struct eval_ctx *c, enum xform_kind kind, struct eval_val *v)
{
	size_t n = v->len;
	const char *s = v->s;
	int64_t len;
	char *out;

	while (n && !s[n - 1])
		n--;
	switch (kind) {
	case XF_BASENAME:
		out = n ? memrchr(s, '/', n) : NULL;
		if (out) {
			n -= (size_t)(out + 1 - s);
			s = out + 1;
		}
		v->s = s;
		v->len = (uint32_t)n;
		return true;
	case XF_B64:
		out = arena_alloc(c->arena, n / 4 * 3 + 4);
		len = b64_decode(s, n, out);
		if (len < 0)
			return false;
		/* byte buffers keep the terminator the reference puts behind */
		if (v->type == PT_BYTEBUF && (!len || out[len - 1]))
			out[len++] = '\0';
		v->s = out;
		v->len = (uint32_t)len;
		return true;
	default:
		out = arena_alloc(c->arena, n + 1);
		for (size_t i = 0; i < n; i++) {
			char ch = s[i];

			if (kind == XF_TOLOWER && ch >= 'A' && ch <= 'Z')
				ch = (char)(ch + 32);
			else if (kind == XF_TOUPPER && ch >= 'a' && ch <= 'z')
				ch = (char)(ch - 32);
			out[i] = ch;
		}
		out[n] = '\0';
		v->s = out;
		v->len = (uint32_t)n;
		return true;
	}
}

static int get_mapped(struct eval_ctx *c, const struct value_expr *e, struct eval_val *ret)
{
	struct eval_val v, *items;
	int r = value_expr_get(c, e->args[0], &v);

	if (r <= 0)
		return r;
	if (!v.is_list) {
		if (!is_text(v.type) || !map_string(c, e->kind, &v))
			return 0;
		*ret = v;
		return 1;
	}
	items = arena_alloc(c->arena, (v.count + 1) * sizeof(*items));
	for (uint32_t i = 0; i < v.count; i++) {
		items[i] = v.items[i];
		if (!is_text(items[i].type) || !map_string(c, e->kind, &items[i]))
			return 0;
	}
	v.items = items;
	*ret = v;
	return 1;
}

static int get_len(struct eval_ctx *c, const struct value_expr *e, struct eval_val *ret)
{
	const struct value_expr *o = e->args[0];
	struct eval_val v;
	int r = value_expr_get(c, o, &v);

	if (r <= 0)
		return r;
	while ((o->kind >= XF_TOLOWER && o->kind <= XF_LEN) || o->kind == XF_VAL)
		o = o->args[0];
	if (v.is_list && o->kind != XF_GETOPT) {
		val_u64(ret, PT_UINT64, v.count);
		return 1;
	}
	if (v.is_list) { /* the list of getopt() counts as a string: its first element */
		if (!v.count)
			return 0;
		v = v.items[0];
	}
	if (!is_text(v.type))
		return 0;
	val_u64(ret, PT_UINT64, v.type == PT_BYTEBUF ? v.len : v.len ? strnlen(v.s, v.len) : 0);
	return 1;
}

/* A value where join, concat and lists want text: up to the first NUL of its bytes. Numbers are
 * written out only when they come straight from a 64-bit field. */
static void as_text(struct base_arena *arena, const struct value_expr *e, const struct eval_val *v, struct eval_val *ret)
{
	char raw[8];
	size_t n;

	if (is_text(v->type) || v->s) {
		n = v->len ? strnlen(v->s, v->len) : 0;
		val_str(ret, v->s, n);
		return;
	}
	if (e->kind == XF_FIELD && (v->type == PT_INT64 || v->type == PT_UINT64 || v->type == PT_PID)) {
		const char *s = v->type == PT_UINT64 ? arena_fmt(arena, "%llu", (unsigned long long)v->u) : arena_fmt(arena, "%lld", (long long)v->i);

		val_str(ret, s, strlen(s));
		return;
	}
	memcpy(raw, &v->u, sizeof(raw));
	n = strnlen(raw, sizeof(raw));
	val_str(ret, arena_strn(arena, raw, n), n);
}

/* XF_LIST: the values of all elements, one after the other. */
static int get_list(struct eval_ctx *c, const struct value_expr *e, struct eval_val *ret)
{
	struct eval_val *vals, *items;
	uint32_t n = 0, k = 0;

	vals = arena_alloc(c->arena, (e->nargs + 1) * sizeof(*vals));
	for (uint32_t i = 0; i < e->nargs; i++) {
		int r = value_expr_get(c, e->args[i], &vals[i]);

		if (r <= 0)
			return r;
		n += vals[i].is_list ? vals[i].count : 1;
	}
	items = arena_alloc(c->arena, (n + 1) * sizeof(*items));
	for (uint32_t i = 0; i < e->nargs; i++) {
		if (!vals[i].is_list)
			as_text(c->arena, e->args[i], &vals[i], &items[k++]);
		for (uint32_t j = 0; vals[i].is_list && j < vals[i].count; j++)
			as_text(c->arena, e->args[i], &vals[i].items[j], &items[k++]);
	}
	*ret = (struct eval_val){ .type = PT_CHARBUF, .is_list = true, .items = items, .count = n };
	return 1;
}

/* Texts of vals, sep between them, as one string. */
static void glue(struct eval_ctx *c, const struct eval_val *vals, uint32_t n, const struct eval_val *sep, struct eval_val *ret)
{
	size_t len = 0, sep_len = sep ? sep->len : 0, off = 0;
	char *out;

	for (uint32_t i = 0; i < n; i++)
		len += vals[i].len + (i ? sep_len : 0);
	out = arena_alloc(c->arena, len + 1);
	for (uint32_t i = 0; i < n; i++) {
		if (i && sep_len) {
			memcpy(out + off, sep->s, sep_len);
			off += sep_len;
		}
		if (vals[i].len)
			memcpy(out + off, vals[i].s, vals[i].len);
		off += vals[i].len;
	}
	out[off] = '\0';
	val_str(ret, out, off);
}

static int get_join(struct eval_ctx *c, const struct value_expr *e, struct eval_val *ret)
{
	struct eval_val sep, list, *items;
	int r = value_expr_get(c, e->args[0], &sep);

	if (r <= 0)
		return r;
	r = value_expr_get(c, e->args[1], &list);
	if (r <= 0)
		return r;
	if (sep.is_list || !list.is_list)
		return 0;
	as_text(c->arena, e->args[0], &sep, &sep);
	items = arena_alloc(c->arena, (list.count + 1) * sizeof(*items));
	for (uint32_t i = 0; i < list.count; i++)
		as_text(c->arena, e->args[1], &list.items[i], &items[i]);
	glue(c, items, list.count, &sep, ret);
	return 1;
}

static int get_concat(struct eval_ctx *c, const struct value_expr *e, struct eval_val *ret)
{
	struct eval_val *items = arena_alloc(c->arena, (e->nargs + 1) * sizeof(*items));

	for (uint32_t i = 0; i < e->nargs; i++) {
		struct eval_val v;
		int r = value_expr_get(c, e->args[i], &v);

		if (r <= 0)
			return r;
		if (v.is_list) {
			if (!v.count)
				return 0;
			v = v.items[0];
		}
		as_text(c->arena, e->args[i], &v, &items[i]);
	}
	glue(c, items, e->nargs, NULL, ret);
	return 1;
}

/* ---- getopt ------------------------------------------------------------------------------ */

struct getopt_scan {
	bool known[256], has_arg[256];
	int selector;		/* option asked for, -1: list them all */
	struct eval_val *out;	/* room for one per byte of argument, and one more for each */
	uint32_t count;
};

static void scan_optstring(struct getopt_scan *g, const char *s, size_t n)
{
	for (size_t i = n && s[0] == ':'; i < n; i++) {
		unsigned char o = (unsigned char)s[i];

		if (o == ':')
			continue;
		g->known[o] = true;
		if (i + 1 < n && s[i + 1] == ':') {
			g->has_arg[o] = true;
			i++;
		}
	}
}

/* An option was found; value NULL without one. */
static void emit(struct getopt_scan *g, const char *opt, size_t opt_len, const struct eval_val *value)
{
	if (g->selector >= 0) { /* the last one wins */
		if (value)
			g->out[0] = *value;
		else
			val_str(&g->out[0], opt, opt_len);
		g->count = 1;
		return;
	}
	val_str(&g->out[g->count++], opt, opt_len);
	if (value)
		g->out[g->count++] = *value;
}

/* One argument "-abc". Returns how many arguments after it were taken as a value. */
static uint32_t scan_cluster(struct getopt_scan *g, const struct eval_val *arg, const struct eval_val *next)
{
	for (uint32_t i = 1; i < arg->len; i++) {
		unsigned char o = (unsigned char)arg->s[i];
		bool wanted = g->selector < 0 || g->selector == o;
		struct eval_val value;

		if (o == ':' || !g->known[o]) {
			if (g->selector < 0)
				val_str(&g->out[g->count++], "?", 1);
			continue;
		}
		if (!g->has_arg[o]) {
			if (wanted)
				emit(g, arg->s + i, 1, NULL);
			continue;
		}
		if (i + 1 < arg->len)
			val_str(&value, arg->s + i + 1, arg->len - i - 1);
		else if (next)
			value = *next;
		else {
			if (wanted)
				emit(g, "", 0, NULL);
			return 0;
		}
		if (wanted)
			emit(g, arg->s + i, 1, &value);
		return i + 1 >= arg->len;
	}
	return 0;
}

static int get_getopt(struct eval_ctx *c, const struct value_expr *e, struct eval_val *ret)
{
	struct getopt_scan g = { .selector = e->literal ? (unsigned char)e->literal[0] : -1 };
	struct eval_val list, opts, a;
	size_t room = 2;
	int r = value_expr_get(c, e->args[1], &opts);

	if (r <= 0)
		return r;
	if (opts.is_list) {
		if (!opts.count)
			return 0;
		opts = opts.items[0];
	}
	as_text(c->arena, e->args[1], &opts, &opts);
	scan_optstring(&g, opts.s, opts.len);
	r = value_expr_get(c, e->args[0], &list);
	if (r <= 0)
		return r;
	if (!list.is_list)
		return 0;
	for (uint32_t i = 0; i < list.count; i++)
		room += (size_t)list.items[i].len + 1;
	g.out = arena_alloc(c->arena, room * sizeof(*g.out));
	for (uint32_t i = 0; i < list.count; i++) {
		struct eval_val next;

		as_text(c->arena, e->args[0], &list.items[i], &a);
		if (a.len == 2 && a.s[0] == '-' && a.s[1] == '-')
			break;
		if (a.len > 2 && a.s[0] == '-' && a.s[1] == '-')
			continue;
		if (a.len < 2 || a.s[0] != '-')
			break;
		if (i + 1 < list.count)
			as_text(c->arena, e->args[0], &list.items[i + 1], &next);
		i += scan_cluster(&g, &a, i + 1 < list.count ? &next : NULL);
	}
	if (g.selector >= 0) {
		if (!g.count)
			return 0;
		*ret = g.out[0];
		return 1;
	}
	*ret = (struct eval_val){ .type = PT_CHARBUF, .is_list = true, .items = g.out, .count = g.count };
	return 1;
}

int value_expr_get(struct eval_ctx *c, const struct value_expr *e, struct eval_val *ret)
{
	switch ((enum xform_kind)e->kind) {
	case XF_FIELD:
		return eval_field_get(c, &e->field, ret);
	case XF_VAL:
		return value_expr_get(c, e->args[0], ret);
	case XF_LITERAL:
		val_str(ret, e->literal, e->literal_len);
		return 1;
	case XF_LEN:
		return get_len(c, e, ret);
	case XF_TOLOWER:
	case XF_TOUPPER:
	case XF_B64:
	case XF_BASENAME:
		return get_mapped(c, e, ret);
	case XF_JOIN:
		return get_join(c, e, ret);
	case XF_CONCAT:
		return get_concat(c, e, ret);
	case XF_GETOPT:
		return get_getopt(c, e, ret);
	case XF_LIST:
		return get_list(c, e, ret);
	}
	return 0;
}
