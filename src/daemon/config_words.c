/* Checks of single keys whose messages users and scripts know from Falco. Called by config.c before the
 * table is checked, on text: a value of the wrong kind is left to the table. */
#include "daemon/config_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *text(const struct cfg_tree *t, const char *key)
{
	const struct yaml_node *n = cfg_get(t, key);

	if (n && n->kind != YAML_SCALAR)
		return NULL;
	return schema_str(t, key);
}

static bool on(const struct cfg_tree *t, const char *key)
{
	const struct yaml_node *n = cfg_get(t, key);
	bool b;

	return n && yaml_bool(n, &b) && b;
}

int config_priority(const char *word)
{
	if (!strcasecmp(word, "info"))
		return LOG_L_INFO;
	for (int i = 0; i < 8; i++) {
		if (!strcasecmp(word, alert_priority_name[i]))
			return i;
	}
	return -1;
}

static int bad_file(struct base_err *err, const char *path, const char *what)
{
	return base_err_set(err, NULL, 0, 0, "Error reading config file (%s): %s", path, what);
}

static int check_engine(const struct cfg_tree *t, const char *path, struct base_err *err)
{
	static const char *const kinds[] = { "kmod", "modern_ebpf", "replay", "nodriver" };
	const char *kind = text(t, "engine.kind"), *file = text(t, "engine.replay.capture_file");
	bool known = !kind;

	for (size_t i = 0; kind && i < 4; i++)
		known |= !strcmp(kind, kinds[i]);
	if (!known)
		return base_err_set(err, NULL, 0, 0, "Error reading config file (%s): engine.kind '%s' is not a valid kind.", path, kind);
	if (kind && !strcmp(kind, "replay") && file && !*file)
		return bad_file(err, path, "engine.kind is 'replay' but no engine.replay.capture_file specified.");
	return 0;
}

static int check_outputs(const struct cfg_tree *t, const char *path, struct base_err *err)
{
	const char *file = text(t, "file_output.filename"), *program = text(t, "program_output.program"),
		   *url = text(t, "http_output.url");

	if (on(t, "file_output.enabled") && file && !*file)
		return bad_file(err, path, "file output enabled but no filename in configuration block");
	if (on(t, "program_output.enabled") && program && !*program)
		return bad_file(err, path, "program output enabled but no program in configuration block");
	if (on(t, "http_output.enabled") && url && !*url)
		return bad_file(err, path, "http output enabled but no url in configuration block");
	return 0;
}

static int check_action(const char *word, unsigned *seen, const char *path, struct base_err *err)
{
	static const char *const words[] = { "ignore", "log", "alert", "exit" };
	unsigned i;

	for (i = 0; i < 4 && strcmp(word, words[i]); i++)
		;
	if (i == 4)
		return bad_file(err, path, "available actions for syscall event drops are \"ignore\", \"log\", \"alert\", and \"exit\"");
	/* In Falco's order of looking: ignore first, then log or alert. */
	if ((i == 1 || i == 2) && (*seen & 1))
		return base_err_set(err, NULL, 0, 0,
				    "Error reading config file (%s): syscall event drop action \"%s\" does not make sense with the \"ignore\" action",
				    path, word);
	*seen |= 1u << i;
	return 0;
}

static int check_drops(const struct cfg_tree *t, const char *path, struct base_err *err)
{
	const struct yaml_node *list = cfg_get(t, "syscall_event_drops.actions");
	const char *threshold = text(t, "syscall_event_drops.threshold");
	unsigned seen = 0;
	char *end;
	int r = 0;

	if (list && list->kind == YAML_SCALAR)
		r = check_action(list->s, &seen, path, err);
	for (uint32_t i = 0; !r && list && list->kind == YAML_SEQ && i < list->count; i++) {
		if (list->item[i]->kind == YAML_SCALAR)
			r = check_action(list->item[i]->s, &seen, path, err);
	}
	if (r || !threshold)
		return r;

	double v = strtod(threshold, &end);

	if (end != threshold && !*end && !(v >= 0 && v <= 1))
		return bad_file(err, path, "syscall event drops threshold must be a double in the range [0, 1]");
	return 0;
}

bool config_duration(const char *s, double *ret_ms)
{
	static const struct { const char *unit; double ms; } units[] = {
		{ "y", 31536e6 }, { "w", 6048e5 }, { "d", 864e5 }, { "h", 36e5 }, { "ms", 1 }, { "m", 6e4 }, { "s", 1e3 }
	};
	/* ms is looked for before m, but ranks last */
	static const unsigned rank[] = { 0, 1, 2, 3, 6, 4, 5 };
	unsigned next = 0;
	double total = 0;

	while (*s) {
		unsigned u, used = 0;
		double v = 0;

		while (*s == ' ')
			s++;
		for (; isdigit((unsigned char)*s); s++, used++)
			v = v * 10 + (*s - '0');
		while (*s == ' ')
			s++;
		for (u = 0; u < 7 && strncmp(s, units[u].unit, strlen(units[u].unit)); u++)
			;
		if (u == 7 || !used || rank[u] < next)
			return false;
		next = rank[u] + 1;
		total += v * units[u].ms;
		s += strlen(units[u].unit);
	}
	*ret_ms = total;
	return true;
}

/* At least 100 ms. */
static bool is_interval(const char *s)
{
	double ms;

	return config_duration(s, &ms) && ms >= 100;
}

int config_check_words(const struct cfg_tree *t, const char *path, struct base_err *err)
{
	const char *matching = text(t, "rule_matching"), *priority = text(t, "priority"), *interval = text(t, "metrics.interval"),
		   *timeouts = text(t, "syscall_event_timeouts.max_consecutives");
	int r = check_engine(t, path, err);

	if (r)
		return r;
	if (cfg_get(t, "rules_files") && cfg_get(t, "rules_file"))
		return bad_file(err, path, "both 'rules_files' and 'rules_file' keys set");
	r = check_outputs(t, path, err);
	if (r)
		return r;
	if (matching && strcmp(matching, "first") && strcmp(matching, "all"))
		return base_err_set(err, NULL, 0, 0, "Unknown rule matching strategy \"%s\"--must be one of first, all", matching);
	if (priority && config_priority(priority) < 0)
		return base_err_set(err, NULL, 0, 0,
				    "Unknown priority \"%s\"--must be one of emergency, alert, critical, error, warning, notice, informational, debug",
				    priority);
	r = check_drops(t, path, err);
	if (r)
		return r;
	if (timeouts && !strcmp(timeouts, "0"))
		return base_err_set(err, NULL, 0, 0,
				    "Error reading config file(%s): the maximum consecutive timeouts without an event must be an unsigned integer > 0",
				    path);
	if (on(t, "metrics.enabled") && interval && !is_interval(interval))
		return base_err_set(err, NULL, 0, 0,
				    "Metrics interval must have a minimum value of 100ms and reflect a Prometheus compliant time duration format: "
				    "https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations. ");
	return 0;
}
