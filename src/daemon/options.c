/* Reads the command line into struct options, by one table. Called once by main. */
#include "daemon/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum arg { ARG_FLAG, ARG_TEXT, ARG_LIST, ARG_OPTIONAL, ARG_SECONDS, ARG_FORMAT, ARG_LATER };

struct opt {
	char letter;	  /* 0 none */
	const char *name; /* long one, NULL none */
	uint8_t arg;	  /* enum arg */
	size_t at, count_at; /* in struct options */
	const char *value, *help;
};

#define AT(m) offsetof(struct options, m)
#define LIST(m) ARG_LIST, AT(m), AT(n##m)

static const struct opt opts[] = {
	{ 'h', "help", ARG_FLAG, AT(help), 0, NULL, "print this list" },
	{ 'c', NULL, ARG_TEXT, AT(config), 0, "FILE", "configuration; default saker.yaml here, else /etc/saker/saker.yaml" },
	{ 'r', NULL, LIST(rules), "PATH", "rules file or directory (*.yaml, *.yml); repeatable; replaces rules_files" },
	{ 'o', "option", LIST(option), "KEY=VALUE", "set a key of the configuration: a.b=v, list[2]=v, list[]=v, list[]={...}; repeatable" },
	{ 'V', "validate", LIST(validate), "FILE", "check rules files, say the result, exit; repeatable" },
	{ 0, "dry-run", ARG_FLAG, AT(dry_run), 0, NULL, "load everything, process no events" },
	{ 0, "interpret", ARG_FLAG, AT(interpret), 0, NULL, "evaluate conditions by their text instead of the compiled form: slow, for debugging" },
	{ 'M', NULL, ARG_SECONDS, AT(seconds), 0, "SECONDS", "stop after this time" },
	{ 'U', "unbuffered", ARG_FLAG, AT(unbuffered), 0, NULL, "write every alert at once" },
	{ 'p', "print", ARG_TEXT, AT(print), 0, "FORMAT", "append this to the output of every rule" },
	{ 'P', "pidfile", ARG_TEXT, AT(pidfile), 0, "FILE", "write the process id to this file" },
	{ 'v', NULL, ARG_FLAG, AT(verbose), 0, NULL, "say more; with --list also the types of fields" },
	{ 'L', NULL, ARG_FLAG, AT(describe_all), 0, NULL, "describe all rules (as JSON with json_output), exit" },
	{ 'l', NULL, ARG_TEXT, AT(describe), 0, "RULE", "describe one rule, exit" },
	{ 0, "list", ARG_OPTIONAL, AT(list_source), AT(list), "SOURCE", "list fields, exit; --list=syscall for one source" },
	{ 'N', NULL, ARG_FLAG, AT(names_only), 0, NULL, "with --list: names only" },
	{ 0, "list-events", ARG_FLAG, AT(list_events), 0, NULL, "list events and their parameters, exit" },
	{ 0, "format", ARG_FORMAT, AT(format), 0, "FORMAT", "of --list and --list-events: text, markdown, json" },
	{ 0, "markdown", ARG_FLAG, AT(markdown), 0, NULL, "older way to say --format markdown" },
	{ 'i', NULL, ARG_FLAG, AT(ignored), 0, NULL, "list system calls that are left out unless base_syscalls.all is set, exit" },
	{ 0, "list-plugins", ARG_FLAG, AT(list_plugins), 0, NULL, "list plugins, exit" },
	{ 0, "plugin-info", ARG_TEXT, AT(plugin_info), 0, "NAME", "say what a plugin is, exit" },
	{ 0, "enable-source", LIST(enable_source), "SOURCE", "use only these event sources; repeatable; no effect in replay" },
	{ 0, "disable-source", LIST(disable_source), "SOURCE", "leave an event source out; repeatable; no effect in replay" },
	{ 0, "support", ARG_FLAG, AT(support), 0, NULL, "print version, machine, configuration and rules as JSON, exit" },
	{ 0, "version", ARG_FLAG, AT(version), 0, NULL, "print versions, exit" },
	{ 0, "page-size", ARG_FLAG, AT(page_size), 0, NULL, "print the page size of the machine, exit" },
	{ 0, "config-schema", ARG_LATER, 0, 0, NULL, NULL },
	{ 0, "rule-schema", ARG_LATER, 0, 0, NULL, NULL },
};

