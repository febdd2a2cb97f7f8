/* What the probe does at its limits: a ring that nobody drains, interest that changes, its own daemon.
 * Run by test_probe.sh. Exit 0: all held. */
#include "capture/live.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define RING (64 * 1024)

static int failures;

#define CHECK(COND, ...)                                                                                       \
	do {                                                                                                   \
		if (!(COND)) {                                                                                 \
			failures++;                                                                            \
			printf("FAIL %s:%d %s: ", __FILE__, __LINE__, #COND);                                  \
			printf(__VA_ARGS__);                                                                   \
			putchar('\n');                                                                         \
		}                                                                                              \
	} while (0)

/* What draining saw of one thread group. */
struct seen {
	uint32_t tgid;
	unsigned total, lossy, of_type;
	uint64_t gaps; /* numbers missing in the sequences, all groups */
};

static uint64_t last_seq[1024];

static void drain(struct live *l, struct seen *s, uint16_t type)
{
	for (unsigned i = 0; i < live_ring_count(l); i++) {
		struct live_ring *r = live_ring(l, i);
		const struct evt_env *env;
		uint32_t size;

		while (live_ring_peek(r, &env, &size) == 1) {
			const struct evt_hdr *h = (const struct evt_hdr *)(env + 1);

			CHECK(env->cpu == i, "cpu %u in ring %u", env->cpu, i);
			CHECK(env->seq > last_seq[i], "seq %" PRIu64 " after %" PRIu64, env->seq, last_seq[i]);
			s->gaps += env->seq - last_seq[i] - 1;
			last_seq[i] = env->seq;
			CHECK(env->tgid != (uint32_t)getpid(), "our own call, type %u", h->type);
			CHECK(h->ts <= live_now(l) && h->ts > live_now(l) - 60000000000ULL, "time %" PRIu64, (uint64_t)h->ts);
			if (env->tgid == s->tgid) {
				s->total++;
				s->lossy += (env->flags & EVT_ENV_LOSSY) != 0;
				s->of_type += h->type == type;
			}
			live_ring_next(r);
		}
		live_ring_release(r);
	}
}

static void want(uint64_t interest[LIVE_SC_MAX / 64], const char *name)
{
	unsigned code = evt_syscall_by_name(name, strlen(name))->code;

	interest[code / 64] |= 1ULL << code % 64;
}

static void wait_child(pid_t pid)
{
	int st;

	while (waitpid(pid, &st, 0) != pid)
		;
	CHECK(WIFEXITED(st) && !WEXITSTATUS(st), "child status %x", st);
}

/* Bulk stops at three quarters; fork, exec and exit go on; what was refused is counted and told. */
static void full_ring(struct live *l)
{
	struct epoll_event e;
	struct live_stats before, after;
	struct seen s = { 0 };
	uint64_t most = 0;
	int gate[2], again[2];
	char c;
	pid_t pid;

	drain(l, &s, 0);
	while (epoll_wait(live_wake_fd(l), &e, 1, 0) > 0)
		;
	live_stats(l, &before);
	if (pipe(gate) || pipe(again))
		exit(2);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 20000; i++)
			close(1000);
		pid = fork();
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
		if (write(gate[1], "x", 1) != 1 || read(again[0], &c, 1) != 1)
			_exit(1);
		close(1001);
		_exit(0);
	}
	if (read(gate[0], &c, 1) != 1)
		exit(2);
	for (unsigned i = 0; i < live_ring_count(l); i++) {
		if (live_ring_used(live_ring(l, i)) > most)
			most = live_ring_used(live_ring(l, i));
	}
	live_stats(l, &after);
	CHECK(most > RING / 2 && most < RING, "%" PRIu64 " of %u bytes used", most, RING);
	CHECK(after.dropped[LIVE_DROP_CLASS] + after.dropped[LIVE_DROP_SHARE] >
		      before.dropped[LIVE_DROP_CLASS] + before.dropped[LIVE_DROP_SHARE] + 1000, "%" PRIu64 " and %" PRIu64 " refused",
	      after.dropped[LIVE_DROP_CLASS] - before.dropped[LIVE_DROP_CLASS], after.dropped[LIVE_DROP_SHARE] - before.dropped[LIVE_DROP_SHARE]);
	CHECK(after.dropped_critical == before.dropped_critical, "critical ones lost");
	CHECK(epoll_wait(live_wake_fd(l), &e, 1, 1000) == 1, "no wake-up");
	s = (struct seen){ .tgid = (uint32_t)pid };
	drain(l, &s, PPME_SYSCALL_CLOSE_X);
	CHECK(s.of_type > 100, "%u events of the flood", s.of_type);
	s = (struct seen){ .tgid = (uint32_t)pid };
	if (write(again[1], "x", 1) != 1)
		exit(2);
	wait_child(pid);
	drain(l, &s, PPME_SYSCALL_CLOSE_X);
	CHECK(s.of_type == 1 && s.total == 2, "%u events after the flood, %u closes", s.total, s.of_type);
	CHECK(s.lossy == 1, "%u marked lossy", s.lossy);
	close(gate[0]);
	close(gate[1]);
	close(again[0]);
	close(again[1]);
}

