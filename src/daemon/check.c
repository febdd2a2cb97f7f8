/* See check.h: `saker check`. */
#include "daemon/check.h"

#include "daemon/interest.h"
#include "daemon/load.h"
#include "daemon/run.h"
#include "eval/lint.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
	const struct config *c;
	struct rules *rules;
	struct ruleset *set;
	bool json, interest;
	json_t **found; /* owned: by rule, array of findings, NULL none */
	uint32_t nfound;
};

static const char *const kind_names[] = { [LINT_NEVER] = "never-matches", [LINT_SHADOWED] = "shadowed", [LINT_SAME] = "same-condition", [LINT_NO_LIST] = "no-such-list" };

static void note(void *arg, uint32_t rule, enum lint_kind kind, const char *text)
{
	struct check *k = arg;
	json_t *o = json_object();

	json_object_set_new(o, "code", json_string(kind_names[kind]));
	switch (kind) {
	case LINT_SHADOWED:
		json_object_set_new(o, "text", json_sprintf("never reached with rule_matching: first: '%s' comes before it and matches whenever it does", text));
		break;
	case LINT_SAME:
		json_object_set_new(o, "text", json_sprintf("the same condition as '%s'", text));
		break;
	case LINT_NEVER:
		json_object_set_new(o, "text", json_sprintf("never matches: %s", text));
		break;
	case LINT_NO_LIST:
		json_object_set_new(o, "text", json_string(text));
		break;
	}
	if (!k->found[rule])
		k->found[rule] = json_array();
	json_array_append_new(k->found[rule], o);
	k->nfound++;
}

/* Names of the events a rule can match, each once. */
static json_t *event_names(const struct eval_rule *r)
{
	json_t *a = json_array();

	for (unsigned t = 0; t < EVT_TYPE_MAX; t++) {
		bool seen = false;

		if (!evt_set_has(&r->events, t) || t == PPME_ASYNCEVENT_E || evt_table[t].flags & EVF_UNUSED)
			continue;
		for (size_t i = 0; i < json_array_size(a) && !seen; i++)
			seen = !strcmp(json_string_value(json_array_get(a, i)), evt_table[t].name);
		if (!seen)
			json_array_append_new(a, json_string(evt_table[t].name));
	}
	return a;
}

static json_t *rule_json(struct check *k, uint32_t id)
{
	const struct eval_rule *r = ruleset_rule(k->set, id);
	struct base_buf index = { 0 };
	const char *file = "";
	uint32_t line = 0, col = 0;
	json_t *o = json_object();

	rules_place(k->rules, r->name, &file, &line, &col);
	json_object_set_new(o, "rule", json_string(r->name));
	json_object_set_new(o, "file", json_string(file));
	json_object_set_new(o, "line", json_integer(line + 1));
	json_object_set_new(o, "column", json_integer(col + 1));
	json_object_set_new(o, "enabled", json_boolean(r->enabled));
	json_object_set_new(o, "source", json_string(r->source));
	json_object_set_new(o, "events", event_names(r));
	if (r->enabled) {
		ruleset_explain(k->set, id, &index);
		json_object_set_new(o, "index", json_string(index.p ? index.p : ""));
		buf_fini(&index);
	}
	json_object_set_new(o, "findings", k->found[id] ? json_incref(k->found[id]) : json_array());
	return o;
}

#define EVENTS_SHOWN 8

static void print_rule(const json_t *o)
{
	const json_t *events = json_object_get(o, "events"), *findings = json_object_get(o, "findings");
	size_t n = json_array_size(events);

	printf("%s:%lld:%lld: %s%s\n    events  ", json_string_value(json_object_get(o, "file")), json_integer_value(json_object_get(o, "line")),
	       json_integer_value(json_object_get(o, "column")), json_string_value(json_object_get(o, "rule")),
	       json_is_true(json_object_get(o, "enabled")) ? "" : " (not enabled)");
	for (size_t i = 0; i < n && i < EVENTS_SHOWN; i++)
		printf("%s%s", i ? ", " : "", json_string_value(json_array_get(events, i)));
	if (n > EVENTS_SHOWN)
		printf(" and %zu more", n - EVENTS_SHOWN);
	printf("%s\n", n ? "" : "none");
	if (json_object_get(o, "index"))
		printf("    index   %s\n", *json_string_value(json_object_get(o, "index")) ? json_string_value(json_object_get(o, "index")) : "none: there is no event to look it up for");
	for (size_t i = 0; i < json_array_size(findings); i++)
		printf("    warning %s\n", json_string_value(json_object_get(json_array_get(findings, i), "text")));
}

/* *ret_left_out: calls that rules name and base_syscalls leaves out, as text; NULL none. */
static json_t *interest_json(const struct check *k, json_t **ret_left_out)
{
	struct base_buf missing = { 0 };
	struct sc_set set;
	json_t *a = json_array();

	interest_compute(k->c, k->set, &set, &missing);
	*ret_left_out = missing.len ? json_string(missing.p) : NULL;
	for (unsigned i = 0; i < SC_MAX; i++)
		if (sc_set_has(&set, i) && evt_syscall_by_code(i))
			json_array_append_new(a, json_string(evt_syscall_by_code(i)->name));
	buf_fini(&missing);
	return a;
}

