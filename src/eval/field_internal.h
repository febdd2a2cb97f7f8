/* What the field files of this folder share: field numbers, one getter per class, small helpers.
 * Nothing outside field*.c, render*.c and template*.c includes this. */
#pragma once
#include "eval/field.h"
#include "state/container.h"
#include "state/path.h"
#include "state/read.h"

struct hosts;
struct regex;

enum field_id {
#define FIELD(id, ...) FLD_##id,
#include "eval/field.def"
#undef FIELD
	FLD_COUNT
};

/* Readings that depend on what was evaluated before; private to one worker. */
#define FIELD_STATE_SLOTS 256
struct eval_field_state {
	/* evt.deltatime* and util.cnt: per use of the field, as the reference counts them. Keyed by the
	 * address of the field_ref; a full table starts anew, which restarts the counts. */
	struct field_slot {
		const struct field_ref *ref;
		uint64_t num; /* event of the last reading */
		uint64_t ts, delta, count;
		struct regex *regex; /* owned: of a container.mount argument, NULL none or invalid */
		char *pattern;	     /* owned: the argument it was made of */
	} slots[FIELD_STATE_SLOTS];
	uint32_t used;
	struct base_buf text;  /* owned: scratch of one rendering */
	struct base_buf text2; /* owned: scratch beside it */
	struct hosts *hosts;   /* owned: of fd.*ip.name */
	/* Name of the descriptor an event would have made, which several fields are cut from: kept while one event's
	 * conditions are evaluated. */
	struct {
		bool on;
		int8_t rc; /* of the reading, -1 none yet */
		struct eval_val val;
	} made_name;
	/* What the reference's one buffer for texts of parameters would hold, and how long the last payload in it was:
	 * see eval_field_state_keep_texts. */
	struct {
		bool on;
		char *p; /* owned */
		size_t cap;
		uint32_t payload_len;
	} texts;
};

typedef int (*field_get_fn)(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);

/* One per class: 1 and *ret, 0, -EAGAIN, like eval_field_get. */
int field_get_gen_event(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);
int field_get_event(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);
int field_get_evtarg(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);
int field_get_thread(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);
int field_get_ancestor(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);
int field_get_user(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);
int field_get_fd(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);
int field_get_sock(struct eval_ctx *c, const struct field_ref *f, const struct state_fd *fd, struct eval_val *ret);
int field_get_fspath(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);
int field_get_fdlist(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);
int field_get_container(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);

/* eval_field_compare of fields that walk the ancestors / look at both ends of a socket. */
int field_compare_ancestor(struct eval_ctx *c, const struct field_ref *f, enum cond_op op, eval_cmp_fn cmp, const void *data);
int field_compare_sock(struct eval_ctx *c, const struct field_ref *f, enum cond_op op, const struct cond_rhs *rhs, eval_cmp_fn cmp, const void *data);

/* The descriptor fd.* fields talk about. Returns 0 when the event is not about descriptors or has no
 * thread, else 1 and *ret, NULL when nothing is known of it. */
int field_event_fd(struct eval_ctx *c, const struct state_fd **ret);

/* Joins NUL separated elements by sep (one byte), in arena memory. count 0 gives "". */
void field_join(struct eval_ctx *c, const struct state_str *s, uint32_t count, char sep, struct eval_val *ret);
/* Environment of a thread: its leader's, its own without one. -EAGAIN possible. */
int field_env(struct eval_ctx *c, const struct state_ver *v, const struct state_str **ret, uint32_t *ret_count);
/* Value of NAME in an environment, spaces around it stripped, "" when there is none. */
void field_env_find(const struct state_str *env, uint32_t count, const char *name, size_t name_len, struct eval_val *ret);

/* Working directory of the event's process. */
static inline void field_cwd(const struct eval_ctx *c, const char **ret, size_t *ret_len)
{
	if (c->st.leader) {
		*ret = c->st.leader->cwd->s;
		*ret_len = c->st.leader->cwd->len;
	} else {
		*ret = "./";
		*ret_len = 2;
	}
}

/* path_join into arena memory. */
void field_join_path(struct eval_ctx *c, const char *base, size_t base_len, const char *path, size_t path_len, struct eval_val *ret);
/* The dirfd rule of state-semantics 2.5, in arena memory or static text. */
void field_dirfd_base(struct eval_ctx *c, int64_t dirfd, const char *path, size_t path_len, const char **ret, size_t *ret_len);

static inline void field_str(struct eval_val *ret, const struct state_str *s)
{
	*ret = (struct eval_val){ .type = PT_CHARBUF, .len = s->len, .s = s->s };
}

#define AT_FDCWD_PORTABLE (-100)

/* Position of the first parameter of the event with this name, -1 none. */
int field_param_index(const struct evt *ev, const char *name);

/* Slot of one use of a field in the worker's state. */
struct field_slot *field_slot(struct eval_ctx *c, const struct field_ref *f);

/* One parameter as evt.arg shows it, appended to raw and resolved (empty: there is none).
 * base64: byte buffers. 0 or -EAGAIN (a PID parameter of another shard). */
int render_param(struct eval_ctx *c, unsigned i, bool base64, struct base_buf *raw, struct base_buf *resolved);
void render_base64(struct base_buf *out, const void *p, size_t len);
void render_dots(struct base_buf *out, const void *p, size_t len);
const char *render_signal_name(unsigned sig); /* NULL unknown */

/* Times. which: what of the date is wanted. */
enum render_time { RT_TIME, RT_TIME_S, RT_ISO8601, RT_DATETIME, RT_DATETIME_S };
size_t render_ts(char *out, size_t size, uint64_t ts, enum render_time which);
