/* state/scan_proc.c on the running system: this test's own process as /proc shows it. state/scan_cgroup.c on
 * made-up directories. */
#include "state/apply_task.h"
#include "state/scan.h"
#include "state/scan_cgroup.h"
#include "state/scan_iter.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

struct helper {
	pthread_t thread;
	pthread_barrier_t at;
	int64_t tid;
};

static void *helper_main(void *arg)
{
	struct helper *h = arg;

	h->tid = syscall(SYS_gettid);
	pthread_setname_np(pthread_self(), "odd \\na\nme");
	pthread_barrier_wait(&h->at);
	pthread_barrier_wait(&h->at);
	return NULL;
}

static const struct state_ver *ver(struct state_table *t, int64_t tid)
{
	const struct state_ver *v;

	return state_find_at(state_table_shard(t, 0), tid, -1, OKEY_MAX, &v, NULL) == 1 ? v : NULL;
}

static uint64_t all_emitted(void *ctx)
{
	(void)ctx;
	return UINT64_MAX;
}

static void scan_finds_this_process_and_its_threads(void **state)
{
	struct state_opts o = { .shards = 3, .max_tasks = 100000, .max_fds = 4096, .host_root = "", .live = true,
				.gate = { .min_emitted = all_emitted } };
	struct state_table *t = state_table_new(&o);
	const struct state_ver *v, *p;
	struct state_task *me;
	struct state_shard *s;
	struct helper h;
	char cwd[4096], exe[4096], status[8192];
	struct rlimit lim;
	ssize_t n;
	int fd;

	(void)state;
	pthread_barrier_init(&h.at, NULL, 2);
	assert_int_equal(pthread_create(&h.thread, NULL, helper_main, &h), 0);
	pthread_barrier_wait(&h.at);
	assert_int_equal(scan_proc(t, (struct okey){ 9, 0 }), 0);
	pthread_barrier_wait(&h.at);
	pthread_join(h.thread, NULL);

	s = state_table_shard(t, state_shard_of(t, getpid()));
	me = state_own(s, getpid());
	assert_non_null(me);
	v = task_ver(me);
	assert_true(me->scanned);
	assert_int_equal(me->scan_key.time, 9);
	assert_int_equal(v->pid, getpid());
	assert_int_equal(v->uid, geteuid());
	assert_int_equal(v->gid, getegid());
	assert_int_equal(v->sid, getsid(0));
	assert_int_equal(v->pgid, getpgid(0));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	assert_int_equal(v->fdlimit, lim.rlim_cur);
	assert_non_null(getcwd(cwd, sizeof(cwd) - 1));
	strcat(cwd, strcmp(cwd, "/") ? "/" : "");
	assert_string_equal(v->cwd->s, cwd);
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	assert_true(n > 0);
	exe[n] = 0;
	assert_string_equal(v->exepath->s, exe);
	assert_int_not_equal(v->exe_ino, 0);
	assert_true(v->exe_flags & EXE_WRITABLE); /* we own it, or are root */
	assert_int_not_equal(v->clone_ts, 0);
	assert_true(v->nenv > 0);
	assert_true(fdtab_count(me->fds) >= 3);
	fd = open("/proc/self/status", O_RDONLY);
	n = read(fd, status, sizeof(status) - 1);
	close(fd);
	assert_true(n > 0);
	status[n] = 0;
	/* those there are now (more than one under a sanitizer) and the second one of ours, which has ended */
	assert_int_equal(me->group->live, atoi(strstr(status, "Threads:") + 8) + 1);
	assert_int_equal(v->cap_effective, strtoull(strstr(status, "CapEff:") + 7, NULL, 16));
	if (ver(t, getppid())) {
		assert_int_equal(state_follow(s, v->parent, OKEY_MAX, &p, NULL), 1);
		assert_int_equal(p->tid, getppid());
	}

	v = ver(t, h.tid);
	assert_non_null(v);
	assert_int_equal(v->pid, getpid());
	assert_string_equal(v->comm->s, "odd \\na\nme");
	assert_true(v->flags & TASK_F_CLONE_FILES);
	assert_ptr_equal(v->exepath, task_ver(me)->exepath); /* shared */
	assert_int_equal(v->cwd->len, 0);
	assert_null(ver(t, 2) && !strcmp(ver(t, 2)->comm->s, "kthreadd") ? t : NULL); /* no kernel threads */
	state_table_free(t);
}

