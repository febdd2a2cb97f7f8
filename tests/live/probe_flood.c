/* The probe under a flood of cheap events, with rings that are much too small:
 *
 *   - every program run meanwhile is seen: its fork, its exec and its exit
 *   - events seen + drops counted = system calls made, by the load program's own count
 *   - produced = seen + dropped, and the gaps in the sequences are the drops, on each CPU
 *   - by event type and by cause the drops add up to the same
 *   - a process that does little keeps most of its events: who floods pays
 *
 *   probe_flood LOAD LEAF [PROGRAMS]    see flood_load.c. Exit 0: all held. */
#include "capture/live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RING (128 * 1024)
#define NAP_US 5000
#define CPUS 1024
#define LEAVES 4096
#ifdef __x86_64__
#define OPEN_X PPME_SYSCALL_OPEN_X
#define OPEN_NAME "open"
#define OTHERS_OPEN 0 /* nobody else makes this call */
#else
#define OPEN_X PPME_SYSCALL_OPENAT_2_X
#define OPEN_NAME "openat"
#define OTHERS_OPEN 1
#endif

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

static struct {
	struct live *live;
	uint32_t flooder, trickler;
	uint64_t seen, gaps, opens[2], closes, lossy; /* opens of the flooder and of the trickler */
	uint64_t per_cpu[CPUS], last_seq[CPUS];
	uint32_t child[LEAVES];
	unsigned children, execs, exits;
} f;

static bool is_child(uint32_t tgid)
{
	for (unsigned i = f.children; i-- > 0;) {
		if (f.child[i] == tgid)
			return true;
	}
	return false;
}

static void look(const struct evt_env *env)
{
	const struct evt_hdr *h = (const struct evt_hdr *)(env + 1);
	unsigned cpu = env->cpu % CPUS;

	f.seen++;
	f.per_cpu[cpu]++;
	CHECK(env->seq > f.last_seq[cpu], "seq %" PRIu64 " after %" PRIu64 " on CPU %u", env->seq, f.last_seq[cpu], cpu);
	f.gaps += env->seq - f.last_seq[cpu] - 1;
	f.last_seq[cpu] = env->seq;
	if (env->tgid == f.flooder && env->flags & EVT_ENV_LOSSY)
		f.lossy++;
	if (h->type == OPEN_X && (env->tgid == f.flooder || env->tgid == f.trickler))
		f.opens[env->tgid == f.trickler]++;
	f.closes += h->type == PPME_SYSCALL_CLOSE_X && (env->tgid == f.flooder || env->tgid == f.trickler);
	if (env->flags & EVT_ENV_FORK && env->peer_tgid == f.flooder && env->tgid != f.flooder && f.children < LEAVES)
		f.child[f.children++] = env->tgid;
	else if (h->type == PPME_SYSCALL_EXECVE_19_X && is_child(env->tgid))
		f.execs++;
	else if (h->type == PPME_PROCEXIT_1_E && is_child(env->tgid))
		f.exits++;
}

/* In order of time: a fork comes before what its child does on another CPU. */
static void drain(void)
{
	uint64_t horizon = live_now(f.live);

	for (;;) {
		const struct evt_env *env, *best = NULL;
		struct live_ring *from = NULL;
		uint64_t best_ts = horizon;
		uint32_t size;

		for (unsigned i = 0; i < live_ring_count(f.live); i++) {
			int rc = live_ring_peek(live_ring(f.live, i), &env, &size);

			if (rc == -EBUSY)
				return;
			if (rc != 1 || ((const struct evt_hdr *)(env + 1))->ts >= best_ts)
				continue;
			best = env;
			best_ts = ((const struct evt_hdr *)(env + 1))->ts;
			from = live_ring(f.live, i);
		}
		if (!best)
			return;
		look(best);
		live_ring_next(from);
		live_ring_release(from);
	}
}

