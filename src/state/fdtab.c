/* The descriptor table of a process: number -> descriptor. fd.h has the contract.
 *
 * A radix tree of 16-way nodes, as high as the largest number needs: one node for most processes, a
 * path of at most eight for a single huge number. A second tree holds negative numbers (key -n - 1),
 * which only failed memfd_create calls make: they count, but no lookup finds them.
 *
 * The tree is persistent. Table, nodes and descriptors are counted; what has more than one reference
 * is never written, a writer replaces its own path to the slot by copies first. So sharing at fork is
 * one increment, and a child that changes a few descriptors copies a node or two.
 *
 * Thread-safety: one worker per reference of the table. Two workers may hold references to the same
 * parts and drop or copy them at the same time: counts are atomic, "1" seen with acquire means that
 * the other side is done (its decrement released), and a count that is not 1 only leads to a copy. */
#include "state/fd.h"
#include "state/fd_order.h"

#include <string.h>

#define BITS 4
#define FANOUT (1u << BITS)
#define LEVELS_MAX 8 /* 8 * BITS covers every int */

struct fd_node {
	_Atomic uint32_t refs;
	uint16_t used;	    /* bit i: slot[i] is set */
	void *slot[FANOUT]; /* counted: nodes, on the lowest level descriptors */
};

struct fd_tree {
	struct fd_node *top; /* NULL when empty */
	unsigned levels;     /* 0 when empty */
};

struct state_fdtab {
	_Atomic uint32_t refs;
	uint32_t count, max;
	struct fd_tree pos, neg;
	struct fd_order *order; /* owned; NULL when nobody asks for it */
};

static bool keep_order; /* written before the first table is made */

void fdtab_keep_order(bool on)
{
	keep_order = on;
}

static bool only_mine(_Atomic uint32_t *refs)
{
	return atomic_load_explicit(refs, memory_order_acquire) == 1;
}

