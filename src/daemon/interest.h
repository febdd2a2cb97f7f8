/* Which system calls live capture produces: what rules need, what state needs, what the user said. */
#pragma once
#include "daemon/config.h"

/* Fills the set; unknown names in base_syscalls.custom_set are logged. Calls that rules name but that are
 * left out are appended to *ret_missing as "a, b" (not touched when there are none). [main] */
void interest_compute(const struct config *c, const struct ruleset *rules, struct sc_set *ret, struct base_buf *ret_missing);
/* Event names of the calls that are left out unless base_syscalls.all is set, each once. */
void interest_ignored(void (*fn)(void *arg, const char *name), void *arg);