/* Runs the load program. *ret_in stays open until it shall end, *ret_out has its count. */
static pid_t start(const char *load, char *const argv[], int *ret_in, FILE **ret_out)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe(in) || pipe(out))
		exit(2);
	pid = fork();
	if (pid) {
		close(in[0]);
		close(out[1]);
		*ret_in = in[1];
		*ret_out = fdopen(out[0], "r");
		return pid;
	}
	dup2(in[0], 0);
	dup2(out[1], 1);
	for (int i = 3; i < 64; i++)
		close(i);
	execv(load, argv);
	_exit(127);
}

static uint64_t finish(pid_t pid, FILE *out)
{
	unsigned long long n = 0;
	int st = 1;

	if (fscanf(out, "%llu", &n) != 1 || waitpid(pid, &st, 0) != pid || st) {
		printf("FAIL: the load program ended with status %x\n", (unsigned)st);
		failures++;
	}
	fclose(out);
	return n;
}

static void want(uint64_t interest[LIVE_SC_MAX / 64], const char *name)
{
	const struct evt_syscall *sc = evt_syscall_by_name(name, strlen(name));

	if (sc)
		interest[sc->code / 64] |= 1ULL << sc->code % 64;
}

static uint64_t sum_drops(const struct live_stats *s)
{
	uint64_t n = 0;

	for (unsigned c = 0; c < LIVE_DROP_MAX; c++)
		n += s->dropped[c];
	return n;
}

static uint64_t drops_of(const struct live_losses *l, unsigned type)
{
	uint64_t n = 0;

	for (unsigned c = 0; c < LIVE_DROP_MAX; c++)
		n += l->n[c][type];
	return n;
}

/* The figures of the probe against each other, and against what was drained. */
static void check_accounts(void)
{
	static struct live_losses all, one;
	struct live_stats st, cpu;
	uint64_t by_type = 0, tail = 0;

	live_stats(f.live, &st);
	CHECK(st.produced == f.seen + sum_drops(&st), "produced %" PRIu64 ", seen %" PRIu64 ", dropped %" PRIu64, st.produced, f.seen,
	      sum_drops(&st));
	CHECK(!live_losses(f.live, -1, &all), "no losses by type");
	for (unsigned c = 0; c < LIVE_DROP_MAX; c++) {
		uint64_t n = 0;

		for (unsigned t = 0; t < EVT_TYPE_MAX; t++)
			n += all.n[c][t];
		CHECK(n == st.dropped[c], "cause %s: %" PRIu64 " by type, %" PRIu64 " in all", live_drop_name[c], n, st.dropped[c]);
		by_type += n;
	}
	CHECK(by_type == sum_drops(&st), "%" PRIu64 " by type", by_type);
	for (unsigned i = 0; i < live_cpu_count(f.live); i++) {
		uint64_t n = 0;

		live_cpu_stats(f.live, i, &cpu);
		CHECK(cpu.produced == f.per_cpu[i % CPUS] + sum_drops(&cpu), "CPU %u", i);
		tail += cpu.produced - f.last_seq[i % CPUS]; /* dropped after the last event that was seen */
		CHECK(!live_losses(f.live, (int)i, &one), "no losses of CPU %u", i);
		for (unsigned t = 0; t < EVT_TYPE_MAX; t++)
			n += drops_of(&one, t);
		CHECK(n == sum_drops(&cpu), "CPU %u: %" PRIu64 " by type", i, n);
	}
	CHECK(f.gaps + tail == sum_drops(&st), "%" PRIu64 " in gaps, %" PRIu64 " behind the last event", f.gaps, tail);
}

