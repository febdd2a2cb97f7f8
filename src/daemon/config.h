/* Configuration: Falco's file, our own keys, -o options; checked against one table. [main] */
#pragma once
#include "base/log.h"
#include "base/yaml.h"
#include "eval/rules.h"
#include "sink/sink.h"

enum engine_kind { ENGINE_LIVE, ENGINE_REPLAY, ENGINE_NODRIVER };

struct config {
	char *path; /* file in use, NULL none */
	char **rules_files; uint32_t nrules_files;
	struct rules_select *select; uint32_t nselect;
	struct rules_append *append; uint32_t nappend;
	char **static_names, **static_values; /* NULL-terminated, parallel */
	enum engine_kind engine;
	char *capture_file;
	uint32_t ring_bytes;	   /* from buf_size_preset */
	uint32_t cpus_per_ring;
	bool drop_failed_exit;
	char **base_syscalls; uint32_t nbase_syscalls; bool base_repair, base_all;
	uint32_t snaplen, max_tasks;
	bool iso_time, buffer_base64, match_all, buffered;
	uint8_t min_priority;
	struct sink_format format;
	bool stdout_enabled;
	bool file_enabled, file_keep_alive; char *file_path;
	uint32_t queue_capacity;
	struct log_opts log;
	/* ours */
	int readers, workers;	   /* -1 auto */
	uint32_t drain_interval_us, batch_bytes, lag_max_ms;
	uint64_t memory_limit;
};

/* options: "-o" arguments in order. Returns 0, -EINVAL/-errno with err. need_file: fail when path is missing. */
int config_load(const char *path, bool need_file, char *const *options, uint32_t noptions, struct config *ret, struct base_err *err);
void config_fini(struct config *c);
