/* Writes captures for the replay tests to stdout:
 *   mkcap story | story-gzip | random SEED EVENTS | numbered FROM TO PER_SECOND | processes COUNT
 *
 * `story` is small and known event by event (test_story.sh has what must come of it); `random` is
 * what tests/gen draws, with the head a capture has; `numbered` opens /n/FROM to /n/TO (seven digits) as fast as
 * asked, 0 = at once, and says on stderr the last number it could write; `processes` are short lives, one after the
 * other in 30000 numbers: fork, exec with arguments of its own, an open file, exit. Built by the tests themselves. */
#include "../gen/gen.h"
#include "../unit/scap_parts.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <signal.h>

static void task(struct sb *b, uint64_t tid, uint64_t ptid, const char *name, const char *exepath)
{
	size_t at = sb_entry(b);

	sb_64(b, tid), sb_64(b, tid), sb_64(b, ptid), sb_64(b, 1), sb_64(b, tid);
	sb_str(b, name), sb_str(b, name), sb_str(b, exepath), sb_str(b, ""), sb_str(b, "/root");
	sb_64(b, 1024), sb_32(b, 0), sb_32(b, 0), sb_32(b, 0);
	sb_32(b, 0), sb_32(b, 0), sb_32(b, 0), sb_64(b, 0), sb_64(b, 0);
	sb_strn(b, "A=1\0", 4), sb_64(b, tid), sb_64(b, tid), sb_str(b, ""), sb_str(b, "/");
	sb_entry_end(b, at, 1);
}

static void head(struct sb *b)
{
	sb_section(b);
	machine_block(b, 0x201, 180);
	users_and_ifaces(b, 1, 0x220, 0x219);
}

static void opened(struct sb *b, uint32_t block, int64_t flags, unsigned i, uint64_t tid, int64_t fd, const char *name)
{
	struct sb_param p[] = { SB_I64(fd), SB_I64(-100), { name, (uint32_t)strlen(name) + 1 }, SB_U32(1), SB_U32(0), SB_U32(2049), SB_I64(77) };

	sb_event(b, block, flags, TS + i, tid, PPME_SYSCALL_OPENAT_2_X, p, 7);
}

static void story(struct sb *b)
{
	struct sb_param write_e[] = { SB_I64(4), SB_U32(5) }, write_x[] = { SB_I64(5), { "hello", 5 } };
	struct sb_param chdir_x[] = { SB_I64(0), SB_STR("/srv") };

	head(b);
	sb_begin(b, 0x215);
	task(b, 1, 0, "init", "/sbin/init");
	task(b, 100, 1, "sh", "/bin/sh");
	task(b, 101, 100, "cat", "/bin/cat");
	sb_end(b);
	sb_begin(b, 0x218);
	sb_64(b, 101);
	size_t at = sb_entry(b);
	sb_64(b, 4), sb_64(b, 99), sb_8(b, 16), sb_32(b, 2), sb_str(b, "/var/log/known"), sb_32(b, 2049);
	sb_entry_end(b, at, 1);
	sb_end(b);
	user_added(b);						       /* 1: state only */
	opened(b, 0x216, -1, 2, 101, 3, "/etc/shadow");		       /* 2 */
	opened(b, 0x217, 1, 3, 100, 3, "/etc/shadow");		       /* 3: state only */
	sb_event(b, 0x216, -1, TS + 4, 100, PPME_SYSCALL_CHDIR_X, chdir_x, 2); /* 4 */
	opened(b, 0x217, 0, 5, 100, 5, "here");			       /* 5: /srv/here */
	sb_event(b, 0x216, -1, TS + 6, 101, PPME_SYSCALL_WRITE_E, write_e, 2);
	sb_event(b, 0x216, -1, TS + 7, 101, PPME_SYSCALL_WRITE_X, write_x, 2); /* 6: on /var/log/known */
	opened(b, 0x216, -1, 8, 101, -2, "/etc/shadow");	       /* 7: failed */
}

static void random_events(struct sb *b, uint32_t seed, uint32_t n)
{
	struct gen g;

	head(b);
	sb_begin(b, 0x215);
	task(b, 1, 0, "init", "/sbin/init");
	sb_end(b);
	gen_make(&g, seed, n);
	for (uint32_t i = 0; i < g.count; i++) {
		struct evt ev;

		gen_at(&g, i, &ev);
		sb_begin(b, 0x216);
		sb_16(b, ev.env->cpu);
		sb_raw(b, ev.hdr, ev.hdr->len);
		sb_end(b);
	}
	gen_fini(&g);
}

static bool put(struct sb *b)
{
	size_t done = 0;

	while (done < b->len) {
		ssize_t n = write(STDOUT_FILENO, b->p + done, b->len - done);

		if (n < 0)
			return false;
		done += (size_t)n;
	}
	b->len = 0;
	return true;
}

