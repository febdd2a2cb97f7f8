/* See tally.h. A sorted array: rules are few and entries are made once, look-ups are binary. */
#include "sink/tally.h"

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

struct tally_rule *tally_get(struct tally *t, uint32_t id, const char *name)
{
	bool found;
	size_t at = find(t, id, name, &found);
	char *copy;

	if (found)
		return &t->rule[at];
	if (t->len == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct tally_rule *n = reallocarray(t->rule, cap, sizeof(*n));

		if (!n)
			return NULL;
		t->rule = n;
		t->cap = cap;
	}
	copy = strdup(name);
	if (!copy)
		return NULL;
	memmove(&t->rule[at + 1], &t->rule[at], (t->len - at) * sizeof(*t->rule));
	t->rule[at] = (struct tally_rule){ .name = copy, .id = id };
	t->len++;
	return &t->rule[at];
}

bool tally_pass(struct tally_rule *r, double rate, double burst, uint64_t now_ns)
{
	if (!r->filled_ns)
		r->tokens = burst;
	else if (now_ns > r->filled_ns)
		r->tokens += (double)(now_ns - r->filled_ns) / 1e9 * rate;
	if (r->tokens > burst)
		r->tokens = burst;
	if (!r->filled_ns || now_ns > r->filled_ns)
		r->filled_ns = now_ns;
	if (r->tokens < 1) {
		r->suppressed++;
		r->unreported++;
		return false;
	}
	r->tokens -= 1;
	return true;
}

void tally_for_each(const struct tally *t, void (*fn)(void *arg, const struct tally_rule *r), void *arg)
{
	for (size_t i = 0; i < t->len; i++)
		fn(arg, &t->rule[i]);
}

void tally_fini(struct tally *t)
{
	for (size_t i = 0; i < t->len; i++)
		free(t->rule[i].name);
	free(t->rule);
	*t = (struct tally){ 0 };
}
