/* From the configuration tree to struct config. Called once by main; config_rules.c reads what concerns
 * rules, config_words.c has the checks with fixed words, schema.c checks everything else. */
#include "daemon/config_internal.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SNAPLEN_DEFAULT 80

#define MEMORY_LEAST (64ull << 20) /* of memory.limit */

int config_no_memory(struct base_err *err)
{
	base_err_set(err, NULL, 0, 0, "no memory for the configuration");
	return -ENOMEM;
}

int config_copy(char **ret, const char *s, struct base_err *err)
{
	*ret = strdup(s);
	return *ret ? 0 : config_no_memory(err);
}

int config_read_strs(const struct cfg_tree *t, const struct yaml_node *n, char ***list, uint32_t *count, struct base_err *err)
{
	uint32_t more = !n ? 0 : n->kind == YAML_SEQ ? n->count : 1;
	char **l = reallocarray(*list, *count + more + 1, sizeof(char *));
	int r = 0;

	(void)t;
	if (!l)
		return config_no_memory(err);
	*list = l;
	for (uint32_t i = 0; !r && i < more; i++) {
		const struct yaml_node *v = n->kind == YAML_SEQ ? n->item[i] : n;

		r = config_copy(&l[*count], v->s ? v->s : "", err);
		*count += !r;
	}
	l[*count] = NULL;
	return r;
}

static int read_log(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	const struct yaml_node *level = cfg_get(t, "log_level");

	c->log = (struct log_opts){ .level = LOG_L_INFO };
	if (level && level->kind == YAML_SCALAR) {
		int l = !strcasecmp(level->s, "informational") ? -1 : config_priority(level->s);

		if (l < 0)
			return base_err_set(err, NULL, 0, 0, "Unknown log level %s", level->s);
		c->log.level = (enum log_level)l;
	}
	c->log.to_stderr = schema_bool(t, "log_stderr");
	c->log.to_syslog = schema_bool(t, "log_syslog");
	c->log.iso_time = schema_bool(t, "time_format_iso_8601");
	log_setup(&c->log);
	return 0;
}

static int read_engine(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	const char *kind = schema_str(t, "engine.kind");
	int64_t preset;

	c->kmod = !strcmp(kind, "kmod");
	c->engine = !strcmp(kind, "replay") ? ENGINE_REPLAY : !strcmp(kind, "nodriver") ? ENGINE_NODRIVER : ENGINE_LIVE;
	preset = schema_int(t, c->kmod ? "engine.kmod.buf_size_preset" : "engine.modern_ebpf.buf_size_preset");
	c->ring_bytes = 1u << (19 + preset);
	c->drop_failed_exit = schema_bool(t, c->kmod ? "engine.kmod.drop_failed_exit" : "engine.modern_ebpf.drop_failed_exit");
	c->cpus_per_ring = c->kmod ? 1 : (uint32_t)schema_int(t, "engine.modern_ebpf.cpus_for_each_buffer");
	c->base_repair = schema_bool(t, "base_syscalls.repair");
	c->base_all = schema_bool(t, "base_syscalls.all");
	c->snaplen = (uint32_t)schema_int(t, "falco_libs.snaplen");
	if (!c->snaplen)
		c->snaplen = SNAPLEN_DEFAULT;
	c->max_tasks = (uint32_t)schema_int(t, "falco_libs.thread_table_size");
	if (config_copy(&c->capture_file, schema_str(t, "engine.replay.capture_file"), err))
		return -ENOMEM;
	return config_read_strs(t, cfg_get(t, "base_syscalls.custom_set"), &c->base_syscalls, &c->nbase_syscalls, err);
}

static void read_drops(const struct cfg_tree *t, struct config *c)
{
	static const struct { const char *word; unsigned bit; } actions[] = {
		{ "log", DROP_LOG }, { "alert", DROP_ALERT }, { "exit", DROP_EXIT }
	};
	const struct yaml_node *list = cfg_get(t, "syscall_event_drops.actions");
	uint32_t n = !list ? 0 : list->kind == YAML_SEQ ? list->count : 1;

	c->max_timeouts = (uint32_t)schema_int(t, "syscall_event_timeouts.max_consecutives");
	c->drops.threshold = schema_num(t, "syscall_event_drops.threshold");
	c->drops.rate = schema_num(t, "syscall_event_drops.rate");
	c->drops.max_burst = schema_num(t, "syscall_event_drops.max_burst");
	c->drops.simulate = schema_bool(t, "syscall_event_drops.simulate_drops");
	for (uint32_t i = 0; i < n; i++) {
		const struct yaml_node *v = list->kind == YAML_SEQ ? list->item[i] : list;

		for (unsigned k = 0; k < 3; k++) {
			if (v->s && !strcmp(v->s, actions[k].word))
				c->drops.actions |= actions[k].bit;
		}
	}
}

