/* Results of loading, for people and for programs. Called by the commands that validate rules, by the
 * daemon's log and by its API. Wording, order and snippets are Falco's: tools parse them. */
#include "eval/rules_internal.h"

#include <string.h>

#define SNIPPET_HALF 80

const struct load_code_info load_codes[LC_MAX] = {
	[LC_FILE_READ] = { "LOAD_ERR_FILE_READ", "File read error", "File read error" },
	[LC_YAML_PARSE] = { "LOAD_ERR_YAML_PARSE", "YAML parse error", "YAML parse error" },
	[LC_YAML_VALIDATE] = { "LOAD_ERR_YAML_VALIDATE", "Error validating internal structure of YAML file", "Error validating internal structure of YAML file" },
	[LC_COMPILE_CONDITION_ERR] = { "LOAD_ERR_COMPILE_CONDITION", "Error compiling condition", "Error compiling condition" },
	[LC_COMPILE_OUTPUT] = { "LOAD_ERR_COMPILE_OUTPUT", "Error compiling output", "Error compiling output" },
	[LC_VALIDATE] = { "LOAD_ERR_VALIDATE", "Error validating rule/macro/list/exception objects", "Error validating rule/macro/list/exception objects" },
	[LC_UNKNOWN_SOURCE] = { "LOAD_UNKNOWN_SOURCE", "Unknown event source", "A rule has a unknown event source. This can occur when reading rules content without having a corresponding plugin loaded, etc. The rule will be silently ignored." },
	[LC_UNSAFE_NA_CHECK] = { "LOAD_UNSAFE_NA_CHECK", "Unsafe <NA> comparison in condition", "Comparing a field value with <NA> is unsafe and can lead to unpredictable behavior of the rule condition. If you need to check for the existence of a field, consider using the 'exists' operator instead." },
	[LC_NO_EVTTYPE] = { "LOAD_NO_EVTTYPE", "Condition has no event-type restriction", "A rule condition matches too many evt.type values. This has a significant performance penalty. Make the condition more specific by adding an evt.type field or further restricting the number of evt.type values in the condition." },
	[LC_UNKNOWN_FILTER] = { "LOAD_UNKNOWN_FILTER", "Unknown field or event-type in condition or output", "A rule condition or output refers to a field or evt.type that does not exist. This is normally an error, but if a rule has a skip-if-unknown-filter property, the error is downgraded to a warning." },
	[LC_UNUSED_MACRO] = { "LOAD_UNUSED_MACRO", "Unused macro", "A macro is defined in the rules content but is not used by any other macro or rule." },
	[LC_UNUSED_LIST] = { "LOAD_UNUSED_LIST", "Unused list", "A list is defined in the rules content but is not used by any other list, macro, or rule." },
	[LC_UNKNOWN_ITEM] = { "LOAD_UNKNOWN_ITEM", "Unknown rules file item", "An unknown top-level object is in the rules content. It will be ignored." },
	[LC_DEPRECATED_ITEM] = { "LOAD_DEPRECATED_ITEM", "Used deprecated item", "A deprecated item is employed by lists, macros, or rules." },
	[LC_APPEND_NO_VALUES] = { "LOAD_APPEND_NO_VALUES", "Overriding/appending with no values", "A rule exception is overriding/appending with no values" },
	[LC_EXCEPTION_NAME_NOT_UNIQUE] = { "LOAD_EXCEPTION_NAME_NOT_UNIQUE", "Multiple exceptions defined with the same name", "A rule is defining multiple exceptions with the same name" },
	[LC_INVALID_MACRO_NAME] = { "LOAD_INVALID_MACRO_NAME", "Invalid macro name", "A macro is defined with an invalid name" },
	[LC_INVALID_LIST_NAME] = { "LOAD_INVALID_LIST_NAME", "Invalid list name", "A list is defined with an invalid name" },
	[LC_COMPILE_CONDITION] = { "LOAD_COMPILE_CONDITION", "Warning in rule condition", "A rule condition or output have been parsed with a warning" },
	[LC_UNKNOWN_KEY] = { "LOAD_UNKNOWN_KEY", "Unknown key in item definition", "An item in the rules content contains an unrecognized key. The key will be ignored. This may indicate a typo or a property placed on the wrong item type." },
};

