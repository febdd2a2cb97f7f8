/* What a sink implements; one file per sink. A sink runs on its own thread with a bounded queue that
 * sink.c owns; the functions below are called on that thread, one at a time. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "contract/alert.h"

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
int sink_start(struct sink *s, struct base_err *err);
bool sink_put(struct sink *s, struct alert *a); /* takes a reference of its own; false: full, counted. [hub] */
void sink_put_wait(struct sink *s, struct alert *a); /* same, but waits for room (replay). [hub] */
void sink_stop(struct sink *s);	  /* drains, joins; a sink that makes no progress for 5 s loses the rest, counted */
void sink_free(struct sink *s);
void sink_request_reopen(struct sink *s);
const char *sink_name(const struct sink *s);
struct sink_stats { uint64_t delivered, dropped, errors; };
void sink_stats(const struct sink *s, struct sink_stats *ret);