static int read_metrics(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	double ms = 0;

	c->metrics.enabled = schema_bool(t, "metrics.enabled");
	c->metrics.rule = schema_bool(t, "metrics.output_rule");
	c->metrics.rules = schema_bool(t, "metrics.rules_counters_enabled");
	c->metrics.resources = schema_bool(t, "metrics.resource_utilization_enabled");
	c->metrics.state = schema_bool(t, "metrics.state_counters_enabled");
	c->metrics.kernel = schema_bool(t, "metrics.kernel_event_counters_enabled");
	c->metrics.per_cpu = schema_bool(t, "metrics.kernel_event_counters_per_cpu_enabled");
	c->metrics.libbpf = schema_bool(t, "metrics.libbpf_stats_enabled");
	c->metrics.to_mb = schema_bool(t, "metrics.convert_memory_to_mb");
	c->metrics.empty = schema_bool(t, "metrics.include_empty_values");
	if (config_copy(&c->metrics.file, schema_str(t, "metrics.output_file"), err))
		return -ENOMEM;
	if (!c->metrics.enabled)
		return 0;
	config_duration(schema_str(t, "metrics.interval"), &ms); /* checked: config_words.c */
	c->metrics.interval_ms = (uint64_t)ms;
	if (!c->metrics.rule && !*c->metrics.file &&
	    !(schema_bool(t, "webserver.enabled") && schema_bool(t, "webserver.prometheus_metrics_enabled")))
		return cfg_error(t, cfg_get(t, "metrics.enabled"), err,
				 "metrics.enabled is true and nothing would show them: set metrics.output_rule, metrics.output_file, "
				 "or webserver.enabled with webserver.prometheus_metrics_enabled");
	return 0;
}

/* "auto" or a number in the table's range. */
static int read_threads(const struct cfg_tree *t, const char *path, int64_t min, int *ret, struct base_err *err)
{
	const struct config_key *k = config_key_find(path);
	const struct yaml_node *n = cfg_get(t, path);
	int64_t v;

	*ret = -1;
	if (!n || !strcmp(n->s, "auto"))
		return 0;
	if (!yaml_i64(n, &v) || v < min || v > k->max)
		return cfg_error(t, n, err, "'%s' is '%.100s', must be auto or a number from %lld to %lld", path, n->s,
				 (long long)min, (long long)k->max);
	*ret = (int)v;
	return 0;
}

/* "268435456", "256MiB", "256MB" (the same), "256M". */
static bool read_size(const char *s, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *u;
	char *end;
	double v;

	v = strtod(s, &end);
	while (*end == ' ')
		end++;
	if (end == s || !(v >= 0) || v > 1e15)
		return false;
	u = *end ? strchr(units, *end) : NULL;
	if (u) {
		for (ptrdiff_t i = 0; i <= u - units; i++)
			v *= 1024;
		end++;
		if (!strcmp(end, "iB") || !strcmp(end, "B"))
			end += strlen(end);
	}
	*ret = v < 1e18 ? (uint64_t)v : 0;
	return !*end && v < 1e18;
}

static int read_memory(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	const char *s = schema_str(t, "memory.limit");

	if (!read_size(s, &c->memory_limit) || (c->memory_limit && c->memory_limit < MEMORY_LEAST))
		return cfg_error(t, cfg_get(t, "memory.limit"), err,
				 "'memory.limit' is '%.100s', must be 0 or at least 64MiB: a number of bytes, or one with KiB, MiB or GiB", s);
	return 0;
}

