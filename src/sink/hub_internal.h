/* Shared by hub.c (producers and the hub's thread) and hub_control.c (main's side). */
#pragma once
#include "sink/hub.h"
#include "sink/order.h"
#include "sink/remote.h"
#include "sink/ring.h"
#include "sink/sink.h"
#include "sink/store.h"
#include "sink/tally.h"

#include <pthread.h>

#define MAX_SINKS 8

enum { AWAKE, SLEEP_IDLE, SLEEP_HOLDING };

struct producer {
	struct hub_ring ring;

	/* The mark: two words under a sequence count (odd while written). Written by the producer, read
	 * by the hub. Both words are stored with release and loaded with acquire, so whoever reads a
	 * new word also reads the odd count that went before it and tries again. */
	_Alignas(64) _Atomic uint64_t mark_seq;
	_Atomic uint64_t mark_time, mark_sub;

	/* written by the producer alone, read by anyone: relaxed, plain figures */
	_Atomic uint64_t submitted, dropped, by_priority[8];

	/* the hub's own */
	_Alignas(64) struct okey last, mark_seen;
};

/* What the hub's thread gives alerts to. Immutable once published; main makes another one and waits until the hub
 * uses it (publish): then what is only in the old one gets nothing any more. */
struct targets {
	struct sink *sink[MAX_SINKS]; /* borrowed from the hub */
	unsigned sinks;
	struct store *store; /* likewise; NULL none */
	double rate, burst;
};

struct hub {
	struct hub_opts opts;
	struct producer *producers; /* owned array */
	struct hub_ring internal;   /* from main */
	/* The outputs. Changed by main only, under `list`, which others take to look at them. */
	pthread_mutex_t list;
	struct sink *sinks[MAX_SINKS]; /* owned */
	unsigned nsinks;
	struct remote *remotes[MAX_SINKS]; /* owned */
	unsigned nremotes;
	struct store *store; /* owned; what the remotes read */
	struct sink *leaving[MAX_SINKS]; /* owned by main: they write what they have, nobody takes their place */
	unsigned nleaving;

	/* published: main stores (seq_cst: part of the exchange with `sleep`), the hub's thread takes it between two
	 * passes and stores it in `using` (release); main waits for that (acquire). */
	struct targets *_Atomic targets; /* owned */
	struct targets *_Atomic using;

	_Alignas(64) _Atomic int sleep;
	int wake_fd;
	_Atomic bool stop; /* main -> hub; seq_cst like the rings, for the same reason */

	/* replay: a worker in front of a full ring sleeps here. room_wanted is part of the same kind of
	 * exchange: worker sets it, then tries the ring; hub pops, then looks at it (all seq_cst). */
	pthread_mutex_t room_lock;
	pthread_cond_t room;
	_Atomic bool room_wanted;

	/* the hub's own */
	struct order order;
	struct okey cur_max, prev_max, expired; /* live: largest keys that came in this and the last window */
	uint64_t window_end;
	struct tally tally; /* read by main after the thread has ended */
	_Atomic uint64_t delivered, suppressed; /* relaxed figures */

	pthread_t thread;
	bool started;
};

void *hub_main(void *arg); /* [hub] */
/* Ends the thread's sleep, if it is one of this kind or deeper. [any] */
void hub_wake(struct hub *h, int at_least);
