/* Between metrics*.c: how entries get into the table. */
#pragma once
#include "daemon/metrics.h"
#include "daemon/run_internal.h"

/* An entry with what all have; the rest is filled in by the caller. Never NULL: memory that runs out ends the
 * process in the arena, as everywhere in start-up code. */
struct metric *metric_add(struct metrics *m, const char *name, bool counter, const char *field);
/* Counts and gauges without unit conversion: same number in both forms. */
void metric_int(struct metrics *m, const char *name, bool counter, const char *field, uint64_t v);
/* Info metric NAME{label="value"} 1 with a text field. */
void metric_info(struct metrics *m, const char *name, const char *label, const char *field, const char *value);
void metric_label(struct metrics *m, struct metric *e, const char *name, const char *value);

void metrics_host(struct metrics *m, const struct config *c);   /* metrics_host.c: resource utilisation */
uint64_t metrics_boot_ts(void);					 /* when the machine was started, ns since the epoch */
void metrics_probe(struct metrics *m, struct daemon *d);	 /* metrics_probe.c: events, drops, libbpf */
void metrics_health(struct metrics *m, struct daemon *d);	 /* metrics_saker.c: is it up, do events flow */
void metrics_saker(struct metrics *m, struct daemon *d);	 /* metrics_saker.c: stages, outputs, store, rules, memory */
void metrics_state(struct metrics *m, struct daemon *d);	 /* metrics_probe.c: state tables */

#define METRICS_HELP "https://falco.org/docs/metrics/"
#define METRICS_INTERNAL_RULE "Falco internal: metrics snapshot"
