/* The alert store: numbers, cursors, gaps, limits, and files that do not play along. */
#include "base/log.h"
#include "base/thread.h"
#include "sink/store.h"
#include "sink/store_db.h"
#include "sink/store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64], path[96];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/saker-store-XXXXXX");
	snprintf(path, sizeof(path), "%s/alerts.db", mkdtemp(dir));
	return 0;
}

static int remove_dir(void **state)
{
	char name[400];
	struct dirent *e;
	DIR *d = opendir(dir);

	(void)state;
	chmod(dir, 0700);
	while (d && (e = readdir(d))) {
		snprintf(name, sizeof(name), "%s/%s", dir, e->d_name);
		unlink(name);
	}
	if (d)
		closedir(d);
	return rmdir(dir);
}

static unsigned files_like(const char *part)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	while ((e = readdir(d)))
		n += strstr(e->d_name, part) != NULL;
	closedir(d);
	return n;
}

static struct alert *make(unsigned n, uint8_t prio, size_t pad)
{
	char line[64], *text = malloc(pad + 64);
	struct alert_text t = { .rule = prio == 7 ? "low" : "high", .source = "syscall", .hostname = "h", .line = line,
				.fields_json = "{\"a\":1}", .tags_json = "[]" };
	struct alert *a;

	snprintf(line, sizeof(line), "10:00:00: Warning \"n\" %u", n);
	t.output = "10:00:00: Warning \\\"n\\\" 1";
	t.message = "\\\"n\\\" 1";
	if (pad) {
		memset(text, 'x', pad);
		text[pad] = '\0';
		t.line = text;
		t.output = t.message = text;
	}
	a = alert_new(&t);
	assert_non_null(a);
	a->priority = prio;
	a->ts = 1000 + n;
	free(text);
	return a;
}

static void put(struct store *s, unsigned n, uint8_t prio, size_t pad)
{
	struct alert *a = make(n, prio, pad);

	store_put(s, a);
	alert_unref(a);
}

static struct store *start(struct store_opts o)
{
	struct base_err err = { 0 };
	struct store *s = store_new(&o);

	assert_non_null(s);
	assert_int_equal(store_add_reader(s, "r"), 0);
	if (store_start(s, &err))
		fail_msg("store_start: %s", err.msg);
	return s;
}

/* Fetches and acknowledges everything there is; returns the number of alerts and of missing ones. */
static unsigned take_all(struct store *s, uint64_t *ret_missing, uint64_t *ret_last)
{
	struct store_item item[64];
	unsigned n = 0;

	*ret_missing = 0;
	for (;;) {
		struct store_batch b = { .item = item, .max = 64 };

		assert_int_equal(store_fetch(s, 0, &b), 0);
		if (!b.count && !b.missing)
			return n;
		for (unsigned i = 0; i < b.count; i++) {
			if (i)
				assert_true(item[i].id > item[i - 1].id);
			alert_unref(item[i].a);
		}
		n += b.count;
		*ret_missing += b.missing;
		*ret_last = b.upto;
		store_ack(s, 0, b.upto);
	}
}

static void stop(struct store *s)
{
	store_flush(s);
	store_stop(s);
	store_free(s);
}

static void store_memory_hands_out_in_order_and_tells_what_was_pushed_out(void **state)
{
	struct store *s = start((struct store_opts){ .capacity = 10 });
	uint64_t missing, last;

	(void)state;
	for (unsigned i = 1; i <= 25; i++)
		put(s, i, 4, 0);
	assert_int_equal(take_all(s, &missing, &last), 10);
	assert_int_equal(missing, 15);
	assert_int_equal(last, 25);
	assert_int_equal(store_backlog(s, 0), 0);
	stop(s);
}

