/* Transformers: their values on given fields, and missing or unknown ones. */
#include "lang_fake.h"

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

/* Does the condition hold? -1 when it is refused. */
static int holds(const char *text)
{
	struct cond_error err;
	struct cond *c = fake_cond(text, &err);
	int r;

	if (!c) {
		print_message("%s: %s\n", text, err.msg);
		return -1;
	}
	r = cond_interpret(&ev.ctx, c);
	cond_free(c);
	return r;
}

static void transformers_of_one_string_give_their_text(void **state)
{
	(void)state;
	fake_str(&ev, FK_S1, "AbC/Def");
	assert_int_equal(holds("tolower(f.s1) = abc/def"), 1);
	assert_int_equal(holds("toupper(f.s1) = ABC/DEF"), 1);
	assert_int_equal(holds("basename(f.s1) = Def"), 1);
	assert_int_equal(holds("tolower(basename(f.s1)) in (def)"), 1);
	assert_int_equal(holds("len(f.s1) = 7"), 1);
	assert_int_equal(holds("len(basename(f.s1)) = 3"), 1);
	fake_str(&ev, FK_S1, "dir/");
	assert_int_equal(holds("basename(f.s1) = \"\""), 1);
	fake_str(&ev, FK_S1, "plain");
	assert_int_equal(holds("basename(f.s1) = plain"), 1);
	fake_str(&ev, FK_S1, "");
	assert_int_equal(holds("len(f.s1) = 0"), 1);
	assert_int_equal(holds("tolower(f.s1) = \"\""), 1);
}

static void b64_of_good_and_bad_text_is_decoded_or_missing(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: no value */
	} cases[] = {
		{ "aGVsbG8=", "hello" }, { "aGVsbG8", "hello" }, { "aGVsbG8h", "hello!" }, { "aGVs", "hel" }, { "aGU=", "he" }, { "aA==", "h" }, { "aA", "h" },
		{ "", "" },		 { "=", NULL },		 { "a", NULL },		   { "aGVsbG9", NULL }, { "aG Vs", NULL }, { "a===", NULL }, { "\xff\xff\xff\xff", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];

		fake_str(&ev, FK_S1, cases[i].in);
		snprintf(text, sizeof(text), "b64(f.s1) = \"%s\"", cases[i].out ? cases[i].out : "");
		if (holds(text) != !!cases[i].out)
			fail_msg("%s", cases[i].in);
		assert_int_equal(holds("b64(f.s1) exists"), !!cases[i].out);
	}
}

static void b64_of_bytes_keeps_the_terminator(void **state)
{
	(void)state;
	fake_str(&ev, FK_BYTES, "aGVsbG8=");
	assert_int_equal(holds("b64(f.bytes) startswith hello"), 1);
	assert_int_equal(holds("b64(f.bytes) = hello"), 0);
	assert_int_equal(holds("len(b64(f.bytes)) = 6"), 1);
	assert_int_equal(holds("b64(f.bytes) bcontains 6f00"), 1);
}

static void missing_argument_makes_the_result_missing(void **state)
{
	(void)state;
	fake_str(&ev, FK_S1, NULL);
	fake_str(&ev, FK_S2, "a");
	assert_int_equal(holds("tolower(f.s1) exists"), 0);
	assert_int_equal(holds("len(f.s1) = 0"), 0);
	assert_int_equal(holds("concat(f.s2, f.s1) exists"), 0);
	assert_int_equal(holds("join(\",\", (f.s2, f.s1)) exists"), 0);
	assert_int_equal(holds("not tolower(f.s1) = x"), 1);
	ev.world.rc[FK_S1] = -EAGAIN;
	assert_int_equal(holds("tolower(f.s1) exists"), -EAGAIN);
	assert_int_equal(holds("concat(f.s2, f.s1) exists"), -EAGAIN);
	assert_int_equal(holds("f.s2 = tolower(f.s1)"), -EAGAIN);
}

static void several_values_are_joined_and_concatenated(void **state)
{
	(void)state;
	fake_str(&ev, FK_S1, "a");
	fake_str(&ev, FK_S2, "b");
	fake_num(&ev, FK_I, -5);
	assert_int_equal(holds("concat(f.s1, f.s2) = ab"), 1);
	assert_int_equal(holds("concat(f.s1, \"-\", tolower(f.s2), 12) = a-b12"), 1);
	assert_int_equal(holds("join(\", \", (f.s1, f.s2, \"c\")) = \"a, b, c\""), 1);
	assert_int_equal(holds("join(\",\", (f.i, f.s1)) = -5,a"), -1); /* a comma ends a bare word */
	assert_int_equal(holds("join(\",\", (f.i, f.s1)) = \"-5,a\""), 1);
	assert_int_equal(holds("join(\",\", ()) = \"\""), 1);
	assert_int_equal(holds("len((f.s1, f.s2)) = 2"), 1);
}

