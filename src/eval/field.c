/* Field names: the table, parsing of one use of a field, and dispatch of extraction by class.
 *
 * Called by the language (parse, once per use) and by rules and outputs (get, per event). Text flows
 * in, field_refs flow out; a field_ref and the event's state flow in, a value flows out. */
#include "eval/field_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct field_def eval_field_defs[] = {
#define FIELD(id_, cls_, name_, type_, fmt_, flags_, desc_)                                        \
	{ .name = name_, .desc = desc_, .cls = FC_##cls_, .type = PT_##type_, .fmt = PF_##fmt_,    \
	  .flags = flags_, .id = FLD_##id_, .name_len = sizeof(name_) - 1 },
#include "eval/field.def"
#undef FIELD
};
const size_t eval_field_count = sizeof(eval_field_defs) / sizeof(eval_field_defs[0]);
_Static_assert(sizeof(eval_field_defs) / sizeof(eval_field_defs[0]) == FLD_COUNT, "field numbers and table must agree");

/* Static fields are made by configuration; their position in the list of names is arg_index. */
static const struct field_def static_def = {
	.name = "static", .desc = "value set in the configuration", .cls = FC_STATIC, .type = PT_CHARBUF, .fmt = PF_NA, .id = FLD_COUNT,
};

struct text {
	const char *s;
	size_t len;
};

static bool starts(struct text t, const char *prefix)
{
	size_t n = strlen(prefix);

	return t.len >= n && !memcmp(t.s, prefix, n);
}

static int fail(struct base_err *err, const char *msg, const char *s, size_t len, const char *tail)
{
	return base_err_set(err, NULL, 0, 0, "%s%.*s%s", msg, (int)(len > 600 ? 600 : len), s, tail);
}

static int nonexistent(struct text t, struct base_err *err)
{
	return fail(err, "filter_check called with nonexistent field ", t.s, t.len, "");
}

/* Part of the table that has the fields of a class; filled before main. */
static struct {
	size_t from, to;
	uint64_t initials; /* bit: first byte of a name, modulo 64 */
} class_range[FC_MAX];

static void __attribute__((constructor)) find_ranges(void)
{
	for (size_t i = eval_field_count; i-- > 0;) {
		unsigned cls = eval_field_defs[i].cls;

		if (!class_range[cls].to)
			class_range[cls].to = i + 1;
		class_range[cls].from = i;
		class_range[cls].initials |= 1ull << (eval_field_defs[i].name[0] % 64);
	}
}

/* Longest name of the class that is a prefix of the text, NULL none. */
static const struct field_def *longest(struct text t, enum field_class cls)
{
	const struct field_def *best = NULL;
	size_t best_len = 0;

	if (!t.len || !(class_range[cls].initials >> ((unsigned char)t.s[0] % 64) & 1))
		return NULL;
	for (size_t i = class_range[cls].from; i < class_range[cls].to; i++) {
		const struct field_def *d = &eval_field_defs[i];

		if (d->name_len <= best_len || d->name_len > t.len || d->cls != cls || d->name[d->name_len - 1] != t.s[d->name_len - 1] ||
		    memcmp(t.s, d->name, d->name_len))
			continue;
		best = d;
		best_len = d->name_len;
	}
	return best;
}

/* A number as sscanf reads it, the whole text used: blanks in front and a sign are allowed. */
static bool parse_int(struct text t, bool is_unsigned, int64_t *ret)
{
	char buf[64], extra;
	long long v;
	unsigned long long u;

	if (t.len >= sizeof(buf) || memchr(t.s, 0, t.len))
		return false;
	memcpy(buf, t.s, t.len);
	buf[t.len] = 0;
	if (is_unsigned) {
		if (sscanf(buf, "%llu%c", &u, &extra) != 1)
			return false;
		*ret = (int64_t)u;
	} else {
		if (sscanf(buf, "%lld%c", &v, &extra) != 1)
			return false;
		*ret = (int32_t)v;
	}
	return true;
}

/* The text between the brackets that follow at `from`; *ret_end is behind the closing one. */
static bool bracket(struct text t, size_t from, struct text *ret, size_t *ret_end)
{
	const char *close;

	if (from >= t.len || t.s[from] != '[')
		return false;
	close = memchr(t.s + from, ']', t.len - from);
	if (!close)
		return false;
	*ret = (struct text){ t.s + from + 1, (size_t)(close - (t.s + from + 1)) };
	*ret_end = (size_t)(close - t.s) + 1;
	return true;
}

