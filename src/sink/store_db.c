/* See store_db.h. */
#include "sink/store_db.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION_ID 0x53414b52 /* "SAKR" */
#define VERSION 1
#define BUSY_MS 2000
#define LOG_BYTES "16777216" /* the write-ahead log is cut to this after a checkpoint */

enum stmt {
	S_BEGIN, S_COMMIT, S_ROLLBACK, S_INSERT, S_READ, S_QUERY, S_LAST, S_CURSOR, S_SET_CURSOR, S_META, S_SET_META,
	S_PAGES, S_FREE, S_DISCARD, S_EXPIRE_UPTO, S_EXPIRE, S_COUNT
};

#define COLUMNS "id, ts, prio, flags, rule, source, host, line, moff, message, fields, tags"

static const char *const sql[] = {
	[S_BEGIN] = "BEGIN IMMEDIATE",
	[S_COMMIT] = "COMMIT",
	[S_ROLLBACK] = "ROLLBACK",
	[S_INSERT] = ("INSERT INTO alert(" COLUMNS ", at) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"),
	[S_READ] = ("SELECT " COLUMNS " FROM alert WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3"),
	[S_QUERY] = ("SELECT " COLUMNS " FROM alert WHERE id > ?1 AND ts >= ?2 AND prio <= ?3 AND (?4 IS NULL OR rule = ?4)"
		    " ORDER BY id LIMIT ?5"),
	[S_LAST] = "SELECT max(id) FROM alert",
	[S_CURSOR] = "SELECT cursor FROM sink WHERE name = ?1",
	[S_SET_CURSOR] = "INSERT INTO sink(name, cursor) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET cursor = ?2",
	[S_META] = "SELECT value FROM meta WHERE key = ?1",
	[S_SET_META] = "INSERT INTO meta(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2",
	[S_PAGES] = "PRAGMA page_count",
	[S_FREE] = "PRAGMA freelist_count",
	[S_DISCARD] = ("DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE prio = (SELECT max(prio) FROM alert)"
		      " ORDER BY id LIMIT ?1)"),
	/* at never falls with rising id: the oldest n, of which the last one that is too old */
	[S_EXPIRE_UPTO] = "SELECT max(id) FROM (SELECT id, at FROM alert ORDER BY id LIMIT ?2) WHERE at < ?1",
	[S_EXPIRE] = "DELETE FROM alert WHERE id <= ?1",
};
_Static_assert(sizeof(sql) / sizeof(sql[0]) == S_COUNT, "one text per statement");

/* The index on prio holds the id too: the oldest of the lowest priority is found without a scan. */
static const char tables[] =
	"CREATE TABLE IF NOT EXISTS alert(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, ts INTEGER NOT NULL, prio INTEGER NOT NULL,"
	" flags INTEGER NOT NULL, rule TEXT NOT NULL, source TEXT NOT NULL, host TEXT NOT NULL, line TEXT NOT NULL,"
	" moff INTEGER NOT NULL, message TEXT, fields TEXT NOT NULL, tags TEXT);"
	"CREATE INDEX IF NOT EXISTS alert_prio ON alert(prio);"
	"CREATE TABLE IF NOT EXISTS sink(name TEXT PRIMARY KEY, cursor INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"PRAGMA application_id=1396788050; PRAGMA user_version=1;";
_Static_assert(APPLICATION_ID == 1396788050, "the same number in the text above");

struct store_db {
	sqlite3 *c;
	sqlite3_stmt *stmt[S_COUNT]; /* prepared when first used */
	uint64_t page_size;
	struct base_buf buf;
};