static const struct opt argument = { 0, NULL, LIST(arg), NULL, NULL };

static const size_t nopts = sizeof(opts) / sizeof(opts[0]);

static const struct opt *by_letter(char c)
{
	for (size_t i = 0; i < nopts; i++) {
		if (c && opts[i].letter == c)
			return &opts[i];
	}
	return NULL;
}

static const struct opt *by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < nopts; i++) {
		if (opts[i].name && strlen(opts[i].name) == len && !memcmp(opts[i].name, name, len))
			return &opts[i];
	}
	return NULL;
}

static int no_such(struct base_err *err, const char *name, size_t len)
{
	const char *names[sizeof(opts) / sizeof(opts[0])], *near;
	char text[128];
	size_t n = 0;

	snprintf(text, sizeof(text), "%.*s", (int)(len < 100 ? len : 100), name);
	for (size_t i = 0; i < nopts; i++) {
		if (opts[i].name && opts[i].help)
			names[n++] = opts[i].name;
	}
	near = len > 2 ? base_nearest(text, names, n) : NULL;
	base_err_set(err, NULL, 0, 0, "Option ‘%s’ does not exist", text);
	if (near)
		fprintf(stderr, "'--%s' is not an option, did you mean '--%s'?\n", text, near);
	return -EINVAL;
}

static int set_format(struct options *o, const char *value, struct base_err *err)
{
	static const char *const names[] = { "text", "markdown", "json" };

	for (unsigned i = 0; i < 3; i++) {
		if (!strcasecmp(value, names[i])) {
			o->format = (enum list_format)i;
			return 0;
		}
	}
	return base_err_set(err, NULL, 0, 0, "Invalid format '%s'. Valid values are: text, markdown, json", value);
}

static int set_seconds(struct options *o, const char *value, struct base_err *err)
{
	char *end;

	errno = 0;
	o->seconds = strtoull(value, &end, 10);
	if (errno || *end || end == value || value[0] == '-' || o->seconds > UINT32_MAX)
		return base_err_set(err, NULL, 0, 0, "-M %s: expected a whole number of seconds", value);
	return 0;
}

static int add(struct options *o, const struct opt *d, char *value, struct base_err *err)
{
	char ***list = (char ***)((char *)o + d->at);
	uint32_t *count = (uint32_t *)((char *)o + d->count_at);
	char **l = reallocarray(*list, *count + 1, sizeof(char *));

	if (!l)
		return base_err_set(err, NULL, 0, 0, "no memory for the command line");
	*list = l;
	l[(*count)++] = value;
	return 0;
}

/* value NULL for flags. */
static int set(struct options *o, const struct opt *d, char *value, struct base_err *err)
{
	void *at = (char *)o + d->at;

	switch ((enum arg)d->arg) {
	case ARG_FLAG:
		*(bool *)at = true;
		return 0;
	case ARG_OPTIONAL:
		*(bool *)((char *)o + d->count_at) = true;
		*(const char **)at = value ? value : "";
		return 0;
	case ARG_TEXT:
		*(const char **)at = value;
		return 0;
	case ARG_LIST:
		return add(o, d, value, err);
	case ARG_SECONDS:
		return set_seconds(o, value, err);
	case ARG_FORMAT:
		return set_format(o, value, err);
	case ARG_LATER:
		break;
	}
	return base_err_set(err, NULL, 0, 0, "--%s is not served yet", d->name);
}

static bool wants_value(const struct opt *d)
{
	return d->arg != ARG_FLAG && d->arg != ARG_OPTIONAL && d->arg != ARG_LATER;
}

