/* Parsing of fields, and the fields of events and threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "field_fixture.h"

#include <stdio.h>
#include <time.h>

static void check_error(const char *name, const char *source, const char *want)
{
	struct base_err err = { 0 };
	struct field_ref f;

	assert_int_not_equal(eval_field_parse(name, strlen(name), source, NULL, &f, &err), 0);
	assert_string_equal(err.msg, want);
}

static void check_ok(const char *name, const char *def, const char *arg, int64_t index)
{
	struct base_err err = { 0 };
	struct field_ref f;

	if (eval_field_parse(name, strlen(name), "syscall", NULL, &f, &err))
		fail_msg("%s: %s", name, err.msg);
	assert_string_equal(f.def->name, def);
	assert_string_equal(f.text, name);
	if (arg)
		assert_string_equal(f.arg, arg);
	else
		assert_null(f.arg);
	assert_int_equal(f.arg_index, index);
	field_ref_fini(&f);
}

static void parse_known_fields_finds_definition_and_argument(void **state)
{
	(void)state;
	check_ok("proc.name", "proc.name", NULL, -1);
	check_ok("evt.time.iso8601", "evt.time.iso8601", NULL, -1);
	check_ok("proc.aname[2]", "proc.aname", "2", 2);
	check_ok("proc.aname", "proc.aname", NULL, -1);
	check_ok("proc.aexepath[1]", "proc.aexepath", "1", 1);
	check_ok("proc.env[PATH]", "proc.env", "PATH", -1);
	check_ok("proc.aenv[3]", "proc.aenv", "3", 3);
	check_ok("evt.arg.flags", "evt.arg", "flags", -1);
	check_ok("evt.arg[1]", "evt.arg", "1", 1);
	check_ok("evt.abspath.dst", "evt.abspath", "dst", 2);
	check_ok("thread.cgroup.cpu_acct", "thread.cgroup", "cpu_acct", -1);
	check_ok("fd.types[4]", "fd.types", "4", 4);
	check_ok("container.mount[0]", "container.mount", "0", 0);
	check_ok("container.mount[/etc/*]", "container.mount", "/etc/*", -1);
	check_ok("k8s.pod.label[01]", "k8s.pod.label", "01", -1);
}

static void parse_wrong_fields_says_what_the_reference_says(void **state)
{
	(void)state;
	check_error("foo.bar", "syscall", "filter_check called with nonexistent field foo.bar");
	check_error("proc.names", "syscall", "filter_check called with nonexistent field proc.names");
	check_error("proc.name[1]", "syscall", "filter_check called with nonexistent field proc.name[1]");
	check_error("proc.aname[x]", "syscall", "filter_check called with nonexistent field proc.aname[x]");
	check_error("evt.type.is.nosuch", "syscall", "filter_check called with nonexistent field evt.type.is.nosuch");
	check_error("evt.type.is", "syscall", "filter syntax error: evt.type.is");
	check_error("evt.arg", "syscall", "filter syntax error: evt.arg");
	check_error("evt.arg.+", "syscall", "unknown event argument +");
	check_error("evt.arg[x]", "syscall", "x is not a valid number");
	check_error("evt.rawarg[1]", "syscall", "evt.arg fields must be expressed explicitly");
	check_error("evt.around.5", "syscall", "wrong syntax for evt.around");
	check_error("thread.cgroup[cpu]", "syscall", "filter syntax error: thread.cgroup[cpu]");
	check_error("container.id[1]", "syscall", "filter 'container.id[1]': container.id does not allow nor require an argument but one is provided: 1");
	check_error("container.label", "syscall", "filter 'container.label': container.label requires an argument but none provided");
	check_error("container.label[x", "syscall", "filter 'container.label[x': container.label has unbalanced argument brackets");
	check_error("proc.name", "k8s_audit", "filter_check called with nonexistent field proc.name");
}

static void parse_rawarg_takes_type_of_the_parameter(void **state)
{
	struct base_err err;
	struct field_ref f;

	(void)state;
	assert_int_equal(eval_field_parse("evt.rawarg.fd", 13, "syscall", NULL, &f, &err), 0);
	assert_int_equal(f.type, PT_FD);
	field_ref_fini(&f);
	assert_int_equal(eval_field_parse("evt.rawarg.data", 15, "syscall", NULL, &f, &err), 0);
	assert_int_equal(f.type, PT_BYTEBUF);
	field_ref_fini(&f);
}

static void parse_static_field_reads_configured_value(void **state)
{
	static const char *const names[] = { "zone", "rack", NULL }, *const values[] = { "z1", "r2" };
	struct eval_ctx c = { .static_values = values };
	struct base_err err;
	struct field_ref f, g;
	struct eval_val v;

	(void)state;
	assert_int_equal(eval_field_parse("static.rack", 11, "k8s_audit", names, &f, &err), 0);
	assert_int_equal(eval_field_get(&c, &f, &v), 1);
	assert_int_equal(v.len, 2);
	assert_memory_equal(v.s, "r2", 2);
	assert_int_not_equal(eval_field_parse("static.none", 11, "syscall", names, &g, &err), 0);
	field_ref_fini(&f);
}

static void ref_equal_differs_by_definition_and_argument(void **state)
{
	const char *texts[] = { "proc.aname", "proc.aname[1]", "proc.aname[2]", "proc.env[A]", "proc.env[B]", "evt.arg.fd" };
	struct field_ref f[6], again;
	struct base_err err;

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(eval_field_parse(texts[i], strlen(texts[i]), "syscall", NULL, &f[i], &err), 0);
	for (int i = 0; i < 6; i++)
		for (int k = 0; k < 6; k++)
			assert_int_equal(field_ref_equal(&f[i], &f[k]), i == k);
	assert_int_equal(eval_field_parse(texts[1], strlen(texts[1]), "syscall", NULL, &again, &err), 0);
	assert_true(field_ref_equal(&f[1], &again));
	field_ref_fini(&again);
	for (int i = 0; i < 6; i++)
		field_ref_fini(&f[i]);
}

static void table_every_field_parses_and_reads_without_state(void **state)
{
	struct field_fixture *f = ff_new();
	char name[128];

	(void)state;
	/* an event whose thread nobody has seen, and one that is no system call */
	for (int round = 0; round < 2; round++) {
		if (round)
			evb_make(&f->b, PPME_PROCINFO_E, 7, 1, "nn", 1L, 2L);
		else
			evb_make(&f->b, PPME_SYSCALL_POLL_X, 7, 1, "nb", -2L, "\1\0\5", (size_t)3);
		ff_apply(f);
		for (size_t i = 0; i < eval_field_count; i++) {
			const struct field_def *d = &eval_field_defs[i];
			bool dotted = !strcmp(d->name, "evt.arg") || !strcmp(d->name, "evt.rawarg");
			const char *arg = dotted ? ".fd" : !strcmp(d->name, "evt.type.is") ? ".open" : !strcmp(d->name, "thread.cgroup") ? ".cpu" :
					  !strcmp(d->name, "evt.abspath") ? ".src" : d->flags & FF_ARG_REQUIRED ? "[1]" : "";

			snprintf(name, sizeof(name), "%s%s", d->name, arg);
			assert_non_null(ff_text(f, name));
			assert_non_null(ff_json(f, name));
		}
	}
	ff_free(f);
}

