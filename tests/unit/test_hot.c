/* shard/hot.c: the busiest thread groups are found among many others. */
#include "shard/hot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void busy_groups_among_many_are_found_in_order(void **state)
{
	static struct hot h;
	struct hot_group top[3];
	uint32_t x = 1;

	(void)state;
	memset(&h, 0, sizeof(h));
	for (unsigned i = 0; i < 200000; i++) {
		x = x * 1664525u + 1013904223u;
		if (i % 4 == 0)
			hot_count(&h, 77);
		else if (i % 10 == 1)
			hot_count(&h, 4242);
		else
			hot_count(&h, 100000 + (x >> 12) % 50000);
	}
	assert_int_equal(hot_top(&h, 3, top, 0, 3), 3);
	assert_int_equal(top[0].tgid, 77);
	assert_int_equal(top[0].worker, 3);
	assert_int_equal(top[1].tgid, 4242);
	/* the true number is between the two */
	assert_true(top[0].count >= 50000 && top[0].count - top[0].error <= 50000);
	assert_true(top[1].count - top[1].error > 5000);
}

static void few_groups_are_counted_exactly(void **state)
{
	static struct hot a, b;
	struct hot_group top[4];
	unsigned n;

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	for (unsigned i = 0; i < 30; i++)
		hot_count(&a, i < 20 ? 1 : 2);
	for (unsigned i = 0; i < 15; i++)
		hot_count(&b, 3);
	n = hot_top(&a, 0, top, 0, 4);
	n = hot_top(&b, 1, top, n, 4);
	assert_int_equal(n, 3);
	assert_int_equal(top[0].tgid, 1);
	assert_int_equal(top[0].count, 20);
	assert_int_equal(top[1].tgid, 3);
	assert_int_equal(top[1].worker, 1);
	assert_int_equal(top[2].count, 10);
	assert_int_equal(hot_top(&b, 1, top, 3, 3), 3); /* no room: what is lower stays out */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(busy_groups_among_many_are_found_in_order),
		cmocka_unit_test(few_groups_are_counted_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
