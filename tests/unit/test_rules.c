/* The rules loader: what items may hold, how they change each other, what is put into conditions. */
#include "rules_fixture.h"

#define YV "LOAD_ERR_YAML_VALIDATE"
#define VAL "LOAD_ERR_VALIDATE"
#define COND "LOAD_ERR_COMPILE_CONDITION"
#define OPEN RULE("r1", "evt.type=open")

static void items_of_wrong_shape_are_refused(void **state)
{
	(void)state;
	assert_fails("42\n", NULL, YV, "Rules content is not yaml");
	assert_fails("a: b\n", NULL, YV, "Rules content is not yaml array of objects");
	assert_fails("- a\n", NULL, YV, "Unexpected element type. Each element should be a yaml associative array.");
	assert_fails("- rule:\n", NULL, YV, "Mapping for key 'rule' is empty");
	assert_fails("- rule: [a]\n", NULL, YV, "Value is not a scalar value");
	assert_fails("- rule: ''\n", NULL, YV, "Value must be non-empty");
	assert_fails("- rule: a\n  condition: b\n", NULL, YV, "Item has no mapping for key 'output'");
	assert_fails("- rule: a\n", NULL, YV, "Item has no mapping for key 'enabled'");
	assert_fails("- list: a\n  items: b\n", NULL, YV, "Value is not a sequence");
	assert_fails("- list: a\n  items: [[b]]\n", NULL, YV, "sequence value is not scalar");
	assert_fails("- macro: a\n", NULL, YV, "Item has no mapping for key 'condition'");
	assert_fails(OPEN "  enabled: 1\n", NULL, YV, "Can't decode YAML scalar value");
	assert_fails(OPEN "  capture_duration: -1\n", NULL, YV, "Can't decode YAML scalar value");
	assert_fails("- rule: a\n  desc: d\n  condition: evt.type=open\n  output: o\n  priority: loud\n", NULL, YV, "Invalid priority");
	assert_fails("- rule: \"a\\0b\"\n", NULL, YV, "Can't decode YAML scalar value");
	assert_fails("- a: `b`\n", NULL, "LOAD_ERR_YAML_PARSE", "yaml-cpp: error at line 1, column 6: unknown token");
}

static void versions_are_compared_with_the_engine(void **state)
{
	(void)state;
	assert_warns("- required_engine_version: 63\n", "");
	assert_warns("- required_engine_version: 0.63.0\n  why: x\n", "LOAD_UNKNOWN_KEY");
	assert_fails("- required_engine_version: 64\n", NULL, VAL, "Rules require engine version 0.64.0, but engine version is 0.63.0");
	assert_fails("- required_engine_version: 1.0.0\n", NULL, VAL, "Rules require engine version 1.0.0, but engine version is 0.63.0");
	assert_fails("- required_engine_version: 0.10\n", NULL, YV, "Unable to parse engine version '0.10' as a semver string. Expected \"x.y.z\" semver format.");
	assert_fails("- required_plugin_versions: [{name: a, version: 1}]\n", NULL, VAL, "Invalid required version '1' for plugin 'a'");
	assert_fails("- required_plugin_versions: [{name: a, version: 1.0.0, alternatives: [{name: a, version: 2.0.0}]}]\n", NULL, VAL,
		     "Defined multiple alternative version requirements for plugin 'a'");
}

static int check_plugins(const char *text, struct base_err *err)
{
	static const char *const plugins[] = { "json", "0.7.0", NULL };
	struct rules_opts o = loaded_opts();
	struct rules *r;
	int e;

	o.plugins = plugins;
	r = rules_new(&o);
	assert_non_null(r);
	assert_int_equal(rules_load_text(r, "a.yaml", text, strlen(text)), 0);
	e = rules_check_plugins(r, err);
	rules_free(r);
	return e;
}

