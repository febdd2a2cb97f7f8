/* Operators on values; globs and path sets against plain models. */
#include "lang_fake.h"
#include "eval/cmp.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct fake_event ev;

static int setup(void **state)
{
	(void)state;
	fake_event_init(&ev);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_event_fini(&ev);
	return 0;
}

static int holds(const char *text)
{
	struct cond_error err;
	struct cond *c = fake_cond(text, &err);
	int r;

	if (!c)
		fail_msg("%s: %s", text, err.msg);
	r = cond_interpret(&ev.ctx, c);
	cond_free(c);
	return r;
}

struct expect {
	const char *text;
	int holds;
};

static void expect_all(const struct expect *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (holds(e[i].text) != e[i].holds)
			fail_msg("%s: not %d", e[i].text, e[i].holds);
}
#define EXPECT(...)                                                                                \
	do {                                                                                       \
		static const struct expect list[] = { __VA_ARGS__ };                               \
		expect_all(list, sizeof(list) / sizeof(list[0]));                                  \
	} while (0)

static void strings_compare_by_bytes(void **state)
{
	(void)state;
	fake_str(&ev, FK_S1, "/etc/Passwd");
	EXPECT({ "f.s1 = /etc/Passwd", 1 }, { "f.s1 == /etc/passwd", 0 }, { "f.s1 != /etc/passwd", 1 }, { "f.s1 contains /Pass", 1 },
	       { "f.s1 contains \"\"", 1 }, { "f.s1 icontains pASS", 1 }, { "f.s1 icontains paxs", 0 }, { "f.s1 startswith /etc", 1 },
	       { "f.s1 startswith etc", 0 }, { "f.s1 endswith wd", 1 }, { "f.s1 endswith \"\"", 1 }, { "f.s1 glob /etc/*", 1 },
	       { "f.s1 glob *wd", 1 }, { "f.s1 glob etc*", 0 }, { "f.s1 iglob /ETC/p*", 1 }, { "f.s1 regex \"/etc/.*\"", 1 },
	       { "f.s1 regex etc", 0 }, { "f.s1 in (a, /etc/Passwd)", 1 }, { "f.s1 in ()", 0 }, { "f.s1 intersects (/etc/Passwd)", 1 },
	       { "f.s1 pmatch (/etc)", 1 }, { "f.s1 pmatch (/etc/Pass)", 0 }, { "f.s1 pmatch (/et?)", 1 }, { "f.s1 pmatch (/)", 1 },
	       { "f.s1 exists", 1 });
}

static void missing_value_fails_every_comparison(void **state)
{
	(void)state;
	fake_str(&ev, FK_S1, NULL);
	EXPECT({ "f.s1 = a", 0 }, { "f.s1 != a", 0 }, { "not f.s1 = a", 1 }, { "not f.s1 != a", 1 }, { "f.s1 exists", 0 }, { "not f.s1 exists", 1 },
	       { "f.s1 in ()", 0 }, { "f.s1 contains \"\"", 0 });
}

static void strings_end_at_a_nul_but_sets_see_all(void **state)
{
	(void)state;
	ev.world.rc[FK_S1] = 1;
	val_str(&ev.world.val[FK_S1], "ab\0cd", 5);
	EXPECT({ "f.s1 = ab", 1 }, { "f.s1 in (ab)", 0 }, { "f.s1 contains cd", 0 }, { "f.s1 endswith ab", 1 }, { "f.s1 glob ab", 1 });
	val_str(&ev.world.val[FK_S1], "ab\0", 3);
	EXPECT({ "f.s1 = ab", 1 }, { "f.s1 in (ab)", 1 });
}

static void modifiers_count_matching_literals(void **state)
{
	(void)state;
	fake_str(&ev, FK_S1, "abc");
	EXPECT({ "f.s1 = anyof (x, abc)", 1 }, { "f.s1 = oneof (abc, abc)", 0 }, { "f.s1 = oneof (abc, x)", 1 }, { "f.s1 = allof (abc, abc)", 1 },
	       { "f.s1 != allof (x, y)", 1 }, { "f.s1 != allof (x, abc)", 0 }, { "f.s1 != anyof (x, abc)", 1 }, { "f.s1 startswith oneof (a, ab)", 0 },
	       { "f.s1 contains allof (a, b, c)", 1 }, { "f.s1 contains allof (a, z)", 0 }, { "f.s1 startswith anyof ()", 0 },
	       { "f.s1 contains allof ()", 0 }, { "f.s1 regex anyof (\"^b\", \"a.c\")", 1 }, { "f.s1 glob oneof (a*, b*)", 1 });
	fake_str(&ev, FK_OWN, "b");
	/* a field that compares itself asks for the first literal only */
	EXPECT({ "own.s = anyof (z, b)", 0 }, { "own.s = anyof (xb, z)", 1 }, { "own.s in (z, b)", 1 });
}