const char *const item_type_names[IT_MAX] = {
	[IT_VALUE_FOR] = "value for", [IT_EXCEPTIONS] = "exceptions", [IT_EXCEPTION] = "exception",
	[IT_EXCEPTION_VALUES] = "exception values", [IT_EXCEPTION_VALUE] = "exception value",
	[IT_CONTENT] = "rules content", [IT_CONTENT_ITEM] = "rules content item",
	[IT_ENGINE_VERSION] = "required_engine_version", [IT_PLUGIN_VERSIONS] = "required plugin versions",
	[IT_PLUGIN_VERSIONS_ENTRY] = "required plugin versions entry",
	[IT_PLUGIN_VERSIONS_ALTERNATIVE] = "required plugin versions alternative", [IT_LIST] = "list",
	[IT_LIST_ITEM] = "list item", [IT_MACRO] = "macro", [IT_MACRO_CONDITION] = "macro condition",
	[IT_RULE] = "rule", [IT_RULE_CONDITION] = "rule condition", [IT_CONDITION_EXPRESSION] = "condition expression",
	[IT_RULE_OUTPUT] = "rule output", [IT_RULE_OUTPUT_EXPRESSION] = "rule output expression",
	[IT_RULE_PRIORITY] = "rule priority", [IT_OVERRIDE] = "overrides", [IT_EXTENSION] = "extension item",
};

/* ---- snippets ------------------------------------------------------------------------------------- */

static const struct rules_ctx *outermost(const struct rules_ctx *c)
{
	while (c->up)
		c = c->up;
	return c;
}

/* The line around pos, at most SNIPPET_HALF characters to either side, and a marker below. */
static void cut(struct base_buf *out, const char *s, size_t len, size_t pos)
{
	size_t from, to, start, n, cut_at = out->len;

	while (pos > 0 && (pos >= len || s[pos] == '\n'))
		pos--;
	for (from = pos; from > 0 && s[from] != '\n' && pos - from < SNIPPET_HALF; from--)
		;
	for (to = pos; to < len - 1 && s[to] != '\n' && to - pos < SNIPPET_HALF; to++)
		;
	start = s[from] == '\n' ? from + 1 : from;
	n = to + 1 - start - (s[to] == '\n' && to + 1 > start);
	if (to + 1 <= start || !n) {
		buf_str(out, "<No context available>\n");
		return;
	}
	buf_add(out, s + start, n);
	if (out->failed)
		return;
	if (pos - start >= SNIPPET_HALF && n >= 3)
		memcpy(out->p + cut_at, "...", 3);
	if (start + n - 1 - pos >= SNIPPET_HALF && n >= 3 && start + n - 1 > pos)
		memcpy(out->p + out->len - 3, "...", 3);
	buf_chr(out, '\n');
	if (pos - start <= n) {
		buf_pad(out, ' ', pos - start);
		buf_str(out, "^\n");
	}
}

static void snippet(struct base_buf *out, const struct rules *r, const struct rules_ctx *c)
{
	const char *name = outermost(c)->file, *s = c->alt;
	size_t len = c->alt_len;

	for (uint32_t i = 0; i < r->nfiles && !s; i++)
		if (!strcmp(r->files[i].name, name)) {
			s = r->files[i].text;
			len = r->files[i].len;
		}
	if (!s || !len)
		buf_str(out, "<No context available>\n");
	else
		cut(out, s, len, c->mark.offset);
}

/* ---- text -------------------------------------------------------------------------------------------- */

static void locations_text(struct base_buf *out, const struct rules_ctx *c)
{
	if (c->up)
		locations_text(out, c->up);
	buf_str(out, c->up ? "    " : "In ");
	buf_str(out, item_type_names[c->type]);
	if (*c->item)
		buf_fmt(out, " '%s'", c->item);
	buf_fmt(out, ": (%s:%u:%u)\n", c->file, c->mark.line, c->mark.col);
}

static void code_text(struct base_buf *out, const struct rules_report *rep)
{
	buf_fmt(out, "%s (%s", load_codes[rep->code].code, load_codes[rep->code].text);
	if (rep->deprecated_field)
		buf_fmt(out, ": field '%s'", rep->deprecated_field);
	buf_chr(out, ')');
}

static void entries_verbose(struct base_buf *out, const struct rules *r, const struct rules_report *reps, uint32_t n, const char *what)
{
	if (!n)
		return;
	buf_fmt(out, "\n%u %s:\n", n, what);
	for (uint32_t i = 0; i < n; i++) {
		locations_text(out, reps[i].ctx);
		buf_str(out, "------\n");
		snippet(out, r, reps[i].ctx);
		buf_str(out, "------\n");
		code_text(out, &reps[i]);
		buf_fmt(out, ": %s\n", reps[i].msg);
	}
}

static void entries_summary(struct base_buf *out, const struct rules_report *reps, uint32_t n, const char *what)
{
	if (!n)
		return;
	buf_fmt(out, "\n %u %s: [", n, what);
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_chr(out, ' ');
		code_text(out, &reps[i]);
	}
	buf_chr(out, ']');
}

/* What the schema says; nothing when the file fits it, or has no documents. */
static void schema_text(struct base_buf *out, const struct rules_file *f, bool verbose)
{
	if (!f->nschema || rules_schema_ok(f))
		return;
	buf_fmt(out, verbose ? "\n%u Schema warnings:\n" : "\n %u schema warnings: [", f->nschema);
	for (uint32_t k = 0; k < f->nschema; k++)
		buf_fmt(out, verbose ? "------\n%s%s\n" : "%s%s", !verbose && k ? " " : "", f->schema[k]);
	buf_str(out, verbose ? "------\n" : "]");
}