static int code(int r)
{
	switch (r & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return -EBADMSG;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

const char *store_db_why(struct store_db *db)
{
	return sqlite3_errmsg(db->c);
}

static int get(struct store_db *db, enum stmt which, sqlite3_stmt **ret)
{
	int r = 0;

	if (!db->stmt[which])
		r = code(sqlite3_prepare_v3(db->c, sql[which], -1, SQLITE_PREPARE_PERSISTENT, &db->stmt[which], NULL));
	*ret = db->stmt[which];
	return r;
}

/* Runs a statement that gives at most one number. */
static int run(struct store_db *db, enum stmt which, int64_t *ret)
{
	sqlite3_stmt *s;
	int r = get(db, which, &s);

	if (r < 0)
		return r;
	r = sqlite3_step(s);
	if (ret)
		*ret = r == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	r = code(r);
	sqlite3_reset(s);
	return r;
}

/* ---- open -------------------------------------------------------------------------------- */

static int pragma_number(struct store_db *db, const char *text, int64_t *ret)
{
	sqlite3_stmt *s = NULL;
	int r = sqlite3_prepare_v2(db->c, text, -1, &s, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return code(r);
}

static int exec(struct store_db *db, const char *text)
{
	return code(sqlite3_exec(db->c, text, NULL, NULL, NULL));
}

/* The alerts are nobody's business: SQLite would make the file readable for all. Its other files get the
 * same mode. */
static void create_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		close(fd);
}

static int set_up(struct store_db *db, bool write, char *why, size_t size)
{
	int64_t app = 0, version = 0, n = 0;
	int r;

	sqlite3_busy_timeout(db->c, BUSY_MS);
	r = pragma_number(db, "PRAGMA application_id", &app);
	if (!r)
		r = pragma_number(db, "PRAGMA user_version", &version);
	if (!r)
		r = pragma_number(db, "SELECT count(*) FROM sqlite_master", &n);
	if (!r && n && (app != APPLICATION_ID || version != VERSION)) {
		snprintf(why, size, "it is not an alert store of this version");
		return -EBADMSG;
	}
	if (!r && write && !n)
		r = exec(db, "PRAGMA auto_vacuum=INCREMENTAL");
	if (!r && write)
		r = exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=" LOG_BYTES);
	if (!r && write && !n)
		r = exec(db, tables);
	if (!r && write)
		r = exec(db, "PRAGMA incremental_vacuum");
	if (!r)
		r = pragma_number(db, "PRAGMA page_size", &n);
	db->page_size = (uint64_t)n;
	if (r < 0)
		snprintf(why, size, "%s", sqlite3_errmsg(db->c));
	return r;
}

int store_db_open(const char *path, bool write, struct store_db **ret, char *why, size_t size)
{
	struct store_db *db = calloc(1, sizeof(*db));
	int r;

	*ret = NULL;
	if (!db) {
		snprintf(why, size, "no memory");
		return -ENOMEM;
	}
	if (write)
		create_private(path);
	r = sqlite3_open_v2(path, &db->c, SQLITE_OPEN_NOMUTEX | (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY), NULL);
	if (r != SQLITE_OK) {
		snprintf(why, size, "%s", db->c ? sqlite3_errmsg(db->c) : "no memory");
		r = code(r);
	} else {
		r = set_up(db, write, why, size);
	}
	if (r < 0) {
		store_db_close(db);
		return r;
	}
	*ret = db;
	return 0;
}

void store_db_close(struct store_db *db)
{
	if (!db)
		return;
	for (unsigned i = 0; i < S_COUNT; i++)
		sqlite3_finalize(db->stmt[i]);
	sqlite3_close(db->c);
	buf_fini(&db->buf);
	free(db);
}

/* ---- transactions ------------------------------------------------------------------------ */

int store_db_begin(struct store_db *db)
{
	return run(db, S_BEGIN, NULL);
}

int store_db_commit(struct store_db *db)
{
	return run(db, S_COMMIT, NULL);
}

void store_db_rollback(struct store_db *db)
{
	if (!sqlite3_get_autocommit(db->c))
		run(db, S_ROLLBACK, NULL);
}

void store_db_truncate_log(struct store_db *db)
{
	sqlite3_wal_checkpoint_v2(db->c, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

/* ---- alerts ------------------------------------------------------------------------------ */

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

int store_db_insert(struct store_db *db, uint64_t id, uint64_t at_ns, const struct alert *a)
{
	size_t out = strlen(a->output), msg = strlen(a->message);
	bool tail = out >= msg && !memcmp(a->output + out - msg, a->message, msg);
	sqlite3_stmt *s;
	int r = get(db, S_INSERT, &s);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)id);
	sqlite3_bind_int64(s, 2, (int64_t)a->ts);
	sqlite3_bind_int(s, 3, a->priority);
	sqlite3_bind_int(s, 4, a->flags);
	bind_text(s, 5, a->rule);
	bind_text(s, 6, a->source);
	bind_text(s, 7, a->hostname);
	bind_text(s, 8, a->line);
	sqlite3_bind_int64(s, 9, tail ? (int64_t)(out - msg) : -1);
	bind_text(s, 10, tail ? NULL : a->message);
	bind_text(s, 11, a->fields_json);
	bind_text(s, 12, a->tags_json);
	sqlite3_bind_int64(s, 13, (int64_t)at_ns);
	r = code(sqlite3_step(s));
	sqlite3_reset(s);
	return r;
}

/* NULL when memory is out. */
static struct alert *from_row(struct store_db *db, sqlite3_stmt *s)
{
	const char *line = (const char *)sqlite3_column_text(s, 7), *message = (const char *)sqlite3_column_text(s, 9);
	int64_t moff = sqlite3_column_int64(s, 8);
	struct alert *a;

	buf_reset(&db->buf);
	if (line)
		buf_json_escape(&db->buf, line, strlen(line));
	if (!line || db->buf.failed)
		return NULL;
	if (moff >= 0 && (uint64_t)moff <= db->buf.len)
		message = db->buf.p ? db->buf.p + moff : "";

	struct alert_text t = { .rule = (const char *)sqlite3_column_text(s, 4), .source = (const char *)sqlite3_column_text(s, 5),
				.hostname = (const char *)sqlite3_column_text(s, 6), .line = line, .output = db->buf.p,
				.message = message, .fields_json = (const char *)sqlite3_column_text(s, 10),
				.tags_json = (const char *)sqlite3_column_text(s, 11) };

	a = alert_new(&t);
	if (!a)
		return NULL;
	a->ts = (uint64_t)sqlite3_column_int64(s, 1);
	a->priority = (uint8_t)(sqlite3_column_int(s, 2) & 7);
	a->flags = (uint8_t)sqlite3_column_int(s, 3);
	a->rule_id = UINT32_MAX;
	return a;
}

static int rows(struct store_db *db, sqlite3_stmt *s, struct store_item *item, unsigned max, unsigned *ret_count)
{
	unsigned n = 0;
	int r;

	while ((r = sqlite3_step(s)) == SQLITE_ROW && n < max) {
		struct alert *a = from_row(db, s);

		if (!a) {
			r = SQLITE_NOMEM;
			break;
		}
		item[n++] = (struct store_item){ .a = a, .id = (uint64_t)sqlite3_column_int64(s, 0) };
	}
	sqlite3_reset(s);
	/* What was read before an error is good: the error shows again on the next call. */
	*ret_count = n;
	return n ? 0 : code(r);
}

int store_db_read(struct store_db *db, uint64_t after, uint64_t before, struct store_item *item, unsigned max, unsigned *ret_count)
{
	sqlite3_stmt *s;
	int r = get(db, S_READ, &s);

	*ret_count = 0;
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)after);
	sqlite3_bind_int64(s, 2, (int64_t)before);
	sqlite3_bind_int(s, 3, (int)max);
	return rows(db, s, item, max, ret_count);
}

