/* See alerts.h. Called by main before anything else is set up: it needs a configuration only to learn where the
 * store is and how alerts look. */
#include "daemon/alerts.h"

#include "base/thread.h"
#include "daemon/config.h"
#include "daemon/run.h"
#include "sink/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct args {
	const char *config, *store, *since, *rule, *priority;
	char **option; /* owned array */
	uint32_t noption;
	bool json, help;
};

static const struct { const char *name, *value, *help; } known[] = {
	{ "--since", "TIME", "from then on: an age like 1h or 2d, or a time like 2026-01-31T16:20:00Z" },
	{ "--rule", "NAME", "only alerts of this rule" },
	{ "--priority", "NAME", "only this priority and more urgent ones" },
	{ "--json", NULL, "one JSON object per line, with the alert's number as id" },
	{ "--store", "FILE", "the store; default: store.path of the configuration" },
	{ "-c", "FILE", "configuration; default as for the daemon" },
	{ "-o", "KEY=VALUE", "set a key of the configuration; repeatable" },
	{ "--help", NULL, "print this list" },
};
enum { A_SINCE, A_RULE, A_PRIORITY, A_JSON, A_STORE, A_CONFIG, A_OPTION, A_HELP, A_COUNT };
_Static_assert(sizeof(known) / sizeof(known[0]) == A_COUNT, "one entry per argument");

static int usage(void)
{
	puts("Prints the alerts in the store, oldest first.\nUsage: saker alerts [OPTION]...\n");
	for (unsigned i = 0; i < A_COUNT; i++) {
		char left[40];

		snprintf(left, sizeof(left), "%s%s%s", known[i].name, known[i].value ? " " : "", known[i].value ? known[i].value : "");
		printf("  %-20s %s\n", left, known[i].help);
	}
	return 0;
}

static int refuse(const char *fmt, const char *what)
{
	char text[600];

	snprintf(text, sizeof(text), fmt, what);
	return run_error(text);
}

static void set(struct args *a, unsigned which, char *value)
{
	switch (which) {
	case A_SINCE: a->since = value; break;
	case A_RULE: a->rule = value; break;
	case A_PRIORITY: a->priority = value; break;
	case A_JSON: a->json = true; break;
	case A_STORE: a->store = value; break;
	case A_CONFIG: a->config = value; break;
	case A_OPTION: a->option[a->noption++] = value; break;
	default: a->help = true; break;
	}
}

/* 0, or the exit status. Values are the next word, or follow a "=". */
static int parse(int argc, char **argv, struct args *a)
{
	for (int i = 1; i < argc; i++) {
		size_t len = strcspn(argv[i], "=");
		bool joined = argv[i][0] == '-' && argv[i][1] == '-' && argv[i][len];
		unsigned k;

		for (k = 0; k < A_COUNT && (strlen(known[k].name) != len || strncmp(known[k].name, argv[i], len)); k++)
			;
		if (k == A_COUNT)
			return refuse("saker alerts: unknown argument '%.300s', see saker alerts --help", argv[i]);
		if (!known[k].value || joined) {
			if (joined && !known[k].value)
				return refuse("saker alerts: %s takes no value", known[k].name);
			set(a, k, joined ? argv[i] + len + 1 : NULL);
		} else if (i + 1 < argc) {
			set(a, k, argv[++i]);
		} else {
			return refuse("saker alerts: %s needs a value", known[k].name);
		}
	}
	return 0;
}

/* An age, or a time in ISO 8601 (UTC with Z, else local), or a date. */
static bool read_time(const char *text, uint64_t *ret_ns)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d" };
	double ms;

	if (config_duration(text, &ms) && *text) {
		uint64_t now = base_now_ns();

		*ret_ns = ms * 1e6 < (double)now ? now - (uint64_t)(ms * 1e6) : 0;
		return true;
	}
	for (unsigned i = 0; i < 4; i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, forms[i], &tm);
		bool utc = end && *end == 'Z';
		time_t t;

		if (!end || end[utc])
			continue;
		t = utc ? timegm(&tm) : mktime(&tm);
		if (t < 0)
			return false;
		*ret_ns = (uint64_t)t * 1000000000u;
		return true;
	}
	return false;
}

struct print {
	struct base_buf line;
	struct sink_format format;
	bool failed;
};

static bool print_alert(void *arg, const struct alert *a, uint64_t id)
{
	struct print *p = arg;

	buf_reset(&p->line);
	if (p->format.json) {
		/* the daemon's line with the number in front of its first key */
		sink_format_alert(&p->line, &p->format, a);
		p->failed = p->line.failed || printf("{\"id\":%llu,%s\n", (unsigned long long)id, p->line.p + 1) < 0;
	} else {
		time_t sec = (time_t)(a->ts / 1000000000u);
		char day[32];
		struct tm tm;

		localtime_r(&sec, &tm);
		strftime(day, sizeof(day), "%Y-%m-%d", &tm);
		p->failed = printf("%s %s\n", day, a->line) < 0;
	}
	return !p->failed;
}

static int print_all(const struct config *c, const struct args *a, const struct store_query *q)
{
	struct print p = { .format = c->format };
	struct base_err err = { 0 };
	int r;

	p.format.json = a->json;
	r = store_query(q, print_alert, &p, &err);
	buf_fini(&p.line);
	if (r < 0)
		return run_error(err.msg);
	if (p.failed || fflush(stdout))
		return run_error("cannot write the answer to standard output");
	return 0;
}

static int with_config(const struct config *c, const struct args *a)
{
	struct store_query q = { .path = a->store ? a->store : c->store_path, .priority = 7, .rule = a->rule };
	int p;

	if (!q.path || !*q.path)
		return run_error("there is no store: set store.path in the configuration, or pass --store FILE");
	if (a->since && !read_time(a->since, &q.since_ns))
		return refuse("--since %.200s: expected an age like 1h or a time like 2026-01-31T16:20:00Z", a->since);
	if (a->priority) {
		p = config_priority(a->priority);
		if (p < 0)
			return refuse("--priority %.200s: expected one of emergency, alert, critical, error, warning, notice, informational, "
				      "debug", a->priority);
		q.priority = (uint8_t)p;
	}
	return print_all(c, a, &q);
}

int cmd_alerts(int argc, char **argv)
{
	struct args a = { .option = calloc((size_t)argc, sizeof(char *)) };
	struct base_err err = { 0 };
	struct config c;
	char text[2048];
	int r;

	if (!a.option)
		return run_error("no memory");
	r = parse(argc, argv, &a);
	if (!r && a.help)
		r = usage();
	else if (!r && a.config && config_load(a.config, true, a.option, a.noption, &c, &err) < 0)
		r = run_error(base_err_str(&err, text, sizeof(text)));
	else if (!r && !a.config && config_load(config_find(), false, a.option, a.noption, &c, &err) < 0)
		r = run_error(base_err_str(&err, text, sizeof(text)));
	else if (!r) {
		r = with_config(&c, &a);
		config_fini(&c);
	}
	free(a.option);
	return r;
}