void rules_report_text(const struct rules *r, uint32_t i, bool verbose, struct base_buf *out)
{
	const struct rules_file *f = &r->files[i];

	if (*f->name)
		buf_fmt(out, "%s: ", f->name);
	buf_str(out, f->nerrors ? "Invalid" : f->nwarnings ? "Ok, with warnings" : "Ok");
	schema_text(out, f, verbose);
	if (verbose) {
		entries_verbose(out, r, f->errors, f->nerrors, "Errors");
		entries_verbose(out, r, f->warnings, f->nwarnings, "Warnings");
		if (f->suppressed)
			buf_fmt(out, "(%u more warnings left out)\n", f->suppressed);
	} else {
		entries_summary(out, f->errors, f->nerrors, "errors");
		entries_summary(out, f->warnings, f->nwarnings, "warnings");
	}
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

static void key_str(struct base_buf *out, const char *key, const char *value)
{
	buf_fmt(out, "\"%s\":\"", key);
	buf_json_escape(out, value, strlen(value));
	buf_chr(out, '"');
}

static void locations_json(struct base_buf *out, const struct rules_ctx *c)
{
	if (c->up) {
		locations_json(out, c->up);
		buf_chr(out, ',');
	}
	buf_chr(out, '{');
	key_str(out, "item_name", c->item);
	buf_chr(out, ',');
	key_str(out, "item_type", item_type_names[c->type]);
	buf_fmt(out, ",\"position\":{\"column\":%u,\"line\":%u,", c->mark.col, c->mark.line);
	key_str(out, "name", c->file);
	buf_fmt(out, ",\"offset\":%u}}", c->mark.offset);
}

static void entry_json(struct base_buf *out, const struct rules *r, const struct rules_report *rep)
{
	struct base_buf text = { 0 };

	buf_chr(out, '{');
	key_str(out, "code", load_codes[rep->code].code);
	buf_chr(out, ',');
	key_str(out, "codedesc", load_codes[rep->code].desc);
	buf_str(out, ",\"context\":{\"locations\":[");
	locations_json(out, rep->ctx);
	snippet(&text, r, rep->ctx);
	buf_str(out, "],\"snippet\":\"");
	if (!text.failed)
		buf_json_escape(out, text.p, text.len);
	buf_fini(&text);
	buf_str(out, "\"},");
	if (rep->deprecated_field) {
		key_str(out, "deprecated_field", rep->deprecated_field);
		buf_chr(out, ',');
	}
	key_str(out, "message", rep->msg);
	buf_chr(out, '}');
}

static void entries_json(struct base_buf *out, const struct rules *r, const char *key, const struct rules_report *reps, uint32_t n)
{
	buf_fmt(out, "\"%s\":[", key);
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_chr(out, ',');
		entry_json(out, r, &reps[i]);
	}
	buf_chr(out, ']');
}

void rules_report_json(const struct rules *r, uint32_t i, struct base_buf *out)
{
	const struct rules_file *f = &r->files[i];

	buf_chr(out, '{');
	entries_json(out, r, "errors", f->errors, f->nerrors);
	buf_chr(out, ',');
	key_str(out, "name", f->name);
	if (f->nschema) {
		buf_fmt(out, ",\"schema_valid\":%s,\"schema_warnings\":[", rules_schema_ok(f) ? "true" : "false");
		for (uint32_t k = 0; k < f->nschema && !rules_schema_ok(f); k++) {
			buf_str(out, k ? ",\"" : "\"");
			buf_json_escape(out, f->schema[k], strlen(f->schema[k]));
			buf_chr(out, '"');
		}
		buf_chr(out, ']');
	}
	buf_fmt(out, ",\"successful\":%s,", f->nerrors ? "false" : "true");
	entries_json(out, r, "warnings", f->warnings, f->nwarnings);
	buf_chr(out, '}');
}

void rules_results_json(const struct rules *r, bool describe, const char *rule, struct base_buf *out)
{
	bool valid = true;

	for (uint32_t i = 0; i < r->nfiles; i++)
		valid = valid && !r->files[i].nerrors;
	buf_chr(out, '{');
	if (describe && valid) {
		size_t start = out->len;

		buf_str(out, "\"falco_describe_results\":");
		if (rules_describe_json(r, rule, out))
			out->len = start; /* unknown rule, or no description: the caller asks again to say why */
		else
			buf_chr(out, ',');
	}
	buf_str(out, "\"falco_load_results\":[");
	for (uint32_t i = 0; i < r->nfiles; i++) {
		if (i)
			buf_chr(out, ',');
		rules_report_json(r, i, out);
	}
	buf_str(out, "]}");
}
