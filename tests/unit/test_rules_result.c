/* What comes out of loading: reports, descriptions, the compiled set, and limits. */
#include "rules_fixture.h"

#define OPEN RULE("r1", "evt.type=open")

static char *text_of(const struct rules *r, uint32_t i, bool verbose)
{
	struct base_buf out = { 0 };

	rules_report_text(r, i, verbose, &out);
	return buf_steal(&out);
}

static void report_text_shows_places_and_snippet(void **state)
{
	static const char text[] = "- rule: r1\n  desc: d\n  condition: |-\n    evt.type=\n  output: o\n  priority: info\n";
	struct rules_opts o = loaded_opts();
	struct loaded l = load_with(&o, text, NULL);
	char *s = text_of(l.r, 0, true);

	(void)state;
	assert_string_equal(s,
		"a.yaml: Invalid\n3 Schema warnings:\n"
		"------\nfailed for <root>[0][priority]: Failed to match against any enum values.\n"
		"------\nfailed for <root>[0]: Failed to validate against schema associated with property name 'priority'.\n"
		"------\nfailed for <root>: Failed to validate item #0 in array.\n------\n"
		"\n1 Errors:\nIn rules content: (a.yaml:0:0)\n    rule 'r1': (a.yaml:0:2)\n    rule condition: (a.yaml:2:13)\n"
		"    condition expression: (\"evt.type=\":3:23)\n------\nevt.type=\n        ^\n------\n"
		"LOAD_ERR_COMPILE_CONDITION (Error compiling condition): expected a string value or a field with a valid transformer: "
		"'val', 'tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'\n");
	free(s);
	s = text_of(l.r, 0, false);
	assert_non_null(strstr(s, "\n 1 errors: [LOAD_ERR_COMPILE_CONDITION (Error compiling condition)]"));
	free(s);
	loaded_free(&l);
}

static void report_of_good_file_is_one_line(void **state)
{
	struct rules_opts o = loaded_opts();
	struct loaded l = load_with(&o, OPEN, "- list: l\n  items: []\n");
	char *s = text_of(l.r, 0, true);

	(void)state;
	assert_string_equal(s, "a.yaml: Ok");
	free(s);
	s = text_of(l.r, 1, false);
	assert_string_equal(s, "b.yaml: Ok, with warnings\n 1 warnings: [LOAD_UNUSED_LIST (Unused list)]");
	free(s);
	assert_int_equal(rules_file_count(l.r), 2);
	assert_true(rules_file_ok(l.r, 0) && rules_file_ok(l.r, 1));
	assert_true(!rules_file_has_warnings(l.r, 0) && rules_file_has_warnings(l.r, 1));
	loaded_free(&l);
}

static void report_snippet_of_long_line_is_cut(void **state)
{
	char text[1024] = "- rule: r\n  ", *s;
	struct rules_opts o = loaded_opts();
	struct loaded l;

	(void)state;
	memset(text + strlen(text), 'k', 300);
	strcat(text, ": v\n");
	l = load_with(&o, text, NULL);
	s = text_of(l.r, 0, true);
	assert_non_null(strstr(s, "------\n- rule: r\n  ^\n------\n"));
	free(s);
	loaded_free(&l);
	snprintf(text, sizeof(text), "- list: l\n  items: [%0*d, [x], %0*d]\n", 200, 1, 200, 2);
	l = load_with(&o, text, NULL);
	s = text_of(l.r, 0, true);
	assert_non_null(strstr(s, "------\n...000"));
	assert_non_null(strstr(s, "000...\n"));
	free(s);
	loaded_free(&l);
}

static void report_of_a_condition_without_context_says_so(void **state)
{
	struct rules_opts o = loaded_opts();
	struct loaded l = load_with(&o, "\n42\n", NULL);
	const json_t *e = loaded_entry(&l, 0, "errors", 0);

	(void)state;
	assert_string_equal(entry_str(json_object_get(e, "context"), "snippet"), "<No context available>\n");
	loaded_free(&l);
}

