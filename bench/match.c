/* What finding the matching rules costs, fields apart: made-up fields, made-up rules of the shape of
 * real ones, events that match nothing. Prints the compiled form against the tree interpreter of
 * the same run, for growing numbers of rules. Usage: bench_match [EVENTS] */
#include "../tests/unit/lang_fake.h"

#include <stdio.h>
#include <time.h>

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Rule number i: a path or a name to look for, and what follows it in rules of its kind. */
static struct cond *make(unsigned i)
{
	static const char *const shapes[] = {
		"evt.type in (open, openat) and f.bool = true and f.path startswith /etc/d%u/ and not p.s1 in (dpkg, rpm, a%u)",
		"evt.type in (open, openat) and (f.path in (/etc/shadow%u, /etc/sudoers%u) or f.s1 = secret%u) and not a.s1 in (sshd, cron)",
		"evt.type = openat and p.s1 in (nc%u, ncat%u, socat%u) and not p.s2 startswith \"nc -l\"",
		"evt.type in (open, openat, close) and f.path pmatch (/var/lib%u, /opt/a%u/*/x) and p.i > %u",
		"evt.type = openat and f.path endswith .so%u and p.s2 contains x%u and not p.s1 = x%u",
	};
	struct cond_error err;
	char text[512];
	struct cond *c;

	snprintf(text, sizeof(text), shapes[i % 5], i, i, i);
	c = fake_cond(text, &err);
	if (!c) {
		fprintf(stderr, "%s: %s\n", text, err.msg);
		exit(1);
	}
	return c;
}

static double run(unsigned nrules, bool interpret, unsigned long events, struct fake_event *e)
{
	struct eval_rule *rules = calloc(nrules, sizeof(*rules));
	struct eval_worker *w;
	struct ruleset *rs;
	const uint32_t *ids;
	double t, best = 1e18;

	for (unsigned i = 0; i < nrules; i++)
		rules[i] = fake_rule(make(i), i);
	rs = ruleset_compile(rules, nrules, false, interpret);
	w = rs ? eval_worker_new(rs) : NULL;
	if (!w)
		exit(1);
	for (unsigned round = 0; round < 3; round++) {
		t = now_ns();
		for (unsigned long i = 0; i < events; i++)
			if (eval_match(w, &e->ctx, &ids) != 0)
				exit(1);
		t = (now_ns() - t) / (double)events;
		best = t < best ? t : best;
	}
	eval_worker_free(w);
	ruleset_free(rs);
	return best;
}

int main(int argc, char **argv)
{
	unsigned long events = argc > 1 ? strtoul(argv[1], NULL, 10) : 300000;
	struct fake_event e;

	if (!events)
		return 1;
	fake_event_init(&e);
	fake_num(&e, FK_BOOL, 1);
	fake_num(&e, FK_PI, 4711);
	fake_str(&e, FK_PATH, "/usr/lib/x86_64-linux-gnu/libc.so.6");
	fake_str(&e, FK_S1, "libc.so.6");
	fake_str(&e, FK_P1, "cat");
	fake_str(&e, FK_P2, "cat /etc/hostname");
	fake_str(&e, FK_A1, "bash");
	printf("%8s %14s %14s %8s\n", "rules", "compiled ns", "interpreted ns", "ratio");
	for (unsigned n = 25; n <= 6400; n *= 4) {
		double c = run(n, false, events, &e), i = run(n, true, events * 25 / n + 1, &e);

		printf("%8u %14.1f %14.1f %8.1f\n", n, c, i, i / c);
	}
	fake_event_fini(&e);
	return 0;
}
