/* Comparison of a value with the literals of a check, prepared once. Used by the interpreter, the
 * compiled form, and by fields that compare themselves (through cmp_scalar). Immutable. */
#pragma once
#include "eval/cond.h"

/* ---- sets ------------------------------------------------------------------------------- */

/* Numbers are keys of 8 bytes. */
struct set_key {
	const char *s;
	uint32_t len;
	uint64_t u;	/* len is SET_NUMBER */
};
#define SET_NUMBER UINT32_MAX

/* Open addressing from keys to dense numbers (order of insertion). */
struct cmp_set {
	struct cmp_set_slot {
		uint64_t hash;
		struct set_key key; /* text is borrowed from who added it */
		uint32_t id1;	    /* dense number + 1, 0 free */
	} *slots;		    /* owned */
	uint32_t mask, count;
	uint64_t lens; /* bit n: there is a text key of n bytes; the last bit stands for all longer ones */
};

int set_add(struct cmp_set *s, struct set_key k, uint32_t *ret_id); /* 0 or -ENOMEM */
void set_fini(struct cmp_set *s);
/* Number of the key, -1 when it is not in the set. [any] */
int64_t set_find(const struct cmp_set *s, struct set_key k);
/* The key of a scalar value as sets see it. */
struct set_key set_key_of(const struct eval_val *v);

/* ---- globs: fnmatch(3) with flags 0 or FNM_CASEFOLD, in time linear in text times stars ----- */

struct glob;
struct glob *glob_new(const char *pattern, size_t len, bool fold); /* NULL when memory is out */
void glob_free(struct glob *g);
bool glob_match(const struct glob *g, const char *s, size_t len);
/* The longest run of plain bytes in a pattern: every text that matches has it. Points into it; *ret_len 0: none. */
const char *glob_literal(const char *pattern, size_t len, size_t *ret_len);

/* ---- path sets: which listed paths are the subject or an ancestor of it --------------------- */

struct path_set;
struct path_set *path_set_new(void);
void path_set_free(struct path_set *p);
/* The text is borrowed. 0 or -ENOMEM. */
int path_set_add(struct path_set *p, const char *s, size_t len, uint32_t id);
bool path_set_match(const struct path_set *p, const char *s, size_t len);
/* Calls hit for every id added under a path that matches. */
void path_set_visit(const struct path_set *p, const char *s, size_t len, void (*hit)(void *arg, uint32_t id), void *arg);

/* ---- comparisons ------------------------------------------------------------------------ */

struct cmp;
/* For a checked field type; rhs is borrowed.
 *   CMP_TERMINATED  value_expr_terminated of the left side
 *   CMP_NO_LENGTH   the reference loses the length of the field's numbers and addresses, which are
 *                   then members of no list
 * Returns 0, -ENOMEM, or -EINVAL with a message (regex). */
enum { CMP_TERMINATED = 1, CMP_NO_LENGTH = 2 };
int cmp_new(enum cond_op op, enum cond_mod mod, uint8_t type, unsigned flags, const struct cond_rhs *rhs, struct cmp **ret, struct base_err *err);
void cmp_free(struct cmp *k);
/* Value, list or scalar, against all literals. [worker] */
bool cmp_match(const struct cmp *k, const struct eval_val *v);
/* For fields that compare themselves: an eval_cmp_fn. Modifiers don't apply: like the reference,
 * which asks about the first literal only, but for `in`, `intersects`, `pmatch`. */
int cmp_scalar(const struct eval_val *v, enum cond_op op, const void *cmp_data);
/* Two extracted values; *_terminated: of their expressions. */
bool cmp_pair(struct base_arena *a, enum cond_op op, const struct eval_val *l, bool l_terminated, const struct eval_val *r, bool r_terminated);
