/* Counted immutable strings: making and dropping. str.h says who may hold references. */
#include "state/str.h"

#include <stddef.h>
#include <string.h>

static size_t bytes_of(size_t len)
{
	return offsetof(struct state_str, s) + len + 1;
}

static struct state_str *alloc(struct slab *sl, size_t len)
{
	struct state_str *n = slab_alloc(sl, bytes_of(len));

	atomic_init(&n->refs, 1);
	n->len = (uint32_t)len;
	n->s[len] = 0;
	return n;
}

struct state_str *str_new(struct slab *sl, const char *s, size_t len)
{
	struct state_str *n = alloc(sl, len);

	if (len)
		memcpy(n->s, s, len);
	return n;
}

struct state_str *str_cat2(struct slab *sl, const char *a, size_t alen, const char *b, size_t blen)
{
	struct state_str *n = alloc(sl, alen + blen);

	if (alen)
		memcpy(n->s, a, alen);
	if (blen)
		memcpy(n->s + alen, b, blen);
	return n;
}

void str_unref(struct slab *sl, struct state_str *s)
{
	if (!s)
		return;
	/* The only holder needs no read-modify-write: nobody else can take a reference. acquire pairs
	 * with the release of the other holders' last decrement. */
	if (atomic_load_explicit(&s->refs, memory_order_acquire) != 1 &&
	    atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	slab_free(sl, s, bytes_of(s->len));
}
