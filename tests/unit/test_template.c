/* Output templates: compiling and rendering. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "eval/template.h"
#include "field_fixture.h"
#include <time.h>

static const char *const statics[] = { "zone", NULL };
static const char *const static_values[] = { "z\"1" };

static struct template *compile_with(const char *text, const struct template_field *extra, uint32_t nextra, bool iso)
{
	struct template_opts o = { .priority_name = "Warning", .source = "syscall", .static_names = statics, .extra = extra, .nextra = nextra, .iso_time = iso };
	struct base_err err = { 0 };
	struct template *t = NULL;

	if (template_compile(text, strlen(text), &o, &t, &err))
		fail_msg("%s: %s", text, err.msg);
	return t;
}

static struct field_fixture *fixture(void)
{
	struct field_fixture *f = ff_new();

	setenv("TZ", "UTC", 1);
	tzset();
	f->c.static_values = static_values;
	ff_clone(f, 7, 7, 0, "me", "/bin/me", "-x", 2, 0, 1);
	evb_make(&f->b, PPME_SYSCALL_KILL_X, 7, 1650000001000000042ull, "nnn", -3L, 7L, 9L);
	ff_apply(f);
	return f;
}

static struct alert *render(struct field_fixture *f, struct template *t)
{
	struct alert_meta m = { .rule = "R", .source = "syscall", .tags_json = "[\"a\"]", .priority = 4, .rule_id = 3, .seq = 2 };
	struct alert *a = NULL;

	assert_int_equal(template_render(&f->c, t, &m, &a), 0);
	return a;
}

static void check_message(const char *text, const char *want)
{
	struct field_fixture *f = fixture();
	struct template *t = compile_with(text, NULL, 0, false);
	struct alert *a = render(f, t);

	assert_string_equal(a->message, want);
	alert_unref(a);
	template_free(t);
	ff_free(f);
}

static void check_fields(const char *text, const struct template_field *extra, uint32_t n, const char *want)
{
	struct field_fixture *f = fixture();
	struct template *t = compile_with(text, extra, n, false);
	struct alert *a = render(f, t);

	assert_string_equal(a->fields_json, want);
	alert_unref(a);
	template_free(t);
	ff_free(f);
}

static void check_error(const char *text, const char *want)
{
	struct template_opts o = { .priority_name = "Warning", .source = "syscall" };
	struct base_err err = { 0 };
	struct template *t = NULL;

	assert_int_not_equal(template_compile(text, strlen(text), &o, &t, &err), 0);
	assert_null(t);
	assert_string_equal(err.msg, want);
}

static void compile_bad_texts_fails_with_the_message(void **state)
{
	const char *unknown = "unknown filter: unexpected token after '";

	(void)state;
	check_error("", "empty formatting token");
	check_error("%", "invalid formatting syntax: formatting cannot end with a %");
	check_error("x %", "invalid formatting syntax: formatting cannot end with a %");
	check_error("%5", "invalid formatting syntax: formatting cannot end with a number");
	check_error("%nosuch.field", unknown);
	check_error("100%% x", unknown);
	check_error("%proc", unknown);
	check_error("%evt.arg", unknown);
	check_error("%evt.arg[", unknown);
	check_error("%tolower(nosuch)", unknown);
	check_error("%tolower(proc.pid)", unknown);
	check_error("%foo(proc.name)", unknown);
	check_error("%tolower(proc.name", unknown);
	check_error("%getopt(proc.args,\"c:\")[c]", unknown);
}

static void render_tokens_longest_prefix_is_the_field(void **state)
{
	(void)state;
	check_message("plain", "plain");
	check_message("%proc.name", "me");
	check_message("%proc.name-x %proc.names %proc.namex,%proc.name.", "me-x mes mex,me.");
	check_message("%proc.name[1] %proc.args[0] %proc.aname[x]", "me[1] -x <NA>[x]");
	check_message("%proc.name%proc.pid%evt.type", "me7kill");
	check_message("%evt.res %evt.arg.sig %evt.arg[9]", "ESRCH SIGKILL <NA>");
	check_message("*%proc.name", "me");
	check_message("**%proc.name", "*me");
	check_message("%static.zone", "z\\\"1");
	check_message("%fd.ip", "<NA>");
}

static void render_widths_pad_and_cut(void **state)
{
	(void)state;
	check_message("[%5proc.name][%1proc.name][%0proc.name][%007evt.type]", "[me   ][m][me][kill   ]");
	check_message("[%4fd.name]", "[<NA>]");
	check_message("[%2fd.name]", "[<N]");
}

static void render_transformers_show_result_and_list_inner_fields(void **state)
{
	(void)state;
	check_message("%toupper(proc.name) %tolower(toupper(proc.name))", "ME me");
	check_message("%basename(proc.exe) %len(proc.name)", "me <NA>"); /* strings lend no number format */
	check_message("%concat(proc.name,\"-\",evt.type)", "me-kill");
	check_message("%join(\", \",(proc.name,evt.type)).", "me, kill.");
	check_message("%toupper(proc.name)[1]", "ME[1]");
	check_fields("%toupper(basename(proc.exe))", NULL, 0, "{\"evt.time\":1650000001000000042,\"proc.exe\":\"/bin/me\"}");
}