static uint64_t mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* In portions of 5 ms, each whole or not at all as far as the number told goes. */
static int numbered(unsigned from, unsigned to, unsigned rate)
{
	unsigned portion = rate ? rate / 200 + 1 : 500, last = from - 1;
	uint64_t start = mono_ns();
	struct sb b = { 0 };

	signal(SIGPIPE, SIG_IGN);
	head(&b);
	sb_begin(&b, 0x215);
	task(&b, 1, 0, "init", "/sbin/init");
	task(&b, 101, 1, "cat", "/bin/cat");
	sb_end(&b);
	for (unsigned i = from; i <= to; i++) {
		char name[16];

		snprintf(name, sizeof(name), "/n/%07u", i);
		opened(&b, 0x216, -1, i, 101, 3, name);
		if (i != to && (i - from) % portion != portion - 1)
			continue;
		if (!put(&b))
			break;
		last = i;
		while (rate && mono_ns() - start < (uint64_t)(i - from + 1) * 1000000000u / rate)
			usleep(500);
	}
	fprintf(stderr, "%u\n", last);
	sb_free(&b);
	return 0;
}

static void born(struct sb *b, uint64_t ts, uint64_t tid, int64_t res, uint64_t of)
{
	uint64_t parent = of == 101 ? 1 : 101;
	struct sb_param p[] = { SB_I64(res), SB_STR("maker"), SB_STR(""), SB_I64(of), SB_I64(of), SB_I64(parent), SB_STR(""), SB_I64(1024),
				SB_I64(0), SB_I64(0), SB_U32(100), SB_U32(10), SB_U32(0), SB_STR("maker"), SB_STR("cpu=/"), SB_U32(0),
				SB_U32(0), SB_U32(0), SB_I64(of), SB_I64(of), SB_I64(0) };

	sb_event(b, 0x216, -1, ts, tid, PPME_SYSCALL_CLONE_20_X, p, 21);
}

/* Five events each. */
static int processes(unsigned count)
{
	struct sb b = { 0 };
	uint64_t ts = TS;

	signal(SIGPIPE, SIG_IGN);
	head(&b);
	sb_begin(&b, 0x215);
	task(&b, 1, 0, "init", "/sbin/init");
	task(&b, 101, 1, "maker", "/bin/maker");
	sb_end(&b);
	for (unsigned i = 0; i < count; i++) {
		uint64_t tid = 1000 + i % 30000;
		char exe[40], args[80], env[80], name[60];

		snprintf(exe, sizeof(exe), "/usr/bin/job%u", i);
		snprintf(args, sizeof(args), "--number=%u", i);
		snprintf(env, sizeof(env), "JOB=%u", i);
		snprintf(name, sizeof(name), "/var/jobs/%u", i);
		struct sb_param ex[] = { SB_I64(0), { exe, (uint32_t)strlen(exe) + 1 }, { args, (uint32_t)strlen(args) + 1 }, SB_I64((int64_t)tid),
					 SB_I64((int64_t)tid), SB_I64(101), SB_STR(""), SB_I64(1024), SB_I64(0), SB_I64(0), SB_U32(100), SB_U32(10),
					 SB_U32(0), SB_STR("job"), SB_STR("cpu=/"), { env, (uint32_t)strlen(env) + 1 }, SB_U32(0), SB_I64(1),
					 SB_U32(0), SB_U32(0), SB_I64(0), SB_I64(0), SB_I64(0), SB_I64((int64_t)i), SB_I64(1), SB_I64(1), SB_U32(0),
					 { exe, (uint32_t)strlen(exe) + 1 }, SB_I64(1), SB_U32(0), { exe, (uint32_t)strlen(exe) + 1 } };
		struct sb_param end[] = { SB_I64(0), SB_I64(0), { "\0", 1 }, { "\0", 1 }, SB_I64(1) };

		born(&b, ts += 1000, 101, (int64_t)tid, 101);
		born(&b, ts += 1000, tid, 0, tid);
		sb_event(&b, 0x216, -1, ts += 1000, tid, PPME_SYSCALL_EXECVE_19_X, ex, 31);
		opened(&b, 0x216, -1, (unsigned)((ts += 1000) - TS), tid, 3, name);
		sb_event(&b, 0x216, -1, ts += 1000, tid, PPME_PROCEXIT_1_E, end, 5);
		if (i % 500 == 499 || i + 1 == count)
			if (!put(&b))
				break;
	}
	sb_free(&b);
	return 0;
}

int main(int argc, char **argv)
{
	struct sb b = { 0 }, z = { 0 }, *out = &b;

	if (argc == 2 && !strcmp(argv[1], "story")) {
		story(&b);
	} else if (argc == 2 && !strcmp(argv[1], "story-gzip")) {
		story(&b);
		sb_gzip(&z, b.p, b.len);
		out = &z;
	} else if (argc == 4 && !strcmp(argv[1], "random")) {
		random_events(&b, (uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]));
	} else if (argc == 5 && !strcmp(argv[1], "numbered")) {
		return numbered((unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
	} else if (argc == 3 && !strcmp(argv[1], "processes")) {
		return processes((unsigned)atoi(argv[2]));
	} else {
		fprintf(stderr, "usage: mkcap story | story-gzip | random SEED EVENTS | numbered FROM TO PER_SECOND | processes COUNT\n");
		return 2;
	}
	if (fwrite(out->p, 1, out->len, stdout) != out->len || fflush(stdout))
		return 1;
	sb_free(&b);
	sb_free(&z);
	return 0;
}
