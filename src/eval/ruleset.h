/* A compiled, immutable set of rules. Built aside by the loader, published, freed after the last
 * worker has moved on. Readers: all workers, no locks. */
#pragma once
#include "contract/alert.h"
#include "eval/cond.h"
#include "eval/template.h"

struct eval_rule {
	char *name, *desc, *source;
	uint8_t priority;
	bool enabled;	   /* after selection: takes part in evaluation */
	bool capture;
	uint32_t capture_duration_ms;
	char **tags;	   /* sorted */
	uint32_t ntags;
	char *tags_json;   /* "[...]" */
	struct cond *cond; /* expanded and checked */
	struct template *output; /* with everything append_output asks for */
	struct evt_set events;
	uint32_t id;	   /* position in collection order */
	uint32_t order;	   /* position in evaluation order */
};

struct ruleset; /* opaque: compile.c */

/* Takes over rules (array and contents). interpret: use the tree interpreter (debugging, oracle).
 * Returns NULL when memory is out. */
struct ruleset *ruleset_compile(struct eval_rule *rules, uint32_t count, bool match_all, bool interpret);
void ruleset_free(struct ruleset *rs);
uint32_t ruleset_count(const struct ruleset *rs);
const struct eval_rule *ruleset_rule(const struct ruleset *rs, uint32_t id);
/* How events find the rule, one line: for how many event types it is looked up by which values, and
 * for which it is tried on every event. Empty for a rule that is not enabled. [any] */
void ruleset_explain(const struct ruleset *rs, uint32_t id, struct base_buf *out);
/* Whether a rule that is enabled has this field, by its name, in its condition or output. [any] */
bool ruleset_uses_field(const struct ruleset *rs, const char *name);
bool ruleset_outputs_field(const struct ruleset *rs, const char *name); /* in its output alone */
void ruleset_events(const struct ruleset *rs, struct evt_set *ret);   /* union over enabled rules */
void ruleset_syscalls(const struct ruleset *rs, struct sc_set *ret);

/* Per-worker evaluation state for one ruleset: atom results of the current event. */
struct eval_worker;
struct eval_worker *eval_worker_new(const struct ruleset *rs);
void eval_worker_free(struct eval_worker *w);

/* Rules that match the event in evaluation order (at most one with rule_matching first).
 * Returns their number (ids in *ret_ids, valid until the next call), or -EAGAIN: nothing was decided,
 * call again for the same event. [worker] */
int eval_match(struct eval_worker *w, struct eval_ctx *c, const uint32_t **ret_ids);

/* Per-rule counters of this worker. Array of ruleset_count. cpu_ns: time in the rule's condition, measured in every
 * EVAL_TIMED_EVERYth event and counted that many times. One writer, the worker; any thread may look. */
#define EVAL_TIMED_EVERY 128u
struct eval_rule_stats { uint64_t evals, matches, cpu_ns; };
const struct eval_rule_stats *eval_worker_stats(const struct eval_worker *w);
