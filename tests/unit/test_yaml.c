/* YAML trees: shape, positions, scalars, limits, and what yaml-cpp reads that libyaml does not. */
#include "base/yaml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct yaml_doc *doc;
static struct yaml_node **roots;
static uint32_t nroots;
static struct base_err err;

static int parse_len(const char *text, size_t len, const struct yaml_limits *lim)
{
	doc = NULL;
	return yaml_parse("f.yaml", text, len, lim, &doc, &roots, &nroots, &err);
}

static int parse(const char *text)
{
	return parse_len(text, strlen(text), NULL);
}

static void assert_at(struct yaml_mark m, uint32_t line, uint32_t col, uint32_t offset)
{
	assert_int_equal(m.line, line);
	assert_int_equal(m.col, col);
	assert_int_equal(m.offset, offset);
}

static void yaml_map_keeps_order_kinds_and_positions(void **state)
{
	const struct yaml_node *item, *v;

	(void)state;
	assert_int_equal(parse("- rule: r1\n  on: [a, 'b']\n  none:\n  block: |\n    x\n"), 0);
	assert_int_equal(nroots, 1);
	assert_int_equal(roots[0]->kind, YAML_SEQ);
	item = roots[0]->item[0];
	assert_int_equal(item->kind, YAML_MAP);
	assert_int_equal(item->count, 4);
	assert_at(item->mark, 0, 2, 2);
	v = yaml_get(item, "rule");
	assert_string_equal(v->s, "r1");
	assert_true(v->plain);
	assert_at(v->mark, 0, 8, 8);
	v = yaml_get(item, "on");
	assert_int_equal(v->count, 2);
	assert_false(v->item[1]->plain);
	assert_at(v->item[1]->mark, 1, 10, 21);
	assert_int_equal(yaml_get(item, "none")->kind, YAML_NULL);
	assert_at(yaml_get(item, "none")->mark, 3, 2, 36); /* where the next token is */
	assert_string_equal(yaml_get(item, "block")->s, "x\n");
	assert_at(yaml_get(item, "block")->mark, 3, 9, 43);
	assert_null(yaml_get(item, "other"));
	assert_null(yaml_get(v, "rule"));
	yaml_free(doc);
}

static void yaml_equal_keys_are_kept_and_first_wins(void **state)
{
	(void)state;
	assert_int_equal(parse("a: 1\na: 2\n<<: 3\n"), 0);
	assert_int_equal(roots[0]->count, 3);
	assert_string_equal(yaml_get(roots[0], "a")->s, "1");
	assert_string_equal(yaml_get(roots[0], "<<")->s, "3"); /* no merging */
	yaml_free(doc);
}

static void yaml_null_words_are_null_only_when_plain_and_untagged(void **state)
{
	static const uint8_t kinds[] = { YAML_NULL, YAML_NULL, YAML_NULL, YAML_NULL, YAML_SCALAR, YAML_SCALAR, YAML_SCALAR };

	(void)state;
	assert_int_equal(parse("[~, null, Null, NULL, nULL, 'null', !!str null]"), 0);
	for (uint32_t i = 0; i < 7; i++)
		assert_int_equal(roots[0]->item[i]->kind, kinds[i]);
	yaml_free(doc);
}

static void yaml_positions_count_bytes(void **state)
{
	(void)state;
	assert_int_equal(parse("- \xe2\x98\x83: \xc3\xa9 x\n- \xff\x01: b\n"), 0);
	assert_at(roots[0]->item[0]->item[0]->mark, 0, 7, 7);
	assert_at(roots[0]->item[1]->mark, 1, 2, 14);
	assert_at(roots[0]->item[1]->item[0]->mark, 1, 6, 18);
	yaml_free(doc);
}

