/* See tids.h. Open addressing with linear probing; deletion moves later entries back, so there are no
 * tombstones and a lookup never walks over more than a run of live entries. */
#include "daemon/tids.h"

#include <stdlib.h>

#define TIDS_MAX (1u << 22) /* more threads than a kernel runs; a made-up file must not eat the memory */

static size_t home(const struct tids *t, int64_t tid)
{
	uint64_t h = (uint64_t)tid * 0x9E3779B97F4A7C15u;

	return (size_t)(h >> 32) & (t->cap - 1);
}

/* The entry of tid, or the free one where it belongs. cap is never 0 and never full. */
static size_t place(const struct tids *t, int64_t tid)
{
	size_t i = home(t, tid);

	while (t->slot[i].tid >= 0 && t->slot[i].tid != tid)
		i = (i + 1) & (t->cap - 1);
	return i;
}

struct tids_entry *tids_find(const struct tids *t, int64_t tid)
{
	size_t i;

	if (!t->cap || tid < 0)
		return NULL;
	i = place(t, tid);
	return t->slot[i].tid == tid ? &t->slot[i] : NULL;
}

int64_t tids_group(const struct tids *t, int64_t tid)
{
	const struct tids_entry *e = tids_find(t, tid);

	return e ? e->tgid : tid;
}

static int grow(struct tids *t)
{
	struct tids n = { .cap = t->cap ? 2 * t->cap : 1024, .count = t->count, .refused = t->refused };

	n.slot = malloc(n.cap * sizeof(*n.slot));
	if (!n.slot)
		return -1;
	for (size_t i = 0; i < n.cap; i++)
		n.slot[i].tid = -1;
	for (size_t i = 0; i < t->cap; i++) {
		if (t->slot[i].tid >= 0)
			n.slot[place(&n, t->slot[i].tid)] = t->slot[i];
	}
	free(t->slot);
	*t = n;
	return 0;
}

void tids_set(struct tids *t, const struct tids_entry *e)
{
	struct tids_entry *old = tids_find(t, e->tid);

	if (e->tid < 0 || e->tgid < 0)
		return;
	if (old) {
		*old = *e;
		return;
	}
	if (t->count >= TIDS_MAX || (4 * (t->count + 1) > 3 * t->cap && grow(t) < 0)) {
		t->refused++;
		return;
	}
	t->slot[place(t, e->tid)] = *e;
	t->count++;
}

static void del_at(struct tids *t, size_t i)
{
	for (size_t j = (i + 1) & (t->cap - 1); t->slot[j].tid >= 0; j = (j + 1) & (t->cap - 1)) {
		size_t h = home(t, t->slot[j].tid);

		/* j may move to i unless its home lies behind i on the way to j */
		if (((j - h) & (t->cap - 1)) >= ((j - i) & (t->cap - 1))) {
			t->slot[i] = t->slot[j];
			i = j;
		}
	}
	t->slot[i].tid = -1;
	t->count--;
}

void tids_del(struct tids *t, int64_t tid)
{
	struct tids_entry *e = tids_find(t, tid);

	if (e)
		del_at(t, (size_t)(e - t->slot));
}

void tids_del_group(struct tids *t, int64_t tgid, int64_t keep1, int64_t keep2)
{
	for (size_t i = 0; i < t->cap;) {
		const struct tids_entry *e = &t->slot[i];

		/* what deletion moves here has not been looked at: stay */
		if (e->tid >= 0 && e->tgid == tgid && e->tid != keep1 && e->tid != keep2)
			del_at(t, i);
		else
			i++;
	}
}

bool tids_has_child(const struct tids *t, int64_t maker)
{
	for (size_t i = 0; i < t->cap; i++)
		if (t->slot[i].tid >= 0 && t->slot[i].maker == maker)
			return true;
	return false;
}

void tids_clear(struct tids *t)
{
	tids_fini(t);
	*t = (struct tids){ 0 };
}

void tids_fini(struct tids *t)
{
	free(t->slot);
}
