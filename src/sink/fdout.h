/* Writes to a descriptor without ever hanging for good. Used by the sinks that write lines.
 *
 * Threads: one sink thread writes; fdout_interrupt may be called by any thread. */
#pragma once
#include "sink/sink.h"
#include <stdatomic.h>

struct fdout {
	int fd; /* borrowed, -1 none */
	bool may_block; /* pipe, socket or terminal: ask before each write */
	bool no_nowait; /* this descriptor or kernel doesn't know RWF_NOWAIT */
	bool buffered;	/* keep lines until FDOUT_BUFFER bytes are there */
	struct base_buf pending;
	/* relaxed: only a request to give up, checked again and again */
	_Atomic bool give_up;
};

#define FDOUT_BUFFER 65536

void fdout_init(struct fdout *o, bool buffered);
void fdout_fini(struct fdout *o);
/* Looks at what kind of descriptor it is. What is pending stays pending. */
void fdout_set(struct fdout *o, int fd);
/* Adds the lines of a batch and writes them out unless buffered. Returns the number of alerts taken,
 * or -errno: then none of the batch counts as written. [sink] */
int fdout_alerts(struct fdout *o, const struct sink_format *f, struct alert *const *batch, unsigned count);
/* Writes everything pending. Returns 0 or -errno; pending is empty afterwards in either case. [sink] */
int fdout_flush(struct fdout *o);
void fdout_interrupt(struct fdout *o); /* [any] */
