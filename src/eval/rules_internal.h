/* The rules loader's own structures. Data flow:
 *
 *   text -> yaml tree -> rules_read.c  (items, keys, types)        -> struct *_info
 *                     -> rules_collect.c (define, append, replace) -> the collection in struct rules
 *   collection        -> rules_check.c, rules_expand.c (lists, exceptions, macros, outputs) -> trees
 *   trees             -> rules_select.c -> struct ruleset
 *
 * Everything is used on the main thread. Texts and infos live in the collection's arena; trees are on
 * the heap, because they are made anew after every file. */
#pragma once
#include "base/buf.h"
#include "base/strmap.h"
#include "base/yaml.h"
#include "eval/rules.h"

enum { ENGINE_MAJOR = 0, ENGINE_MINOR = 63, ENGINE_PATCH = 0 };
#define CONTAINER_PLUGIN_VERSION "0.7.1" /* what container.* fields and events behave like */

/* ---- limits: hostile files get an error, not memory ------------------------------------------- */

#define RULES_MAX_TEXT (4u << 20)    /* bytes of one condition with lists and exceptions put in */
#define RULES_MAX_NODES (256u << 10) /* nodes and values of one condition with macros put in */
#define RULES_MAX_TOTAL (2u << 20)   /* the same over all macros and rules: 400 MB or so */
#define RULES_MAX_WORK (2ull << 30)  /* bytes of conditions searched for lists, per file */
#define RULES_MAX_REPORTS 10000	     /* warnings kept per file */

/* ---- where things are --------------------------------------------------------------------------- */

enum item_type {
	IT_VALUE_FOR, IT_EXCEPTIONS, IT_EXCEPTION, IT_EXCEPTION_VALUES, IT_EXCEPTION_VALUE, IT_CONTENT,
	IT_CONTENT_ITEM, IT_ENGINE_VERSION, IT_PLUGIN_VERSIONS, IT_PLUGIN_VERSIONS_ENTRY,
	IT_PLUGIN_VERSIONS_ALTERNATIVE, IT_LIST, IT_LIST_ITEM, IT_MACRO, IT_MACRO_CONDITION, IT_RULE,
	IT_RULE_CONDITION, IT_CONDITION_EXPRESSION, IT_RULE_OUTPUT, IT_RULE_OUTPUT_EXPRESSION,
	IT_RULE_PRIORITY, IT_OVERRIDE, IT_EXTENSION, IT_MAX
};

/* A chain of places, innermost first. While a file is read the links are on the reader's stack;
 * rules_ctx_keep copies the chain to the arena when it has to outlive that. Texts are always of the
 * arena or constant. */
struct rules_ctx {
	const struct rules_ctx *up; /* NULL: the file */
	enum item_type type;
	const char *item; /* name of the item, "" without */
	const char *file; /* name shown in front of line and column: the file's, or the condition's start */
	struct yaml_mark mark;
	const char *alt; /* text that snippets are cut from instead of the file's, NULL none */
	size_t alt_len;
};

/* ---- reports ------------------------------------------------------------------------------------- */

enum load_code {
	LC_FILE_READ, LC_YAML_PARSE, LC_YAML_VALIDATE, LC_COMPILE_CONDITION_ERR, LC_COMPILE_OUTPUT, LC_VALIDATE,
	LC_UNKNOWN_SOURCE, LC_UNSAFE_NA_CHECK, LC_NO_EVTTYPE, LC_UNKNOWN_FILTER, LC_UNUSED_MACRO, LC_UNUSED_LIST,
	LC_UNKNOWN_ITEM, LC_DEPRECATED_ITEM, LC_APPEND_NO_VALUES, LC_EXCEPTION_NAME_NOT_UNIQUE,
	LC_INVALID_MACRO_NAME, LC_INVALID_LIST_NAME, LC_COMPILE_CONDITION, LC_UNKNOWN_KEY, LC_MAX
};

struct load_code_info { const char *code, *text, *desc; };
extern const struct load_code_info load_codes[LC_MAX];
extern const char *const item_type_names[IT_MAX];

struct rules_report {
	enum load_code code;
	const char *msg;	      /* arena */
	const struct rules_ctx *ctx;  /* arena */
	const char *deprecated_field; /* with LC_DEPRECATED_ITEM: which, NULL when it is no field */
};

struct rules_file {
	const char *name; /* arena */
	char *text;	  /* owned: snippets are cut from it */
	size_t len;
	struct rules_report *errors, *warnings; /* owned arrays */
	uint32_t nerrors, nwarnings, cap_errors, cap_warnings;
	const char **schema; /* owned array: "ok" for a document that fits, else what does not */
	uint32_t nschema, cap_schema;
	uint32_t suppressed; /* warnings beyond RULES_MAX_REPORTS */
};

/* ---- the collection --------------------------------------------------------------------------------- */

/* NUL-terminated, without NULs inside. cap: bytes there is room for, where text was appended; else 0. */
struct text {
	const char *s;
	uint32_t len, cap;
};

