/* Lifting of old event records, through the capture reader, and the table behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/converter.h"
#include "capture/converter_store.h"
#include "scap_run.h"

static void pair(struct sb *b, uint64_t tid, uint16_t enter, const struct sb_param *pe, unsigned ne, uint16_t exit_type,
		 const struct sb_param *px, unsigned nx)
{
	sb_event(b, 0x216, -1, TS, tid, enter, pe, ne);
	sb_event(b, 0x216, -1, TS + 1, tid, exit_type, px, nx);
}

static void converter_enter_and_exit_become_one(void **state)
{
	struct sb b = { 0 };
	struct seen s;
	int64_t v;
	struct sb_param read_e[] = { SB_I64(5), SB_U32(4096) }, read_x[] = { SB_I64(2), { "hi", 2 } };

	(void)state;
	sb_section(&b);
	/* Interleaved threads: each exit finds its own. */
	sb_event(&b, 0x216, -1, TS, 1, PPME_SYSCALL_READ_E, read_e, 2);
	pair(&b, 2, PPME_SYSCALL_READ_E, (struct sb_param[]){ SB_I64(6), SB_U32(1) }, 2, PPME_SYSCALL_READ_X, read_x, 2);
	sb_event(&b, 0x216, -1, TS, 1, PPME_SYSCALL_READ_X, read_x, 2);
	/* The enter event was used up. */
	sb_event(&b, 0x216, -1, TS, 1, PPME_SYSCALL_READ_X, read_x, 2);
	/* The enter event of another call is none. */
	pair(&b, 1, PPME_SYSCALL_WRITE_E, read_e, 2, PPME_SYSCALL_READ_X, read_x, 2);
	start(&b, &s);
	sb_free(&b);
	next_is(&s, PPME_SYSCALL_READ_X, 4);
	assert_true(evt_get_i64(&s.ev, 2, &v) && v == 6);
	next_is(&s, PPME_SYSCALL_READ_X, 4);
	assert_true(evt_get_i64(&s.ev, 2, &v) && v == 5);
	assert_true(evt_get_i64(&s.ev, 3, &v) && v == 4096);
	assert_memory_equal(s.ev.param[1].p, "hi", 2);
	for (unsigned i = 0; i < 2; i++) {
		next_is(&s, PPME_SYSCALL_READ_X, 4);
		assert_true(evt_get_i64(&s.ev, 2, &v) && v == 0);
	}
	finish(&s);
}

static void converter_missing_enter_event_empty_or_default(void **state)
{
	struct sb b = { 0 };
	struct seen s;

	(void)state;
	sb_section(&b);
	sb_event(&b, 0x216, -1, TS, 1, PPME_SYSCALL_SETUID_X, &(struct sb_param)SB_I64(0), 1);
	sb_event(&b, 0x216, -1, TS, 1, PPME_SYSCALL_LINKAT_X, &(struct sb_param)SB_I64(0), 1);
	sb_event(&b, 0x216, -1, TS, 1, PPME_SYSCALL_KILL_X, &(struct sb_param)SB_I64(0), 1);
	start(&b, &s);
	sb_free(&b);
	next_is(&s, PPME_SYSCALL_SETUID_X, 2);
	assert_int_equal(s.ev.param[1].len, 0);
	next_is(&s, PPME_SYSCALL_LINKAT_2_X, 6);
	for (unsigned i = 1; i < 6; i++)
		assert_int_equal(s.ev.param[i].len, 0);
	next_is(&s, PPME_SYSCALL_KILL_X, 3);
	assert_int_equal(s.ev.param[1].len, 8);
	assert_int_equal(s.ev.param[2].len, 1);
	finish(&s);
}