static void yaml_bytes_that_libyaml_refuses_come_through(void **state)
{
	/* control characters, broken UTF-8, a line separator, a byte order mark inside, the private
	 * characters used for hiding, a NUL */
	static const char raw[] = "a\x01\xff\xc3(\xe2\x80\xa8\xef\xbb\xbf\xf4\x8f\xbf\xbf\xed\xa0\x80\0z";
	char text[64] = "- \"";
	size_t n = 3;

	(void)state;
	memcpy(text + n, raw, sizeof(raw) - 1);
	n += sizeof(raw) - 1;
	text[n++] = '"';
	assert_int_equal(parse_len(text, n, NULL), 0);
	assert_int_equal(roots[0]->item[0]->len, sizeof(raw) - 1);
	assert_memory_equal(roots[0]->item[0]->s, raw, sizeof(raw) - 1);
	yaml_free(doc);
}

static void yaml_byte_order_mark_is_not_counted(void **state)
{
	(void)state;
	assert_int_equal(parse("\xef\xbb\xbf- a\n"), 0);
	assert_at(roots[0]->item[0]->mark, 0, 2, 2);
	yaml_free(doc);
}

static void yaml_alias_shares_the_node_of_its_anchor(void **state)
{
	(void)state;
	assert_int_equal(parse("- &a {k: v}\n- *a\n- &a x\n- *a\n"), 0);
	assert_ptr_equal(roots[0]->item[0], roots[0]->item[1]);
	assert_string_equal(roots[0]->item[3]->s, "x");
	yaml_free(doc);
}

static void yaml_bad_alias_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_int_equal(parse("- x\n- *nope\n"), -EINVAL);
	assert_string_equal(err.msg, "the referenced anchor is not defined");
	assert_int_equal(err.line, 2);
	assert_int_equal(err.col, 3);
	assert_string_equal(err.file, "f.yaml");
	assert_int_equal(parse("- &a [*a]\n"), -EINVAL);
	assert_int_equal(parse("- &a x\n---\n- *a\n"), -EINVAL); /* anchors end with their document */
}

static void yaml_errors_speak_as_yaml_cpp(void **state)
{
	(void)state;
	assert_int_equal(parse("- m: m\n  condition: `x`\n"), -EINVAL);
	assert_string_equal(err.msg, "unknown token");
	assert_int_equal(err.line, 2);
	assert_int_equal(err.col, 14);
	assert_int_equal(yaml_err_offset("- m: m\n  condition: `x`\n", 24, &err), 20);
	assert_int_equal(parse("- rule: a: b\n"), -EINVAL);
	assert_string_equal(err.msg, "illegal map value");
	assert_int_equal(err.col, 10);
}

static void yaml_documents_are_read_with_and_without_markers(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(nroots, 0);
	yaml_free(doc);
	assert_int_equal(parse("# nothing\n"), 0);
	assert_int_equal(nroots, 0);
	yaml_free(doc);
	assert_int_equal(parse("---\n---\n...\n"), 0);
	assert_int_equal(nroots, 2);
	assert_int_equal(roots[1]->kind, YAML_NULL);
	yaml_free(doc);
	assert_int_equal(parse("- a\n...\nfoo\n...\n{b: c}\n"), 0);
	assert_int_equal(nroots, 3);
	assert_string_equal(roots[1]->s, "foo");
	assert_at(roots[1]->mark, 2, 0, 8);
	assert_at(yaml_get(roots[2], "b")->mark, 4, 4, 20);
	yaml_free(doc);
}

static void yaml_open_string_ends_with_the_file(void **state)
{
	(void)state;
	assert_int_equal(parse("a: b\n---\n- rule: \"t\n  desc: d\n"), 0);
	assert_int_equal(nroots, 2);
	assert_string_equal(yaml_get(roots[1]->item[0], "rule")->s, "t desc: d ");
	yaml_free(doc);
	assert_int_equal(parse("- [a, 'b\n"), -EINVAL); /* the sequence stays open */
}

static void yaml_folded_keep_drops_one_line_end(void **state)
{
	(void)state;
	assert_int_equal(parse("- >+\n  a\n\n\n- >\n  a\n  b\n- |+\n  a\n\n"), 0);
	assert_string_equal(roots[0]->item[0]->s, "a\n\n");
	assert_string_equal(roots[0]->item[1]->s, "a b\n");
	assert_string_equal(roots[0]->item[2]->s, "a\n\n");
	yaml_free(doc);
}

