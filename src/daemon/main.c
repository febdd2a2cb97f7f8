/* saker: reads the command line, then the configuration, then does what was asked. */
#include "daemon/alerts.h"
#include "daemon/check.h"
#include "daemon/commands.h"
#include "daemon/run.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Things that can be told without a configuration file. */
static bool needs_no_file(const struct options *o)
{
	return o->version || o->list || o->list_events || o->list_plugins || o->plugin_info || o->ignored || o->page_size;
}

/* NULL and an error told when there must be one and there is none. */
static const char *find_config(const struct options *o, bool *ret_failed)
{
	char text[1200];

	*ret_failed = false;
	if (o->config) {
		if (!access(o->config, R_OK))
			return o->config;
		snprintf(text, sizeof(text), "Could not find configuration file at %.1000s", o->config);
		run_error(text);
		*ret_failed = true;
		return NULL;
	}
	if (config_find())
		return config_find();
	if (!needs_no_file(o)) {
		run_error("no configuration: pass -c FILE, or make " CONFIG_HERE " here or " CONFIG_INSTALLED);
		*ret_failed = true;
	}
	return NULL;
}

static void log_start(const struct config *c)
{
	struct utsname u;

	uname(&u);
	log_info("Saker version: %s (%s)", SAKER_VERSION, u.machine);
	if (!c->nfiles)
		return;
	log_info("Saker initialized with configuration files:");
	for (uint32_t i = 0; i < c->nfiles; i++)
		log_info("   %s", c->files[i]);
	if (c->warnings)
		log_warn("%u unknown key%s in the configuration, see above", c->warnings, c->warnings == 1 ? "" : "s");
}

/* Everything that needs rules. */
static int with_rules(const struct config *c, const struct options *o)
{
	struct rules_opts opts = load_rules_opts(c, o);
	struct base_buf report = { 0 };
	struct base_err err = { 0 };
	struct ruleset *set = NULL;
	struct rules *rules;
	int r;

	if (!o->nrules && !c->nrules_files)
		return run_error("You must specify at least one rules file/directory via -r or a rules_file entry in falco.yaml");
	if (load_rules(c, o, &opts, &rules, &report)) {
		run_error(report.p ? report.p : "no memory for the rules");
		buf_fini(&report);
		return 1;
	}
	buf_fini(&report);
	if (o->describe_all || o->describe) {
		r = cmd_describe(c, o, rules);
		rules_free(rules);
		return r;
	}
	set = rules_compile(rules, &err);
	if (set && !opts.interpret && run_shows_left_texts(c, set)) {
		opts.interpret = true;
		ruleset_free(set);
		set = rules_compile(rules, &err);
	}
	rules_free(rules);
	if (!set)
		return run_error(err.msg[0] ? err.msg : "the rules cannot be compiled");
	return run_daemon(c, o, set); /* takes the rules over */
}

static int dispatch(const struct config *c, const struct options *o, int argc, char **argv)
{
	if (o->version)
		return cmd_version(c);
	if (o->page_size)
		return cmd_page_size();
	if (o->ignored)
		return cmd_ignored();
	if (o->list)
		return cmd_list(o);
	if (o->list_events)
		return cmd_list_events(o);
	if (o->list_plugins)
		return cmd_list_plugins();
	if (o->plugin_info)
		return cmd_plugin_info(o->plugin_info);
	if (o->nvalidate)
		return cmd_validate(c, o);
	if (o->support)
		return cmd_support(c, o, argc, argv);
	return with_rules(c, o);
}

int main(int argc, char **argv)
{
	struct base_err err = { 0 };
	struct options o;
	struct config c;
	char text[2048];
	const char *path;
	bool failed;
	int r;

	if (argc > 1 && !strcmp(argv[1], "alerts"))
		return cmd_alerts(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "check"))
		return cmd_check(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "explain"))
		return cmd_explain(argc - 1, argv + 1);
	if (options_parse(argc, argv, &o, &err))
		return run_error(base_err_str(&err, text, sizeof(text)));
	if (o.help) {
		r = cmd_help();
		options_fini(&o);
		return r;
	}
	path = find_config(&o, &failed);
	if (failed) {
		options_fini(&o);
		return 1;
	}
	r = config_load(path, path != NULL, o.option, o.noption, &c, &err);
	if (r < 0) {
		options_fini(&o);
		return run_error(base_err_str(&err, text, sizeof(text)));
	}
	log_start(&c);
	r = dispatch(&c, &o, argc, argv);
	config_fini(&c);
	options_fini(&o);
	return r;
}
