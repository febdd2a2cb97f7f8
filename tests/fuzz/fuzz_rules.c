/* Hostile rules files: text -> tree -> collection -> compiled set, with every report and description of
 * it. A file is loaded twice, so that appends, overrides and redefinitions meet what is there; then
 * behind a small good file, so that broken ones must leave it alone. */
#include "eval/rules.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char good[] = "- list: names\n  items: [cat, dog]\n"
			   "- macro: opened\n  condition: evt.type in (open, openat)\n"
			   "- rule: r1\n  desc: d\n  condition: opened and proc.name in (names)\n  output: o %proc.name\n"
			   "  priority: INFO\n  exceptions:\n  - name: e1\n    fields: [proc.name, fd.name]\n"
			   "    comps: [=, startswith]\n    values:\n    - [a, /b]\n";

/* Reports must be whole documents whatever is in the file. */
static void report(const struct rules *r)
{
	struct base_buf out = { 0 };

	for (uint32_t i = 0; i < rules_file_count(r); i++) {
		buf_reset(&out);
		rules_report_text(r, i, true, &out);
		rules_report_text(r, i, false, &out);
		buf_reset(&out);
		rules_report_json(r, i, &out);
		if (!out.failed && (out.p[0] != '{' || out.p[out.len - 1] != '}' || strlen(out.p) != out.len))
			abort();
	}
	rules_results_json(r, true, NULL, &out);
	rules_describe_text(r, NULL, &out);
	buf_fini(&out);
}

static bool all_ok(const struct rules *r)
{
	for (uint32_t i = 0; i < rules_file_count(r); i++)
		if (!rules_file_ok(r, i))
			return false;
	return true;
}

static void run(const char *first, size_t first_len, const char *second, size_t second_len)
{
	static const struct rules_select select[] = { { false, "r*", NULL }, { true, "*1", NULL }, { true, NULL, "t" } };
	static const struct template_field extra[] = { { "proc.pname", NULL }, { "x", "%evt.time y" } };
	struct rules_append append = { .extra_output = "more=%proc.pid", .extra = (struct template_field *)extra, .nextra = 2, .suggested = true };
	struct rules_opts opts = { .min_priority = 6, .match_all = true, .append = &append, .nappend = 1, .select = select, .nselect = 3 };
	struct rules *r = rules_new(&opts);
	struct ruleset *rs;
	struct base_err err;

	if (!r)
		return;
	rules_load_text(r, "one.yaml", first, first_len);
	rules_load_text(r, "two.yaml", second, second_len);
	report(r);
	rules_check_plugins(r, &err);
	if (all_ok(r)) {
		rs = rules_compile(r, &err);
		if (!rs)
			abort(); /* what was found valid must compile */
		ruleset_free(rs);
	}
	rules_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	if (size > 1 << 15)
		return 0;
	run(text, size, text, size);
	run(good, sizeof(good) - 1, text, size);
	return 0;
}
