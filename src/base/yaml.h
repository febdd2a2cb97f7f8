/* YAML documents as trees with positions, on libyaml. Used for rules and configuration.
 * Bounded: depth, node count and alias expansion are limited, so hostile files cost bounded memory. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_SEQ, YAML_MAP };

struct yaml_mark { uint32_t line, col, offset; }; /* from 0 */

struct yaml_node {
	uint8_t kind;
	bool plain;	   /* scalar without quotes */
	struct yaml_mark mark, end;
	char *s;	   /* SCALAR (and NULL: as written): NUL-terminated text */
	uint32_t len;
	uint32_t count;
	struct yaml_node **key; /* MAP */
	struct yaml_node **item; /* SEQ items, MAP values */
};

struct yaml_doc; /* owns all nodes */

struct yaml_limits { uint32_t max_depth, max_nodes; uint64_t max_bytes; };

/* Parses all documents of text. On success *ret_docs is an array of *ret_count trees owned by *ret.
 * Returns 0, -EINVAL (err has line and column from 1), -ENOMEM, -E2BIG (limits, err says which). */
int yaml_parse(const char *name, const char *text, size_t len, const struct yaml_limits *limits, struct yaml_doc **ret, struct yaml_node ***ret_docs, uint32_t *ret_count, struct base_err *err);
int yaml_parse_file(const char *path, const struct yaml_limits *limits, struct yaml_doc **ret, struct yaml_node ***ret_docs, uint32_t *ret_count, struct base_err *err);
void yaml_free(struct yaml_doc *d);

/* Value of key in a map, NULL when absent or n is not a map. First wins on duplicates. */
struct yaml_node *yaml_get(const struct yaml_node *n, const char *key);
/* Scalar conversions as yaml-cpp does them; false when the text is not one. */
bool yaml_bool(const struct yaml_node *n, bool *ret);
bool yaml_i64(const struct yaml_node *n, int64_t *ret);

/* Building and changing trees (configuration merging); nodes belong to d. NULL when memory is out. */
struct yaml_node *yaml_new(struct yaml_doc *d, enum yaml_kind kind);
struct yaml_node *yaml_scalar(struct yaml_doc *d, const char *s);
bool yaml_map_set(struct yaml_doc *d, struct yaml_node *map, const char *key, struct yaml_node *value);
bool yaml_seq_add(struct yaml_doc *d, struct yaml_node *seq, struct yaml_node *value);