static int give(struct state_table *t, const void *rec, size_t size)
{
	return scan_iter_record(t, 1000000, rec, size);
}

static void iterator_records_are_checked_and_taken(void **state)
{
	struct state_opts o = { .shards = 2, .max_tasks = 100, .max_fds = 16, .host_root = "", .live = true,
				.gate = { .min_emitted = all_emitted } };
	struct state_table *t = state_table_new(&o);
	struct { struct scan_rec_task r; char text[24]; } l = {
		{ .size = sizeof(l), .pass = SCAN_LEADERS, .stamp = 5000, .tid = 50, .pid = 50, .vtid = 50, .vpid = 50, .uid = 7,
		  .start = 77, .pfminor = 3, .dead_pfminor = 10, .comm = "leader", .exepath_len = 8, .cwd_len = 2, .root_len = 1 },
		"/bin/abc/d/" };
	struct scan_rec_task th = { .size = sizeof(th), .pass = SCAN_THREADS, .stamp = 6000, .tid = 51, .pid = 50, .vtid = 51,
				    .vpid = 50, .uid = 8, .pfminor = 4, .comm = "other" };
	struct { struct scan_rec_texts r; char text[16]; } x = {
		{ .size = sizeof(x), .pass = SCAN_TEXTS, .pid = 50, .start = 77, .args_len = 8, .env_len = 4 }, "abc\0one\0A=b" };
	struct { struct scan_rec_file r; char text[8]; } f = {
		{ .size = sizeof(f), .pass = SCAN_FILES, .pid = 50, .fd = 3, .mode = S_IFREG, .flags = O_RDWR, .ino = 9, .path_len = 5 }, "/file" };
	const struct state_ver *v;

	(void)state;
	assert_int_equal(give(t, &th, sizeof(th)), 0); /* its leader is not known */
	assert_null(ver(t, 51));
	assert_int_equal(give(t, &l, sizeof(l)), 0);
	x.r.start = 78; /* another process of that number */
	assert_int_equal(give(t, &x, sizeof(x)), 0);
	assert_int_equal(ver(t, 50)->nargs, 0);
	x.r.start = 77;
	assert_int_equal(give(t, &x, sizeof(x)), 0);
	assert_int_equal(give(t, &th, sizeof(th)), 0);
	assert_int_equal(give(t, &f, sizeof(f)), 0);
	v = ver(t, 50);
	assert_non_null(v);
	assert_string_equal(v->exepath->s, "/bin/abc");
	assert_string_equal(v->cwd->s, "/d/");
	assert_string_equal(v->root->s, "/");
	assert_string_equal(v->exe->s, "abc");
	assert_string_equal(v->cmdline->s, "leader one");
	assert_string_equal(v->env->s, "A=b");
	assert_int_equal(v->clone_ts, 1000077);
	v = ver(t, 51);
	assert_non_null(v);
	assert_int_equal(v->uid, 8);
	assert_string_equal(v->cmdline->s, "other one");
	struct state_task *task = state_own(state_table_shard(t, state_shard_of(t, 50)), 50);
	assert_int_equal(task->pfminor, 17);
	assert_int_equal(task->scan_key.time, 1000000 + 5000 - 1000);
	assert_string_equal(fdtab_get(task->fds, 3)->name->s, "/file");
	/* lengths that lie */
	l.r.exepath_len = UINT32_MAX;
	assert_int_equal(give(t, &l, sizeof(l)), 0);
	x.r.args_len = 100000;
	assert_int_equal(give(t, &x, sizeof(x)), 0);
	f.r.path_len = 100000;
	f.r.family = 1;
	f.r.sun_len = 5000;
	assert_int_equal(give(t, &f, sizeof(f)), 0);
	assert_true(give(t, &l, sizeof(l) - 8) < 0);
	assert_true(give(t, &l, 4) < 0);
	th.size = 16;
	assert_true(give(t, &th, 16) < 0);
	th.size = sizeof(th);
	th.pass = 99;
	assert_true(give(t, &th, sizeof(th)) < 0);
	state_table_free(t);
}

