/* What became of each part of a condition: one event in detail, or many counted. The plain meaning, no short cuts: every
 * part is looked at. Called by `saker explain`. [main] */
#pragma once
#include "eval/cond.h"

enum trace_result { TRACE_FALSE, TRACE_TRUE, TRACE_MISSING }; /* missing: a value is not there, so the check is false */

struct trace; /* of one condition */

struct trace *trace_new(const struct cond *c); /* borrows c. NULL without memory */
void trace_free(struct trace *t);
/* Looks at one event and counts it. Returns whether the condition holds. */
bool trace_event(struct trace *t, struct eval_ctx *ctx);
/* Of the last event: parts of the outer `and` that held, of how many. */
void trace_near(const struct trace *t, uint32_t *ret_held, uint32_t *ret_parts);
/* The condition as a tree, one line a part: result and values of the last event; or counts over all events,
 * and for how many a part of the outer `and` was the first that did not hold. */
void trace_print(const struct trace *t, struct base_buf *out);
void trace_print_counts(const struct trace *t, struct base_buf *out);
