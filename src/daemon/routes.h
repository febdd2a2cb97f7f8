/* Which thread groups an event of a capture concerns. Live, the probe says so; a capture says it only where
 * threads are made, so replay follows them. What counts is not the truth about the threads but where state has
 * put them: the decisions here are those of apply_clone.c and apply_exec.c. One owner: the replay thread. */
#pragma once
#include "contract/event.h"
#include "daemon/tids.h"

struct exit_ring;

struct routes {
	struct tids tids;
	struct tids threads; /* group -> number of its other threads, as clone_ts */
	struct tids pidfds;  /* group << 32 | descriptor -> process it stands for */
	struct exit_ring *exits; /* owned */
	int64_t recent_tid, recent_tgid; /* the last answer, until something changes; -1 none */
};

int routes_init(struct routes *r); /* -ENOMEM */
void routes_fini(struct routes *r);
void routes_clear(struct routes *r);
/* A thread of the capture's head. */
void routes_known(struct routes *r, int64_t tid, int64_t pid, int64_t ptid);
/* Fills tgid and peer_tgid of the envelope and learns from the event. In order of the capture. */
void routes_event(struct routes *r, const struct evt *ev, struct evt_env *env);
