/* Parameters and values as text and JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "field_fixture.h"

static const char *val_text(const struct eval_val *v)
{
	static struct base_buf b; /* one test at a time; freed by the group's teardown */

	if (!v) {
		buf_fini(&b);
		return "";
	}
	buf_reset(&b);
	eval_val_text(&b, v);
	return b.p;
}

static const char *val_json(const struct eval_val *v)
{
	static struct base_buf b;

	if (!v) {
		buf_fini(&b);
		return "";
	}
	buf_reset(&b);
	eval_val_json(&b, NULL, v);
	return b.p;
}

static int free_texts(void **state)
{
	(void)state;
	val_text(NULL);
	val_json(NULL);
	return 0;
}

static struct eval_val number(unsigned type, unsigned fmt, int64_t i)
{
	return (struct eval_val){ .type = (uint8_t)type, .fmt = (uint8_t)fmt, .i = i };
}

static void value_numbers_by_type_and_format(void **state)
{
	static const struct {
		unsigned type, fmt;
		int64_t i;
		const char *text, *json;
	} t[] = {
		{ PT_INT64, PF_DEC, -5, "-5", "-5" },
		{ PT_INT64, PF_NA, -5, "-5", "\"-5\"" },
		{ PT_UINT64, PF_DEC, -1, "18446744073709551615", "18446744073709551615" },
		{ PT_UINT64, PF_NA, 7, "<NA>", "null" },
		{ PT_UINT32, PF_HEX, 0xabc, "ABC", "\"ABC\"" },
		{ PT_UINT32, PF_OCT, 0755, "755", "\"755\"" },
		{ PT_RELTIME, PF_PADDED, 42, "000000042", "\"000000042\"" },
		{ PT_UINT16, PF_PADDED, 42, "<NA>", "null" },
		{ PT_INT8, PF_HEX, -1, "FFFFFFFF", "\"FFFFFFFF\"" },
		{ PT_UINT8, PF_DEC, 0x1ff, "255", "255" },
		{ PT_PORT, PF_DEC, 443, "443", "443" },
		{ PT_BOOL, PF_NA, 1, "true", "true" },
		{ PT_BOOL, PF_NA, 0, "false", "false" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct eval_val v = number(t[i].type, t[i].fmt, t[i].i);

		assert_string_equal(val_text(&v), t[i].text);
		assert_string_equal(val_json(&v), t[i].json);
	}
}

static void value_doubles_one_decimal_or_shortest(void **state)
{
	static const struct {
		double d;
		const char *text, *json;
	} t[] = { { 0, "0.0", "0.0" }, { 0.1, "0.1", "0.1" }, { 100, "100.0", "100.0" }, { 0.054931640625, "0.1", "0.054931640625" }, { 1e20, "100000000000000000000.0", "1e+20" }, { 1e-30, "0.0", "1e-30" } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct eval_val v = { .type = PT_DOUBLE, .d = t[i].d };

		assert_string_equal(val_text(&v), t[i].text);
		assert_string_equal(val_json(&v), t[i].json);
	}
}

static void value_strings_escaped_and_repaired_in_json(void **state)
{
	struct eval_val v;

	(void)state;
	val_str(&v, "a\"b\n\0tail", 9);
	assert_string_equal(val_text(&v), "a\"b\n"); /* up to the first NUL */
	assert_string_equal(val_json(&v), "\"a\\\"b\\n\"");
	val_str(&v, "\xc3\xa9|\xff|\xc3(", 7);
	/* the byte after a lead byte belongs to it, whatever it is */
	assert_string_equal(val_json(&v), "\"\xc3\xa9|\xef\xbf\xbd|\xc3\xa8\"");
	val_str(&v, "", 0);
	assert_string_equal(val_json(&v), "\"\"");
}

static void value_bytes_shown_as_dots_within_the_limit(void **state)
{
	char big[3000];
	struct eval_val v = { .type = PT_BYTEBUF, .s = big, .len = 4 };

	(void)state;
	memset(big, 'x', sizeof(big));
	big[1] = '\n';
	assert_string_equal(val_text(&v), "x.xx");
	v.len = 1022;
	assert_int_equal(strlen(val_text(&v)), 1022);
	v.len = 1023;
	assert_int_equal(strlen(val_text(&v)), 1021);
	v.len = 3000;
	assert_int_equal(strlen(val_text(&v)), 1021);
}

static void value_addresses_and_lists(void **state)
{
	static const char v6[16] = { 0x20, 0x01, 0x0d, (char)0xb8, [15] = 1 };
	struct eval_val v = { .type = PT_IPADDR, .s = "\x7f\0\0\1", .len = 4 }, items[2];

	(void)state;
	assert_string_equal(val_text(&v), "127.0.0.1");
	assert_string_equal(val_json(&v), "\"127.0.0.1\"");
	v.s = v6;
	v.len = 16;
	assert_string_equal(val_text(&v), "2001:db8::1");
	v.len = 5; /* no address */
	assert_string_equal(val_text(&v), "<NA>");
	val_str(&items[0], "file", 4);
	val_str(&items[1], "pipe", 4);
	v = (struct eval_val){ .type = PT_CHARBUF, .is_list = true, .items = items, .count = 2 };
	assert_string_equal(val_text(&v), "(file,pipe)");
	assert_string_equal(val_json(&v), "[\"file\",\"pipe\"]");
	v.count = 0;
	assert_string_equal(val_text(&v), "()");
	assert_string_equal(val_json(&v), "null");
}

static void value_long_list_is_cut(void **state)
{
	struct eval_val items[300], v = { .type = PT_CHARBUF, .is_list = true, .items = items, .count = 300 };

	(void)state;
	for (int i = 0; i < 300; i++)
		val_str(&items[i], "abcdefgh", 8);
	assert_int_equal(strlen(val_text(&v)), 1023);
}

/* Shown text of one parameter of an event that the thread 7 makes. */
static const char *param(struct field_fixture *f, const char *name)
{
	char field[64] = "evt.arg.";

	strcat(field, name);
	return ff_text(f, field);
}

static void param_kinds_render_as_specified(void **state)
{
	struct field_fixture *f = ff_new();

	(void)state;
	ff_clone(f, 7, 7, 0, "me", "me", "", 0, 0, 1);
	evb_make(&f->b, PPME_SYSCALL_KILL_X, 7, 2, "nnn", 0L, 7L, 9L);
	ff_apply(f);
	assert_string_equal(param(f, "pid"), "me");
	assert_string_equal(param(f, "sig"), "SIGKILL");
	assert_string_equal(ff_text(f, "evt.args"), "res=0 pid=7(me) sig=9(SIGKILL)");
	evb_make(&f->b, PPME_SYSCALL_KILL_X, 7, 2, "nn-", -1L, 999L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "evt.args"), "res=-1(EPERM) pid=999 sig=<NA>");
	assert_string_equal(ff_text(f, "evt.res"), "EPERM");
	evb_make(&f->b, PPME_SYSCALL_SETUID_X, 7, 3, "nn", 0L, -1L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "evt.args"), "res=0 uid=-1(<NONE>)");
	evb_make(&f->b, PPME_SYSCALL_SETUID_X, 7, 3, "nn", 0L, 0L);
	ff_apply(f);
	assert_string_equal(param(f, "uid"), "root");
	evb_make(&f->b, PPME_SOCKET_SOCKET_X, 7, 4, "nnnnn", -4095L, 1L, 1L, 0L, 0L);
	ff_apply(f);
	assert_string_equal(param(f, "domain"), "AF_LOCAL|AF_UNIX"); /* every name of the value */
	assert_string_equal(ff_text(f, "evt.res"), "-4095");	     /* an error without a name */
	evb_make(&f->b, PPME_SYSCALL_MOUNT_X, 7, 5, "nsssn", 0L, "/dev/x", "/mnt", "", 4096L);
	ff_apply(f);
	assert_string_equal(param(f, "type"), ""); /* an empty string is a value */
	assert_string_equal(ff_text(f, "evt.args"), "res=0 dev=/dev/x dir=/mnt type= flags=4096(BIND)");
	evb_make(&f->b, PPME_SYSCALL_READ_X, 7, 5, "n-nn", -9L, 3L, 10L);
	ff_apply(f);
	assert_string_equal(param(f, "data"), "NULL");
	assert_string_equal(ff_text(f, "evt.args"), "res=-9(EBADF) data=NULL fd=3 size=10");
	ff_free(f);
}

