/* See tally.h. A sorted array: rules are few and entries are made once, look-ups are binary. */
#include "sink/tally.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Position of the entry, or where it belongs. */
static size_t find(const struct tally *t, uint32_t id, const char *name, bool *ret_found)
{
	size_t lo = 0, hi = t->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct tally_rule *r = &t->rule[mid];
		int c = r->id != id ? (r->id < id ? -1 : 1) : strcmp(r->name, name);

		if (c == 0) {
			*ret_found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_found = false;
	return lo;
}

void tally_add(struct tally *t, uint32_t id, const char *name)
{
	bool found;
	size_t at = find(t, id, name, &found);
	char *copy;

	if (found) {
		t->rule[at].count++;
		return;
	}
	if (t->len == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct tally_rule *n = reallocarray(t->rule, cap, sizeof(*n));

		if (!n)
			return;
		t->rule = n;
		t->cap = cap;
	}
	copy = strdup(name);
	if (!copy)
		return;
	memmove(&t->rule[at + 1], &t->rule[at], (t->len - at) * sizeof(*t->rule));
	t->rule[at] = (struct tally_rule){ .name = copy, .id = id, .count = 1 };
	t->len++;
}

void tally_for_each(const struct tally *t, void (*fn)(void *arg, const char *rule, uint64_t count), void *arg)
{
	for (size_t i = 0; i < t->len; i++)
		fn(arg, t->rule[i].name, t->rule[i].count);
}

void tally_fini(struct tally *t)
{
	for (size_t i = 0; i < t->len; i++)
		free(t->rule[i].name);
	free(t->rule);
	*t = (struct tally){ 0 };
}
