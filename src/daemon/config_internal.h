/* Parts of config.c. [main] */
#pragma once
#include "daemon/config.h"
#include "daemon/schema.h"

/* rules, append_output, static_fields, plugins. 0, -EINVAL or -ENOMEM with err. */
int config_read_rules(const struct cfg_tree *t, struct config *c, struct base_err *err);
/* A list of strings, or one, appended to *list. 0 or -ENOMEM with err. */
int config_read_strs(const struct cfg_tree *t, const struct yaml_node *n, char ***list, uint32_t *count, struct base_err *err);
int config_no_memory(struct base_err *err);
/* The checks that have fixed words, in Falco's order. */
int config_check_words(const struct cfg_tree *t, const char *path, struct base_err *err);
/* Outputs, store, throttle. */
int config_read_outputs(const struct cfg_tree *t, struct config *c, struct base_err *err);
void config_free_outputs(struct config *c);
/* webserver, privileges. */
int config_read_web(const struct cfg_tree *t, struct config *c, struct base_err *err);
void config_free_web(struct config *c);
int config_copy(char **ret, const char *s, struct base_err *err); /* *ret owned; -ENOMEM */
void config_free_strs(char **list);				  /* NULL-terminated; NULL allowed */
