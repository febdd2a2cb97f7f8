/* Map from strings to numbers: names to positions in an array. Keys are borrowed and may hold any
 * bytes. Not thread-safe; used while loading files. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strmap {
	struct strmap_slot *slots; /* owned; open addressing, a power of two of them */
	size_t cap, count;
	uint64_t seed; /* so that names in a file can't be chosen to collide */
};

#define STRMAP_NONE UINT32_MAX

void strmap_fini(struct strmap *m);
/* The number stored for key, STRMAP_NONE without. */
uint32_t strmap_get(const struct strmap *m, const char *key, size_t len);
/* Stores or replaces. 0 or -ENOMEM. key must stay valid as long as the map. */
int strmap_set(struct strmap *m, const char *key, size_t len, uint32_t value);
