/* Loading rules from texts in tests, and looking at what came of it. */
#pragma once
#include "eval/rules.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RULE(name, cond) "- rule: " name "\n  desc: d\n  condition: " cond "\n  output: out\n  priority: INFO\n"

struct loaded {
	struct rules *r;
	json_t *files; /* results, one per file */
	json_t *all;   /* description, NULL when a file is invalid */
};

static inline struct rules_opts loaded_opts(void)
{
	return (struct rules_opts){ .min_priority = 7 };
}

static inline void loaded_look(struct loaded *l)
{
	struct base_buf out = { 0 };
	json_error_t err;
	json_t *doc;

	json_decref(l->files);
	json_decref(l->all);
	rules_results_json(l->r, true, NULL, &out);
	assert_false(out.failed);
	doc = json_loadb(out.p, out.len, JSON_ALLOW_NUL, &err);
	if (!doc)
		fail_msg("%s in %s", err.text, out.p);
	l->files = json_incref(json_object_get(doc, "falco_load_results"));
	l->all = json_incref(json_object_get(doc, "falco_describe_results"));
	json_decref(doc);
	buf_fini(&out);
}

static inline struct loaded load_with(const struct rules_opts *o, const char *first, const char *second)
{
	struct loaded l = { .r = rules_new(o) };

	assert_non_null(l.r);
	rules_load_text(l.r, "a.yaml", first, strlen(first));
	if (second)
		rules_load_text(l.r, "b.yaml", second, strlen(second));
	loaded_look(&l);
	return l;
}

static inline void loaded_free(struct loaded *l)
{
	json_decref(l->files);
	json_decref(l->all);
	rules_free(l->r);
}

/* Entry number i of errors or warnings of a file; NULL without. */
static inline const json_t *loaded_entry(const struct loaded *l, size_t file, const char *what, size_t i)
{
	return json_array_get(json_object_get(json_array_get(l->files, file), what), i);
}

static inline const char *entry_str(const json_t *e, const char *key)
{
	const char *s = json_string_value(json_object_get(e, key));

	return s ? s : "";
}

static inline const json_t *loaded_item(const struct loaded *l, const char *kind, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(l->all, kind), i, v)
		if (!strcmp(entry_str(json_object_get(v, "info"), "name"), name))
			return v;
	fail_msg("no %s among %s", name, kind);
	return NULL;
}

static inline const char *compiled(const struct loaded *l, const char *rule)
{
	return entry_str(json_object_get(loaded_item(l, "rules", rule), "details"), "condition_compiled");
}

/* The only error of the last file loaded. */
static inline void assert_fails(const char *first, const char *second, const char *code, const char *msg)
{
	struct rules_opts o = loaded_opts();
	struct loaded l = load_with(&o, first, second);
	const json_t *e = loaded_entry(&l, second ? 1 : 0, "errors", 0);

	assert_string_equal(entry_str(e, "code"), code);
	assert_string_equal(entry_str(e, "message"), msg);
	assert_null(l.all);
	loaded_free(&l);
}

/* Text loads, and the rule r1 has this condition when all is put in. */
static inline void assert_compiles(const char *text, const char *want)
{
	struct rules_opts o = loaded_opts();
	struct loaded l = load_with(&o, text, NULL);
	const json_t *e = loaded_entry(&l, 0, "errors", 0);

	if (e)
		fail_msg("%s for %s", entry_str(e, "message"), text);
	assert_string_equal(compiled(&l, "r1"), want);
	loaded_free(&l);
}

/* The codes of all warnings of the file, separated by blanks. */
static inline void assert_warns(const char *text, const char *want)
{
	struct rules_opts o = loaded_opts();
	struct loaded l = load_with(&o, text, NULL);
	char got[512] = "";
	const json_t *e;

	assert_null(loaded_entry(&l, 0, "errors", 0));
	for (size_t i = 0; (e = loaded_entry(&l, 0, "warnings", i)); i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "", entry_str(e, "code"));
	assert_string_equal(got, want);
	loaded_free(&l);
}