static void plugin_requirements_are_met_by_native_container(void **state)
{
	struct base_err err;

	(void)state;
	assert_int_equal(check_plugins("- required_plugin_versions: [{name: container, version: 0.4.0}]\n", &err), 0);
	assert_int_equal(check_plugins("- required_plugin_versions: [{name: container, version: 0.7.1}, {name: json, version: 0.1.0}]\n", &err), 0);
	assert_int_equal(check_plugins("- required_plugin_versions: [{name: x, version: 9.0.0, alternatives: [{name: json, version: 0.7.0}]}]\n", &err), 0);
	assert_int_not_equal(check_plugins("- required_plugin_versions: [{name: container, version: 0.8.0}]\n", &err), 0);
	assert_string_equal(err.msg, "Plugin 'container' version '0.7.1' is not compatible with required plugin version '0.8.0'");
	assert_int_not_equal(check_plugins("- required_plugin_versions: [{name: x, version: 1.0.0, alternatives: [{name: y, version: 2.0.0}]}]\n", &err), 0);
	assert_string_equal(err.msg, "Plugin requirement not satisfied, must load one of: x (>= 1.0.0), y (>= 2.0.0)");
}

static void lists_are_put_in_as_text(void **state)
{
	static const char a[] = "- list: a\n  items: [x, 'y z', \"'q'\"]\n", e[] = "- list: e\n  items: []\n";
	static const struct { const char *cond, *want; } cases[] = {
		{ "evt.type=open and proc.name in (a)", "(evt.type = open and proc.name in (x, \"y z\", q))" },
		{ "evt.type=open and proc.name in (b, a, c)", "(evt.type = open and proc.name in (b, x, \"y z\", q, c))" },
		{ "evt.type=open and proc.name in (a, a)", "(evt.type = open and proc.name in (x, \"y z\", q, x, \"y z\", q))" },
		{ "evt.type=open and proc.name in (b, e, c)", "(evt.type = open and proc.name in (b, c))" },
		{ "evt.type=open and proc.name in (e, c)", "(evt.type = open and proc.name in (c))" },
		{ "evt.type=open and proc.name in (e)", "(evt.type = open and proc.name in ())" },
		{ "evt.type=open and proc.name in (aa, a-a)", "(evt.type = open and proc.name in (aa, a-a))" },
		/* inside quotes too */
		{ "evt.type=open and proc.args='b ( e ) c'", "(evt.type = open and proc.args = \"b (  ) c\")" },
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "%s%s- rule: r1\n  desc: d\n  condition: >-\n    %s\n  output: o\n  priority: INFO\n", a, e, cases[i].cond);
		assert_compiles(text, cases[i].want);
	}
	assert_compiles("- list: f\n  items: [g, h]\n- list: g\n  items: [i]\n" RULE("r1", "evt.type=open and proc.name in (f)"),
			"(evt.type = open and proc.name in (i, h))");
}

static void lists_name_lists_that_came_before(void **state)
{
	(void)state;
	/* put in by the list itself, one level deep; what is left is put in by text, in order of definition */
	assert_compiles("- list: a\n  items: [x]\n- list: b\n  items: [a, y]\n" RULE("r1", "evt.type=open and proc.name in (b)"),
			"(evt.type = open and proc.name in (x, y))");
	/* b is not yet known where c names it, and comes before c in the text pass */
	assert_compiles("- list: b\n  items: [x]\n- list: c\n  items: [b2]\n- list: b2\n  items: [b]\n" RULE("r1", "evt.type=open and proc.name in (c)"),
			"(evt.type = open and proc.name in (x))");
	assert_compiles("- list: a\n  items: [b]\n- list: b\n  items: [a]\n" RULE("r1", "evt.type=open and proc.name in (a, b)"),
			"(evt.type = open and proc.name in (b, b))");
}

static void list_at_start_of_text_skips_the_next_character(void **state)
{
	(void)state;
	/* the second one is not found: the search goes on behind its first character */
	assert_fails("- list: l\n  items: []\n" RULE("r1", "l l evt.type=open"), NULL, COND, "unexpected token after 'l', expecting 'or', 'and'");
}

