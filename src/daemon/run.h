/* The daemon at work: starts everything in order, waits, stops in order, sums up. [main] */
#pragma once
#include "daemon/config.h"
#include "daemon/options.h"

/* rules: the compiled set, taken over.
 * Returns the exit status. Errors have been told on stderr. */
int run_daemon(const struct config *c, const struct options *o, struct ruleset *rules);

/* "Error: text" on stderr, as scripts know it. Returns 1. */
int run_error(const char *text);
/* Replay on one thread of rules whose output has evt.buffer: it shows what the reference shows for empty payloads, which
 * takes the tree interpreter (eval_field_state_keep_texts). */
bool run_shows_left_texts(const struct config *c, const struct ruleset *rules);
