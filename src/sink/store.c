/* The store's memory and its two sides: the hub puts in, remote sinks read. See store.h; store_commit.c has
 * the thread that writes the file.
 *
 * What a reader may see: with a file that can be written, what has been committed, so that nothing is sent
 * that a crash could make unknown; while the file cannot be written, and without one, everything.
 *
 * Sleep: all under one mutex, every change that somebody may wait for is followed by a signal under it. */
#include "sink/store_internal.h"

#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CAPACITY_DEFAULT 16384
#define CAPACITY_MAX (1u << 24)
#define STOP_PATIENCE_NS 5000000000ull
#define UNREAD_PATIENCE_NS 10000000000ull
#define EAGER 2048 /* uncommitted alerts that are worth a commit before the interval is over */

static void cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

struct store *store_new(const struct store_opts *o)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->o = *o;
	if (!s->o.commit_ms)
		s->o.commit_ms = STORE_COMMIT_MS;
	s->cap = !o->capacity ? CAPACITY_DEFAULT : o->capacity > CAPACITY_MAX ? CAPACITY_MAX : o->capacity;
	pthread_mutex_init(&s->lock, NULL);
	cond_init(&s->work);
	cond_init(&s->room);
	s->first = s->next = 1;
	s->ring = calloc(s->cap, sizeof(*s->ring));
	if (o->path && *o->path)
		s->path = strdup(o->path);
	if (!s->ring || (o->path && *o->path && !s->path)) {
		store_free(s);
		return NULL;
	}
	return s;
}

int store_add_reader(struct store *s, const char *name)
{
	int at = -ENOSPC;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; at < 0 && i < s->readers; i++)
		if (!strcmp(s->reader[i].name, name))
			at = (int)i;
	if (at < 0 && s->readers < STORE_READERS) {
		struct store_reader *r = &s->reader[s->readers];

		r->name = name;
		r->cursor = s->next - 1; /* before store_start: set from the file there */
		r->dirty = s->path != NULL;
		cond_init(&r->news);
		at = (int)s->readers++;
	}
	pthread_mutex_unlock(&s->lock);
	return at;
}

int store_start(struct store *s, struct base_err *err)
{
	int r = s->path ? store_open_file(s, err) : 0;

	if (r < 0 || !s->path)
		return r;
	r = base_thread_start(&s->thread, ROLE_STORE, "store", store_main, s);
	if (r < 0)
		base_err_set(err, NULL, 0, 0, "cannot start the store's thread: %s", strerror(-r));
	s->started = r == 0;
	return r;
}

/* ---- the hub's side ---------------------------------------------------------------------- */

static bool is_full(const struct store *s, const struct alert *a)
{
	uint64_t count = s->next - s->first;

	return count == s->cap || (count && s->bytes + a->size > STORE_BYTES);
}

/* Is the oldest one in memory still wanted from there? Lock held. */
static bool oldest_wanted(const struct store *s)
{
	if (s->path)
		return !s->failing && s->first > s->committed;
	for (unsigned i = 0; i < s->readers; i++) {
		if (s->reader[i].cursor < s->first)
			return true;
	}
	return false;
}

/* Lock held. */
static void push_out(struct store *s)
{
	struct alert *a = s->ring[s->at];

	/* What the thread has in hand is not lost; it publishes how far it got itself. */
	if (s->path && s->first > s->committed && s->first > s->writing) {
		s->stats.lost++;
		if (!s->writing)
			s->committed = s->first; /* nobody can commit it any more */
	}
	s->bytes -= a->size;
	alert_unref(a);
	s->first++;
	if (++s->at == s->cap)
		s->at = 0;
}

/* Lock held. */
static void wake_readers(struct store *s)
{
	for (unsigned i = 0; i < s->readers; i++)
		pthread_cond_signal(&s->reader[i].news);
}

static bool readable(const struct store *s, uint64_t *ret_upto)
{
	bool all = !s->path || s->failing;

	*ret_upto = all ? s->next - 1 : s->committed;
	return all;
}

