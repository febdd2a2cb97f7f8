/* Map from strings to numbers. */
#include "base/strmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void strmap_keeps_every_key_through_growth(void **state)
{
	enum { N = 5000 };
	static char keys[N][8];
	struct strmap m = { 0 };

	(void)state;
	assert_int_equal(strmap_get(&m, "x", 1), STRMAP_NONE);
	for (uint32_t i = 0; i < N; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%u", i);
		assert_int_equal(strmap_set(&m, keys[i], strlen(keys[i]), i), 0);
	}
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(strmap_get(&m, keys[i], strlen(keys[i])), i);
	assert_int_equal(m.count, N);
	assert_int_equal(strmap_get(&m, "k", 1), STRMAP_NONE);
	assert_int_equal(strmap_get(&m, "k5000", 5), STRMAP_NONE);
	strmap_fini(&m);
	assert_int_equal(strmap_get(&m, "k1", 2), STRMAP_NONE);
}

static void strmap_set_again_replaces_the_number(void **state)
{
	struct strmap m = { 0 };

	(void)state;
	assert_int_equal(strmap_set(&m, "a", 1, 1), 0);
	assert_int_equal(strmap_set(&m, "a", 1, 2), 0);
	assert_int_equal(strmap_get(&m, "a", 1), 2);
	assert_int_equal(m.count, 1);
	strmap_fini(&m);
}

static void strmap_keys_are_bytes_of_any_kind(void **state)
{
	struct strmap m = { 0 };

	(void)state;
	assert_int_equal(strmap_set(&m, "", 0, 1), 0);
	assert_int_equal(strmap_set(&m, "\0", 1, 2), 0);
	assert_int_equal(strmap_set(&m, "\0\0", 2, 3), 0);
	assert_int_equal(strmap_set(&m, "12345678", 8, 4), 0);
	assert_int_equal(strmap_set(&m, "12345678\0", 9, 5), 0);
	assert_int_equal(strmap_get(&m, "", 0), 1);
	assert_int_equal(strmap_get(&m, "\0", 1), 2);
	assert_int_equal(strmap_get(&m, "\0\0", 2), 3);
	assert_int_equal(strmap_get(&m, "12345678", 8), 4);
	assert_int_equal(strmap_get(&m, "12345678\0", 9), 5);
	strmap_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strmap_keeps_every_key_through_growth),
		cmocka_unit_test(strmap_set_again_replaces_the_number),
		cmocka_unit_test(strmap_keys_are_bytes_of_any_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
