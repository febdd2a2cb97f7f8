/* Reload: configuration and rules are read again and take the place of the old ones between two events; state, capture
 * and counters go on, nothing is lost. What cannot be read leaves everything as it was, and is told. [main] */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct daemon;
struct config;

struct reload {
	int fd;		  /* inotify, readable when something near a watched file changed; -1 none */
	uint64_t due_ns;  /* when to look whether it was one of ours (monotonic); UINT64_MAX: nothing to look at */
	uint64_t print;	  /* of the files that are in use: names, sizes, times */
	const struct config *first; /* borrowed: what the outputs were made from */
	struct config *own;	    /* owned: the configuration in use, when it is not the first */
};

/* Watches the files when the configuration says so and events are live. */
void reload_init(struct reload *r, struct daemon *d);
/* fd is readable. */
void reload_notice(struct reload *r, uint64_t now_ns);
/* Reloads when due_ns has come and a file has changed. */
void reload_check(struct reload *r, struct daemon *d, uint64_t now_ns);
/* Reloads now. why: for the log. */
void reload_now(struct reload *r, struct daemon *d, const char *why);
/* The daemon's configuration is the first one again. */
void reload_fini(struct reload *r, struct daemon *d);
