/* Fields that look at other processes: parent, ancestors, session and group leaders. Called by
 * field_get_thread and eval_field_compare. Every read may answer -EAGAIN, which goes up unchanged.
 *
 * Two walks exist, as in the reference: "process ancestor n" hops to the thread group's leader after
 * every step; the chain follows parent threads only. */
#include "eval/field_internal.h"

#include <string.h>

/* Longest walk. Real process trees are far shallower; a loop or a hostile index must end. */
#define CHAIN_MAX 4096
/* Longest text that is collected over a chain. */
#define CHAIN_TEXT_MAX (1u << 20)

struct chain {
	const struct state_ver *v;    /* where the walk stands */
	const struct state_ver *mark; /* Brent's loop detection */
	unsigned steps, next_mark;
};

static struct chain chain_from(const struct state_ver *v)
{
	return (struct chain){ .v = v, .next_mark = 2 };
}

/* 1 and ch->v is the next thread up, 0 at the end or in a loop, -EAGAIN. */
static int chain_next(struct eval_ctx *c, struct chain *ch)
{
	const struct state_ver *n;
	int r = state_read_parent(&c->st, ch->v, &n);

	if (r <= 0)
		return r;
	if (n->tid == -1 || n == ch->mark || n == ch->v || ch->steps++ >= CHAIN_MAX)
		return 0;
	if (ch->steps == ch->next_mark) {
		ch->mark = n;
		ch->next_mark *= 2;
	}
	ch->v = n;
	return 1;
}

/* Text of one thread as the ancestor field shows it. 0 or -EAGAIN. */
static int text_of(struct eval_ctx *c, unsigned id, const struct state_ver *v, struct eval_val *ret)
{
	const struct state_str *env;
	uint32_t count;
	int r;

	switch (id) {
	case FLD_PROC_PNAME: case FLD_PROC_ANAME: case FLD_PROC_SNAME: case FLD_PROC_VPGID_NAME: case FLD_PROC_PGID_NAME:
		field_str(ret, v->comm);
		return 0;
	case FLD_PROC_PEXE: case FLD_PROC_AEXE: case FLD_PROC_SID_EXE: case FLD_PROC_VPGID_EXE: case FLD_PROC_PGID_EXE:
		field_str(ret, v->exe);
		return 0;
	case FLD_PROC_PCMDLINE: case FLD_PROC_ACMDLINE:
		field_str(ret, v->cmdline);
		return 0;
	case FLD_PROC_AARGS:
		field_join(c, v->args, v->nargs, ' ', ret);
		return 0;
	case FLD_PROC_AENV:
		r = field_env(c, v, &env, &count);
		if (!r)
			field_join(c, env, count, ' ', ret);
		return r;
	default: /* exepath */
		field_str(ret, v->exepath);
		return 0;
	}
}

/* Texts of the whole chain above the own leader, nearest first, joined by spaces. */
static int get_chain_text(struct eval_ctx *c, unsigned id, struct eval_val *ret)
{
	struct base_buf local = { 0 }, *out = c->fs ? &c->fs->text : &local;
	struct chain ch;
	int r = 0;

	if (!c->st.leader)
		return 0;
	buf_reset(out);
	ch = chain_from(c->st.leader);
	while (out->len < CHAIN_TEXT_MAX && (r = chain_next(c, &ch)) > 0) {
		struct eval_val v;

		r = text_of(c, id, ch.v, &v);
		if (r < 0)
			break;
		if (out->len)
			buf_chr(out, ' ');
		buf_add(out, v.s, v.len);
	}
	if (r >= 0) {
		r = out->len > 0;
		val_str(ret, arena_strn(c->arena, out->p, out->len), out->len);
	}
	buf_fini(&local);
	return r;
}

static int ancestor(struct eval_ctx *c, int64_t n, const struct state_ver **ret)
{
	if (n < 0 || n > CHAIN_MAX)
		return 0;
	return state_read_ancestor(&c->st, (unsigned)n, ret);
}

/* Text of process ancestor n. */
static int get_text(struct eval_ctx *c, unsigned id, int64_t n, struct eval_val *ret)
{
	const struct state_ver *v;
	int r = ancestor(c, n, &v);

	if (r <= 0)
		return r;
	r = text_of(c, id, v, ret);
	return r ? r : 1;
}

static int get_pid(struct eval_ctx *c, int64_t n, struct eval_val *ret)
{
	const struct state_ver *v;
	int r = ancestor(c, n, &v);

	if (r <= 0)
		return r;
	val_i64(ret, PT_INT64, v->pid);
	return v->pid >= -1 && v->pid <= UINT32_MAX;
}

static int get_ppid_duration(struct eval_ctx *c, struct eval_val *ret)
{
	const struct state_ver *v;
	int r = ancestor(c, 1, &v);

	if (r <= 0)
		return r;
	if (v->clone_ts)
		val_u64(ret, PT_RELTIME, c->st.ev->hdr->ts - v->clone_ts);
	else /* as in the reference: the number of descriptors of the process itself */
		val_u64(ret, PT_RELTIME, state_read_fdcount(&c->st));
	return 1;
}

/* The parent thread itself, without the hop to its leader. */
static int get_parent_thread(struct eval_ctx *c, unsigned id, struct eval_val *ret)
{
	const struct state_ver *v;
	int r = state_read_parent(&c->st, c->st.ver, &v);

	if (r <= 0)
		return r;
	if (id == FLD_PROC_PVPID)
		val_i64(ret, PT_INT64, v->vpid);
	else
		val_u64(ret, PT_RELTIME, v->clone_ts);
	return 1;
}