/* Waits until the oldest may go. Once the daemon is to stop: until nothing has moved for 5 s. Lock held. */
static void wait_room(struct store *s, const struct alert *a)
{
	uint64_t moved = s->moves, end = 0;

	while (!s->tired && is_full(s, a) && oldest_wanted(s)) {
		uint64_t now = base_mono_ns();
		struct timespec until;

		if (!end || moved != s->moves)
			end = now + STOP_PATIENCE_NS;
		else if (s->hurry && now >= end)
			s->tired = true;
		moved = s->moves;
		until = (struct timespec){ .tv_sec = (time_t)(end / 1000000000u), .tv_nsec = (long)(end % 1000000000u) };
		pthread_cond_signal(&s->work);
		if (s->hurry && !s->tired)
			pthread_cond_timedwait(&s->room, &s->lock, &until);
		else if (!s->tired)
			pthread_cond_wait(&s->room, &s->lock);
	}
}

void store_put(struct store *s, struct alert *a)
{
	uint64_t uncommitted, upto;

	pthread_mutex_lock(&s->lock);
	if (s->o.wait && is_full(s, a))
		wait_room(s, a);
	while (is_full(s, a))
		push_out(s);
	s->ring[(s->at + (s->next - s->first)) % s->cap] = alert_ref(a);
	s->bytes += a->size;
	s->next++;
	s->stats.put++;
	store_mark_put(s->mark, s->next - 1);
	uncommitted = s->next - 1 - s->committed;
	if (!s->oldest_ns)
		s->oldest_ns = base_mono_ns();
	/* The thread sleeps without a limit only while nothing is uncommitted. */
	if (s->path && (uncommitted == 1 || uncommitted == EAGER || uncommitted == s->cap / 2 + 1))
		pthread_cond_signal(&s->work);
	if (readable(s, &upto))
		wake_readers(s);
	pthread_mutex_unlock(&s->lock);
}

void store_hurry(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->hurry = true;
	pthread_cond_broadcast(&s->room);
	pthread_mutex_unlock(&s->lock);
}

/* ---- the readers' side ------------------------------------------------------------------- */

/* Counts what lies between `after` and the batch's own numbers as missing, for a batch that ends at `upto`. */
static void count_missing(struct store_batch *b, uint64_t after, uint64_t upto)
{
	uint64_t expect = after + 1;

	b->missing = upto - after - b->count;
	b->upto = upto;
	b->first_missing = 0;
	for (unsigned i = 0; b->missing && i < b->count && b->item[i].id == expect; i++)
		expect++;
	if (b->missing)
		b->first_missing = expect;
}

/* Lock held. */
static void from_memory(struct store *s, struct store_batch *b, uint64_t after, uint64_t limit)
{
	for (uint64_t id = after + 1; id <= limit && b->count < b->max; id++) {
		b->item[b->count++] = (struct store_item){
			.a = alert_ref(s->ring[(s->at + (id - s->first)) % s->cap]), .id = id
		};
	}
	count_missing(b, after, after + b->count);
}

static bool open_reader(struct store *s, struct store_reader *r, unsigned generation)
{
	char why[256];

	if (r->db && r->generation == generation)
		return true;
	store_db_close(r->db);
	r->generation = generation;
	return store_db_open(s->path, false, &r->db, why, sizeof(why)) == 0;
}

/* A file that cannot be read for long must not hold back what memory has: then what is in it is missing. */
static int unreadable(struct store_reader *r, struct store_batch *b, uint64_t after, uint64_t before)
{
	uint64_t now = base_mono_ns();

	if (!r->unread_ns)
		r->unread_ns = now;
	if (now - r->unread_ns < UNREAD_PATIENCE_NS)
		return -EIO;
	r->unread_ns = 0;
	count_missing(b, after, before - 1);
	return 0;
}

/* [sink], lock not held. */
static int from_file(struct store *s, struct store_reader *r, struct store_batch *b, uint64_t after, uint64_t before,
		     unsigned generation)
{
	int e;

	if (!open_reader(s, r, generation))
		return unreadable(r, b, after, before);
	e = store_db_read(r->db, after, before, b->item, b->max, &b->count);
	if (e == -EBADMSG) {
		pthread_mutex_lock(&s->lock);
		s->suspect = true;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
	}
	if (e < 0)
		return unreadable(r, b, after, before);
	r->unread_ns = 0;
	/* A full batch says nothing about what comes behind it. */
	count_missing(b, after, b->count == b->max ? b->item[b->count - 1].id : before - 1);
	return 0;
}

