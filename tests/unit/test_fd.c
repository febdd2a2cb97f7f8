/* Descriptors and their tables: a random run of operations on several tables that share their parts,
 * against plain arrays; limits; sharing between two threads. */
#include "state/fd.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct fixture {
	struct slab_pool *pool;
	struct slab sl;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->pool = slab_pool_new();
	slab_init(&f->sl, f->pool);
	*state = f;
	return 0;
}

/* Every test frees all it made: the balance is 0. */
static int teardown(void **state)
{
	struct fixture *f = *state;
	uint64_t left = f->sl.bytes_live;

	slab_pool_free(f->pool);
	free(f);
	return left ? -1 : 0;
}

static struct state_fd *numbered(struct slab *sl, uint64_t ino)
{
	struct state_fd *f = fd_new(sl, FD_FILE_V2);

	f->ino = ino;
	return f;
}

static uint64_t ino_of(const struct state_fdtab *t, int64_t fd)
{
	const struct state_fd *f = fdtab_get(t, fd);

	return f ? f->ino : 0;
}

static void table_new_is_empty(void **state)
{
	struct fixture *x = *state;
	struct state_fdtab *t = fdtab_new(&x->sl, 10);

	assert_int_equal(fdtab_count(t), 0);
	assert_int_equal(fdtab_count(NULL), 0);
	assert_null(fdtab_get(t, 0));
	assert_null(fdtab_get(NULL, 0));
	assert_int_equal(fdtab_next(t, 0), -1);
	assert_null(fdtab_edit(&x->sl, &t, 0));
	fdtab_del(&x->sl, &t, 0);
	fdtab_exec(&x->sl, &t);
	fdtab_unref(&x->sl, t);
	fdtab_unref(&x->sl, NULL);
	t = NULL;
	fdtab_del(&x->sl, &t, 0);
	fdtab_exec(&x->sl, &t);
	assert_null(fdtab_edit(&x->sl, &t, 0));
}

static void table_full_refuses_new_numbers_and_replaces_old_ones(void **state)
{
	struct fixture *x = *state;
	struct state_fdtab *t = fdtab_new(&x->sl, 3);

	for (int64_t i = 0; i < 3; i++)
		assert_true(fdtab_set(&x->sl, &t, i * 1000000, numbered(&x->sl, 1)));
	assert_false(fdtab_set(&x->sl, &t, 5, numbered(&x->sl, 2)));
	assert_true(fdtab_set(&x->sl, &t, 1000000, numbered(&x->sl, 3)));
	assert_int_equal(ino_of(t, 1000000), 3);
	assert_int_equal(fdtab_count(t), 3);
	fdtab_del(&x->sl, &t, 0);
	assert_true(fdtab_set(&x->sl, &t, 5, numbered(&x->sl, 4)));
	fdtab_unref(&x->sl, t);
}

static void table_huge_number_costs_little_memory(void **state)
{
	struct fixture *x = *state;
	struct state_fdtab *t = fdtab_new(&x->sl, 4096);

	assert_true(fdtab_set(&x->sl, &t, INT32_MAX, numbered(&x->sl, 7)));
	assert_int_equal(ino_of(t, INT32_MAX), 7);
	assert_null(fdtab_get(t, 0));
	assert_null(fdtab_get(t, INT64_MAX));
	assert_null(fdtab_get(t, (int64_t)UINT32_MAX + 1));
	assert_true(x->sl.bytes_live < 4096);
	assert_false(fdtab_set(&x->sl, &t, (int64_t)INT32_MAX + 1, numbered(&x->sl, 8)));
	assert_false(fdtab_set(&x->sl, &t, INT64_MIN, numbered(&x->sl, 8)));
	assert_int_equal(fdtab_next(t, 0), INT32_MAX);
	assert_int_equal(fdtab_next(t, INT64_MAX), -1);
	fdtab_unref(&x->sl, t);
}

static bool count_all(int64_t fd, const struct state_fd *f, void *arg)
{
	int64_t *last = arg;

	(void)f;
	assert_true(fd > *last);
	*last = fd;
	return true;
}

static void table_negative_numbers_count_but_are_never_found(void **state)
{
	struct fixture *x = *state;
	struct state_fdtab *t = fdtab_new(&x->sl, 4096);
	int64_t last = INT64_MIN;

	assert_true(fdtab_set(&x->sl, &t, -22, numbered(&x->sl, 1)));
	assert_true(fdtab_set(&x->sl, &t, -22, numbered(&x->sl, 2)));
	assert_true(fdtab_set(&x->sl, &t, -1, numbered(&x->sl, 3)));
	assert_true(fdtab_set(&x->sl, &t, 0, numbered(&x->sl, 4)));
	assert_int_equal(fdtab_count(t), 3);
	assert_null(fdtab_get(t, -22));
	assert_int_equal(fdtab_next(t, -5), 0);
	fdtab_for_each(t, count_all, &last);
	assert_int_equal(last, 0);
	assert_int_equal(fdtab_edit(&x->sl, &t, -22)->ino, 2);
	fdtab_del(&x->sl, &t, -22);
	assert_int_equal(fdtab_count(t), 2);
	fdtab_unref(&x->sl, t);
}