static void share(_Atomic uint32_t *refs)
{
	/* relaxed: the caller has a reference to what holds this one */
	atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

/* True when the reference dropped was the last. */
static bool last_gone(_Atomic uint32_t *refs)
{
	return only_mine(refs) || atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

/* ---- nodes ------------------------------------------------------------------------------- */

static struct fd_node *node_new(struct slab *sl)
{
	struct fd_node *n = slab_alloc(sl, sizeof(*n));

	memset(n, 0, sizeof(*n));
	atomic_init(&n->refs, 1);
	return n;
}

/* level 0 nodes hold descriptors. Depth of the recursion: LEVELS_MAX. */
static void node_unref(struct slab *sl, struct fd_node *n, unsigned level)
{
	if (!last_gone(&n->refs))
		return;
	for (unsigned m = n->used; m; m &= m - 1) {
		void *c = n->slot[__builtin_ctz(m)];

		if (level)
			node_unref(sl, c, level - 1);
		else
			fd_unref(sl, c);
	}
	slab_free(sl, n, sizeof(*n));
}

/* Makes *pn writable: the caller has the writable thing that *pn is in. */
static struct fd_node *node_own(struct slab *sl, struct fd_node **pn, unsigned level)
{
	struct fd_node *old = *pn, *n;

	if (only_mine(&old->refs))
		return old;
	n = slab_alloc(sl, sizeof(*n));
	atomic_init(&n->refs, 1);
	n->used = old->used;
	memcpy(n->slot, old->slot, sizeof(n->slot));
	for (unsigned m = n->used; m; m &= m - 1) {
		void *c = n->slot[__builtin_ctz(m)];

		share(level ? &((struct fd_node *)c)->refs : &((struct state_fd *)c)->refs);
	}
	node_unref(sl, old, level);
	*pn = n;
	return n;
}

/* ---- trees ------------------------------------------------------------------------------- */

static unsigned slot_at(uint64_t key, unsigned level)
{
	return (unsigned)(key >> (level * BITS)) & (FANOUT - 1);
}

static bool in_reach(const struct fd_tree *r, uint64_t key)
{
	return r->levels && !(key >> (r->levels * BITS));
}

static struct state_fd *tree_get(const struct fd_tree *r, uint64_t key)
{
	const struct fd_node *n = r->top;

	if (!in_reach(r, key))
		return NULL;
	for (unsigned level = r->levels - 1; level; level--) {
		n = n->slot[slot_at(key, level)];
		if (!n)
			return NULL;
	}
	return n->slot[slot_at(key, 0)];
}

/* Writable place of a key whose lowest node exists. */
static struct state_fd **tree_own(struct slab *sl, struct fd_tree *r, uint64_t key)
{
	struct fd_node **pn = &r->top;

	for (unsigned level = r->levels - 1; level; level--)
		pn = (struct fd_node **)&node_own(sl, pn, level)->slot[slot_at(key, level)];
	return (struct state_fd **)&node_own(sl, pn, 0)->slot[slot_at(key, 0)];
}

/* Puts f in and returns what was there. */
static struct state_fd *tree_put(struct slab *sl, struct fd_tree *r, uint64_t key, struct state_fd *f)
{
	struct fd_node **pn = &r->top, *n;
	struct state_fd *old;

	while (!in_reach(r, key)) {
		if (r->top) {
			n = node_new(sl);
			n->slot[0] = r->top;
			n->used = 1;
			r->top = n;
		}
		r->levels++;
	}
	for (unsigned level = r->levels - 1;; level--) {
		unsigned i = slot_at(key, level);

		n = *pn ? node_own(sl, pn, level) : (*pn = node_new(sl));
		n->used |= (uint16_t)(1u << i);
		if (!level) {
			old = n->slot[i];
			n->slot[i] = f;
			return old;
		}
		pn = (struct fd_node **)&n->slot[i];
	}
}

/* Takes out a key that is there. Nodes that become empty go at once: a table is as large as what is
 * open. */
static struct state_fd *tree_take(struct slab *sl, struct fd_tree *r, uint64_t key)
{
	struct fd_node *path[LEVELS_MAX], **pn = &r->top;
	struct state_fd *f;

	for (unsigned level = r->levels - 1;; level--) {
		path[level] = node_own(sl, pn, level);
		if (!level)
			break;
		pn = (struct fd_node **)&path[level]->slot[slot_at(key, level)];
	}
	f = path[0]->slot[slot_at(key, 0)];
	for (unsigned level = 0; level < r->levels; level++) {
		unsigned i = slot_at(key, level);

		path[level]->slot[i] = NULL;
		path[level]->used &= (uint16_t) ~(1u << i);
		if (path[level]->used)
			return f;
		slab_free(sl, path[level], sizeof(*path[level]));
	}
	r->top = NULL;
	r->levels = 0;
	return f;
}

/* Smallest key at or above key; false when there is none. */
static bool tree_next(const struct fd_tree *r, uint64_t key, uint64_t *ret)
{
	const struct fd_node *path[LEVELS_MAX];
	unsigned level;

	if (!in_reach(r, key))
		return false;
	level = r->levels - 1;
	path[level] = r->top;
	for (;;) {
		unsigned i = slot_at(key, level);
		unsigned m = path[level]->used & (0xffffu << i);

		if (!m) {
			/* nothing more here: on with the next slot of the first node above that has one */
			if (++level == r->levels)
				return false;
			key = ((key >> (level * BITS)) + 1) << (level * BITS);
			while (!slot_at(key, level))
				if (++level == r->levels)
					return false;
			continue;
		}
		if ((unsigned)__builtin_ctz(m) != i) {
			uint64_t unit = 1ull << (level * BITS);

			key = (key & ~(unit * FANOUT - 1)) | (uint64_t)__builtin_ctz(m) * unit;
		}
		if (!level) {
			*ret = key;
			return true;
		}
		path[level - 1] = path[level]->slot[__builtin_ctz(m)];
		level--;
	}
}

/* ---- tables ------------------------------------------------------------------------------ */

struct state_fdtab *fdtab_new(struct slab *sl, uint32_t max)
{
	struct state_fdtab *t = slab_alloc(sl, sizeof(*t));

	memset(t, 0, sizeof(*t));
	atomic_init(&t->refs, 1);
	t->max = max;
	if (keep_order) {
		t->order = slab_alloc(sl, sizeof(*t->order));
		memset(t->order, 0, sizeof(*t->order));
	}
	return t;
}

/* Another table of the same descriptors, without an order. */
static struct state_fdtab *twin(struct slab *sl, const struct state_fdtab *old)
{
	struct state_fdtab *t = fdtab_new(sl, old->max);

	t->count = old->count;
	t->pos = old->pos;
	t->neg = old->neg;
	if (t->pos.top)
		share(&t->pos.top->refs);
	if (t->neg.top)
		share(&t->neg.top->refs);
	return t;
}

struct state_fdtab *fdtab_fork(struct slab *sl, struct state_fdtab *parent)
{
	struct state_fdtab *t;

	if (!parent || !parent->order)
		return fdtab_share(parent);
	t = twin(sl, parent);
	fd_order_fork(sl, parent->order, t->order);
	return t;
}

struct state_fdtab *fdtab_share(struct state_fdtab *t)
{
	if (t)
		share(&t->refs);
	return t;
}

void fdtab_unref(struct slab *sl, struct state_fdtab *t)
{
	if (!t || !last_gone(&t->refs))
		return;
	if (t->pos.top)
		node_unref(sl, t->pos.top, t->pos.levels - 1);
	if (t->neg.top)
		node_unref(sl, t->neg.top, t->neg.levels - 1);
	if (t->order) {
		fd_order_fini(sl, t->order);
		slab_free(sl, t->order, sizeof(*t->order));
	}
	slab_free(sl, t, sizeof(*t));
}

static struct state_fdtab *own(struct slab *sl, struct state_fdtab **pt)
{
	struct state_fdtab *old = *pt, *t;

	if (only_mine(&old->refs))
		return old;
	t = twin(sl, old);
	if (old->order)
		fd_order_copy(sl, old->order, t->order);
	fdtab_unref(sl, old);
	*pt = t;
	return t;
}

static bool fits(int64_t fd)
{
	return fd >= INT32_MIN && fd <= INT32_MAX;
}

static struct fd_tree *tree_of(struct state_fdtab *t, int64_t fd, uint64_t *ret_key)
{
	*ret_key = (uint64_t)(fd < 0 ? -(fd + 1) : fd);
	return fd < 0 ? &t->neg : &t->pos;
}

uint32_t fdtab_count(const struct state_fdtab *t)
{
	return t ? t->count : 0;
}

const struct state_fd *fdtab_get(const struct state_fdtab *t, int64_t fd)
{
	return t && fd >= 0 ? tree_get(&t->pos, (uint64_t)fd) : NULL;
}

struct state_fd *fdtab_edit(struct slab *sl, struct state_fdtab **pt, int64_t fd)
{
	struct state_fd **pf, *old;
	struct state_fdtab *t = *pt;
	struct fd_tree *r;
	uint64_t key;

	if (!t || !fits(fd))
		return NULL;
	r = tree_of(t, fd, &key);
	if (!tree_get(r, key))
		return NULL;
	t = own(sl, pt);
	pf = tree_own(sl, tree_of(t, fd, &key), key);
	old = *pf;
	if (!only_mine(&old->refs)) {
		*pf = fd_copy(sl, old);
		fd_unref(sl, old);
	}
	return *pf;
}

bool fdtab_set(struct slab *sl, struct state_fdtab **pt, int64_t fd, struct state_fd *f)
{
	struct state_fdtab *t = *pt;
	struct state_fd *old;
	struct fd_tree *r;
	uint64_t key;

	if (!fits(fd)) {
		fd_unref(sl, f);
		return false;
	}
	r = tree_of(t, fd, &key);
	if (t->count >= t->max && !tree_get(r, key)) {
		fd_unref(sl, f);
		return false;
	}
	t = own(sl, pt);
	old = tree_put(sl, tree_of(t, fd, &key), key, f);
	if (old) {
		fd_unref(sl, old);
		return true;
	}
	t->count++;
	if (t->order)
		fd_order_add(sl, t->order, (int32_t)fd);
	return true;
}

void fdtab_del(struct slab *sl, struct state_fdtab **pt, int64_t fd)
{
	struct state_fdtab *t = *pt;
	struct fd_tree *r;
	uint64_t key;

	if (!t || !fits(fd))
		return;
	r = tree_of(t, fd, &key);
	if (!tree_get(r, key))
		return;
	t = own(sl, pt);
	fd_unref(sl, tree_take(sl, tree_of(t, fd, &key), key));
	t->count--;
	if (t->order)
		fd_order_del(t->order, (int32_t)fd);
}

int64_t fdtab_next(const struct state_fdtab *t, int64_t fd)
{
	uint64_t key;

	if (!t || !tree_next(&t->pos, fd < 0 ? 0 : (uint64_t)fd, &key))
		return -1;
	return (int64_t)key;
}

/* One tree in order of key, or in the opposite order. */
static bool walk(const struct fd_node *n, unsigned level, uint64_t base, bool negative,
		 bool (*fn)(int64_t fd, const struct state_fd *f, void *arg), void *arg)
{
	for (unsigned k = 0; k < FANOUT; k++) {
		unsigned i = negative ? FANOUT - 1 - k : k;
		uint64_t key = base << BITS | i;

		if (!(n->used >> i & 1))
			continue;
		if (level) {
			if (!walk(n->slot[i], level - 1, key, negative, fn, arg))
				return false;
		} else if (!fn(negative ? -(int64_t)key - 1 : (int64_t)key, n->slot[i], arg)) {
			return false;
		}
	}
	return true;
}

void fdtab_for_each(const struct state_fdtab *t, bool (*fn)(int64_t fd, const struct state_fd *f, void *arg), void *arg)
{
	if (t && t->order) {
		for (uint32_t i = t->order->len; i-- > 0;) {
			int32_t fd = t->order->fd[i];
			uint64_t key = (uint64_t)(fd < 0 ? -((int64_t)fd + 1) : fd);

			if (!fn(fd, tree_get(fd < 0 ? &t->neg : &t->pos, key), arg))
				return;
		}
		return;
	}
	if (!t || (t->neg.top && !walk(t->neg.top, t->neg.levels - 1, 0, true, fn, arg)))
		return;
	if (t->pos.top)
		walk(t->pos.top, t->pos.levels - 1, 0, false, fn, arg);
}

/* Bit 0 is close-on-exec in the flags of epoll_create1 and memfd_create. */
static bool closes_on_exec(const struct state_fd *f)
{
	return f->open_flags & FD_O_CLOEXEC ||
	       ((f->type == FD_EVENTPOLL || f->type == FD_MEMFD) && f->open_flags & 1);
}

void fdtab_exec(struct slab *sl, struct state_fdtab **pt)
{
	for (int64_t fd = fdtab_next(*pt, 0); fd >= 0; fd = fdtab_next(*pt, fd + 1))
		if (closes_on_exec(fdtab_get(*pt, fd)))
			fdtab_del(sl, pt, fd);
}
