/* Regular expressions of conditions: RE2 in POSIX syntax, matching whole texts. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct regex;

/* NULL with the library's message in err when the pattern is not valid. [main] */
struct regex *regex_new(const char *pattern, size_t len, char *err, size_t err_size);
void regex_free(struct regex *r);
/* Bytes of s that are not UTF-8 read as U+FFFD. [any] */
bool regex_match(const struct regex *r, const char *s, size_t len);

#ifdef __cplusplus
}
#endif