/* What parsing of one text has found so far. */
struct found {
	const struct field_def *def;
	struct text arg;
	bool has_arg;
	int64_t arg_index;
	int32_t param;
	uint8_t type, fmt;
	size_t used; /* bytes of the text */
};

static void found_def(struct found *r, enum field_id id)
{
	r->def = &eval_field_defs[id];
	r->used = strlen(r->def->name);
}

/* Parameters of all events are numbered event * EVT_MAX_PARAMS + position; the first one that bears
 * the longest name which the text starts with stands for the name. */
static bool param_by_prefix(struct text t, struct found *r)
{
	size_t best = 0;

	for (unsigned e = 0; e < EVT_TYPE_MAX; e++) {
		const struct evt_info *info = &evt_table[e];

		for (unsigned i = 0; info->name && i < info->nparams; i++) {
			size_t n = strlen(info->params[i].name);

			if (n <= best || n > t.len || memcmp(t.s, info->params[i].name, n))
				continue;
			best = n;
			r->param = (int32_t)(e * EVT_MAX_PARAMS + i);
		}
	}
	r->arg = (struct text){ t.s, best };
	return best > 0;
}

/* evt.arg, evt.rawarg and evt.around. */
static int parse_evt_arg(struct text t, enum field_id id, struct found *r, struct base_err *err)
{
	size_t n, end = 0;
	struct text arg = { 0 };

	found_def(r, id);
	n = r->used;
	if (t.len > n && t.s[n] == '[') {
		if (id == FLD_EVT_RAWARG)
			return fail(err, "evt.arg fields must be expressed explicitly", "", 0, "");
		if (!bracket(t, n, &arg, &end))
			arg = (struct text){ t.s + n + 1, t.len - n - 1 };
		if (!end || !parse_int(arg, id == FLD_EVT_AROUND, &r->arg_index))
			return fail(err, "", arg.s, arg.len, " is not a valid number");
		r->used = end;
	} else if (t.len > n && t.s[n] == '.') {
		struct text name = { t.s + n + 1, t.len - n - 1 };

		if (id == FLD_EVT_AROUND)
			return fail(err, "wrong syntax for evt.around", "", 0, "");
		if (!param_by_prefix(name, r))
			return fail(err, "unknown event argument ", name.s, name.len, "");
		arg = r->arg;
		r->used = n + 1 + arg.len;
		if (id == FLD_EVT_RAWARG) {
			const struct evt_param_info *p = &evt_table[r->param / EVT_MAX_PARAMS].params[r->param % EVT_MAX_PARAMS];

			r->type = p->type;
			r->fmt = p->fmt;
		}
	} else {
		return fail(err, "filter syntax error: ", t.s, t.len, "");
	}
	r->arg = arg;
	r->has_arg = true;
	return 1;
}

static int parse_type_is(struct text t, struct found *r, struct base_err *err)
{
	struct text name;
	int64_t num;
	size_t n;

	found_def(r, FLD_EVT_TYPE_IS);
	n = r->used;
	if (t.len <= n || t.s[n] != '.')
		return fail(err, "filter syntax error: ", t.s, t.len, "");
	name = (struct text){ t.s + n + 1, t.len - n - 1 };
	r->arg = name;
	r->has_arg = true;
	r->used = 0;
	if (parse_int(name, true, &num)) {
		/* a number stands for that event alone: param holds the event, -1 a name's pair */
		r->arg_index = (int64_t)(uint32_t)num;
		r->param = (int32_t)(uint32_t)num;
		r->used = t.len;
		return 1;
	}
	for (unsigned e = 0; e < EVT_TYPE_MAX; e++) {
		if (!evt_table[e].name || strlen(evt_table[e].name) != name.len || memcmp(evt_table[e].name, name.s, name.len))
			continue;
		/* the first event of the name and the number after it, which may be another's */
		r->arg_index = e;
		r->used = t.len;
		break;
	}
	return 1;
}

