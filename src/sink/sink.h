/* What a sink implements; one file per sink. A sink runs on its own thread with a bounded queue that
 * sink.c owns; the functions below are called on that thread, one at a time. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "contract/alert.h"
#include "sink/health.h"

struct sink_ops {
	const char *name;
	int (*open)(void *ctx, struct base_err *err);
	/* A batch; returns how many were delivered (the rest is retried or dropped by sink.c), -errno. */
	int (*write)(void *ctx, struct alert *const *batch, unsigned count);
	void (*flush)(void *ctx);
	void (*reopen)(void *ctx);
	void (*close)(void *ctx); /* frees ctx */
	/* Gives up a write that hangs: every write from now on returns at once with an error. May be
	 * called while write runs; may be NULL. [any] */
	void (*interrupt)(void *ctx);
};

struct sink_format { bool json, include_output, include_message, include_fields, include_tags; };
/* One line without newline, as outputs.md 2 and 3. */
void sink_format_alert(struct base_buf *out, const struct sink_format *f, const struct alert *a);

struct sink *sink_new(const struct sink_ops *ops, void *ctx, uint32_t queue_capacity);
struct sink *sink_stdout_new(const struct sink_format *f, bool buffered);
struct sink *sink_file_new(const struct sink_format *f, const char *path, bool keep_alive, bool buffered);
/* syslog(3), level = priority. */
struct sink *sink_syslog_new(const struct sink_format *f);
/* A shell command that gets each line on its standard input. */
struct sink *sink_program_new(const struct sink_format *f, const char *command, bool keep_alive, bool buffered);

/* Called by the hub. */
void sink_set_capacity(struct sink *s, uint32_t alerts); /* before sink_start; 0 = default */
void sink_set_timeout(struct sink *s, uint32_t ms);	 /* a write longer than this is logged; 0 = never */
int sink_start(struct sink *s, struct base_err *err); /* sink_open, then sink_run */
/* Opens what it writes to; from here on sink_put queues. Then the thread. before: the sink that this one takes the
 * place of, which gets nothing any more: what it has is written first, by its own thread, and it is freed. Taken over
 * on success; NULL none. [main] */
int sink_open(struct sink *s, struct base_err *err);
int sink_run(struct sink *s, struct sink *before, struct base_err *err);
/* To end without waiting: request, ask from time to time, then sink_free. [main] */
void sink_request_stop(struct sink *s);
/* sink_stop, now or later, gives up at this time (monotonic) even on a sink that makes progress. [main] */
void sink_limit(struct sink *s, uint64_t mono_ns);
bool sink_has_ended(struct sink *s);
/* Takes a reference of its own; false: full, counted. The sink's thread is woken by sink_kick, or when a batch is
 * together. [hub] */
bool sink_put(struct sink *s, struct alert *a);
void sink_kick(struct sink *s); /* [hub] */
/* Same, but waits for room (replay): for as long as the sink makes progress once sink_hurry was called. [hub] */
void sink_put_wait(struct sink *s, struct alert *a);
/* The daemon is to stop: a wait for room ends when the sink stands still for 5 s. [any] */
void sink_hurry(struct sink *s);
void sink_stop(struct sink *s);	  /* [main, or the thread of the sink that takes its place] drains, joins; a sink that makes no progress for 5 s loses the rest, counted */
void sink_free(struct sink *s);
void sink_request_reopen(struct sink *s);
const char *sink_name(const struct sink *s);
struct sink_stats {
	const char *name;
	bool remote; /* behind the store */
	enum sink_state state;
	uint64_t since_ns;  /* wall clock of the last change of state, 0 = never changed */
	uint64_t delivered; /* remote: acknowledged */
	uint64_t dropped;   /* queue full, or given up at stop; remote: discarded before delivery */
	uint64_t errors;    /* local: could not be written; remote: refused for good by the receiver */
	uint64_t retries;   /* remote: attempts that failed */
	uint64_t waiting;   /* remote: not acknowledged yet; local: in the queue */
	uint64_t bytes;	    /* of memory; local: what is in the queue */
};
void sink_stats(struct sink *s, struct sink_stats *ret); /* [any] */