static void event_times_and_numbers_read(void **state)
{
	struct field_fixture *f = ff_new();

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	f->c.first_ts = 1650000000000000000ull;
	evb_make(&f->b, PPME_SYSCALL_CLOSE_X, 5, 1650000001000000042ull, "nn", -9L, 3L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "evt.num"), "1");
	assert_string_equal(ff_text(f, "evt.time"), "05:20:01.000000042");
	assert_string_equal(ff_text(f, "evt.time.s"), "05:20:01");
	assert_string_equal(ff_text(f, "evt.time.iso8601"), "2022-04-15T05:20:01.000000042+0000");
	assert_string_equal(ff_text(f, "evt.datetime"), "2022-04-15 05:20:01.000000042");
	assert_string_equal(ff_text(f, "evt.datetime.s"), "2022-04-15 05:20:01");
	assert_string_equal(ff_text(f, "evt.rawtime.ns"), "000000042");
	assert_string_equal(ff_json(f, "evt.rawtime.ns"), "42");
	assert_string_equal(ff_text(f, "evt.reltime"), "1000000042");
	assert_string_equal(ff_text(f, "evt.type"), "close");
	assert_string_equal(ff_text(f, "evt.type.is.close"), "<NA>"); /* a number without a print format */
	assert_string_equal(ff_text(f, "evt.dir"), "<");
	assert_string_equal(ff_text(f, "evt.rawres"), "-9");
	assert_string_equal(ff_text(f, "evt.res"), "EBADF");
	assert_string_equal(ff_text(f, "evt.failed"), "true");
	assert_string_equal(ff_text(f, "evt.count.error"), "1");
	assert_string_equal(ff_text(f, "evt.args"), "res=-9(EBADF) fd=3");
	assert_string_equal(ff_text(f, "evt.arg[9]"), "(none)");
	assert_string_equal(ff_text(f, "evt.hostname"), ""); /* this is a replay */
	f->c.machine_hostname = "there";
	assert_string_equal(ff_text(f, "evt.hostname"), "there");
	f->c.first_ts = 1650000001000000043ull;
	assert_string_equal(ff_text(f, "evt.reltime"), "1650000001000000042");
	assert_string_equal(ff_text(f, "evt.is_async"), "false");
	assert_string_equal(ff_text(f, "evt.asynctype"), "(none)");
	assert_string_equal(ff_text(f, "syscall.type"), "close");
	ff_free(f);
}

