/* A worker: merges its inputs by key, runs events, publishes marks, parks when there is nothing. */
#pragma once
#include "shard/router.h"
#include "shard/run.h"

struct worker {
	unsigned index, readers;
	struct run run;
	struct gate *gate;
	struct park *park;
	struct worker_input *in; /* [readers]; owned */
	uint64_t ran;		 /* key of the last event run */
	pthread_t thread;
	_Atomic uint64_t cpu_ns; /* of the thread, at its end */
};

struct worker_input {
	struct lane *lane;    /* borrowed */
	struct batch *batch;  /* owned while being read; NULL none */
	uint32_t off;	      /* of the entry after the head */
	struct evt head;      /* valid when has_head */
	bool has_head;
	uint64_t mark;	      /* the reader's watermark, loaded before the ring was seen empty */
};

void *worker_main(void *arg); /* struct worker * */
