/* Rules files -> collection -> checked rules, with the result reports users see (-V, -L, -l).
 * rules-language.md sections 1 to 5 and 10 to 12. [main] */
#pragma once
#include "eval/ruleset.h"

struct rules_append { /* one entry of append_output */
	char *source; char **tags; uint32_t ntags; char *rule; /* match; NULL/0 = any */
	char *extra_output; /* NULL none */
	struct template_field *extra; uint32_t nextra;
	bool suggested;
};

struct rules_select { bool enable; char *rule; char *tag; }; /* config rules: entries, in order */

struct rules_opts {
	uint8_t min_priority;  /* config priority, default 7 */
	bool match_all;	       /* rule_matching: all */
	bool interpret;
	bool iso_time;
	const struct rules_append *append; uint32_t nappend;
	const char *print_format; /* -p text, NULL none */
	const struct rules_select *select; uint32_t nselect;
	const char *const *static_names; /* NULL-terminated */
	const char *const *plugins;      /* "name", "version", ..., NULL: loaded plugins; "container" is native */
};

struct rules; /* the accumulating collection */

struct rules *rules_new(const struct rules_opts *opts); /* borrows opts' contents */
void rules_free(struct rules *r);

/* Loads one more file (or text named name) and recompiles the collection. Returns 0 when it is valid,
 * -EINVAL when not (see rules_report), -errno when unreadable. */
int rules_load_file(struct rules *r, const char *path);
int rules_load_text(struct rules *r, const char *name, const char *text, size_t len);

/* After all files: plugin requirements. Returns 0, -EINVAL with the message in err. */
int rules_check_plugins(struct rules *r, struct base_err *err);

/* Result of file number i (load order). text: as rules-language 11; verbose adds contexts. */
uint32_t rules_file_count(const struct rules *r);
bool rules_file_ok(const struct rules *r, uint32_t i);
bool rules_file_has_warnings(const struct rules *r, uint32_t i);
void rules_report_text(const struct rules *r, uint32_t i, bool verbose, struct base_buf *out);
void rules_report_json(const struct rules *r, uint32_t i, struct base_buf *out); /* one result object */
/* {"falco_load_results":[...]} , with describe (all rules, or one) as falco_describe_results when valid. */
void rules_results_json(const struct rules *r, bool describe, const char *rule, struct base_buf *out);
/* -L / -l. rule NULL = all. Returns -ENOENT for an unknown rule. */
int rules_describe_json(const struct rules *r, const char *rule, struct base_buf *out);
int rules_describe_text(const struct rules *r, const char *rule, struct base_buf *out);

/* Where a rule stands. False when there is none of that name. */
bool rules_place(const struct rules *r, const char *rule, const char **ret_file, uint32_t *ret_line, uint32_t *ret_col);
/* Names of all lists, or macros: an array that the caller frees; the names are borrowed. NULL without memory. */
const char **rules_list_names(const struct rules *r, uint32_t *ret_count);
const char **rules_macro_names(const struct rules *r, uint32_t *ret_count);

/* The compiled set of everything loaded, selection applied. NULL with err on failure. Independent of r. */
struct ruleset *rules_compile(struct rules *r, struct base_err *err);
