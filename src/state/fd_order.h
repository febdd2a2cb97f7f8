/* The order in which the reference lists a process' descriptors, which is what `fd.types` shows: that of a hash
 * table of libstdc++ (std::unordered_map keyed by the number), i.e. of its history. Kept only when a rule asks for
 * it. One table's order belongs to that table; its worker alone uses it.
 *
 * The reference's table is one list. A number whose bucket (number modulo the bucket count) is empty goes to the
 * front of the list, else in front of the bucket's others; growing takes the list from the front and puts its
 * numbers into an empty table one by one. */
#pragma once
#include "base/slab.h"
#include <stdbool.h>
#include <stdint.h>

struct fd_order {
	uint32_t len, cap;
	uint32_t buckets;
	int32_t *fd; /* [cap], owned; the front of the list is the last one */
};

void fd_order_fini(struct slab *sl, struct fd_order *o);
void fd_order_add(struct slab *sl, struct fd_order *o, int32_t fd); /* not in it yet */
void fd_order_del(struct fd_order *o, int32_t fd);		    /* nothing when it is not in it */
void fd_order_copy(struct slab *sl, const struct fd_order *o, struct fd_order *ret); /* ret is zeroed */
/* A child's table: the parent's descriptors put into an empty one in the order of the list. ret is zeroed. */
void fd_order_fork(struct slab *sl, const struct fd_order *parent, struct fd_order *ret);
