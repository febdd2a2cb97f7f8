/* Puts macros into condition trees. Called by the rules loader for each macro and rule. */
#include "eval/ast.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One step of the path of macros being expanded. */
struct path {
	const struct path *up;
	const char *name; /* borrowed from the reference that led here */
};

struct expand {
	const struct cond *(*lookup)(void *arg, const char *name);
	void *arg;
	size_t nodes, max_nodes;
	struct cond_error *err;
	bool failed, loop; /* a loop is reported before any unknown macro */
	int fatal;
};

static void report(struct expand *x, const struct cond *c, bool loop)
{
	if (x->failed && (x->loop || !loop))
		return;
	x->failed = true;
	x->loop = loop;
	x->err->pos = c->pos;
	if (loop)
		snprintf(x->err->msg, sizeof(x->err->msg), "reference loop in macro '%.900s'", c->name);
	else
		snprintf(x->err->msg, sizeof(x->err->msg), "Undefined macro '%.900s' used in filter.", c->name);
}

/* Nodes of a tree, at most limit. */
static size_t count_nodes(const struct cond *c, size_t limit)
{
	size_t n = 1 + c->nvalue;

	for (uint32_t i = 0; i < c->nchild && n <= limit; i++)
		n += count_nodes(c->child[i], limit - n);
	return n;
}

static void expand_node(struct expand *x, struct cond **cp, const struct path *path, unsigned depth)
{
	struct cond *c = *cp;
	const struct cond *m;
	struct path here = { path, c->name };

	if (x->fatal)
		return;
	if (depth > COND_TREE_DEPTH_MAX) {
		x->fatal = -E2BIG;
		return;
	}
	if (c->kind != COND_MACRO) {
		for (uint32_t i = 0; i < c->nchild; i++)
			expand_node(x, &c->child[i], path, depth + 1);
		return;
	}
	m = x->lookup(x->arg, c->name);
	if (!m) {
		report(x, c, false);
		return;
	}
	for (const struct path *p = path; p; p = p->up)
		if (!strcmp(p->name, c->name)) {
			report(x, c, true);
			return;
		}
	x->nodes += count_nodes(m, x->max_nodes);
	if (x->nodes > x->max_nodes) {
		x->fatal = -E2BIG;
		return;
	}
	*cp = cond_clone(m);
	if (!*cp) {
		*cp = c;
		x->fatal = -ENOMEM;
		return;
	}
	expand_node(x, cp, &here, depth + 1); /* macros of macros count as depth too: they recurse */
	cond_free(c); /* its name was part of the path */
}

int cond_expand(struct cond **c, const struct cond *(*lookup)(void *arg, const char *name), void *arg, size_t max_nodes, struct cond_error *err)
{
	struct expand x = { .lookup = lookup, .arg = arg, .max_nodes = max_nodes, .err = err };

	x.nodes = count_nodes(*c, max_nodes);
	expand_node(&x, c, NULL, 1);
	if (x.fatal == -E2BIG)
		snprintf(err->msg, sizeof(err->msg), "condition is too big after macros are put in");
	if (x.fatal)
		return x.fatal;
	return x.failed ? -EINVAL : 0;
}