static void store_file_keeps_alerts_and_cursors_over_a_restart(void **state)
{
	struct store_opts o = { .path = path, .commit_ms = 5 };
	struct store *s = start(o);
	struct store_item item[10];
	struct store_batch b = { .item = item, .max = 4 };
	uint64_t missing, last;

	(void)state;
	for (unsigned i = 1; i <= 10; i++)
		put(s, i, 4, 0);
	store_flush(s);
	assert_int_equal(store_fetch(s, 0, &b), 0);
	assert_int_equal(b.count, 4);
	assert_int_equal(b.upto, 4);
	for (unsigned i = 0; i < 4; i++)
		alert_unref(item[i].a);
	store_ack(s, 0, 4);
	stop(s);

	s = start(o);
	b.max = 10;
	assert_int_equal(store_fetch(s, 0, &b), 0);
	assert_int_equal(b.count, 6);
	assert_int_equal(b.missing, 0);
	assert_int_equal(item[0].id, 5);
	/* the text comes back as it was, escaped parts included */
	assert_string_equal(item[0].a->line, "10:00:00: Warning \"n\" 5");
	assert_string_equal(item[0].a->output, "10:00:00: Warning \\\"n\\\" 5");
	assert_string_equal(item[0].a->message, "\\\"n\\\" 5");
	assert_string_equal(item[0].a->fields_json, "{\"a\":1}");
	assert_string_equal(item[0].a->tags_json, "[]");
	assert_int_equal(item[0].a->ts, 1005);
	for (unsigned i = 0; i < 6; i++)
		alert_unref(item[i].a);
	put(s, 11, 4, 0);
	store_flush(s);
	assert_int_equal(take_all(s, &missing, &last), 7);
	assert_int_equal(last, 11);
	stop(s);
}

static void store_reads_what_memory_no_longer_has_from_the_file(void **state)
{
	struct store *s = start((struct store_opts){ .path = path, .commit_ms = 1, .capacity = 50, .wait = true });
	uint64_t missing, last;

	(void)state;
	for (unsigned i = 1; i <= 1000; i++)
		put(s, i, 4, 0);
	store_flush(s);
	assert_int_equal(take_all(s, &missing, &last), 1000);
	assert_int_equal(missing, 0);
	stop(s);
}

static void store_beyond_max_bytes_discards_the_oldest_of_the_lowest_priority(void **state)
{
	struct store *s = start((struct store_opts){ .path = path, .max_bytes = 1 << 20, .capacity = 16, .commit_ms = 1, .wait = true });
	struct store_stats st;
	uint64_t gone = 0;
	unsigned low = 0, high = 0;
	struct store_item item[64];
	struct stat sb;

	(void)state;
	for (unsigned i = 1; i <= 4000; i++)
		put(s, i, i % 10 ? 7 : 2, 1000); /* 4 MB: 400 KB of high priority */
	store_flush(s);
	store_stats(s, &st);
	assert_in_range(st.bytes, 1, 1 << 20);
	assert_true(st.discarded > 0);
	assert_int_equal(stat(path, &sb), 0);
	assert_true(sb.st_size < (3 << 20)); /* pages are used again */
	for (;;) {
		struct store_batch b = { .item = item, .max = 64 };

		assert_int_equal(store_fetch(s, 0, &b), 0);
		if (!b.count && !b.missing)
			break;
		for (unsigned i = 0; i < b.count; i++) {
			low += item[i].a->priority == 7;
			high += item[i].a->priority == 2;
			alert_unref(item[i].a);
		}
		gone += b.missing;
		store_ack(s, 0, b.upto);
	}
	assert_int_equal(high, 400);
	/* those in memory are handed out although the file has discarded them */
	assert_int_equal(low + high + gone, 4000);
	assert_in_range(gone, st.discarded - 16, st.discarded);
	stop(s);
}

static bool count_one(void *arg, const struct alert *a, uint64_t id)
{
	(void)a, (void)id;
	++*(unsigned *)arg;
	return true;
}

