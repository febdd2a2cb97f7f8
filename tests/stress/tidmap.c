/* The thread-id map under several owners: each inserts and removes its own records of a few thread
 * ids that all use, while everybody looks them up. Checked: an owner always finds its own record
 * while it is in; nobody ever sees a freed record (canary; and ThreadSanitizer or AddressSanitizer
 * in those builds); nothing is left at the end. */
#include "base/rcu.h"
#include "state/tidmap.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { OWNERS = 4, TIDS = 8, ROUNDS = 20000 };

#define CANARY 0x5a4b3c2du

struct record { /* what is buried together */
	struct state_task task;
	struct rcu_head rcu;
};

static struct tidmap *map;
static _Atomic uint64_t seen, freed, made;

static void bury(struct rcu_head *head)
{
	struct record *r = (struct record *)((char *)head - offsetof(struct record, rcu));

	RCU_EDGE_ACQUIRE();
	r->task.shard = 0xdead;
	free(r);
	atomic_fetch_add(&freed, 1);
}

static void fail(const char *what)
{
	fprintf(stderr, "tidmap: %s\n", what);
	exit(1);
}

static int64_t tid_of(unsigned i)
{
	return i & 1 ? (int64_t)i : ((int64_t)1 << 40) + i; /* both the direct and the mixed slots */
}

static void *owner(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg, x = me * 2654435761u + 1;
	struct record *mine[TIDS] = { 0 };

	rcu_enter();
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned k;

		x = x * 1664525u + 1013904223u;
		k = (x >> 16) % TIDS;
		if (!mine[k]) {
			struct record *r = calloc(1, sizeof(*r));

			r->task.tid = tid_of(k);
			r->task.shard = me;
			r->task.vmsize_kb = CANARY;
			if (!tidmap_insert(map, &r->task))
				fail("no memory");
			mine[k] = r;
			atomic_fetch_add(&made, 1);
		} else if (x >> 31) {
			tidmap_remove(map, &mine[k]->task);
			for (struct state_task *t = tidmap_first(map, tid_of(k)); t; t = tidmap_next(t))
				if (t == &mine[k]->task)
					fail("a removed record is still found");
			rcu_later(&mine[k]->rcu, bury);
			mine[k] = NULL;
		}
		for (unsigned j = 0; j < TIDS; j++) {
			bool found = false;

			for (struct state_task *t = tidmap_first(map, tid_of(j)); t; t = tidmap_next(t)) {
				if (t->vmsize_kb != CANARY || t->shard >= OWNERS || t->tid != tid_of(j))
					fail("a record that should be gone was reached");
				found |= mine[j] && t == &mine[j]->task;
				atomic_fetch_add_explicit(&seen, 1, memory_order_relaxed);
			}
			if (mine[j] && !found)
				fail("an owner lost sight of its record");
		}
		rcu_quiescent();
	}
	for (unsigned j = 0; j < TIDS; j++) {
		if (!mine[j])
			continue;
		tidmap_remove(map, &mine[j]->task);
		rcu_later(&mine[j]->rcu, bury);
	}
	rcu_leave();
	return NULL;
}

int main(void)
{
	pthread_t t[OWNERS];

	map = tidmap_new();
	for (uintptr_t i = 0; i < OWNERS; i++)
		pthread_create(&t[i], NULL, owner, (void *)i);
	for (unsigned i = 0; i < OWNERS; i++)
		pthread_join(t[i], NULL);
	rcu_flush();
	for (unsigned j = 0; j < TIDS; j++)
		if (tidmap_first(map, tid_of(j)))
			fail("a record is left at the end");
	if (atomic_load(&freed) != atomic_load(&made))
		fail("records were lost");
	tidmap_free(map);
	printf("%llu records, %llu sightings\n", (unsigned long long)made, (unsigned long long)seen);
	return 0;
}
