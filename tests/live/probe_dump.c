/* Prints what the probe produces, one event per line: for eyes, and for test_probe.sh.
 *
 *   probe_dump [-t SECONDS] [-r] [-p TGID] [-i SYSCALL[,SYSCALL...]] [-s SNAPLEN] [-b RING_BYTES] [COMMAND...]
 *
 * With a command: runs it, prints only events of it and of its descendants' thread groups, and ends with it.
 * -i  syscalls of interest; default: all that have their own event, and one that has not
 * Line: cpu seq tgid peer flags tid type  name=value ... ; strings in quotes, bytes in hex. */
#include "capture/live.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_GROUPS 4096

struct dump {
	struct live *live;
	uint32_t group[MAX_GROUPS]; /* thread groups shown; none: all */
	unsigned groups;
	uint64_t shown, seen, bad;
};

static bool watched(const struct dump *d, uint32_t tgid)
{
	for (unsigned i = 0; i < d->groups; i++) {
		if (d->group[i] == tgid)
			return true;
	}
	return !d->groups;
}

static void print_text(const uint8_t *p, uint32_t len)
{
	putchar('"');
	for (uint32_t i = 0; i < len; i++) {
		if (p[i] == '"' || p[i] == '\\')
			printf("\\%c", p[i]);
		else if (isprint(p[i]))
			putchar(p[i]);
		else if (i + 1 < len || p[i])
			printf("\\x%02x", p[i]);
	}
	putchar('"');
}

static void print_param(const struct evt *ev, unsigned i)
{
	const struct evt_param *p = &ev->param[i];
	const struct evt_param_info *info = &ev->info->params[i];
	int64_t s = 0;
	uint64_t u = 0;

	printf(" %s=", info->name);
	if (!p->len) {
		printf("-");
		return;
	}
	switch (info->type) {
	case PT_CHARBUF: case PT_FSPATH: case PT_FSRELPATH: case PT_CHARBUFARRAY:
		print_text(p->p, p->len);
		break;
	case PT_BYTEBUF:
		if (!strcmp(info->name, "args") || !strcmp(info->name, "env") || !strcmp(info->name, "cgroups")) {
			print_text(p->p, p->len);
			break;
		}
		/* fall through */
	case PT_SOCKADDR: case PT_SOCKTUPLE: case PT_DYN: case PT_FDLIST:
		for (uint32_t j = 0; j < p->len && j < 64; j++)
			printf("%02x", p->p[j]);
		break;
	default:
		if (info->fmt == PF_HEX && evt_get_u64(ev, i, &u))
			printf("0x%" PRIx64, u);
		else if (evt_get_i64(ev, i, &s))
			printf("%" PRId64, s);
		else
			printf("?%u", p->len);
	}
}

static void show(struct dump *d, const struct evt_env *env, uint32_t size)
{
	struct evt ev = { .env = env, .hdr = (const struct evt_hdr *)(env + 1) };
	int rc = evt_decode(&ev, size - sizeof(*env));

	d->seen++;
	if (rc || env->size != size || ev.nparams != ev.info->nparams) {
		d->bad++;
		printf("BAD size=%u env=%u type=%u len=%u rc=%d\n", size, env->size, ev.hdr->type, ev.hdr->len, rc);
		return;
	}
	for (unsigned i = 0; i < ev.nparams; i++) {
		unsigned fixed = evt_param_fixed_size(ev.info->params[i].type);

		if (fixed && ev.param[i].len && ev.param[i].len != fixed) {
			d->bad++;
			printf("BAD parameter %u of %s: %u bytes, not %u\n", i, ev.info->id, ev.param[i].len, fixed);
		}
	}
	if (env->flags & EVT_ENV_FORK && d->groups && watched(d, env->peer_tgid) && !watched(d, env->tgid) &&
	    d->groups < MAX_GROUPS)
		d->group[d->groups++] = env->tgid;
	if (!watched(d, env->tgid))
		return;
	d->shown++;
	printf("%u %" PRIu64 " %u %u 0x%x %" PRIu64 " %s", env->cpu, env->seq, env->tgid, env->peer_tgid, env->flags,
	       (uint64_t)ev.hdr->tid, ev.info->id + 5);
	for (unsigned i = 0; i < ev.nparams; i++)
		print_param(&ev, i);
	putchar('\n');
}

