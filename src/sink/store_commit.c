/* The store's thread: one transaction per commit interval with the new alerts, the readers' cursors and the
 * deletions that the limits ask for. And what is done when the file does not play along.
 *
 * A transaction is put together from copies of pointers: the lock is held to take them and to publish the
 * result, never while SQLite works. */
#include "sink/store_internal.h"

#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX 4096	     /* alerts per transaction */
#define DISCARD_CHUNK 1000   /* alerts deleted at a time */
#define DISCARD_ROUNDS 16    /* and how often per transaction */
#define EXPIRY_NS 10000000000ull
#define MOVE_PAUSE_NS 60000000000ull
#define RETRY_NS 1000000000ull

struct store_work {
	struct alert *alert[BATCH_MAX];
	unsigned count;
	unsigned readers; /* as many as there were when it began: more may come meanwhile */
	uint64_t first; /* number of alert[0] */
	uint64_t cursor[STORE_READERS];
	bool dirty[STORE_READERS];
	uint64_t discarded, expired, bytes;
};

uint64_t store_age_clock(uint64_t real_at_start, uint64_t mono_at_start, uint64_t mono_now)
{
	return real_at_start + (mono_now - mono_at_start);
}

/* ---- failures ---------------------------------------------------------------------------- */

static void set_failing(struct store *s, bool failing)
{
	pthread_mutex_lock(&s->lock);
	if (s->failing != failing) {
		s->failing = failing;
		s->stats.failing_since = failing ? base_now_ns() : 0;
		/* Now they may see what is not committed; the hub need not wait for commits. */
		for (unsigned i = 0; i < s->readers; i++)
			pthread_cond_signal(&s->reader[i].news);
		pthread_cond_broadcast(&s->room);
	}
	pthread_mutex_unlock(&s->lock);
}

/* Once per kind of failure. */
static void fail(struct store *s, const char *why)
{
	if (strcmp(s->why, why)) {
		snprintf(s->why, sizeof(s->why), "%s", why);
		log_err("store: cannot write %s: %s; alerts go to the outputs without being stored until it can be written again",
			s->path, why);
	}
	s->next_try = base_mono_ns() + RETRY_NS;
	set_failing(s, true);
}

static void recovered(struct store *s)
{
	if (!s->why[0])
		return;
	log_notice("store: %s can be written again", s->path);
	s->why[0] = '\0';
	set_failing(s, false);
}

/* The damaged file and what belongs to it get another name, so that a new one can take its place. False: that
 * was done a moment ago already, so it does not help. */
static bool move_aside(struct store *s, const char *why)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	char from[4200], to[4300], stamp[32];
	time_t now = (time_t)(base_now_ns() / 1000000000u);
	struct tm tm;

	if (s->moved_mono && base_mono_ns() - s->moved_mono < MOVE_PAUSE_NS)
		return false;
	s->moved_mono = base_mono_ns();
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	store_db_close(s->db);
	s->db = NULL;
	log_err("store: %s is damaged (%s): it is moved to %s.damaged-%s, and a new one begins. Alerts in it that an output had "
		"not acknowledged will not be delivered", s->path, why, s->path, stamp);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), "%.4000s%s", s->path, parts[i]);
		snprintf(to, sizeof(to), "%.4000s.damaged-%s%s", s->path, stamp, parts[i]);
		if (rename(from, to) && errno != ENOENT)
			log_err("store: cannot rename %s: %s", from, strerror(errno));
	}
	pthread_mutex_lock(&s->lock);
	s->stats.moved_aside++;
	s->generation++;
	s->suspect = false;
	for (unsigned i = 0; i < s->readers; i++)
		s->reader[i].dirty = true;
	pthread_mutex_unlock(&s->lock);
	return true;
}

/* ---- opening ----------------------------------------------------------------------------- */

