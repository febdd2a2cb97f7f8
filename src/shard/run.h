/* One event, run to completion: state, rules, alerts. The same code for the inline pipeline (on the
 * reader) and for workers. */
#pragma once
#include "shard/hot.h"
#include "shard/gate.h"
#include "shard/runset.h"
#include "sink/hub.h"

struct run_opts {
	struct state_table *state;     /* borrowed */
	struct run_set *_Atomic *set;  /* the published one; filled by pipeline_new */
	struct hub *hub;	       /* borrowed */
	struct gate *gate;	       /* borrowed */
	const char *hostname;
	bool keep_texts;	       /* eval_field_state_keep_texts */
	_Atomic uint64_t *first_ts;    /* of the run; set by the reader that sees the first event */
};

struct run_stats { /* written by the worker, read by anyone (relaxed) */
	_Atomic uint64_t events, reported, matched, alerts, waits, render_failed;
};

struct run {
	struct run_opts o;
	unsigned worker;
	struct state_shard *shard;
	struct run_set *set;	  /* in use; see runset.h */
	struct run_set *_Atomic using; /* the same, for main */
	struct eval_worker *eval; /* the set's */
	struct eval_ctx ctx;
	struct base_arena arena;
	struct run_stats stats;
	struct hot hot; /* busiest thread groups */
};

/* 0 or -ENOMEM. [main] */
int run_init(struct run *r, const struct run_opts *o, unsigned worker);
void run_fini(struct run *r);
/* Applies and evaluates. Waits for other shards where it must. [worker, or reader when inline] */
void run_event(struct run *r, const struct evt *ev);
/* Is there a newer set? */
static inline bool run_set_waits(const struct run *r)
{
	return atomic_load_explicit(r->o.set, memory_order_acquire) != r->set;
}
/* Between two events: takes it over. */
void run_take_set(struct run *r);
/* Between batches: frees what can be freed. */
void run_between(struct run *r);
