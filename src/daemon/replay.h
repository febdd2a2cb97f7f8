/* Replay of a capture file: its head fills the state table, its events go to the pipeline. */
#pragma once
#include "base/err.h"
#include "contract/consumer.h"
#include "state/table.h"

struct replay;
struct pipeline;
struct evt_consumer;

/* Opens the file and reads its head. The table is made with opts (boot_ts from the file) and belongs to
 * the caller afterwards. -ENODATA is not an error here: a file without events just ends at once. [main] */
int replay_open(const char *path, const struct state_opts *opts, struct replay **ret, struct state_table **ret_table,
		struct base_err *err);
/* Hands the events to c, in order, on the caller's thread, until the end, an error, or replay_request_stop. With this
 * nothing is started and replay_finish tells the result. [main] */
void replay_run(struct replay *r, const struct evt_consumer *c);
/* Starts the thread reader/0. done_fd: an eventfd that is written when it has ended. [main] */
int replay_start(struct replay *r, struct pipeline *p, int done_fd, struct base_err *err);
void replay_request_stop(struct replay *r); /* [any] */
/* Joins the thread. Returns 0 or -errno with err when the file was damaged. [main] */
int replay_finish(struct replay *r, struct base_err *err);
void replay_free(struct replay *r); /* NULL allowed */

struct replay_stats {
	uint64_t events, bytes;
	uint64_t first_ts, last_ts; /* event time; 0 when there was no event */
	double cpu_s;
};
void replay_stats(const struct replay *r, struct replay_stats *ret); /* after replay_finish. [main] */
