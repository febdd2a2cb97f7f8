/* Sets of paths by components, for pmatch: a subject matches when some listed path is the subject
 * or one of its directories. Empty components don't count on either side; a listed component with
 * a wildcard matches one component by glob. Shape: a tree whose edges are in one hash table, keyed
 * by node and component; wildcard edges hang off their node in a list.
 *
 * A node stands at a fixed depth, so a match visits each node at most once. */
#include "eval/cmp.h"
#include "eval/cmp_hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH_DEPTH_MAX 2048 /* deeper than the longest path of the system; longer ones never match */

struct node {
	uint32_t first_glob;  /* index + 1 into globs */
	uint32_t first_id;    /* index + 1 into ids */
};

struct edge {
	const char *s;
	uint32_t len, node, to; /* to 0 = free slot (no edge leads to the root) */
};

struct glob_edge {
	struct glob *g; /* owned */
	const char *s;	/* borrowed, to recognise it again */
	uint32_t len, to, next;
};

struct id_entry {
	uint32_t id, next;
};

struct path_set {
	struct node *nodes;
	struct edge *edges;
	struct glob_edge *globs;
	struct id_entry *ids;
	uint32_t nnode, cap_node, nedge, mask, nglob, cap_glob, nid, cap_id;
};

static bool grow(void **arr, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t want = *cap ? *cap * 2 : 8;
	void *p;

	if (n < *cap)
		return true;
	if (want < *cap)
		return false;
	p = realloc(*arr, want * size);
	if (!p)
		return false;
	*arr = p;
	*cap = want;
	return true;
}

struct path_set *path_set_new(void)
{
	struct path_set *p = calloc(1, sizeof(*p));

	if (!p || !grow((void **)&p->nodes, 0, &p->cap_node, sizeof(*p->nodes))) {
		free(p);
		return NULL;
	}
	p->nodes[p->nnode++] = (struct node){ 0 };
	return p;
}

void path_set_free(struct path_set *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->nglob; i++)
		glob_free(p->globs[i].g);
	free(p->nodes);
	free(p->edges);
	free(p->globs);
	free(p->ids);
	free(p);
}

/* Next component of s from *pos; false at the end. */
static bool component(const char *s, size_t len, size_t *pos, const char **ret, size_t *ret_len)
{
	const char *slash;

	while (*pos < len && s[*pos] == '/')
		(*pos)++;
	if (*pos >= len)
		return false;
	*ret = s + *pos;
	slash = memchr(*ret, '/', len - *pos);
	*ret_len = slash ? (size_t)(slash - *ret) : len - *pos;
	*pos += *ret_len;
	return true;
}

static struct edge *edge_slot(const struct path_set *p, uint32_t node, const char *s, size_t len)
{
	uint32_t i = (uint32_t)hash_mix(hash_bytes(s, len), node + 0x9e3779b97f4a7c15ull) & p->mask;

	for (; p->edges[i].to; i = (i + 1) & p->mask)
		if (p->edges[i].node == node && p->edges[i].len == len && !memcmp(p->edges[i].s, s, len))
			break;
	return &p->edges[i];
}

static bool grow_edges(struct path_set *p)
{
	struct edge *old = p->edges;
	size_t old_size = old ? (size_t)p->mask + 1 : 0;

	if (old && (uint64_t)p->nedge * 2 <= p->mask)
		return true;
	p->edges = calloc(old ? old_size * 2 : 8, sizeof(*p->edges));
	if (!p->edges) {
		p->edges = old;
		return false;
	}
	p->mask = (uint32_t)(old ? old_size * 2 : 8) - 1;
	for (size_t i = 0; i < old_size; i++)
		if (old[i].to)
			*edge_slot(p, old[i].node, old[i].s, old[i].len) = old[i];
	free(old);
	return true;
}

/* The node behind `node` by this component, made when it is not there. 0 when memory is out. */
static uint32_t step_to(struct path_set *p, uint32_t node, const char *s, size_t len)
{
	bool wild = memchr(s, '*', len) || memchr(s, '?', len) || memchr(s, '[', len);
	struct edge *e;

	if (!grow_edges(p) || !grow((void **)&p->nodes, p->nnode, &p->cap_node, sizeof(*p->nodes)))
		return 0;
	if (!wild) {
		e = edge_slot(p, node, s, len);
		if (e->to)
			return e->to;
		*e = (struct edge){ s, (uint32_t)len, node, p->nnode };
		p->nedge++;
	} else {
		for (uint32_t g = p->nodes[node].first_glob; g; g = p->globs[g - 1].next)
			if (p->globs[g - 1].len == len && !memcmp(p->globs[g - 1].s, s, len))
				return p->globs[g - 1].to;
		if (!grow((void **)&p->globs, p->nglob, &p->cap_glob, sizeof(*p->globs)))
			return 0;
		p->globs[p->nglob] = (struct glob_edge){ glob_new(s, len, false), s, (uint32_t)len, p->nnode, p->nodes[node].first_glob };
		if (!p->globs[p->nglob].g)
			return 0;
		p->nodes[node].first_glob = ++p->nglob;
	}
	p->nodes[p->nnode] = (struct node){ 0 };
	return p->nnode++;
}

int path_set_add(struct path_set *p, const char *s, size_t len, uint32_t id)
{
	size_t pos = 0, clen, depth = 0;
	uint32_t node = 0;
	const char *c;

	while (component(s, len, &pos, &c, &clen)) {
		if (++depth > PATH_DEPTH_MAX)
			return 0;
		node = step_to(p, node, c, clen);
		if (!node)
			return -ENOMEM;
	}
	if (!grow((void **)&p->ids, p->nid, &p->cap_id, sizeof(*p->ids)))
		return -ENOMEM;
	p->ids[p->nid] = (struct id_entry){ id, p->nodes[node].first_id };
	p->nodes[node].first_id = ++p->nid;
	return 0;
}

struct walk {
	const struct path_set *p;
	const char *s;
	size_t len;
	void (*hit)(void *arg, uint32_t id); /* NULL: stop at the first */
	void *arg;
};

/* Recurses for wildcard edges only, so at most PATH_DEPTH_MAX deep. */
static bool walk(const struct walk *w, uint32_t node, size_t pos)
{
	const struct path_set *p = w->p;
	const char *c;
	size_t clen;

	for (;;) {
		const struct node *n = &p->nodes[node];

		if (n->first_id && !w->hit)
			return true;
		for (uint32_t i = n->first_id; i; i = p->ids[i - 1].next)
			w->hit(w->arg, p->ids[i - 1].id);
		if (!component(w->s, w->len, &pos, &c, &clen))
			return false;
		for (uint32_t g = n->first_glob; g; g = p->globs[g - 1].next)
			if (glob_match(p->globs[g - 1].g, c, clen) && walk(w, p->globs[g - 1].to, pos))
				return true;
		if (!p->edges)
			return false;
		node = edge_slot(p, node, c, clen)->to;
		if (!node)
			return false;
	}
}

bool path_set_match(const struct path_set *p, const char *s, size_t len)
{
	return walk(&(struct walk){ .p = p, .s = s, .len = len }, 0, 0);
}

void path_set_visit(const struct path_set *p, const char *s, size_t len, void (*hit)(void *arg, uint32_t id), void *arg)
{
	walk(&(struct walk){ p, s, len, hit, arg }, 0, 0);
}