static int read_own(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	int r = read_threads(t, "pipeline.readers", 1, &c->readers, err);

	if (!r)
		r = read_threads(t, "pipeline.workers", 0, &c->workers, err);
	c->drain_interval_us = (uint32_t)schema_int(t, "pipeline.drain_interval_us");
	c->batch_bytes = (uint32_t)schema_int(t, "pipeline.batch_bytes");
	c->lag_max_ms = (uint32_t)schema_int(t, "pipeline.lag_max");
	if (!r)
		r = read_memory(t, c, err);
	c->ring_wake = (uint32_t)schema_int(t, "pipeline.ring_wake");
	c->ring_fair = (uint32_t)schema_int(t, "pipeline.ring_fair");
	c->ring_bulk = (uint32_t)schema_int(t, "pipeline.ring_bulk");
	c->critical_rate = (uint32_t)schema_int(t, "pipeline.critical_rate");
	c->critical_burst = (uint32_t)schema_int(t, "pipeline.critical_burst");
	if (!r && (c->ring_wake > c->ring_fair || c->ring_fair > c->ring_bulk))
		return cfg_error(t, cfg_get(t, "pipeline"), err,
				 "pipeline.ring_wake (%u), ring_fair (%u) and ring_bulk (%u) must rise in this order", c->ring_wake,
				 c->ring_fair, c->ring_bulk);
	return r;
}

static int read_all(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < cfg_file_count(t); i++) {
		char **f = reallocarray(c->files, i + 1, sizeof(char *));

		if (!f)
			return config_no_memory(err);
		c->files = f;
		r = config_copy(&c->files[i], cfg_file(t, i), err);
		c->nfiles += !r;
	}
	if (!r)
		r = read_engine(t, c, err);
	if (!r)
		r = config_read_outputs(t, c, err);
	if (!r)
		r = config_read_rules(t, c, err);
	if (!r)
		r = read_own(t, c, err);
	if (!r)
		r = read_metrics(t, c, err);
	if (!r)
		r = config_read_web(t, c, err);
	read_drops(t, c);
	c->match_all = !strcmp(schema_str(t, "rule_matching"), "all");
	c->min_priority = (uint8_t)config_priority(schema_str(t, "priority"));
	c->watch_files = schema_bool(t, "watch_config_files");
	return r;
}

const char *config_find(void)
{
	return !access(CONFIG_HERE, R_OK) ? CONFIG_HERE : !access(CONFIG_INSTALLED, R_OK) ? CONFIG_INSTALLED : NULL;
}

int config_load(const char *path, bool need_file, char *const *options, uint32_t noptions, struct config *ret, struct base_err *err)
{
	struct config c = { 0 };
	struct cfg_tree *t;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (path && !need_file && access(path, R_OK))
		path = NULL;
	r = cfg_tree_load(path, options, noptions, &t, err);
	if (r < 0)
		return r;
	if (path)
		r = config_copy(&c.path, path, err);
	if (!r)
		r = read_log(t, &c, err);
	if (!r)
		r = config_check_words(t, path ? path : "none", err);
	if (!r)
		r = schema_check(t, &c.warnings, err);
	if (!r)
		r = read_all(t, &c, err);
	cfg_tree_free(t);
	if (r < 0) {
		config_fini(&c);
		return r;
	}
	*ret = c;
	return 0;
}

void config_free_strs(char **l)
{
	for (size_t i = 0; l && l[i]; i++)
		free(l[i]);
	free(l);
}

static void free_append(struct rules_append *a)
{
	for (uint32_t i = 0; i < a->ntags; i++)
		free(a->tags[i]);
	free(a->tags);
	for (uint32_t i = 0; i < a->nextra; i++) {
		free(a->extra[i].name);
		free(a->extra[i].format);
	}
	free(a->extra);
	free(a->source);
	free(a->rule);
	free(a->extra_output);
}

void config_fini(struct config *c)
{
	free(c->path);
	for (uint32_t i = 0; i < c->nfiles; i++)
		free(c->files[i]);
	free(c->files);
	config_free_strs(c->rules_files);
	for (uint32_t i = 0; i < c->nselect; i++) {
		free(c->select[i].rule);
		free(c->select[i].tag);
	}
	free(c->select);
	for (uint32_t i = 0; i < c->nappend; i++)
		free_append(&c->append[i]);
	free(c->append);
	config_free_strs(c->static_names);
	config_free_strs(c->static_values);
	free(c->capture_file);
	free(c->metrics.file);
	config_free_web(c);
	config_free_strs(c->base_syscalls);
	config_free_outputs(c);
	memset(c, 0, sizeof(*c));
}