static void new_uuid(char uuid[37])
{
	uint8_t b[16] = { 0 };

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		memcpy(b, &(uint64_t){ base_now_ns() }, 8);
	b[6] = (uint8_t)(0x40 | (b[6] & 0x0f));
	b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
	snprintf(uuid, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4],
		 b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* Opens, learns the newest number and who the file is. */
static int try_open(struct store *s, uint64_t *ret_last, char uuid[37], char *why, size_t size)
{
	int r = store_db_open(s->path, true, &s->db, why, size);

	if (r < 0)
		return r;
	r = store_db_last(s->db, ret_last);
	if (!r && store_db_meta(s->db, "uuid", uuid, 37)) {
		new_uuid(uuid);
		r = store_db_set_meta(s->db, "uuid", uuid);
	}
	if (r < 0)
		snprintf(why, size, "%s", store_db_why(s->db));
	return r;
}

/* The same; a damaged one is moved aside and a new one made. On error *ret_last is untouched and db may be
 * open. */
static int open_db(struct store *s, uint64_t *ret_last, char *why, size_t size)
{
	uint64_t last = 0;
	char uuid[37] = "";
	int r = try_open(s, &last, uuid, why, size);

	if (r == -EBADMSG && move_aside(s, why))
		r = try_open(s, &last, uuid, why, size);
	if (r < 0)
		return r;
	pthread_mutex_lock(&s->lock);
	memcpy(s->uuid, uuid, sizeof(uuid));
	pthread_mutex_unlock(&s->lock);
	*ret_last = last;
	return 0;
}

/* Cursors from the file; a name that it does not know begins behind what is there. */
static uint64_t load_cursors(struct store *s, uint64_t last)
{
	bool known[STORE_READERS] = { false };

	for (unsigned i = 0; i < s->readers; i++) {
		struct store_reader *r = &s->reader[i];

		known[i] = !store_db_cursor(s->db, r->name, &r->cursor);
		if (known[i] && r->cursor > last)
			last = r->cursor;
	}
	for (unsigned i = 0; i < s->readers; i++) {
		if (!known[i]) {
			s->reader[i].cursor = last;
			s->reader[i].dirty = true;
		}
	}
	return last;
}

/* What the last run left behind. last: newest number in the file; put, committed: of its mark. */
static void tell_last_run(struct store *s, uint64_t last, uint64_t put, uint64_t committed)
{
	char state[16] = "clean";
	uint64_t safe = committed > last ? committed : last, lost = put > safe ? put - safe : 0;

	store_db_meta(s->db, "state", state, sizeof(state));
	if (strcmp(state, "clean"))
		log_warn("store: the last run was not stopped properly. It had raised %llu alert%s that %s not committed and %s lost "
			 "(at most those of one commit interval, %u ms); the newest that is stored is number %llu",
			 (unsigned long long)lost, lost == 1 ? "" : "s", lost == 1 ? "was" : "were", lost == 1 ? "is" : "are",
			 s->o.commit_ms, (unsigned long long)last);
	for (unsigned i = 0; i < s->readers; i++) {
		uint64_t n = last > s->reader[i].cursor ? last - s->reader[i].cursor : 0;

		if (n)
			log_notice("store: output \"%s\" has up to %llu alerts of earlier runs to deliver", s->reader[i].name,
				   (unsigned long long)n);
	}
}

int store_open_file(struct store *s, struct base_err *err)
{
	uint64_t put = 0, committed = 0, last = 0, seen;
	char why[256] = "";
	int r = store_mark_open(s->path, &s->mark, &put, &committed);

	s->real_at_start = base_now_ns();
	s->mono_at_start = base_mono_ns();
	s->tx = malloc(sizeof(*s->tx));
	if (!s->tx)
		return base_err_set(err, NULL, 0, 0, "no memory for the store");
	if (r == -EBUSY) {
		base_err_set(err, NULL, 0, 0, "store.path: %s is in use by another process", s->path);
		return r;
	}
	if (r < 0)
		log_warn("store: cannot use %s.mark (%s): after a crash it cannot be said how many alerts were lost", s->path,
			 strerror(-r));
	r = open_db(s, &last, why, sizeof(why));
	seen = last;
	if (!r) {
		last = load_cursors(s, put > last ? put : last);
		tell_last_run(s, seen, put, committed);
		s->opened = true;
		r = store_db_set_meta(s->db, "state", "open");
	} else {
		last = put;
		for (unsigned i = 0; i < s->readers; i++)
			s->reader[i].cursor = last;
	}
	s->first = s->next = last + 1;
	s->committed = last;
	store_mark_put(s->mark, last);
	store_mark_committed(s->mark, last);
	if (r < 0)
		fail(s, why[0] || !s->db ? why : store_db_why(s->db));
	return 0;
}

void store_close_file(struct store *s)
{
	if (s->db && !s->failing)
		store_db_set_meta(s->db, "state", "clean");
	store_db_close(s->db);
	s->db = NULL;
	store_mark_close(s->mark);
	s->mark = NULL;
	free(s->tx);
	s->tx = NULL;
}

/* The file could not be opened at start and can be now. What memory holds gets numbers behind those in the file, and
 * readers go back to where the file says they were: rather twice than never. */
static void adopt(struct store *s, uint64_t last)
{
	uint64_t cursor[STORE_READERS], shift;
	bool known[STORE_READERS];
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->readers; /* more may come meanwhile */
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < n; i++) {
		known[i] = !store_db_cursor(s->db, s->reader[i].name, &cursor[i]);
		if (known[i] && cursor[i] > last)
			last = cursor[i];
	}
	pthread_mutex_lock(&s->lock);
	shift = last + 1 > s->first ? last + 1 - s->first : 0;
	s->first += shift;
	s->next += shift;
	s->committed = s->first - 1;
	s->epoch++; /* numbers handed out before mean nothing any more */
	for (unsigned i = 0; i < s->readers; i++) {
		struct store_reader *r = &s->reader[i];

		r->cursor = i < n && known[i] ? cursor[i] : r->cursor + shift;
		r->dirty = true;
	}
	store_mark_put(s->mark, s->next - 1);
	pthread_mutex_unlock(&s->lock);
}

