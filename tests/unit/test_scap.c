/* Capture reader: event blocks of every kind, appended captures, and damage of every kind. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scap_run.h"

static void scap_event_blocks_every_kind_read(void **state)
{
	static const struct { uint32_t block; int64_t flags; } kinds[] = {
		{ 0x204, -1 }, { 0x8010abcd, -1 }, { 0x208, 0 }, { 0x208, 1 }, { 0x216, -1 }, { 0x217, 0 }, { 0x217, 0xf1 },
	};
	struct sb b = { 0 };
	struct seen s;

	(void)state;
	sb_section(&b);
	for (unsigned i = 0; i < 7; i++)
		chdir_event(&b, kinds[i].block, kinds[i].flags, i);
	start(&b, &s);
	sb_free(&b);
	for (unsigned i = 0; i < 7; i++) {
		const char *path;
		size_t len;

		next_is(&s, PPME_SYSCALL_CHDIR_X, 2);
		assert_int_equal(s.ev.hdr->ts, TS + i);
		assert_int_equal(s.ev.hdr->tid, 100 + i);
		assert_int_equal(s.ev.env->cpu, 3);
		assert_int_equal(s.ev.report, !(kinds[i].flags > 0));
		assert_int_equal(!!(s.ev.env->flags & EVT_ENV_STATE_ONLY), kinds[i].flags > 0);
		assert_true(evt_get_str(&s.ev, 1, &path, &len));
		assert_int_equal(len, 4);
		assert_memory_equal(path, "/tmp", 4);
	}
	finish(&s);
}

static void scap_large_payload_whole_in_order(void **state)
{
	struct sb b = { 0 };
	struct seen s;
	size_t big = 3u << 20;
	char *json = malloc(big);

	(void)state;
	assert_non_null(json);
	memset(json, 'x', big);
	json[big - 1] = '\0';
	sb_section(&b);
	chdir_event(&b, 0x216, -1, 1);
	sb_event(&b, 0x221, -1, TS, 1, PPME_CONTAINER_JSON_2_E, &(struct sb_param){ json, (uint32_t)big }, 1);
	sb_event(&b, 0x222, 1, TS, 1, PPME_CONTAINER_JSON_2_E, &(struct sb_param){ json, 70000 }, 1);
	chdir_event(&b, 0x216, -1, 2);
	start(&b, &s);
	next_is(&s, PPME_SYSCALL_CHDIR_X, 2);
	next_is(&s, PPME_CONTAINER_JSON_2_E, 1);
	assert_int_equal(s.ev.param[0].len, big);
	assert_memory_equal(s.ev.param[0].p, json, big);
	assert_true(s.ev.report);
	next_is(&s, PPME_CONTAINER_JSON_2_E, 1);
	assert_int_equal(s.ev.param[0].len, 70000);
	assert_false(s.ev.report);
	next_is(&s, PPME_SYSCALL_CHDIR_X, 2);
	finish(&s);
	sb_free(&b);
	free(json);
}

static void scap_old_records_get_their_parameters_counted(void **state)
{
	struct sb b = { 0 };
	struct seen s;
	struct sb_param infra[] = { SB_STR("a"), SB_STR("b"), SB_STR("c"), SB_STR("d") };
	struct sb_param fcntl_x[] = { SB_I64(3) };
	uint32_t len;

	(void)state;
	sb_section(&b);
	/* One of three parameters. */
	sb_event(&b, 0x204, -1, TS, 1, PPME_SYSCALL_FCNTL_X, fcntl_x, 1);
	/* Written with a length that is three too large; the block has room for it. */
	sb_event(&b, 0x204, -1, TS, 1, PPME_INFRASTRUCTURE_EVENT_E, infra, 4);
	memcpy(&len, b.p + b.block + 10 + 16, 4);
	len += 3;
	memcpy(b.p + b.block + 10 + 16, &len, 4);
	b.len -= 4;
	sb_32(&b, 0), sb_end(&b);
	/* No parameters at all. */
	sb_event(&b, 0x204, -1, TS, 1, PPME_PROCEXIT_E, NULL, 0);
	start(&b, &s);
	sb_free(&b);
	next_is(&s, PPME_SYSCALL_FCNTL_X, evt_table[PPME_SYSCALL_FCNTL_X].nparams);
	next_is(&s, PPME_INFRASTRUCTURE_EVENT_E, 4);
	assert_memory_equal(s.ev.param[3].p, "d", 2);
	next_is(&s, PPME_PROCEXIT_1_E, 5);
	finish(&s);
}

