/* Errors that a user can mend: where, what was found, what would be right. */
#pragma once
#include <stdarg.h>
#include <stddef.h>

/* line and col count from 1; 0 = not known. msg is one line without a final dot or newline. */
struct base_err {
	char file[512];
	int line, col;
	char msg[1024];
};

/* Fills *e (if not NULL) and returns -EINVAL, so that callers can `return base_err_set(...)`. */
int base_err_set(struct base_err *e, const char *file, int line, int col, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* "file:line:col: msg", parts that are unknown left out. Returns buf. */
const char *base_err_str(const struct base_err *e, char *buf, size_t size);

/* Nearest of names[0..count) to what by edit distance, NULL when none is near enough to suggest. */
const char *base_nearest(const char *what, const char *const *names, size_t count);
