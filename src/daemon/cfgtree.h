/* The configuration as one tree: main file, included files, -o options, in Falco's order of merging.
 * Keeps where every value came from, so that mistakes can be told with file, line and column. [main] */
#pragma once
#include "base/err.h"
#include "base/yaml.h"

struct cfg_tree;

/* path NULL: no file, options only. Returns 0 or -errno with err. */
int cfg_tree_load(const char *path, char *const *options, uint32_t noptions, struct cfg_tree **ret, struct base_err *err);
void cfg_tree_free(struct cfg_tree *t);

struct yaml_node *cfg_root(const struct cfg_tree *t); /* a map */
/* Value at a dotted path of plain keys; NULL when absent or null. */
struct yaml_node *cfg_get(const struct cfg_tree *t, const char *path);

/* Files that were read, the main one first. */
uint32_t cfg_file_count(const struct cfg_tree *t);
const char *cfg_file(const struct cfg_tree *t, uint32_t i);

/* Where a value came from: an option (its text), else a file and the line and column from 1. */
struct cfg_origin {
	const char *option, *file;
	int line, col;
};
struct cfg_origin cfg_origin(const struct cfg_tree *t, const struct yaml_node *n);

/* Fills err with the place of n and returns -EINVAL. */
int cfg_error(const struct cfg_tree *t, const struct yaml_node *n, struct base_err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- parts, for cfgtree.c and tests ---------------------------------------------------------- */

/* Replaces ${VAR} in text as Falco does; get gives a variable's value or NULL. Owned result, NULL when
 * memory is out or the result would pass max_len. */
char *cfg_expand_env(const char *text, const char *(*get)(const char *name), size_t max_len);

/* Sets one "KEY=VALUE" in root. made is called for every node this creates. parsed is called with the
 * document of a "{...}" value, which it takes over. Returns 0, -EINVAL with err, -ENOMEM. */
struct cfg_set_ops {
	void (*made)(void *arg, struct yaml_node *n);
	void (*parsed)(void *arg, struct yaml_doc *d);
	void *arg;
};
int cfg_set_option(struct yaml_doc *d, struct yaml_node *root, const char *option, const struct cfg_set_ops *ops, struct base_err *err);