static void numbers_keep_sign_and_width(void **state)
{
	(void)state;
	fake_num(&ev, FK_I, -3);
	fake_num(&ev, FK_U16, 443);
	EXPECT({ "f.i < 0", 1 }, { "f.i = -3", 1 }, { "f.i >= -3", 1 }, { "f.i > 18446744073709551615", 0 }, { "f.i in (1, -3)", 1 },
	       { "f.port = https", 1 }, { "f.port = 443", 1 }, { "f.port = 65979", 1 }, { "f.port < 1024", 1 }, { "f.port = \"\"", 0 });
	fake_num(&ev, FK_BOOL, 1);
	EXPECT({ "f.bool = true", 1 }, { "f.bool != false", 1 }, { "f.bool in (false)", 0 });
	ev.world.rc[FK_DBL] = 1;
	ev.world.val[FK_DBL] = (struct eval_val){ .type = PT_DOUBLE, .d = 1.5 };
	EXPECT({ "f.dbl > 1", 1 }, { "f.dbl < 2", 1 }, { "f.dbl = 1", 0 });
}

static void raw_arguments_are_reread_in_the_type_of_the_event(void **state)
{
	(void)state;
	ev.world.rc[FK_RAW] = 1;
	val_i64(&ev.world.val[FK_RAW], PT_INT64, 65535);
	EXPECT({ "evt.rawarg = 65535", 1 }, { "evt.rawarg = -1", 1 }, { "evt.rawarg > 1", 1 }, { "evt.rawarg in (65535)", 0 });
	val_i64(&ev.world.val[FK_RAW], PT_INT8, -1);
	EXPECT({ "evt.rawarg = 255", 1 }, { "evt.rawarg < 0", 1 });
	val_str(&ev.world.val[FK_RAW], "1", 1);
	EXPECT({ "evt.rawarg = 1", 0 });
}

static void addresses_and_networks_know_their_family(void **state)
{
	static const char v4[] = { 10, 1, 2, 3 }, v6[16] = { 0x20, 0x01, [15] = 1 };

	(void)state;
	ev.world.rc[FK_IP] = ev.world.rc[FK_NET] = 1;
	ev.world.val[FK_IP] = (struct eval_val){ .type = PT_IPADDR, .s = v4, .len = 4 };
	ev.world.val[FK_NET] = (struct eval_val){ .type = PT_IPNET, .s = v4, .len = 4 };
	EXPECT({ "f.ip = 10.1.2.3", 1 }, { "f.ip != ::1", 1 }, { "f.ip = ::1", 0 }, { "f.ip in (::1, 10.1.2.3)", 1 }, { "f.net = 10.0.0.0/8", 1 },
	       { "f.net = 10.1.2.3/32", 1 }, { "f.net = 10.1.3.0/24", 0 }, { "f.net = 0.0.0.0/0", 1 }, { "f.net = 10.1.0.0/15", 1 },
	       { "f.net = 10.2.0.0/15", 0 }, { "f.net != ::/1", 1 }, { "f.net in (1.0.0.0/8, 10.1.2.0/23)", 1 }, { "f.net = anyof (10.0.0.0/8)", 0 },
	       { "f.net = oneof (10.0.0.0/8)", 1 }, { "f.net != allof (10.0.0.0/8)", 1 });
	ev.world.val[FK_NET] = (struct eval_val){ .type = PT_IPNET, .s = v6, .len = 16 };
	EXPECT({ "f.net = 2001::/16", 1 }, { "f.net = 2000::/3", 1 }, { "f.net = 2001::1/128", 1 }, { "f.net = 2001::2/128", 0 }, { "f.net = 2001::2/126", 1 });
}

static void regex_reads_broken_utf8_as_replacement(void **state)
{
	(void)state;
	fake_str(&ev, FK_S1, "a\xff" "b");
	EXPECT({ "f.s1 regex \"a.b\"", 1 }, { "f.s1 regex \"a\xef\xbf\xbd" "b\"", 1 });
	fake_str(&ev, FK_S1, "a\xe2\x82" "b"); /* the start of a sequence is one replacement */
	EXPECT({ "f.s1 regex \"a.b\"", 1 }, { "f.s1 regex \"a..b\"", 0 });
}

static void glob_agrees_with_fnmatch(void **state)
{
	static const char alphabet[] = "ab*?[]!-\\^/.Z";
	uint64_t x = 7;
	char pattern[10], text[8];
	unsigned matches = 0;

	(void)state;
	for (unsigned round = 0; round < 400000; round++) {
		bool fold = round & 1, want;
		size_t n, m;
		struct glob *g;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		n = x % 9;
		m = x / 16 % 7;
		for (size_t i = 0; i < n; i++)
			pattern[i] = alphabet[(x >> (8 + i * 5)) % 13];
		for (size_t i = 0; i < m; i++)
			text[i] = alphabet[(x >> (11 + i * 6)) % 13];
		pattern[n] = text[m] = '\0';
		g = glob_new(pattern, n, fold);
		want = !fnmatch(pattern, text, fold ? FNM_CASEFOLD : 0);
		if (glob_match(g, text, m) != want)
			fail_msg("\"%s\" on \"%s\"%s: fnmatch says %d", pattern, text, fold ? " (fold)" : "", want);
		matches += want;
		glob_free(g);
	}
	assert_true(matches > 1000);
}