static void converter_oldest_execve_comes_up_to_date(void **state)
{
	struct sb b = { 0 };
	struct seen s;
	struct sb_param p[8] = { SB_I64(0), SB_STR("/bin/ls"), SB_STR("-l"), SB_I64(7), SB_I64(7), SB_I64(1), SB_STR("/"), SB_I64(1024) };
	struct sb_param old18[17];

	(void)state;
	for (unsigned i = 0; i < 17; i++)
		old18[i] = p[i < 8 ? i : 0];
	sb_section(&b);
	pair(&b, 7, PPME_SYSCALL_EXECVE_8_E, NULL, 0, PPME_SYSCALL_EXECVE_8_X, p, 8);
	pair(&b, 7, PPME_SYSCALL_EXECVE_18_E, &(struct sb_param)SB_STR("ls"), 1, PPME_SYSCALL_EXECVE_18_X, old18, 17);
	start(&b, &s);
	sb_free(&b);
	next_is(&s, PPME_SYSCALL_EXECVE_19_E, 1);
	assert_int_equal(s.ev.param[0].len, 0);
	next_is(&s, PPME_SYSCALL_EXECVE_19_X, evt_table[PPME_SYSCALL_EXECVE_19_X].nparams);
	assert_memory_equal(s.ev.param[1].p, "/bin/ls", 8);
	assert_int_equal(s.ev.param[13].len, 0);
	next_is(&s, PPME_SYSCALL_EXECVE_19_E, 1);
	assert_memory_equal(s.ev.param[0].p, "ls", 3);
	next_is(&s, PPME_SYSCALL_EXECVE_19_X, evt_table[PPME_SYSCALL_EXECVE_19_X].nparams);
	/* The last parameter is the file name the enter event had. */
	assert_int_equal(s.ev.param[30].len, 3);
	assert_memory_equal(s.ev.param[30].p, "ls", 3);
	finish(&s);
}

static void converter_old_containers_become_json(void **state)
{
	struct sb b = { 0 };
	struct seen s;
	struct sb_param c[] = { SB_STR("3ad7"), SB_U32(0), SB_STR("we\"b\n"), SB_STR("nginx") };

	(void)state;
	sb_section(&b);
	chdir_event(&b, 0x216, -1, 1);
	sb_event(&b, 0x204, -1, TS, 1, PPME_CONTAINER_E, c, 4);
	c[1].len = 0;
	sb_event(&b, 0x204, -1, TS, 1, PPME_CONTAINER_E, c, 4);
	sb_event(&b, 0x216, -1, TS, 1, PPME_CONTAINER_JSON_E, &(struct sb_param)SB_STR("{\"a\":1}"), 1);
	start(&b, &s);
	sb_free(&b);
	next_is(&s, PPME_SYSCALL_CHDIR_X, 2);
	next_is(&s, PPME_CONTAINER_JSON_2_E, 1);
	assert_string_equal((const char *)s.ev.param[0].p,
			    "{\"id\":\"3ad7\",\"type\":0,\"name\":\"we\\\"b\\u000a\",\"image\":\"nginx\"}");
	next_is(&s, PPME_CONTAINER_JSON_2_E, 1);
	assert_int_equal(s.ev.param[0].len, 0);
	next_is(&s, PPME_CONTAINER_JSON_2_E, 1);
	assert_string_equal((const char *)s.ev.param[0].p, "{\"a\":1}");
	finish(&s);
}

struct row {
	uint16_t from, to;
	uint8_t n, pass, count, change;
};

enum { K_STORE, K_STORE_PASS, K_PASS, K_ADD, K_CHANGE };
#define O(i) (i)
#define N(i) (64 + (i))
#define NE(i) (128 + (i))
#define Z 192
#define D 192
#define J 192
#define CONV(f, n_, a, t, ...) { f, t, n_, K_##a, sizeof((const uint8_t[]){ 0, ##__VA_ARGS__ }) - 1, K_##a == K_CHANGE },
static const struct row rows[] = {
#include "capture/converter.def"
};
#undef CONV
#define CONV(f, n_, a, t, ...) { 0, ##__VA_ARGS__ },
static const uint8_t instrs[][EVT_MAX_PARAMS + 1] = {
#include "capture/converter.def"
};
#undef CONV
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static void converter_table_sorted_and_fits_the_event_table(void **state)
{
	(void)state;
	assert_int_equal(NROWS, 253);
	for (size_t i = 0; i < NROWS; i++) {
		const struct evt_info *from = &evt_table[rows[i].from], *to = &evt_table[rows[i].to];
		bool reads_enter = false;

		if (i)
			assert_true(rows[i - 1].from < rows[i].from ||
				    (rows[i - 1].from == rows[i].from && rows[i - 1].n < rows[i].n));
		assert_true(from->flags & EVF_CONVERTER_MANAGED);
		assert_true(rows[i].n <= from->nparams);
		if (rows[i].change)
			assert_true(rows[i].count <= to->nparams); /* later rows add the rest */
		else
			assert_true(rows[i].n + rows[i].count <= from->nparams);
		for (unsigned k = 1; k <= rows[i].count; k++) {
			if (instrs[i][k] < 64)
				assert_true(instrs[i][k] < rows[i].n);
			else if (instrs[i][k] < 192) {
				reads_enter = true;
				assert_true((instrs[i][k] & 63) < evt_table[rows[i].from - 1].nparams);
			}
		}
		/* Kept events are enter events: their parameters only ever go into exit events. */
		if (reads_enter)
			assert_int_equal(from->dir, EVT_EXIT);
	}
	for (unsigned t = 0; t < EVT_TYPE_MAX; t++) {
		const struct evt_info *info = &evt_table[t];

		if (info->flags & EVF_OLD_VERSION && !(info->flags & EVF_CONVERTER_MANAGED))
			assert_int_equal(info->dir, EVT_ENTER);
	}
}