static void scap_unknown_event_types_skipped(void **state)
{
	struct sb b = { 0 };
	struct seen s;

	(void)state;
	sb_section(&b);
	sb_event(&b, 0x216, -1, TS, 1, 454, NULL, 0);
	sb_event(&b, 0x204, -1, TS, 1, 9999, NULL, 0);
	sb_event(&b, 0x216, -1, TS, 1, PPME_PROCEXIT_1_X, NULL, 0); /* unused number */
	chdir_event(&b, 0x216, -1, 1);
	run(b.p, b.len, &s);
	sb_free(&b);
	assert_int_equal(s.end, 0);
	assert_int_equal(s.events, 1);
}

static void scap_leading_state_events_state_only(void **state)
{
	struct sb b = { 0 };
	struct seen s;

	(void)state;
	sb_section(&b);
	user_added(&b);
	user_added(&b);
	chdir_event(&b, 0x216, -1, 1);
	user_added(&b);
	start(&b, &s);
	sb_free(&b);
	next_is(&s, PPME_USER_ADDED_E, 6);
	assert_false(s.ev.report);
	next_is(&s, PPME_USER_ADDED_E, 6);
	assert_false(s.ev.report);
	next_is(&s, PPME_SYSCALL_CHDIR_X, 2);
	assert_true(s.ev.report);
	assert_int_equal(s.ev.num, 3);
	next_is(&s, PPME_USER_ADDED_E, 6);
	assert_true(s.ev.report);
	finish(&s);
}

static void scap_appended_captures_restart(void **state)
{
	struct sb b = { 0 }, z = { 0 };
	struct sb_param fd = SB_I64(9), res = SB_I64(0);
	struct seen s;

	(void)state;
	small_capture(&b);
	sb_event(&b, 0x216, -1, TS, 42, PPME_SYSCALL_CLOSE_E, &fd, 1);
	sb_section(&b);
	machine_block(&b, 0x201, 180);
	user_added(&b);
	/* Its enter event was in the other capture, which says nothing about this one. */
	sb_event(&b, 0x216, -1, TS, 42, PPME_SYSCALL_CLOSE_X, &res, 1);
	sb_section(&b); /* without events */
	start(&b, &s);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(scap_next(s.r, &s.ev, &ops, &s, &s.err), 1);
	assert_int_equal(s.restarts, 0);
	next_is(&s, PPME_USER_ADDED_E, 6);
	assert_false(s.ev.report);
	assert_int_equal(s.restarts, 1);
	assert_int_equal(s.machines, 2);
	assert_int_equal(s.ev.num, 6);
	next_is(&s, PPME_SYSCALL_CLOSE_X, 2);
	assert_int_equal(*s.ev.param[1].p, 0);
	finish(&s);
	assert_int_equal(s.restarts, 2);

	/* Compressed, each on its own; then a plain one behind them. */
	b.len = 0;
	small_capture(&b);
	sb_gzip(&z, b.p, b.len);
	sb_gzip(&z, b.p, b.len);
	sb_raw(&z, b.p, b.len);
	run(z.p, z.len, &s);
	assert_int_equal(s.end, 0);
	assert_int_equal(s.events, 15);
	assert_int_equal(s.restarts, 2);
	assert_int_equal(s.tasks, 3);
	sb_free(&b);
	sb_free(&z);
}

