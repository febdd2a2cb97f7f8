/* The hub and its sinks: order across producers, windows, full queues, stopping. */
#include "base/thread.h"
#include "sink/hub.h"
#include "sink/order.h"
#include "sink/sink.h"
#include "sink/suppress.h"
#include "sink/tally.h"

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

/* A sink that remembers keys, and may be held back by a lock. */
struct memory {
	uint64_t time[1024];
	_Atomic unsigned len;
	pthread_mutex_t gate;
	_Atomic unsigned reopened;
	bool *closed;
};

static int memory_write(void *ctx, struct alert *const *batch, unsigned count)
{
	struct memory *m = ctx;

	pthread_mutex_lock(&m->gate);
	for (unsigned i = 0; i < count; i++)
		m->time[m->len + i] = batch[i]->key.time;
	m->len += count;
	pthread_mutex_unlock(&m->gate);
	return (int)count;
}

static void memory_reopen(void *ctx)
{
	((struct memory *)ctx)->reopened++;
}

static void memory_close(void *ctx)
{
	*((struct memory *)ctx)->closed = true;
}

static const struct sink_ops memory_ops = {
	.name = "memory", .write = memory_write, .reopen = memory_reopen, .close = memory_close
};

static struct alert *make(uint64_t time, uint32_t seq, uint32_t rule)
{
	char name[16];
	struct alert_text t = { .rule = name, .fields_json = "{}" };
	struct alert *a;

	snprintf(name, sizeof(name), "r%u", rule);
	a = alert_new(&t);
	assert_non_null(a);
	a->key = (struct okey){ time, 0 };
	a->seq = seq;
	a->rule_id = rule;
	a->priority = 4;
	return a;
}

static void wait_len(struct memory *m, unsigned want)
{
	uint64_t end = base_mono_ns() + 5000000000u;

	while (m->len < want && base_mono_ns() < end)
		usleep(500);
	assert_int_equal(m->len, want);
}

struct fixture {
	struct memory m;
	bool closed;
	struct hub *h;
};

static void start(struct fixture *f, struct hub_opts o)
{
	struct base_err err;

	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->m.gate, NULL);
	f->m.closed = &f->closed;
	f->h = hub_new(&o);
	assert_non_null(f->h);
	hub_add_sink(f->h, sink_new(&memory_ops, &f->m, 0));
	assert_int_equal(hub_start(f->h, &err), 0);
}

static void finish(struct fixture *f)
{
	hub_free(f->h);
	assert_true(f->closed);
}

static void hub_one_producer_delivers_in_order_without_marks(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, (struct hub_opts){ .producers = 1, .window_ms = 1000 });
	for (unsigned i = 1; i <= 100; i++)
		hub_submit(f.h, 0, make(i, 0, 0));
	wait_len(&f.m, 100);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(f.m.time[i], i + 1);
	finish(&f);
}

static void hub_ordered_holds_until_every_mark_has_passed(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, (struct hub_opts){ .producers = 2, .ordered = true });
	hub_submit(f.h, 0, make(10, 0, 0));
	hub_mark(f.h, 0, (struct okey){ 20, 0 });
	usleep(50000);
	assert_int_equal(f.m.len, 0); /* the other may still come with 5 */
	hub_submit(f.h, 1, make(5, 0, 0));
	hub_mark(f.h, 1, (struct okey){ 9, 0 });
	wait_len(&f.m, 1);
	hub_mark(f.h, 1, (struct okey){ 10, 0 });
	wait_len(&f.m, 2);
	assert_int_equal(f.m.time[0], 5);
	assert_int_equal(f.m.time[1], 10);
	finish(&f);
}

static void hub_live_gives_up_waiting_after_the_window(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, (struct hub_opts){ .producers = 2, .window_ms = 20 });
	uint64_t t0 = base_mono_ns();

	hub_submit(f.h, 0, make(10, 0, 0));
	wait_len(&f.m, 1);
	assert_true(base_mono_ns() - t0 >= 15000000u);
	/* one that comes too late is still delivered */
	hub_submit(f.h, 1, make(3, 0, 0));
	wait_len(&f.m, 2);
	finish(&f);
}

static void hub_stop_delivers_what_was_held(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, (struct hub_opts){ .producers = 2, .ordered = true });
	hub_submit(f.h, 1, make(8, 1, 0));
	hub_submit(f.h, 1, make(8, 2, 0));
	hub_submit(f.h, 0, make(7, 0, 0));
	hub_stop(f.h);
	assert_int_equal(f.m.len, 3);
	assert_int_equal(f.m.time[0], 7);
	assert_int_equal(f.m.time[1], 8);
	finish(&f);
}