static void describe_tells_what_a_rule_uses(void **state)
{
	static const char text[] =
		"- required_engine_version: 0.62.0\n- list: l\n  items: [a, b]\n- list: k\n  items: [l, c]\n"
		"- macro: m\n  condition: evt.type in (open, openat)\n"
		"- rule: r1\n  desc: some words\n  condition: m and proc.name in (l) and not fd.name startswith /x\n"
		"  output: o %proc.name %tolower(proc.pname)\n  priority: WARN" "ING\n  tags: [z, a]\n"
		"  exceptions:\n  - {name: e, fields: [container.id], comps: [in], values: [[k]]}\n";
	struct rules_opts o = loaded_opts();
	struct loaded l = load_with(&o, text, NULL);
	const json_t *rule = loaded_item(&l, "rules", "r1"), *d = json_object_get(rule, "details"), *i = json_object_get(rule, "info");
	char *s;

	(void)state;
	assert_string_equal(entry_str(l.all, "required_engine_version"), "0.62.0");
	assert_string_equal(entry_str(d, "condition_compiled"),
		"((evt.type in (open, openat) and proc.name in (a, b) and not fd.name startswith /x) and not container.id in (a, b, c))");
	assert_string_equal(entry_str(i, "priority"), "Warning");
	s = json_dumps(json_object_get(i, "tags"), JSON_COMPACT);
	assert_string_equal(s, "[\"a\",\"z\"]");
	free(s);
	s = json_dumps(d, JSON_COMPACT | JSON_SORT_KEYS);
	assert_non_null(strstr(s, "\"macros\":[\"m\"]"));
	assert_non_null(strstr(s, "\"lists\":[\"l\"]"));
	assert_non_null(strstr(s, "\"output_fields\":[\"proc.name\",\"proc.pname\",\"tolower(proc.pname)\"]"));
	assert_non_null(strstr(s, "\"plugins\":[\"container\"]"));
	assert_non_null(strstr(s, "\"exception_names\":[\"e\"]"));
	free(s);
	s = json_dumps(loaded_item(&l, "lists", "k"), JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(s, "{\"details\":{\"items_compiled\":[\"a\",\"b\",\"c\"],\"lists\":[\"l\"],\"plugins\":[],\"used\":true},\"info\":{\"items\":[\"c\"],\"name\":\"k\"}}");
	free(s);
	loaded_free(&l);
}

static void describe_text_has_two_columns(void **state)
{
	struct rules_opts o = loaded_opts();
	struct loaded l = load_with(&o, OPEN, NULL);
	struct base_buf out = { 0 };

	(void)state;
	assert_int_equal(rules_describe_text(l.r, "r1", &out), 0);
	assert_string_equal(out.p, "Rule                                               Description\n"
				   "----                                               -----------\n"
				   "r1                                                 d \n\n");
	assert_int_equal(rules_describe_text(l.r, "r2", &out), -2);
	assert_int_equal(rules_describe_json(l.r, "r2", &out), -2);
	buf_fini(&out);
	loaded_free(&l);
}

/* ---- the compiled set ----------------------------------------------------------------------------------- */

/* Names of the rules of a set in evaluation order, those that take part, separated by blanks. */
static void order_of(const struct ruleset *rs, char *out, size_t size)
{
	uint32_t n = ruleset_count(rs), last = 0;

	*out = 0;
	for (uint32_t done = 0; done < n; done++) {
		const struct eval_rule *next = NULL;

		for (uint32_t i = 0; i < n; i++) {
			const struct eval_rule *u = ruleset_rule(rs, i);

			if (u->enabled && (!done || u->order > last) && (!next || u->order < next->order))
				next = u;
		}
		if (!next)
			return;
		snprintf(out + strlen(out), size - strlen(out), "%s%s", *out ? " " : "", next->name);
		last = next->order;
	}
}

static void assert_order(const struct rules_opts *o, const char *text, const char *want)
{
	struct rules *r = rules_new(o);
	struct ruleset *rs;
	struct base_err err;
	char got[256];

	assert_int_equal(rules_load_text(r, "a", text, strlen(text)), 0);
	rs = rules_compile(r, &err);
	assert_non_null(rs);
	order_of(rs, got, sizeof(got));
	assert_string_equal(got, want);
	ruleset_free(rs);
	rules_free(r);
}

#define FOUR RULE("aa", "evt.type=open") RULE("ab", "evt.type=open") RULE("ba", "evt.type=open") "  enabled: false\n" RULE("bb", "evt.type=open") "  tags: [t]\n"

static void selection_moves_and_removes_rules(void **state)
{
	struct rules_select s[] = { { false, "a*", NULL }, { true, "*b", NULL }, { true, "ba", NULL } };
	struct rules_select tag[] = { { false, NULL, "t" }, { false, "*", "none" }, { true, NULL, "t" } };
	struct rules_select odd[] = { { false, "*", NULL }, { true, "*ab", NULL } };
	struct rules_opts o = loaded_opts();

	(void)state;
	assert_order(&o, FOUR, "aa ab bb");
	assert_order(&o, FOUR RULE("aa", "evt.type=close"), "aa ab bb"); /* a new definition keeps its place */
	o.select = s;
	o.nselect = 1;
	assert_order(&o, FOUR, "bb");
	o.nselect = 3;
	assert_order(&o, FOUR, "bb ab ba"); /* what was on stays; the others come behind */
	o.select = tag;
	assert_order(&o, FOUR, "bb");
	o.select = odd;
	o.nselect = 2;
	assert_order(&o, RULE("abab", "evt.type=open") RULE("xab", "evt.type=open"), "xab"); /* found at its first place only */
}

static void rules_below_the_priority_never_take_part(void **state)
{
	struct rules_select s[] = { { true, "*", NULL } };
	struct rules_opts o = loaded_opts();

	(void)state;
	o.min_priority = 5;
	o.select = s;
	o.nselect = 1;
	assert_order(&o, FOUR, "");
}

static void append_output_reaches_matching_rules(void **state)
{
	static const struct template_field fields[] = { { "proc.pid", NULL }, { "label", "%evt.type!" } };
	char *tags[] = { "t" };
	const struct rules_append a[] = {
		{ .extra_output = "A" },
		{ .rule = "bb", .extra_output = "B %proc.name", .extra = (struct template_field *)fields, .nextra = 2 },
		{ .tags = tags, .ntags = 1, .extra_output = "C" },
		{ .source = "other", .extra_output = "D" },
	};
	struct rules_opts o = loaded_opts();
	struct loaded l;
	const json_t *d;
	char *s;

	(void)state;
	o.append = a;
	o.nappend = 4;
	o.print_format = "P";
	l = load_with(&o, FOUR, NULL);
	d = json_object_get(loaded_item(&l, "rules", "aa"), "details");
	assert_string_equal(entry_str(d, "output_compiled"), "out A P");
	d = json_object_get(loaded_item(&l, "rules", "bb"), "details");
	assert_string_equal(entry_str(d, "output_compiled"), "out A B %proc.name C P");
	s = json_dumps(d, JSON_COMPACT | JSON_SORT_KEYS);
	assert_non_null(strstr(s, "\"extra_output_formatted_fields\":{\"label\":\"%evt.type!\"}"));
	assert_non_null(strstr(s, "\"output_fields\":[\"%evt.type!\",\"%proc.pid\",\"proc.name\"]"));
	free(s);
	loaded_free(&l);
}

static void suggested_fields_are_those_of_containers_and_statics(void **state)
{
	static const char *const statics[] = { "site", NULL };
	const struct rules_append a = { .suggested = true };
	struct rules_opts o = loaded_opts();
	struct loaded l;

	(void)state;
	o.append = &a;
	o.nappend = 1;
	o.static_names = statics;
	l = load_with(&o, OPEN, NULL);
	assert_string_equal(entry_str(json_object_get(loaded_item(&l, "rules", "r1"), "details"), "output_compiled"),
		"out container_id=%container.id container_name=%container.name container_image_repository=%container.image.repository "
		"container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name static_site=%static.site");
	loaded_free(&l);
}

static void compile_refuses_after_an_invalid_file(void **state)
{
	struct rules_opts o = loaded_opts();
	struct rules *r = rules_new(&o);
	struct ruleset *rs;
	struct base_err err;

	(void)state;
	rs = rules_compile(r, &err);
	assert_non_null(rs); /* no rules at all */
	assert_int_equal(ruleset_count(rs), 0);
	ruleset_free(rs);
	assert_int_equal(rules_load_text(r, "a", OPEN, strlen(OPEN)), 0);
	assert_int_not_equal(rules_load_text(r, "b", "- x\n", 4), 0);
	assert_null(rules_compile(r, &err));
	assert_string_equal(err.file, "b");
	assert_int_equal(rules_load_file(r, "/nonexistent/rules.yaml"), -2);
	rules_free(r);
}

/* ---- limits ------------------------------------------------------------------------------------------------ */

static void assert_too_big(struct base_buf *text, const char *msg)
{
	struct rules_opts o = loaded_opts();
	struct loaded l = load_with(&o, text->p, NULL);
	const json_t *e = loaded_entry(&l, 0, "errors", 0);

	assert_string_equal(entry_str(e, "message"), msg);
	loaded_free(&l);
	buf_fini(text);
}

static void macros_that_double_are_refused_in_time(void **state)
{
	struct base_buf b = { 0 };

	(void)state;
	buf_str(&b, "- macro: m0\n  condition: (evt.type=open or evt.type=close)\n");
	for (int i = 1; i < 40; i++)
		buf_fmt(&b, "- macro: m%d\n  condition: (m%d and m%d)\n", i, i - 1, i - 1);
	buf_str(&b, RULE("r1", "m39"));
	assert_too_big(&b, "condition is too big after macros are put in");
}

static void lists_that_double_are_refused_in_time(void **state)
{
	struct base_buf b = { 0 };

	(void)state;
	for (int i = 0; i < 40; i++)
		buf_fmt(&b, "- list: l%d\n  items: [l%d, l%d]\n", i, i + 1, i + 1);
	buf_str(&b, "- list: l40\n  items: [x]\n" RULE("r1", "evt.type=open and proc.name in (l0)"));
	assert_too_big(&b, "condition is too big with lists and exceptions put in");
}

static void many_big_conditions_are_refused(void **state)
{
	struct base_buf b = { 0 };

	(void)state;
	buf_str(&b, "- list: l\n  items: [");
	for (int i = 0; i < 20000; i++)
		buf_fmt(&b, "n%d,", i);
	buf_str(&b, "]\n");
	for (int i = 0; i < 120; i++)
		buf_fmt(&b, "- rule: r%d\n  desc: d\n  condition: evt.type=open and proc.name in (l)\n  output: o\n  priority: INFO\n", i);
	assert_too_big(&b, "all conditions together are too big");
}

static void warnings_are_counted_beyond_a_limit(void **state)
{
	struct base_buf b = { 0 };
	struct rules_opts o = loaded_opts();
	struct loaded l;
	char *s;

	(void)state;
	buf_str(&b, OPEN);
	for (int i = 0; i < 10100; i++)
		buf_fmt(&b, "  k%d: 1\n", i);
	l = load_with(&o, b.p, NULL);
	s = text_of(l.r, 0, true);
	assert_true(rules_file_ok(l.r, 0));
	assert_non_null(strstr(s, "(100 more warnings left out)"));
	free(s);
	loaded_free(&l);
	buf_fini(&b);
}

static void own_rules_load_without_a_warning(void **state)
{
	struct rules_opts o = loaded_opts();
	struct rules *r = rules_new(&o);
	struct base_err err;
	struct ruleset *rs;
	char *s;

	(void)state;
	assert_int_equal(rules_load_file(r, TEST_SOURCE_DIR "/rules/saker_rules.yaml"), 0);
	s = text_of(r, 0, true);
	assert_string_equal(s, TEST_SOURCE_DIR "/rules/saker_rules.yaml: Ok");
	free(s);
	rs = rules_compile(r, &err);
	assert_non_null(rs);
	assert_true(ruleset_count(rs) >= 12);
	for (uint32_t i = 0; i < ruleset_count(rs); i++)
		assert_true(ruleset_rule(rs, i)->enabled && ruleset_rule(rs, i)->ntags > 0);
	ruleset_free(rs);
	rules_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report_text_shows_places_and_snippet),
		cmocka_unit_test(report_of_good_file_is_one_line),
		cmocka_unit_test(report_snippet_of_long_line_is_cut),
		cmocka_unit_test(report_of_a_condition_without_context_says_so),
		cmocka_unit_test(describe_tells_what_a_rule_uses),
		cmocka_unit_test(describe_text_has_two_columns),
		cmocka_unit_test(selection_moves_and_removes_rules),
		cmocka_unit_test(rules_below_the_priority_never_take_part),
		cmocka_unit_test(append_output_reaches_matching_rules),
		cmocka_unit_test(suggested_fields_are_those_of_containers_and_statics),
		cmocka_unit_test(compile_refuses_after_an_invalid_file),
		cmocka_unit_test(macros_that_double_are_refused_in_time),
		cmocka_unit_test(lists_that_double_are_refused_in_time),
		cmocka_unit_test(many_big_conditions_are_refused),
		cmocka_unit_test(warnings_are_counted_beyond_a_limit),
		cmocka_unit_test(own_rules_load_without_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
