/* A small file beside the store, mapped into memory: numbers that survive kill -9 although they are not in
 * the database. It says after a crash how many alerts had been raised that were not committed; and whoever
 * holds its lock is the one process that writes the store. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct store_mark;

/* Makes or opens PATH.mark. -EBUSY: another process has it; another -errno: it cannot be used. put and
 * committed are what the last run left (0 in a new file). [main] */
int store_mark_open(const char *path, struct store_mark **ret, uint64_t *ret_put, uint64_t *ret_committed);
void store_mark_put(struct store_mark *m, uint64_t id);	      /* NULL allowed. [any, serialised by the store] */
void store_mark_committed(struct store_mark *m, uint64_t id); /* NULL allowed. [store] */
void store_mark_close(struct store_mark *m);		      /* NULL allowed */
