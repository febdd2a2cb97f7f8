/* Conditions: text -> tree -> checked tree. The tree is also what the interpreter (oracle) runs.
 * Grammar and meaning: rules-language.md sections 6 to 9. [main; the interpreter: worker] */
#pragma once
#include "eval/xform.h"

enum cond_kind { COND_AND, COND_OR, COND_NOT, COND_CHECK, COND_MACRO };
enum cond_mod { MOD_NONE, MOD_ONEOF, MOD_ANYOF, MOD_ALLOF };

struct cond_pos { uint32_t idx, line, col; }; /* from 0 */

struct cond {
	uint8_t kind;
	struct cond_pos pos;
	/* AND, OR: n children; NOT: 1 */
	struct cond **child; /* owned */
	uint32_t nchild;
	/* MACRO */
	char *name;
	/* CHECK */
	struct value_expr *lhs;	/* its fields are resolved by the check */
	uint8_t op;  /* enum cond_op */
	uint8_t mod; /* enum cond_mod */
	bool double_eq;		/* OP_EQ written as "==" */
	struct cond_pos rhs_pos; /* of the right side */
	bool values_is_list;	/* right side written as a list */
	char **value;		/* right side: literal texts, unescaped; a NUL inside is refused by the check */
	uint32_t *value_len;
	uint32_t nvalue;
	struct value_expr *rhs;	/* right side is a field or transformer */
	bool own_compare;	/* after check: eval_field_compare does it, not extraction and cmp_match */
	struct cond_rhs parsed;	/* after check: literals parsed for the field's type */
	void *cmp_data;		/* after check: struct cmp (regex, hash set, path tree, ...) */
	void *literal_mem;	/* after check: owned, what parsed points into */
};

struct cond_error {
	struct cond_pos pos; /* in the text */
	char msg[1024];	     /* the reference's wording */
};

/* Parses text. Returns 0 and an owned tree, or -EINVAL with err filled, -ENOMEM. Depth is limited to
 * 1000 levels, iterative where it matters: hostile text costs bounded stack. */
#define COND_DEPTH_MAX 1000	/* of the parser, as the reference counts */
#define COND_TREE_DEPTH_MAX 4000 /* of a tree with its macros */
int cond_parse(const char *text, size_t len, struct cond **ret, struct cond_error *err);
/* With another limit of depth: describing rules has a lower one in the reference. */
#define COND_DEPTH_DESCRIBE 100
int cond_parse_depth(const char *text, size_t len, uint32_t max_depth, struct cond **ret, struct cond_error *err);
struct cond *cond_clone(const struct cond *c); /* of what was written: to be checked again */
void cond_free(struct cond *c);
/* Text form of the reference's describe ("condition_compiled"). */
void cond_text(struct base_buf *out, const struct cond *c);

/* Replaces macro references in *c; lookup returns the macro's tree (borrowed) or NULL, by name.
 * Returns 0, -EINVAL (err: "Undefined macro 'x' used in filter.", "reference loop in macro 'x'"),
 * -E2BIG when the result would pass max_nodes. */
int cond_expand(struct cond **c, const struct cond *(*lookup)(void *arg, const char *name), void *arg, size_t max_nodes, struct cond_error *err);

/* Resolves fields and operators, parses literals. source: event source name.
 * warn is called for every warning (code as in rules-language 10, message). Warnings about the
 * condition as a whole have line and col UINT32_MAX, so that adding 1 gives the 0 shown for them.
 * Returns 0, -ENOMEM, or -EINVAL with err filled. A tree can be checked once. */
typedef void (*cond_warn_fn)(void *arg, const char *code, const char *msg, struct cond_pos pos);
int cond_check(struct cond *c, const char *source, const char *const *static_names, cond_warn_fn warn, void *warn_arg, struct cond_error *err);

/* Deprecated fields, in the order their warnings come; warn gets .msg as LOAD_DEPRECATED_ITEM. */
struct cond_deprecated { const char *name, *msg; };
#define COND_DEPRECATED_COUNT 6
extern const struct cond_deprecated cond_deprecated_fields[COND_DEPRECATED_COUNT];
uint32_t cond_deprecated_used(const struct cond *c); /* bit i: field i; macros must be expanded */

/* Whether a field of this name is anywhere in it; macros must be expanded. */
bool cond_uses_field(const struct cond *c, const char *name);

/* Event types for which the condition can be true (rules-language 9). */
struct evt_set { uint64_t w[(EVT_TYPE_MAX + 63) / 64]; };
static inline bool evt_set_has(const struct evt_set *s, unsigned t) { return s->w[t / 64] >> (t % 64) & 1; }
static inline void evt_set_add(struct evt_set *s, unsigned t) { s->w[t / 64] |= 1ull << (t % 64); }
void cond_events(const struct cond *c, struct evt_set *ret); /* PPME_ASYNCEVENT_E always included */
/* The bare algebra, without what is always included: what LOAD_NO_EVTTYPE counts. */
void cond_event_codes(const struct cond *c, struct evt_set *ret);
/* The same algebra over syscalls (portable codes): which ones the probe must deliver. */
#define SC_MAX 512
struct sc_set { uint64_t w[SC_MAX / 64]; };
static inline bool sc_set_has(const struct sc_set *s, unsigned c) { return s->w[c / 64] >> (c % 64) & 1; }
static inline void sc_set_add(struct sc_set *s, unsigned c) { s->w[c / 64] |= 1ull << (c % 64); }
static inline void sc_set_del(struct sc_set *s, unsigned c) { s->w[c / 64] &= ~(1ull << (c % 64)); }
void cond_syscalls(const struct cond *c, struct sc_set *ret);

const char *cond_op_name(enum cond_op op); /* "=" for OP_EQ */

/* Interprets a checked tree: 1 true, 0 false, -EAGAIN. The oracle for the compiled form. [worker] */
int cond_interpret(struct eval_ctx *ctx, const struct cond *c);
