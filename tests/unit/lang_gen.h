/* Conditions and events drawn from a stream of bytes, for tests that compare the compiled rules
 * with the interpreter. Few words, so that they meet often. */
#pragma once
#include "lang_fake.h"

struct gen {
	const uint8_t *p;
	size_t n, at;
};

FAKE static unsigned gen_below(struct gen *g, unsigned limit)
{
	return g->at < g->n ? g->p[g->at++] % limit : 0;
}

static const char *const gen_words[] = { "a", "ab", "/etc", "/etc/passwd", "etc", "\"\"", "b/c", "/e*", "/etc/p*", "x", "xa", "open", "/etc//passwd/", "[ab]", "A" };
#define GEN_WORDS (sizeof(gen_words) / sizeof(gen_words[0]))
static const char *const gen_numbers[] = { "0", "1", "2", "-1", "443", "80", "65536" };
#define GEN_NUMBERS (sizeof(gen_numbers) / sizeof(gen_numbers[0]))
static const char *const gen_addrs[] = { "10.0.0.1", "127.0.0.1", "::1", "10.0.0.2" };
static const char *const gen_nets[] = { "10.0.0.0/8", "127.0.0.0/8", "::/3", "10.0.0.1/32" };
static const char *const gen_types[] = { "open", "openat", "getpid", "close", "futex" };

FAKE static void gen_list(struct gen *g, struct base_buf *b, const char *const *words, unsigned count)
{
	unsigned n = gen_below(g, 4);

	buf_chr(b, '(');
	for (unsigned i = 0; i < n; i++)
		buf_fmt(b, "%s%s", i ? ", " : "", words[gen_below(g, count)]);
	buf_chr(b, ')');
}

FAKE static void gen_string_check(struct gen *g, struct base_buf *b, const char *field)
{
	static const char *const ops[] = { "=", "!=", "contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex" };
	static const char *const mods[] = { "oneof", "anyof", "allof" };
	static const char *const lists[] = { "in", "intersects", "pmatch" };

	switch (gen_below(g, 6)) {
	case 0:
	case 1:
		buf_fmt(b, "%s %s ", field, lists[gen_below(g, 3)]);
		gen_list(g, b, gen_words, GEN_WORDS);
		return;
	case 2:
		buf_fmt(b, "%s %s %s ", field, ops[gen_below(g, 9)], mods[gen_below(g, 3)]);
		gen_list(g, b, gen_words, GEN_WORDS);
		return;
	case 3:
		if (strncmp(field, "own", 3)) {
			buf_fmt(b, "%s %s val(f.s2)", field, ops[gen_below(g, 8)]);
			return;
		}
		/* fall through */
	default:
		buf_fmt(b, "%s %s %s", field, ops[gen_below(g, 9)], gen_words[gen_below(g, GEN_WORDS)]);
	}
}

FAKE static void gen_leaf(struct gen *g, struct base_buf *b)
{
	static const char *const strings[] = { "f.s1", "f.s2", "f.s1", "p.s1", "p.s2", "a.s1", "own.s", "tolower(f.s1)", "basename(f.s2)", "toupper(p.s1)", "concat(f.s1,p.s1)" };
	static const char *const numbers[] = { "f.i", "p.i", "f.i", "f.port", "f.dbl", "len(f.s1)", "evt.num" };
	static const char *const order[] = { "=", "!=", "<", "<=", ">", ">=" };
	const char *f;

	switch (gen_below(g, 12)) {
	case 0:
	case 1:
		buf_str(b, gen_below(g, 2) ? "evt.type in " : "not evt.type in ");
		gen_list(g, b, gen_types, 5);
		break;
	case 2:
		buf_fmt(b, "evt.type %s %s", order[gen_below(g, 2)], gen_types[gen_below(g, 5)]);
		break;
	case 3:
	case 4:
		f = numbers[gen_below(g, 7)];
		buf_fmt(b, "%s %s %s", f, order[gen_below(g, 6)], gen_numbers[gen_below(g, strcmp(f, "f.port") ? GEN_NUMBERS : 3)]);
		break;
	case 5:
		buf_fmt(b, "%s exists", strings[gen_below(g, 11)]);
		break;
	case 6:
		if (gen_below(g, 2))
			buf_fmt(b, "f.ip %s %s", order[gen_below(g, 2)], gen_addrs[gen_below(g, 4)]);
		else
			buf_fmt(b, "f.net %s %s", order[gen_below(g, 2)], gen_nets[gen_below(g, 4)]);
		break;
	case 7:
		buf_fmt(b, "f.list %s ", gen_below(g, 2) ? "in" : "intersects");
		gen_list(g, b, gen_words, GEN_WORDS);
		break;
	case 8:
		buf_fmt(b, "f.bool = %s", gen_below(g, 2) ? "true" : "false");
		break;
	default:
		gen_string_check(g, b, strings[gen_below(g, 11)]);
	}
}

FAKE static void gen_cond(struct gen *g, struct base_buf *b, unsigned depth)
{
	unsigned k = depth ? gen_below(g, 5) : 4, n;

	if (k >= 3) {
		gen_leaf(g, b);
		return;
	}
	if (k == 2) {
		buf_str(b, "not (");
		gen_cond(g, b, depth - 1);
		buf_chr(b, ')');
		return;
	}
	n = 2 + gen_below(g, 3);
	buf_chr(b, '(');
	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_str(b, k ? " and " : " or ");
		gen_cond(g, b, depth - 1);
	}
	buf_chr(b, ')');
}

