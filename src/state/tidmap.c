/* Thread-id map. See tidmap.h for the protocol. */
#include "state/tidmap.h"

#include <stdlib.h>

#define PAGE_BITS 10
#define PAGE_SLOTS (1u << PAGE_BITS)
#define PAGES (1u << 12)
#define DIRECT_LIMIT ((uint64_t)PAGES * PAGE_SLOTS) /* 2^22, the kernel's PID_MAX_LIMIT */
#define MARK ((uintptr_t)1)

typedef _Atomic(uintptr_t) link_t;

struct tidmap_page {
	link_t head[PAGE_SLOTS];
};

struct tidmap {
	_Atomic(struct tidmap_page *) page[PAGES]; /* owned; set once, never unset */
};

static struct state_task *task_of(uintptr_t link)
{
	return (struct state_task *)(link & ~MARK);
}

static uint64_t slot_of(int64_t tid)
{
	uint64_t x = (uint64_t)tid;

	if (x < DIRECT_LIMIT)
		return x;
	x *= 0x9e3779b97f4a7c15ull;
	return x >> (64 - 22);
}

struct tidmap *tidmap_new(void)
{
	return calloc(1, sizeof(struct tidmap));
}

void tidmap_free(struct tidmap *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < PAGES; i++)
		free(atomic_load_explicit(&m->page[i], memory_order_relaxed));
	free(m);
}

static link_t *slot(struct tidmap *m, int64_t tid, bool create)
{
	uint64_t s = slot_of(tid);
	_Atomic(struct tidmap_page *) *pp = &m->page[s >> PAGE_BITS];
	struct tidmap_page *p = atomic_load_explicit(pp, memory_order_acquire);

	if (!p) {
		struct tidmap_page *fresh;

		if (!create || !(fresh = calloc(1, sizeof(*fresh))))
			return NULL;
		/* release: the zeroed page is visible before its address; acquire on failure: theirs is */
		if (atomic_compare_exchange_strong_explicit(pp, &p, fresh, memory_order_acq_rel,
							    memory_order_acquire))
			p = fresh;
		else
			free(fresh);
	}
	return &p->head[s & (PAGE_SLOTS - 1)];
}

bool tidmap_insert(struct tidmap *m, struct state_task *t)
{
	link_t *head = slot(m, t->tid, true);
	uintptr_t first;

	if (!head)
		return false;
	first = atomic_load_explicit(head, memory_order_relaxed);
	do {
		atomic_store_explicit(&t->next, first, memory_order_relaxed);
		/* release: the record's members before its address; pairs with the acquire of readers */
	} while (!atomic_compare_exchange_weak_explicit(head, &first, (uintptr_t)t, memory_order_release,
							memory_order_relaxed));
	return true;
}

/* Unlinks every marked record of the list, up to and including `until`. Restarts when another
 * worker changed the link it was about to swing. Terminates: each restart means somebody else
 * unlinked or inserted. Returns once `until` is not reachable. */
static void sweep(link_t *head, const struct state_task *until)
{
restart:;
	link_t *prev = head;
	uintptr_t cur = atomic_load_explicit(prev, memory_order_acquire);

	while (task_of(cur)) {
		struct state_task *t = task_of(cur);
		uintptr_t next = atomic_load_explicit(&t->next, memory_order_acquire);

		if (next & MARK) {
			uintptr_t expect = (uintptr_t)t; /* unmarked: prev itself must still be in the list */

			if (!atomic_compare_exchange_strong_explicit(prev, &expect, next & ~MARK,
								     memory_order_acq_rel,
								     memory_order_acquire))
				goto restart;
			cur = next & ~MARK;
			if (t == until)
				return;
			continue;
		}
		prev = &t->next;
		cur = next;
	}
	/* `until` was not met: a helper has unlinked it already */
}

void tidmap_remove(struct tidmap *m, struct state_task *t)
{
	/* The mark stops any insertion or unlinking behind t from going through t's own link. */
	atomic_fetch_or_explicit(&t->next, MARK, memory_order_acq_rel);
	sweep(slot(m, t->tid, true), t);
}

/* First unmarked record of tid from link on. */
static struct state_task *match(uintptr_t link, int64_t tid)
{
	for (struct state_task *t = task_of(link); t;) {
		uintptr_t next = atomic_load_explicit(&t->next, memory_order_acquire);

		if (t->tid == tid && !(next & MARK))
			return t;
		t = task_of(next);
	}
	return NULL;
}

struct state_task *tidmap_first(struct tidmap *m, int64_t tid)
{
	link_t *head = slot(m, tid, false);

	return head ? match(atomic_load_explicit(head, memory_order_acquire), tid) : NULL;
}

struct state_task *tidmap_next(const struct state_task *t)
{
	return match(atomic_load_explicit(&t->next, memory_order_acquire), t->tid);
}

void tidmap_for_each(struct tidmap *m, void (*fn)(struct state_task *t, void *arg), void *arg)
{
	for (unsigned i = 0; i < PAGES; i++) {
		struct tidmap_page *p = atomic_load_explicit(&m->page[i], memory_order_acquire);

		for (unsigned j = 0; p && j < PAGE_SLOTS; j++) {
			struct state_task *t = task_of(atomic_load_explicit(&p->head[j], memory_order_acquire));

			while (t) {
				struct state_task *next =
					task_of(atomic_load_explicit(&t->next, memory_order_acquire));

				fn(t, arg);
				t = next;
			}
		}
	}
}
