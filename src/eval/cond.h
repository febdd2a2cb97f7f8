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
	struct value_expr *lhs;	/* after check; before it: lhs_text */
	uint8_t op;  /* enum cond_op */
	uint8_t mod; /* enum cond_mod */
	bool values_is_list;	/* right side written as a list */
	char **value;		/* right side: literal texts, unescaped, may contain no NUL */
	uint32_t nvalue;
	struct value_expr *rhs;	/* right side is a field or transformer */
	struct cond_rhs parsed;	/* after check: literals parsed for the field's type */
	void *cmp_data;		/* after check: owned by cond_cmp.c (regex, hash set, path trie, ...) */
};

struct cond_error {
	struct cond_pos pos; /* in the text */
	char msg[1024];	     /* the reference's wording */
};

/* Parses text. Returns 0 and an owned tree, or -EINVAL with err filled, -ENOMEM. Depth is limited to
 * 1000 levels, iterative where it matters: hostile text costs bounded stack. */
int cond_parse(const char *text, size_t len, struct cond **ret, struct cond_error *err);
struct cond *cond_clone(const struct cond *c);
void cond_free(struct cond *c);
/* Text form of the reference's describe ("condition_compiled"). */
void cond_text(struct base_buf *out, const struct cond *c);

/* Replaces macro references in *c; lookup returns the macro's tree (borrowed) or NULL, by name.
 * Returns 0, -EINVAL (err: "Undefined macro 'x' used in filter.", "reference loop in macro 'x'"),
 * -E2BIG when the result would pass max_nodes. */
int cond_expand(struct cond **c, const struct cond *(*lookup)(void *arg, const char *name), void *arg, size_t max_nodes, struct cond_error *err);

/* Resolves fields and operators, parses literals. source: event source name.
 * warn is called for every warning (code as in rules-language 10, message). */
typedef void (*cond_warn_fn)(void *arg, const char *code, const char *msg, struct cond_pos pos);
int cond_check(struct cond *c, const char *source, const char *const *static_names, cond_warn_fn warn, void *warn_arg, struct cond_error *err);

/* Event types for which the condition can be true (rules-language 9). */
struct evt_set { uint64_t w[(EVT_TYPE_MAX + 63) / 64]; };
static inline bool evt_set_has(const struct evt_set *s, unsigned t) { return s->w[t / 64] >> (t % 64) & 1; }
static inline void evt_set_add(struct evt_set *s, unsigned t) { s->w[t / 64] |= 1ull << (t % 64); }
void cond_events(const struct cond *c, struct evt_set *ret);
/* The same algebra over syscalls (portable codes): which ones the probe must deliver. */
#define SC_MAX 512
struct sc_set { uint64_t w[SC_MAX / 64]; };
static inline bool sc_set_has(const struct sc_set *s, unsigned c) { return s->w[c / 64] >> (c % 64) & 1; }
static inline void sc_set_add(struct sc_set *s, unsigned c) { s->w[c / 64] |= 1ull << (c % 64); }
static inline void sc_set_del(struct sc_set *s, unsigned c) { s->w[c / 64] &= ~(1ull << (c % 64)); }
void cond_syscalls(const struct cond *c, struct sc_set *ret);

/* Interprets a checked tree: 1 true, 0 false, -EAGAIN. The oracle for the compiled form. [worker] */
int cond_interpret(struct eval_ctx *ctx, const struct cond *c);