int store_db_query(struct store_db *db, const struct store_filter *f, struct store_item *item, unsigned max, unsigned *ret_count)
{
	sqlite3_stmt *s;
	int r = get(db, S_QUERY, &s);

	*ret_count = 0;
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)f->after);
	sqlite3_bind_int64(s, 2, (int64_t)f->since_ns);
	sqlite3_bind_int(s, 3, f->prio);
	bind_text(s, 4, f->rule);
	sqlite3_bind_int(s, 5, (int)max);
	return rows(db, s, item, max, ret_count);
}

/* ---- figures and marks ------------------------------------------------------------------- */

int store_db_last(struct store_db *db, uint64_t *ret_id)
{
	int64_t id = 0;
	int r = run(db, S_LAST, &id);

	*ret_id = id > 0 ? (uint64_t)id : 0;
	return r;
}

/* One text or number by its key. */
static int look_up(struct store_db *db, enum stmt which, const char *key, char *ret, size_t size)
{
	sqlite3_stmt *s;
	int r = get(db, which, &s);

	if (r < 0)
		return r;
	bind_text(s, 1, key);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(s, 0);

		snprintf(ret, size, "%s", text ? text : "");
		r = 0;
	} else {
		r = r == SQLITE_DONE ? -ENOENT : code(r);
	}
	sqlite3_reset(s);
	return r;
}

