/* What run.c, live.c, drops.c and stats.c share: the running daemon. [main] */
#pragma once
#include "capture/reader.h"
#include "daemon/health.h"
#include "daemon/metrics.h"
#include "daemon/notify.h"
#include "daemon/reload.h"
#include "daemon/replay.h"
#include "daemon/run.h"
#include "daemon/timeouts.h"
#include "shard/pipeline.h"
#include "sink/hub.h"
#include "sink/tally.h"

#define LAG_WORKERS 256 /* workers whose lag is remembered */

struct daemon {
	const struct config *c;
	const struct options *o;
	const struct ruleset *rules; /* in use: borrowed from the pipeline */
	struct eval_rule_stats *past; /* owned: what these rules counted before the last reload, by id; NULL nothing */
	pthread_mutex_t swap; /* c, rules, past and reload_ts change under it; main reads them without, others with it */
	uint64_t reload_ts;   /* ns since the epoch, of the last reload or the start */
	char hostname[256];
	unsigned nreaders, nworkers; /* nworkers 0: inline */
	uint32_t ring_bytes;  /* of each, as the probe was loaded */
	bool wide;		     /* more than one shard */

	/* owned, in order of start */
	struct hub *hub;
	struct gate *gate;
	struct state_table *state;
	struct run_set *set; /* until the pipeline takes it */
	struct pipeline *pipeline;
	struct replay *replay;
	struct live *live;
	struct readers *readers;
	struct repair *repair; /* live; NULL in replay */
	pthread_t meta;
	_Atomic bool meta_stop; /* relaxed */
	bool meta_runs;

	struct metrics_files files; /* owned */
	struct sc_set interest; /* what the probe produces now */
	const char *scanned_by; /* what the start-up scan read; NULL none */
	uint64_t scan_ns, scanned_tasks; /* how long it took, what it found */
	uint64_t lag_max_ns[LAG_WORKERS]; /* live, by worker: furthest behind the clock, once a second; relaxed */
	bool memory_told;	/* that the limit is too low */
	bool rings_failed;	/* told already */
	unsigned outputs_failed; /* outputs.c: a bit for each that could not be changed at a reload */
	bool attached;
	_Atomic bool up;	/* everything is made and may be looked at by the admin server (release; acquire) */
	struct health health;
	struct admin *admin;	/* owned; NULL none */
	struct notify notify;
	struct timeouts timeouts;
	_Atomic uint64_t reloads, reloads_refused; /* relaxed figures */
	uint64_t next_proof; /* until events flow: when to make the next one (monotonic, ns) */
	uint64_t start_ts; /* ns since the epoch */
	uint64_t start_mono, ready_mono, stop_mono;
	int signal_fd, done_fd; /* -1 none */
};

/* ---- outputs.c --------------------------------------------------------------------------- */
bool outputs_any(const struct config *c); /* is one enabled? */
/* Makes and starts the hub with everything behind it. */
int outputs_start(struct daemon *d, struct base_err *err);
/* Outputs whose configuration has changed are replaced, see hub_replace_sink. What cannot be made is told, and tried
 * again at the next reload; a local output stays as it was then. */
void outputs_reload(struct daemon *d, const struct config *was, const struct config *now);

/* ---- memory.c ---------------------------------------------------------------------------- */
/* Measures, and sets what the state table may take. */
void memory_tick(struct daemon *d);
struct memory_jemalloc { size_t allocated, active, resident, mapped; }; /* bytes; jemalloc's manual, stats.* */
bool memory_jemalloc(struct memory_jemalloc *ret); /* false: another allocator. [any] */

/* ---- meta.c ------------------------------------------------------------------------------ */
int meta_start(struct daemon *d, struct base_err *err);
void meta_stop(struct daemon *d);

/* ---- live_run.c: engine.kind modern_ebpf ------------------------------------------------- */
/* Loads the probe; the number of readers shrinks to that of rings. */
int live_prepare(struct daemon *d, struct base_err *err);
/* Attaches it, reads /proc, starts the readers. */
int live_start(struct daemon *d, struct base_err *err);
void live_stop(struct daemon *d);
/* Once a second, after drops_check: CPUs that came online; whether events flow (an idle machine is made to show it). */
struct drops;
void live_tick(struct daemon *d, const struct drops *w);
/* How far the worker is behind the clock. [any] */
uint64_t live_lag_ns(struct daemon *d, unsigned worker);
/* Another set of rules, with the interest `next` (interest_compute), is to be published: live_widen before, so that
 * no event is missing when the first worker uses it; live_narrow after the last worker has left the old one. Between
 * the two the probe produces what either needs. 0 or -errno; then nothing has changed. */
int live_widen(struct daemon *d, const struct sc_set *next);
int live_narrow(struct daemon *d, const struct sc_set *next);
/* True once an event has come all the way to a reader. Until then it makes one from time to time, so
 * that an idle machine shows it too. */
bool live_flows(struct daemon *d);

/* ---- drops.c ----------------------------------------------------------------------------- */
struct drops {
	uint64_t events, dropped;	/* at the last look */
	struct live_stats live;
	uint64_t kind[8];		/* by kind of event (DROP_KINDS), at the last alert */
	double tokens;
	uint64_t token_ns;
	uint64_t seen, acted;		/* occurrences */
};
void drops_init(struct drops *w, struct daemon *d);
/* Once a second. False: the action `exit` is due. */
bool drops_check(struct drops *w, struct daemon *d);

/* ---- metrics_probe.c --------------------------------------------------------------------- */
/* The kinds of events that Falco counts drops of. */
enum { DROP_CLONE_FORK, DROP_EXECVE, DROP_CONNECT, DROP_OPEN, DROP_DIR_FILE, DROP_OTHER_INTEREST, DROP_CLOSE, DROP_PROC,
       DROP_KINDS };
extern const char *const drop_kind_name[DROP_KINDS];
int drop_kind(unsigned type); /* of an event type, -1 none of them */
/* Drops for want of room in a ring: by kind, and all. */
void drop_kinds(struct live *l, uint64_t ret[DROP_KINDS]);
uint64_t drop_buffer_total(const struct live_stats *s);

/* ---- stats.c ----------------------------------------------------------------------------- */
/* CPU time of the threads that are alive now, for the summary. */
#define STATS_THREADS 64
struct stats_threads {
	struct { char name[20]; double cpu_s; } thread[STATS_THREADS];
	unsigned len;
};
void stats_sample(struct stats_threads *t);
/* Per rule in use since the start of the daemon, over reloads. ret: [ruleset_count]. With `swap` held, or main. */
void stats_rules(struct daemon *d, struct eval_rule_stats *ret);
/* Falco's summary on stdout, Saker's on stderr. After everything has stopped. */
void stats_print(struct daemon *d, const struct drops *w, const struct stats_threads *t);
/* Events handed to the workers (an event for two of them counts once); in replay after its end. */
uint64_t stats_events(struct daemon *d);
/* Events dropped so far, by the probe and on the way. */
uint64_t stats_dropped(struct daemon *d, struct live_stats *ret_live);
