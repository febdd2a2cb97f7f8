/* See multi.h. States are numbered in the order they were made, 0 is the start. */
#include "eval/multi.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HIT (1u << 31) /* in the table: the state, or a suffix of it, ends a text */
#define NONE UINT32_MAX

struct state {
	uint32_t child, sibling; /* while the tree grows; NONE */
	uint32_t ids;		 /* first of its ids, NONE */
	uint32_t fail;		 /* longest proper suffix that is a state */
	uint32_t dict;		 /* nearest of these that ends a text, NONE */
	unsigned char byte;
};

struct id_entry {
	uint32_t id, next;
};

struct multi {
	struct state *states; /* owned */
	uint32_t nstate, cap_state;
	struct id_entry *ids; /* owned */
	uint32_t nid, cap_id;
	uint32_t *next; /* owned: [nstate * classes], a state and HIT; NULL before multi_build */
	uint32_t classes;
	uint8_t class[256]; /* 0: in no text */
};

static bool grow(void **arr, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t want = *cap ? *cap * 2 : 64;
	void *p;

	if (n < *cap)
		return true;
	p = want > *cap ? realloc(*arr, want * size) : NULL;
	if (!p)
		return false;
	*arr = p;
	*cap = want;
	return true;
}

static uint32_t add_state(struct multi *m, unsigned char byte)
{
	if (!grow((void **)&m->states, m->nstate, &m->cap_state, sizeof(*m->states)))
		return NONE;
	m->states[m->nstate] = (struct state){ .child = NONE, .sibling = NONE, .ids = NONE, .dict = NONE, .byte = byte };
	return m->nstate++;
}

struct multi *multi_new(void)
{
	struct multi *m = calloc(1, sizeof(*m));

	if (m && add_state(m, 0) == 0)
		return m;
	multi_free(m);
	return NULL;
}

void multi_free(struct multi *m)
{
	if (!m)
		return;
	free(m->states);
	free(m->ids);
	free(m->next);
	free(m);
}

static uint32_t child_of(const struct multi *m, uint32_t s, unsigned char byte)
{
	uint32_t c = m->states[s].child;

	while (c != NONE && m->states[c].byte != byte)
		c = m->states[c].sibling;
	return c;
}

int multi_add(struct multi *m, const char *s, size_t len, uint32_t id)
{
	uint32_t at = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char b = (unsigned char)s[i];
		uint32_t c = child_of(m, at, b);

		if (c == NONE) {
			c = add_state(m, b);
			if (c == NONE)
				return -ENOMEM;
			m->states[c].sibling = m->states[at].child;
			m->states[at].child = c;
			if (!m->class[b])
				m->class[b] = (uint8_t)(m->classes < 255 ? ++m->classes : 255);
		}
		at = c;
	}
	if (!grow((void **)&m->ids, m->nid, &m->cap_id, sizeof(*m->ids)))
		return -ENOMEM;
	m->ids[m->nid] = (struct id_entry){ id, m->states[at].ids };
	m->states[at].ids = m->nid++;
	return 0;
}

static uint32_t marked(const struct multi *m, uint32_t s)
{
	return m->states[s].ids != NONE || m->states[s].dict != NONE ? s | HIT : s;
}

/* Row of s: its children, for other bytes what its suffix does. The suffix's row is there: it is shorter. */
static void fill_row(struct multi *m, uint32_t s, uint32_t *queue, uint32_t *tail)
{
	uint32_t *row = m->next + (size_t)s * m->classes, fail = m->states[s].fail;

	if (s)
		memcpy(row, m->next + (size_t)fail * m->classes, m->classes * sizeof(*row));
	for (uint32_t c = m->states[s].child; c != NONE; c = m->states[c].sibling) {
		struct state *k = &m->states[c];
		uint32_t cls = m->class[k->byte], f = s ? row[cls] & ~HIT : 0;

		k->fail = f;
		k->dict = m->states[f].ids != NONE ? f : m->states[f].dict;
		row[cls] = marked(m, c);
		queue[(*tail)++] = c;
	}
}

int multi_build(struct multi *m)
{
	uint32_t head = 0, tail = 0, *queue;

	/* With all 256 bytes in use two share class 255, which would mix them up: too many for one table. */
	if (m->classes >= 255)
		return -E2BIG;
	m->classes++; /* class 0 */
	if ((uint64_t)m->nstate * m->classes * sizeof(*m->next) > MULTI_BYTES_MAX)
		return -E2BIG;
	m->next = calloc((size_t)m->nstate * m->classes, sizeof(*m->next));
	queue = malloc(m->nstate * sizeof(*queue));
	if (!m->next || !queue) {
		free(queue);
		return -ENOMEM;
	}
	queue[tail++] = 0;
	while (head < tail)
		fill_row(m, queue[head++], queue, &tail);
	free(queue);
	return 0;
}

static void visit_state(const struct multi *m, uint32_t s, void (*hit)(void *arg, uint32_t id), void *arg)
{
	for (; s != NONE; s = m->states[s].dict)
		for (uint32_t i = m->states[s].ids; i != NONE; i = m->ids[i].next)
			hit(arg, m->ids[i].id);
}

void multi_visit(const struct multi *m, const char *s, size_t len, void (*hit)(void *arg, uint32_t id), void *arg)
{
	const uint32_t *next = m->next;
	uint32_t at = 0;

	for (size_t i = 0; i < len; i++) {
		at = next[(size_t)at * m->classes + m->class[(unsigned char)s[i]]];
		if (at & HIT) {
			at &= ~HIT;
			visit_state(m, at, hit, arg);
		}
	}
}
