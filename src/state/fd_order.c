/* See fd_order.h. Plain arrays: tables are small, and only rules that show fd.types pay. */
#include "state/fd_order.h"

#include <string.h>

/* Bucket counts that libstdc++ goes through when a table grows by one at a time. */
static const uint32_t sizes[] = { 13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043, 85229, 172933, 351061, 712697, 1447153, 2938679 };

static uint64_t bucket(const struct fd_order *o, int32_t fd)
{
	return (uint64_t)(int64_t)fd % o->buckets; /* the hash of a number is the number */
}

static void place(struct fd_order *o, int32_t fd)
{
	uint64_t b = bucket(o, fd);
	uint32_t at = o->len;

	for (uint32_t i = o->len; i-- > 0;) {
		if (bucket(o, o->fd[i]) == b) {
			at = i + 1;
			break;
		}
	}
	memmove(o->fd + at + 1, o->fd + at, (o->len - at) * sizeof(*o->fd));
	o->fd[at] = fd;
	o->len++;
}

/* The same numbers, in the order of the list, into an empty table of the next size. */
static void grow(struct slab *sl, struct fd_order *o)
{
	struct fd_order n = { 0 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && n.buckets <= o->buckets; i++)
		n.buckets = sizes[i];
	n.cap = n.buckets;
	n.fd = slab_alloc(sl, n.cap * sizeof(*n.fd));
	for (uint32_t i = o->len; i-- > 0;)
		place(&n, o->fd[i]);
	fd_order_fini(sl, o);
	*o = n;
}

void fd_order_fini(struct slab *sl, struct fd_order *o)
{
	if (o->fd)
		slab_free(sl, o->fd, o->cap * sizeof(*o->fd));
	memset(o, 0, sizeof(*o));
}

void fd_order_add(struct slab *sl, struct fd_order *o, int32_t fd)
{
	if (o->len == o->cap)
		grow(sl, o);
	place(o, fd);
}

void fd_order_del(struct fd_order *o, int32_t fd)
{
	for (uint32_t i = 0; i < o->len; i++) {
		if (o->fd[i] != fd)
			continue;
		o->len--;
		memmove(o->fd + i, o->fd + i + 1, (o->len - i) * sizeof(*o->fd));
		return;
	}
}

void fd_order_copy(struct slab *sl, const struct fd_order *o, struct fd_order *ret)
{
	*ret = *o;
	if (!o->fd)
		return;
	ret->fd = slab_alloc(sl, o->cap * sizeof(*o->fd));
	memcpy(ret->fd, o->fd, o->len * sizeof(*o->fd));
}

void fd_order_fork(struct slab *sl, const struct fd_order *parent, struct fd_order *ret)
{
	for (uint32_t i = parent->len; i-- > 0;)
		fd_order_add(sl, ret, parent->fd[i]);
}
