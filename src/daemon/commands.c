/* See commands.h. Called by main, one per run. */
#include "daemon/commands.h"

#include "daemon/interest.h"
#include "daemon/run.h"
#include "daemon/versions.h"
#include "eval/field_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Prints and frees; a newline is added where there is none. */
static int print(struct base_buf *b)
{
	bool ok = !b->failed && b->p;

	if (ok)
		ok = fwrite(b->p, 1, b->len, stdout) == b->len && (b->p[b->len - 1] == '\n' || putchar('\n') != EOF);
	ok = ok && !fflush(stdout);
	buf_fini(b);
	return ok ? 0 : run_error("cannot write the answer to standard output");
}

static int fail(struct base_buf *report)
{
	run_error(report->p ? report->p : "no memory");
	buf_fini(report);
	return 1;
}

static void help_line(const char *text)
{
	puts(text);
}

int cmd_help(void)
{
	options_help(help_line);
	return 0;
}

int cmd_version(const struct config *c)
{
	struct base_buf b = { 0 };

	if (c->format.json)
		buf_fmt(&b, "{\"driver_schema_version\":\"%s\",\"engine_version\":\"%s\",\"engine_version_semver\":\"%s\",\"saker_version\":\"%s\"}",
			SCHEMA_VERSION, ENGINE_VERSION, ENGINE_SEMVER, SAKER_VERSION);
	else
		buf_fmt(&b, "Saker version: %s\nEngine:        %s\nSchema:        %s\n", SAKER_VERSION, ENGINE_SEMVER, SCHEMA_VERSION);
	return print(&b);
}

int cmd_list(const struct options *o)
{
	static void (*const form[])(struct base_buf *, const char *, bool, bool) = {
		[FORMAT_TEXT] = field_list_text, [FORMAT_MARKDOWN] = field_list_markdown, [FORMAT_JSON] = field_list_json
	};
	struct base_buf b = { 0 };

	if (o->list_source[0] && strcmp(o->list_source, "syscall"))
		return run_error("Value for --list must be a valid source type");
	form[o->format](&b, o->list_source, o->names_only, o->verbose);
	return print(&b);
}

int cmd_list_events(const struct options *o)
{
	static void (*const form[])(struct base_buf *) = {
		[FORMAT_TEXT] = event_list_text, [FORMAT_MARKDOWN] = event_list_markdown, [FORMAT_JSON] = event_list_json
	};
	struct base_buf b = { 0 };

	form[o->format](&b);
	return print(&b);
}

static void ignored_line(void *arg, const char *name)
{
	buf_fmt(arg, "- %s\n", name);
}

int cmd_ignored(void)
{
	struct base_buf b = { 0 };

	buf_str(&b, "Ignored syscall(s):\n");
	interest_ignored(ignored_line, &b);
	buf_str(&b, "\n");
	return print(&b);
}

int cmd_page_size(void)
{
	struct base_buf b = { 0 };

	buf_fmt(&b, "Your system page size is: %ld bytes\n", sysconf(_SC_PAGESIZE));
	return print(&b);
}

int cmd_list_plugins(void)
{
	struct base_buf b = { 0 };

	buf_str(&b, "0 plugins loaded\nContainer fields are built in.\n");
	return print(&b);
}

int cmd_plugin_info(const char *name)
{
	char text[300];

	snprintf(text, sizeof(text), "can't find plugin and print its info: %.200s", name);
	return run_error(text);
}

static bool describe_asked(const struct options *o)
{
	return o->describe_all || o->describe;
}

/* One line per file, or the report of its errors. Warnings alone are in the log already. */
static void summarize(const struct options *o, struct rules *rules, struct base_buf *out)
{
	for (uint32_t i = 0; i < o->nvalidate; i++) {
		if (i)
			buf_chr(out, '\n');
		if (rules_file_ok(rules, i) && rules_file_has_warnings(rules, i))
			buf_fmt(out, "%s: Ok, with warnings", o->validate[i]);
		else
			rules_report_text(rules, i, true, out);
	}
}

int cmd_validate(const struct config *c, const struct options *o)
{
	const struct rules_opts opts = load_rules_opts(c, o);
	struct base_buf report = { 0 }, out = { 0 };
	struct rules *rules;
	bool ok = true;
	int r;

	if (load_listed(o->validate, o->nvalidate, &opts, &rules, &report))
		return fail(&report);
	for (uint32_t i = 0; i < o->nvalidate; i++)
		ok &= rules_file_ok(rules, i);
	summarize(o, rules, &report);
	if (c->format.json) {
		rules_results_json(rules, ok && describe_asked(o), o->describe, &out);
	} else {
		buf_add(&out, report.p, report.len);
		buf_chr(&out, '\n');
		if (ok && describe_asked(o)) {
			buf_chr(&out, '\n');
			rules_describe_text(rules, o->describe, &out);
		}
	}
	r = print(&out);
	if (!ok)
		r = run_error(report.p ? report.p : "invalid rules");
	buf_fini(&report);
	rules_free(rules);
	return r;
}

int cmd_describe(const struct config *c, const struct options *o, struct rules *rules)
{
	struct base_buf out = { 0 };
	int r = c->format.json ? rules_describe_json(rules, o->describe, &out) : rules_describe_text(rules, o->describe, &out);

	if (r < 0) {
		char text[600];

		buf_fini(&out);
		snprintf(text, sizeof(text), "Rule \"%.500s\" is not loaded. Exiting.", o->describe ? o->describe : "");
		return run_error(text);
	}
	return print(&out);
}
