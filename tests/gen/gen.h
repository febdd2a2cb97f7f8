/* Event streams in memory. gen_make: random but consistent ones: process trees, threads, vforks, execs (by a
 * thread that is not the leader, too), exits with heirs, reuse of thread ids, descriptors, directories,
 * credentials, limits set on others. Same seed, same stream. gen_add: those of a capture, one by one. */
#pragma once
#include "contract/event.h"

struct gen_event {
	size_t off;  /* of the envelope in gen.bytes */
	bool report; /* rules see it */
};

struct gen {
	unsigned char *bytes; /* owned */
	size_t used, cap;
	struct gen_event *ev; /* owned; in order of key, key time = position + 1 */
	uint32_t count, cap_ev;
};

/* Appends a copy of an event. Aborts without memory. */
void gen_add(struct gen *g, const struct evt *ev);
void gen_make(struct gen *g, uint32_t seed, uint32_t events);
void gen_fini(struct gen *g);
/* View of event i, decoded; key and number are set. */
void gen_at(const struct gen *g, uint32_t i, struct evt *ret);
