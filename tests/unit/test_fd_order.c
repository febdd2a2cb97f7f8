/* fd_order: against what a std::unordered_map<int64_t> of libstdc++ lists after the same changes. */
#include "state/fd.h"
#include "state/fd_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const struct fd_order *o, const int32_t *list, uint32_t n)
{
	assert_int_equal(o->len, n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(o->fd[n - 1 - i], list[i]);
}

static void test_front(void **state)
{
	struct fd_order o = { 0 };
	struct slab_pool *pool = slab_pool_new();
	struct slab sl;

	(void)state;
	slab_init(&sl, pool);
	for (int32_t i = 0; i < 4; i++)
		fd_order_add(&sl, &o, i);
	expect(&o, (int32_t[]){ 3, 2, 1, 0 }, 4);
	fd_order_del(&o, 2);
	fd_order_del(&o, 77);
	expect(&o, (int32_t[]){ 3, 1, 0 }, 3);
	fd_order_add(&sl, &o, 14); /* bucket of 1: in front of it */
	expect(&o, (int32_t[]){ 3, 14, 1, 0 }, 4);
	fd_order_add(&sl, &o, -1); /* 2^64 - 1 modulo 13 is 2 */
	fd_order_add(&sl, &o, 2);
	expect(&o, (int32_t[]){ 2, -1, 3, 14, 1, 0 }, 6);
	fd_order_fini(&sl, &o);
	slab_pool_free(pool);
}

static void test_grow(void **state)
{
	struct fd_order o = { 0 }, child = { 0 };
	struct slab_pool *pool = slab_pool_new();
	struct slab sl;

	(void)state;
	slab_init(&sl, pool);
	for (int32_t i = 0; i < 14; i++)
		fd_order_add(&sl, &o, i);
	/* the fourteenth makes it grow, which turns the list round */
	expect(&o, (int32_t[]){ 13, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, 14);
	fd_order_fork(&sl, &o, &child);
	assert_int_equal(child.buckets, 29);
	expect(&child, (int32_t[]){ 12, 13, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 }, 14);
	fd_order_fini(&sl, &child);
	fd_order_fini(&sl, &o);
	slab_pool_free(pool);
}

static void add_fd(struct slab *sl, struct state_fdtab **t, int64_t n, enum fd_type type)
{
	assert_true(fdtab_set(sl, t, n, fd_new(sl, type)));
}

struct seen { int64_t fd[8]; unsigned n; };

static bool see(int64_t fd, const struct state_fd *f, void *arg)
{
	struct seen *s = arg;

	assert_non_null(f);
	s->fd[s->n++] = fd;
	return true;
}

static void test_table(void **state)
{
	struct state_fdtab *t, *child;
	struct seen s = { .n = 0 };
	struct slab_pool *pool = slab_pool_new();
	struct slab sl;

	(void)state;
	slab_init(&sl, pool);
	fdtab_keep_order(true);
	t = fdtab_new(&sl, 100);
	for (int i = 0; i < 3; i++)
		add_fd(&sl, &t, i, FD_FILE);
	add_fd(&sl, &t, 1, FD_FIFO); /* replaced where it is */
	fdtab_for_each(t, see, &s);
	assert_int_equal(s.n, 3);
	assert_memory_equal(s.fd, ((int64_t[]){ 2, 1, 0 }), 3 * sizeof(int64_t));
	child = fdtab_fork(&sl, t);
	assert_ptr_not_equal(child, t);
	fdtab_del(&sl, &child, 1);
	s.n = 0;
	fdtab_for_each(child, see, &s);
	assert_int_equal(s.n, 2);
	assert_memory_equal(s.fd, ((int64_t[]){ 0, 2 }), 2 * sizeof(int64_t));
	assert_int_equal(fdtab_count(t), 3);
	fdtab_unref(&sl, child);
	fdtab_unref(&sl, t);
	fdtab_keep_order(false);
	slab_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_front), cmocka_unit_test(test_grow), cmocka_unit_test(test_table) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
