#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include <stdlib.h>
#include <string.h>

static void buf_appends_of_all_kinds_concatenates(void **state)
{
	struct base_buf b = { 0 };

	(void)state;
	buf_str(&b, "ab");
	buf_chr(&b, 'c');
	buf_add(&b, "\0d", 2);
	buf_pad(&b, ' ', 3);
	buf_u64(&b, UINT64_MAX);
	buf_i64(&b, INT64_MIN);
	buf_i64(&b, 0);
	buf_fmt(&b, "%s-%d", "x", 7);
	const char want[] = "abc\0d   18446744073709551615-92233720368547758080x-7";

	assert_int_equal(b.len, sizeof(want) - 1);
	assert_memory_equal(b.p, want, sizeof(want));
	buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.p, "");
	buf_fini(&b);
	assert_null(b.p);
}

static void buf_fmt_longer_than_room_grows(void **state)
{
	struct base_buf b = { 0 };
	char big[5000];

	(void)state;
	memset(big, 'q', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	buf_fmt(&b, "<%s>", big);
	assert_int_equal(b.len, 5001);
	assert_int_equal(b.p[0], '<');
	assert_int_equal(b.p[5000], '>');
	assert_int_equal(b.p[5001], 0);
	buf_fini(&b);
}

static void buf_reserve_absurd_size_fails_and_keeps_content(void **state)
{
	struct base_buf b = { 0 };

	(void)state;
	buf_str(&b, "kept");
	assert_false(buf_reserve(&b, SIZE_MAX));
	assert_true(b.failed);
	buf_str(&b, "lost");
	assert_string_equal(b.p, "kept");
	assert_null(buf_steal(&b));
}

static void buf_steal_empty_gives_empty_string(void **state)
{
	struct base_buf b = { 0 };
	char *s = buf_steal(&b);

	(void)state;
	assert_string_equal(s, "");
	free(s);
}

static void check_escape(const char *in, size_t len, const char *want)
{
	struct base_buf b = { 0 };

	buf_json_escape(&b, in, len);
	assert_string_equal(b.p, want);
	buf_fini(&b);
}

static void json_escape_control_and_quotes_escaped(void **state)
{
	(void)state;
	check_escape("a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\0z", 16, "a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000z");
	check_escape("", 0, "");
}

static void json_escape_valid_utf8_left_alone(void **state)
{
	const char *s = "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf\xf4\x8f\xbf\xbf";

	(void)state;
	check_escape(s, strlen(s), s);
}

static void json_escape_invalid_utf8_replaced_by_maximal_subparts(void **state)
{
#define R "\xef\xbf\xbd"
	(void)state;
	check_escape("a\xff" "b", 3, "a" R "b");
	check_escape("\xc0\x80", 2, R R);	      /* overlong */
	check_escape("\xe2\x82", 2, R);		      /* cut short at the end */
	check_escape("\xe2\x82(", 3, R "(");	      /* cut short by ASCII */
	check_escape("\xed\xa0\x80", 3, R R R);	      /* surrogate */
	check_escape("\xf0\x80\x80\x80", 4, R R R R); /* overlong */
	check_escape("\xf4\x90\x80\x80", 4, R R R R); /* beyond U+10FFFF */
	check_escape("\xf0\x9f\x98\xc3\xa9", 5, R "\xc3\xa9");
#undef R
}

static void arena_alloc_many_is_aligned_and_distinct(void **state)
{
	struct base_arena a;
	char *prev = NULL;

	(void)state;
	arena_init(&a);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 5000; i++) {
			char *p = arena_alloc(&a, 1 + i % 300);

			assert_int_equal((uintptr_t)p % 16, 0);
			memset(p, (int)i, 1 + i % 300);
			assert_ptr_not_equal(p, prev);
			prev = p;
		}
		arena_reset(&a);
	}
	arena_fini(&a);
}

static void arena_reset_after_steady_load_reuses_blocks(void **state)
{
	struct base_arena a;
	void *first;

	(void)state;
	arena_init(&a);
	first = arena_alloc(&a, 100);
	arena_alloc(&a, 100000);
	arena_reset(&a);
	assert_ptr_equal(arena_alloc(&a, 100), first);
	arena_fini(&a);
}

static void arena_fmt_long_text_is_complete(void **state)
{
	struct base_arena a;
	char big[1000];

	(void)state;
	arena_init(&a);
	memset(big, 'x', 999);
	big[999] = 0;
	assert_string_equal(arena_fmt(&a, "%s", big), big);
	assert_string_equal(arena_fmt(&a, "%d:%s", 5, "y"), "5:y");
	assert_string_equal(arena_strn(&a, "abc", 2), "ab");
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_appends_of_all_kinds_concatenates),
		cmocka_unit_test(buf_fmt_longer_than_room_grows),
		cmocka_unit_test(buf_reserve_absurd_size_fails_and_keeps_content),
		cmocka_unit_test(buf_steal_empty_gives_empty_string),
		cmocka_unit_test(json_escape_control_and_quotes_escaped),
		cmocka_unit_test(json_escape_valid_utf8_left_alone),
		cmocka_unit_test(json_escape_invalid_utf8_replaced_by_maximal_subparts),
		cmocka_unit_test(arena_alloc_many_is_aligned_and_distinct),
		cmocka_unit_test(arena_reset_after_steady_load_reuses_blocks),
		cmocka_unit_test(arena_fmt_long_text_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
