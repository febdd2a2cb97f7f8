/* Reader side of the rings: which worker gets an event, batches, full policy. One router per reader,
 * used by that reader's thread alone; the rings inside are shared with the workers. */
#pragma once
#include "contract/consumer.h"
#include "shard/batch.h"
#include "shard/gate.h"
#include "shard/spsc.h"

/* Batches on their way to one worker at most; the last RESERVE are for critical events (live). */
#define ROUTER_RING 256u
#define ROUTER_LIMIT 128u
#define ROUTER_RESERVE 32u

/* Worker's parking place. Same protocol as gate.h: `parked` is raised under the lock before the last
 * look at the inputs; wakers push or publish first and then add 0 to it. */
enum park_state { PARK_AWAKE = 0, PARK_IDLE = 1, PARK_BLOCKED = 2 };
struct park {
	_Alignas(64) _Atomic uint32_t parked; /* enum park_state */
	pthread_mutex_t lock;
	pthread_cond_t wake;
};

struct lane { /* reader r -> worker w */
	struct spsc out;  /* producer: reader, consumer: worker */
	struct spsc back; /* producer: worker, consumer: reader */
};

struct router {
	unsigned reader, workers;
	struct state_table *state; /* for state_shard_of */
	struct gate *gate;
	struct lane *lane; /* [workers]; owned by the pipeline */
	struct park *park; /* [workers]; owned by the pipeline */
	struct batch **open; /* [workers]; owned, partial batches */
	struct batch *pool;  /* owned */
	uint32_t batch_bytes;
	bool handed;	     /* something was handed over since the last watermark */
	uint64_t last_time;  /* key of the last event handed over */
	_Atomic uint64_t dropped_bulk, dropped_critical; /* one writer, relaxed readers */
};

int router_event(struct router *r, const struct evt *ev, bool wait);	/* [reader] */
void router_watermark(struct router *r, uint64_t upto);			/* [reader] */
/* Wakes the worker if it sleeps; blocked_only: only when it has events that wait for a watermark. [any] */
void router_wake(struct park *p, bool blocked_only);