static void scap_gzip_members_inside_a_block_joined(void **state)
{
	struct sb b = { 0 }, z = { 0 };
	struct seen s;

	(void)state;
	small_capture(&b);
	for (size_t at = 0; at < b.len; at += 7)
		sb_gzip(&z, b.p + at, b.len - at < 7 ? b.len - at : 7);
	sb_gzip(&z, "", 0);
	run(z.p, z.len, &s);
	assert_int_equal(s.end, 0);
	assert_int_equal(s.events, 5);
	sb_free(&b);
	sb_free(&z);
}

static void scap_cut_anywhere_whole_events_then_damage(void **state)
{
	struct sb b = { 0 }, z = { 0 };
	unsigned last = 0, clean = 0;
	size_t first_event;
	struct seen s;

	(void)state;
	small_capture(&b);
	for (first_event = 0; memcmp(b.p + first_event, "\x16\x02\0\0", 4); first_event += 4)
		;
	for (size_t n = 0; n < b.len; n++) {
		run(b.p, n, &s);
		assert_true(s.events >= last);
		last = s.events;
		if (n < first_event) {
			assert_true(s.end == -EINVAL || s.end == -ENODATA);
			assert_int_equal(s.events, 0);
		} else if (s.end == 0) {
			clean++; /* between two blocks */
		} else if (n >= first_event + 8) {
			assert_int_equal(s.end, -EBADMSG);
			assert_non_null(strstr(s.err.msg, "at byte"));
		}
	}
	assert_int_equal(last, 4);
	assert_int_equal(clean, 4);

	/* A gzip stream says itself that it is not whole. */
	sb_gzip(&z, b.p, b.len);
	for (size_t n = 1; n < z.len; n++) {
		run(z.p, n, &s);
		assert_true(s.end == -EBADMSG || s.end == -EINVAL);
	}
	run(z.p, z.len, &s);
	assert_int_equal(s.end, 0);
	assert_int_equal(s.events, 5);
	sb_free(&b);
	sb_free(&z);
}