static void scan_of_a_missing_proc_fails(void **state)
{
	struct state_opts o = { .shards = 1, .max_tasks = 10, .max_fds = 16, .host_root = "/nonexistent", .live = true };
	struct state_table *t = state_table_new(&o);

	(void)state;
	assert_true(scan_proc(t, OKEY_MIN) < 0);
	state_table_free(t);
}

static void scan_into_a_small_table_keeps_what_fits(void **state)
{
	struct state_opts o = { .shards = 1, .max_tasks = 2, .max_fds = 16, .host_root = "", .live = true };
	struct state_table *t = state_table_new(&o);

	(void)state;
	assert_int_equal(scan_proc(t, OKEY_MIN), 0);
	assert_int_equal(state_task_count(t), 2);
	state_table_free(t);
}

static void make(const char *dir, const char *sub, const char *controllers)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", dir, sub);
	if (*sub)
		assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/cgroup.controllers");
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(controllers, f);
	fclose(f);
}

static size_t list(struct scan_cgroup *c, const char *text, char *out, size_t size)
{
	char buf[512];
	size_t n;

	snprintf(buf, sizeof(buf), "%s", text);
	n = scan_cgroup_list(c, buf, out, size);
	for (size_t i = 0; i < n; i++)
		if (!out[i])
			out[i] = ' ';
	out[n] = 0;
	return n;
}

static void cgroups_of_the_unified_hierarchy_belong_to_the_nearest_directory(void **state)
{
	char dir[] = "/tmp/saker-cgroup-XXXXXX", out[512], cmd[64];
	struct scan_cgroup *c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	make(dir, "", "cpuset cpu io memory pids\n");
	make(dir, "/a", "cpu memory pids\n");
	make(dir, "/a/b", "memory\n");
	make(dir, "/a/b/c", "");
	c = scan_cgroup_new(dir);
	list(c, "0::/a/b/c\n", out, sizeof(out));
	assert_string_equal(out, "memory=/a/b cpu=/a pids=/a cpuset=/ io=/");
	list(c, "0::/a/b\n", out, sizeof(out)); /* from the cache */
	assert_string_equal(out, "memory=/a/b cpu=/a pids=/a cpuset=/ io=/");
	list(c, "0::/\n", out, sizeof(out));
	assert_string_equal(out, "cpuset=/ cpu=/ io=/ memory=/ pids=/");
	list(c, "0::/gone\n", out, sizeof(out));
	assert_string_equal(out, "cpuset=/ cpu=/ io=/ memory=/ pids=/");
	list(c, "4:cpu,cpuacct:/x\n3:name=systemd:/y\n2::/z\nbroken\n1:q\n0::/a\n", out, sizeof(out));
	assert_string_equal(out, "cpu=/x cpuacct=/x name=systemd=/y cpu=/a memory=/a pids=/a cpuset=/ io=/");
	assert_int_equal(list(c, "0::/a/b\n", out, 12), 11); /* what does not fit is left out whole */
	assert_string_equal(out, "memory=/a/b");
	scan_cgroup_free(c);
	c = scan_cgroup_new("/nonexistent");
	assert_int_equal(list(c, "0::/a/b\n", out, sizeof(out)), 0);
	list(c, "1:cpu:/a\n", out, sizeof(out));
	assert_string_equal(out, "cpu=/a");
	scan_cgroup_free(c);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	assert_int_equal(system(cmd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scan_finds_this_process_and_its_threads),
		cmocka_unit_test(iterator_records_are_checked_and_taken),
		cmocka_unit_test(scan_of_a_missing_proc_fails),
		cmocka_unit_test(scan_into_a_small_table_keeps_what_fits),
		cmocka_unit_test(cgroups_of_the_unified_hierarchy_belong_to_the_nearest_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
