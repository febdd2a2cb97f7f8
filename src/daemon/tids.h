/* Map from thread to thread group, for replay: capture files say it only where threads are made. Only
 * threads that are not their group's leader are stored; every other number is its own group. One owner:
 * the replay thread. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct tids_entry {
	int64_t tid; /* -1 free: no thread has that number */
	int64_t tgid;
};

struct tids {
	struct tids_entry *slot; /* owned, a power of two of them */
	size_t cap, count;
	uint64_t refused; /* not stored: no room */
};

int64_t tids_get(const struct tids *t, int64_t tid);
/* Numbers below 0 are ignored. */
void tids_set(struct tids *t, int64_t tid, int64_t tgid);
void tids_del(struct tids *t, int64_t tid);
void tids_clear(struct tids *t);
void tids_fini(struct tids *t);