FAKE static void gen_word_value(struct gen *g, struct fake_event *e, struct eval_val *v)
{
	unsigned k = gen_below(g, GEN_WORDS + 2);

	if (k == GEN_WORDS) {
		val_str(v, "ab\0cd", 5);
	} else if (k > GEN_WORDS || gen_words[k][0] == '"') {
		val_str(v, "", 0);
	} else {
		v->s = arena_strn(&e->arena, gen_words[k], strlen(gen_words[k]));
		val_str(v, v->s, strlen(gen_words[k]));
	}
}

/* New values for every field; the process version changes when process fields do. */
FAKE static void gen_event(struct gen *g, struct fake_event *e)
{
	static const char v4[] = { 10, 0, 0, 1 }, v6[16] = { [15] = 1 };
	struct fake_world *w = &e->world;
	unsigned k;

	arena_reset(&e->arena);
	e->ver.atoms_generation = 0;
	e->ctx.st.ver = gen_below(g, 8) ? &e->ver : NULL;
	for (unsigned id = 0; id < FK_COUNT; id++) {
		struct eval_val *v = &w->val[id];

		k = gen_below(g, 16);
		w->rc[id] = k == 0 ? 0 : k == 1 ? -EAGAIN : 1;
		switch (fake_defs[id].type) {
		case PT_CHARBUF:
		case PT_FSPATH:
			gen_word_value(g, e, v);
			break;
		case PT_IPADDR:
		case PT_IPNET:
			*v = gen_below(g, 2) ? (struct eval_val){ .s = v4, .len = 4 } : (struct eval_val){ .s = v6, .len = 16 };
			break;
		case PT_DOUBLE:
			*v = (struct eval_val){ .d = (double)gen_below(g, 3) };
			break;
		default:
			val_i64(v, PT_INT64, strtol(gen_numbers[gen_below(g, fake_defs[id].type == PT_INT64 || id == FK_PI ? GEN_NUMBERS : 3)], NULL, 10));
		}
		v->type = fake_defs[id].type;
	}
	k = gen_below(g, 3);
	w->val[FK_LIST] = (struct eval_val){ .type = PT_CHARBUF, .is_list = true, .count = k, .items = arena_alloc(&e->arena, 3 * sizeof(struct eval_val)) };
	for (unsigned i = 0; i < k; i++)
		gen_word_value(g, e, &w->val[FK_LIST].items[i]);
	w->val[FK_BOOL].u &= 1;
	switch (gen_below(g, 4)) {
	case 0:
		fake_set_type(e, PPME_SYSCALL_OPEN_X, "open");
		break;
	case 1:
		fake_set_type(e, PPME_SYSCALL_CLOSE_X, "close");
		break;
	case 2:
		fake_set_type(e, PPME_GENERIC_X, gen_below(g, 2) ? "getpid" : "futex");
		break;
	default:
		fake_set_type(e, PPME_SYSCALL_OPENAT_2_X, "openat");
	}
}

/* What eval_match should say, from the interpreter alone: number of ids, or -EAGAIN. */
FAKE static int oracle(struct fake_event *e, const struct ruleset *rs, bool all, uint32_t *ids)
{
	int n = 0;

	for (uint32_t i = 0; i < ruleset_count(rs); i++) {
		const struct eval_rule *r = ruleset_rule(rs, i);
		int v;

		if (!evt_set_has(&r->events, e->hdr.type))
			continue;
		v = cond_interpret(&e->ctx, r->cond);
		if (v < 0)
			return v;
		if (v)
			ids[n++] = i;
		if (v && !all)
			break;
	}
	return n;
}

/* Draws rules and events; returns false with the two answers when they differ. */
FAKE static bool gen_compare(struct gen *g, unsigned nevents, struct base_buf *why)
{
	uint32_t want[64];
	const uint32_t *got;
	bool all = gen_below(g, 2), ok = true;
	unsigned n = 1 + gen_below(g, 12), k = 0;
	struct eval_rule *rules = calloc(n, sizeof(*rules));
	struct cond_error err;
	struct fake_event e;
	struct eval_worker *w;
	struct ruleset *rs;

	fake_event_init(&e);
	for (unsigned i = 0; i < n; i++) {
		struct base_buf b = { 0 };
		struct cond *c;

		gen_cond(g, &b, 3);
		c = fake_cond(b.p, &err);
		if (c)
			rules[k] = fake_rule(c, k), k++;
		buf_fini(&b);
	}
	rs = ruleset_compile(rules, k, all, false);
	w = rs ? eval_worker_new(rs) : NULL;
	for (unsigned i = 0; w && i < nevents && ok; i++) {
		int a, b;

		gen_event(g, &e);
		e.ctx.in_filter = true;
		a = oracle(&e, rs, all, want);
		b = eval_match(w, &e.ctx, &got);
		ok = a == b && (a <= 0 || !memcmp(want, got, (size_t)a * sizeof(*got)));
		if (ok)
			continue;
		buf_fmt(why, "interpreter %d, compiled %d (event %u)\n", a, b, i);
		for (uint32_t r = 0; r < k; r++) {
			buf_fmt(why, "%d %d: ", (int)evt_set_has(&ruleset_rule(rs, r)->events, e.hdr.type), cond_interpret(&e.ctx, ruleset_rule(rs, r)->cond));
			cond_text(why, ruleset_rule(rs, r)->cond);
			buf_chr(why, '\n');
		}
	}
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
	return ok;
}
