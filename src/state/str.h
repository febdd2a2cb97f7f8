/* Counted immutable strings. References may be taken and dropped by any worker; the count is
 * atomic, the text never changes. Text may contain NULs (args, env, cgroups); s[len] is NUL. */
#pragma once
#include "base/slab.h"
#include <stdatomic.h>

struct state_str {
	_Atomic uint32_t refs;
	uint32_t len;
	char s[];
};

struct state_str *str_new(struct slab *sl, const char *s, size_t len); /* one reference */
struct state_str *str_cat2(struct slab *sl, const char *a, size_t alen, const char *b, size_t blen);

static inline struct state_str *str_ref(struct state_str *s)
{
	/* relaxed: the caller holds a reference already (or an RCU read of one that is published) */
	if (s)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

/* Drops one reference; the block goes to sl when it was the last. NULL is allowed. */
void str_unref(struct slab *sl, struct state_str *s);
