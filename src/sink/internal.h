/* Alerts of the daemon about itself: source "internal", no tags, Falco's text form. */
#pragma once
#include "contract/alert.h"

/* Value: text in quotes, or literal as it is (a number that is no integer), or with both NULL the number. */
struct internal_field {
	const char *name, *text, *literal;
	uint64_t number;
};

/* "TIME: Priority msg (name="value" ...)"; fields in the order given, which should be that of their names.
 * ts: ns since the epoch. NULL when memory is out. [any] */
struct alert *internal_alert_new(const char *rule, uint8_t priority, uint64_t ts, const char *hostname, const char *msg,
				 const struct internal_field *fields, size_t count);