static void print_interest(const json_t *a, const json_t *left_out)
{
	printf("system calls that live capture would produce (%zu):\n   ", json_array_size(a));
	for (size_t i = 0, col = 4; i < json_array_size(a); i++) {
		const char *name = json_string_value(json_array_get(a, i));

		if (col + strlen(name) + 1 > 110) {
			printf("\n   ");
			col = 4;
		}
		col += (size_t)printf(" %s", name);
	}
	putchar('\n');
	if (left_out)
		printf("named by rules and left out (see base_syscalls): %s\n", json_string_value(left_out));
}

static void report(struct check *k, uint32_t nwarn)
{
	uint32_t n = ruleset_count(k->set), scanned = 0, enabled = 0;
	json_t *all = json_array(), *left_out = NULL, *interest = k->interest ? interest_json(k, &left_out) : NULL;

	for (uint32_t i = 0; i < n; i++) {
		json_t *o = rule_json(k, i);

		enabled += ruleset_rule(k->set, i)->enabled;
		scanned += ruleset_rule(k->set, i)->enabled && strstr(json_string_value(json_object_get(o, "index")), "tried on every event");
		json_array_append_new(all, o);
	}
	if (k->json) {
		json_t *o = json_pack("{s:o,s:i,s:i,s:i}", "rules", json_incref(all), "load_warnings", (int)nwarn, "findings", (int)k->nfound, "tried_on_every_event", (int)scanned);

		if (interest)
			json_object_set(o, "interest", interest);
		if (left_out)
			json_object_set(o, "interest_left_out", left_out);
		json_dumpf(o, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(o);
	} else {
		for (uint32_t i = 0; i < n; i++)
			print_rule(json_array_get(all, i));
		if (interest)
			print_interest(interest, left_out);
		printf("%u rules, %u enabled, %u tried on every event of some type, %u warning%s from loading, %u from this check\n", n, enabled, scanned, nwarn,
		       nwarn == 1 ? "" : "s", k->nfound);
	}
	json_decref(all);
	json_decref(interest);
	json_decref(left_out);
}

static int check_loaded(struct check *k)
{
	uint32_t nlist, nwarn = 0;
	const char **lists = rules_list_names(k->rules, &nlist);
	struct base_err err = { 0 };
	int r = 1;

	for (uint32_t i = 0; i < rules_file_count(k->rules); i++)
		nwarn += rules_file_has_warnings(k->rules, i);
	k->set = lists ? rules_compile(k->rules, &err) : NULL;
	k->found = k->set ? calloc(ruleset_count(k->set) + 1, sizeof(json_t *)) : NULL;
	if (!k->found || ruleset_lint(k->set, lists, nlist, note, k)) {
		run_error(err.msg[0] ? err.msg : "no memory for the check");
	} else {
		report(k, nwarn);
		r = 0;
	}
	for (uint32_t i = 0; k->found && i < ruleset_count(k->set); i++)
		json_decref(k->found[i]);
	free(k->found);
	free(lists);
	ruleset_free(k->set);
	return r;
}

static int usage(void)
{
	puts("Loads rules files and says what is wrong with them, and how events find each rule.\n"
	     "Usage: saker check [OPTION]... FILE...\n\n"
	     "  FILE                 rules file or directory; default: rules_files of the configuration\n"
	     "  --json               the result as JSON\n"
	     "  --interest           also the system calls that live capture would produce for these rules\n"
	     "  -c FILE              configuration; default as for the daemon, none needed\n"
	     "  -o KEY=VALUE         set a key of the configuration; repeatable\n\n"
	     "Exit status: 0 the rules load (there may be warnings), 1 they do not.");
	return 0;
}

/* Takes --NAME out of the arguments. */
static bool take_flag(int *argc, char **argv, const char *name)
{
	bool found = false;
	int n = 0;

	for (int i = 0; i < *argc; i++) {
		if (!strcmp(argv[i], name))
			found = true;
		else
			argv[n++] = argv[i];
	}
	*argc = n;
	return found;
}

int cmd_check(int argc, char **argv)
{
	struct check k = { .json = take_flag(&argc, argv, "--json"), .interest = take_flag(&argc, argv, "--interest") };
	struct base_buf report_text = { 0 };
	struct base_err err = { 0 };
	struct options o;
	struct config c;
	char text[2048];
	int r = 1;

	if (options_parse(argc, argv, &o, &err))
		return run_error(base_err_str(&err, text, sizeof(text)));
	if (o.help) {
		options_fini(&o);
		return usage();
	}
	if (load_config_for_command(&o, &c)) {
		options_fini(&o);
		return 1;
	}
	if (o.narg) { /* instead of -r and rules_files */
		free(o.rules);
		o.rules = o.arg;
		o.nrules = o.narg;
		o.arg = NULL;
	}
	const struct rules_opts opts = load_rules_opts(&c, &o);

	k.c = &c;
	if (!o.nrules && !c.nrules_files)
		run_error("no rules file: name one, or set rules_files");
	else if (load_rules(&c, &o, &opts, &k.rules, &report_text))
		run_error(report_text.p ? report_text.p : "no memory for the rules");
	else
		r = check_loaded(&k);
	rules_free(k.rules);
	buf_fini(&report_text);
	config_fini(&c);
	options_fini(&o);
	return r;
}
