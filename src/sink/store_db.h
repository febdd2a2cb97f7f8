/* The store's SQLite file: layout and statements. One connection belongs to one thread at a time.
 *
 * Functions return 0 or: -EBADMSG the file is damaged or not a store, -ENOSPC no room, -EROFS not writable,
 * -EBUSY, -ENOMEM, -EIO anything else; store_db_why says it in SQLite's words.
 *
 * Layout (user_version 1): alert(id, at, ts, prio, flags, rule, source, host, line, moff, message, fields, tags),
 * sink(name, cursor), meta(key, value). `output` is `line` escaped and is not kept; `message` is its end from byte
 * moff on unless it differs. at: when it was stored, ns, never falling. */
#pragma once
#include "contract/alert.h"
#include "sink/store.h"

struct store_db;

/* write: creates the file (mode 0600) and its tables when they are not there. On error *ret is NULL and why,
 * of size bytes, says what. */
int store_db_open(const char *path, bool write, struct store_db **ret, char *why, size_t size);
void store_db_close(struct store_db *db); /* NULL allowed */
const char *store_db_why(struct store_db *db); /* valid until the next call */

int store_db_begin(struct store_db *db);
int store_db_commit(struct store_db *db);
void store_db_rollback(struct store_db *db);

int store_db_insert(struct store_db *db, uint64_t id, uint64_t at_ns, const struct alert *a);
/* Up to max alerts with after < id < before, in order. The items' alerts are the caller's. */
int store_db_read(struct store_db *db, uint64_t after, uint64_t before, struct store_item *item, unsigned max, unsigned *ret_count);
/* The same with ts >= since, priority number <= prio, and rule (NULL any). */
struct store_filter { uint64_t after, since_ns; uint8_t prio; const char *rule; };
int store_db_query(struct store_db *db, const struct store_filter *f, struct store_item *item, unsigned max, unsigned *ret_count);

int store_db_last(struct store_db *db, uint64_t *ret_id); /* 0 when empty */
int store_db_cursor(struct store_db *db, const char *name, uint64_t *ret_id); /* -ENOENT: none yet */
int store_db_set_cursor(struct store_db *db, const char *name, uint64_t id);
/* meta; text is at most size - 1 bytes. -ENOENT: not there. */
int store_db_meta(struct store_db *db, const char *key, char *ret, size_t size);
int store_db_set_meta(struct store_db *db, const char *key, const char *value);

int store_db_used(struct store_db *db, uint64_t *ret_bytes); /* pages in use */
/* Deletes up to n alerts: of the lowest priority there is, the oldest first; or those stored before `at`. */
int store_db_discard(struct store_db *db, unsigned n, unsigned *ret_deleted);
int store_db_expire(struct store_db *db, uint64_t at_ns, unsigned n, unsigned *ret_deleted);
/* Moves the write-ahead log into the file and cuts it to nothing, if no reader is in the way. */
void store_db_truncate_log(struct store_db *db);