/* A flood of changes of state takes its share of the reserve and no more: births and deaths still fit. */
static void state_flood(struct live *l)
{
	struct live_stats before, after;
	struct seen s = { 0 };
	uint64_t most = 0;
	pid_t pid;

	drain(l, &s, 0);
	live_stats(l, &before);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 20000; i++) {
			if (chdir("/"))
				_exit(1);
		}
		for (int i = 0; i < 3; i++) {
			pid = fork();
			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
		}
		_exit(0);
	}
	wait_child(pid);
	for (unsigned i = 0; i < live_ring_count(l); i++) {
		if (live_ring_used(live_ring(l, i)) > most)
			most = live_ring_used(live_ring(l, i));
	}
	live_stats(l, &after);
	CHECK(most > RING / 4 * 3 && most < RING / 16 * 15, "%" PRIu64 " of %u bytes used", most, RING);
	CHECK(after.dropped[LIVE_DROP_RATE] > before.dropped[LIVE_DROP_RATE] + 1000, "%" PRIu64 " refused",
	      after.dropped[LIVE_DROP_RATE] - before.dropped[LIVE_DROP_RATE]);
	CHECK(after.dropped_critical == before.dropped_critical, "critical ones lost");
	s = (struct seen){ .tgid = (uint32_t)pid };
	drain(l, &s, PPME_PROCEXIT_1_E);
	CHECK(s.of_type == 1, "%u exits of the flooder", s.of_type);
}

static unsigned seen_of(struct live *l, uint16_t type)
{
	struct seen s = { 0 };
	pid_t pid;

	drain(l, &s, type);
	pid = fork();
	if (!pid) {
		close(1000);
		chdir("/");
		_exit(0);
	}
	s = (struct seen){ .tgid = (uint32_t)pid };
	wait_child(pid);
	drain(l, &s, type);
	return s.of_type;
}

static void interest_changes(struct live *l)
{
	uint64_t both[LIVE_SC_MAX / 64] = { 0 }, none[LIVE_SC_MAX / 64] = { 0 };

	want(both, "close");
	want(both, "chdir");
	want(both, "mprotect");
	CHECK(seen_of(l, PPME_SYSCALL_CHDIR_X) == 0, "chdir before it was asked for");
	CHECK(live_set_interest(l, both) == 0, "widening failed");
	CHECK(seen_of(l, PPME_SYSCALL_CHDIR_X) == 1, "no chdir");
	CHECK(seen_of(l, PPME_SYSCALL_CLOSE_X) == 1, "no close");
	CHECK(live_set_interest(l, none) == 0, "narrowing failed");
	CHECK(seen_of(l, PPME_SYSCALL_CHDIR_X) == 0, "chdir after it was given up");
	CHECK(seen_of(l, PPME_PROCEXIT_1_E) == 1, "no exit");
	CHECK(live_set_interest(l, both) == 0, "widening again failed");
	CHECK(seen_of(l, PPME_SYSCALL_CHDIR_X) == 1, "no chdir again");
	state_flood(l);
}

int main(void)
{
	struct live_opts o = { .ring_bytes = RING, .snaplen = 80, .critical_rate = 10 }; /* slow machines too */
	struct live_opts bad = { .ring_bytes = 3000 };
	struct base_err err = { 0 };
	struct live_stats st;
	struct seen s = { 0 };
	struct live *l = NULL;

	CHECK(live_open(&bad, &l, &err) < 0 && !l && strstr(err.msg, "3000"), "%s", err.msg);
	want(o.interest, "close");
	if (live_open(&o, &l, &err)) {
		printf("FAIL: %s\n", err.msg);
		return 1;
	}
	drain(l, &s, 0);
	CHECK(!s.gaps && !live_ring_used(live_ring(l, 0)), "events before attach");
	if (live_attach(l, &err)) {
		printf("FAIL: %s\n", err.msg);
		return 1;
	}
	full_ring(l);
	interest_changes(l);
	CHECK(live_refresh_rings(l) == 0, "a CPU came online in the middle");
	live_detach(l);
	drain(l, &s, 0);
	live_stats(l, &st);
	CHECK(seen_of(l, PPME_PROCEXIT_1_E) == 0, "events after detach");
	CHECK(live_attach(l, &err) == 0, "attaching again: %s", err.msg);
	CHECK(seen_of(l, PPME_PROCEXIT_1_E) == 1, "no events after attaching again");
	live_close(l);
	printf("limits: %d failures\n", failures);
	return failures != 0;
}