static void scap_any_bit_wrong_survived(void **state)
{
	struct sb b = { 0 }, z = { 0 };
	struct seen s;

	(void)state;
	small_capture(&b);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		b.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		run(b.p, b.len, &s);
		assert_true(s.events <= 5);
		assert_true(s.end == 0 || s.end == -EBADMSG || s.end == -EINVAL || s.end == -ENODATA);
		b.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	sb_gzip(&z, b.p, b.len);
	for (size_t bit = 0; bit < z.len * 8; bit++) {
		z.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		run(z.p, z.len, &s);
		assert_true(s.events <= 5);
		z.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	sb_free(&b);
	sb_free(&z);
}

/* A capture whose part behind the section header is the given words. */
static void words(const uint32_t *w, unsigned n, struct seen *s)
{
	struct sb b = { 0 };

	sb_section(&b);
	for (unsigned i = 0; i < n; i++)
		sb_32(&b, w[i]);
	run(b.p, b.len, s);
	sb_free(&b);
}

static void scap_impossible_block_lengths_refused(void **state)
{
	static const uint32_t types[] = { 0x201, 0x215, 0x202, 0x218, 0x219, 0x220, 0x999, 0x204, 0x216, 0x217, 0x221, 0x0a0d0d0a };
	static const uint32_t lens[] = { 0, 1, 4, 8, 11, 12, 13, 16, 20, UINT32_MAX, UINT32_MAX - 3, 0x80000000 };
	struct seen s;

	(void)state;
	for (size_t t = 0; t < sizeof(types) / 4; t++)
		for (size_t l = 0; l < sizeof(lens) / 4; l++) {
			uint32_t w[8] = { types[t], lens[l], 0, 0, 0, 0, 0, 0 };

			words(w, 8, &s);
			assert_int_equal(s.events, 0);
			assert_true(s.end == -EINVAL || s.end == -EBADMSG);
		}
	/* Entries of no length. */
	words((uint32_t[]){ 0x215, 20, 0, 0, 20 }, 5, &s);
	assert_int_equal(s.end, -EINVAL);
	assert_non_null(strstr(s.err.msg, "a length of 0"));
	words((uint32_t[]){ 0x220, 20, 0, 0, 20 }, 5, &s);
	assert_int_equal(s.end, -EINVAL);
}

static void scap_blocks_out_of_place_refused(void **state)
{
	struct sb b = { 0 };
	struct seen s;

	(void)state;
	sb_section(&b);
	chdir_event(&b, 0x216, -1, 1);
	machine_block(&b, 0x201, 180);
	run(b.p, b.len, &s);
	sb_free(&b);
	assert_int_equal(s.events, 1);
	assert_int_equal(s.end, -EBADMSG);
	assert_non_null(strstr(s.err.msg, "unexpected block type 0x201"));
}

static void wrong_event(const struct sb_param *p, unsigned n, uint16_t type, const char *want)
{
	struct sb b = { 0 };
	struct seen s;

	sb_section(&b);
	chdir_event(&b, 0x216, -1, 1);
	sb_event(&b, 0x216, -1, TS, 1, type, p, n);
	run(b.p, b.len, &s);
	sb_free(&b);
	assert_int_equal(s.events, 1);
	assert_int_equal(s.end, -EBADMSG);
	assert_non_null(strstr(s.err.msg, want));
}

static void scap_impossible_events_refused(void **state)
{
	struct sb_param p[40];

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		p[i] = (struct sb_param){ "x", 1 };
	wrong_event(p, 3, PPME_SYSCALL_CHDIR_X, "has 3 parameters, more than the 2 known");
	wrong_event(p, 40, PPME_SYSCALL_CHDIR_X, "do not fit");
	wrong_event(p, 3, PPME_SYSCALL_CLOSE_X, "has 3 parameters, more than the 2 known");
	wrong_event(p, 0, PPME_SYSCALL_CLOSE_X, "was never written");
	wrong_event(p, 7, PPME_SYSCALL_READ_E, "was never written");
}

static void scap_not_a_capture_said_as_users_know_it(void **state)
{
	struct base_err err = { 0 };
	struct scap_reader *r;
	struct seen s;
	struct sb b = { 0 };

	(void)state;
	assert_int_equal(scap_open("/nonexistent/x.scap", &r, &err), -ENOENT);
	assert_string_equal(err.msg, "Could not open trace filename /nonexistent/x.scap for reading: No such file or directory");
	run("- rule: x\n", 10, &s);
	assert_int_equal(s.end, -EINVAL);
	assert_non_null(strstr(s.err.msg, "for reading: invalid block type"));
	run("", 0, &s);
	assert_int_equal(s.end, -EINVAL);
	assert_non_null(strstr(s.err.msg, "empty"));
	sb_section(&b);
	run(b.p, b.len, &s);
	assert_int_equal(s.end, -ENODATA);
	assert_non_null(strstr(s.err.msg, "no events in file"));
	b.p[8] ^= 1;
	run(b.p, b.len, &s);
	assert_int_equal(s.end, -EINVAL);
	assert_non_null(strstr(s.err.msg, "invalid magic number"));
	memcpy(b.p + 8, "\x1a\x2b\x3c\x4d", 4);
	run(b.p, b.len, &s);
	assert_non_null(strstr(s.err.msg, "other byte order"));
	sb_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scap_event_blocks_every_kind_read),
		cmocka_unit_test(scap_large_payload_whole_in_order),
		cmocka_unit_test(scap_old_records_get_their_parameters_counted),
		cmocka_unit_test(scap_unknown_event_types_skipped),
		cmocka_unit_test(scap_leading_state_events_state_only),
		cmocka_unit_test(scap_appended_captures_restart),
		cmocka_unit_test(scap_gzip_members_inside_a_block_joined),
		cmocka_unit_test(scap_cut_anywhere_whole_events_then_damage),
		cmocka_unit_test(scap_any_bit_wrong_survived),
		cmocka_unit_test(scap_impossible_block_lengths_refused),
		cmocka_unit_test(scap_blocks_out_of_place_refused),
		cmocka_unit_test(scap_impossible_events_refused),
		cmocka_unit_test(scap_not_a_capture_said_as_users_know_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