static void render_fields_sorted_and_typed(void **state)
{
	(void)state;
	check_fields("%proc.pid %proc.name %fd.name %evt.rawtime.ns %evt.failed %proc.fdusage %evt.time.s %evt.type.is.kill", NULL, 0,
		     "{\"evt.failed\":true,\"evt.rawtime.ns\":42,\"evt.time\":1650000001000000042,\"evt.time.s\":1650000001000000042,"
		     "\"evt.type.is.kill\":null,\"fd.name\":null,\"proc.fdusage\":0.0,\"proc.name\":\"me\",\"proc.pid\":7}");
	check_fields("%proc.name %proc.name %proc.args[0] %evt.time", NULL, 0,
		     "{\"evt.time\":1650000001000000042,\"proc.args[0]\":\"-x\",\"proc.name\":\"me\"}");
}

static void render_extra_fields_raw_and_formatted(void **state)
{
	static const struct template_field extra[] = {
		{ (char *)"proc.pid", NULL }, { (char *)"zz", (char *)"pid=%proc.pid \"q\"" }, { (char *)"proc.namex", NULL }, { (char *)"proc.name", (char *)"<%proc.name>" },
	};

	(void)state;
	check_fields("%proc.name", extra, 4,
		     "{\"evt.time\":1650000001000000042,\"proc.name\":\"<me>\",\"proc.namex\":null,\"proc.pid\":7,\"zz\":\"pid=7 \\\"q\\\"\"}");
}

static void render_line_has_prefix_and_is_escaped(void **state)
{
	struct field_fixture *f = fixture();
	struct template *t = compile_with("a \"q\"\n\xff \\ %proc.name", NULL, 0, false), *iso = compile_with("x", NULL, 0, true);
	struct alert *a = render(f, t), *b = render(f, iso);

	(void)state;
	assert_string_equal(a->line, "05:20:01.000000042: Warning a \\\"q\\\"\\n\xef\xbf\xbd \\\\ me");
	assert_string_equal(a->output, a->line);
	assert_string_equal(a->message, "a \\\"q\\\"\\n\xef\xbf\xbd \\\\ me");
	assert_string_equal(a->rule, "R");
	assert_string_equal(a->hostname, "box");
	assert_string_equal(a->tags_json, "[\"a\"]");
	assert_int_equal(a->priority, 4);
	assert_int_equal(a->rule_id, 3);
	assert_int_equal(a->seq, 2);
	assert_int_equal(a->ts, 1650000001000000042ull);
	assert_true(okey_equal(a->key, f->b.ev.key));
	assert_string_equal(b->line, "2022-04-15T05:20:01.000000042+0000: Warning x");
	assert_string_equal(b->fields_json, "{\"evt.time.iso8601\":1650000001000000042}");
	alert_unref(a);
	alert_unref(b);
	template_free(t);
	template_free(iso);
	ff_free(f);
}

static void fields_lists_names_in_order_of_use(void **state)
{
	struct template *t = compile_with("%proc.pid %tolower(proc.name) %evt.type %proc.pid", NULL, 0, false);
	const char *const *names;
	const char *deprecated = NULL;

	(void)state;
	assert_int_equal(template_fields(t, &names), 3);
	assert_string_equal(names[0], "proc.pid");
	assert_string_equal(names[1], "proc.name");
	assert_string_equal(names[2], "evt.type");
	assert_false(template_uses_deprecated(t, &deprecated));
	template_free(t);
	t = compile_with("%evt.dir", NULL, 0, false);
	assert_true(template_uses_deprecated(t, &deprecated));
	assert_string_equal(deprecated, "evt.dir");
	template_free(t);
}

static void compile_huge_width_is_bounded(void **state)
{
	struct field_fixture *f = fixture();
	struct template *t = compile_with("%99999999999999999999proc.name", NULL, 0, false);
	struct alert *a = render(f, t);

	(void)state;
	assert_int_equal(strlen(a->message), 65536);
	alert_unref(a);
	template_free(t);
	ff_free(f);
}

static void compile_long_nonsense_ends(void **state)
{
	static char text[20000];
	struct template_opts o = { .priority_name = "W", .source = "syscall" };
	struct base_err err;
	struct template *t;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "%proc.", 6);
	assert_int_not_equal(template_compile(text, strlen(text), &o, &t, &err), 0);
	for (size_t i = 0; i + 8 < sizeof(text); i += 8)
		memcpy(text + i, "%tolower(" + (i > 0), 8);
	assert_int_not_equal(template_compile(text, strlen(text), &o, &t, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compile_bad_texts_fails_with_the_message),
		cmocka_unit_test(render_tokens_longest_prefix_is_the_field),
		cmocka_unit_test(render_widths_pad_and_cut),
		cmocka_unit_test(render_transformers_show_result_and_list_inner_fields),
		cmocka_unit_test(render_fields_sorted_and_typed),
		cmocka_unit_test(render_extra_fields_raw_and_formatted),
		cmocka_unit_test(render_line_has_prefix_and_is_escaped),
		cmocka_unit_test(fields_lists_names_in_order_of_use),
		cmocka_unit_test(compile_huge_width_is_bounded),
		cmocka_unit_test(compile_long_nonsense_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
