/* Lines of alerts as programs read them: keys, their order, what options leave out. */
#include "sink/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct alert *make(const char *tags)
{
	struct alert_text t = {
		.rule = "Odd \"rule\"",
		.source = "syscall",
		.hostname = "h",
		.line = "10:00:00.000000001: Warning text",
		.output = "10:00:00.000000001: Warning text",
		.message = "text",
		.fields_json = "{\"evt.time\":1650016800000000001}",
		.tags_json = tags,
	};
	struct alert *a = alert_new(&t);

	assert_non_null(a);
	a->priority = 4;
	a->ts = 1650016800000000001u;
	return a;
}

static void check(struct sink_format f, const struct alert *a, const char *want)
{
	struct base_buf out = { 0 };

	sink_format_alert(&out, &f, a);
	assert_false(out.failed);
	assert_string_equal(out.p, want);
	buf_fini(&out);
}

static void format_text_is_the_line(void **state)
{
	struct alert *a = make("[]");

	(void)state;
	check((struct sink_format){ .json = false }, a, "10:00:00.000000001: Warning text");
	alert_unref(a);
}

static void format_json_with_everything_has_sorted_keys(void **state)
{
	struct alert *a = make("[\"a\",\"b\"]");

	(void)state;
	check((struct sink_format){ true, true, true, true, true }, a,
	      "{\"hostname\":\"h\",\"message\":\"text\",\"output\":\"10:00:00.000000001: Warning text\","
	      "\"output_fields\":{\"evt.time\":1650016800000000001},\"priority\":\"Warning\","
	      "\"rule\":\"Odd \\\"rule\\\"\",\"source\":\"syscall\",\"tags\":[\"a\",\"b\"],"
	      "\"time\":\"2022-04-15T10:00:00.000000001Z\"}");
	alert_unref(a);
}

static void format_json_with_nothing_keeps_the_fixed_keys(void **state)
{
	struct alert *a = make("[]");

	(void)state;
	check((struct sink_format){ .json = true }, a,
	      "{\"hostname\":\"h\",\"priority\":\"Warning\",\"rule\":\"Odd \\\"rule\\\"\",\"source\":\"syscall\","
	      "\"time\":\"2022-04-15T10:00:00.000000001Z\"}");
	alert_unref(a);
}

static void format_internal_alert_has_no_tags_and_no_message(void **state)
{
	struct alert *a = make(NULL);

	(void)state;
	a->flags = ALERT_INTERNAL;
	check((struct sink_format){ true, false, true, false, true }, a,
	      "{\"hostname\":\"h\",\"priority\":\"Warning\",\"rule\":\"Odd \\\"rule\\\"\",\"source\":\"syscall\","
	      "\"time\":\"2022-04-15T10:00:00.000000001Z\"}");
	alert_unref(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_text_is_the_line),
		cmocka_unit_test(format_json_with_everything_has_sorted_keys),
		cmocka_unit_test(format_json_with_nothing_keeps_the_fixed_keys),
		cmocka_unit_test(format_internal_alert_has_no_tags_and_no_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
