/* YAML documents as trees with positions, on libyaml. Used for rules and configuration.
 * Bounded: depth, node count and alias expansion are limited, so hostile files cost bounded memory. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_SEQ, YAML_MAP };

struct yaml_mark { uint32_t line, col, offset; }; /* from 0, in bytes */

struct yaml_node {
	uint8_t kind;
	bool plain;	   /* scalar without quotes */
	struct yaml_mark mark, end;
	char *s;	   /* SCALAR (and NULL: as written): NUL-terminated text */
	uint32_t len;
	uint32_t count;
	struct yaml_node **key; /* MAP */
	struct yaml_node **item; /* SEQ items, MAP values */
	uint32_t cap;	   /* of the arrays */
	uint32_t weight;   /* nodes below and this one, shared ones counted each time they are seen */
};

struct yaml_doc; /* owns all nodes */

/* 0 in a member: the default (256 levels, 4 million nodes, 64 MiB). */
struct yaml_limits { uint32_t max_depth, max_nodes; uint64_t max_bytes; };

/* Parses all documents of text. On success *ret_docs is an array of *ret_count trees owned by *ret.
 * Aliases share the node of their anchor; there is no merge key, and of equal keys all are kept.
 * Returns 0, -EINVAL (err has line and column from 1), -ENOMEM, -E2BIG (limits, err says which). */
int yaml_parse(const char *name, const char *text, size_t len, const struct yaml_limits *limits, struct yaml_doc **ret, struct yaml_node ***ret_docs, uint32_t *ret_count, struct base_err *err);
/* Also -errno when the file can't be read. */
int yaml_parse_file(const char *path, const struct yaml_limits *limits, struct yaml_doc **ret, struct yaml_node ***ret_docs, uint32_t *ret_count, struct base_err *err);
/* Offset from 0 in the text of the error that yaml_parse reported at line and col. */
size_t yaml_err_offset(const char *text, size_t len, const struct base_err *err);
/* libyaml exports and calls a function of this name: without the other symbol it would get ours. */
#define yaml_free base_yaml_free
void yaml_free(struct yaml_doc *d);

/* Whole content of a file, NUL-terminated and owned by the caller. 0, -errno, -E2BIG beyond max bytes. */
int yaml_read_file(const char *path, uint64_t max, char **ret, size_t *ret_len);

/* Value of key in a map, NULL when absent or n is not a map. First wins on duplicates. */
struct yaml_node *yaml_get(const struct yaml_node *n, const char *key);
/* Scalar conversions as yaml-cpp does them; false when the text is not one. Numbers may be written
 * in decimal, octal (0..) or hexadecimal (0x..). */
bool yaml_bool(const struct yaml_node *n, bool *ret);
bool yaml_i64(const struct yaml_node *n, int64_t *ret);
bool yaml_u32(const struct yaml_node *n, uint32_t *ret);

/* Building and changing trees (configuration merging); nodes belong to d. NULL when memory is out. */
struct yaml_node *yaml_new(struct yaml_doc *d, enum yaml_kind kind);
struct yaml_node *yaml_scalar(struct yaml_doc *d, const char *s);
bool yaml_map_set(struct yaml_doc *d, struct yaml_node *map, const char *key, struct yaml_node *value);
bool yaml_seq_add(struct yaml_doc *d, struct yaml_node *seq, struct yaml_node *value);
