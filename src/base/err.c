/* Errors a user can mend, and suggestions for misspelt names. Called by every reader of users' text;
 * flows out to the log, to reports and to the API. */
#include "base/err.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 64 /* longer names get no suggestion: the table below stays small */

int base_err_set(struct base_err *e, const char *file, int line, int col, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -EINVAL;
	snprintf(e->file, sizeof(e->file), "%s", file ? file : "");
	e->line = line;
	e->col = col;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const char *base_err_str(const struct base_err *e, char *buf, size_t size)
{
	if (!size)
		return buf;
	if (e->file[0] && e->line > 0 && e->col > 0)
		snprintf(buf, size, "%s:%d:%d: %s", e->file, e->line, e->col, e->msg);
	else if (e->file[0] && e->line > 0)
		snprintf(buf, size, "%s:%d: %s", e->file, e->line, e->msg);
	else if (e->file[0])
		snprintf(buf, size, "%s: %s", e->file, e->msg);
	else
		snprintf(buf, size, "%s", e->msg);
	return buf;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits (insert, delete, change, swap of neighbours) from a to b, each of at most NAME_MAX_LEN. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned row[3][NAME_MAX_LEN + 1]; /* the last three rows of the table, in turn */

	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *cur = row[i % 3], *prev = row[(i + 2) % 3], *prev2 = row[(i + 1) % 3];

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1, prev[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && prev2[j - 2] + 1 < cur[j])
				cur[j] = prev2[j - 2] + 1;
		}
	}
	return row[na % 3][nb];
}

const char *base_nearest(const char *what, const char *const *names, size_t count)
{
	size_t len = strlen(what);
	const char *best = NULL;
	unsigned best_distance;

	if (!len || len > NAME_MAX_LEN)
		return NULL;
	/* a third of the letters may be wrong; one of them always */
	best_distance = (unsigned)(len / 3 ? len / 3 : 1) + 1;
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(names[i]);
		unsigned d;

		if (n > NAME_MAX_LEN || n + best_distance <= len || len + best_distance <= n)
			continue;
		d = distance(what, len, names[i], n);
		if (d < best_distance) {
			best_distance = d;
			best = names[i];
		}
	}
	return best;
}