static void check_load(uint64_t flooded, uint64_t trickled, unsigned programs)
{
	static struct live_losses all;
	struct live_stats st;
	int64_t missing;
	double kept_flood, kept_trickle;

	live_stats(f.live, &st);
	live_losses(f.live, -1, &all);
	missing = (int64_t)(flooded + trickled - f.opens[0] - f.opens[1] - drops_of(&all, OPEN_X));
	/* a run that the kernel skipped may have been one of them */
	CHECK(missing <= (int64_t)st.recursion_misses && (OTHERS_OPEN || missing >= 0),
	      "%" PRIu64 " opens made, %" PRIu64 " seen, %" PRIu64 " dropped, %" PRIu64 " misses", flooded + trickled,
	      f.opens[0] + f.opens[1], drops_of(&all, OPEN_X), st.recursion_misses);
	/* of closes there are other people's among the drops */
	CHECK(f.closes + drops_of(&all, PPME_SYSCALL_CLOSE_X) + st.recursion_misses >= flooded + trickled, "closes are missing");
	CHECK(sum_drops(&st), "nothing was dropped: this was no flood");
	CHECK(f.lossy, "the flooder was never marked");
	CHECK(f.children == programs && f.execs == programs && f.exits == programs, "%u forks, %u execs, %u exits of %u", f.children,
	      f.execs, f.exits, programs);
	kept_flood = (double)f.opens[0] / (double)flooded;
	kept_trickle = (double)f.opens[1] / (double)trickled;
	printf("opens made %" PRIu64 " seen %" PRIu64 " dropped %" PRIu64 "; the flooder kept %.1f%%, the other %.1f%% of %" PRIu64 "\n",
	       flooded + trickled, f.opens[0] + f.opens[1], drops_of(&all, OPEN_X), 100 * kept_flood, 100 * kept_trickle, trickled);
	CHECK(kept_trickle > kept_flood && kept_trickle > 0.5, "a flood costs others their events");
	printf("programs %u: forks %u execs %u exits %u, critical dropped %" PRIu64 "\n", programs, f.children, f.execs, f.exits,
	       st.dropped_critical);
	printf("produced %" PRIu64 " seen %" PRIu64 " dropped", st.produced, f.seen);
	for (unsigned c = 0; c < LIVE_DROP_MAX; c++)
		printf(" %s %" PRIu64, live_drop_name[c], st.dropped[c]);
	printf(" misses %" PRIu64 "\n", st.recursion_misses);
}

int main(int argc, char **argv)
{
	struct live_opts o = { .ring_bytes = RING, .snaplen = 80 };
	const char *nap = getenv("FLOOD_NAP_US"); /* longer where system calls are slow */
	char *programs = argc > 3 ? argv[3] : "500";
	struct base_err err = { 0 };
	siginfo_t si = { 0 };
	int in[2];
	FILE *out[2];
	uint64_t made[2];

	if (argc < 3)
		return 2;
	want(o.interest, OPEN_NAME);
	want(o.interest, "close");
	want(o.interest, "clone");
	want(o.interest, "clone3");
	want(o.interest, "vfork");
	want(o.interest, "execve");
	if (live_open(&o, &f.live, &err) || live_attach(f.live, &err)) {
		printf("FAIL: %s\n", err.msg);
		return 1;
	}
	f.trickler = (uint32_t)start(argv[1], (char *[]){ argv[1], "trickle", NULL }, &in[1], &out[1]);
	f.flooder = (uint32_t)start(argv[1], (char *[]){ argv[1], "flood", programs, argv[2], NULL }, &in[0], &out[0]);
	while (!waitid(P_PID, f.flooder, &si, WEXITED | WNOHANG | WNOWAIT) && !si.si_pid) {
		drain();
		usleep(nap ? (useconds_t)atoi(nap) : NAP_US);
	}
	close(in[0]);
	close(in[1]);
	made[0] = finish((pid_t)f.flooder, out[0]);
	made[1] = finish((pid_t)f.trickler, out[1]);
	live_detach(f.live);
	drain();
	drain();
	check_accounts();
	check_load(made[0], made[1], (unsigned)atoi(programs));
	live_close(f.live);
	printf("flood: %d failures\n", failures);
	return failures != 0;
}