static void event_generic_is_named_by_its_call(void **state)
{
	const struct evt_syscall *sc = evt_syscall_by_name("getpid", 6);
	struct field_fixture *f = ff_new();

	(void)state;
	evb_make(&f->b, PPME_GENERIC_X, 5, 1, "nn", (long)sc->code, (long)sc->nr_x86_64);
	ff_apply(f);
	assert_string_equal(ff_text(f, "evt.type"), "getpid");
	assert_string_equal(ff_text(f, "evt.args"), "");
	assert_string_equal(ff_text(f, "evt.arg[0]"), "getpid");
	assert_string_equal(ff_text(f, "evt.rawres"), "(none)");
	/* a call this table lacks: by the native number */
	evb_make(&f->b, PPME_GENERIC_X, 5, 1, "nn", 0L, (long)sc->nr_x86_64);
	ff_apply(f);
	assert_string_equal(ff_text(f, "evt.type"), "getpid");
	ff_free(f);
}

static void event_open_flags_read(void **state)
{
	struct field_fixture *f = ff_new();

	(void)state;
	/* O_RDWR | O_CREAT | O_F_CREATED, mode 0755 */
	evb_make(&f->b, PPME_SYSCALL_OPENAT_2_X, 5, 1, "nnsnnnn", 3L, -100L, "/tmp/x", 3L | 4L | 16384L, 0755L, 0L, 0L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "evt.is_open_read"), "true");
	assert_string_equal(ff_text(f, "evt.is_open_write"), "true");
	assert_string_equal(ff_text(f, "evt.is_open_exec"), "true");
	assert_string_equal(ff_text(f, "evt.is_open_create"), "true");
	assert_string_equal(ff_text(f, "evt.arg.flags"), "O_CREAT|O_RDWR|O_F_CREATED");
	assert_string_equal(ff_text(f, "evt.arg.mode"), "0755");
	assert_string_equal(ff_text(f, "evt.arg.dirfd"), "AT_FDCWD");
	assert_string_equal(ff_text(f, "evt.rawarg.flags"), "4007");
	assert_string_equal(ff_json(f, "evt.rawarg.flags"), "\"4007\"");
	assert_string_equal(ff_text(f, "evt.rawarg.name"), "/tmp/x");
	evb_make(&f->b, PPME_SYSCALL_OPENAT_2_X, 5, 1, "nnsnnnn", -2L, -100L, "/tmp/x", 1L, 0L, 0L, 0L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "evt.is_open_read"), "true");
	assert_string_equal(ff_text(f, "evt.is_open_write"), "false");
	assert_string_equal(ff_text(f, "evt.is_open_exec"), "false");
	assert_string_equal(ff_text(f, "fd.name"), "/tmp/x");
	assert_string_equal(ff_text(f, "evt.count.error.file"), "1");
	assert_string_equal(ff_text(f, "evt.count.error.net"), "(none)");
	ff_free(f);
}

