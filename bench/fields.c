/* Cost of reading one field: ns per eval_field_get, and per alert rendered, on one openat of a process
 * with three ancestors. The best of several rounds is printed.
 *
 * usage: bench_fields [-n readings per round] */
#include "../tests/unit/evt_builder.h"
#include "eval/template.h"
#include "state/apply.h"

#include <getopt.h>
#include <stdio.h>
#include <time.h>

#define ROUNDS 5

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void apply(struct state_table *t, struct evt_builder *b, struct state_ctx *st)
{
	if (state_apply(state_table_shard(t, 0), &b->ev, st))
		abort();
}

static void spawn(struct state_table *t, struct evt_builder *b, struct state_ctx *st, long pid, long ppid, const char *comm)
{
	evb_make(b, PPME_SYSCALL_CLONE_20_X, pid, (uint64_t)pid, "nsbnnnsnnnnnnsbnnnnn", 0L, comm, "-c\0sleep 1", (size_t)10, pid, pid, ppid, "", 1024L, 0L,
		 0L, 100L, 10L, 1L, comm, "cpu=/a\0memory=/b", (size_t)17, 0L, 0L, 0L, pid, pid);
	apply(t, b, st);
}

static void field(struct eval_ctx *c, const char *name, long n)
{
	struct field_ref f;
	struct base_err err;
	struct eval_val v;
	double best = 1e18;
	uint64_t sum = 0;

	if (eval_field_parse(name, strlen(name), "syscall", NULL, &f, &err)) {
		fprintf(stderr, "%s: %s\n", name, err.msg);
		exit(1);
	}
	for (int round = 0; round < ROUNDS; round++) {
		double t0 = now_ns();

		for (long i = 0; i < n; i++) {
			if (eval_field_get(c, &f, &v) > 0)
				sum += v.len;
			if (i % 64 == 63)
				arena_reset(c->arena);
		}
		t0 = (now_ns() - t0) / (double)n;
		if (t0 < best)
			best = t0;
	}
	printf("%-20s %8.1f ns%s\n", name, best, sum == 1 ? " " : "");
	field_ref_fini(&f);
}

static void alerts(struct eval_ctx *c, long n)
{
	const char *text = "File opened (file=%fd.name evt_type=%evt.type user=%user.name user_uid=%user.uid process=%proc.name exe=%proc.exepath "
			   "parent=%proc.pname command=%proc.cmdline terminal=%proc.tty %container.id %container.name)";
	struct template_opts o = { .priority_name = "Warning", .source = "syscall" };
	struct alert_meta m = { .rule = "r", .source = "syscall", .tags_json = "[]" };
	struct template *t;
	struct base_err err;
	double best = 1e18;

	if (template_compile(text, strlen(text), &o, &t, &err))
		exit(1);
	for (int round = 0; round < ROUNDS; round++) {
		double t0 = now_ns();

		for (long i = 0; i < n; i++) {
			struct alert *a;

			arena_reset(c->arena);
			if (template_render(c, t, &m, &a))
				abort();
			alert_unref(a);
		}
		t0 = (now_ns() - t0) / (double)n;
		if (t0 < best)
			best = t0;
	}
	printf("%-20s %8.1f ns\n", "alert, 11 fields", best);
	template_free(t);
}

int main(int argc, char **argv)
{
	static const char *const names[] = {
		"evt.type", "evt.num", "evt.is_open_read", "evt.rawres", "evt.arg.flags", "evt.arg.name", "fd.name", "fd.num", "fd.typechar", "fd.directory",
		"fd.filename", "fd.sip", "proc.name", "proc.exepath", "proc.cmdline", "proc.args", "proc.pname", "proc.aname[3]", "proc.cwd", "proc.pid",
		"user.name", "user.uid", "container.id", "container.image.repository", "fs.path.name",
	};
	struct state_opts o = { .shards = 1, .max_tasks = 1000, .max_fds = 1000, .host_root = "" };
	struct state_table *t = state_table_new(&o);
	struct evt_builder *b = calloc(1, sizeof(*b));
	struct base_arena arena;
	struct eval_ctx c = { .arena = &arena, .hostname = "h", .source = "syscall", .fs = eval_field_state_new() };
	long n = 2000000;
	int opt;

	while ((opt = getopt(argc, argv, "n:")) != -1) {
		if (opt != 'n' || (n = atol(optarg)) < 1) {
			fprintf(stderr, "usage: bench_fields [-n readings per round]\n");
			return 2;
		}
	}
	if (!t || !b || !c.fs)
		return 1;
	arena_init(&arena);
	spawn(t, b, &c.st, 100, 1, "init");
	spawn(t, b, &c.st, 200, 100, "sshd");
	spawn(t, b, &c.st, 300, 200, "bash");
	spawn(t, b, &c.st, 400, 300, "worker");
	evb_make(b, PPME_SYSCALL_OPENAT_2_X, 400, 1000, "nnsnnnn", 3L, -100L, "/etc/ssl/certs/ca.pem", 3L, 0644L, 1L, 77L);
	apply(t, b, &c.st);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		field(&c, names[i], n);
	alerts(&c, n / 50 + 1);
	eval_field_state_free(c.fs);
	arena_fini(&arena);
	free(b);
	state_table_free(t);
	return 0;
}