static void macros_see_what_was_defined_before_their_last_change(void **state)
{
	(void)state;
	assert_compiles("- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: a or evt.type=close\n" RULE("r1", "b and fd.num=1"),
			"((evt.type = open or evt.type = close) and fd.num = 1)");
	assert_fails("- macro: b\n  condition: a\n- macro: a\n  condition: evt.type=open\n" OPEN, NULL, VAL, "Undefined macro 'a' used in filter.");
	assert_compiles("- macro: b\n  condition: evt.type=close\n- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: or a\n  append: true\n" RULE("r1", "b"),
			"(evt.type = close or evt.type = open)");
	assert_fails("- macro: a\n  condition: a\n" OPEN, NULL, VAL, "Undefined macro 'a' used in filter.");
	assert_fails("- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n" OPEN, NULL, VAL,
		     "reference loop in macro 'b'");
	assert_fails(RULE("r1", "nope"), NULL, VAL, "Undefined macro 'nope' used in filter.");
}

static void appended_and_overridden_parts_join(void **state)
{
	(void)state;
	assert_compiles(OPEN "- rule: r1\n  condition: and fd.num=1\n  append: true\n", "(evt.type = open and fd.num = 1)");
	assert_compiles(OPEN "- rule: r1\n  condition: and fd.num=1\n  override: {condition: append}\n", "(evt.type = open and fd.num = 1)");
	assert_compiles(OPEN "- rule: r1\n  condition: evt.type=close\n  override: {condition: replace}\n", "evt.type = close");
	assert_compiles(OPEN RULE("r1", "evt.type=close"), "evt.type = close");
	assert_compiles("- list: l\n  items: [a]\n- list: l\n  items: [b]\n  override: {items: append}\n" RULE("r1", "evt.type=open and proc.name in (l)"),
			"(evt.type = open and proc.name in (a, b))");
	assert_compiles("- list: l\n  items: [a]\n- list: l\n  items: [b]\n  override: {items: replace}\n" RULE("r1", "evt.type=open and proc.name in (l)"),
			"(evt.type = open and proc.name in (b))");
}

static void overrides_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	assert_fails(OPEN "- rule: r1\n  condition: x\n  override: {condition: prepend}\n", NULL, YV, "Invalid override operation for key 'condition': 'prepend'. Allowed values are: append replace ");
	assert_fails(OPEN "- rule: r1\n  priority: INFO\n  override: {priority: append}\n", NULL, YV, "Key 'priority' cannot be appended to, use 'replace' instead");
	assert_fails(OPEN "- rule: r1\n  source: a\n  override: {source: replace}\n", NULL, YV, "Key 'source' cannot be replaced");
	assert_fails(OPEN "- rule: r1\n  override: {desc: append}\n", NULL, YV, "An append override for 'desc' was specified but 'desc' is not defined");
	assert_fails(OPEN "- rule: r1\n  desc: x\n  output: y\n  override: {desc: append}\n", NULL, YV, "Unexpected key 'output': no corresponding entry under 'override' is defined.");
	assert_fails(OPEN "- rule: r1\n  desc: x\n  append: true\n  override: {desc: append}\n", NULL, YV,
		     "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.");
	assert_fails("- rule: r9\n  desc: x\n  override: {desc: append}\n", NULL, VAL, "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists");
	assert_fails("- rule: r9\n  desc: x\n  override: {desc: replace}\n", NULL, VAL, "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists");
	assert_fails(OPEN "- rule: r1\n  append: true\n", NULL, VAL, "Appended rule must have exceptions or condition property");
	assert_fails("- rule: r9\n  enabled: false\n", NULL, VAL, "Rule has 'enabled' key but no rule by that name already exists");
	assert_fails(OPEN RULE("r1", "evt.type=open") "  source: other\n", NULL, VAL, "Rule has been re-defined with a different source");
	assert_fails("- macro: m\n  condition: x\n  append: true\n", NULL, VAL, "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists");
	assert_fails("- list: l\n  items: [x]\n  append: true\n", NULL, VAL, "List uses 'append' or 'override.items: append' but no list by that name already exists");
}