static bool ends_with_sh(const struct state_str *s)
{
	return s->len >= 2 && !memcmp(s->s + s->len - 2, "sh", 2);
}

static int get_loginshell(struct eval_ctx *c, struct eval_val *ret)
{
	struct chain ch;
	int found = 0, r;

	if (!c->st.leader)
		return 0;
	ch = chain_from(c->st.leader);
	do {
		if (ends_with_sh(ch.v->comm)) {
			val_i64(ret, PT_INT64, ch.v->pid);
			found = 1;
		}
	} while ((r = chain_next(c, &ch)) > 0);
	return r < 0 ? r : found;
}

static int get_aenv(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	bool by_name = f->arg && f->arg[0] && f->arg_index == -1;
	int64_t levels = by_name ? 20 : f->arg_index;
	const struct state_str *env;
	struct chain ch;
	uint32_t count;
	int r;

	if (!by_name && f->arg_index < 1) {
		r = text_of(c, FLD_PROC_AENV, c->st.ver, ret);
		return r ? r : 1;
	}
	val_str(ret, "", 0);
	if (!c->st.leader)
		return 1;
	ch = chain_from(c->st.leader);
	for (int64_t i = 0; i < levels; i++) {
		r = chain_next(c, &ch);
		if (r <= 0)
			return r ? r : by_name;
		if (!by_name)
			continue;
		r = field_env(c, ch.v, &env, &count);
		if (r)
			return r;
		field_env_find(env, count, f->arg, strlen(f->arg), ret);
		if (ret->len)
			return 1;
	}
	if (by_name)
		return 1;
	r = text_of(c, FLD_PROC_AENV, ch.v, ret);
	return r ? r : 1;
}

static int64_t group_id(unsigned id, const struct state_ver *v)
{
	switch (id) {
	case FLD_PROC_SNAME: case FLD_PROC_SID_EXE: case FLD_PROC_SID_EXEPATH:
		return v->sid;
	case FLD_PROC_VPGID_NAME: case FLD_PROC_VPGID_EXE: case FLD_PROC_VPGID_EXEPATH:
		return v->vpgid;
	default:
		return v->pgid;
	}
}

/* Leader of the session or process group: the thread of that number, if numbers are those of the
 * host, else the oldest of the ancestors that belong to it without a gap. */
static int get_group_leader(struct eval_ctx *c, unsigned id, struct eval_val *ret)
{
	const struct state_ver *v = c->st.ver, *found = NULL;
	int64_t gid = group_id(id, v);
	bool is_virtual = id != FLD_PROC_PGID_NAME && id != FLD_PROC_PGID_EXE && id != FLD_PROC_PGID_EXEPATH;
	bool in_pidns = v->flags & TASK_F_CHILD_IN_PIDNS || (v->vtid >= 0 && v->vtid != v->tid);
	struct chain ch;
	int r;

	val_str(ret, "", 0);
	if (gid == -1)
		return 1;
	if (!is_virtual || !in_pidns) {
		r = state_read_tid(&c->st, gid, -1, &found);
		if (r < 0)
			return r;
		if (!r)
			found = NULL;
	}
	if (!found) {
		ch = chain_from(v);
		while ((r = chain_next(c, &ch)) > 0 && group_id(id, ch.v) == gid)
			found = ch.v;
		if (r < 0)
			return r;
	}
	if (found && (r = text_of(c, id, found, ret)))
		return r;
	return 1;
}

int field_get_ancestor(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	unsigned id = f->def->id;

	switch (id) {
	case FLD_PROC_PNAME: case FLD_PROC_PEXE: case FLD_PROC_PEXEPATH: case FLD_PROC_PCMDLINE:
		return get_text(c, id, 1, ret);
	case FLD_PROC_PPID:
		return get_pid(c, 1, ret);
	case FLD_PROC_APID:
		return get_pid(c, f->arg_index == -1 ? 0 : f->arg_index, ret);
	case FLD_PROC_ANAME: case FLD_PROC_AEXE: case FLD_PROC_AEXEPATH: case FLD_PROC_ACMDLINE: case FLD_PROC_AARGS:
		return f->arg_index == -1 ? get_chain_text(c, id, ret) : get_text(c, id, f->arg_index, ret);
	case FLD_PROC_AENV:
		return get_aenv(c, f, ret);
	case FLD_PROC_PVPID: case FLD_PROC_PPID_TS:
		return get_parent_thread(c, id, ret);
	case FLD_PROC_PPID_DURATION:
		return get_ppid_duration(c, ret);
	case FLD_PROC_LOGINSHELLID:
		return get_loginshell(c, ret);
	default:
		return get_group_leader(c, id, ret);
	}
}

int field_compare_ancestor(struct eval_ctx *c, const struct field_ref *f, enum cond_op op, eval_cmp_fn cmp, const void *data)
{
	struct chain ch;
	int r;

	if (!c->st.leader)
		return 0;
	ch = chain_from(c->st.leader);
	while ((r = chain_next(c, &ch)) > 0) {
		struct eval_val v;

		if (op == OP_EXISTS)
			return 1;
		if (f->def->id == FLD_PROC_APID) {
			val_i64(&v, PT_PID, ch.v->pid);
		} else {
			r = text_of(c, f->def->id, ch.v, &v);
			if (r < 0)
				return r;
		}
		r = cmp(&v, op, data);
		if (r)
			return r;
	}
	return r;
}