int store_fetch(struct store *s, int reader, struct store_batch *b)
{
	struct store_reader *r = &s->reader[reader];
	uint64_t after, limit, first;
	unsigned generation;

	b->count = 0;
	b->missing = 0;
	pthread_mutex_lock(&s->lock);
	after = r->cursor;
	r->epoch = s->epoch;
	readable(s, &limit);
	if (after >= limit || after + 1 >= s->first) {
		if (after < limit)
			from_memory(s, b, after, limit);
		pthread_mutex_unlock(&s->lock);
		return 0;
	}
	first = s->first;
	generation = s->generation;
	pthread_mutex_unlock(&s->lock);
	if (!s->path) {
		count_missing(b, after, first - 1);
		return 0;
	}
	return from_file(s, r, b, after, first < limit + 1 ? first : limit + 1, generation);
}

void store_wait(struct store *s, int reader, const _Atomic bool *stop, uint64_t max_ns)
{
	struct store_reader *r = &s->reader[reader];
	uint64_t t = base_mono_ns() + max_ns, upto;
	struct timespec until = { .tv_sec = (time_t)(t / 1000000000u), .tv_nsec = (long)(t % 1000000000u) };

	pthread_mutex_lock(&s->lock);
	for (;;) {
		readable(s, &upto);
		/* relaxed: set before store_wake took the lock */
		if (r->cursor < upto || atomic_load_explicit(stop, memory_order_relaxed))
			break;
		if (pthread_cond_timedwait(&r->news, &s->lock, &until) == ETIMEDOUT)
			break;
	}
	pthread_mutex_unlock(&s->lock);
}

void store_wake(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	wake_readers(s);
	pthread_mutex_unlock(&s->lock);
}

void store_ack(struct store *s, int reader, uint64_t id)
{
	struct store_reader *r = &s->reader[reader];

	pthread_mutex_lock(&s->lock);
	if (id > r->cursor && r->epoch == s->epoch) {
		/* The thread sleeps without a limit only while nothing is to be saved. */
		if (s->path && !r->dirty)
			pthread_cond_signal(&s->work);
		r->cursor = id;
		r->dirty = true;
		s->moves++;
		if (s->o.wait && !s->path)
			pthread_cond_broadcast(&s->room);
	}
	pthread_mutex_unlock(&s->lock);
}

uint64_t store_cursor(struct store *s, int reader)
{
	uint64_t id;

	pthread_mutex_lock(&s->lock);
	id = s->reader[reader].cursor;
	pthread_mutex_unlock(&s->lock);
	return id;
}

uint64_t store_backlog(struct store *s, int reader)
{
	uint64_t n;

	pthread_mutex_lock(&s->lock);
	n = s->next - 1 > s->reader[reader].cursor ? s->next - 1 - s->reader[reader].cursor : 0;
	pthread_mutex_unlock(&s->lock);
	return n;
}

bool store_is_durable(struct store *s)
{
	return s->path != NULL;
}

bool store_waits(const struct store *s)
{
	return s->o.wait;
}

const char *store_uuid(struct store *s, char buf[37])
{
	pthread_mutex_lock(&s->lock);
	memcpy(buf, s->uuid, sizeof(s->uuid));
	pthread_mutex_unlock(&s->lock);
	return buf;
}

/* ---- main's side ------------------------------------------------------------------------- */

void store_flush(struct store *s)
{
	if (!s->started)
		return;
	pthread_mutex_lock(&s->lock);
	s->flush = true;
	pthread_cond_signal(&s->work);
	while (s->flush)
		pthread_cond_wait(&s->room, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

void store_stop(struct store *s)
{
	if (!s->started)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	s->started = false;
	for (unsigned i = 0; i < s->readers; i++) {
		store_db_close(s->reader[i].db);
		s->reader[i].db = NULL;
	}
	store_close_file(s);
}

void store_free(struct store *s)
{
	if (!s)
		return;
	store_stop(s);
	store_close_file(s);
	for (unsigned i = 0; i < s->readers; i++) {
		store_db_close(s->reader[i].db);
		pthread_cond_destroy(&s->reader[i].news);
	}
	while (s->ring && s->first < s->next)
		push_out(s);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->room);
	pthread_mutex_destroy(&s->lock);
	free(s->ring);
	free(s->path);
	free(s);
}

void store_stats(struct store *s, struct store_stats *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->stats;
	ret->durable = s->path != NULL;
	ret->failing = s->failing;
	ret->in_memory = s->next - s->first;
	ret->memory_bytes = s->bytes;
	ret->uncommitted = s->path ? s->next - 1 - s->committed : 0;
	pthread_mutex_unlock(&s->lock);
}