static void table_exec_drops_close_on_exec_only(void **state)
{
	struct fixture *x = *state;
	struct state_fdtab *t = fdtab_new(&x->sl, 4096), *parent;
	struct state_fd *f;

	for (int64_t i = 0; i < 200; i++) {
		f = numbered(&x->sl, (uint64_t)i + 1);
		f->type = i % 5 == 0 ? FD_EVENTPOLL : i % 5 == 1 ? FD_MEMFD : FD_FILE_V2;
		f->open_flags = i % 3 ? 1 : i % 2 ? FD_O_CLOEXEC | 2 : 2;
		assert_true(fdtab_set(&x->sl, &t, i, f));
	}
	parent = fdtab_share(t);
	fdtab_exec(&x->sl, &t);
	for (int64_t i = 0; i < 200; i++) {
		bool gone = i % 3 ? i % 5 < 2 : i % 2;

		assert_int_equal(ino_of(t, i), gone ? 0 : i + 1);
		assert_int_equal(ino_of(parent, i), i + 1);
	}
	assert_int_equal(fdtab_count(parent), 200);
	fdtab_unref(&x->sl, t);
	fdtab_unref(&x->sl, parent);
}

static void descriptor_copy_is_deep_and_shares_names(void **state)
{
	struct fixture *x = *state;
	struct state_fd *a = fd_new(&x->sl, FD_IPV6), *b;

	fd_set_name(&x->sl, a, "name", 4);
	a->sock.dip[15] = 9;
	a->sock.dport = 443;
	b = fd_copy(&x->sl, a);
	assert_ptr_equal(a->name, b->name);
	fd_set_name(&x->sl, b, "other", 5);
	assert_string_equal(a->name->s, "name");
	assert_string_equal(b->name->s, "other");
	assert_int_equal(b->sock.dip[15], 9);
	assert_int_equal(b->sock.dport, 443);
	fd_unref(&x->sl, a);
	assert_string_equal(b->name->s, "other");
	fd_unref(&x->sl, b);
}

static void descriptor_letters_and_names_follow_the_table(void **state)
{
	static const char letters[] = "ofd4646pueXslitnfburmP";
	struct state_fd f = { 0 };

	(void)state;
	for (unsigned i = 0; i < sizeof(letters) - 1; i++) {
		f.type = (uint8_t)i;
		assert_int_equal(fd_typechar(&f), letters[i]);
	}
	assert_string_equal(fd_typename(&(struct state_fd){ .type = FD_UNKNOWN }), "<NA>");
	assert_string_equal(fd_typename(&(struct state_fd){ .type = FD_UNSUPPORTED }), "<NA>");
	assert_string_equal(fd_typename(&(struct state_fd){ .type = FD_FIFO }), "pipe");
	assert_string_equal(fd_typename(&(struct state_fd){ .type = FD_EVENTPOLL }), "eventpoll");
	f.type = 200;
	assert_int_equal(fd_typechar(&f), '?');
	assert_string_equal(fd_typename(&f), "<NA>");
}

/* ---- model ------------------------------------------------------------------------------- */

#define TABLES 5
#define NUMBERS 700 /* dense up to 600, then spread over all of int */

static int64_t fd_of(unsigned i)
{
	return i < 600 ? (int64_t)i : (int64_t)(i - 599) * 21264513;
}

struct model {
	struct state_fdtab *t;
	uint64_t ino[NUMBERS];
	uint32_t count;
};

struct walk {
	const struct model *m;
	unsigned seen;
	int64_t last;
};

static bool check_one(int64_t fd, const struct state_fd *f, void *arg)
{
	struct walk *w = arg;
	unsigned i = fd < 600 ? (unsigned)fd : (unsigned)(fd / 21264513 + 599);

	assert_true(fd > w->last);
	w->last = fd;
	assert_true(i < NUMBERS && fd_of(i) == fd);
	assert_int_equal(w->m->ino[i], f->ino);
	w->seen++;
	return true;
}

