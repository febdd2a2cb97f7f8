/* What Saker tells about itself, under Falco's names: one table, printed as an alert, as lines of a file and
 * as Prometheus text.
 *
 * metrics_collect may be called by any thread from the moment the daemon's clock and host name are known until the
 * pipeline ends; while the daemon is still starting it tells little. It reads counters that their owners write relaxed, and files of /proc. It asks nothing of
 * the pipeline. Costs about a millisecond. */
#pragma once
#include "base/buf.h"
#include "daemon/config.h"

struct daemon;

enum metric_kind {
	METRIC_INT,
	METRIC_NUM,  /* field_num */
	METRIC_TEXT, /* field_text; in Prometheus an info metric of value 1 with labels */
};

struct metric_label {
	const char *name, *value; /* value is not escaped yet */
};

/* Strings belong to the table. */
struct metric {
	const char *name; /* for Prometheus, whole: "falcosecurity_scap_n_evts_total"; NULL: a field only */
	const char *help; /* "https://falco.org/docs/metrics/", with a note where one is due */
	bool counter;	  /* else gauge */
	const char *value; /* for Prometheus, as text: unit of the name */
	struct metric_label *label;
	uint32_t nlabels;

	const char *field; /* of the alert and of the file: "scap.n_evts"; NULL: for Prometheus only */
	enum metric_kind kind;
	bool always;	   /* told even when zero */
	uint64_t field_int;
	double field_num;
	const char *field_text;
};

struct metrics {
	struct metric *m; /* owned; metrics of one name are neighbours */
	uint32_t len, cap;
	uint64_t ts;	  /* when they were collected, ns since the epoch */
	struct base_arena arena; /* owned */
};

/* Fills the table with what metrics.* of the configuration switches on. 0 or -ENOMEM; metrics_fini in any case. */
int metrics_collect(struct daemon *d, struct metrics *ret);
void metrics_fini(struct metrics *m);

/* The whole table as Prometheus text, format 0.0.4. [any] */
void metrics_prometheus(const struct metrics *m, struct base_buf *out);
/* Name of a rule or file as a part of a metric's name: what is not a letter, digit, _ or : becomes _, runs of
 * it one, none at the end. [any] */
void metrics_part(struct base_buf *out, const char *name);

/* ---- files whose fingerprints are told; read once at start, before any thread ------------- */
struct metrics_file {
	char *name, *sha256; /* file name without directory; 64 hex digits */
	bool rules;	     /* else configuration */
};
struct metrics_files {
	struct metrics_file *f; /* owned */
	uint32_t len;
};
/* Files that cannot be read are left out. rules_files: as load_files finds them. */
void metrics_files_read(const struct config *c, char *const *rules_files, uint32_t nrules, struct metrics_files *ret);
void metrics_files_fini(struct metrics_files *f);

/* ---- snapshots: metrics.interval, output_rule, output_file. [main] ------------------------- */
struct metrics_out {
	uint64_t next_ns;  /* monotonic; UINT64_MAX: no snapshots */
	uint64_t last_ts;  /* time of the last one, 0 none yet */
	uint64_t sample, num_evts, n_evts, n_drops; /* in the last one */
	void *file;	   /* FILE, owned, NULL none */
};
/* Opens the file. Returns 0 or -errno with err. */
int metrics_out_start(struct metrics_out *o, struct daemon *d, struct base_err *err);
/* Takes a snapshot if one is due. */
void metrics_out_check(struct metrics_out *o, struct daemon *d, uint64_t now_mono);
void metrics_out_stop(struct metrics_out *o);
