/* The numbers of 32-bit x86 callers and what they are natively. Called by live.c once, at open. Calls whose
 * 32-bit form has no native one are left out: the probe passes them over. */
#include "capture/live_internal.h"

#include <string.h>

#if defined(__x86_64__)
#include <asm/unistd_32.h> /* this and not sys/syscall.h: the numbers differ */

#define S(name) { __NR_##name, #name },
#define AS(name, other) { __NR_##name, #other },

static const struct {
	uint16_t nr;
	const char *name;
} calls[] = {
	S(exit) S(fork) S(read) S(write) S(open) S(close) S(creat) S(link) S(unlink) S(execve) S(chdir) S(mknod) S(chmod)
	S(lseek) S(getpid) S(mount) S(ptrace) S(access) S(kill) S(rename) S(mkdir) S(rmdir) S(dup) S(pipe) S(brk)
	S(acct) S(umount2) S(getpriority) S(setpriority) S(ioctl) S(fcntl) S(setpgid) S(chroot) S(dup2) S(setsid) S(setrlimit) S(symlink) S(readlink)
	S(swapon) S(reboot) S(munmap) S(truncate) S(ftruncate) S(fchmod) S(syslog) S(wait4) S(swapoff) S(sethostname)
	S(setdomainname) S(clone) S(mprotect) S(init_module) S(delete_module) S(quotactl) S(fchdir) S(personality)
	S(getdents) S(flock) S(readv) S(writev) S(mlock) S(munlock) S(mlockall) S(munlockall) S(mremap) S(prctl)
	S(rt_sigreturn) S(rt_sigaction) S(pread64) S(pwrite64) S(getcwd) S(capget) S(capset) S(sendfile) S(vfork)
	S(pivot_root) S(madvise) S(getdents64) S(gettid) S(setxattr) S(lsetxattr) S(fsetxattr) S(removexattr)
	S(lremovexattr) S(fremovexattr) S(tkill) S(futex) S(epoll_create) S(epoll_ctl) S(epoll_wait) S(tgkill)
	S(utimes) S(kexec_load) S(waitid) S(add_key) S(request_key) S(keyctl) S(inotify_init) S(inotify_add_watch)
	S(openat) S(mkdirat) S(mknodat) S(fchownat) S(unlinkat) S(renameat) S(linkat) S(symlinkat) S(readlinkat)
	S(fchmodat) S(faccessat) S(unshare) S(splice) S(tee) S(vmsplice) S(signalfd) S(timerfd_create) S(eventfd)
	S(fallocate) S(signalfd4) S(eventfd2) S(epoll_create1) S(dup3) S(pipe2) S(inotify_init1) S(preadv) S(pwritev)
	S(perf_event_open) S(recvmmsg) S(prlimit64) S(name_to_handle_at) S(open_by_handle_at) S(setns) S(sendmmsg)
	S(process_vm_readv) S(process_vm_writev) S(finit_module) S(renameat2) S(seccomp) S(getrandom) S(memfd_create)
	S(bpf) S(execveat) S(socket) S(socketpair) S(bind) S(connect) S(listen) S(accept4) S(getsockopt) S(setsockopt)
	S(getsockname) S(getpeername) S(sendto) S(sendmsg) S(recvfrom) S(recvmsg) S(shutdown) S(userfaultfd)
	S(copy_file_range) S(statx) S(pidfd_send_signal) S(io_uring_setup) S(io_uring_enter) S(io_uring_register)
	S(open_tree) S(move_mount) S(fsopen) S(fsconfig) S(fsmount) S(fspick) S(pidfd_open) S(clone3) S(close_range)
	S(openat2) S(pidfd_getfd) S(faccessat2)
	AS(mmap2, mmap) AS(fcntl64, fcntl) AS(chown32, chown) AS(lchown32, lchown) AS(fchown32, fchown)
	AS(setuid32, setuid) AS(setgid32, setgid) AS(setreuid32, setreuid) AS(setregid32, setregid)
	AS(setresuid32, setresuid) AS(setresgid32, setresgid) AS(setfsuid32, setfsuid) AS(setfsgid32, setfsgid)
	AS(setgroups32, setgroups) AS(stat64, stat) AS(lstat64, lstat) AS(fstat64, fstat) AS(fstatat64, newfstatat)
	/* ids of 16 bits: as good as any for a caller this old */
	S(chown) S(lchown) S(fchown) S(setuid) S(setgid) S(setreuid) S(setregid) S(setresuid) S(setresgid)
};

/* By the number that socketcall is given, from 1. */
static const char *const socket_calls[PROBE_SOCKETCALLS] = {
	NULL, "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "sendto", "recvfrom",
	"sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg",
};

static uint16_t native(const char *name)
{
	const struct evt_syscall *sc = name ? evt_syscall_by_name(name, strlen(name)) : NULL;

	return sc && sc->nr_x86_64 >= 0 && sc->nr_x86_64 < PROBE_MAX_NR ? (uint16_t)sc->nr_x86_64 : PROBE_NO_NR;
}
#endif

void live_ia32(uint16_t from32[PROBE_MAX_NR], uint16_t from_socketcall[PROBE_SOCKETCALLS])
{
	for (unsigned i = 0; i < PROBE_MAX_NR; i++)
		from32[i] = PROBE_NO_NR;
	for (unsigned i = 0; i < PROBE_SOCKETCALLS; i++)
		from_socketcall[i] = PROBE_NO_NR;
#if defined(__x86_64__)
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].nr < PROBE_MAX_NR)
			from32[calls[i].nr] = native(calls[i].name);
	}
	for (unsigned i = 0; i < PROBE_SOCKETCALLS; i++)
		from_socketcall[i] = native(socket_calls[i]);
#endif
}
