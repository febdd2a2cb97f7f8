/* Configuration: Falco's file, our own keys, -o options; checked against one table. [main] */
#pragma once
#include "base/log.h"
#include "base/yaml.h"
#include "eval/rules.h"
#include "sink/remote.h"

enum engine_kind { ENGINE_LIVE, ENGINE_REPLAY, ENGINE_NODRIVER };

enum drop_action { DROP_LOG = 1 << 0, DROP_ALERT = 1 << 1, DROP_EXIT = 1 << 2 };

struct config {
	char *path; /* file in use, NULL none */
	char **files; uint32_t nfiles; /* everything that was read, path first */
	uint32_t warnings; /* unknown keys */
	char **rules_files; uint32_t nrules_files;
	struct rules_select *select; uint32_t nselect;
	struct rules_append *append; uint32_t nappend;
	char **static_names, **static_values; /* NULL-terminated, parallel */
	enum engine_kind engine;
	bool kmod; /* engine.kind was kmod */
	char *capture_file;
	uint32_t ring_bytes;	   /* from buf_size_preset */
	uint32_t cpus_per_ring; /* 0: one for all */
	uint32_t ring_wake, ring_fair, ring_bulk; /* percent of a ring, rising */
	uint32_t critical_rate, critical_burst;
	bool drop_failed_exit;
	char **base_syscalls; uint32_t nbase_syscalls; bool base_repair, base_all;
	uint32_t snaplen, max_tasks;
	bool iso_time, buffer_base64, match_all, buffered;
	uint8_t min_priority;
	bool watch_files;
	struct sink_format format;
	bool stdout_enabled;
	bool syslog_enabled;
	bool file_enabled, file_keep_alive; char *file_path;
	bool program_enabled, program_keep_alive; char *program;
	bool http_enabled; struct http_opts http; /* strings owned */
	bool grpc_enabled; struct grpc_opts grpc; /* strings owned */
	bool kafka_enabled; struct kafka_opts kafka; /* strings and lists owned */
	uint32_t queue_capacity; /* 0 = default */
	uint32_t output_timeout_ms;
	struct { double threshold, rate, max_burst; unsigned actions; /* enum drop_action */ bool simulate; } drops;
	struct {
		bool enabled, rule, rules, resources, state, kernel, per_cpu, libbpf, to_mb, empty;
		uint64_t interval_ms;
		char *file; /* "" none */
	} metrics;
	struct {
		bool enabled, metrics, tls, remote_all;
		uint16_t port;
		char *address, *healthz, *certificate;
	} web;
	uint32_t max_timeouts; /* of 30 ms, without an event */
	struct log_opts log;
	/* ours */
	struct { bool drop, seccomp; char **keep; uint32_t nkeep; } privileges;
	int readers, workers;	   /* -1 auto */
	uint32_t drain_interval_us, batch_bytes, lag_max_ms;
	uint64_t memory_limit;
	char *store_path; /* "" none */
	uint64_t store_max_bytes, store_max_age_ns; /* 0 = no limit */
	uint32_t store_commit_ms;
	double throttle_rate, throttle_burst; /* rate 0 = none */
};

/* options: "-o" arguments in order. Returns 0, -EINVAL/-errno with err. need_file: fail when path is missing.
 * path NULL: no file. Sets the log up as soon as the log's keys are known, so that what follows is
 * logged as asked. *ret is zeroed first and needs config_fini only after success. */
int config_load(const char *path, bool need_file, char *const *options, uint32_t noptions, struct config *ret, struct base_err *err);
void config_fini(struct config *c);
#define CONFIG_HERE "saker.yaml"
#define CONFIG_INSTALLED "/etc/saker/saker.yaml"
/* The file used without -c: the first of the two that can be read, else NULL. */
const char *config_find(void);
/* "debug", "Informational", "info", ...: 0..7, or -1. */
int config_priority(const char *text);
/* A Prometheus duration ("1h", "1d12h", "500ms": whole numbers, units in falling order). False when it is none. */
bool config_duration(const char *text, double *ret_ms);
