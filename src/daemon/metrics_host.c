/* Resource utilisation of the daemon and of the machine, from /proc and the control group. Called by metrics.c. */
#include "daemon/metrics_internal.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FALCO "falcosecurity_falco_"

/* /proc of the machine: under HOST_ROOT when the daemon runs in a container. */
static FILE *open_host(const char *path)
{
	const char *root = getenv("HOST_ROOT");
	char full[512];

	snprintf(full, sizeof(full), "%.400s%s", root ? root : "", path);
	return fopen(full, "re");
}

/* "KEY:  123 kB" lines of a file. Returns the number, 0 when there is none. */
static uint64_t kb_of(FILE *f, const char *key)
{
	size_t len = strlen(key);
	uint64_t kb = 0;
	char line[256];

	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, len) && line[len] == ':') {
			kb = strtoull(line + len + 1, NULL, 10);
			break;
		}
	}
	return kb;
}

/* The unit of the field follows metrics.convert_memory_to_mb, that of the Prometheus name is bytes. */
static void add_memory(struct metrics *m, const char *name, const char *mb, const char *plain, bool to_mb, uint64_t bytes,
		       uint64_t plain_unit)
{
	struct metric *e = metric_add(m, name, false, to_mb ? mb : plain);

	e->value = arena_fmt(&m->arena, "%llu", (unsigned long long)bytes);
	if (to_mb) {
		e->kind = METRIC_NUM;
		e->field_num = round((double)bytes / 1024 / 1024 * 10) / 10;
	} else {
		e->field_int = bytes / plain_unit;
	}
}

static void add_percent(struct metrics *m, const char *name, const char *field, double percent)
{
	struct metric *e = metric_add(m, name, false, field);

	percent = round(percent * 10) / 10;
	e->kind = METRIC_NUM;
	e->field_num = percent;
	e->value = arena_fmt(&m->arena, "%g", percent / 100);
}

/* CPU time since the daemon's start per time since then, in percent of one CPU: what ps shows. */
static double own_cpu(void)
{
	unsigned long long user = 0, sys = 0, start = 0;
	double up = 0, ticks = (double)sysconf(_SC_CLK_TCK), spent;
	char line[1024];
	const char *p = NULL;
	FILE *f = fopen("/proc/self/stat", "re");

	if (f && fgets(line, sizeof(line), f))
		p = strrchr(line, ')');
	if (f)
		fclose(f);
	f = fopen("/proc/uptime", "re");
	if (f && fscanf(f, "%lf", &up) != 1)
		up = 0;
	if (f)
		fclose(f);
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu", &user,
			 &sys, &start) != 3)
		return 0;
	spent = up - (double)start / ticks;
	return spent > 0 ? (double)(user + sys) / ticks / spent * 100 : 0;
}

uint64_t metrics_boot_ts(void)
{
	unsigned long long seconds = 0;
	char line[4096];
	FILE *f = open_host("/proc/stat");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "btime %llu", &seconds) == 1)
			break;
	}
	if (f)
		fclose(f);
	return seconds * 1000000000u;
}

static void add_host_cpu(struct metrics *m)
{
	unsigned long long v[8] = { 0 }, all = 0, running = 0;
	char line[512];
	FILE *f = open_host("/proc/stat");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
			   &v[6], &v[7]) == 8)
			continue;
		sscanf(line, "procs_running %llu", &running);
	}
	if (f)
		fclose(f);
	for (unsigned i = 0; i < 8; i++)
		all += v[i];
	add_percent(m, FALCO "host_cpu_usage_ratio", "falco.host_cpu_usage_perc",
		    all ? (double)(all - v[3] - v[4]) / (double)all * 100 : 0);
	metric_int(m, FALCO "host_procs_running_total", false, "falco.host_procs_running", running);
}

static void add_host_memory(struct metrics *m, bool to_mb)
{
	FILE *f = open_host("/proc/meminfo");
	uint64_t total, rest;

	if (!f)
		return;
	total = kb_of(f, "MemTotal");
	rest = kb_of(f, "MemFree") + kb_of(f, "Buffers") + kb_of(f, "Cached") + kb_of(f, "SReclaimable");
	/* shared memory is counted as cache and is in use */
	rest -= kb_of(f, "Shmem") < rest ? kb_of(f, "Shmem") : rest;
	fclose(f);
	add_memory(m, FALCO "host_memory_used_bytes", "falco.host_memory_used_mb", "falco.host_memory_used_kb", to_mb,
		   (total > rest ? total - rest : 0) * 1024, 1024);
}

static uint64_t read_number(FILE *f)
{
	unsigned long long v = 0;

	if (f && fscanf(f, "%llu", &v) != 1)
		v = 0;
	if (f)
		fclose(f);
	return v;
}

/* The daemon's container, as Falco finds it: a path may be given, else the hierarchy's root as seen from inside. */
static uint64_t container_memory(void)
{
	const char *path = getenv("FALCO_CGROUP_MEM_PATH");
	FILE *f;

	if (path && *path)
		return read_number(fopen(path, "re"));
	f = fopen("/sys/fs/cgroup/memory/memory.usage_in_bytes", "re");
	return read_number(f ? f : fopen("/sys/fs/cgroup/memory.current", "re"));
}

void metrics_host(struct metrics *m, const struct config *c)
{
	bool mb = c->metrics.to_mb;
	FILE *f = fopen("/proc/self/status", "re"), *smaps = fopen("/proc/self/smaps_rollup", "re");

	add_percent(m, FALCO "cpu_usage_ratio", "falco.cpu_usage_perc", own_cpu());
	add_memory(m, FALCO "memory_rss_bytes", "falco.memory_rss_mb", "falco.memory_rss_kb", mb,
		   f ? kb_of(f, "VmRSS") * 1024 : 0, 1024);
	add_memory(m, FALCO "memory_vsz_bytes", "falco.memory_vsz_mb", "falco.memory_vsz_kb", mb,
		   f ? kb_of(f, "VmSize") * 1024 : 0, 1024);
	add_memory(m, FALCO "memory_pss_bytes", "falco.memory_pss_mb", "falco.memory_pss_kb", mb,
		   smaps ? kb_of(smaps, "Pss") * 1024 : 0, 1024);
	add_memory(m, FALCO "container_memory_used_bytes", "falco.container_memory_used_mb",
		   "falco.container_memory_used_bytes", mb, container_memory(), 1);
	add_host_cpu(m);
	add_host_memory(m, mb);
	metric_int(m, FALCO "host_open_fds_total", false, "falco.host_open_fds", read_number(open_host("/proc/sys/fs/file-nr")));
	if (f)
		fclose(f);
	if (smaps)
		fclose(smaps);
}
