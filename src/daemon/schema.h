/* What keys there are, and whether a configuration keeps to them. Data: config_keys.def. [main] */
#pragma once
#include "daemon/cfgtree.h"

enum key_type { KEY_MAP, KEY_BOOL, KEY_INT, KEY_NUM, KEY_STR, KEY_STRS, KEY_MAPS, KEY_ANY };
enum key_serve { KEY_SERVED, KEY_PART, KEY_INERT, KEY_LATER };

struct config_key {
	const char *path;
	uint8_t type, serve;
	int64_t min, max;
	const char *def, *unit, *neutral, *meaning;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* By path as in the table; "static_fields.x" finds "static_fields.*". NULL when unknown. */
const struct config_key *config_key_find(const char *path);
/* The known path nearest to an unknown one, NULL when none is near. */
const char *config_key_nearest(const char *path);

/* Checks the whole tree. Unknown keys of files are logged as warnings (counted in *ret_warnings), those
 * of options are errors; wrong types, values out of range and values that ask for something that is not
 * served yet are errors. 0 or -EINVAL with err. */
int schema_check(const struct cfg_tree *t, uint32_t *ret_warnings, struct base_err *err);

/* Typed reads with the table's default; for keys that schema_check has passed. The path must be in the
 * table, with that type. */
bool schema_bool(const struct cfg_tree *t, const char *path);
int64_t schema_int(const struct cfg_tree *t, const char *path);
double schema_num(const struct cfg_tree *t, const char *path);
const char *schema_str(const struct cfg_tree *t, const char *path); /* borrowed from the tree or table */