static void check_model(const struct model *m)
{
	struct walk w = { m, 0, -1 };
	int64_t at = -1;

	assert_int_equal(fdtab_count(m->t), m->count);
	for (unsigned i = 0; i < NUMBERS; i++) {
		assert_int_equal(ino_of(m->t, fd_of(i)), m->ino[i]);
		if (m->ino[i]) {
			at = fdtab_next(m->t, at + 1);
			assert_int_equal(at, fd_of(i));
		}
	}
	assert_int_equal(fdtab_next(m->t, at + 1), -1);
	fdtab_for_each(m->t, check_one, &w);
	assert_int_equal(w.seen, m->count);
}

static void step(struct slab *sl, struct model *m, unsigned a, unsigned b)
{
	unsigned i = (unsigned)rand() % NUMBERS;
	struct state_fd *f;

	switch (rand() % 16) {
	case 0: /* fork: table b becomes a copy of a */
		if (a == b)
			break;
		fdtab_unref(sl, m[b].t);
		m[b] = m[a];
		fdtab_share(m[a].t);
		break;
	case 1: case 2: case 3: case 4: case 5:
		fdtab_del(sl, &m[a].t, fd_of(i));
		m[a].count -= m[a].ino[i] != 0;
		m[a].ino[i] = 0;
		break;
	case 6: case 7: case 8:
		f = fdtab_edit(sl, &m[a].t, fd_of(i));
		assert_int_equal(f != NULL, m[a].ino[i] != 0);
		if (f)
			f->ino = m[a].ino[i] = (uint64_t)rand() + 1;
		break;
	default:
		m[a].count += m[a].ino[i] == 0;
		m[a].ino[i] = (uint64_t)rand() + 1;
		assert_true(fdtab_set(sl, &m[a].t, fd_of(i), numbered(sl, m[a].ino[i])));
	}
}

static void table_random_operations_agree_with_arrays(void **state)
{
	struct fixture *x = *state;
	struct model *m = calloc(TABLES, sizeof(*m));

	srand(20240607);
	for (unsigned i = 0; i < TABLES; i++)
		m[i].t = fdtab_new(&x->sl, NUMBERS);
	for (unsigned n = 0; n < 60000; n++) {
		step(&x->sl, m, (unsigned)rand() % TABLES, (unsigned)rand() % TABLES);
		if (n % 300 == 0)
			for (unsigned i = 0; i < TABLES; i++)
				check_model(&m[i]);
	}
	for (unsigned i = 0; i < TABLES; i++)
		fdtab_unref(&x->sl, m[i].t);
	free(m);
}

/* ---- two workers ------------------------------------------------------------------------- */

struct side {
	struct slab sl;
	struct state_fdtab *t;
	uint64_t mark;
};

static void *change_all(void *arg)
{
	struct side *s = arg;

	for (int64_t fd = 0; fd < 500; fd++) {
		if (fd % 3 == 0)
			fdtab_del(&s->sl, &s->t, fd);
		else if (fd % 3 == 1)
			fdtab_edit(&s->sl, &s->t, fd)->ino = s->mark;
		else
			assert_int_equal(ino_of(s->t, fd), (uint64_t)fd + 1);
	}
	for (int64_t fd = 0; fd < 500; fd++)
		assert_int_equal(ino_of(s->t, fd), fd % 3 == 0 ? 0 : fd % 3 == 1 ? s->mark : (uint64_t)fd + 1);
	fdtab_unref(&s->sl, s->t);
	return NULL;
}

static void table_shared_by_two_workers_stays_apart(void **state)
{
	struct fixture *x = *state;

	for (unsigned round = 0; round < 200; round++) {
		struct side s[2];
		pthread_t th[2];
		struct state_fdtab *t = fdtab_new(&x->sl, 4096);

		for (int64_t fd = 0; fd < 500; fd++)
			assert_true(fdtab_set(&x->sl, &t, fd, numbered(&x->sl, (uint64_t)fd + 1)));
		for (unsigned i = 0; i < 2; i++) {
			slab_init(&s[i].sl, x->pool);
			s[i].t = i ? t : fdtab_share(t);
			s[i].mark = 1000000 + i;
		}
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&th[i], NULL, change_all, &s[i]), 0);
		for (unsigned i = 0; i < 2; i++)
			pthread_join(th[i], NULL);
		/* blocks may be freed into any slab: only the sum is 0 */
		assert_int_equal(x->sl.bytes_live + s[0].sl.bytes_live + s[1].sl.bytes_live, 0);
		x->sl.bytes_live = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		T(table_new_is_empty),
		T(table_full_refuses_new_numbers_and_replaces_old_ones),
		T(table_huge_number_costs_little_memory),
		T(table_negative_numbers_count_but_are_never_found),
		T(table_exec_drops_close_on_exec_only),
		T(descriptor_copy_is_deep_and_shares_names),
		T(descriptor_letters_and_names_follow_the_table),
		T(table_random_operations_agree_with_arrays),
		T(table_shared_by_two_workers_stays_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
