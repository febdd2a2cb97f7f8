/* Alerts waiting for earlier ones: a heap by order key. Owned and used by the hub's thread alone. */
#pragma once
#include "contract/alert.h"

struct order_entry {
	struct alert *a; /* counted */
	uint64_t arrival; /* number of arrival: keeps the order of equal keys */
};

struct order {
	struct order_entry *heap; /* owned */
	size_t len, cap;
	uint64_t arrivals;
};

void order_fini(struct order *o); /* drops what is left */
/* Takes over the reference. -ENOMEM: not taken. */
int order_add(struct order *o, struct alert *a);
/* The earliest, NULL when empty; order_pop gives its reference to the caller. */
struct alert *order_top(const struct order *o);
struct alert *order_pop(struct order *o);
