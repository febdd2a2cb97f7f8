/* The command line. */
#include "daemon/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static int parse(struct options *o, struct base_err *e, int argc, const char **argv)
{
	memset(e, 0, sizeof(*e));
	return options_parse(argc, (char **)argv, o, e);
}

#define PARSE(o, e, ...) parse(o, e, (int)(sizeof((const char *[]){ "saker", __VA_ARGS__ }) / sizeof(char *)), \
			       (const char *[]){ "saker", __VA_ARGS__ })

static void options_all_forms_are_read(void **state)
{
	struct options o;
	struct base_err e;

	(void)state;
	assert_int_equal(PARSE(&o, &e, "-c", "a.yaml", "-rb", "-r", "c", "-o", "x=1", "--option=y=2", "-vU", "-M", "30", "--dry-run",
			       "-pk", "-V", "v1", "--validate", "v2", "stray"), 0);
	assert_string_equal(o.config, "a.yaml");
	assert_int_equal(o.nrules, 2);
	assert_string_equal(o.rules[0], "b");
	assert_string_equal(o.rules[1], "c");
	assert_int_equal(o.noption, 2);
	assert_string_equal(o.option[1], "y=2");
	assert_true(o.verbose && o.unbuffered && o.dry_run);
	assert_int_equal(o.seconds, 30);
	assert_string_equal(o.print, "k");
	assert_int_equal(o.nvalidate, 2);
	assert_string_equal(o.validate[1], "v2");
	options_fini(&o);
}

static void options_list_takes_a_source_only_with_equals(void **state)
{
	struct options o;
	struct base_err e;

	(void)state;
	assert_int_equal(PARSE(&o, &e, "--list", "syscall"), 0);
	assert_true(o.list);
	assert_string_equal(o.list_source, "");
	options_fini(&o);
	assert_int_equal(PARSE(&o, &e, "--list=syscall", "-N", "--format", "JSON"), 0);
	assert_string_equal(o.list_source, "syscall");
	assert_true(o.names_only);
	assert_int_equal(o.format, FORMAT_JSON);
	options_fini(&o);
}

static void expect_error(const char *want, struct base_err *e)
{
	assert_string_equal(e->msg, want);
}

static void options_mistakes_are_named(void **state)
{
	struct options o;
	struct base_err e;

	(void)state;
	assert_true(PARSE(&o, &e, "--nosuch") < 0);
	expect_error("Option ‘nosuch’ does not exist", &e);
	assert_true(PARSE(&o, &e, "-z") < 0);
	expect_error("Option ‘z’ does not exist", &e);
	assert_true(PARSE(&o, &e, "-r") < 0);
	expect_error("Option ‘r’ is missing an argument", &e);
	assert_true(PARSE(&o, &e, "--format", "xml") < 0);
	expect_error("Invalid format 'xml'. Valid values are: text, markdown, json", &e);
	assert_true(PARSE(&o, &e, "--list", "--format", "json", "--markdown") < 0);
	expect_error("Cannot specify both --markdown and --format options together", &e);
	assert_true(PARSE(&o, &e, "-M", "soon") < 0);
	assert_true(PARSE(&o, &e, "-M", "-1") < 0);
	assert_true(PARSE(&o, &e, "--config-schema") < 0);
	expect_error("--config-schema is not served yet", &e);
	assert_true(PARSE(&o, &e, "--dry-run=yes") < 0);
}

static unsigned help_lines;

static void count_line(const char *text)
{
	help_lines += strlen(text) > 0;
}

static void options_help_names_every_option_once(void **state)
{
	(void)state;
	options_help(count_line);
	assert_in_range(help_lines, 25, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_all_forms_are_read),
		cmocka_unit_test(options_list_takes_a_source_only_with_equals),
		cmocka_unit_test(options_mistakes_are_named),
		cmocka_unit_test(options_help_names_every_option_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
