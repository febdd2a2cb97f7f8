/* The map from threads to groups, against a plain array. */
#include "daemon/tids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void set(struct tids *t, int64_t tid, int64_t tgid)
{
	tids_set(t, &(struct tids_entry){ .tid = tid, .tgid = tgid });
}

static void tids_empty_maps_every_number_to_itself(void **state)
{
	struct tids t = { 0 };

	(void)state;
	assert_int_equal(tids_group(&t, 5), 5);
	assert_int_equal(tids_group(&t, -1), -1);
	assert_null(tids_find(&t, 5));
	tids_del(&t, 5);
	set(&t, -1, 3);
	set(&t, 3, -1);
	assert_int_equal(t.count, 0);
	tids_fini(&t);
}

static void tids_random_changes_agree_with_an_array(void **state)
{
	enum { N = 3000 };
	static int64_t model[N]; /* group + 1, 0 = unknown */
	struct tids t = { 0 };
	size_t count = 0;

	(void)state;
	srand(11);
	for (int round = 0; round < 200000; round++) {
		int tid = rand() % N, tgid = rand() % 40;

		if (rand() % 3) {
			set(&t, tid, tgid);
			model[tid] = tgid + 1;
		} else if (rand() % 500) {
			tids_del(&t, tid);
			model[tid] = 0;
		} else {
			tids_del_group(&t, tgid, tid, 7);
			for (int i = 0; i < N; i++) {
				if (model[i] == tgid + 1 && i != tid && i != 7)
					model[i] = 0;
			}
		}
	}
	for (int i = 0; i < N; i++) {
		assert_int_equal(tids_group(&t, i), model[i] ? model[i] - 1 : i);
		count += model[i] != 0;
	}
	assert_int_equal(t.count, count);
	assert_int_equal(t.refused, 0);
	for (int i = 0; i < N; i++)
		tids_del(&t, i);
	assert_int_equal(t.count, 0);
	tids_clear(&t);
	assert_int_equal(tids_group(&t, 7), 7);
	tids_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tids_empty_maps_every_number_to_itself),
		cmocka_unit_test(tids_random_changes_agree_with_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