static void yaml_limits_are_errors_with_a_place(void **state)
{
	struct yaml_limits depth = { .max_depth = 3 }, nodes = { .max_nodes = 5 }, bytes = { .max_bytes = 4 };
	char bomb[1024] = "- &a0 [x,x,x,x,x,x,x,x]\n";

	(void)state;
	assert_int_equal(parse_len("[[[]]]", 6, &depth), 0);
	yaml_free(doc);
	assert_int_equal(parse_len("[[[[]]]]", 8, &depth), -E2BIG);
	assert_int_equal(err.col, 4);
	assert_int_equal(parse_len("[a,b,c,d,e,f]", 13, &nodes), -E2BIG);
	assert_int_equal(parse_len("abcde", 5, &bytes), -E2BIG);
	for (int i = 1; i < 16; i++)
		snprintf(bomb + strlen(bomb), sizeof(bomb) - strlen(bomb), "- &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	assert_int_equal(parse(bomb), -E2BIG);
	assert_true(err.line > 1);
}

static void assert_bool(const char *text, int want)
{
	struct yaml_node n = { .kind = YAML_SCALAR, .s = (char *)text, .len = (uint32_t)strlen(text) };
	bool b = want != 1;

	assert_int_equal(yaml_bool(&n, &b), want >= 0);
	if (want >= 0)
		assert_int_equal(b, want);
}

static void yaml_bool_takes_words_in_one_case(void **state)
{
	static const char *const yes[] = { "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON" };
	static const char *const no[] = { "n", "N", "no", "No", "false", "False", "FALSE", "off", "OFF" };
	static const char *const neither[] = { "", "1", "0", "tRUE", "yES", "TrUe", "truetrue", "maybe", "t" };

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_bool(yes[i], 1);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_bool(no[i], 0);
	for (size_t i = 0; i < sizeof(neither) / sizeof(neither[0]); i++)
		assert_bool(neither[i], -1);
}

static bool to_i64(const char *text, int64_t *ret)
{
	struct yaml_node n = { .kind = YAML_SCALAR, .s = (char *)text, .len = (uint32_t)strlen(text) };

	return yaml_i64(&n, ret);
}

static bool to_u32(const char *text, uint32_t *ret)
{
	struct yaml_node n = { .kind = YAML_SCALAR, .s = (char *)text, .len = (uint32_t)strlen(text) };

	return yaml_u32(&n, ret);
}

static void yaml_numbers_take_bases_and_refuse_the_rest(void **state)
{
	static const char *const bad[] = { "", " 1", "1.5", "abc", "1e3", "0x", "08", "--1", "99999999999999999999", "1 2", "-" };
	int64_t v;
	uint32_t u;

	(void)state;
	assert_true(to_i64("-42", &v) && v == -42);
	assert_true(to_i64("+7", &v) && v == 7);
	assert_true(to_i64("0x1F", &v) && v == 31);
	assert_true(to_i64("010", &v) && v == 8);
	assert_true(to_i64("1 ", &v) && v == 1);
	assert_true(to_i64("-9223372036854775808", &v) && v == INT64_MIN);
	assert_false(to_i64("9223372036854775808", &v));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(to_i64(bad[i], &v));
	assert_true(to_u32("4294967295", &u) && u == UINT32_MAX);
	assert_false(to_u32("4294967296", &u));
	assert_false(to_u32("-1", &u));
}

static void yaml_trees_can_be_built_and_changed(void **state)
{
	struct yaml_node *m, *s;

	(void)state;
	assert_int_equal(parse("a: 1\nempty:\n"), 0);
	m = roots[0];
	assert_true(yaml_map_set(doc, m, "a", yaml_scalar(doc, "2")));
	assert_true(yaml_map_set(doc, m, "b", yaml_scalar(doc, "3")));
	assert_string_equal(yaml_get(m, "a")->s, "2");
	assert_int_equal(m->count, 3);
	s = yaml_get(m, "empty");
	for (int i = 0; i < 100; i++)
		assert_true(yaml_seq_add(doc, s, yaml_scalar(doc, "x")));
	assert_int_equal(s->kind, YAML_SEQ);
	assert_int_equal(s->count, 100);
	assert_false(yaml_map_set(doc, s, "k", yaml_new(doc, YAML_MAP)));
	assert_false(yaml_seq_add(doc, m, yaml_new(doc, YAML_MAP)));
	yaml_free(doc);
}

static void yaml_file_reads_content_or_says_why_not(void **state)
{
	char path[] = "/tmp/saker-test-yaml-XXXXXX", *text;
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	size_t len;

	(void)state;
	assert_non_null(f);
	fputs("- a\n", f);
	fclose(f);
	assert_int_equal(yaml_parse_file(path, NULL, &doc, &roots, &nroots, &err), 0);
	assert_string_equal(roots[0]->item[0]->s, "a");
	yaml_free(doc);
	assert_int_equal(yaml_read_file(path, 3, &text, &len), -E2BIG);
	remove(path);
	assert_int_equal(yaml_parse_file(path, NULL, &doc, &roots, &nroots, &err), -ENOENT);
	assert_string_equal(err.file, path);
	assert_int_equal(yaml_read_file("/", 100, &text, &len), -EISDIR);
}

static void nearest_finds_small_slips_only(void **state)
{
	static const char *const names[] = { "rules_files", "output_timeout", "priority", "plugins", "log_level" };
	const size_t n = sizeof(names) / sizeof(names[0]);

	(void)state;
	assert_string_equal(base_nearest("priorty", names, n), "priority");
	assert_string_equal(base_nearest("rules_file", names, n), "rules_files");
	assert_string_equal(base_nearest("plguins", names, n), "plugins"); /* neighbours swapped */
	assert_string_equal(base_nearest("loglevel", names, n), "log_level");
	assert_null(base_nearest("grpc", names, n));
	assert_null(base_nearest("", names, n));
	assert_null(base_nearest("priority", NULL, 0));
}

static void err_str_leaves_unknown_parts_out(void **state)
{
	struct base_err e;
	char buf[256];

	(void)state;
	assert_int_equal(base_err_set(&e, "f", 3, 4, "bad %d", 7), -EINVAL);
	assert_string_equal(base_err_str(&e, buf, sizeof(buf)), "f:3:4: bad 7");
	base_err_set(&e, "f", 3, 0, "bad");
	assert_string_equal(base_err_str(&e, buf, sizeof(buf)), "f:3: bad");
	base_err_set(&e, "f", 0, 0, "bad");
	assert_string_equal(base_err_str(&e, buf, sizeof(buf)), "f: bad");
	base_err_set(&e, NULL, 1, 1, "bad");
	assert_string_equal(base_err_str(&e, buf, sizeof(buf)), "bad");
	assert_int_equal(base_err_set(NULL, "f", 0, 0, "bad"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_map_keeps_order_kinds_and_positions),
		cmocka_unit_test(yaml_equal_keys_are_kept_and_first_wins),
		cmocka_unit_test(yaml_null_words_are_null_only_when_plain_and_untagged),
		cmocka_unit_test(yaml_positions_count_bytes),
		cmocka_unit_test(yaml_bytes_that_libyaml_refuses_come_through),
		cmocka_unit_test(yaml_byte_order_mark_is_not_counted),
		cmocka_unit_test(yaml_alias_shares_the_node_of_its_anchor),
		cmocka_unit_test(yaml_bad_alias_is_refused_with_its_place),
		cmocka_unit_test(yaml_errors_speak_as_yaml_cpp),
		cmocka_unit_test(yaml_documents_are_read_with_and_without_markers),
		cmocka_unit_test(yaml_open_string_ends_with_the_file),
		cmocka_unit_test(yaml_folded_keep_drops_one_line_end),
		cmocka_unit_test(yaml_limits_are_errors_with_a_place),
		cmocka_unit_test(yaml_bool_takes_words_in_one_case),
		cmocka_unit_test(yaml_numbers_take_bases_and_refuse_the_rest),
		cmocka_unit_test(yaml_trees_can_be_built_and_changed),
		cmocka_unit_test(yaml_file_reads_content_or_says_why_not),
		cmocka_unit_test(nearest_finds_small_slips_only),
		cmocka_unit_test(err_str_leaves_unknown_parts_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