static void store_query_filters_while_the_store_is_in_use(void **state)
{
	struct store *s = start((struct store_opts){ .path = path, .commit_ms = 1 });
	struct base_err err;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 1; i <= 1200; i++)
		put(s, i, i % 3 ? 7 : 2, 0);
	store_flush(s);

	struct store_query q = { .path = path, .priority = 7 };

	assert_int_equal(store_query(&q, count_one, &n, &err), 0);
	assert_int_equal(n, 1200);
	n = 0;
	q.priority = 6;
	assert_int_equal(store_query(&q, count_one, &n, &err), 0);
	assert_int_equal(n, 400);
	n = 0;
	q.priority = 7;
	q.since_ns = 1000 + 1100;
	q.rule = "low";
	assert_int_equal(store_query(&q, count_one, &n, &err), 0);
	assert_int_equal(n, 67);
	q.path = "/nonexistent/x.db";
	assert_true(store_query(&q, count_one, &n, &err) < 0);
	assert_non_null(strstr(err.msg, "/nonexistent/x.db: No such file"));
	stop(s);
}

static void store_ages_by_a_clock_that_does_not_jump(void **state)
{
	(void)state;
	/* whatever the wall clock says later, only monotonic time counts */
	assert_int_equal(store_age_clock(5000, 100, 350), 5250);
}

static void store_older_than_max_age_is_deleted(void **state)
{
	struct store *s = start((struct store_opts){ .path = path, .commit_ms = 1 });
	struct store_db *db;
	unsigned n = 0;
	char why[100];

	(void)state;
	for (unsigned i = 1; i <= 100; i++)
		put(s, i, 4, 0);
	stop(s);
	assert_int_equal(store_db_open(path, true, &db, why, sizeof(why)), 0);
	assert_int_equal(store_db_expire(db, base_now_ns() - 3600000000000u, 1000, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(store_db_expire(db, base_now_ns() + 1000, 60, &n), 0);
	assert_int_equal(n, 60);
	store_db_close(db);
}

static void store_damaged_file_is_moved_aside_and_a_new_one_begins(void **state)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	uint64_t missing, last;
	struct store_stats st;
	struct store *s;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(write(fd, "this is no database, ", 21), 21);
	close(fd);
	s = start((struct store_opts){ .path = path, .commit_ms = 1 });
	put(s, 1, 4, 0);
	store_flush(s);
	assert_int_equal(take_all(s, &missing, &last), 1);
	store_stats(s, &st);
	assert_int_equal(st.moved_aside, 1);
	assert_int_equal(st.committed, 1);
	assert_false(st.failing);
	assert_int_equal(files_like(".damaged-"), 1);
	stop(s);
}

/* Overwrites the middle of the file, as a bad disk would. */
static void damage(off_t from, off_t to)
{
	int fd = open(path, O_WRONLY);
	char junk[4096];

	memset(junk, 0xa5, sizeof(junk));
	for (off_t at = from; at < to; at += (off_t)sizeof(junk))
		assert_int_equal(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
	close(fd);
}

static void store_damaged_inside_goes_on_with_a_new_file(void **state)
{
	struct store_opts o = { .path = path, .commit_ms = 1, .capacity = 16, .wait = true };
	struct store *s = start(o);
	uint64_t missing, last, end;
	struct store_stats st;
	struct stat sb;

	(void)state;
	for (unsigned i = 1; i <= 2000; i++)
		put(s, i, 4, 300);
	stop(s);
	assert_int_equal(stat(path, &sb), 0);
	damage(8192, sb.st_size - 4096);
	s = start(o);
	for (unsigned i = 1; i <= 100; i++)
		put(s, i, 4, 300);
	end = base_mono_ns() + 10000000000u;
	do {
		struct store_item item[64];
		struct store_batch b = { .item = item, .max = 64 };

		/* reading may find it first: then the thread replaces the file */
		if (!store_fetch(s, 0, &b)) {
			for (unsigned i = 0; i < b.count; i++)
				alert_unref(item[i].a);
			if (b.count || b.missing)
				store_ack(s, 0, b.upto);
		}
		store_flush(s);
		store_stats(s, &st);
		usleep(1000);
	} while (!st.moved_aside && base_mono_ns() < end);
	assert_int_equal(st.moved_aside, 1);
	put(s, 101, 4, 0);
	store_flush(s);
	store_stats(s, &st);
	assert_false(st.failing);
	take_all(s, &missing, &last);
	assert_int_equal(last, 2101);
	stop(s);
}

static void store_that_cannot_be_opened_lets_alerts_through_and_is_tried_again(void **state)
{
	uint64_t missing, last, end = base_mono_ns() + 10000000000u;
	struct store_stats st;
	struct store *s;

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0); /* a directory in its place: also for root not to be opened */
	s = start((struct store_opts){ .path = path, .commit_ms = 1 });
	put(s, 1, 4, 0);
	put(s, 2, 4, 0);
	store_flush(s);
	assert_int_equal(take_all(s, &missing, &last), 2);
	store_stats(s, &st);
	assert_true(st.failing);
	assert_int_equal(st.committed, 0);
	assert_int_equal(rmdir(path), 0);
	do {
		usleep(10000);
		store_stats(s, &st);
	} while (st.failing && base_mono_ns() < end);
	assert_false(st.failing);
	assert_int_equal(st.committed, 2); /* what was still in memory is stored now */
	stop(s);
}

static void store_that_opens_late_delivers_what_earlier_runs_left(void **state)
{
	uint64_t missing, last, end = base_mono_ns() + 10000000000u;
	struct store_opts o = { .path = path, .commit_ms = 1 };
	struct store *s = start(o);
	struct store_stats st;
	unsigned n = 0;
	char away[128];

	(void)state;
	for (unsigned i = 1; i <= 5; i++)
		put(s, i, 4, 0);
	stop(s);
	snprintf(away, sizeof(away), "%s.away", path);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	s = start(o);
	put(s, 6, 4, 0);
	put(s, 7, 4, 0);
	assert_int_equal(take_all(s, &missing, &last), 2);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename(away, path), 0);
	do {
		usleep(10000);
		store_stats(s, &st);
	} while (st.failing && base_mono_ns() < end);
	/* the first five, and the other two once more */
	end = base_mono_ns() + 5000000000u;
	while (n < 7 && base_mono_ns() < end)
		n += take_all(s, &missing, &last);
	assert_int_equal(n, 7);
	assert_int_equal(missing, 0);
	store_flush(s);
	store_stats(s, &st);
	assert_int_equal(st.committed, 2);
	assert_int_equal(store_backlog(s, 0), 0);
	stop(s);
}