static void hub_full_sink_queue_drops_and_counts(void **state)
{
	struct sink_stats st;
	bool closed = false;
	struct memory m = { .closed = &closed };
	struct sink *s = sink_new(&memory_ops, &m, 4);
	struct base_err err;
	unsigned taken = 0;

	(void)state;
	pthread_mutex_init(&m.gate, NULL);
	assert_int_equal(sink_start(s, &err), 0);
	pthread_mutex_lock(&m.gate); /* the sink hangs in its first write */
	for (unsigned i = 0; i < 100; i++) {
		struct alert *a = make(i, 0, 0);

		taken += sink_put(s, a);
		alert_unref(a);
	}
	assert_in_range(taken, 4, 8); /* queue, and up to a batch of it in hand */
	pthread_mutex_unlock(&m.gate);
	sink_stop(s);
	sink_stats(s, &st);
	assert_int_equal(st.dropped, 100 - taken);
	assert_int_equal(st.delivered, taken);
	sink_free(s);
	assert_true(closed);
}

static void add_rule(void *arg, const struct tally_rule *r)
{
	char line[64];

	snprintf(line, sizeof(line), "%s=%llu ", r->name, (unsigned long long)r->count);
	strcat(arg, line);
}

static void hub_counts_rules_in_order_of_ids(void **state)
{
	struct hub_stats st;
	char text[128] = "";
	struct fixture f;

	(void)state;
	start(&f, (struct hub_opts){ .producers = 1 });
	hub_submit(f.h, 0, make(1, 0, 7));
	hub_submit(f.h, 0, make(2, 0, 3));
	hub_submit(f.h, 0, make(3, 0, 7));
	hub_stop(f.h);
	hub_for_each_rule(f.h, add_rule, text);
	assert_string_equal(text, "r3=1 r7=2 ");
	hub_stats(f.h, &st);
	assert_int_equal(st.submitted, 3);
	assert_int_equal(st.by_priority[4], 3);
	finish(&f);
}

static int text_write(void *ctx, struct alert *const *batch, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		strcat(ctx, batch[i]->line);
		strcat(ctx, batch[i]->fields_json);
		strcat(ctx, "\n");
	}
	return (int)count;
}

static void text_close(void *ctx)
{
	(void)ctx;
}

static void hub_throttle_counts_and_tells_in_the_next_alert(void **state)
{
	static const struct sink_ops ops = { .name = "text", .write = text_write, .close = text_close };
	struct hub_opts o = { .producers = 1, .ordered = true, .rate = 1, .burst = 2 };
	struct hub *h = hub_new(&o);
	struct hub_stats st;
	struct base_err err;
	char text[1024] = "";

	(void)state;
	hub_add_sink(h, sink_new(&ops, text, 0));
	assert_int_equal(hub_start(h, &err), 0);
	for (unsigned i = 1; i <= 7; i++) {
		char line[8];
		struct alert_text t = { .rule = "r", .line = line, .fields_json = "{\"a\":[1,\"x\"],\"z.z\":{\"zz\":1}}" };
		struct alert *a;

		snprintf(line, sizeof(line), "%u", i);
		a = alert_new(&t);
		a->key.time = i;
		/* in event time: five at once, one after a second, one after two more */
		a->ts = 1000000000ull * (i < 6 ? 1 : i == 6 ? 2 : 4);
		hub_submit(h, 0, a);
	}
	hub_stop(h);
	assert_string_equal(text, "1{\"a\":[1,\"x\"],\"z.z\":{\"zz\":1}}\n"
				  "2{\"a\":[1,\"x\"],\"z.z\":{\"zz\":1}}\n"
				  "6 (3 more of this rule suppressed before){\"a\":[1,\"x\"],\"saker.suppressed\":3,\"z.z\":{\"zz\":1}}\n"
				  "7{\"a\":[1,\"x\"],\"z.z\":{\"zz\":1}}\n");
	hub_stats(h, &st);
	assert_int_equal(st.suppressed, 3);
	assert_int_equal(st.delivered, 4);
	hub_free(h);
}

static void suppress_tells_in_an_alert_without_fields(void **state)
{
	struct alert_text t = { .rule = "r", .line = "l", .fields_json = "{}" };
	struct alert *a = alert_new(&t), *b = suppress_tell(a, 5);

	(void)state;
	assert_string_equal(b->fields_json, "{\"saker.suppressed\":5}");
	alert_unref(a);
	alert_unref(b);
	t.fields_json = "{\"a\":\"\\\"},{\"}";
	a = alert_new(&t);
	b = suppress_tell(a, 5);
	assert_string_equal(b->fields_json, "{\"a\":\"\\\"},{\",\"saker.suppressed\":5}");
	alert_unref(a);
	alert_unref(b);
}

/* Blocks in every write until it is interrupted. */
static int stuck_write(void *ctx, struct alert *const *batch, unsigned count)
{
	(void)batch, (void)count;
	while (!*(_Atomic bool *)ctx)
		usleep(1000);
	return -ETIMEDOUT;
}

static void stuck_interrupt(void *ctx)
{
	*(_Atomic bool *)ctx = true;
}

