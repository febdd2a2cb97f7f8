/* The compiled form of a set of rules, for the files that build and run it.
 *
 *   compile.c        the ruleset: atoms and values interned over all rules, buckets by event type
 *   compile_tree.c   one rule for one event type: folded, ordered, as jump code; its access clause
 *   index.c          one bucket: rules entered under the keys of their clauses
 *   index_memo.c     the same path again: what its look-ups gave
 *   compile_match.c  evaluation by workers */
#pragma once
#include "eval/cmp.h"
#include "eval/interpret.h"
#include "eval/ruleset.h"

#define NO_ID UINT32_MAX

/* A check, shared by all rules that contain it. */
struct atom {
	const struct cond *check; /* borrowed from the first rule that has it */
	uint32_t value;		  /* extracted left side; NO_ID: the field compares itself */
	uint32_t rhs;		  /* extracted right side, NO_ID none */
	int16_t bit;		  /* in state_ver.atoms_*, -1: not a pure function of the version */
	uint8_t cost;		  /* class of expense, for the order of operands */
	bool typed;		  /* decided by the event type: `types` says for which it holds */
	struct evt_set types;
};

/* Jump code. Targets are positions in ruleset.code or one of the two ends. */
#define CODE_TRUE UINT32_MAX
#define CODE_FALSE (UINT32_MAX - 1)
struct instr {
	uint32_t atom, yes, no;
};

/* A rule as it is for some event types. */
struct prog {
	uint32_t start;	  /* in ruleset.code, or an end */
	uint32_t nclause; /* atoms of the access clause */
	uint32_t *clause; /* owned: one of these is true whenever the rule is */
	bool indexed;	  /* there is a clause (maybe an empty one: the rule is never true) */
};

struct entry {
	uint32_t rule, prog;
};

enum key_kind { KEY_EQUAL, KEY_PREFIX, KEY_SUFFIX, KEY_PATH, KEY_PART, KEY_KINDS };
#define KEY_LENGTHS_MAX 16 /* different lengths of prefixes in one group */

/* All keys of one kind over one value. */
struct key_group {
	uint32_t value;
	uint8_t kind;
	uint8_t type; /* of the keys */
	uint8_t nlen;
	uint32_t len[KEY_LENGTHS_MAX];	/* KEY_PREFIX, KEY_SUFFIX */
	uint64_t tails[KEY_LENGTHS_MAX]; /* by length: tail_bit of its keys */
	struct cmp_set set;	       /* keys -> numbers; not for KEY_PATH and KEY_PART */
	uint32_t *first;	       /* owned: number -> first of its positions; one more at the end */
	uint32_t *pos;		       /* owned: positions of entries */
	struct path_set *paths;	       /* owned: KEY_PATH, ids are positions */
	struct multi *parts;	       /* owned: KEY_PART, substrings; ids are positions */
	uint64_t *all;		       /* owned: every entry of the group, as bits */
	bool path;		       /* the value is a path field: a function of field_fd_names */
};

/* The rules to try for an event type, in evaluation order. */
struct bucket {
	struct entry *entries;	  /* owned */
	uint32_t nentry, words;	  /* words of 64 bits for one bit per entry */
	uint64_t *scan;		  /* owned: entries tried always */
	struct key_group *groups; /* owned */
	uint32_t ngroup, npath;	  /* the first npath are those of path fields */
};

struct source {
	const char *name; /* borrowed from a rule */
	struct bucket *bucket[EVT_TYPE_MAX]; /* shared among types, NULL none */
};

struct ruleset {
	struct eval_rule *rules; /* owned, with contents */
	uint32_t nrule;
	bool match_all, interpret;
	uint64_t generation; /* of atoms_* on process versions; never 0 */
	struct atom *atoms;
	uint32_t natom, cap_atom, nbit;
	const struct value_expr **values; /* array owned, expressions borrowed from rules */
	uint32_t nvalue, cap_value;
	struct instr *code;
	uint32_t ncode, cap_code;
	struct prog *progs;
	uint32_t nprog, cap_prog;
	struct source *sources;
	uint32_t nsource;
	struct bucket **buckets; /* owned, all different ones */
	uint32_t nbucket, cap_bucket, words_max;
};

/* ---- compile.c */
bool vec_grow(void **arr, uint32_t n, uint32_t *cap, size_t size);

/* ---- compile_tree.c: trees of atoms, made for one rule and thrown away */
struct node {
	uint8_t kind; /* enum cond_kind; COND_MACRO stands for a constant */
	bool value;   /* constants */
	uint32_t atom, nchild;
	uint32_t cost[2];   /* of the access clause: plain, negated; saturates */
	uint32_t expense;   /* of evaluating */
	struct node **child;
};
#define CLAUSE_NONE UINT32_MAX
#define CLAUSE_COST_MAX 3000 /* a clause that lets more through is not worth its look-ups */

/* The tree for one event type (type NO_ID: nothing is folded), simplified, in a's memory. */
struct node *tree_fold(const struct ruleset *rs, const struct node *n, uint32_t type, struct base_arena *a);
/* Appends code and clause. 0 or -ENOMEM. */
int tree_emit(struct ruleset *rs, struct node *n, uint32_t *ret_prog);

/* ---- index.c */
/* Is the atom a positive test on a value that keys can be looked up for? *ret_cost: the larger,
 * the more events pass. */
bool index_atom(const struct atom *a, uint32_t *ret_cost);
int index_build(const struct ruleset *rs, struct bucket *b);
void bucket_free(struct bucket *b);

/* ---- compile_match.c */
struct value_slot {
	uint32_t gen;
	int8_t rc;   /* 1 value, 0 none */
	int8_t nul;  /* a NUL inside: 1 yes, 0 no, -1 nobody looked */
	struct eval_val val;
};

struct eval_worker {
	const struct ruleset *rs; /* borrowed, outlives the worker's use */
	uint32_t gen;		  /* of the event; 31 bits, 0 is never current */
	uint32_t *atoms;	  /* gen << 1 | result */
	struct value_slot *values;
	uint64_t *cand;		  /* candidates of the bucket, as bits */
	uint32_t *ids;
	struct eval_rule_stats *stats;
	struct state_ver *ver;	  /* version whose atom cache is in use, NULL none */
	struct index_memo *memo;  /* owned; NULL: not worth it */
};

/* Value of the expression for the event: 1, 0, -EAGAIN. Valid until the next event. */
int worker_value(struct eval_worker *w, struct eval_ctx *c, uint32_t value, const struct eval_val **ret);
bool worker_value_has_nul(struct eval_worker *w, uint32_t value); /* of a string just had */
/* Sets in w->cand the entries that keys point at. */
void index_probe(const struct bucket *b, struct eval_worker *w, struct eval_ctx *c);

/* ---- index_memo.c: what probing a path's groups gave, for paths seen lately. One worker's own. */
#define MEMO_WORDS_MAX 64 /* buckets with more entries than 64 times that are not remembered */
struct memo_key {
	const struct bucket *b;
	struct field_fd_names names;
	uint64_t hash;
};
struct index_memo *index_memo_new(uint32_t words); /* of the largest bucket. NULL when memory is out */
void index_memo_free(struct index_memo *m);
/* The key of the event's descriptor. False: not to be remembered. */
bool index_memo_key(const struct bucket *b, struct eval_ctx *c, struct memo_key *ret);
const uint64_t *index_memo_get(const struct index_memo *m, const struct memo_key *k); /* NULL: not there */
void index_memo_put(struct index_memo *m, const struct memo_key *k, const uint64_t *bits);