static void store_in_use_by_another_is_an_error(void **state)
{
	struct store *s = start((struct store_opts){ .path = path }), *two;
	struct store_opts o = { .path = path };
	struct base_err err = { 0 };

	(void)state;
	two = store_new(&o);
	assert_int_equal(store_start(two, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "in use by another process"));
	store_free(two);
	stop(s);
}

static void store_new_reader_begins_behind_what_is_there(void **state)
{
	struct store_opts o = { .path = path, .commit_ms = 1 };
	struct store *s = start(o);
	uint64_t missing, last = 0;

	(void)state;
	for (unsigned i = 1; i <= 5; i++)
		put(s, i, 4, 0);
	stop(s);
	s = store_new(&o);
	assert_int_equal(store_add_reader(s, "another"), 0);
	assert_int_equal(store_start(s, &(struct base_err){ 0 }), 0);
	put(s, 6, 4, 0);
	store_flush(s);
	assert_int_equal(take_all(s, &missing, &last), 1);
	assert_int_equal(last, 6);
	stop(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(store_memory_hands_out_in_order_and_tells_what_was_pushed_out),
		T(store_file_keeps_alerts_and_cursors_over_a_restart),
		T(store_reads_what_memory_no_longer_has_from_the_file),
		T(store_beyond_max_bytes_discards_the_oldest_of_the_lowest_priority),
		T(store_query_filters_while_the_store_is_in_use),
		T(store_ages_by_a_clock_that_does_not_jump),
		T(store_older_than_max_age_is_deleted),
		T(store_damaged_file_is_moved_aside_and_a_new_one_begins),
		T(store_damaged_inside_goes_on_with_a_new_file),
		T(store_that_cannot_be_opened_lets_alerts_through_and_is_tried_again),
		T(store_that_opens_late_delivers_what_earlier_runs_left),
		T(store_in_use_by_another_is_an_error),
		T(store_new_reader_begins_behind_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
