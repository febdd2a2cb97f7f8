/* A made-up set of fields for tests of the language: values are set by the test, any of them may be
 * missing or not known yet. Included once per program, it compiles the files of the language that
 * talk to fields against these instead of the real ones (so the library's copies stay unused). */
#pragma once
#include "eval/interpret.h"
#include "eval/ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE __attribute__((unused))

static int fake_parse(const char *text, size_t len, const char *source, const char *const *static_names, struct field_ref *ret, struct base_err *err);
static void fake_fini(struct field_ref *f);
static int fake_get(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret);
static int fake_compare(struct eval_ctx *c, const struct field_ref *f, enum cond_op op, const struct cond_rhs *rhs, eval_cmp_fn cmp, const void *data);

#define eval_field_parse fake_parse
#define field_ref_fini fake_fini
#define eval_field_get fake_get
#define eval_field_compare fake_compare
#include "eval/cond_warn.c"
#include "eval/interpret.c"
#include "eval/xform.c"
#include "eval/xform_eval.c"
#undef eval_field_parse
#undef field_ref_fini
#undef eval_field_get
#undef eval_field_compare

/* Two of each kind: plain, of the process, of an ancestor; one that compares itself. */
enum fake_id { FK_TYPE, FK_NUM, FK_S1, FK_S2, FK_PATH, FK_I, FK_U16, FK_BOOL, FK_IP, FK_NET, FK_LIST, FK_BYTES, FK_DBL, FK_P1, FK_P2, FK_PI, FK_A1, FK_OWN, FK_RAW, FK_COUNT };

static const struct field_def fake_defs[FK_COUNT] = {
	[FK_TYPE] = { .name = "evt.type", .cls = FC_EVENT, .type = PT_CHARBUF, .id = FK_TYPE },
	[FK_NUM] = { .name = "evt.num", .cls = FC_GEN_EVENT, .type = PT_UINT64, .id = FK_NUM },
	[FK_S1] = { .name = "f.s1", .cls = FC_FD, .type = PT_CHARBUF, .id = FK_S1 },
	[FK_S2] = { .name = "f.s2", .cls = FC_FD, .type = PT_CHARBUF, .id = FK_S2 },
	[FK_PATH] = { .name = "f.path", .cls = FC_FD, .type = PT_FSPATH, .id = FK_PATH },
	[FK_I] = { .name = "f.i", .cls = FC_FD, .type = PT_INT64, .id = FK_I },
	[FK_U16] = { .name = "f.port", .cls = FC_FD, .type = PT_PORT, .id = FK_U16 },
	[FK_BOOL] = { .name = "f.bool", .cls = FC_EVENT, .type = PT_BOOL, .id = FK_BOOL },
	[FK_IP] = { .name = "f.ip", .cls = FC_FD, .type = PT_IPADDR, .id = FK_IP },
	[FK_NET] = { .name = "f.net", .cls = FC_FD, .type = PT_IPNET, .id = FK_NET },
	[FK_LIST] = { .name = "f.list", .cls = FC_FD, .type = PT_CHARBUF, .flags = FF_IS_LIST, .id = FK_LIST },
	[FK_BYTES] = { .name = "f.bytes", .cls = FC_EVENT, .type = PT_BYTEBUF, .id = FK_BYTES },
	[FK_DBL] = { .name = "f.dbl", .cls = FC_EVENT, .type = PT_DOUBLE, .id = FK_DBL },
	[FK_P1] = { .name = "p.s1", .cls = FC_THREAD, .type = PT_CHARBUF, .flags = FF_PROCESS, .id = FK_P1 },
	[FK_P2] = { .name = "p.s2", .cls = FC_THREAD, .type = PT_CHARBUF, .flags = FF_PROCESS, .id = FK_P2 },
	[FK_PI] = { .name = "p.i", .cls = FC_THREAD, .type = PT_INT32, .flags = FF_PROCESS, .id = FK_PI },
	[FK_A1] = { .name = "a.s1", .cls = FC_THREAD, .type = PT_CHARBUF, .flags = FF_ANCESTOR, .id = FK_A1 },
	[FK_OWN] = { .name = "own.s", .cls = FC_THREAD, .type = PT_CHARBUF, .flags = FF_ANCESTOR | FF_FILTER_CMP | FF_NO_RHS | FF_NO_TRANSFORMER, .id = FK_OWN },
	[FK_RAW] = { .name = "evt.rawarg", .cls = FC_EVENT, .type = PT_UINT16, .flags = FF_FILTER_CMP | FF_NO_RHS | FF_NO_TRANSFORMER, .id = FK_RAW },
};