static int parse_event(struct text t, struct found *r, struct base_err *err)
{
	if (starts(t, "evt.arg") && !starts(t, "evt.args"))
		return parse_evt_arg(t, FLD_EVT_ARG, r, err);
	if (starts(t, "evt.rawarg"))
		return parse_evt_arg(t, FLD_EVT_RAWARG, r, err);
	if (starts(t, "evt.around"))
		return parse_evt_arg(t, FLD_EVT_AROUND, r, err);
	if (starts(t, "evt.abspath")) {
		found_def(r, FLD_EVT_ABSPATH);
		r->arg_index = 0;
		if (starts(t, "evt.abspath.src") || starts(t, "evt.abspath.dst")) {
			r->arg_index = t.s[12] == 's' ? 1 : 2;
			r->arg = (struct text){ t.s + 12, 3 };
			r->has_arg = true;
			r->used = 15;
		}
		return 1;
	}
	if (starts(t, "evt.type.is"))
		return parse_type_is(t, r, err);
	return 0;
}

/* proc.aname[2], proc.args[0]: an argument that is no number counts as none, and is then left over. */
static void parse_indexed(struct text t, enum field_id id, struct found *r)
{
	struct text arg;
	size_t end;

	found_def(r, id);
	if (!bracket(t, r->used, &arg, &end) || !parse_int(arg, false, &r->arg_index)) {
		r->arg_index = -1;
		return;
	}
	r->arg = arg;
	r->has_arg = true;
	r->used = end;
}

static bool all_digits(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.s[i] < '0' || t.s[i] > '9')
			return false;
	return t.len > 0;
}

/* proc.env[NAME], proc.aenv[2]. */
static void parse_env(struct text t, enum field_id id, struct found *r)
{
	struct text arg;
	size_t end;

	found_def(r, id);
	if (!bracket(t, r->used, &arg, &end))
		return;
	if (all_digits(arg) && !parse_int(arg, false, &r->arg_index))
		return;
	r->arg = arg;
	r->has_arg = true;
	r->used = end;
}

static int parse_thread(struct text t, struct found *r, struct base_err *err)
{
	/* longer names first: proc.aexepath before proc.aexe */
	static const enum field_id indexed[] = {
		FLD_PROC_APID, FLD_PROC_ANAME, FLD_PROC_AEXEPATH, FLD_PROC_AEXE, FLD_PROC_ACMDLINE, FLD_PROC_AARGS, FLD_PROC_ARGS,
	};

	if (starts(t, "arg"))
		return fail(err, "filter error: proc.arg filter not implemented yet", "", 0, "");
	for (size_t i = 0; i < sizeof(indexed) / sizeof(indexed[0]); i++) {
		if (!starts(t, eval_field_defs[indexed[i]].name))
			continue;
		parse_indexed(t, indexed[i], r);
		return 1;
	}
	if (starts(t, "proc.env") || starts(t, "proc.aenv")) {
		parse_env(t, t.s[5] == 'e' ? FLD_PROC_ENV : FLD_PROC_AENV, r);
		return 1;
	}
	if (starts(t, "thread.cgroup") && !starts(t, "thread.cgroups")) {
		size_t end;

		found_def(r, FLD_THREAD_CGROUP);
		if (t.len <= r->used || t.s[r->used] != '.')
			return fail(err, "filter syntax error: ", t.s, t.len, "");
		for (end = r->used + 1; end < t.len; end++) {
			char ch = t.s[end];

			if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_'))
				break;
		}
		r->arg = (struct text){ t.s + r->used + 1, end - r->used - 1 };
		r->has_arg = true;
		r->used = end;
		return 1;
	}
	return 0;
}

static int parse_fd(struct text t, struct found *r, struct base_err *err)
{
	struct text arg;
	size_t end = 0;

	if (!starts(t, "fd.types"))
		return 0;
	found_def(r, FLD_FD_TYPES);
	if (t.len > r->used && t.s[r->used] == '[') {
		if (!bracket(t, r->used, &arg, &end))
			arg = (struct text){ t.s + r->used + 1, t.len - r->used - 1 };
		if (!end || !parse_int(arg, false, &r->arg_index))
			return fail(err, "", arg.s, arg.len, " is not a valid number");
		r->arg = arg;
		r->has_arg = true;
		r->used = end;
	}
	return 1;
}

