/* Thread id -> records, for the whole node.
 *
 * A radix of list heads: thread ids below 2^22 (the kernel's own limit) index it directly, larger
 * ones (only captures have them) are mixed down. A list holds the incarnations of a thread id that
 * somebody may still read, newest first, usually one.
 *
 * Thread-safety
 *   tidmap_first, tidmap_next   any worker under RCU
 *   tidmap_insert               the worker that owns the record; several workers may insert at once
 *   tidmap_remove               the worker that owns the record, once per record
 * The lists are Michael's lock-free ordered-by-arrival lists: a record is removed by setting bit 0
 * of its own `next` (after which no one links behind it) and then swinging the predecessor past it;
 * whoever finds a marked record on the way helps. Every link is stored with release and loaded with
 * acquire, so a record's immutable members are visible to whoever reaches it. There is no ABA: a
 * record's memory is reused only after a grace period, and traversals are inside one. */
#pragma once
#include "state/task.h"

struct tidmap;

struct tidmap *tidmap_new(void);
void tidmap_free(struct tidmap *m); /* does not free records */
bool tidmap_insert(struct tidmap *m, struct state_task *t); /* false: no memory */
void tidmap_remove(struct tidmap *m, struct state_task *t);
/* Records of tid, newest first; NULL at the end. [rcu-read] */
struct state_task *tidmap_first(struct tidmap *m, int64_t tid);
struct state_task *tidmap_next(const struct state_task *t);
/* Every record. Only while no worker runs. */
void tidmap_for_each(struct tidmap *m, void (*fn)(struct state_task *t, void *arg), void *arg);
