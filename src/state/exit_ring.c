/* The last 8192 exits of a shard, by (who made it, thread). Asked when a parent's clone event arrives after
 * its child's exit: the child must not come back to life. One owner, fixed size: a ring for the order of
 * forgetting, hash chains through it for finding. */
#include "state/apply_task.h"

#include <stdlib.h>

#define RING 8192u
#define MAX_AGE_NS 2000000000ull
#define NONE UINT16_MAX
_Static_assert(RING < NONE, "positions fit");

struct exit_ring {
	struct {
		uint64_t key, ts;
		uint16_t next, prev; /* older and newer entry of the same bucket */
	} e[RING];
	uint16_t bucket[RING];
	uint32_t pos, count;
};

static uint64_t make_key(int64_t maker, int64_t tid, bool thread)
{
	return ((uint64_t)maker << 32 | (uint32_t)tid) ^ (uint64_t)thread << 63;
}

static uint16_t *bucket_of(struct exit_ring *r, uint64_t key)
{
	return &r->bucket[((key * 0x9e3779b97f4a7c15ull) >> 32) % RING];
}

struct exit_ring *exit_ring_new(void)
{
	struct exit_ring *r = calloc(1, sizeof(*r));

	if (r)
		exit_ring_clear(r);
	return r;
}

void exit_ring_clear(struct exit_ring *r)
{
	r->pos = r->count = 0;
	for (unsigned i = 0; i < RING; i++)
		r->bucket[i] = NONE;
}

void exit_ring_free(struct exit_ring *r)
{
	free(r);
}

/* The oldest of all is the last of its bucket. */
static void drop(struct exit_ring *r, uint16_t pos)
{
	if (r->e[pos].prev == NONE)
		*bucket_of(r, r->e[pos].key) = NONE;
	else
		r->e[r->e[pos].prev].next = NONE;
}

void exit_ring_add(struct exit_ring *r, int64_t maker, int64_t tid, bool thread, uint64_t ts)
{
	uint16_t pos = (uint16_t)r->pos, *place;

	if (r->count == RING)
		drop(r, pos);
	else
		r->count++;
	r->e[pos].key = make_key(maker, tid, thread);
	r->e[pos].ts = ts;
	place = bucket_of(r, r->e[pos].key);
	r->e[pos].next = *place;
	r->e[pos].prev = NONE;
	if (*place != NONE)
		r->e[*place].prev = pos;
	*place = pos;
	r->pos = (r->pos + 1) % RING;
}

bool exit_ring_has(const struct exit_ring *r, int64_t maker, int64_t tid, bool thread, uint64_t ts)
{
	uint64_t key = make_key(maker, tid, thread);

	for (uint16_t i = *bucket_of((struct exit_ring *)r, key); i != NONE; i = r->e[i].next)
		if (r->e[i].key == key && ts >= r->e[i].ts && ts - r->e[i].ts < MAX_AGE_NS)
			return true;
	return false;
}
