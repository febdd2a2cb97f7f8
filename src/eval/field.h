/* Fields: the names rules use, what they yield, and how to get it.
 *
 * Data: field.def (one line per field) -> eval_field_defs. Extraction is split by class into
 * field_<class>.c, each a pure read of the event and of state as of the event. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "eval/value.h"
#include "state/apply.h"

enum field_class { FC_GEN_EVENT, FC_EVENT, FC_THREAD, FC_USER, FC_GROUP, FC_FD, FC_FSPATH, FC_UTILS, FC_FDLIST, FC_CONTAINER, FC_STATIC, FC_MAX };

enum field_flags {
	FF_FILTER_ONLY = 1 << 0,
	FF_PRINT_ONLY = 1 << 1,
	FF_ARG_REQUIRED = 1 << 2,
	FF_ARG_ALLOWED = 1 << 3,
	FF_ARG_INDEX = 1 << 4,
	FF_ARG_KEY = 1 << 5,
	FF_IS_LIST = 1 << 6,
	FF_NO_RHS = 1 << 7,
	FF_NO_TRANSFORMER = 1 << 8,
	FF_NO_PTR_STABILITY = 1 << 9,
	FF_TABLE_ONLY = 1 << 10,
	FF_DEPRECATED = 1 << 11,
	FF_SUGGESTED = 1 << 12,
	/* ours: what the value depends on, for caching and for choosing index keys */
	FF_PROCESS = 1 << 13,  /* pure function of the own thread's version: cached per version */
	FF_ANCESTOR = 1 << 14, /* may read other shards: never an index key */
	FF_FILTER_CMP = 1 << 15, /* comparison is the field's own (eval_field_compare): fd.ip, fd.net, proc.aname, evt.rawarg, ... */
};

struct field_def {
	const char *name, *desc;
	uint8_t cls;   /* enum field_class */
	uint8_t type;  /* enum evt_param_type */
	uint8_t fmt;   /* enum evt_param_fmt */
	uint32_t flags; /* enum field_flags */
	uint16_t id;   /* position in the table */
	uint8_t name_len;
};

extern const struct field_def eval_field_defs[];
extern const size_t eval_field_count;

/* One use of a field: definition and argument. Immutable after parsing. */
struct field_ref {
	const struct field_def *def;
	char *text;	    /* owned: as written, "proc.aname[2]"; key of output_fields */
	char *arg;	    /* owned: the argument without brackets, NULL none */
	int64_t arg_index;  /* arg as a number, -1 when it is not one */
	uint8_t type, fmt;  /* of the value; differs from def's for evt.rawarg */
	bool is_list;
	int32_t param;	    /* evt.arg.NAME etc.: id of the parameter name, -1 none */
};

/* Parses text[0..len) as a field: classes in order, longest name first; the whole text must be used.
 * static_names: names of static fields ("static.NAME" without prefix), NULL-terminated, may be NULL.
 * Returns 0, or -EINVAL with the reference's message in err->msg
 * ("filter_check called with nonexistent field X", ...). [any] */
int eval_field_parse(const char *text, size_t len, const char *source, const char *const *static_names, struct field_ref *ret, struct base_err *err);
void field_ref_fini(struct field_ref *f);
bool field_ref_equal(const struct field_ref *a, const struct field_ref *b);

/* What extraction needs besides state. One per worker. */
struct eval_ctx {
	struct state_ctx st;
	struct base_arena *arena;     /* reset at the start of each event */
	const char *hostname;
	const char *machine_hostname; /* evt.hostname, when it is not hostname (live) or "" (replay); NULL else */
	const char *const *static_values; /* by position in static_names */
	bool buffer_base64;
	bool in_filter;		      /* some fields read differently in conditions and outputs */
	uint64_t first_ts;	      /* evt.reltime: of the first event that is no metaevent, 0 before it */
	const char *source;	      /* "syscall" */
	struct eval_field_state *fs;  /* owned by the worker: evt.deltatime and the like */
};

struct eval_field_state *eval_field_state_new(void); /* NULL when memory is out */
void eval_field_state_free(struct eval_field_state *fs);
/* Around the evaluation of one event's conditions: what fields have in common is worked out once. NULL allowed. */
void eval_field_share(struct eval_field_state *fs, bool on);
void eval_field_state_restart(struct eval_field_state *fs); /* forgets what was counted per use of a field */
/* From here on evt.buffer of an empty payload shows what the reference shows: "NULL", then what is left in its buffer of
 * texts of parameters shown before, as long as the last payload was. Only with one evaluator that sees every event, in
 * order, by the tree; never live, where it would put one process's data into another's alert. */
void eval_field_state_keep_texts(struct eval_field_state *fs);

/* 1 and *ret, 0 when there is no value, -EAGAIN when another shard must get to the event first. [worker] */
int eval_field_get(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);

/* Operators of conditions; order is that of the language reference. */
enum cond_op { OP_NONE, OP_EXISTS, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_CONTAINS, OP_ICONTAINS, OP_BCONTAINS, OP_STARTSWITH, OP_BSTARTSWITH, OP_ENDSWITH, OP_GLOB, OP_IGLOB, OP_REGEX, OP_IN, OP_INTERSECTS, OP_PMATCH };

/* A comparison's right-hand side, already parsed for the field's type. */
struct cond_rhs {
	uint32_t count;
	struct eval_val *vals; /* owned by the condition */
	const char **texts;    /* as written, NUL-terminated */
};

/* For FF_FILTER_CMP fields: 1 true, 0 false (also when there is no value), -EAGAIN.
 * scalar_cmp(v, op, rhs) is the ordinary comparison, for those that try it on several values. */
typedef int (*eval_cmp_fn)(const struct eval_val *v, enum cond_op op, const void *cmp_data);
int eval_field_compare(struct eval_ctx *c, const struct field_ref *f, enum cond_op op, const struct cond_rhs *rhs, eval_cmp_fn scalar_cmp, const void *cmp_data);

/* Text of a value as outputs show it (outputs.md 1; fields-semantics "Rendering"). */
void eval_val_text(struct base_buf *out, const struct eval_val *v);
/* JSON of a value as output_fields shows it (outputs.md 3). v NULL = null. */
void eval_val_json(struct base_buf *out, const struct field_ref *f, const struct eval_val *v);
/* One event parameter as evt.arg shows it: raw text, and resolved text when there is one
 * (*ret_resolved NULL otherwise); arena memory. */
int eval_param_text(struct eval_ctx *c, unsigned param, const char **ret_raw, const char **ret_resolved);
const char *eval_errno_name(int64_t err); /* positive number; NULL unknown */

/* What the path fields of an event's descriptor (fd.name, fd.nameraw, fd.directory, fd.filename) are functions of:
 * two texts and a kind. False: there is no such thing for this event. Valid as long as the event's context. [worker] */
struct field_fd_names {
	const char *name, *raw;
	uint32_t name_len, raw_len;
	uint8_t kind;
};
bool field_fd_names(struct eval_ctx *c, struct field_fd_names *ret);