/* The file may have become readable or writable again, or be a new one: opened afresh. */
static int reopen(struct store *s)
{
	char why[256] = "";
	uint64_t last = 0;
	int r;

	store_db_close(s->db);
	s->db = NULL;
	r = open_db(s, &last, why, sizeof(why));
	if (!r)
		r = store_db_set_meta(s->db, "state", "open");
	if (r < 0) {
		fail(s, why[0] || !s->db ? why : store_db_why(s->db));
		return r;
	}
	if (!s->opened)
		adopt(s, last);
	s->opened = true;
	pthread_mutex_lock(&s->lock);
	s->generation++;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* ---- one transaction --------------------------------------------------------------------- */

/* Lock held. False: nothing to do. */
static bool take(struct store *s, struct store_work *w)
{
	bool any = false;

	w->first = s->committed + 1 > s->first ? s->committed + 1 : s->first;
	w->count = 0;
	for (uint64_t id = w->first; id < s->next && w->count < BATCH_MAX; id++)
		w->alert[w->count++] = alert_ref(s->ring[(s->at + (id - s->first)) % s->cap]);
	s->writing = w->count ? w->first + w->count - 1 : 0;
	w->readers = s->readers;
	for (unsigned i = 0; i < s->readers; i++) {
		w->cursor[i] = s->reader[i].cursor;
		w->dirty[i] = s->reader[i].dirty;
		s->reader[i].dirty = false;
		any |= w->dirty[i];
	}
	return any || w->count;
}

static int expire(struct store *s, struct store_work *w, uint64_t at)
{
	unsigned n = DISCARD_CHUNK;
	int r = 0;

	if (!s->o.max_age_ns || at < s->o.max_age_ns || base_mono_ns() < s->next_expiry)
		return 0;
	for (unsigned i = 0; !r && n == DISCARD_CHUNK && i < DISCARD_ROUNDS; i++) {
		r = store_db_expire(s->db, at - s->o.max_age_ns, DISCARD_CHUNK, &n);
		w->expired += n;
	}
	/* a full round means that there is more */
	if (n < DISCARD_CHUNK)
		s->next_expiry = base_mono_ns() + EXPIRY_NS;
	return r;
}

static int keep_limits(struct store *s, struct store_work *w, uint64_t at)
{
	int r = expire(s, w, at);
	unsigned n = 1;

	w->bytes = 0;
	for (unsigned i = 0; !r && n && i < DISCARD_ROUNDS; i++) {
		r = store_db_used(s->db, &w->bytes);
		if (r < 0 || !s->o.max_bytes || w->bytes <= s->o.max_bytes)
			break;
		r = store_db_discard(s->db, DISCARD_CHUNK, &n);
		w->discarded += n;
	}
	return r;
}

static int write_all(struct store *s, struct store_work *w)
{
	uint64_t at = store_age_clock(s->real_at_start, s->mono_at_start, base_mono_ns());
	int r = store_db_begin(s->db);

	w->discarded = w->expired = 0;
	for (unsigned i = 0; !r && i < w->count; i++)
		r = store_db_insert(s->db, w->first + i, at, w->alert[i]);
	for (unsigned i = 0; !r && i < w->readers; i++) {
		if (w->dirty[i])
			r = store_db_set_cursor(s->db, s->reader[i].name, w->cursor[i]);
	}
	if (!r)
		r = keep_limits(s, w, at);
	return r ? r : store_db_commit(s->db);
}

static void tell_discarded(struct store *s, const struct store_work *w)
{
	if (!w->discarded || s->said_full)
		return;
	s->said_full = true;
	log_warn("store: %s has reached store.max_bytes (%llu): the oldest alerts of the lowest priority are discarded from now on",
		 s->path, (unsigned long long)s->o.max_bytes);
}

/* What was pushed out of memory meanwhile needs no commit any more. Lock held. */
static void close_transaction(struct store *s)
{
	s->writing = 0;
	if (s->first - 1 > s->committed)
		s->committed = s->first - 1;
}

/* Publishes what a commit has done. */
static void committed(struct store *s, const struct store_work *w, uint64_t ns)
{
	uint64_t upto = w->first + w->count - 1;

	recovered(s);
	tell_discarded(s, w);
	pthread_mutex_lock(&s->lock);
	if (w->count && upto > s->committed)
		s->committed = upto;
	close_transaction(s);
	store_mark_committed(s->mark, s->committed);
	s->oldest_ns = s->next - 1 > s->committed ? base_mono_ns() : 0;
	s->stats.committed += w->count;
	s->stats.discarded += w->discarded;
	s->stats.expired += w->expired;
	s->stats.bytes = w->bytes;
	s->stats.commits++;
	s->moves++;
	s->commit_ns = ns > s->commit_ns ? ns : s->commit_ns - (s->commit_ns - ns) / 8;
	if (ns > s->stats.commit_max_ns)
		s->stats.commit_max_ns = ns;
	for (unsigned i = 0; i < s->readers; i++)
		pthread_cond_signal(&s->reader[i].news);
	pthread_cond_broadcast(&s->room);
	pthread_mutex_unlock(&s->lock);
}

/* The cursors that were taken are to be saved again; alerts that left memory during the transaction are lost. */
static void give_back(struct store *s, const struct store_work *w)
{
	uint64_t gone;

	pthread_mutex_lock(&s->lock);
	gone = s->first - 1 < s->writing ? s->first - 1 : s->writing;
	if (gone > s->committed)
		s->stats.lost += gone - s->committed;
	close_transaction(s);
	for (unsigned i = 0; i < w->readers; i++)
		s->reader[i].dirty |= w->dirty[i];
	pthread_mutex_unlock(&s->lock);
}

static void failed(struct store *s, const struct store_work *w, int r)
{
	char why[256];

	snprintf(why, sizeof(why), "%s", store_db_why(s->db));
	store_db_rollback(s->db);
	give_back(s, w);
	if (r == -EBADMSG && move_aside(s, why)) {
		reopen(s);
		return;
	}
	if (r == -ENOSPC)
		store_db_truncate_log(s->db); /* may give some room back */
	fail(s, why);
}

/* One transaction. False: it could not be done now. */
static bool transact(struct store *s, struct store_work *w)
{
	uint64_t start = base_mono_ns();
	bool work;
	int r;

	/* After a failure the file is opened afresh: it may be another one by now, or another mount. */
	if ((!s->db || s->failing) && reopen(s) < 0)
		return false;
	pthread_mutex_lock(&s->lock);
	work = take(s, w);
	pthread_mutex_unlock(&s->lock);
	if (!work) {
		recovered(s);
		return true;
	}
	r = write_all(s, w);
	if (!r)
		committed(s, w, base_mono_ns() - start);
	else
		failed(s, w, r);
	for (unsigned i = 0; i < w->count; i++)
		alert_unref(w->alert[i]);
	return r == 0;
}

/* ---- the thread -------------------------------------------------------------------------- */

static bool to_save(const struct store *s)
{
	for (unsigned i = 0; i < s->readers; i++) {
		if (s->reader[i].dirty)
			return true;
	}
	return s->next - 1 > s->committed;
}

/* Enough for a transaction, or for what memory holds. */
static bool many(const struct store *s)
{
	uint64_t n = s->next - 1 - s->committed;

	return n >= BATCH_MAX / 2 || n > s->cap / 2;
}

/* How much earlier a transaction starts, so that it is over when the interval is. */
static uint64_t margin(const struct store *s, uint64_t interval)
{
	uint64_t m = 2 * s->commit_ns;

	return m < interval / 2 ? m : interval / 2;
}

/* Sleeps until a transaction is due. Returns false when the thread is to end. Lock held. */
static bool wait_due(struct store *s)
{
	uint64_t interval = (uint64_t)s->o.commit_ms * 1000000u, asked = 0;

	for (;;) {
		uint64_t now = base_mono_ns(), at;
		struct timespec until;

		if (s->stop || s->flush || s->suspect)
			return !s->stop;
		if (!to_save(s) && !s->failing) {
			asked = 0;
			/* the limits on age hold without alerts too */
			at = s->o.max_age_ns ? now + EXPIRY_NS : UINT64_MAX;
		} else {
			if (!asked)
				asked = s->oldest_ns ? s->oldest_ns : now;
			at = s->failing ? s->next_try : many(s) ? now : asked + interval - margin(s, interval);
		}
		if (at <= now)
			return true;
		until = (struct timespec){ .tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u) };
		if (at == UINT64_MAX)
			pthread_cond_wait(&s->work, &s->lock);
		else if (pthread_cond_timedwait(&s->work, &s->lock, &until) == ETIMEDOUT && !to_save(s) && !s->failing)
			return true;
	}
}

