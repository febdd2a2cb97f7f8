/* Path rules of state-semantics 2.5. Pure functions. [any] */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define PATH_JOIN_MAX 1024

/* Neither "//" nor "/." is in it: nothing in it is to be dropped. */
bool path_is_plain(const char *s, size_t len);
/* Join(base, path) into out (at least PATH_JOIN_MAX + 64 bytes). Returns the length; out is
 * NUL-terminated. */
size_t path_join(char *out, const char *base, size_t base_len, const char *path, size_t path_len);
