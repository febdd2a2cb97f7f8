/* How often each rule has fired, for the summary at the end. One owner at a time: the hub's thread while
 * it runs, main afterwards. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct tally_rule {
	char *name; /* owned */
	uint32_t id;
	uint64_t count;
};

struct tally {
	struct tally_rule *rule; /* owned, sorted by id and name */
	size_t len, cap;
};

/* Counts an alert of rule `id`. After a reload an id may name another rule: then it is one more entry.
 * Without memory the alert is not counted. */
void tally_add(struct tally *t, uint32_t id, const char *name);
void tally_for_each(const struct tally *t, void (*fn)(void *arg, const char *rule, uint64_t count), void *arg);
void tally_fini(struct tally *t);
