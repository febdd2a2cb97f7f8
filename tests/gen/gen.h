/* Generator of random but consistent event streams: process trees, threads, execs, exits with heirs,
 * reuse of thread ids, descriptors, directories, credentials. Same seed, same stream. */
#pragma once
#include "contract/event.h"

struct gen_event {
	uint32_t off; /* of the envelope in gen.bytes */
};

struct gen {
	unsigned char *bytes; /* owned */
	size_t used, cap;
	struct gen_event *ev; /* owned; in order of key, key time = position + 1 */
	uint32_t count, cap_ev;
};

void gen_make(struct gen *g, uint32_t seed, uint32_t events);
void gen_fini(struct gen *g);
/* View of event i, decoded; key and number are set. */
void gen_at(const struct gen *g, uint32_t i, struct evt *ret);