/* One pass over all rings, merged by time so that a fork is seen before what the child does elsewhere. */
static unsigned drain(struct dump *d)
{
	uint64_t horizon = live_now(d->live);
	unsigned n = 0;

	for (;;) {
		const struct evt_env *env, *best = NULL;
		struct live_ring *from = NULL;
		uint32_t size, best_size = 0;
		uint64_t best_ts = horizon;

		for (unsigned i = 0; i < live_ring_count(d->live); i++) {
			struct live_ring *r = live_ring(d->live, i);
			int rc = live_ring_peek(r, &env, &size);

			if (rc == -EBUSY)
				return n;
			if (rc != 1 || ((const struct evt_hdr *)(env + 1))->ts >= best_ts)
				continue;
			best = env;
			best_size = size;
			best_ts = ((const struct evt_hdr *)(env + 1))->ts;
			from = r;
		}
		if (!best)
			return n;
		show(d, best, best_size);
		live_ring_next(from);
		live_ring_release(from);
		n++;
	}
}

static bool add_interest(uint64_t interest[LIVE_SC_MAX / 64], const char *names)
{
	while (*names) {
		size_t len = strcspn(names, ",");
		const struct evt_syscall *sc = evt_syscall_by_name(names, len);

		if (!sc) {
			fprintf(stderr, "probe_dump: no syscall named %.*s\n", (int)len, names);
			return false;
		}
		interest[sc->code / 64] |= 1ULL << sc->code % 64;
		names += len + (names[len] == ',');
	}
	return true;
}

static void default_interest(uint64_t interest[LIVE_SC_MAX / 64])
{
	for (size_t i = 0; i < evt_syscall_count; i++) {
		if (evt_syscalls[i].exit_event != PPME_GENERIC_X || !strcmp(evt_syscalls[i].name, "getpriority"))
			interest[evt_syscalls[i].code / 64] |= 1ULL << evt_syscalls[i].code % 64;
	}
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static pid_t run(char **argv, int *gate)
{
	int fd[2];
	pid_t pid;
	char c;

	if (pipe(fd))
		return -1;
	pid = fork();
	if (pid) {
		close(fd[0]);
		*gate = fd[1];
		return pid;
	}
	close(fd[1]);
	if (read(fd[0], &c, 1) != 1)
		_exit(126);
	close(fd[0]);
	execvp(argv[0], argv);
	_exit(127);
}

static void report(struct dump *d)
{
	struct live_stats st;

	live_stats(d->live, &st);
	fprintf(stderr, "produced %" PRIu64 " seen %" PRIu64 " shown %" PRIu64 " bad %" PRIu64 " critical_lost %" PRIu64
		" misses %" PRIu64, st.produced, d->seen, d->shown, d->bad, st.dropped_critical, st.recursion_misses);
	for (unsigned i = 0; i < LIVE_DROP_MAX; i++)
		fprintf(stderr, " %s %" PRIu64, live_drop_name[i], st.dropped[i]);
	fputc('\n', stderr);
}

int main(int argc, char **argv)
{
	static struct dump d;
	struct live_opts o = { .ring_bytes = 4 << 20, .snaplen = 80 };
	struct base_err err = { 0 };
	double seconds = 1, t0, t1, t2, end;
	bool chosen = false;
	int opt, gate = -1, status = 0;
	pid_t pid = 0;

	while ((opt = getopt(argc, argv, "+t:p:i:s:b:f")) != -1) {
		if (opt == 't')
			seconds = atof(optarg);
		else if (opt == 'p')
			d.group[d.groups++] = (uint32_t)atoi(optarg);
		else if (opt == 's')
			o.snaplen = (uint32_t)atoi(optarg);
		else if (opt == 'b')
			o.ring_bytes = (uint32_t)atoi(optarg);
		else if (opt == 'f')
			o.drop_failed_exit = true;
		else if (opt == 'i' && add_interest(o.interest, optarg))
			chosen = true;
		else
			return 2;
	}
	if (!chosen)
		default_interest(o.interest);
	t0 = now_ms();
	if (live_open(&o, &d.live, &err)) {
		fprintf(stderr, "probe_dump: %s\n", err.msg);
		return 1;
	}
	if (argv[optind]) {
		pid = run(argv + optind, &gate);
		d.group[d.groups++] = (uint32_t)pid;
	}
	t1 = now_ms();
	if (live_attach(d.live, &err)) {
		fprintf(stderr, "probe_dump: %s\n", err.msg);
		return 1;
	}
	t2 = now_ms();
	fprintf(stderr, "open %.1f ms attach %.1f ms %s\n", t1 - t0, t2 - t1, live_attach_type(d.live));
	if (gate >= 0 && write(gate, "x", 1) != 1)
		return 1;
	end = now_ms() + seconds * 1e3;
	while (pid ? waitpid(pid, &status, WNOHANG) != pid : now_ms() < end) {
		if (!drain(&d))
			usleep(500);
	}
	live_detach(d.live);
	while (drain(&d))
		;
	report(&d);
	live_close(d.live);
	return d.bad ? 3 : WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}