static void converter_every_row_ends_in_a_current_event(void **state)
{
	struct base_err err = { 0 };
	static const uint8_t value[256];

	(void)state;
	for (size_t i = 0; i < NROWS; i++) {
		const struct evt_info *from = &evt_table[rows[i].from];
		struct sb b = { 0 };
		struct sb_param p[EVT_MAX_PARAMS];
		struct seen s;
		int e;

		for (unsigned k = 0; k < rows[i].n; k++) {
			uint32_t fixed = evt_param_fixed_size(from->params[k].type);

			p[k] = (struct sb_param){ value, fixed ? fixed : 9 };
		}
		sb_section(&b);
		chdir_event(&b, 0x216, -1, 1);
		sb_event(&b, 0x216, -1, TS, 1, rows[i].from, p, rows[i].n);
		start(&b, &s);
		sb_free(&b);
		next_is(&s, PPME_SYSCALL_CHDIR_X, 2);
		e = scap_next(s.r, &s.ev, &ops, &s, &err);
		if (e < 0)
			print_error("%s with %u: %s\n", from->id, rows[i].n, err.msg);
		assert_true(e >= 0);
		if (e == 1) {
			assert_int_equal(s.ev.nparams, s.ev.info->nparams);
			assert_false(s.ev.info->flags & EVF_UNUSED);
			if (s.ev.info->dir == EVT_EXIT)
				assert_false(s.ev.info->flags & EVF_OLD_VERSION);
		}
		scap_close(s.r);
	}
}

static void store_flooded_stays_in_its_limits(void **state)
{
	struct kept_store *s = kept_store_new();
	static uint8_t big[60000];
	struct evt_param p = { big, 8 };
	size_t bytes;

	(void)state;
	assert_non_null(s);
	for (uint64_t tid = 0; tid < 2 * STORE_MAX_EVENTS; tid++)
		kept_put(s, tid, PPME_SYSCALL_CLOSE_E, &p, 1);
	assert_int_equal(kept_count(s, NULL), STORE_MAX_EVENTS);
	assert_null(kept_get(s, STORE_MAX_EVENTS - 1));
	assert_non_null(kept_get(s, STORE_MAX_EVENTS));
	p.len = sizeof(big);
	for (uint64_t tid = 0; tid < 2000; tid++)
		kept_put(s, tid, PPME_SYSCALL_OPENAT_E, &p, 1);
	kept_count(s, &bytes);
	assert_true(bytes <= STORE_MAX_BYTES);
	assert_non_null(kept_get(s, 1999));
	assert_null(kept_get(s, 0));
	/* One per thread. */
	kept_store_reset(s);
	for (unsigned i = 0; i < 10; i++)
		kept_put(s, 1, PPME_SYSCALL_CLOSE_E, &p, 1);
	assert_int_equal(kept_count(s, NULL), 1);
	kept_drop(s, 1);
	assert_int_equal(kept_count(s, &bytes), 0);
	assert_int_equal(bytes, 0);
	kept_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(converter_enter_and_exit_become_one),
		cmocka_unit_test(converter_missing_enter_event_empty_or_default),
		cmocka_unit_test(converter_oldest_execve_comes_up_to_date),
		cmocka_unit_test(converter_old_containers_become_json),
		cmocka_unit_test(converter_table_sorted_and_fits_the_event_table),
		cmocka_unit_test(converter_every_row_ends_in_a_current_event),
		cmocka_unit_test(store_flooded_stays_in_its_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