/* Arguments of the container plugin's fields follow the rules for plugins. */
static int parse_container(struct text t, struct found *r, struct base_err *err)
{
	const struct field_def *d = longest(t, FC_CONTAINER);
	const char *blank = memchr(t.s, ' ', t.len), *open;
	struct text v = { t.s, blank ? (size_t)(blank - t.s) : t.len };
	int vlen = (int)(v.len > 300 ? 300 : v.len);
	size_t end = 0;

	if (!d)
		return 0;
	r->def = d;
	r->used = strlen(d->name);
	open = memchr(v.s, '[', v.len);
	if (open) {
		size_t pos = (size_t)(open - v.s);

		if (pos != r->used)
			return 0;
		if (pos + 1 >= v.len)
			return base_err_set(err, NULL, 0, 0, "filter '%.*s': %s terminates with incomplete argument brackets", vlen, v.s, d->name);
		if (!bracket(v, pos, &r->arg, &end))
			return base_err_set(err, NULL, 0, 0, "filter '%.*s': %s has unbalanced argument brackets", vlen, v.s, d->name);
		if (!(d->flags & (FF_ARG_ALLOWED | FF_ARG_REQUIRED)))
			return base_err_set(err, NULL, 0, 0, "filter '%.*s': %s does not allow nor require an argument but one is provided: %.*s", vlen, v.s, d->name, (int)r->arg.len, r->arg.s);
		r->has_arg = true;
		r->used = end;
		/* An index has no leading zero; what is none is a key. */
		if (d->flags & FF_ARG_INDEX && all_digits(r->arg) && (r->arg.len == 1 || r->arg.s[0] != '0') && r->arg.len < 10)
			parse_int(r->arg, false, &r->arg_index);
	} else if (d->flags & FF_ARG_REQUIRED) {
		return base_err_set(err, NULL, 0, 0, "filter '%.*s': %s requires an argument but none provided", vlen, v.s, d->name);
	}
	return 1;
}

/* 1 found, 0 not of this class, -EINVAL. */
static int parse_class(struct text t, enum field_class cls, struct found *r, struct base_err *err)
{
	const struct field_def *d;
	int rc = 0;

	if (cls == FC_CONTAINER)
		return parse_container(t, r, err);
	if (cls == FC_EVENT)
		rc = parse_event(t, r, err);
	else if (cls == FC_THREAD)
		rc = parse_thread(t, r, err);
	else if (cls == FC_FD)
		rc = parse_fd(t, r, err);
	if (rc)
		return rc;
	d = longest(t, cls);
	if (!d)
		return 0;
	r->def = d;
	r->used = strlen(d->name);
	return 1;
}

static int take(struct text t, const struct found *r, struct field_ref *ret)
{
	struct field_ref f = {
		.def = r->def, .arg_index = r->arg_index, .param = r->param,
		.type = r->type ? r->type : r->def->type, .fmt = r->type ? r->fmt : r->def->fmt,
		.is_list = r->def->flags & FF_IS_LIST,
	};

	f.text = strndup(t.s, t.len);
	if (r->has_arg)
		f.arg = strndup(r->arg.s, r->arg.len);
	if (!f.text || (r->has_arg && !f.arg)) {
		field_ref_fini(&f);
		return -ENOMEM;
	}
	*ret = f;
	return 0;
}

static int parse_static(struct text t, const char *const *names, struct found *r)
{
	if (!names || !starts(t, "static."))
		return 0;
	for (int64_t i = 0; names[i]; i++) {
		if (strlen(names[i]) != t.len - 7 || memcmp(names[i], t.s + 7, t.len - 7))
			continue;
		r->def = &static_def;
		r->arg_index = i;
		r->arg = (struct text){ t.s + 7, t.len - 7 };
		r->has_arg = true;
		r->used = t.len;
		return 1;
	}
	return 0;
}

int eval_field_parse(const char *text, size_t len, const char *source, const char *const *static_names, struct field_ref *ret, struct base_err *err)
{
	struct text t = { text, len };
	bool syscall = !source || !strcmp(source, "syscall");

	if (memchr(text, 0, len))
		return nonexistent((struct text){ text, strlen(text) }, err);
	for (int cls = FC_GEN_EVENT; cls <= FC_STATIC; cls++) {
		struct found r = { .arg_index = -1, .param = -1 };
		int rc;

		/* other sources have the general fields and those that configuration adds */
		if (!syscall && cls != FC_GEN_EVENT && cls != FC_STATIC)
			continue;
		rc = cls == FC_STATIC ? parse_static(t, static_names, &r) : parse_class(t, (enum field_class)cls, &r, err);
		if (rc < 0)
			return rc;
		if (!rc)
			continue;
		if (r.used != len)
			break;
		return take(t, &r, ret);
	}
	return nonexistent(t, err);
}

