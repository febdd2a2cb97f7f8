/* One shard of state, an evaluation context on it, and short forms to read fields as text. For tests
 * of fields and templates; include after cmocka.h. */
#pragma once
#include "eval/field.h"
#include "eval/render_val.h"
#include "evt_builder.h"
#include "state/apply.h"

struct field_fixture {
	struct state_table *table;
	struct evt_builder b;
	struct base_arena arena;
	struct eval_ctx c;
	struct base_buf out;
};

static inline struct field_fixture *ff_new(void)
{
	struct field_fixture *f = calloc(1, sizeof(*f));
	struct state_opts o = { .shards = 1, .max_tasks = 1000, .max_fds = 100, .host_root = "", .boot_ts = 1000 };

	assert_non_null(f);
	f->table = state_table_new(&o);
	assert_non_null(f->table);
	evb_init(&f->b);
	arena_init(&f->arena);
	f->c.arena = &f->arena;
	f->c.hostname = "box";
	f->c.source = "syscall";
	f->c.fs = eval_field_state_new();
	return f;
}

static inline void ff_free(struct field_fixture *f)
{
	eval_field_state_free(f->c.fs);
	arena_fini(&f->arena);
	buf_fini(&f->out);
	state_table_free(f->table);
	free(f);
}

/* Applies the event that the builder holds. */
static inline void ff_apply(struct field_fixture *f)
{
	arena_reset(&f->arena);
	assert_int_equal(state_apply(state_table_shard(f->table, 0), &f->b.ev, &f->c.st), 0);
}

static inline int ff_read(struct field_fixture *f, const char *name, struct field_ref *ref, struct eval_val *v)
{
	struct base_err err = { 0 };

	if (eval_field_parse(name, strlen(name), "syscall", NULL, ref, &err))
		fail_msg("%s: %s", name, err.msg);
	return eval_field_get(&f->c, ref, v);
}

/* Text of a field for the last event, "(none)" without a value. Valid until the next reading. */
static inline const char *ff_text(struct field_fixture *f, const char *name)
{
	struct field_ref ref;
	struct eval_val v;
	int r = ff_read(f, name, &ref, &v);

	buf_reset(&f->out);
	if (r > 0)
		eval_val_text(&f->out, &v);
	else
		buf_str(&f->out, r ? "(again)" : "(none)");
	field_ref_fini(&ref);
	return f->out.p ? f->out.p : "";
}

static inline const char *ff_json(struct field_fixture *f, const char *name)
{
	struct field_ref ref;
	struct eval_val v;
	int r = ff_read(f, name, &ref, &v);

	buf_reset(&f->out);
	eval_val_json(&f->out, &ref, r > 0 ? &v : NULL);
	field_ref_fini(&ref);
	return f->out.p;
}

/* A process by way of the child's side of a clone; parent 0 for none. args: NUL separated bytes. */
static inline void ff_clone(struct field_fixture *f, int64_t tid, int64_t pid, int64_t ptid, const char *comm, const char *exe, const char *args, size_t args_len, uint32_t flags, uint64_t ts)
{
	evb_make(&f->b, PPME_SYSCALL_CLONE_20_X, tid, ts, "nsbnnnsnnnnnnsbnnnnn", 0L, exe, args, args_len, (long)tid, (long)pid, (long)ptid, "", 1024L,
		 0L, 0L, 100L, 10L, 1L, comm, "cpu=/a\0memory=/b", (size_t)17, (long)flags, 54321L, 54321L, (long)tid, (long)pid);
	f->b.env.tgid = (uint32_t)pid;
	ff_apply(f);
}