struct exc_entry { /* scalar or list of entries, as written */
	bool is_list;
	const char *item;
	struct exc_entry *items;
	uint32_t n;
};

static inline bool exc_entry_valid(const struct exc_entry *e)
{
	return e->is_list ? e->n > 0 : e->item && *e->item;
}

struct exc_info {
	const struct rules_ctx *ctx;
	const char *name;
	struct exc_entry fields, comps;
	struct exc_entry *values;
	uint32_t nvalues, cap_values;
};

struct exc_list {
	struct exc_info *e;
	uint32_t n, cap;
};

struct tag_set { /* sorted, unique */
	const char **t;
	uint32_t n, cap;
};

struct list_info {
	const char *name;
	const struct rules_ctx *ctx;
	const char **items; /* as written */
	uint32_t nitems, cap_items;
	uint32_t index, visibility;
	/* made by the check */
	const char **resolved; /* owned array, items borrowed; lists named in it replaced by their items */
	uint32_t nresolved, cap_resolved;
	bool used;
};

struct macro_info {
	const char *name;
	const struct rules_ctx *ctx, *cond_ctx;
	struct text cond;
	uint32_t index, visibility;
	/* made by the check */
	struct cond *tree; /* owned: parsed, then macros put in; never checked, so that it can be cloned */
	bool used;
};

struct rule_info {
	const char *name, *source;
	const struct rules_ctx *ctx, *cond_ctx, *output_ctx;
	struct text cond, output, desc;
	struct exc_list exceptions;
	struct tag_set tags;
	uint32_t index, visibility, capture_duration;
	uint8_t priority;
	bool unknown_source, enabled, capture, warn_evttypes, skip_unknown;
	/* made by the check */
	struct cond *tree; /* owned: macros put in, checked; NULL when the rule was skipped */
	char *full_output; /* owned: with what append_output adds */
	struct template_field *extra; /* owned array, texts owned */
	uint32_t nextra;
};

/* Parts of a rule named under `override`, or given with append. */
enum rule_part {
	RP_CONDITION = 1 << 0, RP_OUTPUT = 1 << 1, RP_DESC = 1 << 2, RP_TAGS = 1 << 3, RP_EXCEPTIONS = 1 << 4,
	RP_PRIORITY = 1 << 5, RP_CAPTURE = 1 << 6, RP_CAPTURE_DURATION = 1 << 7, RP_ENABLED = 1 << 8,
	RP_WARN_EVTTYPES = 1 << 9, RP_SKIP_UNKNOWN = 1 << 10,
};

struct plugin_req { const char *name, *version; };
struct plugin_alternatives { struct plugin_req *r; uint32_t n, cap; };
struct version { uint32_t major, minor, patch; };

struct rules {
	const struct rules_opts *opts; /* borrowed */
	struct base_arena mem;
	struct rules_file *files; /* owned array */
	uint32_t nfiles, cap_files;
	struct rules_file *cur; /* being loaded */
	uint32_t next_index;
	struct list_info **lists; /* owned arrays of arena infos, in order of first definition */
	uint32_t nlists, cap_lists;
	struct macro_info **macros;
	uint32_t nmacros, cap_macros;
	struct rule_info **rules;
	uint32_t nrules, cap_rules;
	struct strmap list_map, macro_map, rule_map; /* name -> position */
	uint32_t nodd_lists; /* lists whose names hold delimiters */
	struct plugin_alternatives *reqs; /* owned array, contents in the arena */
	uint32_t nreqs, cap_reqs;
	struct version required; /* largest required_engine_version */
	size_t nodes;  /* of all trees */
	uint64_t work; /* bytes searched for lists in this check */
	bool compiled; /* the last check succeeded */
};

/* ---- rules.c: arena, reports, look-up --------------------------------------------------------------- */