static void event_deltatime_is_per_use(void **state)
{
	struct field_fixture *f = ff_new();
	struct field_ref a, b;
	struct base_err err;
	struct eval_val v;

	(void)state;
	assert_int_equal(eval_field_parse("evt.deltatime", 13, "syscall", NULL, &a, &err), 0);
	assert_int_equal(eval_field_parse("evt.deltatime", 13, "syscall", NULL, &b, &err), 0);
	for (int i = 0; i < 3; i++) {
		evb_make(&f->b, PPME_SYSCALL_CLOSE_X, 5, 1000 + 10 * (uint64_t)i, "nn", 0L, 3L);
		ff_apply(f);
		assert_int_equal(eval_field_get(&f->c, &a, &v), 1);
		assert_int_equal(v.u, i ? 10 : 0);
		assert_int_equal(eval_field_get(&f->c, &a, &v), 1); /* the same event again */
		assert_int_equal(v.u, i ? 10 : 0);
	}
	assert_int_equal(eval_field_get(&f->c, &b, &v), 1);
	assert_int_equal(v.u, 0);
	field_ref_fini(&a);
	field_ref_fini(&b);
	ff_free(f);
}

static void around_distance_in_milliseconds_decides(void **state)
{
	struct field_fixture *f = ff_new();
	struct field_ref ref;
	struct base_err err;
	struct eval_val lit = { .type = PT_UINT64 };
	struct cond_rhs rhs = { .count = 1, .vals = &lit };

	(void)state;
	evb_make(&f->b, PPME_SYSCALL_CLOSE_X, 5, 5000000000ull, "nn", 0L, 3L);
	ff_apply(f);
	assert_int_equal(eval_field_parse("evt.around[5001000000]", 22, "syscall", NULL, &ref, &err), 0);
	lit.u = 1;
	assert_int_equal(eval_field_compare(&f->c, &ref, OP_EQ, &rhs, NULL, NULL), 1);
	lit.u = 0;
	assert_int_equal(eval_field_compare(&f->c, &ref, OP_EQ, &rhs, NULL, NULL), 0);
	field_ref_fini(&ref);
	ff_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_known_fields_finds_definition_and_argument),
		cmocka_unit_test(parse_wrong_fields_says_what_the_reference_says),
		cmocka_unit_test(parse_rawarg_takes_type_of_the_parameter),
		cmocka_unit_test(parse_static_field_reads_configured_value),
		cmocka_unit_test(ref_equal_differs_by_definition_and_argument),
		cmocka_unit_test(table_every_field_parses_and_reads_without_state),
		cmocka_unit_test(event_times_and_numbers_read),
		cmocka_unit_test(event_generic_is_named_by_its_call),
		cmocka_unit_test(event_open_flags_read),
		cmocka_unit_test(event_deltatime_is_per_use),
		cmocka_unit_test(around_distance_in_milliseconds_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
