/* What capture calls to hand events over. Implemented by shard; capture never sees shard.
 *
 * Thread-safety: each reader thread uses its own index `reader` (0..readers-1) and calls only with
 * it. Calls of one reader are sequential; different readers call concurrently.
 *
 * Order: a reader hands events over with strictly rising keys. watermark(upto) says that every
 * event of this reader with key.time <= upto has been handed over before this call; later ones are
 * above it. */
#pragma once
#include "contract/event.h"

struct evt_consumer {
	void *ctx; /* borrowed: outlives the readers */

	/* One event. The event's memory is the reader's again when the call returns.
	 * Live: never waits; returns -ENOBUFS when the event had to be dropped (already counted by
	 * the consumer). Replay (wait == true): waits for room. Returns 0 on success. [reader] */
	int (*event)(void *ctx, unsigned reader, const struct evt *ev, bool wait);

	/* End of a pass: partial batches are sent, then the watermark is published: every event of this
	 * reader with key.time <= upto has been handed over, later ones are above. [reader] */
	void (*watermark)(void *ctx, unsigned reader, uint64_t upto);

	/* No further event will come from this reader; its watermark becomes UINT64_MAX. [reader] */
	void (*end)(void *ctx, unsigned reader);
};
