/* An alert as it travels from the worker that raised it to the sinks. Rendered once, by the worker,
 * while state is at hand; immutable afterwards; shared by reference count. */
#pragma once
#include "contract/event.h"
#include <stdatomic.h>

enum alert_flag {
	ALERT_LATE = 1 << 0,	 /* was held for metadata beyond the ordering window */
	ALERT_INTERNAL = 1 << 1, /* source "internal" */
};

/* All text members point into buf and are NUL-terminated UTF-8 (invalid input was replaced).
 * Threads: built by one worker, then read-only. Ownership: whoever holds a reference. */
struct alert {
	_Atomic uint32_t refs;
	uint32_t size;	    /* bytes of the whole block */
	struct okey key;    /* order; alerts of one event are ordered by seq */
	uint32_t seq;
	uint32_t rule_id;   /* position of the rule in its ruleset, UINT32_MAX for internal ones */
	uint64_t ts;	    /* event time, ns since the epoch */
	uint8_t priority;   /* 0 Emergency .. 7 Debug */
	uint8_t flags;	    /* enum alert_flag */

	const char *rule, *source, *hostname;
	const char *line;	 /* text form: "TIME: Priority message", escaped, no newline */
	const char *output;	 /* value of JSON "output", already JSON-escaped, without quotes */
	const char *message;	 /* value of JSON "message", likewise */
	const char *fields_json; /* "{...}" of output_fields */
	const char *tags_json;	 /* "[...]", sorted; NULL when the alert has no tags key (internal) */
	char buf[];
};

extern const char *const alert_priority_name[8];

/* Strings are copied into the block. NULL is kept as NULL for tags_json, else read as "".
 * Returns NULL when memory is out. [any] */
struct alert_text {
	const char *rule, *source, *hostname, *line, *output, *message, *fields_json, *tags_json;
};
struct alert *alert_new(const struct alert_text *text);
struct alert *alert_ref(struct alert *a);
void alert_unref(struct alert *a);
