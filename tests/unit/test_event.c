/* contract/event.c: tables agree with themselves, decoding accepts what is whole and nothing else. */
#include "contract/event.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct raw {
	struct evt_env env;
	unsigned char b[512];
};

/* An open exit event: fd 5, name "/etc/passwd", flags 1, mode 0, dev 0x801, ino 42. */
static size_t make_open(struct raw *r)
{
	static const uint16_t len[6] = { 8, 12, 4, 4, 4, 8 };
	struct evt_hdr h = { .ts = 1, .tid = 7, .type = PPME_SYSCALL_OPEN_X, .nparams = 6 };
	int64_t fd = -13;
	uint32_t flags = 1, mode = 0, dev = 0x801;
	uint64_t ino = 42;
	unsigned char *p = r->b + sizeof(h) + sizeof(len);

	memset(r, 0, sizeof(*r));
	memcpy(r->b + sizeof(h), len, sizeof(len));
	memcpy(p, &fd, 8);
	memcpy(p + 8, "/etc/passwd", 12);
	memcpy(p + 20, &flags, 4);
	memcpy(p + 24, &mode, 4);
	memcpy(p + 28, &dev, 4);
	memcpy(p + 32, &ino, 8);
	h.len = (uint32_t)(p + 40 - r->b);
	memcpy(r->b, &h, sizeof(h));
	return h.len;
}

static struct evt view(struct raw *r)
{
	return (struct evt){ .env = &r->env, .hdr = (const struct evt_hdr *)r->b };
}

static void decode_whole_event_gives_parameters(void **state)
{
	struct raw r;
	size_t len = make_open(&r);
	struct evt ev = view(&r);
	const char *s;
	size_t slen;
	int64_t i;
	uint64_t u;

	(void)state;
	assert_int_equal(evt_decode(&ev, len), 0);
	assert_int_equal(ev.nparams, 6);
	assert_true(evt_get_i64(&ev, 0, &i));
	assert_int_equal(i, -13);
	assert_true(evt_get_str(&ev, 1, &s, &slen));
	assert_int_equal(slen, 11);
	assert_memory_equal(s, "/etc/passwd", 11);
	assert_true(evt_get_u64(&ev, 5, &u));
	assert_int_equal(u, 42);
	assert_false(evt_get_u64(&ev, 6, &u));
	assert_true(evt_result(&ev, &i));
	assert_int_equal(i, -13);
}

static void decode_every_truncation_is_refused(void **state)
{
	struct raw r;
	size_t len = make_open(&r);
	struct evt ev = view(&r);

	(void)state;
	for (size_t avail = 0; avail < len; avail++)
		assert_int_equal(evt_decode(&ev, avail), -EBADMSG);
}

static void decode_lengths_beyond_the_event_are_refused(void **state)
{
	struct raw r;
	size_t len = make_open(&r);
	struct evt ev = view(&r);
	uint16_t bad = 60000;

	(void)state;
	memcpy(r.b + sizeof(struct evt_hdr) + 2, &bad, 2);
	assert_int_equal(evt_decode(&ev, len), -EBADMSG);
}

static void decode_unknown_type_and_too_many_parameters_are_refused(void **state)
{
	struct raw r;
	size_t len = make_open(&r);
	struct evt ev = view(&r);
	struct evt_hdr *h = (struct evt_hdr *)r.b;

	(void)state;
	h->type = EVT_TYPE_MAX;
	assert_int_equal(evt_decode(&ev, len), -EBADMSG);
	h->type = PPME_SYSCALL_OPEN_X;
	h->nparams = EVT_MAX_PARAMS + 1;
	assert_int_equal(evt_decode(&ev, len), -EBADMSG);
	h->nparams = UINT32_MAX;
	assert_int_equal(evt_decode(&ev, len), -EBADMSG);
}

static void get_str_empty_or_null_text_reads_as_na(void **state)
{
	struct raw r;
	size_t len = make_open(&r), slen;
	struct evt ev = view(&r);
	const char *s;

	(void)state;
	memcpy(r.b + sizeof(struct evt_hdr) + 12 + 8, "(NULL)", 7);
	assert_int_equal(evt_decode(&ev, len), 0);
	assert_true(evt_get_str(&ev, 1, &s, &slen));
	assert_int_equal(slen, 4);
	assert_memory_equal(s, "<NA>", 4);
}

static void tables_are_complete_and_ordered(void **state)
{
	(void)state;
	for (unsigned t = 0; t < EVT_TYPE_MAX; t++) {
		const struct evt_info *i = &evt_table[t];

		assert_non_null(i->name);
		assert_true(i->nparams <= EVT_MAX_PARAMS);
		for (unsigned p = 0; p < i->nparams; p++) {
			assert_true(i->params[p].type > PT_NONE && i->params[p].type < PT_MAX);
			assert_true(i->params[p].dirfd < i->nparams);
			if (i->params[p].table && i->params[p].table < T_FLAG_TABLES) {
				size_t n;

				assert_non_null(evt_flag_table(i->params[p].table, &n));
				assert_true(n > 0);
			}
		}
	}
	for (size_t s = 0; s < evt_syscall_count; s++) {
		assert_ptr_equal(evt_syscall_by_code(evt_syscalls[s].code), &evt_syscalls[s]);
		assert_true(!s || evt_syscalls[s - 1].code < evt_syscalls[s].code);
		assert_true(evt_syscalls[s].exit_event < EVT_TYPE_MAX);
	}
	assert_null(evt_syscall_by_code(60000));
	assert_string_equal(evt_syscall_by_name("openat", 6)->name, "openat");
}

static void key_after_is_between_neighbours(void **state)
{
	struct okey k = { 5, 0 }, next = { 6, 0 };

	(void)state;
	assert_true(okey_less(k, okey_after(k)));
	assert_true(okey_less(okey_after(k), next));
	assert_true(okey_less(OKEY_MIN, k));
	assert_false(okey_less(k, k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_whole_event_gives_parameters),
		cmocka_unit_test(decode_every_truncation_is_refused),
		cmocka_unit_test(decode_lengths_beyond_the_event_are_refused),
		cmocka_unit_test(decode_unknown_type_and_too_many_parameters_are_refused),
		cmocka_unit_test(get_str_empty_or_null_text_reads_as_na),
		cmocka_unit_test(tables_are_complete_and_ordered),
		cmocka_unit_test(key_after_is_between_neighbours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
