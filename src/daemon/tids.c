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
static size_t find(const struct tids *t, int64_t tid)
{
	size_t i = home(t, tid);

	while (t->slot[i].tid >= 0 && t->slot[i].tid != tid)
		i = (i + 1) & (t->cap - 1);
	return i;
}

int64_t tids_get(const struct tids *t, int64_t tid)
{
	size_t i;

	if (!t->cap || tid < 0)
		return tid;
	i = find(t, tid);
	return t->slot[i].tid == tid ? t->slot[i].tgid : tid;
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
			n.slot[find(&n, t->slot[i].tid)] = t->slot[i];
	}
	free(t->slot);
	*t = n;
	return 0;
}

void tids_set(struct tids *t, int64_t tid, int64_t tgid)
{
	size_t i;

	if (tid < 0 || tgid < 0)
		return;
	if (tid == tgid) {
		tids_del(t, tid);
		return;
	}
	if (4 * (t->count + 1) > 3 * t->cap && (t->count >= TIDS_MAX || grow(t) < 0)) {
		if (t->count + 1 >= t->cap) {
			t->refused++;
			return;
		}
	}
	i = find(t, tid);
	if (t->slot[i].tid < 0)
		t->count++;
	t->slot[i] = (struct tids_entry){ .tid = tid, .tgid = tgid };
}

void tids_del(struct tids *t, int64_t tid)
{
	size_t i, j;

	if (!t->cap || tid < 0 || t->slot[i = find(t, tid)].tid != tid)
		return;
	for (j = (i + 1) & (t->cap - 1); t->slot[j].tid >= 0; j = (j + 1) & (t->cap - 1)) {
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

void tids_clear(struct tids *t)
{
	tids_fini(t);
	*t = (struct tids){ 0 };
}

void tids_fini(struct tids *t)
{
	free(t->slot);
}