#define EXC "  exceptions:\n  - name: e\n"

static void exceptions_are_put_behind_the_condition(void **state)
{
	(void)state;
	assert_compiles(OPEN EXC "    fields: [proc.name, fd.name]\n    comps: [=, startswith]\n    values:\n    - [a, /x]\n    - ['b c', /y]\n",
			"(evt.type = open and not ((proc.name = a and fd.name startswith /x) or (proc.name = \"b c\" and fd.name startswith /y)))");
	assert_compiles(OPEN EXC "    fields: proc.name\n    values: [a, b c]\n", "(evt.type = open and not proc.name in (a, \"b c\"))");
	assert_compiles(OPEN EXC "    fields: fd.name\n    comps: startswith oneof\n    values: [/a, /b]\n", "(evt.type = open and not fd.name startswith oneof (/a, /b))");
	assert_compiles(OPEN EXC "    fields: [proc.name]\n    comps: [in]\n    values:\n    - [a]\n    - ['(b, c)']\n    - [[d, e]]\n",
			"(evt.type = open and not (proc.name in (a) or proc.name in (b, c) or proc.name in (d, e)))");
	assert_compiles("- list: l\n  items: [k, m]\n" OPEN EXC "    fields: proc.name\n    values: [l]\n", "(evt.type = open and not proc.name in (k, m))");
	assert_compiles(OPEN EXC "    fields: [proc.name]\n", "evt.type = open");
	assert_compiles(OPEN EXC "    fields: [proc.name]\n    values: [[a]]\n- rule: r1\n" EXC "    values: [[b]]\n  override: {exceptions: append}\n",
			"(evt.type = open and not (proc.name = a or proc.name = b))");
}

static void exceptions_of_wrong_form_are_refused(void **state)
{
	(void)state;
	assert_fails(OPEN "  exceptions: x\n", NULL, YV, "Rule exceptions must be a sequence");
	assert_fails(OPEN "  exceptions: [x]\n", NULL, YV, "Rule exception must be a mapping");
	assert_fails(OPEN "  exceptions: [{fields: [a]}]\n", NULL, YV, "Item has no mapping for key 'name'");
	assert_fails(OPEN EXC "    values: []\n", NULL, YV, "Item has no mapping for key 'fields'");
	assert_fails(OPEN EXC "    fields: []\n", NULL, VAL, "Rule exception item must have fields property with a list of fields");
	assert_fails(OPEN EXC "    fields: [proc.name]\n    comps: [=, =]\n", NULL, VAL, "Fields and comps lists must have equal length");
	assert_fails(OPEN EXC "    fields: [proc.name]\n    comps: ['like']\n", NULL, VAL, "'like' is not a supported comparison operator");
	assert_fails(OPEN EXC "    fields: [foo.bar]\n", NULL, VAL, "'foo.bar' is not a supported filter field");
	assert_fails(OPEN EXC "    fields: [nope(proc.name)]\n", NULL, VAL, "'nope(proc.name)' is not a supported filter field");
	assert_fails(OPEN EXC "    fields: proc.name\n    comps: [in]\n", NULL, VAL, "Fields and comps must both be strings");
	assert_fails(OPEN EXC "    fields: proc.name\n    comps: '='\n", NULL, VAL,
		     "When fields is a single value, comps must be one of (in, pmatch, intersects) or a modifier operator (e.g. startswith oneof)");
	assert_fails(OPEN EXC "    fields: proc.name\n    values: [[a]]\n", NULL, VAL, "Expected values array to contain a list of strings");
	assert_fails(OPEN EXC "    fields: [proc.name]\n    values: [[a, b]]\n", NULL, VAL, "Fields and values lists must have equal length");
	assert_fails(OPEN EXC "    fields: [proc.name]\n- rule: r1\n" EXC "    fields: [proc.name]\n    values: [[a]]\n  append: true\n", NULL, VAL,
		     "Can not append exception fields to existing exception, only values");
	assert_fails(OPEN "- rule: r1\n" EXC "    fields: [proc.name]\n  append: true\n", NULL, VAL, "Rule exception must have values property with a list of values");
}