static void param_paths_resolve_against_their_directory(void **state)
{
	struct field_fixture *f = ff_new();

	(void)state;
	ff_clone(f, 7, 7, 0, "me", "me", "", 0, 0, 1);
	evb_make(&f->b, PPME_SYSCALL_CHDIR_X, 7, 2, "ns", 0L, "/home/me");
	ff_apply(f);
	evb_make(&f->b, PPME_SYSCALL_OPENAT_2_X, 7, 3, "nnsnnnn", 5L, -100L, "/data", 1024L, 0L, 0L, 0L);
	ff_apply(f);
	evb_make(&f->b, PPME_SYSCALL_OPENAT_2_X, 7, 4, "nnsnnnn", -2L, 5L, "x/../y", 1L, 0L, 0L, 0L);
	ff_apply(f);
	assert_string_equal(param(f, "name"), "/data/y");
	assert_string_equal(ff_text(f, "evt.abspath"), "/data/y");
	evb_make(&f->b, PPME_SYSCALL_OPENAT_2_X, 7, 4, "nnsnnnn", -2L, -100L, "y", 1L, 0L, 0L, 0L);
	ff_apply(f);
	assert_string_equal(param(f, "name"), "/home/me/y");
	evb_make(&f->b, PPME_SYSCALL_OPENAT_2_X, 7, 4, "nnsnnnn", -2L, 77L, "y", 1L, 0L, 0L, 0L);
	ff_apply(f);
	assert_string_equal(param(f, "name"), "y"); /* unknown directory */
	evb_make(&f->b, PPME_SYSCALL_OPENAT_2_X, 7, 4, "nn-nnnn", -14L, -100L, 1L, 0L, 0L, 0L);
	ff_apply(f);
	assert_string_equal(param(f, "name"), "<NA>");
	ff_free(f);
}