/* [store] */
static void expire_idle(struct store *s, struct store_work *w)
{
	uint64_t at = store_age_clock(s->real_at_start, s->mono_at_start, base_mono_ns());

	w->expired = 0;
	if (!s->db || s->failing || !s->o.max_age_ns || expire(s, w, at) < 0)
		return;
	pthread_mutex_lock(&s->lock);
	s->stats.expired += w->expired;
	pthread_mutex_unlock(&s->lock);
}

/* Everything that can be committed; what cannot stays. */
static void drain(struct store *s, struct store_work *w)
{
	bool more = true;

	while (more && transact(s, w)) {
		pthread_mutex_lock(&s->lock);
		more = to_save(s);
		pthread_mutex_unlock(&s->lock);
	}
}

static void end_of_run(struct store *s)
{
	uint64_t left;

	pthread_mutex_lock(&s->lock);
	left = s->next - 1 - s->committed;
	s->stats.lost += left;
	pthread_mutex_unlock(&s->lock);
	if (left)
		log_err("store: %llu alerts could not be stored", (unsigned long long)left);
}

/* [store] */
void *store_main(void *arg)
{
	struct store *s = arg;
	struct store_work *w = s->tx;
	bool go = true, flush, suspect, due;

	while (go) {
		pthread_mutex_lock(&s->lock);
		go = wait_due(s);
		flush = s->flush;
		suspect = s->suspect;
		s->suspect = false;
		due = to_save(s) || s->failing;
		pthread_mutex_unlock(&s->lock);
		if (suspect && s->db && move_aside(s, "found while reading"))
			reopen(s);
		if (!go || flush)
			drain(s, w);
		else if (due)
			transact(s, w);
		else
			expire_idle(s, w);
		if (flush) {
			pthread_mutex_lock(&s->lock);
			s->flush = false;
			pthread_cond_broadcast(&s->room);
			pthread_mutex_unlock(&s->lock);
		}
	}
	end_of_run(s);
	return NULL;
}