static void warnings_name_what_is_odd(void **state)
{
	(void)state;
	assert_warns("- what: ever\n", "LOAD_UNKNOWN_ITEM");
	assert_warns(OPEN "  colour: red\n", "LOAD_UNKNOWN_KEY");
	assert_warns("- macro: m\n  condition: evt.type=open\n- list: l\n  items: []\n" OPEN, "LOAD_UNUSED_MACRO LOAD_UNUSED_LIST");
	assert_warns("- macro: a-b\n  condition: evt.type=open\n", "LOAD_INVALID_MACRO_NAME LOAD_UNUSED_MACRO");
	assert_warns("- list: a b\n  items: []\n", "LOAD_INVALID_LIST_NAME LOAD_UNUSED_LIST");
	assert_warns(OPEN "- rule: r1\n  enabled: false\n", "LOAD_DEPRECATED_ITEM");
	assert_warns(RULE("r1", "proc.name=a"), "LOAD_NO_EVTTYPE");
	assert_warns(RULE("r1", "proc.name=a") "  warn_evttypes: false\n", "");
	assert_warns(OPEN "  source: moon\n", "LOAD_UNKNOWN_SOURCE");
	assert_warns(RULE("r1", "evt.type=open and foo.bar=1") "  skip-if-unknown-filter: true\n", "LOAD_UNKNOWN_FILTER");
	assert_warns(RULE("r1", "evt.type=open and proc.name=proc.name"), "LOAD_COMPILE_CONDITION");
	assert_warns(OPEN EXC "    fields: [fd.num]\n  - name: e\n    fields: [fd.num]\n", "LOAD_EXCEPTION_NAME_NOT_UNIQUE");
	assert_warns(OPEN "- rule: r1\n" EXC "    fields: [fd.num]\n  override: {exceptions: replace}\n", "");
	assert_fails(RULE("r1", "evt.type=open and foo.bar=1"), NULL, COND, "filter_check called with nonexistent field foo.bar");
}

static void later_files_change_earlier_ones(void **state)
{
	struct rules_opts o = loaded_opts();
	struct loaded l = load_with(&o, "- list: l\n  items: [a]\n" RULE("r1", "evt.type=open and proc.name in (l)"), "- list: l\n  items: [b]\n  append: true\n");

	(void)state;
	assert_string_equal(compiled(&l, "r1"), "(evt.type = open and proc.name in (a, b))");
	loaded_free(&l);
	assert_fails(RULE("r1", "evt.type=open"), "- rule: r1\n  condition: and nope\n  append: true\n", VAL, "Undefined macro 'nope' used in filter.");
	/* what a file may use must be there when it is loaded */
	assert_fails("- macro: late\n  condition: evt.type=open\n  append: false\n- rule: r2\n  enabled: true\n", NULL, VAL, "Rule has 'enabled' key but no rule by that name already exists");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_of_wrong_shape_are_refused),
		cmocka_unit_test(versions_are_compared_with_the_engine),
		cmocka_unit_test(plugin_requirements_are_met_by_native_container),
		cmocka_unit_test(lists_are_put_in_as_text),
		cmocka_unit_test(lists_name_lists_that_came_before),
		cmocka_unit_test(list_at_start_of_text_skips_the_next_character),
		cmocka_unit_test(macros_see_what_was_defined_before_their_last_change),
		cmocka_unit_test(appended_and_overridden_parts_join),
		cmocka_unit_test(overrides_that_make_no_sense_are_refused),
		cmocka_unit_test(exceptions_are_put_behind_the_condition),
		cmocka_unit_test(exceptions_of_wrong_form_are_refused),
		cmocka_unit_test(warnings_name_what_is_odd),
		cmocka_unit_test(later_files_change_earlier_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