void field_ref_fini(struct field_ref *f)
{
	free(f->text);
	free(f->arg);
	*f = (struct field_ref){ 0 };
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool field_ref_equal(const struct field_ref *a, const struct field_ref *b)
{
	return a->def == b->def && a->arg_index == b->arg_index && a->param == b->param && same_text(a->arg, b->arg);
}

static int get_static(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const char *s = c->static_values ? c->static_values[f->arg_index] : NULL;

	if (!s)
		return 0;
	val_str(ret, s, strlen(s));
	return 1;
}

static int get_utils(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	struct field_slot *s = field_slot(c, f);

	val_u64(ret, PT_UINT64, s ? ++s->count : 1);
	return 1;
}

/* Events that state does not look a thread up for (context switches, page faults, metadata) still show
 * the thread of their id, when it is known. */
static void need_thread(struct eval_ctx *c, unsigned cls)
{
	struct state_task *t;

	if (__builtin_expect(c->st.task != NULL, 1) || cls == FC_GEN_EVENT || cls == FC_UTILS || cls == FC_STATIC || !c->st.shard)
		return;
	t = state_own(c->st.shard, (int64_t)c->st.ev->hdr->tid);
	if (!t)
		return;
	c->st.task = t;
	state_refresh(&c->st);
}

int eval_field_get(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	static const field_get_fn by_class[FC_MAX] = {
		[FC_GEN_EVENT] = field_get_gen_event, [FC_EVENT] = field_get_event, [FC_THREAD] = field_get_thread,
		[FC_USER] = field_get_user, [FC_GROUP] = field_get_user, [FC_FD] = field_get_fd, [FC_FSPATH] = field_get_fspath,
		[FC_UTILS] = get_utils, [FC_FDLIST] = field_get_fdlist, [FC_CONTAINER] = field_get_container, [FC_STATIC] = get_static,
	};
	int r;

	need_thread(c, f->def->cls);
	r = by_class[f->def->cls](c, f, ret);
	/* the format is the field's wherever the getter has not chosen one (evt.rawarg) */
	if (r > 0 && f->def->id != FLD_EVT_RAWARG)
		ret->fmt = f->def->fmt;
	return r;
}

int eval_field_compare(struct eval_ctx *c, const struct field_ref *f, enum cond_op op, const struct cond_rhs *rhs, eval_cmp_fn cmp, const void *data)
{
	struct eval_val v;
	int r;

	need_thread(c, f->def->cls);
	switch (f->def->id) {
	case FLD_FD_IP: case FLD_FD_PORT: case FLD_FD_PROTO: case FLD_FD_NET:
	case FLD_FD_CIP_NAME: case FLD_FD_SIP_NAME: case FLD_FD_LIP_NAME: case FLD_FD_RIP_NAME:
		return field_compare_sock(c, f, op, rhs, cmp, data);
	case FLD_PROC_APID: case FLD_PROC_ANAME: case FLD_PROC_AEXE: case FLD_PROC_AEXEPATH: case FLD_PROC_ACMDLINE:
		if (f->arg_index == -1)
			return field_compare_ancestor(c, f, op, cmp, data);
		break;
	case FLD_PROC_AENV:
		/* a level is forgotten in conditions: any ancestor will do */
		if (!f->arg || !f->arg[0] || f->arg_index != -1)
			return field_compare_ancestor(c, f, op, cmp, data);
		break;
	case FLD_EVT_AROUND: {
		uint64_t delta, ts = c->st.ev->hdr->ts;

		delta = rhs->count ? rhs->vals[0].u * 1000000 : 0; /* milliseconds */
		return (uint64_t)f->arg_index >= ts - delta && (uint64_t)f->arg_index <= ts + delta;
	}
	default:
		break;
	}
	r = eval_field_get(c, f, &v);
	if (r <= 0)
		return r;
	/* an empty parameter exists, but compares with nothing; strings are never empty, they read <NA> */
	if (f->def->id == FLD_EVT_RAWARG && !v.len && !evt_param_is_string(v.type))
		return 0;
	return cmp(&v, op, data);
}
