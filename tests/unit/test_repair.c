/* state/repair.c: a thread that no event told of is asked for, read from /proc and taken in; another process of that number
 * is not; users are read again when the file has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "evt_builder.h"
#include "state/apply_task.h"
#include "state/repair.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct fixture {
	struct repair *r;
	struct state_table *t;
	struct state_shard *s;
	struct evt_builder b;
	struct state_ctx c;
	uint64_t now;
};

static void fix(struct fixture *f, const char *root)
{
	struct timespec ts;
	struct state_opts o = { .shards = 1, .live = true, .max_tasks = 100, .max_fds = 64, .host_root = root, .self_pid = -1 };

	clock_gettime(CLOCK_REALTIME, &ts);
	f->now = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	f->r = repair_new(1, root);
	assert_non_null(f->r);
	o.repair = repair_for_state(f->r);
	f->t = state_table_new(&o);
	f->s = state_table_shard(f->t, 0);
	evb_init(&f->b);
}

static void done(struct fixture *f)
{
	state_table_free(f->t);
	repair_free(f->r);
}

static void calls(struct fixture *f, int64_t tid, uint64_t ts)
{
	assert_int_equal(state_apply(f->s, evb_make(&f->b, PPME_SYSCALL_GETCWD_X, tid, ts, "ns", -1L, ""), &f->c), 0);
}

static struct repair_stats stats(const struct fixture *f)
{
	struct repair_stats st;

	repair_stats(f->r, &st);
	return st;
}

static void unknown_process_is_asked_for_and_taken_in(void **state)
{
	static struct fixture f;
	pid_t pid = fork();
	const struct state_ver *v;

	(void)state;
	if (!pid) {
		pause();
		_exit(0);
	}
	fix(&f, "");
	calls(&f, pid, f.now + 1000000000u);
	assert_true(task_ver(state_own(f.s, pid))->invalid);
	assert_int_equal(stats(&f).asked, 1);
	assert_int_equal(repair_serve(f.r), 1);
	assert_int_equal(stats(&f).answered, 1);
	for (int i = 0; i < 16; i++) /* the worker looks every few events */
		calls(&f, pid, f.now + 1000000000u);
	v = task_ver(state_own(f.s, pid));
	assert_false(v->invalid);
	assert_int_equal(v->pid, pid);
	assert_string_equal(v->comm->s, "test_repair");
	assert_non_null(strstr(v->exepath->s, "test_repair"));
	assert_int_equal(stats(&f).asked, 1); /* once */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	done(&f);
}

static void another_process_of_that_number_is_not_taken(void **state)
{
	static struct fixture f;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		pause();
		_exit(0);
	}
	fix(&f, "");
	calls(&f, pid, f.now - 60000000000u); /* it was not there then */
	repair_serve(f.r);
	assert_int_equal(stats(&f).stale, 1);
	calls(&f, 1 << 22, f.now);
	repair_serve(f.r);
	assert_int_equal(stats(&f).gone, 1);
	assert_int_equal(stats(&f).answered, 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	done(&f);
}

static void questions_without_room_are_counted(void **state)
{
	static struct fixture f;
	struct state_repair a;

	(void)state;
	fix(&f, "");
	a = repair_for_state(f.r);
	for (int i = 0; i < 300; i++)
		a.task(a.ctx, 0, 1 << 22, 1 << 22, f.now);
	assert_int_equal(stats(&f).asked, 300);
	assert_int_equal(stats(&f).dropped, 300 - 256);
	assert_int_equal(repair_serve(f.r), 256);
	done(&f);
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/etc/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void changed_passwd_reaches_the_shard(void **state)
{
	static struct fixture f;
	char dir[] = "/tmp/saker-repair-XXXXXX", etc[100];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(etc, sizeof(etc), "%s/etc", dir);
	mkdir(etc, 0755);
	put(dir, "passwd", "root:x:0:0::/root:/bin/sh\n");
	put(dir, "group", "");
	fix(&f, dir);
	users_need(f.s, "", 1, 4711);
	assert_null(users_get(f.s->users, "", 4711));
	put(dir, "passwd", "root:x:0:0::/root:/bin/sh\nnewcomer:x:4711:4711::/home/n:/bin/sh\n");
	for (int i = 0; i < 40 && !stats(&f).users; i++) {
		usleep(100000);
		repair_serve(f.r);
	}
	assert_int_equal(stats(&f).users, 1);
	repair_take(f.s, (struct okey){ f.now, 0 });
	users_need(f.s, "", 1, 4711);
	assert_non_null(users_get(f.s->users, "", 4711));
	assert_string_equal(users_get(f.s->users, "", 4711)->name->s, "newcomer");
	done(&f);
	snprintf(etc, sizeof(etc), "%s/etc/passwd", dir), unlink(etc);
	snprintf(etc, sizeof(etc), "%s/etc/group", dir), unlink(etc);
	snprintf(etc, sizeof(etc), "%s/etc", dir), rmdir(etc);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_process_is_asked_for_and_taken_in),
		cmocka_unit_test(another_process_of_that_number_is_not_taken),
		cmocka_unit_test(questions_without_room_are_counted),
		cmocka_unit_test(changed_passwd_reaches_the_shard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
