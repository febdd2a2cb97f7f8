/* Rules files -> ruleset, with what users see of it; shared by running and by the commands. [main] */
#pragma once
#include "daemon/config.h"
#include "daemon/options.h"

/* Options of the rules loader from configuration and command line; borrows both. */
struct rules_opts load_rules_opts(const struct config *c, const struct options *o);

/* opts is borrowed until the rules are freed.
 *
 * Loads -r or rules_files in order. 0 and *ret, or a negative error: then *ret_report has the text for
 * the user (several lines when a file has errors). */
int load_rules(const struct config *c, const struct options *o, const struct rules_opts *opts, struct rules **ret,
	       struct base_buf *ret_report);
/* -V: loads exactly these files. 0 also when some are invalid; negative with *ret_report otherwise. */
int load_listed(char *const *files, uint32_t n, const struct rules_opts *opts, struct rules **ret, struct base_buf *ret_report);
/* For commands about rules: the configuration named by -c, or found, or none; warnings and hints of the log go to
 * stderr whatever it says. 0, or the exit status after the error was told. */
int load_config_for_command(const struct options *o, struct config *ret);
/* The files that load_rules reads; owned array of owned paths, NULL and 0 on any error. */
char **load_files(const struct config *c, const struct options *o, uint32_t *ret_n);