static void hub_hurry_ends_the_wait_for_a_stuck_sink(void **state)
{
	static const struct sink_ops ops = { .name = "stuck", .write = stuck_write, .interrupt = stuck_interrupt, .close = text_close };
	struct hub_opts o = { .producers = 1, .ordered = true, .queue_capacity = 4 };
	uint64_t t0 = base_mono_ns();
	_Atomic bool over = false;
	struct hub *h = hub_new(&o);
	struct base_err err;

	(void)state;
	hub_add_sink(h, sink_new(&ops, (void *)&over, 0));
	assert_int_equal(hub_start(h, &err), 0);
	for (unsigned i = 1; i <= 1000; i++)
		hub_submit(h, 0, make(i, 0, 0));
	hub_hurry(h);
	hub_stop(h);
	assert_in_range((base_mono_ns() - t0) / 1000000, 1000, 9000);
	hub_free(h);
}

static void hub_reopen_reaches_the_sinks(void **state)
{
	struct fixture f;
	uint64_t end = base_mono_ns() + 5000000000u;

	(void)state;
	start(&f, (struct hub_opts){ .producers = 1 });
	hub_reopen(f.h);
	while (!f.m.reopened && base_mono_ns() < end)
		usleep(500);
	assert_int_equal(f.m.reopened, 1);
	finish(&f);
}

static void order_many_pops_by_key_then_sequence(void **state)
{
	struct order o = { 0 };
	uint64_t last = 0;

	(void)state;
	srand(7);
	for (unsigned i = 0; i < 1000; i++) {
		unsigned t = (unsigned)rand() % 100;

		assert_int_equal(order_add(&o, make(t, (unsigned)rand() % 10, 0)), 0);
	}
	for (unsigned i = 0; i < 1000; i++) {
		struct alert *a = order_pop(&o);
		uint64_t k = a->key.time * 16 + a->seq;

		assert_true(k >= last);
		last = k;
		alert_unref(a);
	}
	assert_null(order_top(&o));
	order_fini(&o);
}

static void file_sink_appends_lines_and_reopens(void **state)
{
	char dir[] = "/tmp/saker-hub-XXXXXX", path[64], moved[64], text[64] = "";
	struct hub_opts o = { .producers = 1 };
	struct sink_format f = { .json = false };
	struct base_err err;
	struct hub *h;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/out", dir);
	snprintf(moved, sizeof(moved), "%s/moved", dir);
	h = hub_new(&o);
	hub_add_sink(h, sink_file_new(&f, path, true, false));
	assert_int_equal(hub_start(h, &err), 0);

	struct alert_text t = { .line = "one" };

	hub_submit(h, 0, alert_new(&t));
	usleep(100000);
	assert_int_equal(rename(path, moved), 0);
	hub_reopen(h);
	usleep(100000);
	t.line = "two";
	hub_submit(h, 0, alert_new(&t));
	hub_stop(h);
	hub_free(h);
	fd = open(moved, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_memory_equal(text, "one\n", 4);
	close(fd);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_memory_equal(text, "two\n", 4);
	close(fd);
	unlink(path);
	unlink(moved);
	rmdir(dir);
}

static void program_sink_feeds_the_command(void **state)
{
	char dir[] = "/tmp/saker-hub-XXXXXX", path[64], cmd[128], text[64] = "";
	struct hub_opts o = { .producers = 1 };
	struct sink_format f = { .json = false };
	struct alert_text t = { .line = "hello" };
	struct base_err err;
	struct hub *h;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/out", dir);
	snprintf(cmd, sizeof(cmd), "cat >> %s", path);
	h = hub_new(&o);
	hub_add_sink(h, sink_program_new(&f, cmd, false, false));
	assert_int_equal(hub_start(h, &err), 0);
	hub_submit(h, 0, alert_new(&t));
	hub_stop(h);
	hub_free(h);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 6);
	assert_memory_equal(text, "hello\n", 6);
	close(fd);
	unlink(path);
	rmdir(dir);
}

static void hub_start_without_a_working_sink_fails(void **state)
{
	struct hub_opts o = { .producers = 1 };
	struct sink_format f = { .json = false };
	struct hub *h = hub_new(&o);
	struct base_err err;

	(void)state;
	hub_add_sink(h, sink_file_new(&f, "/nonexistent/dir/file", false, false));
	assert_true(hub_start(h, &err) < 0);
	hub_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hub_one_producer_delivers_in_order_without_marks),
		cmocka_unit_test(hub_ordered_holds_until_every_mark_has_passed),
		cmocka_unit_test(hub_live_gives_up_waiting_after_the_window),
		cmocka_unit_test(hub_stop_delivers_what_was_held),
		cmocka_unit_test(hub_full_sink_queue_drops_and_counts),
		cmocka_unit_test(hub_counts_rules_in_order_of_ids),
		cmocka_unit_test(hub_throttle_counts_and_tells_in_the_next_alert),
		cmocka_unit_test(suppress_tells_in_an_alert_without_fields),
		cmocka_unit_test(hub_hurry_ends_the_wait_for_a_stuck_sink),
		cmocka_unit_test(hub_reopen_reaches_the_sinks),
		cmocka_unit_test(order_many_pops_by_key_then_sequence),
		cmocka_unit_test(file_sink_appends_lines_and_reopens),
		cmocka_unit_test(program_sink_feeds_the_command),
		cmocka_unit_test(hub_start_without_a_working_sink_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
