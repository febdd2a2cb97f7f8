/* What the command line can ask for besides running: lists, versions, checks. Each prints on stdout,
 * tells errors on stderr and returns the exit status. [main] */
#pragma once
#include "daemon/load.h"

int cmd_help(void);
int cmd_version(const struct config *c);
int cmd_list(const struct options *o);
int cmd_list_events(const struct options *o);
int cmd_ignored(void);
int cmd_page_size(void);
int cmd_list_plugins(void);
int cmd_plugin_info(const char *name);
int cmd_validate(const struct config *c, const struct options *o);
int cmd_describe(const struct config *c, const struct options *o, struct rules *rules);
int cmd_support(const struct config *c, const struct options *o, int argc, char **argv);