int store_db_cursor(struct store_db *db, const char *name, uint64_t *ret_id)
{
	char text[32];
	int r = look_up(db, S_CURSOR, name, text, sizeof(text));

	if (!r)
		*ret_id = strtoull(text, NULL, 10);
	return r;
}

int store_db_set_cursor(struct store_db *db, const char *name, uint64_t id)
{
	sqlite3_stmt *s;
	int r = get(db, S_SET_CURSOR, &s);

	if (r < 0)
		return r;
	bind_text(s, 1, name);
	sqlite3_bind_int64(s, 2, (int64_t)id);
	r = code(sqlite3_step(s));
	sqlite3_reset(s);
	return r;
}

int store_db_meta(struct store_db *db, const char *key, char *ret, size_t size)
{
	return look_up(db, S_META, key, ret, size);
}

int store_db_set_meta(struct store_db *db, const char *key, const char *value)
{
	sqlite3_stmt *s;
	int r = get(db, S_SET_META, &s);

	if (r < 0)
		return r;
	bind_text(s, 1, key);
	bind_text(s, 2, value);
	r = code(sqlite3_step(s));
	sqlite3_reset(s);
	return r;
}

int store_db_used(struct store_db *db, uint64_t *ret_bytes)
{
	int64_t pages = 0, unused = 0;
	int r = run(db, S_PAGES, &pages);

	if (!r)
		r = run(db, S_FREE, &unused);
	*ret_bytes = (uint64_t)(pages - unused) * db->page_size;
	return r;
}

int store_db_discard(struct store_db *db, unsigned n, unsigned *ret_deleted)
{
	sqlite3_stmt *s;
	int r = get(db, S_DISCARD, &s);

	*ret_deleted = 0;
	if (r < 0)
		return r;
	sqlite3_bind_int(s, 1, (int)n);
	r = code(sqlite3_step(s));
	sqlite3_reset(s);
	if (!r)
		*ret_deleted = (unsigned)sqlite3_changes(db->c);
	return r;
}

int store_db_expire(struct store_db *db, uint64_t at_ns, unsigned n, unsigned *ret_deleted)
{
	int64_t upto = 0;
	sqlite3_stmt *s;
	int r = get(db, S_EXPIRE_UPTO, &s);

	*ret_deleted = 0;
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)at_ns);
	sqlite3_bind_int(s, 2, (int)n);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		upto = sqlite3_column_int64(s, 0);
	r = code(r);
	sqlite3_reset(s);
	if (r < 0 || !upto)
		return r;
	r = get(db, S_EXPIRE, &s);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, upto);
	r = code(sqlite3_step(s));
	sqlite3_reset(s);
	if (!r)
		*ret_deleted = (unsigned)sqlite3_changes(db->c);
	return r;
}