const char *rules_str(struct rules *r, const char *s, size_t len);
const char *rules_fmt(struct rules *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for one more element in an owned array. 0 or -ENOMEM. */
int rules_grow(void **array, uint32_t *cap, uint32_t n, size_t size);
#define RULES_GROW(array, cap, n) rules_grow((void **)&(array), &(cap), n, sizeof(*(array)))

const struct rules_ctx *rules_ctx_keep(struct rules *r, const struct rules_ctx *c);
/* Place inside a condition: pos as the parser counts it, cond the text it counted in (of the arena). */
const struct rules_ctx *rules_ctx_cond(struct rules *r, const struct cond_pos *pos, const char *cond, size_t len, const struct rules_ctx *up);
/* Records an error of the file being loaded; returns -EINVAL. */
int rules_fail(struct rules *r, enum load_code code, const struct rules_ctx *c, const char *msg);
int rules_failf(struct rules *r, enum load_code code, const struct rules_ctx *c, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void rules_warn(struct rules *r, enum load_code code, const struct rules_ctx *c, const char *msg, const char *deprecated_field);

struct list_info *rules_list(const struct rules *r, const char *name);
struct macro_info *rules_macro(const struct rules *r, const char *name);
struct rule_info *rules_rule(const struct rules *r, const char *name);
struct rule_info *rules_described(const struct rules *r, const char *name); /* NULL also when it was skipped */

/* ---- rules_read.c ------------------------------------------------------------------------------------- */

/* Reads every document of the file being loaded into the collection. 0, or -EINVAL with the error recorded. */
int rules_read(struct rules *r, struct yaml_node *const *docs, uint32_t ndocs);

/* ---- rules_decode.c: keys of items -> values ---------------------------------------------------------- */

enum need { NEED, OPTIONAL, OPTIONAL_EMPTY };

int decode_str(struct rules *r, const struct yaml_node *item, const char *key, enum need need, const struct rules_ctx *c, struct text *ret);
int decode_bool(struct rules *r, const struct yaml_node *item, const char *key, enum need need, const struct rules_ctx *c, bool *ret);
int decode_u32(struct rules *r, const struct yaml_node *item, const char *key, enum need need, const struct rules_ctx *c, uint32_t *ret);
/* Scalars of a sequence; each is given to add. */
int decode_seq(struct rules *r, const struct yaml_node *item, const char *key, enum need need, const struct rules_ctx *c, int (*add)(struct rules *r, void *arg, const char *s), void *arg);
int decode_tags(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, struct tag_set *ret);
int decode_priority(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, uint8_t *ret);
int decode_exceptions(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, bool append, struct exc_list *ret);
/* Text of a map key as users see it; -EINVAL with the error recorded when it is no scalar. */
int decode_key(struct rules *r, const struct yaml_node *key, const char **ret);
/* `override`: for every key in it, calls each with its operation. 0 or -EINVAL. */
typedef int (*override_fn)(struct rules *r, void *arg, const char *key, bool replace);
int decode_overrides(struct rules *r, const struct yaml_node *item, const struct rules_ctx *c, bool (*allowed)(const char *key, bool replace), override_fn each, void *arg);
int tags_add(struct rules *r, void *set, const char *tag);
int warn_unknown_keys(struct rules *r, const struct yaml_node *item, const char *const *known, const struct rules_ctx *c);
bool rules_version_parse(const char *s, struct version *ret);
int rules_version_cmp(const struct version *a, const struct version *b);
const char *rules_version_str(const struct version *v, char buf[40]);

/* ---- rules_collect.c --------------------------------------------------------------------------------- */

int collect_engine_version(struct rules *r, const struct version *v, const struct rules_ctx *c);
int collect_plugin_versions(struct rules *r, const struct plugin_alternatives *a, const struct rules_ctx *c);
int collect_list(struct rules *r, const struct list_info *l, bool append);
int collect_macro(struct rules *r, const struct macro_info *m, bool append);
int collect_rule(struct rules *r, struct rule_info *i);
/* parts: which members of u are given. u->source NULL matches any. */
int collect_append(struct rules *r, struct rule_info *u, unsigned parts);
int collect_replace(struct rules *r, struct rule_info *u, unsigned parts);
int collect_enable(struct rules *r, const char *name, bool enabled, const struct rules_ctx *c);
bool rules_op_known(const char *op);	   /* of the language, without modifier */
bool rules_op_modified(const char *op);	   /* "startswith oneof" and the like */
bool rules_op_takes_list(const char *op);

/* ---- rules_expand.c: conditions as text ----------------------------------------------------------- */

/* Raw condition with the exceptions of its rule behind it. 0, -EINVAL with the error recorded. */
int expand_exceptions(struct rules *r, const struct rule_info *i, struct base_buf *out);
/* Names of lists -> their items, in text. 0, -E2BIG, -ENOMEM. Marks lists as used. */
int expand_lists(struct rules *r, struct base_buf *text);

/* ---- rules_check.c ---------------------------------------------------------------------------------- */

/* Compiles the whole collection. 0, or -EINVAL with the error recorded; warnings go to the current file. */
int rules_check(struct rules *r);
void rules_check_reset(struct rules *r); /* gives up what the check made */
const char *const *rules_plugin(const struct rules *r, const char *name); /* its version, NULL not loaded */
extern const char *const rules_priorities[8];

/* ---- rules_output.c: what append_output and -p add ------------------------------------------------------ */

/* Output text and extra fields of a rule -> i->full_output, i->extra. 0 or -ENOMEM. */
int rules_output_build(struct rules *r, struct rule_info *i);
void rules_output_options(const struct rules *r, const struct rule_info *i, struct template_opts *ret);

/* ---- rules_schema.c: informational check against the shape of rules files ------------------------------- */

/* Adds to the current file's `schema`. -EINVAL with the error recorded when a map has a key that is none. */
int rules_schema_check(struct rules *r, const struct yaml_node *doc);
bool rules_schema_ok(const struct rules_file *f); /* as the reference tells it: by the first document */
