/* base/slab.c: blocks do not overlap, are aligned, come back; any slab may free any block. */
#include "base/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void alloc_every_size_is_aligned_and_disjoint(void **state)
{
	enum { N = 3000 };
	static unsigned char *p[N];
	struct slab_pool *pool = slab_pool_new();
	struct slab s;

	(void)state;
	slab_init(&s, pool);
	for (unsigned i = 0; i < N; i++) {
		p[i] = slab_alloc(&s, i + 1);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)(i & 0xff), i + 1);
	}
	for (unsigned i = 0; i < N; i++)
		for (unsigned j = 0; j <= i; j++)
			assert_int_equal(p[i][j], i & 0xff);
	for (unsigned i = 0; i < N; i++)
		slab_free(&s, p[i], i + 1);
	assert_int_equal(s.bytes_live, 0);
	slab_pool_free(pool);
}

static void free_into_another_slab_is_allowed(void **state)
{
	struct slab_pool *pool = slab_pool_new();
	struct slab a, b;

	(void)state;
	slab_init(&a, pool);
	slab_init(&b, pool);
	for (unsigned i = 0; i < 10000; i++) {
		void *p = slab_alloc(&a, 100);

		memset(p, 1, 100);
		slab_free(&b, p, 100);
		p = slab_alloc(&b, 100);
		memset(p, 2, 100);
		slab_free(&a, p, 100);
	}
	assert_true(slab_pool_bytes(pool) <= 4u << 20);
	assert_int_equal(a.bytes_live + b.bytes_live, 0);
	slab_pool_free(pool);
}

/* What one worker makes and another drops must not pile up with the second. */
static void what_one_slab_makes_and_another_frees_is_used_again(void **state)
{
	enum { N = 500 };
	static const size_t sizes[] = { 16, 144, 700, 2048 };
	struct slab_pool *pool = slab_pool_new();
	struct slab a, b;
	void *p[N];

	(void)state;
	slab_init(&a, pool);
	slab_init(&b, pool);
	for (unsigned round = 0; round < 2000; round++) {
		size_t size = sizes[round % 4];

		for (unsigned i = 0; i < N; i++) {
			p[i] = slab_alloc(&a, size);
			memset(p[i], (int)i, size);
		}
		for (unsigned i = 0; i < N; i++) {
			assert_int_equal(*(unsigned char *)p[i], i & 0xff);
			assert_int_equal(((unsigned char *)p[i])[size - 1], i & 0xff);
			slab_free(&b, p[i], size);
		}
	}
	assert_true(slab_pool_bytes(pool) <= 8u << 20);
	assert_int_equal(a.bytes_live + b.bytes_live, 0);
	slab_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alloc_every_size_is_aligned_and_disjoint),
		cmocka_unit_test(free_into_another_slab_is_allowed),
		cmocka_unit_test(what_one_slab_makes_and_another_frees_is_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
