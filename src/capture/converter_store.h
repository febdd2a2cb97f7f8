/* Enter events kept by thread until their exit comes. Internal to the converter. */
#pragma once
#include "contract/event.h"

#define STORE_MAX_EVENTS 65536
#define STORE_MAX_BYTES (32u << 20)

/* One kept enter event; data follows the lengths. */
struct kept {
	uint64_t tid;
	struct kept *chain;	    /* same bucket */
	struct kept *older, *newer; /* by time of keeping */
	uint32_t size;		    /* bytes of this block */
	uint16_t type;
	uint8_t nparams;
	uint32_t len[]; /* nparams, then the parameters' bytes */
};

struct kept_store; /* opaque */

struct kept_store *kept_store_new(void);
void kept_store_free(struct kept_store *s);
void kept_store_reset(struct kept_store *s);

/* Keeps a copy as the enter event of tid, in place of an earlier one. Beyond the limits the events
 * kept longest are forgotten. */
void kept_put(struct kept_store *s, uint64_t tid, uint16_t type, const struct evt_param *param, unsigned nparams);
/* Borrowed until the next put, drop or reset; NULL when there is none. */
const struct kept *kept_get(const struct kept_store *s, uint64_t tid);
struct evt_param kept_param(const struct kept *k, unsigned i); /* i below k->nparams */
void kept_drop(struct kept_store *s, uint64_t tid);
size_t kept_count(const struct kept_store *s, size_t *ret_bytes);
