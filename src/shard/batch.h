/* Batches: blocks of events on their way from one reader to one worker.
 *
 * Life: the reader takes one from its pool, fills it, pushes it into the ring reader -> worker; the
 * worker steps through it and pushes it into the ring worker -> reader; the reader puts it back into
 * the pool. So a batch has one owner at any time and the rings are the only synchronisation. */
#pragma once
#include "contract/event.h"

struct batch {
	struct batch *next; /* pool list */
	uint32_t cap, used; /* bytes of data */
	_Alignas(8) unsigned char data[];
};

/* One event in a batch: this, the envelope, the event; a multiple of 8 bytes. */
struct batch_ent {
	uint64_t key_time;
	uint64_t num;
	struct evt_handover *handover;
	uint32_t size; /* of the whole entry */
	uint8_t part;
	uint8_t report;
	uint16_t pad;
	struct evt_env env;
};

_Static_assert(sizeof(struct batch_ent) == 56, "entry header, envelope included");

/* Bytes an event takes in a batch. */
static inline uint32_t batch_need(const struct evt *ev)
{
	return (uint32_t)((sizeof(struct batch_ent) + ev->hdr->len + 7) & ~(size_t)7);
}

struct batch *batch_new(uint32_t cap);
/* Appends; the caller has checked that it fits. */
void batch_add(struct batch *b, const struct evt *ev, uint8_t part, bool report, struct evt_handover *h);
/* View of the entry at *off; steps *off past it. Events in batches decode: the reader did it before. */
void batch_at(const struct batch *b, uint32_t *off, struct evt *ret);
