/* What replay knows of threads: which group each belongs to, and how it came to be known. Capture files say
 * it only where threads are made. One owner: the replay thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tids_entry {
	int64_t tid;	   /* -1 free: no thread has that number */
	int64_t tgid;	   /* whatever the owner of the map files under the number */
	int64_t maker;	   /* thread that made it, as far as is known */
	uint64_t clone_ts; /* of the event that made it, 0 none */
	bool inverted;	   /* made by its own event, not its parent's */
};

struct tids {
	struct tids_entry *slot; /* owned, a power of two of them */
	size_t cap, count;
	uint64_t refused; /* not stored: no room */
};

/* NULL when unknown; valid until the next change of the map. */
struct tids_entry *tids_find(const struct tids *t, int64_t tid);
/* tgid of tid, or tid itself when it is unknown. */
int64_t tids_group(const struct tids *t, int64_t tid);
/* Stores or replaces. Numbers below 0 are ignored. */
void tids_set(struct tids *t, const struct tids_entry *e);
void tids_del(struct tids *t, int64_t tid);
/* Deletes everything with this tgid except keep1 and keep2. Looks at every entry. */
void tids_del_group(struct tids *t, int64_t tgid, int64_t keep1, int64_t keep2);
/* Is there a thread that maker made? Looks at every entry. */
bool tids_has_child(const struct tids *t, int64_t maker);
void tids_clear(struct tids *t);
void tids_fini(struct tids *t);
