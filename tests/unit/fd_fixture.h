/* One shard with process 100 (cwd /home/u/) and its thread 101, and short ways to apply events to it and
 * to look at descriptors. For the tests of descriptors and sockets. */
#pragma once
#include "evt_builder.h"
#include "state/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define PID 100
#define THREAD 101
#define MAX_FDS 64

struct fx {
	struct state_table *t;
	struct state_shard *s;
	struct evt_builder b;
	struct state_ctx ctx; /* of the last event */
	uint64_t ts;
};

#define TEXT(x) ((struct scan_text){ x, sizeof(x) - 1 })

static inline void fx_task(struct fx *f, int64_t tid, int64_t pid)
{
	struct scan_task st;

	scan_task_init(&st);
	st.tid = st.vtid = tid;
	st.pid = st.vpid = pid;
	st.ptid = 1;
	if (tid != pid)
		st.flags = TASK_F_CLONE_THREAD | TASK_F_CLONE_FILES;
	st.comm = TEXT("proc");
	st.exe = TEXT("/bin/proc");
	st.exepath = TEXT("/bin/proc");
	st.root = TEXT("/");
	if (tid == pid)
		st.cwd = TEXT("/home/u/");
	assert_int_equal(scan_add_task(f->t, &st), 0);
	evb_group(&f->b, tid, pid);
}

static inline int fx_setup_with(void **state, bool iface)
{
	static const uint8_t addr[4] = { 10, 0, 0, 5 }, mask[4] = { 255, 255, 255, 0 }, bcast[4] = { 10, 0, 0, 255 };
	static const uint8_t addr6[16] = { 0xfd, 0, 0, 1, [15] = 5 }, mask6[16] = { 0xff, 0xff, 0xff, 0xff };
	struct state_opts o = { .shards = 1, .max_tasks = 1000, .max_fds = MAX_FDS, .host_root = "", .self_pid = -1 };
	struct fx *f = calloc(1, sizeof(*f));

	evb_init(&f->b);
	f->ts = 1000000000;
	f->t = state_table_new(&o);
	f->s = state_table_shard(f->t, 0);
	fx_task(f, PID, PID);
	fx_task(f, THREAD, PID);
	fx_task(f, 200, 200);
	if (iface) {
		scan_add_iface(f->t, 2, addr, mask, bcast, TEXT("eth0"));
		scan_add_iface(f->t, 10, addr6, mask6, mask6, TEXT("eth0"));
	}
	*state = f;
	return 0;
}

static inline int fx_setup(void **state)
{
	int r = fx_setup_with(state, true);

	scan_finish(((struct fx *)*state)->t);
	return r;
}

static inline int fx_teardown(void **state)
{
	struct fx *f = *state;

	state_table_free(f->t);
	free(f);
	return 0;
}

/* Applies an event of thread TID_; the context is in f->ctx. */
#define APPLY_BY(f, TID_, type, ...) \
	assert_int_equal(state_apply((f)->s, evb_make(&(f)->b, type, TID_, ++(f)->ts, __VA_ARGS__), &(f)->ctx), 0)
#define APPLY(f, type, ...) APPLY_BY(f, PID, type, __VA_ARGS__)

static inline struct state_fdtab *fx_fds(struct fx *f)
{
	return state_own(f->s, PID)->fds;
}

static inline const struct state_fd *fx_fd(struct fx *f, int64_t num)
{
	return fdtab_get(fx_fds(f), num);
}

/* Name of an open descriptor, "(closed)" when it is not open. */
static inline const char *fx_name(struct fx *f, int64_t num)
{
	const struct state_fd *d = fx_fd(f, num);

	return d ? d->name->s : "(closed)";
}

static inline void fx_open(struct fx *f, int64_t num, const char *name)
{
	APPLY(f, PPME_SYSCALL_OPEN_X, "nsnnnn", (long)num, name, 1L, 0L, 5L, 77L);
}

/* What is pending from the last event is done now. */
static inline void fx_settle(struct fx *f)
{
	APPLY_BY(f, 200, PPME_SYSCALL_GETCWD_X, "n-", -1L);
}
