/* See privileges.h.
 *
 * When: capabilities belong to threads, so they are given up before there are others, and none can be forgotten. The probe
 * has been loaded then, which can need CAP_SYS_ADMIN (types of kernel modules are looked through). What the rest of the
 * start needs is needed later again: CPUs come online, processes are looked up. */
#include "daemon/privileges.h"

#include "base/buf.h"
#include "base/log.h"
#include "daemon/config.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

/* ---- capabilities ------------------------------------------------------------------------ */

static const struct { int cap; bool live; } needed[] = {
	{ CAP_BPF, true },	      /* maps and programs; rings of CPUs that come online */
	{ CAP_PERFMON, true },	      /* programs on tracepoints */
	{ CAP_SYS_RESOURCE, true },   /* locked memory on kernels before 5.11 */
	{ CAP_SYS_PTRACE, true },     /* other users' /proc */
	{ CAP_DAC_READ_SEARCH, false }, /* the same, and files of rules and configuration at a reload */
	{ CAP_DAC_OVERRIDE, false },  /* files of outputs are where the configuration says */
	{ CAP_NET_BIND_SERVICE, false }, /* ports below 1024 of the servers */
};

static int find_capability(const char *name)
{
	return capng_name_to_capability(!strncasecmp(name, "cap_", 4) ? name + 4 : name);
}

int privileges_unknown(const struct config *c, const char **ret)
{
	for (uint32_t i = 0; i < c->privileges.nkeep; i++) {
		if (find_capability(c->privileges.keep[i]) < 0) {
			*ret = c->privileges.keep[i];
			return -EINVAL;
		}
	}
	return 0;
}

static bool is_needed(const struct config *c, int cap)
{
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i].cap == cap && (!needed[i].live || c->engine == ENGINE_LIVE))
			return true;
	for (uint32_t i = 0; i < c->privileges.nkeep; i++)
		if (find_capability(c->privileges.keep[i]) == cap)
			return true;
	return false;
}

/* Leaves of what there is only what is needed, in the bounding set too, so that no command that is run gets more. */
static int drop_capabilities(const struct config *c, struct base_err *err)
{
	struct base_buf kept = { 0 };
	unsigned gone = 0;

	capng_setpid(0);
	if (capng_get_caps_process())
		return base_err_set(err, NULL, 0, 0, "cannot read the capabilities of this process");
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		bool has = capng_have_capability(CAPNG_PERMITTED, (unsigned)cap), keep = is_needed(c, cap);

		if (!keep) {
			gone += has;
			capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_BOUNDING_SET, (unsigned)cap);
		} else if (has) {
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, (unsigned)cap);
			buf_fmt(&kept, " %s", capng_capability_to_name((unsigned)cap));
		}
	}
	/* The bounding set can be changed by those who may; others have little to lose. */
	if (capng_apply(capng_have_capability(CAPNG_PERMITTED, CAP_SETPCAP) || gone ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) &&
	    capng_apply(CAPNG_SELECT_CAPS)) {
		buf_fini(&kept);
		return base_err_set(err, NULL, 0, 0, "cannot give up capabilities; privileges.drop: false leaves them as they are");
	}
	log_info("privileges: %u capabilities given up, kept:%s", gone, kept.p ? kept.p : " none");
	buf_fini(&kept);
	return 0;
}

/* ---- system calls ------------------------------------------------------------------------ */

/* What the daemon, its libraries (TLS, HTTP, Kafka, SQLite) and a shell that feeds an alert to a command use. Names that this
 * machine does not know are passed over. Not here, among others: mounts, modules, namespaces, ptrace, keys, clocks,
 * io_uring, reboot. */
static const char *const allowed[] = {
	"accept", "accept4", "access", "alarm", "arch_prctl", "bind", "bpf", "brk", "capget", "capset", "chdir", "chmod", "chown",
	"clock_getres", "clock_gettime", "clock_nanosleep", "close", "close_range", "connect", "copy_file_range", "creat", "dup", "dup2",
	"dup3", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2",
	"execve", "execveat", "exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat",
	"fchown", "fchownat", "fcntl", "fdatasync", "flock", "fork", "fstat", "fstatfs", "fsync", "ftruncate", "futex", "futex_waitv",
	"get_mempolicy", "get_robust_list", "getcpu", "getcwd", "getdents", "getdents64", "getegid", "geteuid", "getgid", "getgroups",
	"getitimer", "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresuid",
	"getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid", "gettimeofday", "getuid", "inotify_add_watch",
	"inotify_init", "inotify_init1", "inotify_rm_watch", "ioctl", "kill", "lchown", "link", "linkat", "listen", "lseek", "lstat",
	"madvise", "membarrier", "memfd_create", "mincore", "mkdir", "mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mremap", "msync",
	"munlock", "munlockall", "munmap", "name_to_handle_at", "nanosleep", "newfstatat", "open", "openat", "openat2", "pause",
	"perf_event_open", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "poll", "ppoll", "prctl", "pread64", "preadv", "preadv2",
	"prlimit64", "pselect6", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "recv",
	"recvfrom", "recvmmsg", "recvmsg", "rename", "renameat", "renameat2", "restart_syscall", "rmdir", "rseq", "rt_sigaction",
	"rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
	"sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
	"sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "select", "send", "sendfile", "sendmmsg", "sendmsg",
	"sendto", "set_robust_list", "set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups", "setitimer", "setpgid", "setpriority", "setregid", "setresgid",
	"setresuid", "setreuid", "setrlimit", "setsid", "setsockopt", "setuid", "shutdown", "sigaltstack", "signalfd", "signalfd4", "socketpair", "splice",
	"stat", "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo", "tee", "tgkill", "time", "timer_create", "timer_delete", "timer_getoverrun",
	"timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime", "times", "tkill", "truncate",
	"ugetrlimit", "umask", "uname", "unlink", "unlinkat", "utime", "utimensat", "utimes", "vfork", "wait4", "waitid", "waitpid", "write",
	"writev",
};

static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

static int add_rules(scmp_filter_ctx f)
{
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		int sc = seccomp_syscall_resolve_name(allowed[i]);

		if (sc != __NR_SCMP_ERROR)
			r = seccomp_rule_add(f, SCMP_ACT_ALLOW, sc, 0);
	}
	for (size_t i = 0; !r && i < sizeof(families) / sizeof(families[0]); i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	/* Threads and processes, no namespaces. The flags of clone3 cannot be seen; libc goes back to clone. */
	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP, 0));
	return r;
}

/* Refused calls fail as if the kernel did not have them, for which libraries are prepared. */
static int filter_calls(struct base_err *err)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int r = f ? 0 : -ENOMEM;

	if (!r)
		r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	if (!r)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 1);
	if (!r)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
	if (!r)
		r = add_rules(f);
	if (!r)
		r = seccomp_load(f);
	seccomp_release(f);
	if (r)
		return base_err_set(err, NULL, 0, 0, "cannot install the filter of system calls: %s; privileges.seccomp: false leaves it out", strerror(-r));
	log_info("privileges: system calls are limited to those that are needed");
	return 0;
}

int privileges_drop(const struct config *c, struct base_err *err)
{
	int r = c->privileges.drop ? drop_capabilities(c, err) : 0;

	return !r && c->privileges.seccomp ? filter_calls(err) : r;
}
