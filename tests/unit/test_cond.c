/* Conditions: what is accepted, what is refused and with which words, how they print, what macros
 * and event types make of them. Expected texts are the reference's. */
#include "eval/cond.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOURCES "'val', 'tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'"

static int parse(const char *text, struct cond **ret, struct cond_error *err)
{
	return cond_parse(text, strlen(text), ret, err);
}

static int parse_and_check(const char *text, struct cond **ret, struct cond_error *err)
{
	int r = parse(text, ret, err);

	if (r)
		return r;
	r = cond_check(*ret, "syscall", NULL, NULL, NULL, err);
	if (r)
		cond_free(*ret);
	return r;
}

struct refused {
	const char *text, *msg;
	uint32_t idx; /* position */
};

static void parse_bad_text_is_refused_where_and_as_the_reference_does(void **state)
{
	static const struct refused cases[] = {
		{ "", "filter input string is empty", 0 },
		{ "   ", "expected a '(' token, a field check, or an identifier", 3 },
		{ "proc.name", "expected a valid check operator: one of 'exists', '<=', '<', '>=', '>', '==', '=', '!=', 'glob', 'iglob', 'contains', "
			       "'icontains', 'bcontains', 'startswith', 'bstartswith', 'endswith', 'regex', 'intersects', 'in', 'pmatch'", 9 },
		{ "proc.name=", "expected a string value or a field with a valid transformer: " SOURCES, 10 },
		{ "proc.pid < x", "expected a number value or a field with a valid transformer: " SOURCES, 11 },
		{ "proc.name in [a]", "expected a list, an identifier, or a field with a valid transformer: " SOURCES, 13 },
		{ "proc.name in (a", "expected a ')' token", 15 },
		{ "proc.name in (a,)", "expected a string value", 16 },
		{ "proc.name=bash and", "expected blank or '(' after 'and'", 18 },
		{ "proc.name=bash orx", "expected blank or '(' after 'or'", 17 },
		{ "proc.name=a b", "unexpected token after 'a', expecting 'or', 'and'", 12 },
		{ "evt.type exists exists", "unexpected token after 'exists', expecting 'or', 'and'", 16 },
		{ "(proc.name=a", "expected a ')' token", 12 },
		{ "proc.name=\"esc\\q\"", "unsupported string escape sequence: \\q", 17 },
		{ "proc.name='\\\"'", "invalid \\\" escape in '-quoted string", 14 },
		{ "proc.name=\"\\x4\"", "truncated hex char escape sequence", 15 },
		{ "proc.name=\"\\xzz\"", "invalid hex char escape sequence: zz", 16 },
		{ "proc.aname[\"a\"=x", "expected a ']' token", 14 },
		{ "proc.aname[]=x", "expected a valid field argument: a quoted string or a bare string", 11 },
		{ "tolower(proc.name = x", "expected a ')' token closing the transformer", 18 },
		{ "tolower() = x", "expected field transformer argument: field, transformer, quoted string, number, or transformer list", 8 },
		{ "proc.name = val(tolower(proc.exe))", "expected a field within 'val' transformer", 16 },
		{ "proc.name startswith", "expected a valid check operator: one of 'exists', '<=', '<', '>=', '>', '==', '=', '!=', 'glob', 'iglob', 'contains', "
					  "'icontains', 'bcontains', 'startswith', 'bstartswith', 'endswith', 'regex', 'intersects', 'in', 'pmatch'", 10 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cond_error err;
		struct cond *c;

		if (parse(cases[i].text, &c, &err) != -EINVAL)
			fail_msg("accepted: %s", cases[i].text);
		if (strcmp(err.msg, cases[i].msg) || err.pos.idx != cases[i].idx)
			fail_msg("%s: \"%s\" at %u", cases[i].text, err.msg, err.pos.idx);
	}
}

static void check_wrong_types_are_refused_as_the_reference_does(void **state)
{
	static const struct refused cases[] = {
		{ "evt.num>0.5", "0.5 is not a valid number", 0 },
		{ "evt.type=open and proc.pid=0x10", "0x10 is not a valid number", 18 },
		{ "fd.snet=127.0.0.0/33", "invalid netmask 33", 0 },
		{ "fd.snet=127.0.0.0", "unrecognized IP network 127.0.0.0", 0 },
		{ "fd.net=::/0", "invalid v6 netmask 0", 0 },
		{ "fd.sip=127.1", "unrecognized IPv4 address 127.1", 0 },
		{ "fd.sip=::g", "unrecognized IPv6 address ::g", 0 },
		{ "fd.sport=nosuchservice", "unrecognized protocol nosuchservice", 0 },
		{ "fd.sport=99999999999", "stoi", 0 },
		{ "fd.is_server=1", "filter error: unrecognized boolean value 1", 0 },
		{ "evt.buffer bcontains f", "filter error: bcontains and bstartswith operator support hex strings only", 0 },
		{ "evt.buffer > 5", "filter error: '>' operator not supported for buffer filters", 0 },
		{ "proc.pid contains 1", "filter error: 'contains' operator not supported for numeric filters", 0 },
		{ "proc.name bcontains 00", "filter error: 'bcontains' operator not supported for string filters", 0 },
		{ "fd.sip contains a", "filter error: 'contains' operator not supported for ip address and network filters", 0 },
		{ "fd.sip startswith oneof (a)", "filter error: 'startswith' with modifier not supported for ip address and network filters", 0 },
		{ "fd.types == file", "filter error: '=' operator not supported list filters", 0 },
		{ "evt.rawarg.addr=0", "filter error: '=' operator not supported for type 'SOCKADDR'", 0 },
		{ "evt.rawarg.sig=9", "wrong parameter type 19", 0 },
		{ "evt.type=nope", "unknown event type nope", 0 },
		{ "evt.type startswith io_uring", "unknown event type io_uring", 0 },
		{ "foo.bar=1", "filter_check called with nonexistent field foo.bar", 0 },
		{ "proc.name regex \"(\"", "invalid regex pattern: missing ): (", 0 },
		{ "proc.name regex \"\\\\w+\"", "invalid regex pattern: invalid escape sequence: \\w", 0 },
		{ "proc.name=\"a\\x00b\"", "filter error: filter value cannot contain a NUL byte (\\x00)", 0 },
		{ "proc.name=val(proc.pid)", "field 'proc.name' has type 'CHARBUF' while the right-hand side field 'proc.pid' has incompatible type 'INT64'", 0 },
		{ "proc.name=val(proc.aname)", "field 'proc.aname' can't be used as a right-hand side field", 0 },
		{ "proc.aname=val(proc.name)", "field 'proc.aname' doesn't support right-hand side fields", 0 },
		{ "fd.snet=val(fd.sip)", "field type 'IPNET' doesn't support right-hand side fields", 0 },
		{ "proc.name pmatch val(proc.exe)", "operator 'PMATCH' doesn't support right-hand side fields", 0 },
		{ "tolower(proc.aname)=a", "field 'proc.aname' does not support transformers", 0 },
		{ "basename(evt.buffer)=a", "can't add field transformer: type 'BYTEBUF' is not supported by 'basename' transformer applied on field 'evt.buffer'", 0 },
		{ "len(proc.pid)=1", "can't add field transformer: type 'INT64' is not supported by 'len' transformer applied on field 'proc.pid'", 0 },
		{ "tolower(proc.name)[a]=x", "filter error: transformer 'tolower' does not support field arguments", 0 },
		{ "join(proc.name)=x", "unknown field transfomer 'join'", 0 },
		{ "tolower(proc.name,proc.exe)=x", "unknown multivalue transformer", 0 },
		{ "join(\",\",proc.name)=x", "join() second argument must be a list", 0 },
		{ "concat(proc.name,proc.pid)=x", "concat() arguments must be strings", 0 },
		{ "getopt(proc.args,\"a\")[a]=x", "getopt() first argument must be a list", 0 },
		{ "getopt((proc.name),\"a\")[ab]=x", "getopt() field argument must be a single option character", 0 },
		{ "tolower(evt.type)=open", "event code search does not support `evt.type` checks with transformers", 0 },
		{ "evt.type=val(proc.name)", "right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by event code search", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cond_error err;
		struct cond *c;

		if (parse_and_check(cases[i].text, &c, &err) != -EINVAL)
			fail_msg("accepted: %s", cases[i].text);
		if (strcmp(err.msg, cases[i].msg) || err.pos.idx != cases[i].idx)
			fail_msg("%s: \"%s\" at %u", cases[i].text, err.msg, err.pos.idx);
	}
}

static void check_literal_length_limit_is_that_of_the_reference(void **state)
{
	char text[300];
	struct cond_error err;
	struct cond *c;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "proc.name=", 10);
	text[10 + 255] = '\0';
	assert_int_equal(parse_and_check(text, &c, &err), 0);
	cond_free(c);
	text[10 + 255] = 'a';
	text[10 + 256] = '\0';
	assert_int_equal(parse_and_check(text, &c, &err), -EINVAL);
	assert_int_equal(strncmp(err.msg, "filter parameter too long (used=257, available=256):aaaa", 50), 0);
}

static void text_is_that_of_describe(void **state)
{
	static const struct {
		const char *text, *compiled;
	} cases[] = {
		{ "evt.type=open", "evt.type = open" },
		{ "evt.type==open", "evt.type == open" },
		{ "a and b or c", "((a and b) or c)" },
		{ "a and (b or c)", "(a and (b or c))" },
		{ "a or b or c", "(a or b or c)" },
		{ "not a", "not a" },
		{ "not not a", "a" },
		{ "not(a)", "not a" },
		{ "not (a and b)", "not (a and b)" },
		{ "not not not a", "not a" },
		{ "proc.name in(a,b ,  \"c d\")", "proc.name in (a, b, \"c d\")" },
		{ "proc.name in ()", "proc.name in ()" },
		{ "proc.name in lst", "proc.name in lst" },
		{ "proc.name startswith anyof (a)", "proc.name startswith anyof (a)" },
		{ "proc.name = oneof and x", "(proc.name = oneof and x)" },
		{ "proc.name = oneof (a)", "proc.name = oneof (a)" },
		{ "proc.name=\"a\\tb\\\"c\\\\\"", NULL }, /* a quote behind a backslash never closes */
		{ "proc.name=\"a\\tb\\\"c\"", "proc.name = \"a\\tb\\\"c\"" },
		{ "proc.name='a\\'b'", "proc.name = \"a'b\"" },
		{ "proc.name=\"\\x41\\ b\"", "proc.name = \"A\\\\b\"" },
		{ "proc.aname[2]=x", "proc.aname[2] = x" },
		{ "proc.env[\"A B\"]=x", "proc.env[\"A B\"] = x" },
		{ "proc.env[\"\"]=x", "proc.env[\"\"] = x" },
		{ "tolower( basename(proc.exepath) ) = x", "tolower(basename(proc.exepath)) = x" },
		{ "proc.name=val( proc.pname )", "proc.name = val(proc.pname)" },
		{ "proc.name in tolower(proc.pname)", "proc.name in tolower(proc.pname)" },
		{ "join(\", \", (proc.name, \"x\", 12)) = a", "join(\", \",(proc.name,x,12)) = a" },
		{ "getopt((proc.name,\"-a\"),\"a:\")[a] exists", "getopt((proc.name,-a),a:)[a] exists" },
		{ "proc.name in (\"\\q\")", "proc.name in ()" }, /* an unreadable first value: an empty list */
		{ "proc.pid<-5.5e+3", "proc.pid < -5.5e+3" },
		{ "evt.type existsand", NULL },
		{ "evt.type exists\band a", "(evt.type exists and a)" }, /* a backspace is a blank */
		{ "and", "and" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct base_buf b = { 0 };
		struct cond_error err;
		struct cond *c, *copy;
		int r = parse(cases[i].text, &c, &err);

		if (!r != !!cases[i].compiled)
			fail_msg("%s: %d %s", cases[i].text, r, err.msg);
		if (r)
			continue;
		cond_text(&b, c);
		assert_string_equal(b.p, cases[i].compiled);
		copy = cond_clone(c);
		buf_reset(&b);
		cond_text(&b, copy);
		assert_string_equal(b.p, cases[i].compiled);
		cond_free(copy);
		cond_free(c);
		buf_fini(&b);
	}
}

static void parse_depth_limit_is_that_of_the_reference(void **state)
{
	enum { LEVELS = 5, OK = (COND_DEPTH_MAX - 1 - 5) / LEVELS };
	struct cond_error err;
	struct cond *c = NULL;
	char *text = malloc(300000);

	(void)state;
	for (unsigned n = OK - 1; n < OK + 2; n++) {
		memset(text, '(', n);
		sprintf(text + n, "evt.type=open");
		memset(text + n + 13, ')', n);
		text[2 * n + 13] = '\0';
		if (!parse(text, &c, &err)) {
			assert_true(n < OK + 1);
			cond_free(c);
		} else {
			assert_true(n > OK - 1);
			assert_string_equal(err.msg, "exceeded max depth limit of 1000");
		}
	}
	memset(text, '(', 100000);
	text[100000] = '\0';
	assert_int_equal(parse(text, &c, &err), -EINVAL);
	assert_string_equal(err.msg, "exceeded max depth limit of 1000");
	for (unsigned i = 0; i < 30000; i++)
		memcpy(text + 8 * i, "tolower(", 9);
	assert_int_equal(parse(text, &c, &err), -EINVAL);
	assert_string_equal(err.msg, "exceeded max depth limit of 1000");
	for (unsigned i = 0; i < 50000; i++)
		memcpy(text + 4 * i, "not ", 4);
	strcpy(text + 200000, "a");
	assert_int_equal(parse(text, &c, &err), 0); /* counted, not nested */
	cond_free(c);
	free(text);
}

static void parse_position_counts_lines_and_columns(void **state)
{
	struct cond_error err;
	struct cond *c;

	(void)state;
	assert_int_equal(parse("evt.type=open\nand\r  proc.name", &c, &err), -EINVAL);
	assert_int_equal(err.pos.idx, 29);
	assert_int_equal(err.pos.line, 2);
	assert_int_equal(err.pos.col, 11);
}

/* ---- macros ---------------------------------------------------------------------------------- */

struct macros {
	const char *names[4];
	struct cond *conds[4];
};

static const struct cond *lookup(void *arg, const char *name)
{
	struct macros *m = arg;

	for (unsigned i = 0; i < 4; i++)
		if (m->names[i] && !strcmp(m->names[i], name))
			return m->conds[i];
	return NULL;
}

static int expand(const char *text, struct macros *m, size_t max, struct base_buf *out, struct cond_error *err)
{
	struct cond *c;
	int r;

	assert_int_equal(parse(text, &c, err), 0);
	r = cond_expand(&c, lookup, m, max, err);
	if (!r)
		cond_text(out, c);
	cond_free(c);
	return r;
}

static void expand_puts_macros_in_and_finds_loops(void **state)
{
	struct macros m = { .names = { "m", "n", "loop", "back" } };
	static const char *const texts[] = { "n or evt.type=open", "proc.name=x", "back", "not loop" };
	struct cond_error err;
	struct base_buf b = { 0 };

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(parse(texts[i], &m.conds[i], &err), 0);
	assert_int_equal(expand("m and not n", &m, 100, &b, &err), 0);
	assert_string_equal(b.p, "((proc.name = x or evt.type = open) and not proc.name = x)");
	assert_int_equal(expand("n and nosuch", &m, 100, &b, &err), -EINVAL);
	assert_string_equal(err.msg, "Undefined macro 'nosuch' used in filter.");
	assert_int_equal(err.pos.idx, 6);
	/* a loop goes before anything undefined */
	assert_int_equal(expand("nosuch or loop", &m, 100, &b, &err), -EINVAL);
	assert_string_equal(err.msg, "reference loop in macro 'loop'");
	for (unsigned i = 0; i < 4; i++)
		cond_free(m.conds[i]);
	buf_fini(&b);
}

static void expand_growth_beyond_limit_is_refused(void **state)
{
	struct macros m = { .names = { "a", "b", "c", "d" } };
	static const char *const texts[] = { "b and b and b and b", "c and c and c and c", "d and d and d and d", "evt.type=open or evt.type=close" };
	struct cond_error err;
	struct base_buf b = { 0 };

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(parse(texts[i], &m.conds[i], &err), 0);
	assert_int_equal(expand("a", &m, 100000, &b, &err), 0);
	assert_int_equal(expand("a", &m, 100, &b, &err), -E2BIG);
	for (unsigned i = 0; i < 4; i++)
		cond_free(m.conds[i]);
	buf_fini(&b);
}

struct chain {
	char name[16];
	struct cond *cond;
};

static const struct cond *chain_lookup(void *arg, const char *name)
{
	return ((struct chain *)arg)[atoi(name + 1)].cond;
}

/* Macro i wraps macro i + 1; the last of them is a check. */
static int expand_chain(const char *fmt, unsigned n, struct base_buf *text)
{
	struct chain *m = calloc(n + 1, sizeof(*m));
	struct cond_error err;
	struct cond *c;
	char buf[64];
	int r;

	for (unsigned i = 0; i <= n; i++) {
		snprintf(buf, sizeof(buf), i < n ? fmt : "evt.type=open", i + 1);
		assert_int_equal(parse(buf, &m[i].cond, &err), 0);
	}
	assert_int_equal(parse("m0", &c, &err), 0);
	r = cond_expand(&c, chain_lookup, m, 10000000, &err);
	if (!r) {
		struct evt_set s;

		cond_text(text, c);
		cond_events(c, &s);
		assert_int_equal(cond_check(c, "syscall", NULL, NULL, NULL, &err), 0);
	}
	cond_free(c);
	for (unsigned i = 0; i <= n; i++)
		cond_free(m[i].cond);
	free(m);
	return r;
}

static void expand_deep_chains_are_bounded(void **state)
{
	struct base_buf b = { 0 };

	(void)state;
	assert_int_equal(expand_chain("m%u", 3000, &b), 0);
	assert_string_equal(b.p, "evt.type = open");
	assert_int_equal(expand_chain("m%u", 100000, &b), -E2BIG);
	assert_int_equal(expand_chain("not (m%u and evt.type=close)", 1300, &b), 0);
	assert_int_equal(expand_chain("not (m%u and evt.type=close)", 20000, &b), -E2BIG);
	buf_fini(&b);
}

/* ---- warnings ---------------------------------------------------------------------------------- */

static void note(void *arg, const char *code, const char *msg, struct cond_pos pos)
{
	buf_fmt(arg, "%s@%d: %s\n", code, pos.line == UINT32_MAX ? -1 : (int)pos.idx, msg);
}

static void check_warnings_come_as_the_reference_gives_them(void **state)
{
	static const struct {
		const char *text, *warnings;
	} cases[] = {
		{ "proc.name=bash", "" },
		{ "proc.name=proc.pname", "LOAD_COMPILE_CONDITION@10: 'proc.pname' may be a valid field misused as a const string value\n" },
		{ "proc.name in (a, \"tolower( x )\")", "LOAD_COMPILE_CONDITION@13: 'tolower( x )' may be a valid field transformer misused as a const string value\n" },
		{ "proc.name regex \"^ba.*\"", "LOAD_COMPILE_CONDITION@16: regex check with '^ba.*' may be optimized with simpler operators such as '=', 'contains', "
					       "'startswith', 'endswith'\n" },
		{ "proc.name regex \"b.h\"", "" },
		{ "evt.latency.ns=0 and evt.dir=<", "LOAD_DEPRECATED_ITEM@-1: due to the drop of enter events, 'evt.dir = <' always evaluates to true, and "
						    "'evt.dir = >' always evaluates to false. The rule expression can be simplified by removing the condition on "
						    "'evt.dir'\nLOAD_DEPRECATED_ITEM@-1: field is not available due to the drop of enter events.\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct base_buf b = { 0 };
		struct cond_error err;
		struct cond *c;

		assert_int_equal(parse(cases[i].text, &c, &err), 0);
		if (cond_check(c, "syscall", NULL, note, &b, &err))
			fail_msg("%s: %s", cases[i].text, err.msg);
		assert_string_equal(b.p ? b.p : "", cases[i].warnings);
		cond_free(c);
		buf_fini(&b);
	}
}

static void check_na_comparison_of_audit_field_warns_before_it_fails(void **state)
{
	struct base_buf b = { 0 };
	struct cond_error err;
	struct cond *c;

	(void)state;
	assert_int_equal(parse("ka.verb in (a, <NA>)", &c, &err), 0);
	assert_int_equal(cond_check(c, "k8s_audit", NULL, note, &b, &err), -EINVAL);
	assert_string_equal(b.p, "LOAD_UNSAFE_NA_CHECK@-1: \n");
	cond_free(c);
	buf_fini(&b);
}

/* ---- event types -------------------------------------------------------------------------------- */

static unsigned size(const struct evt_set *s)
{
	unsigned n = 0;

	for (unsigned t = 0; t < EVT_TYPE_MAX; t++)
		n += evt_set_has(s, t);
	return n;
}

static void event_types_follow_the_algebra(void **state)
{
	static const struct {
		const char *text;
		int open, close, generic, all; /* -1: whatever */
	} cases[] = {
		{ "evt.type=open", 1, 0, 0, 0 },
		{ "evt.type!=open", 0, 1, 1, 0 },
		{ "not evt.type!=open", 1, 0, 0, 0 },
		{ "evt.type in (open, close)", 1, 1, 0, 0 },
		{ "evt.type=open and proc.name=x", 1, 0, 0, 0 },
		{ "evt.type=open or proc.name=x", 1, 1, 1, 1 },
		{ "not proc.name=x", 1, 1, 1, 1 },
		{ "not (evt.type=open or proc.name=x)", 0, 1, 1, 0 },
		{ "not (evt.type=open and proc.name=x)", 1, 1, 1, 1 },
		{ "evt.type=getpid", 0, 0, 1, 0 },
		{ "not evt.type=getpid", 1, 1, 0, 0 },
		{ "evt.type exists", 1, 1, 1, 1 },
		{ "not evt.type exists", 0, 0, 0, 0 },
		{ "evt.type contains open", 1, 1, 1, 1 },
		{ "not evt.type contains open", 1, 1, 1, 1 },
		{ "evt.type = anyof (open)", 1, 1, 1, 1 },
		{ "syscall.type=open", 1, 0, 0, 0 },
		{ "evt.num=0", 0, 0, 0, 0 },
		{ "evt.num in (0, 0)", 0, 0, 0, 0 },
		{ "evt.num in (0, 1)", 1, 1, 1, 1 },
		{ "evt.num < 1", 0, 0, 0, 0 },
		{ "not evt.num < 1", 1, 1, 1, 1 },
		{ "not evt.num > 0", 0, 0, 0, 0 },
		{ "evt.num > 1", 1, 1, 1, 1 },
		{ "not evt.num > 1", 1, 1, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct evt_set s, with;
		struct cond_error err;
		struct cond *c;

		assert_int_equal(parse(cases[i].text, &c, &err), 0);
		cond_event_codes(c, &s);
		cond_events(c, &with);
		if (evt_set_has(&s, PPME_SYSCALL_OPEN_X) != cases[i].open || evt_set_has(&s, PPME_SYSCALL_CLOSE_X) != cases[i].close ||
		    evt_set_has(&s, PPME_GENERIC_X) != cases[i].generic || (size(&s) == EVT_TYPE_MAX) != cases[i].all)
			fail_msg("%s: %u types", cases[i].text, size(&s));
		assert_true(evt_set_has(&with, PPME_ASYNCEVENT_E));
		cond_free(c);
	}
}

static bool wants(const char *text, const char *syscall)
{
	struct cond_error err;
	struct sc_set s;
	struct cond *c;
	bool yes;

	assert_int_equal(parse(text, &c, &err), 0);
	cond_syscalls(c, &s);
	yes = sc_set_has(&s, evt_syscall_by_name(syscall, strlen(syscall))->code);
	cond_free(c);
	return yes;
}

static void syscalls_follow_the_algebra(void **state)
{
	(void)state;
	assert_true(wants("evt.type=open", "open"));
	assert_false(wants("evt.type=open", "openat"));
	assert_true(wants("evt.type in (getpid, open)", "getpid"));
	assert_false(wants("evt.type in (getpid, open)", "getppid"));
	assert_false(wants("evt.type!=getpid", "getpid"));
	assert_true(wants("evt.type!=getpid", "getppid"));
	assert_true(wants("proc.name=x", "close"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_bad_text_is_refused_where_and_as_the_reference_does),
		cmocka_unit_test(check_wrong_types_are_refused_as_the_reference_does),
		cmocka_unit_test(check_literal_length_limit_is_that_of_the_reference),
		cmocka_unit_test(text_is_that_of_describe),
		cmocka_unit_test(parse_depth_limit_is_that_of_the_reference),
		cmocka_unit_test(parse_position_counts_lines_and_columns),
		cmocka_unit_test(expand_puts_macros_in_and_finds_loops),
		cmocka_unit_test(expand_growth_beyond_limit_is_refused),
		cmocka_unit_test(expand_deep_chains_are_bounded),
		cmocka_unit_test(check_warnings_come_as_the_reference_gives_them),
		cmocka_unit_test(check_na_comparison_of_audit_field_warns_before_it_fails),
		cmocka_unit_test(event_types_follow_the_algebra),
		cmocka_unit_test(syscalls_follow_the_algebra),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