static void lists_are_mapped_and_counted(void **state)
{
	struct eval_val items[2];

	(void)state;
	val_str(&items[0], "A", 1);
	val_str(&items[1], "B", 1);
	ev.world.rc[FK_LIST] = 1;
	ev.world.val[FK_LIST] = (struct eval_val){ .type = PT_CHARBUF, .is_list = true, .items = items, .count = 2 };
	assert_int_equal(holds("len(f.list) = 2"), 1);
	assert_int_equal(holds("join(\"\", tolower(f.list)) = ab"), 1);
	assert_int_equal(holds("f.list in (A, B, C)"), 1);
	assert_int_equal(holds("f.list in (A)"), 0);
	assert_int_equal(holds("f.list intersects (B)"), 1);
	assert_int_equal(holds("f.list intersects (C)"), 0);
	/* elements of a transformed list carry a terminator and equal no literal */
	assert_int_equal(holds("tolower(f.list) intersects (a)"), 0);
	assert_int_equal(holds("tolower(f.list) in tolower(f.list)"), 1);
}

static void getopt_follows_posix_short_options(void **state)
{
	struct eval_val items[6];
	static const char *const args[] = { "-ab", "--long", "-c", "val", "rest", "-z" };

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		val_str(&items[i], args[i], strlen(args[i]));
	ev.world.rc[FK_LIST] = 1;
	ev.world.val[FK_LIST] = (struct eval_val){ .type = PT_CHARBUF, .is_list = true, .items = items, .count = 6 };
	assert_int_equal(holds("join(\"|\", getopt(f.list, \"abc:\")) = x"), -1); /* its result is no list for join */
	assert_int_equal(holds("getopt(f.list, \"abc:\") in (a, b, c, val)"), 1);
	assert_int_equal(holds("getopt(f.list, \"abc:\") intersects (z)"), 0);
	assert_int_equal(holds("getopt(f.list, \"ac:\") intersects (\"?\")"), 1);
	assert_int_equal(holds("getopt(f.list, \"abc:\")[c] = val"), 1);
	assert_int_equal(holds("getopt(f.list, \"abc:\")[a] = a"), 1);
	assert_int_equal(holds("getopt(f.list, \"abc:\")[z] exists"), 0);
	assert_int_equal(holds("getopt(f.list, \"a:c:\")[a] = b"), 1);
	ev.world.val[FK_LIST].count = 3; /* -c without its value */
	assert_int_equal(holds("getopt(f.list, \"abc:\")[c] = \"\""), 1);
	assert_int_equal(holds("getopt((\"-x\", \"--\", \"-y\"), \"xy\")[y] exists"), 0);
}

static void right_sides_are_compared_with_their_types(void **state)
{
	(void)state;
	fake_str(&ev, FK_S1, "abc");
	fake_str(&ev, FK_S2, "ABC");
	fake_num(&ev, FK_I, 3);
	assert_int_equal(holds("f.s1 = tolower(f.s2)"), 1);
	assert_int_equal(holds("f.s1 = val(f.s2)"), 0);
	assert_int_equal(holds("f.s1 > val(f.s2)"), 1);
	assert_int_equal(holds("f.s1 contains val(f.s1)"), 1);
	assert_int_equal(holds("f.s1 icontains val(f.s2)"), 1);
	assert_int_equal(holds("f.s1 in val(f.s1)"), 1);
	assert_int_equal(holds("f.s1 in tolower(f.s2)"), 0); /* the terminator again */
	assert_int_equal(holds("f.i = val(f.i)"), 1);
	assert_int_equal(holds("f.i < val(f.i)"), 0);
	fake_str(&ev, FK_S2, "a*");
	assert_int_equal(holds("f.s1 glob val(f.s2)"), 1);
	fake_str(&ev, FK_S2, "A[!x]?");
	assert_int_equal(holds("f.s1 glob val(f.s2)"), 0);
	assert_int_equal(holds("f.s1 iglob val(f.s2)"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(transformers_of_one_string_give_their_text, setup, teardown),
		cmocka_unit_test_setup_teardown(b64_of_good_and_bad_text_is_decoded_or_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(b64_of_bytes_keeps_the_terminator, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_argument_makes_the_result_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(several_values_are_joined_and_concatenated, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_are_mapped_and_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(getopt_follows_posix_short_options, setup, teardown),
		cmocka_unit_test_setup_teardown(right_sides_are_compared_with_their_types, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
