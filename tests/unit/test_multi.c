/* multi: against memmem, on random texts over a small alphabet; and what globs promise to contain. */
#include "eval/cmp.h"
#include "eval/multi.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t x = 1;

static uint32_t rnd(uint32_t n)
{
	x = x * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(x >> 8) * n) >> 24);
}

static void random_text(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		s[i] = (char)('a' + rnd(3));
}

static void mark(void *arg, uint32_t id)
{
	((bool *)arg)[id] = true;
}

static void finds_what_memmem_finds(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		struct multi *m = multi_new();
		char part[20][8], text[60];
		unsigned n = 1 + rnd(20), len[20];
		size_t tlen = rnd(60);

		for (unsigned i = 0; i < n; i++) {
			len[i] = 1 + rnd(7);
			random_text(part[i], len[i]);
			assert_int_equal(multi_add(m, part[i], len[i], i), 0);
		}
		assert_int_equal(multi_build(m), 0);
		random_text(text, tlen);
		bool seen[20] = { false };

		multi_visit(m, text, tlen, mark, seen);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(seen[i], memmem(text, tlen, part[i], len[i]) != NULL);
		multi_free(m);
	}
}

static void too_much_is_refused(void **state)
{
	struct multi *m = multi_new();
	char all[256];

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (char)i;
	assert_int_equal(multi_add(m, all, sizeof(all), 0), 0);
	assert_int_equal(multi_build(m), -E2BIG);
	multi_free(m);
}

static void glob_has_its_literal(void **state)
{
	static const struct {
		const char *pattern, *literal;
	} cases[] = {
		{ "/proc/*/environ", "/environ" }, { "*", "" }, { "abc", "abc" }, { "a[xyz]bcd?e", "bcd" }, { "ab\\*cde", "cde" },
		{ "abc[de", "abc" }, { "*../*../*", "../" }, { "", "" }, { "x\\", "x" }, { "[a]b[c", "b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len;
		const char *s = glob_literal(cases[i].pattern, strlen(cases[i].pattern), &len);

		assert_int_equal(len, strlen(cases[i].literal));
		assert_memory_equal(s, cases[i].literal, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_memmem_finds),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(glob_has_its_literal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
