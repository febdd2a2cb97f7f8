/* What events leave open and only /proc can tell: threads nothing is known of, descriptors that came in messages or were lost.
 *
 * Workers ask and go on; the thread `meta` (any one thread that may block) reads /proc, checks that the process is the one
 * that was meant (it must have started before the event that asked), and sends the answer to the shard, whose worker takes
 * it in between two of its events: an answer is in the order of the shard's events. New contents of the machine's passwd and
 * group files go the same way. Live only.
 *
 * Queues: one of questions (256) and one of answers (1024) per shard, single producer, single consumer, in order; a
 * question that finds no room is dropped, an answer, too (the next event asks again), both counted. Answers are owned by
 * the queue, then by the worker. Shutdown: when no worker runs, repair_free. */
#pragma once
#include "state/table.h"

struct repair;
struct repair *repair_new(unsigned shards, const char *host_root); /* NULL when memory is out */
void repair_free(struct repair *r);
/* For state_opts.repair. */
struct state_repair repair_for_state(struct repair *r);

/* Answers what has been asked, and looks at passwd and group when the last look is a second old. Returns how many
 * questions there were. Blocks on /proc. [meta] */
unsigned repair_serve(struct repair *r);
/* Takes in what has come for the shard, as of `now`. [worker] */
void repair_take(struct state_shard *s, struct okey now);

struct repair_stats {
	uint64_t asked, dropped, answered, gone, stale; /* gone: not there any more; stale: another process by now */
	uint64_t users; /* times passwd or group were read again */
};
void repair_stats(const struct repair *r, struct repair_stats *ret); /* [any] */
