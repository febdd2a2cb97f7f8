/* Cost of events on descriptors in state, by kind: ns per event (open and close: per pair), over state_apply
 * on one shard, without decoding or rules. The best of several rounds is printed.
 *
 * usage: bench_state_fd [-n events per round] */
#include "../tests/unit/evt_builder.h"
#include "state/scan.h"

#include <getopt.h>
#include <stdio.h>
#include <time.h>

#define PID 100
#define ROUNDS 5
#define STEPS_MAX 3

struct kind {
	const char *name;
	unsigned steps; /* events that are one round trip */
	struct evt_builder *step[STEPS_MAX];
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct evt_builder *event(enum evt_type type)
{
	struct evt_builder *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	evb_start(b, type, PID, 1000);
	return b;
}

static struct evt_builder *numbers(enum evt_type type, unsigned count, const int64_t *v)
{
	struct evt_builder *b = event(type);

	for (unsigned i = 0; i < count; i++)
		evb_num(b, v[i]);
	evb_end(b);
	return b;
}

static struct evt_builder *opens(int64_t fd, const char *name)
{
	struct evt_builder *b = event(PPME_SYSCALL_OPENAT_2_X);

	evb_num(b, fd);
	evb_num(b, -100);
	evb_str(b, name);
	evb_num(b, 1);
	evb_num(b, 0);
	evb_num(b, 0x801);
	evb_num(b, 12345);
	evb_end(b);
	return b;
}

static struct evt_builder *reads(int64_t fd)
{
	struct evt_builder *b = event(PPME_SYSCALL_READ_X);

	evb_num(b, 80);
	evb_str(b, "some data");
	evb_num(b, fd);
	evb_num(b, 80);
	evb_end(b);
	return b;
}

static struct evt_builder *sends(int64_t fd, uint8_t last)
{
	uint8_t tuple[13] = { 2, 10, 0, 0, 5, 0x40, 0x9c, 8, 8, 8, last, 53, 0 };
	struct evt_builder *b = event(PPME_SOCKET_SENDTO_X);

	evb_num(b, 4);
	evb_str(b, "data");
	evb_num(b, fd);
	evb_num(b, 4);
	evb_bytes(b, tuple, sizeof(tuple));
	evb_end(b);
	return b;
}

static struct state_table *table(void)
{
	struct state_opts o = { .shards = 1, .max_tasks = 1000, .max_fds = 4096, .host_root = "", .self_pid = -1 };
	struct state_table *t = state_table_new(&o);
	struct scan_task st;

	if (!t)
		abort();
	scan_task_init(&st);
	st.tid = st.pid = st.vtid = st.vpid = PID;
	st.ptid = 1;
	st.cwd = (struct scan_text){ "/home/user/", 11 };
	scan_add_task(t, &st);
	scan_finish(t);
	return t;
}

static void run(struct state_table *t, struct kind *k, unsigned long count)
{
	struct state_shard *s = state_table_shard(t, 0);
	struct state_ctx ctx;
	double best = 0, start, ns;
	uint64_t key = 1;

	for (unsigned r = 0; r < ROUNDS; r++) {
		start = now_ns();
		for (unsigned long i = 0; i < count; i++) {
			struct evt *ev = &k->step[i % k->steps]->ev;

			ev->key.time = key++;
			state_apply(s, ev, &ctx);
		}
		ns = (now_ns() - start) / (double)(count / k->steps);
		if (!r || ns < best)
			best = ns;
	}
	printf("%-28s %7.1f ns\n", k->name, best);
}

int main(int argc, char **argv)
{
	unsigned long count = 3000000;
	struct state_table *t = table();
	int opt;

	while ((opt = getopt(argc, argv, "n:")) != -1) {
		if (opt != 'n') {
			fprintf(stderr, "usage: %s [-n events per round]\n", argv[0]);
			return 2;
		}
		count = strtoul(optarg, NULL, 10);
	}
	struct kind kinds[] = {
		{ "open+close absolute", 2, { opens(7, "/usr/lib/x86_64-linux-gnu/libc.so.6"),
					      numbers(PPME_SYSCALL_CLOSE_X, 2, (int64_t[]){ 0, 7 }) } },
		{ "open+close relative", 2, { opens(7, "src/../include/linux/bpf.h"),
					      numbers(PPME_SYSCALL_CLOSE_X, 2, (int64_t[]){ 0, 7 }) } },
		{ "open+close number 100000", 2, { opens(100000, "/tmp/x"),
						   numbers(PPME_SYSCALL_CLOSE_X, 2, (int64_t[]){ 0, 100000 }) } },
		{ "dup+close", 2, { numbers(PPME_SYSCALL_DUP_1_X, 2, (int64_t[]){ 9, 3 }),
				    numbers(PPME_SYSCALL_CLOSE_X, 2, (int64_t[]){ 0, 9 }) } },
		{ "read of a file", 1, { reads(3) } },
		{ "read, unknown descriptor", 1, { reads(44) } },
		{ "udp send, same peer", 1, { sends(5, 8) } },
		{ "udp send, two peers in turn", 2, { sends(5, 8), sends(5, 9) } },
	};
	struct kind prepare = { "(first open)", 1, { opens(3, "/etc/hosts") } };

	run(t, &prepare, 1);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		run(t, &kinds[i], count);
	state_table_free(t);
	return 0;
}