static int parse_long(struct options *o, char **argv, int argc, int *i, struct base_err *err)
{
	char *name = argv[*i] + 2, *eq = strchr(name, '=');
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	const struct opt *d = by_name(name, len);

	if (!d)
		return no_such(err, name, len);
	if (!wants_value(d)) {
		if (eq && d->arg == ARG_FLAG)
			return base_err_set(err, NULL, 0, 0, "--%s takes no value", d->name);
		return set(o, d, eq ? eq + 1 : NULL, err);
	}
	if (eq)
		return set(o, d, eq + 1, err);
	if (*i + 1 >= argc)
		return base_err_set(err, NULL, 0, 0, "Option ‘%s’ is missing an argument", d->name);
	return set(o, d, argv[++*i], err);
}

/* One or more letters; the rest of the word, or the next word, is the value of one that wants it. */
static int parse_letters(struct options *o, char **argv, int argc, int *i, struct base_err *err)
{
	for (char *p = argv[*i] + 1; *p; p++) {
		const struct opt *d = by_letter(*p);
		int r;

		if (!d)
			return no_such(err, p, 1);
		if (wants_value(d)) {
			if (p[1])
				return set(o, d, p + 1, err);
			if (*i + 1 >= argc)
				return base_err_set(err, NULL, 0, 0, "Option ‘%c’ is missing an argument", *p);
			return set(o, d, argv[++*i], err);
		}
		r = set(o, d, NULL, err);
		if (r)
			return r;
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret, struct base_err *err)
{
	struct options o = { 0 };
	bool format_given = false;
	int r = 0;

	bool only_args = false;

	for (int i = 1; !r && i < argc; i++) {
		if (only_args || argv[i][0] != '-' || !argv[i][1]) {
			r = add(&o, &argument, argv[i], err);
			continue;
		}
		if (!strcmp(argv[i], "--")) {
			only_args = true;
			continue;
		}
		format_given |= !strncmp(argv[i], "--format", 8);
		r = argv[i][1] == '-' ? parse_long(&o, argv, argc, &i, err) : parse_letters(&o, argv, argc, &i, err);
	}
	if (!r && o.markdown && format_given)
		r = base_err_set(err, NULL, 0, 0, "Cannot specify both --markdown and --format options together");
	if (!r && o.markdown) {
		fprintf(stderr, "--markdown is deprecated: use --format markdown\n");
		o.format = FORMAT_MARKDOWN;
	}
	if (r) {
		options_fini(&o);
		return r;
	}
	*ret = o;
	return 0;
}

void options_fini(struct options *o)
{
	free(o->rules);
	free(o->option);
	free(o->validate);
	free(o->enable_source);
	free(o->disable_source);
	free(o->arg);
}

void options_help(void (*line)(const char *text))
{
	char text[512], left[64];

	line("Saker: watches system calls, applies Falco rules, prints alerts.");
	line("Usage: saker [OPTION]...");
	line("       saker alerts [OPTION]...   print the alerts in the store, see saker alerts --help");
	line("       saker check FILE...        check rules files: errors, doubts, how events find each rule");
	line("       saker explain RULE CAPTURE [EVENT]   why a rule matched an event of a capture, or did not");
	line("");
	for (size_t i = 0; i < nopts; i++) {
		const struct opt *d = &opts[i];

		if (!d->help)
			continue;
		snprintf(left, sizeof(left), "%c%c%s%s%s%s%s", d->letter ? '-' : ' ', d->letter ? d->letter : ' ',
			 d->name ? (d->letter ? ", --" : "  --") : "", d->name ? d->name : "",
			 !d->value ? "" : d->arg == ARG_OPTIONAL ? "[=" : " ", d->value ? d->value : "",
			 d->arg == ARG_OPTIONAL ? "]" : "");
		snprintf(text, sizeof(text), "  %-28s %s", left, d->help);
		line(text);
	}
}
