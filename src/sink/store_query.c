/* Reads the alerts of a store file, while the daemon may be writing it. In portions, each a transaction of its
 * own, so that the write-ahead log is not held back for longer than one of them takes. */
#include "sink/store.h"
#include "sink/store_db.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PORTION 512

static int portion(struct store_db *db, struct store_filter *f, bool (*fn)(void *, const struct alert *, uint64_t), void *arg,
		   bool *ret_go)
{
	struct store_item item[PORTION];
	bool go = true;
	unsigned n;
	int r = store_db_query(db, f, item, PORTION, &n);

	for (unsigned i = 0; i < n; i++) {
		go = go && fn(arg, item[i].a, item[i].id);
		f->after = item[i].id;
		alert_unref(item[i].a);
	}
	*ret_go = !r && go && n == PORTION;
	return r;
}

int store_query(const struct store_query *q, bool (*fn)(void *arg, const struct alert *a, uint64_t id), void *arg, struct base_err *err)
{
	struct store_filter f = { .since_ns = q->since_ns, .prio = q->priority, .rule = q->rule };
	struct store_db *db;
	char why[256] = "";
	bool go = true;
	int r;

	if (access(q->path, R_OK)) {
		r = -errno;
		base_err_set(err, NULL, 0, 0, "cannot read the store %s: %s", q->path, strerrordesc_np(-r));
		return r;
	}
	r = store_db_open(q->path, false, &db, why, sizeof(why));
	if (r < 0) {
		base_err_set(err, NULL, 0, 0, "cannot read the store %s: %s", q->path, why);
		return r;
	}
	while (!r && go)
		r = portion(db, &f, fn, arg, &go);
	if (r < 0)
		base_err_set(err, NULL, 0, 0, "cannot read the store %s: %s", q->path, store_db_why(db));
	store_db_close(db);
	return r;
}