static void param_dynamic_variants_choose_their_type(void **state)
{
	struct field_fixture *f = ff_new();

	(void)state;
	evb_make(&f->b, PPME_SYSCALL_PTRACE_X, 7, 1, "nbb", 0L, "\0\x10\x20\0\0\0\0\0\0", (size_t)9, "\1\x09", (size_t)2);
	ff_apply(f);
	assert_string_equal(param(f, "addr"), "2010");
	assert_string_equal(param(f, "data"), "SIGKILL");
	evb_make(&f->b, PPME_SYSCALL_PTRACE_X, 7, 1, "nbb", 0L, "\x63x", (size_t)2, "\1", (size_t)1);
	ff_apply(f);
	assert_string_equal(param(f, "addr"), "INVALID DYNAMIC PARAMETER");
	assert_string_equal(param(f, "data"), "0"); /* a variant without its byte */
	evb_make(&f->b, PPME_SYSCALL_KEYCTL_X, 7, 1, "nnbb", 0L, 0L, "\1", (size_t)1, "\1key", (size_t)5);
	ff_apply(f);
	assert_string_equal(ff_text(f, "evt.arg[2]"), "(null)");
	assert_string_equal(ff_text(f, "evt.arg[3]"), "key");
	ff_free(f);
}

static void param_base64_only_where_configured_and_shown(void **state)
{
	struct field_fixture *f = ff_new();

	(void)state;
	evb_make(&f->b, PPME_SYSCALL_READ_X, 7, 5, "nbnn", 2L, "\1M", (size_t)2, 3L, 10L);
	ff_apply(f);
	assert_string_equal(param(f, "data"), ".M");
	f->c.buffer_base64 = true;
	assert_string_equal(param(f, "data"), "AU0=");
	f->c.in_filter = true; /* conditions compare what they always compare */
	assert_string_equal(param(f, "data"), ".M");
	ff_free(f);
}

static void errno_names_known_and_unknown(void **state)
{
	(void)state;
	assert_string_equal(eval_errno_name(2), "ENOENT");
	assert_string_equal(eval_errno_name(11), "EAGAIN");
	assert_string_equal(eval_errno_name(512), "ERESTARTSYS");
	assert_null(eval_errno_name(0));
	assert_null(eval_errno_name(-2));
	assert_null(eval_errno_name(41));
	assert_null(eval_errno_name(INT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(value_numbers_by_type_and_format),
		cmocka_unit_test(value_doubles_one_decimal_or_shortest),
		cmocka_unit_test(value_strings_escaped_and_repaired_in_json),
		cmocka_unit_test(value_bytes_shown_as_dots_within_the_limit),
		cmocka_unit_test(value_addresses_and_lists),
		cmocka_unit_test(value_long_list_is_cut),
		cmocka_unit_test(param_kinds_render_as_specified),
		cmocka_unit_test(param_paths_resolve_against_their_directory),
		cmocka_unit_test(param_dynamic_variants_choose_their_type),
		cmocka_unit_test(param_base64_only_where_configured_and_shown),
		cmocka_unit_test(errno_names_known_and_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, free_texts);
}