static void glob_hostile_pattern_is_quick(void **state)
{
	char pattern[201], *text = malloc(60000);
	struct glob *g;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		memcpy(pattern + 2 * i, "*a", 3);
	memset(text, 'a', 60000);
	text[59999] = 'b';
	g = glob_new(pattern, 200, false);
	assert_false(glob_match(g, text, 60000));
	glob_free(g);
	free(text);
}

/* Model: some listed path's components are the first ones of the subject's. */
static bool model_pmatch(const char *listed, const char *subject)
{
	for (;;) {
		size_t n, m;

		listed += strspn(listed, "/");
		subject += strspn(subject, "/");
		n = strcspn(listed, "/");
		m = strcspn(subject, "/");
		if (!n)
			return true;
		if (!m)
			return false;
		if (strpbrk(listed, "*?[") && strpbrk(listed, "*?[") < listed + n) {
			char p[64], s[64];

			snprintf(p, sizeof(p), "%.*s", (int)n, listed);
			snprintf(s, sizeof(s), "%.*s", (int)m, subject);
			if (fnmatch(p, s, 0))
				return false;
		} else if (n != m || memcmp(listed, subject, n)) {
			return false;
		}
		listed += n;
		subject += m;
	}
}

struct hits {
	bool seen[8];
};

static void note_hit(void *arg, uint32_t id)
{
	((struct hits *)arg)->seen[id] = true;
}

static void path_sets_agree_with_model(void **state)
{
	static const char alphabet[] = "//ab*?";
	uint64_t x = 99;

	(void)state;
	for (unsigned round = 0; round < 100000; round++) {
		struct path_set *p = path_set_new();
		char paths[4][12], subject[12];
		struct hits h = { 0 };
		bool any = false;

		for (unsigned k = 0; k < 5; k++) {
			char *s = k < 4 ? paths[k] : subject;
			size_t n;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			n = x % 9;
			for (size_t i = 0; i < n; i++)
				s[i] = alphabet[(x >> (9 + i * 5)) % (k < 4 ? 6 : 4)];
			s[n] = '\0';
		}
		for (unsigned k = 0; k < 4; k++)
			assert_int_equal(path_set_add(p, paths[k], strlen(paths[k]), k), 0);
		path_set_visit(p, subject, strlen(subject), note_hit, &h);
		for (unsigned k = 0; k < 4; k++) {
			bool want = model_pmatch(paths[k], subject);

			any |= want;
			if (h.seen[k] != want)
				fail_msg("\"%s\" in \"%s\": %d", subject, paths[k], want);
		}
		assert_int_equal(path_set_match(p, subject, strlen(subject)), any);
		path_set_free(p);
	}
}

static void sets_find_what_was_added(void **state)
{
	struct cmp_set s = { 0 };
	char names[2000][8];
	uint32_t id;

	(void)state;
	for (uint32_t i = 0; i < 2000; i++) {
		snprintf(names[i], sizeof(names[i]), "n%u", i);
		assert_int_equal(set_add(&s, (struct set_key){ .s = names[i], .len = (uint32_t)strlen(names[i]) }, &id), 0);
		assert_int_equal(id, 2 * i);
		assert_int_equal(set_add(&s, (struct set_key){ .len = SET_NUMBER, .u = i }, &id), 0);
	}
	for (uint32_t i = 0; i < 2000; i++) {
		assert_int_equal(set_find(&s, (struct set_key){ .s = names[i], .len = (uint32_t)strlen(names[i]) }), 2 * i);
		assert_int_equal(set_find(&s, (struct set_key){ .len = SET_NUMBER, .u = i }), 2 * i + 1);
	}
	assert_int_equal(set_find(&s, (struct set_key){ .len = SET_NUMBER, .u = 5000 }), -1);
	assert_int_equal(set_find(&s, (struct set_key){ .s = "nope", .len = 4 }), -1);
	assert_int_equal(set_add(&s, (struct set_key){ .s = names[7], .len = 2 }, &id), 0);
	assert_int_equal(id, 14);
	set_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strings_compare_by_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_value_fails_every_comparison, setup, teardown),
		cmocka_unit_test_setup_teardown(strings_end_at_a_nul_but_sets_see_all, setup, teardown),
		cmocka_unit_test_setup_teardown(modifiers_count_matching_literals, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_keep_sign_and_width, setup, teardown),
		cmocka_unit_test_setup_teardown(raw_arguments_are_reread_in_the_type_of_the_event, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_and_networks_know_their_family, setup, teardown),
		cmocka_unit_test_setup_teardown(regex_reads_broken_utf8_as_replacement, setup, teardown),
		cmocka_unit_test(glob_agrees_with_fnmatch),
		cmocka_unit_test(glob_hostile_pattern_is_quick),
		cmocka_unit_test(path_sets_agree_with_model),
		cmocka_unit_test(sets_find_what_was_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
