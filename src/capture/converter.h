/* Lifts old event records, as found in captures, to the current event table.
 *
 * Thread-safety: one converter belongs to one capture reader. Memory is bounded: the enter events
 * kept per thread share a fixed budget, and the oldest give way. */
#pragma once
#include "contract/event.h"

struct converter; /* opaque */

/* NULL when memory is out. */
struct converter *converter_new(void);
void converter_free(struct converter *c);
/* Forgets all kept enter events (a new section of the capture begins). */
void converter_reset(struct converter *c);

/* ev is decoded. Returns
 *   1         show ev: unchanged, or pointing to a rebuilt event (with a copy of its envelope in
 *             front) in the converter's memory, valid until the next call
 *   0         nothing to show: kept for later, or of no use
 *   -EBADMSG  the record cannot be one that a capture holds; why says so, without a final dot */
int converter_run(struct converter *c, struct evt *ev, char *why, size_t why_size);

/* The event is of a current type with the parameters that it has now: converter_run has nothing to do. */
static inline bool converter_idle(const struct evt *ev)
{
	return !(ev->info->flags & (EVF_UNUSED | EVF_OLD_VERSION)) && ev->nparams == ev->info->nparams &&
	       (ev->info->dir == EVT_EXIT || !(ev->info->flags & EVF_CONVERTER_MANAGED));
}

/* For tests: number of enter events kept, and bytes they take. */
size_t converter_kept(const struct converter *c, size_t *ret_bytes);
