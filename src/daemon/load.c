/* See load.h. Finds the files, gives them to the loader, logs warnings, turns errors into one text. */
#include "daemon/load.h"

#include "daemon/run.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DIR 4096

struct files {
	char **path; /* owned */
	uint32_t len;
};

static void files_fini(struct files *f)
{
	for (uint32_t i = 0; i < f->len; i++)
		free(f->path[i]);
	free(f->path);
}

static int files_add(struct files *f, const char *path)
{
	char **p = reallocarray(f->path, f->len + 1, sizeof(char *));

	if (!p)
		return -ENOMEM;
	f->path = p;
	p[f->len] = strdup(path);
	return p[f->len] ? (f->len++, 0) : -ENOMEM;
}

static bool is_yaml(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Regular *.yaml and *.yml of a directory, sorted. */
static int add_dir(struct files *f, const char *dir)
{
	DIR *d = opendir(dir);
	uint32_t from = f->len;
	struct dirent *e;
	int r = 0;

	if (!d)
		return -errno;
	while (!r && (e = readdir(d)) && f->len - from < MAX_DIR) {
		char full[4096];
		struct stat st;

		if (!is_yaml(e->d_name) ||
		    (size_t)snprintf(full, sizeof(full), "%s/%s", dir, e->d_name) >= sizeof(full) || stat(full, &st) ||
		    !S_ISREG(st.st_mode))
			continue;
		r = files_add(f, full);
	}
	closedir(d);
	if (f->len > from)
		qsort(f->path + from, f->len - from, sizeof(char *), by_name);
	return r;
}

static int find_files(struct files *f, char *const *paths, uint32_t n, struct base_buf *report)
{
	for (uint32_t i = 0; i < n; i++) {
		struct stat st;
		int r;

		if (!stat(paths[i], &st) && S_ISDIR(st.st_mode)) {
			r = add_dir(f, paths[i]);
		} else if (!access(paths[i], F_OK) && !is_yaml(paths[i])) {
			log_warn("%s left out: rules files end in .yaml or .yml", paths[i]);
			continue;
		} else {
			r = files_add(f, paths[i]);
		}
		if (r < 0) {
			buf_fmt(report, "%s: cannot read the directory: %s", paths[i], strerror(-r));
			return r;
		}
	}
	if (f->len)
		return 0;
	buf_str(report, "no rules file (*.yaml, *.yml) in what was given with -r or rules_files");
	return -ENOENT;
}

/* All files must be readable before the first is loaded. */
static int check_readable(char *const *path, uint32_t n, struct base_buf *report)
{
	for (uint32_t i = 0; i < n; i++) {
		struct stat st;

		if (stat(path[i], &st) || S_ISDIR(st.st_mode) || access(path[i], R_OK)) {
			buf_fmt(report, "Could not open file %s for reading", path[i]);
			return -ENOENT;
		}
	}
	return 0;
}

static const char *const no_plugins[] = { NULL };

/* -pc and its kin once added container fields; now append_output does, and the words mean nothing. */
static const char *print_format(const char *p)
{
	static const char *const words[] = { "c", "container", "k", "kubernetes" };

	for (size_t i = 0; p && i < 4; i++) {
		if (!strcmp(p, words[i]))
			return NULL;
	}
	return p;
}

struct rules_opts load_rules_opts(const struct config *c, const struct options *o)
{
	return (struct rules_opts){
		.min_priority = c->min_priority,
		.match_all = c->match_all,
		.interpret = o->interpret,
		.iso_time = c->iso_time,
		.append = c->append,
		.nappend = c->nappend,
		.print_format = print_format(o->print),
		.select = c->select,
		.nselect = c->nselect,
		.static_names = (const char *const *)c->static_names,
		.plugins = no_plugins,
	};
}

static int load_one(struct rules *rules, const char *path, struct base_buf *report)
{
	uint32_t at = rules_file_count(rules);
	int r = rules_load_file(rules, path);
	struct base_buf text = { 0 };

	if (r < 0 && r != -EINVAL) {
		buf_fmt(report, "Could not open file %s for reading", path);
		return r;
	}
	if (r == -EINVAL)
		return r;
	if (rules_file_has_warnings(rules, at)) {
		rules_report_text(rules, at, true, &text);
		log_warn("%s", text.p ? text.p : "");
		buf_fini(&text);
	}
	return 0;
}

static int check_plugins(struct rules *rules, struct base_buf *report)
{
	struct base_err err = { 0 };

	if (!rules_check_plugins(rules, &err))
		return 0;
	buf_reset(report);
	buf_str(report, err.msg);
	return -ENOEXEC; /* told apart from an invalid file */
}

/* What follows `after` in the text, up to a blank, quote or bracket; false when it is not there. */
static bool word_after(const char *text, const char *after, char *ret, size_t size)
{
	const char *p = strstr(text, after);

	if (!p)
		return false;
	snprintf(ret, size, "%s", p + strlen(after));
	ret[strcspn(ret, " '\n[(")] = '\0';
	return *ret;
}

static void hint(const char *kind, const char *what, const char *const *names, size_t n)
{
	const char *near = names ? base_nearest(what, names, n) : NULL;

	if (near)
		log_err("there is no %s '%s', did you mean '%s'?", kind, what, near);
}

/* The report is worded as Falco's; what may have been meant is a line of the log beside it. */
static void log_hint(const struct rules *rules, const char *report)
{
	static const char *const transformers[] = { "tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt", "val" };
	const char **names;
	char what[128];
	uint32_t nmacro;
	size_t n = 0;

	if (word_after(report, "Undefined macro '", what, sizeof(what))) {
		names = rules_macro_names(rules, &nmacro);
		hint("macro", what, names, nmacro);
	} else if (word_after(report, "nonexistent field ", what, sizeof(what))) {
		names = calloc(eval_field_count, sizeof(*names));
		for (; names && n < eval_field_count; n++)
			names[n] = eval_field_defs[n].name;
		hint("field", what, names, n);
		hint("transformer", what, transformers, sizeof(transformers) / sizeof(transformers[0]));
	} else if (word_after(report, "unknown event type ", what, sizeof(what))) {
		names = calloc(EVT_TYPE_MAX, sizeof(*names));
		for (; names && n < EVT_TYPE_MAX; n++)
			names[n] = evt_table[n].name;
		hint("event", what, names, n);
	} else {
		return;
	}
	free(names);
}

static int no_memory(struct base_buf *report)
{
	buf_str(report, "no memory for the rules");
	return -ENOMEM;
}

int load_rules(const struct config *c, const struct options *o, const struct rules_opts *opts, struct rules **ret,
	       struct base_buf *ret_report)
{
	struct files f = { 0 };
	struct rules *rules = NULL;
	int r;

	r = o->nrules ? find_files(&f, o->rules, o->nrules, ret_report) :
			find_files(&f, c->rules_files, c->nrules_files, ret_report);
	if (!r)
		r = check_readable(f.path, f.len, ret_report);
	if (!r && !(rules = rules_new(opts)))
		r = no_memory(ret_report);
	if (!r)
		log_info("Loading rules from:");
	for (uint32_t i = 0; !r && i < f.len; i++) {
		uint32_t at = rules_file_count(rules);

		log_info("   %s", f.path[i]);
		r = load_one(rules, f.path[i], ret_report);
		if (r == -EINVAL) {
			rules_report_text(rules, at, true, ret_report);
			if (ret_report->p)
				log_hint(rules, ret_report->p);
			break;
		}
	}
	/* A plugin that is missing is often why fields are unknown: it is told instead. */
	if (rules && (!r || r == -EINVAL)) {
		int p = check_plugins(rules, ret_report);

		if (p)
			r = p;
	}
	files_fini(&f);
	if (r) {
		rules_free(rules);
		return r;
	}
	*ret = rules;
	return 0;
}

int load_listed(char *const *files, uint32_t n, const struct rules_opts *opts, struct rules **ret, struct base_buf *ret_report)
{
	struct rules *rules;
	int r = check_readable(files, n, ret_report);

	if (r)
		return r;
	rules = rules_new(opts);
	if (!rules)
		return no_memory(ret_report);
	log_info("Validating rules file(s):");
	for (uint32_t i = 0; i < n; i++)
		log_info("   %s", files[i]);
	for (uint32_t i = 0; !r && i < n; i++) {
		r = load_one(rules, files[i], ret_report);
		if (!r || r == -EINVAL)
			r = check_plugins(rules, ret_report);
	}
	if (r) {
		rules_free(rules);
		return r;
	}
	*ret = rules;
	return 0;
}

int load_config_for_command(const struct options *o, struct config *ret)
{
	char **opts = malloc((o->noption + 2) * sizeof(char *));
	struct base_err err = { 0 };
	char text[2048];
	int r;

	if (!opts)
		return run_error("no memory");
	opts[0] = (char[]){ "log_stderr=true" };
	opts[1] = (char[]){ "log_level=warning" };
	for (uint32_t i = 0; i < o->noption; i++)
		opts[i + 2] = o->option[i];
	r = config_load(o->config ? o->config : config_find(), o->config != NULL, opts, o->noption + 2, ret, &err);
	free(opts);
	return r ? run_error(base_err_str(&err, text, sizeof(text))) : 0;
}

char **load_files(const struct config *c, const struct options *o, uint32_t *ret_n)
{
	struct base_buf report = { 0 };
	struct files f = { 0 };
	int r = o->nrules ? find_files(&f, o->rules, o->nrules, &report) :
			    find_files(&f, c->rules_files, c->nrules_files, &report);

	buf_fini(&report);
	*ret_n = r ? 0 : f.len;
	if (!r)
		return f.path;
	files_fini(&f);
	return NULL;
}
