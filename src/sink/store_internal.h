/* Shared by store.c (memory, readers) and store_commit.c (file, thread). */
#pragma once
#include "sink/store.h"
#include "sink/store_db.h"
#include "sink/store_mark.h"
#include <pthread.h>

#define STORE_READERS 8
#define STORE_COMMIT_MS 100
#define STORE_BYTES (64u << 20) /* in memory */

struct store_reader {
	const char *name; /* borrowed */
	uint64_t cursor;  /* acknowledged up to here; under lock */
	bool dirty;	  /* not in the file yet; under lock */
	pthread_cond_t news; /* store -> the reader's thread */
	/* the reader's thread alone */
	struct store_db *db;
	unsigned generation; /* of the file that db has open */
	unsigned epoch;	     /* of what was fetched last: an acknowledgement counts within it only */
	uint64_t unread_ns;  /* monotonic: since when it cannot be read, 0 it can */
};

struct store {
	struct store_opts o;
	char *path; /* owned, NULL memory only */
	char uuid[37];

	pthread_mutex_t lock;
	pthread_cond_t work; /* hub, readers, main -> store thread */
	pthread_cond_t room; /* store thread, readers -> waiting hub, waiting main */
	/* ---- under lock */
	struct alert **ring; /* owned, circular; numbers first .. next - 1 */
	uint32_t cap, at;    /* at: place of first */
	uint64_t first, next; /* numbers */
	uint64_t bytes;	      /* of what is in the ring */
	uint64_t committed;   /* numbers up to here need no commit any more; without a transaction at least first - 1 */
	uint64_t commit_ns;   /* what a transaction takes of late: rises at once, falls slowly */
	uint64_t writing;     /* numbers up to here are in the transaction under way; 0 none is */
	uint64_t oldest_ns;   /* monotonic: when the first uncommitted one came, 0 none */
	bool failing;	      /* the file cannot be written at the moment */
	bool hurry, stop, flush;
	bool tired;	      /* waited in vain while the daemon stops: waits no more */
	uint64_t moves;	      /* commits and acknowledgements: somebody makes progress */
	bool suspect;	      /* a reader found the file damaged */
	unsigned generation;  /* of the file: rises when it is replaced */
	unsigned epoch;	      /* of the numbers: rises when they are given anew */
	unsigned readers;
	struct store_reader reader[STORE_READERS];
	struct store_stats stats;

	/* ---- the store thread's (main's before it starts and after it has ended) */
	struct store_db *db; /* NULL: could not be opened */
	struct store_mark *mark;
	uint64_t real_at_start, mono_at_start; /* "now" for ages: immune to jumps of the wall clock */
	uint64_t next_expiry, next_try;	       /* monotonic */
	uint64_t moved_mono;		       /* when a damaged file was moved aside, 0 never */
	struct store_work *tx;		       /* owned: what one transaction works on */
	bool opened; /* the file, since the start */
	bool said_full;
	char why[256]; /* last failure that was logged */

	pthread_t thread;
	bool started;
};

/* ---- store_commit.c ---- */
int store_open_file(struct store *s, struct base_err *err); /* [main] */
void store_close_file(struct store *s);			    /* [main] */
void *store_main(void *arg);				    /* [store] */
/* The time that ages are judged by, ns. */
uint64_t store_age_clock(uint64_t real_at_start, uint64_t mono_at_start, uint64_t mono_now);