struct fake_world {
	int rc[FK_COUNT]; /* 1, 0, -EAGAIN */
	struct eval_val val[FK_COUNT];
	unsigned gets[FK_COUNT];
};

static struct fake_world *fake_world_now; /* of the running test */

static int fake_parse(const char *text, size_t len, const char *source, const char *const *static_names, struct field_ref *ret, struct base_err *err)
{
	size_t name_len = len;

	(void)source;
	(void)static_names;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '[' && name_len == len)
			name_len = i;
	for (unsigned i = 0; i < FK_COUNT; i++)
		if (strlen(fake_defs[i].name) == name_len && !memcmp(fake_defs[i].name, text, name_len)) {
			*ret = (struct field_ref){ .def = &fake_defs[i], .text = strndup(text, len), .arg_index = -1, .param = -1 };
			if (name_len < len)
				ret->arg = strndup(text + name_len + 1, len - name_len - 2);
			ret->type = fake_defs[i].type;
			ret->is_list = fake_defs[i].flags & FF_IS_LIST;
			return 0;
		}
	return base_err_set(err, NULL, 0, 0, "filter_check called with nonexistent field %.*s", (int)len, text);
}

static void fake_fini(struct field_ref *f)
{
	free(f->text);
	free(f->arg);
}

static int fake_get(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	unsigned id = f->def->id;

	(void)c;
	fake_world_now->gets[id]++;
	if (fake_world_now->rc[id] > 0)
		*ret = fake_world_now->val[id];
	return fake_world_now->rc[id];
}

/* True when the operator holds for the value or for the value with "x" in front of it. */
static int fake_compare(struct eval_ctx *c, const struct field_ref *f, enum cond_op op, const struct cond_rhs *rhs, eval_cmp_fn cmp, const void *data)
{
	struct eval_val v;
	int r = fake_get(c, f, &v);

	(void)rhs;
	if (r <= 0)
		return r;
	if (cmp(&v, op, data))
		return 1;
	if (!evt_param_is_string(v.type))
		return 0;
	v.s = arena_fmt(c->arena, "x%.*s", (int)v.len, v.s);
	v.len++;
	return cmp(&v, op, data);
}

/* An event of the given type with nothing in it, and a context around it. */
struct fake_event {
	struct evt_hdr hdr;
	struct evt ev;
	struct state_ver ver;
	struct base_arena arena;
	struct eval_ctx ctx;
	struct fake_world world;
};

FAKE static void fake_set_type(struct fake_event *e, unsigned type, const char *name)
{
	e->hdr.type = (uint16_t)type;
	e->ev.info = &evt_table[type];
	e->world.rc[FK_TYPE] = 1;
	val_str(&e->world.val[FK_TYPE], name, strlen(name));
}

FAKE static void fake_event_init(struct fake_event *e)
{
	memset(e, 0, sizeof(*e));
	e->ev.hdr = &e->hdr;
	arena_init(&e->arena);
	e->ctx = (struct eval_ctx){ .arena = &e->arena, .source = "syscall", .st = { .ev = &e->ev, .ver = &e->ver } };
	fake_world_now = &e->world;
	fake_set_type(e, PPME_SYSCALL_OPENAT_2_X, "openat");
}

FAKE static void fake_event_fini(struct fake_event *e)
{
	arena_fini(&e->arena);
}

FAKE static void fake_str(struct fake_event *e, enum fake_id id, const char *s)
{
	e->world.rc[id] = s != NULL;
	if (s)
		val_str(&e->world.val[id], s, strlen(s));
	e->world.val[id].type = fake_defs[id].type;
}

FAKE static void fake_num(struct fake_event *e, enum fake_id id, int64_t v)
{
	e->world.rc[id] = 1;
	val_i64(&e->world.val[id], fake_defs[id].type, v);
}

/* Parsed and checked, NULL when refused (message in err). */
FAKE static struct cond *fake_cond(const char *text, struct cond_error *err)
{
	struct cond *c = NULL;

	if (cond_parse(text, strlen(text), &c, err))
		return NULL;
	if (cond_check(c, "syscall", NULL, NULL, NULL, err)) {
		cond_free(c);
		return NULL;
	}
	return c;
}

/* An enabled rule as the loader would make it; cond is taken over. */
FAKE static struct eval_rule fake_rule(struct cond *cond, uint32_t id)
{
	struct eval_rule r = { .name = strdup("r"), .source = strdup("syscall"), .enabled = true, .cond = cond, .id = id, .order = id };

	cond_events(cond, &r.events);
	return r;
}
