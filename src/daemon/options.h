/* The command line: Falco's options. [main] */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum list_format { FORMAT_TEXT, FORMAT_MARKDOWN, FORMAT_JSON };

struct options {
	bool help, version, verbose, unbuffered, dry_run, describe_all, support, ignored, page_size, interpret;
	bool list, list_events, list_plugins, names_only, markdown;
	const char *list_source; /* of --list=SOURCE, "" all */
	enum list_format format;
	const char *config; /* -c, NULL none */
	const char *describe; /* -l */
	const char *print;   /* -p */
	const char *pidfile; /* -P */
	const char *plugin_info;
	uint64_t seconds;    /* -M, 0 = no limit */
	/* in order; arrays owned, texts borrowed from argv */
	char **rules; uint32_t nrules;		/* -r */
	char **option; uint32_t noption;	/* -o */
	char **validate; uint32_t nvalidate;	/* -V */
	char **enable_source; uint32_t nenable_source;
	char **disable_source; uint32_t ndisable_source;
	char **arg; uint32_t narg; /* what is no option; the daemon ignores it, as Falco does */
};

/* Returns 0 or -EINVAL with err. */
int options_parse(int argc, char **argv, struct options *ret, struct base_err *err);
void options_fini(struct options *o);
/* The text of --help. */
void options_help(void (*line)(const char *text));
