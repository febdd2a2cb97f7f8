/* The start-up scan by iterators against the one by /proc: the same processes, threads and descriptors, member by member,
 * for those that are the same before and after.
 *   scan_equal          exit 0 equal, 1 not, 77 no iterators here
 *   scan_equal time     how long each takes, and how many threads it finds
 * Left out is what the two cannot say alike: sizes and faults of memory that move on, start times of threads (/proc gives
 * the process's), addresses of unix sockets (hidden in /proc), the order of control groups. */
#include "capture/live_scan.h"
#include "state/apply_task.h"
#include "state/scan_iter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS 10000000 /* how finely /proc tells start times, and some for its reading of two clocks */

static unsigned bad, compared, compared_fds;

static uint64_t all_emitted(void *ctx)
{
	(void)ctx;
	return UINT64_MAX;
}

static struct state_table *table(unsigned shards)
{
	struct state_opts o = { .shards = shards, .max_tasks = 1000000, .max_fds = 4096, .host_root = "", .live = true,
				.gate = { .min_emitted = all_emitted } };

	return state_table_new(&o);
}

static int run_pass(void *ctx, enum scan_pass pass, int (*fn)(void *arg, const void *rec, size_t size), void *arg)
{
	return live_scan_run(ctx, pass, fn, arg);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct state_task *find(struct state_table *t, int64_t tid)
{
	for (unsigned i = 0; i < state_table_opts(t)->shards; i++) {
		struct state_task *task = state_own(state_table_shard(t, i), tid);

		if (task)
			return task;
	}
	return NULL;
}

static void differ(int64_t tid, const char *what, const char *proc, const char *iter)
{
	printf("thread %" PRId64 ": %s: /proc '%s', iterator '%s'\n", tid, what, proc, iter);
	bad++;
}

static void number(int64_t tid, const char *what, uint64_t proc, uint64_t iter)
{
	char a[24], b[24];

	if (proc == iter)
		return;
	snprintf(a, sizeof(a), "%" PRId64, (int64_t)proc);
	snprintf(b, sizeof(b), "%" PRId64, (int64_t)iter);
	differ(tid, what, a, b);
}

static void near_time(int64_t tid, const char *what, uint64_t proc, uint64_t iter)
{
	if (proc > iter + TICK_NS || iter > proc + TICK_NS)
		number(tid, what, proc, iter);
}

static void text(int64_t tid, const char *what, const struct state_str *proc, const struct state_str *iter)
{
	if (proc->len != iter->len || memcmp(proc->s, iter->s, proc->len))
		differ(tid, what, proc->s, iter->s);
}

static bool has_element(const struct state_str *list, const char *e)
{
	for (const char *p = list->s; p < list->s + list->len; p += strlen(p) + 1)
		if (!strcmp(p, e))
			return true;
	return false;
}

static bool has_controller(const struct state_str *list, const char *e)
{
	size_t n = strcspn(e, "=") + 1;

	for (const char *p = list->s; p < list->s + list->len; p += strlen(p) + 1)
		if (!strncmp(p, e, n))
			return true;
	return false;
}

/* In any order. Named hierarchies are /proc's alone; controllers of a unified hierarchy that is mounted elsewhere the
 * iterator's. */
static void groups(int64_t tid, const struct state_str *proc, const struct state_str *iter)
{
	for (const char *p = proc->s; p < proc->s + proc->len; p += strlen(p) + 1)
		if (strncmp(p, "name=", 5) && !has_element(iter, p))
			differ(tid, "cgroups", p, "(none)");
	for (const char *p = iter->s; p < iter->s + iter->len; p += strlen(p) + 1)
		if (has_controller(proc, p) && !has_element(proc, p))
			differ(tid, "cgroups", "(none)", p);
}

static void compare_ver(const struct state_ver *p, const struct state_ver *i)
{
#define N(member) number(p->tid, #member, (uint64_t)p->member, (uint64_t)i->member)
#define T(member) text(p->tid, #member, p->member, i->member)
	N(pid), N(vtid), N(vpid), N(sid), N(vpgid), N(pgid), N(flags), N(tty), N(uid), N(gid), N(loginuid);
	N(cap_inheritable), N(cap_permitted), N(cap_effective), N(fdlimit), N(invalid), N(nargs), N(nenv);
	if (p->exe_ino) { /* else: not to be found by its path from here */
		N(exe_ino), N(exe_ino_ctime), N(exe_ino_mtime);
		number(p->tid, "exe_flags", p->exe_flags & EXE_WRITABLE, i->exe_flags & EXE_WRITABLE);
	}
	number(p->tid, "parent", p->parent ? (uint64_t)p->parent->tid : 0, i->parent ? (uint64_t)i->parent->tid : 0);
	if (p->tid == p->pid)
		near_time(p->tid, "clone_ts", p->clone_ts, i->clone_ts);
	near_time(p->tid, "pidns_init_start_ts", p->pidns_init_start_ts, i->pidns_init_start_ts);
	T(comm), T(exe), T(exepath), T(args), T(cmdline), T(env), T(cwd), T(root), T(container_id);
	groups(p->tid, p->cgroups, i->cgroups);
#undef N
#undef T
}

static void compare_fd(int64_t tid, int64_t num, const struct state_fd *p, const struct state_fd *i)
{
	char what[40];

	snprintf(what, sizeof(what), "descriptor %" PRId64, num);
	compared_fds++;
	if (!i) {
		differ(tid, what, p->name->s, "(none)");
		return;
	}
	number(tid, what, p->type, i->type);
	number(tid, what, p->flags, i->flags);
	number(tid, what, p->open_flags, i->open_flags);
	number(tid, what, p->dev, i->dev);
	number(tid, what, p->mnt_id, i->mnt_id);
	number(tid, what, p->ino, i->ino);
	text(tid, what, p->name, i->name);
	if (fd_is_ip(p) && memcmp(&p->sock, &i->sock, sizeof(p->sock)))
		differ(tid, what, "tuple", "another");
}

static void compare_fds(const struct state_task *p, const struct state_task *i, const struct state_task *again)
{
	for (int64_t n = fdtab_next(p->fds, 0); n >= 0; n = fdtab_next(p->fds, n + 1))
		if (fdtab_get(again->fds, n))
			compare_fd(p->tid, n, fdtab_get(p->fds, n), fdtab_get(i->fds, n));
	for (int64_t n = fdtab_next(i->fds, 0); n >= 0; n = fdtab_next(i->fds, n + 1))
		if (!fdtab_get(p->fds, n) && !fdtab_get(again->fds, n))
			differ(p->tid, "descriptor", "(none)", fdtab_get(i->fds, n)->name->s);
}

struct tables {
	struct state_table *proc, *iter, *again; /* /proc before and after the iterators */
};

static void compare(struct state_task *p, void *arg)
{
	struct tables *t = arg;
	struct state_task *i = find(t->iter, p->tid), *again = find(t->again, p->tid);

	if (p->tgid == getpid() || !again || task_ver(again)->comm->len != task_ver(p)->comm->len)
		return; /* this test, which opens and closes; what has gone or changed meanwhile */
	compared++;
	if (!i) {
		differ(p->tid, "thread", task_ver(p)->comm->s, "(none)");
		return;
	}
	compare_ver(task_ver(p), task_ver(i));
	compare_fds(p, i, again);
	if (!i->scanned || !i->scan_key.time)
		differ(p->tid, "stamp", "", "(none)");
}

static int fill(struct state_table *t, struct live_scan *s)
{
	struct scan_source src = { .ctx = s, .texts = live_scan_has(s, SCAN_TEXTS), .boot_epoch = live_scan_epoch(s),
				   .run = run_pass };

	return scan_iter(t, &src, (struct okey){ 9, 0 });
}

int main(int argc, char **argv)
{
	struct tables t = { table(3), table(3), table(3) };
	struct live_scan *s;
	double at[4];
	int rc;

	rc = live_scan_open(NULL, &s);
	if (rc) {
		printf("SKIP: no iterators here: %s\n", strerror(-rc));
		return 77;
	}
	printf("arguments by %s\n", live_scan_has(s, SCAN_TEXTS) ? "iterator" : "/proc");
	at[0] = now();
	rc = scan_proc(t.proc, (struct okey){ 9, 0 });
	at[1] = now();
	if (!rc)
		rc = fill(t.iter, s);
	at[2] = now();
	printf("/proc %.3f s, iterators %.3f s, threads %" PRIu64 " and %" PRIu64 "\n", at[1] - at[0], at[2] - at[1],
	       state_task_count(t.proc), state_task_count(t.iter));
	if (!rc && argc < 2) {
		rc = scan_proc(t.again, (struct okey){ 9, 0 });
		for (unsigned i = 0; i < 3; i++)
			state_for_each_own(state_table_shard(t.proc, i), compare, &t);
		printf("%u threads and %u descriptors compared, %u differences\n", compared, compared_fds, bad);
	}
	live_scan_close(s);
	if (rc)
		printf("a scan failed: %s\n", strerror(-rc));
	state_table_free(t.proc);
	state_table_free(t.iter);
	state_table_free(t.again);
	return rc || bad || (argc < 2 && compared < 2);
}
