/* Consumer of one BPF ring buffer over its shared memory.
 *
 * Producer: the probe, on one CPU. Consumer: one reader thread at a time. Capacity: the ring's size. Full: the
 * probe refuses and counts. Order: as reserved. Memory of a record is the consumer's from ring_peek
 * until ring_release passes it.
 *
 * The kernel's protocol: the producer publishes its position (release) after it has written a record's header
 * with the busy bit; it clears the bit (release) when the record is complete. We load both with acquire and
 * publish our position with release, so that the space is not reused under our eyes. */
#pragma once
#include "contract/event.h"

#define RING_BOUNCE (EVT_MAX_SIZE + 4096)

struct live_ring {
	_Atomic uint64_t *consumer;	/* borrowed: the mapping's owner unmaps */
	const _Atomic uint64_t *producer;
	const uint8_t *data;
	uint64_t size, mask;
	uint64_t pos;			/* next record to look at; consumer thread only */
	uint64_t skipped;		/* records that are no event; consumer thread only */
	uint64_t step;			/* bytes of the record last seen by peek, 0 none */
	uint8_t *bounce;		/* owned: a record that wraps is put together here; one fits, for between two
					 * releases we pass the end of the data at most once */
	void *map_consumer, *map_data;	/* owned mappings, NULL in tests */
	size_t map_data_size;
	_Atomic bool ready;		/* release: the members above are set */
};

/* Looks at memory laid out as a ring. Takes the position found there. Returns 0 or -ENOMEM. */
int ring_init(struct live_ring *r, _Atomic uint64_t *consumer, const _Atomic uint64_t *producer, const uint8_t *data,
	      uint64_t size);
/* Maps a ring's descriptor, the data once. Returns 0 or -errno. */
int ring_map(struct live_ring *r, int fd, uint64_t size);
void ring_fini(struct live_ring *r);
