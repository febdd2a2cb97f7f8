/* What the hub keeps per rule: how often it has fired, for the summary at the end, and its token bucket. One
 * owner at a time: the hub's thread while it runs, main afterwards. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tally_rule {
	char *name; /* owned */
	uint32_t id;
	uint64_t count;

	/* throttle: see tally_pass */
	double tokens;
	uint64_t filled_ns; /* when tokens was true, 0 never */
	uint64_t suppressed, unreported; /* in all; since the last alert that passed */
};

struct tally {
	struct tally_rule *rule; /* owned, sorted by id and name */
	size_t len, cap;
};

/* Entry of rule `id`, made when new; valid until the next call. After a reload an id may name another rule:
 * then it is one more entry. NULL without memory. */
struct tally_rule *tally_get(struct tally *t, uint32_t id, const char *name);

/* Token bucket: `rate` tokens a second up to `burst`, full at the rule's first alert. True: the alert passes
 * and costs one; false: it is counted as suppressed. now_ns may stand still or go back: then nothing is
 * added. */
bool tally_pass(struct tally_rule *r, double rate, double burst, uint64_t now_ns);

void tally_for_each(const struct tally *t, void (*fn)(void *arg, const struct tally_rule *r), void *arg);
void tally_fini(struct tally *t);
