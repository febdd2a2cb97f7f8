/* memory.limit: what the state table may take is the limit less what everything else takes, measured. Called by run.c on main:
 * before events flow and every second. Rings, batches, queues, rules and libraries are what they are (all of them
 * bounded); the table is what gives way. */
#include "daemon/run_internal.h"

#include "state/memory.h"

#include <stdio.h>
#include <unistd.h>

#define HEADROOM_PERCENT 8 /* of the limit: what may come between two looks */
#define LEAST_BYTES (4ull << 20)

/* jemalloc's, when the program is linked with it (the sanitizers have an allocator of their own). */
extern int mallctl(const char *name, void *old, size_t *oldlen, void *new, size_t newlen) __attribute__((weak));

bool memory_jemalloc(struct memory_jemalloc *ret)
{
	static const char *const names[] = { "stats.allocated", "stats.active", "stats.resident", "stats.mapped" };
	uint64_t epoch = 1;
	size_t len = sizeof(epoch), *to[] = { &ret->allocated, &ret->active, &ret->resident, &ret->mapped };

	if (!mallctl || mallctl("epoch", &epoch, &len, &epoch, sizeof(epoch)))
		return false;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		len = sizeof(size_t);
		if (mallctl(names[i], to[i], &len, NULL, 0))
			return false;
	}
	return true;
}

static uint64_t resident_bytes(void)
{
	unsigned long long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void memory_tick(struct daemon *d)
{
	uint64_t limit = d->c->memory_limit, held, other, room;

	if (!limit || !d->state) {
		if (d->state)
			state_set_budget(d->state, 0);
		return;
	}
	held = state_held_bytes(d->state);
	other = resident_bytes();
	other = other > held ? other - held : 0;
	room = limit - limit * HEADROOM_PERCENT / 100;
	room = room > other ? room - other : 0;
	if (room < LEAST_BYTES) {
		if (!d->memory_told)
			log_warn("memory.limit: %llu MiB are taken by rings, rules and queues alone; the state table gets the least it can work with",
				 (unsigned long long)(other >> 20));
		d->memory_told = true;
		room = LEAST_BYTES;
	}
	state_set_budget(d->state, room);
}
