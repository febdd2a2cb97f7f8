/* Why the probe cannot run here, in words. Called by live.c before loading, and by live_load.c when the
 * kernel refused. */
#include "capture/live_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CAP_SYS_ADMIN_BIT 21
#define CAP_PERFMON_BIT 38
#define CAP_BPF_BIT 39

static uint64_t effective_caps(void)
{
	unsigned long long caps = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	}
	if (f)
		fclose(f);
	return caps;
}

static int check_kernel(struct base_err *err)
{
	struct utsname u;
	int major = 0, minor = 0;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return 0; /* cannot tell: let the kernel speak */
	if (strcmp(u.machine, "x86_64") && strcmp(u.machine, "aarch64"))
		return base_err_set(err, NULL, 0, 0, "live capture knows x86_64 and aarch64, this machine is %s", u.machine);
	if (major < 5 || (major == 5 && minor < 8))
		return base_err_set(err, NULL, 0, 0, "kernel %s is too old for live capture: 5.8 or later is needed (BPF ring "
				    "buffers)", u.release);
	return 0;
}

int live_check(struct base_err *err)
{
	uint64_t caps = effective_caps(), need = 1ULL << CAP_BPF_BIT | 1ULL << CAP_PERFMON_BIT;

	if (check_kernel(err))
		return -ENOTSUP;
	if (!(caps & 1ULL << CAP_SYS_ADMIN_BIT) && (caps & need) != need) {
		base_err_set(err, NULL, 0, 0, "live capture needs root, or the capabilities CAP_BPF and CAP_PERFMON "
			     "(missing:%s%s)", caps & 1ULL << CAP_BPF_BIT ? "" : " CAP_BPF",
			     caps & 1ULL << CAP_PERFMON_BIT ? "" : " CAP_PERFMON");
		return -EPERM;
	}
	if (access(LIVE_BTF_PATH, R_OK)) {
		int rc = -errno;

		base_err_set(err, NULL, 0, 0, errno == ENOENT ?
			     "this kernel was built without type information (" LIVE_BTF_PATH " is missing); one with "
			     "CONFIG_DEBUG_INFO_BTF=y is needed" :
			     "cannot read " LIVE_BTF_PATH "; in a container, mount the host's /sys/kernel/btf");
		return rc == -ENOENT ? -ENOTSUP : rc;
	}
	return 0;
}

/* The end of the log is where the verifier says why; its last line is a statistic. */
static const char *tail(const char *log, size_t max)
{
	size_t len = strlen(log);

	return len > max ? log + len - max : log;
}

int live_explain(struct base_err *err, int rc, const char *what, const char *log)
{
	char text[700] = "";
	size_t i;

	if (log && *log) {
		snprintf(text, sizeof(text), "%s", tail(log, sizeof(text) - 1));
		for (i = 0; text[i]; i++) {
			if (text[i] == '\n')
				text[i] = text[i + 1] ? '|' : 0;
		}
	}
	if (rc == -EPERM && !*text)
		base_err_set(err, NULL, 0, 0, "the kernel does not permit loading %s: it may be locked down (see "
			     "/sys/kernel/security/lockdown), or a container's seccomp profile or missing capabilities "
			     "forbid bpf(2)", what);
	else if (rc == -ENOMEM)
		base_err_set(err, NULL, 0, 0, "not enough memory for %s: smaller rings (engine.modern_ebpf.buf_size_preset) "
			     "or a larger memory limit are needed%s%s", what, *text ? ": " : "", text);
	else if (strstr(text, "unknown func") || strstr(text, "invalid func"))
		base_err_set(err, NULL, 0, 0, "this kernel lacks a BPF helper that %s needs: 5.8 or later is needed: %s", what,
			     text);
	else
		base_err_set(err, NULL, 0, 0, "the kernel refused %s: %s%s%s", what, strerror(-rc), *text ? "; end of the "
			     "verifier's log: " : "", text);
	return rc;
}
