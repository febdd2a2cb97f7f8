/* Makes real system calls and writes down what the probe must say about each: test_probe.sh compares.
 *
 *   probe_calls EXPECTED_FILE DIRECTORY
 *
 * One line per call: TYPE token... where a token is name=value of a parameter, as probe_dump prints it, or
 * @tid=, @tgid=, @peer= and @flags= of the envelope. Lines are in the order of the calls. Calls that need
 * rights are made so that they fail where success would disturb the machine. Calls this kernel or its
 * confinement refuses altogether are expected with the result they gave. */
#include "calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/io_uring.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *expected;

void want(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(expected, fmt, ap);
	va_end(ap);
	fputc('\n', expected);
}

long sys(long nr, long a, long b, long c, long d, long e)
{
	long r = syscall(nr, a, b, c, d, e, 0L);

	return r == -1 ? -errno : r;
}

static unsigned long ino_of(long fd)
{
	struct stat st = { 0 };

	fstat((int)fd, &st);
	return st.st_ino;
}

/* ---- files -------------------------------------------------------------------------------- */

/* dev and ino as the kernel's inode has them; the device only where stat tells the same (overlay and others
 * do not), so it is left to the eye. */
static void files(void)
{
	struct open_how how = { .flags = O_RDWR | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV };
	long fd, dir, r, p[2];
	int pair[2];

	dir = SYS(openat, AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0, 0);
	want("SYSCALL_OPENAT_2_X fd=%ld dirfd=-100 name=\".\" flags=0x2401 mode=0 ino=%lu", dir, ino_of(dir));
	fd = SYS(openat, dir, "made", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640, 0);
	want("SYSCALL_OPENAT_2_X fd=%ld dirfd=%ld name=\"made\" flags=0x5107 mode=416 ino=%lu", fd, dir, ino_of(fd));
	r = SYS(write, fd, "hello, probe", 12, 0, 0);
	want("SYSCALL_WRITE_X res=%ld data=68656c6c6f2c2070726f6265 fd=%ld size=12", r, fd);
	char buf[16] = "";
	r = SYS(pread64, fd, buf, 5, 2, 0);
	want("SYSCALL_PREAD_X res=%ld data=6c6c6f2c20 fd=%ld size=5 pos=2", r, fd);
	r = SYS(pwrite64, fd, "XY", 2, 1, 0);
	want("SYSCALL_PWRITE_X res=%ld data=5859 fd=%ld size=2 pos=1", r, fd);
	lseek((int)fd, 0, SEEK_SET);
	r = SYS(read, fd, buf, 4, 0, 0);
	want("SYSCALL_READ_X res=%ld data=6858596c fd=%ld size=4", r, fd);
	struct iovec v[2] = { { buf, 3 }, { buf + 3, 2 } };
	r = SYS(readv, fd, v, 2, 0, 0);
	want("SYSCALL_READV_X res=%ld size=5 data=6f2c207072 fd=%ld", r, fd);
	r = SYS(writev, fd, v, 2, 0, 0);
	want("SYSCALL_WRITEV_X res=%ld data=6f2c207072 fd=%ld size=5", r, fd);
	r = SYS(preadv, fd, v, 2, 1, 0);
	want("SYSCALL_PREADV_X res=%ld size=5 data=58596c6f2c fd=%ld pos=1", r, fd);
	r = SYS(pwritev, fd, v, 1, 3, 0);
	want("SYSCALL_PWRITEV_X res=%ld data=58596c fd=%ld size=3 pos=3", r, fd);
	r = SYS(read, -1, buf, 4, 0, 0);
	want("SYSCALL_READ_X res=-9 data=- fd=-1 size=4");
	r = SYS(fchmod, fd, 0600, 0, 0, 0);
	want("SYSCALL_FCHMOD_X res=0 fd=%ld mode=384", fd);
	r = SYS(fchown, fd, 0, 0, 0, 0);
	want("SYSCALL_FCHOWN_X res=%ld fd=%ld uid=0 gid=0", r, fd);
	long dup = SYS(dup, fd, 0, 0, 0, 0);
	want("SYSCALL_DUP_1_X res=%ld oldfd=%ld", dup, fd);
	r = SYS(dup3, fd, 90, O_CLOEXEC, 0, 0);
	want("SYSCALL_DUP3_X res=90 oldfd=%ld newfd=90 flags=0x1000", fd);
	r = SYS(fcntl, fd, F_DUPFD_CLOEXEC, 80, 0, 0);
	want("SYSCALL_FCNTL_X res=%ld fd=%ld cmd=26 arg=0x50", r, fd);
	r = SYS(fcntl, fd, F_SETFD, 1, 0, 0);
	want("SYSCALL_FCNTL_X res=0 fd=%ld cmd=3 arg=0x1", fd);
	r = SYS(close_range, 80, 90, CLOSE_RANGE_CLOEXEC, 0, 0);
	want("SYSCALL_CLOSE_RANGE_X res=%ld first=80 last=90 flags=0x4", r);
	r = SYS(close, dup, 0, 0, 0, 0);
	want("SYSCALL_CLOSE_X res=0 fd=%ld", dup);
	r = SYS(close, 999, 0, 0, 0, 0);
	want("SYSCALL_CLOSE_X res=-9 fd=999");
	r = SYS(openat2, dir, "made", &how, sizeof(how), 0);
	want("SYSCALL_OPENAT2_X fd=%ld dirfd=%ld name=\"made\" flags=0x1003 mode=0 resolve=0x11 dev=0x%x ino=%lu", r, dir, dev_of(r), ino_of(r));
	r = SYS(openat, AT_FDCWD, "/nonexistent/x", O_WRONLY | O_APPEND | O_EXCL | O_NONBLOCK, 0777, 0);
	want("SYSCALL_OPENAT_2_X fd=-2 dirfd=-100 name=\"/nonexistent/x\" flags=0x6a mode=0 dev=0x0 ino=0");
	r = SYS(openat, AT_FDCWD, NULL, O_RDONLY, 0, 0);
	want("SYSCALL_OPENAT_2_X fd=-14 dirfd=-100 name=- flags=0x1");
	r = SYS(mkdirat, dir, "sub", 0755, 0, 0);
	want("SYSCALL_MKDIRAT_X res=0 dirfd=%ld path=\"sub\" mode=0x1ed", dir);
	r = SYS(fchmodat, dir, "sub", 0711, 0, 0);
	want("SYSCALL_FCHMODAT_X res=0 dirfd=%ld filename=\"sub\" mode=457", dir);
	r = SYS(fchownat, dir, "sub", 0, 0, AT_SYMLINK_NOFOLLOW);
	want("SYSCALL_FCHOWNAT_X res=%ld dirfd=%ld pathname=\"sub\" uid=0 gid=0 flags=0x0", r, dir);
	r = SYS(linkat, dir, "made", dir, "hard", AT_SYMLINK_FOLLOW);
	want("SYSCALL_LINKAT_2_X res=%ld olddir=%ld oldpath=\"made\" newdir=%ld newpath=\"hard\" flags=0x400", r, dir, dir);
	r = SYS(symlinkat, "made", dir, "soft", 0, 0);
	want("SYSCALL_SYMLINKAT_X res=0 target=\"made\" linkdirfd=%ld linkpath=\"soft\"", dir);
	r = SYS(renameat2, dir, "soft", dir, "softer", RENAME_NOREPLACE);
	want("SYSCALL_RENAMEAT2_X res=%ld olddirfd=%ld oldpath=\"soft\" newdirfd=%ld newpath=\"softer\" flags=0x1", r, dir, dir);
#ifdef SYS_renameat
	r = SYS(renameat, dir, "hard", dir, "harder", 0);
	want("SYSCALL_RENAMEAT_X res=0 olddirfd=%ld oldpath=\"hard\" newdirfd=%ld newpath=\"harder\"", dir, dir);
#endif
	r = SYS(unlinkat, dir, "harder", 0, 0, 0);
	want("SYSCALL_UNLINKAT_2_X res=%ld dirfd=%ld name=\"harder\" flags=0x0", r, dir);
	r = SYS(unlinkat, dir, "sub", AT_REMOVEDIR, 0, 0);
	want("SYSCALL_UNLINKAT_2_X res=0 dirfd=%ld name=\"sub\" flags=0x200", dir);
	r = SYS(pipe2, pair, O_CLOEXEC | O_NONBLOCK, 0, 0, 0);
	want("SYSCALL_PIPE2_X res=0 fd1=%d fd2=%d ino=%lu flags=0x1040", pair[0], pair[1], ino_of(pair[0]));
	r = SYS(chdir, "/", 0, 0, 0, 0);
	want("SYSCALL_CHDIR_X res=0 path=\"/\" @flags=0x1");
	r = SYS(fchdir, dir, 0, 0, 0, 0);
	want("SYSCALL_FCHDIR_X res=0 fd=%ld @flags=0x1", dir);
	r = SYS(chdir, "/nonexistent", 0, 0, 0, 0);
	want("SYSCALL_CHDIR_X res=-2 path=\"/nonexistent\" @flags=0x0");
	char cwd[PATH_MAX];
	r = SYS(getcwd, cwd, sizeof(cwd), 0, 0, 0);
	want("SYSCALL_GETCWD_X res=%ld path=\"%s\"", r, cwd);
	(void)p;
}

#ifdef SYS_open
/* Calls that only the older architectures have. */
static void old_calls(void)
{
	int pair[2];
	long fd, r;

	fd = SYS(open, "old", O_WRONLY | O_CREAT | O_DSYNC, 0604, 0, 0);
	want("SYSCALL_OPEN_X fd=%ld name=\"old\" flags=0x4096 mode=388 dev=0x%x ino=%lu", fd, dev_of(fd), ino_of(fd));
	fd = SYS(creat, "older", 0600, 0, 0, 0);
	want("SYSCALL_CREAT_X fd=%ld name=\"older\" mode=384 dev=0x%x ino=%lu creat_flags=0x0", fd, dev_of(fd), ino_of(fd));
	r = SYS(dup2, fd, 91, 0, 0, 0);
	want("SYSCALL_DUP2_X res=%ld oldfd=%ld newfd=91", r, fd);
	r = SYS(chmod, "old", 04755, 0, 0, 0);
	want("SYSCALL_CHMOD_X res=0 filename=\"old\" mode=2541");
	r = SYS(chown, "old", 0, 0, 0, 0);
	want("SYSCALL_CHOWN_X res=%ld path=\"old\" uid=0 gid=0", r);
	r = SYS(lchown, "old", -1, -1, 0, 0);
	want("SYSCALL_LCHOWN_X res=%ld path=\"old\" uid=-1 gid=-1", r);
	r = SYS(link, "old", "old2", 0, 0, 0);
	want("SYSCALL_LINK_2_X res=%ld oldpath=\"old\" newpath=\"old2\"", r);
	r = SYS(symlink, "old", "old3", 0, 0, 0);
	want("SYSCALL_SYMLINK_X res=0 target=\"old\" linkpath=\"old3\"");
	r = SYS(rename, "old3", "old4", 0, 0, 0);
	want("SYSCALL_RENAME_X res=0 oldpath=\"old3\" newpath=\"old4\"");
	r = SYS(unlink, "old4", 0, 0, 0, 0);
	want("SYSCALL_UNLINK_2_X res=0 path=\"old4\"");
	r = SYS(mkdir, "olddir", 0700, 0, 0, 0);
	want("SYSCALL_MKDIR_2_X res=0 path=\"olddir\" mode=0x1c0");
	r = SYS(rmdir, "olddir", 0, 0, 0, 0);
	want("SYSCALL_RMDIR_2_X res=0 path=\"olddir\"");
	r = SYS(pipe, pair, 0, 0, 0, 0);
	want("SYSCALL_PIPE_X res=0 fd1=%d fd2=%d ino=%lu", pair[0], pair[1], ino_of(pair[0]));
	r = SYS(eventfd, 7, 0, 0, 0, 0);
	want("SYSCALL_EVENTFD_X res=%ld initval=7 flags=0x0", r);
	r = SYS(inotify_init, 0, 0, 0, 0, 0);
	want("SYSCALL_INOTIFY_INIT_X res=%ld flags=0x0", r);
	r = SYS(epoll_create, 9, 0, 0, 0, 0);
	want("SYSCALL_EPOLL_CREATE_X res=%ld size=9", r);
	uint64_t mask = 1;
	r = SYS(signalfd, -1, &mask, 8, 0, 0);
	want("SYSCALL_SIGNALFD_X res=%ld fd=-1 mask=0x0 flags=0x0", r);
}
#else
static void old_calls(void)
{
}
#endif

/* ---- descriptors of special kinds, limits, signals ---------------------------------------- */

static void kinds(void)
{
	uint64_t mask = 1;
	struct rlimit rl;
	long r, p;

	r = SYS(memfd_create, "anon", MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0);
	want("SYSCALL_MEMFD_CREATE_X fd=%ld name=\"anon\" flags=0x3", r);
	r = SYS(eventfd2, 5, EFD_NONBLOCK | EFD_CLOEXEC, 0, 0, 0);
	want("SYSCALL_EVENTFD2_X res=%ld flags=0x1040 initval=5", r);
	r = SYS(timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC, 0, 0, 0);
	want("SYSCALL_TIMERFD_CREATE_X res=%ld clockid=1 flags=0x40", r);
	r = SYS(inotify_init1, IN_NONBLOCK, 0, 0, 0, 0);
	want("SYSCALL_INOTIFY_INIT1_X res=%ld flags=0x40", r);
	r = SYS(epoll_create1, EPOLL_CLOEXEC, 0, 0, 0, 0);
	want("SYSCALL_EPOLL_CREATE1_X res=%ld flags=0x1", r);
	r = SYS(signalfd4, -1, &mask, 8, SFD_CLOEXEC, 0);
	want("SYSCALL_SIGNALFD4_X res=%ld flags=0x1000 fd=-1 mask=0x0", r);
	p = SYS(pidfd_open, getpid(), 0, 0, 0, 0);
	want("SYSCALL_PIDFD_OPEN_X fd=%ld pid=%d flags=0x0", p, getpid());
	r = SYS(pidfd_getfd, p, 0, 0, 0, 0);
	want("SYSCALL_PIDFD_GETFD_X fd=%ld pid_fd=%ld target_fd=0 flags=0x0", r, p);
	r = SYS(userfaultfd, O_CLOEXEC, 0, 0, 0, 0);
	want("SYSCALL_USERFAULTFD_X res=%ld flags=0x80000", r);
	struct io_uring_params up = { .flags = IORING_SETUP_CLAMP, .sq_thread_idle = 3 };
	r = SYS(io_uring_setup, 4, &up, 0, 0, 0);
	want("SYSCALL_IO_URING_SETUP_X res=%ld entries=4 sq_entries=%u cq_entries=%u flags=0x20 sq_thread_cpu=0 sq_thread_idle=3 "
	     "features=0x%x", r, up.sq_entries, up.cq_entries, up.features & 0x7ff);
	union bpf_attr attr = { 0 };
	r = SYS(bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr), 0, 0);
	want("SYSCALL_BPF_2_X fd=%ld cmd=1", r);
	getrlimit(RLIMIT_CORE, &rl);
#ifdef SYS_setrlimit
	r = SYS(setrlimit, RLIMIT_CORE, &rl, 0, 0, 0);
	want("SYSCALL_SETRLIMIT_X res=0 cur=%ld max=%ld resource=4", (long)rl.rlim_cur, (long)rl.rlim_max);
#endif
	struct rlimit old;
	r = SYS(prlimit64, 0, RLIMIT_NOFILE, NULL, &old, 0);
	want("SYSCALL_PRLIMIT_X res=0 newcur=0 newmax=0 oldcur=%ld oldmax=%ld pid=0 resource=7", (long)old.rlim_cur,
	     (long)old.rlim_max);
	r = SYS(kill, getpid(), 0, 0, 0, 0);
	want("SYSCALL_KILL_X res=0 pid=%d sig=0", getpid());
	r = SYS(tkill, getpid(), SIGCHLD, 0, 0, 0);
	want("SYSCALL_TKILL_X res=0 tid=%d sig=17", getpid());
	r = SYS(tgkill, getpid(), getpid(), 99, 0, 0);
	want("SYSCALL_TGKILL_X res=-22 pid=%d tid=%d sig=99", getpid(), getpid());
	r = SYS(getpriority, PRIO_PROCESS, 0, 0, 0, 0);
	want("GENERIC_X ID=60 nativeID=%d", (int)SYS_getpriority);
}

/* Calls that only rules ask for. */
static void queries(void)
{
	struct timespec ts = { 0, 1000 };
	struct rlimit rl;
	struct iovec v[2];
	struct stat st;
	char buf[4096], from[] = "abc", to[4];
	uid_t id[3];
	uint32_t word = 1;
	struct timeval now = { 0, 0 };
	fd_set set;
	long fd, fd2, r, off = 3;

	fd = SYS(openat, AT_FDCWD, "made", O_RDWR, 0, 0);
	fd2 = SYS(openat, AT_FDCWD, "copy", O_RDWR | O_CREAT, 0600, 0);
	r = SYS(lseek, fd, 2, SEEK_SET, 0, 0);
	want("SYSCALL_LSEEK_X res=2 fd=%ld offset=2 whence=0", fd);
	r = SYS(fstat, fd, &st, 0, 0, 0);
	want("SYSCALL_FSTAT_X res=0 fd=%ld", fd);
	r = SYS(newfstatat, AT_FDCWD, "made", &st, AT_SYMLINK_NOFOLLOW, 0);
	want("SYSCALL_NEWFSTATAT_X res=0 dirfd=-100 path=\"made\" flags=0x100");
	r = SYS(flock, fd, 2 | 4, 0, 0, 0);
	want("SYSCALL_FLOCK_X res=0 fd=%ld operation=0x6", fd);
	r = SYS(ioctl, fd, 0x5401, 0x1234, 0, 0);
	want("SYSCALL_IOCTL_3_X res=-25 fd=%ld request=0x5401 argument=0x1234", fd);
	r = SYS(sendfile, fd2, fd, &off, 4, 0);
	want("SYSCALL_SENDFILE_X res=%ld offset=%ld out_fd=%ld in_fd=%ld size=4", r, off, fd2, fd);
	r = SYS(copy_file_range, fd, 0, fd2, 0, 5);
	want("SYSCALL_COPY_FILE_RANGE_X res=%ld fdout=%ld offout=0 fdin=%ld offin=0 len=5", r, fd2, fd);
	r = SYS(splice, fd, 0, fd2, 0, 5);
	want("SYSCALL_SPLICE_X res=%ld fd_in=%ld fd_out=%ld size=5 flags=0x0", r, fd, fd2);
	r = SYS(getdents64, fd, buf, sizeof(buf), 0, 0);
	want("SYSCALL_GETDENTS64_X res=-20 fd=%ld", fd);
	r = SYS(mknodat, AT_FDCWD, "fifo", S_IFIFO | 0620, 0, 0);
	want("SYSCALL_MKNODAT_X res=0 dirfd=-100 path=\"fifo\" mode=4496 dev=0");
	char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	want("SYSCALL_MMAP_X res=0x%lx vm_size>=8 vm_rss>=8 vm_swap>=0 addr=0x0 length=8192 prot=0x3 flags=0x8a fd=-1 offset=0", (long)map);
	r = SYS(mprotect, map, 4096, PROT_READ | PROT_EXEC, 0, 0);
	want("SYSCALL_MPROTECT_X res=0 addr=0x%lx length=4096 prot=0x5", (long)map);
	r = SYS(mlock, map, 4096, 0, 0, 0);
	want("SYSCALL_MLOCK_X res=%ld addr=0x%lx len=4096", r, (long)map);
	r = SYS(munlock, map, 4096, 0, 0, 0);
	want("SYSCALL_MUNLOCK_X res=%ld addr=0x%lx len=4096", r, (long)map);
	r = SYS(munmap, map, 8192, 0, 0, 0);
	want("SYSCALL_MUNMAP_X res=0 vm_size>=8 vm_rss>=8 vm_swap>=0 addr=0x%lx length=8192", (long)map);
	r = SYS(brk, 0, 0, 0, 0, 0);
	want("SYSCALL_BRK_4_X res=0x%lx vm_size>=8 vm_rss>=8 vm_swap>=0 addr=0x0", r);
	r = SYS(getuid, 0, 0, 0, 0, 0);
	want("SYSCALL_GETUID_X uid=%ld", r);
	r = SYS(getresuid, &id[0], &id[1], &id[2], 0, 0);
	want("SYSCALL_GETRESUID_X res=0 ruid=%u euid=%u suid=%u", id[0], id[1], id[2]);
#ifdef SYS_getrlimit
	r = SYS(getrlimit, RLIMIT_STACK, &rl, 0, 0, 0);
	want("SYSCALL_GETRLIMIT_X res=0 cur=%ld max=%ld resource=3", (long)rl.rlim_cur, (long)rl.rlim_max);
#endif
	r = SYS(seccomp, 99, 1, 0, 0, 0);
	want("SYSCALL_SECCOMP_X res=-22 op=99 flags=0x1");
	r = SYS(delete_module, "no_such_module", O_NONBLOCK, 0, 0, 0);
	want("SYSCALL_DELETE_MODULE_X res=%ld name=\"no_such_module\" flags=0x2", r);
	v[0] = (struct iovec){ to, 3 };
	v[1] = (struct iovec){ from, 3 };
	r = syscall(SYS_process_vm_readv, getpid(), &v[0], 1, &v[1], 1, 0);
	if (r == 3)
		want("SYSCALL_PROCESS_VM_READV_X res=3 pid=%d data=616263", getpid());
	r = SYS(nanosleep, &ts, 0, 0, 0, 0);
	want("SYSCALL_NANOSLEEP_X res=0 interval=1000");
	r = SYS(futex, &word, 1 | 128, 7, 0, 0);
	want("SYSCALL_FUTEX_X res=0 addr=0x%lx op=0x81 val=7", (long)&word);
	r = SYS(semget, 0x1234567, 0, 0, 0, 0);
	want("SYSCALL_SEMGET_X res=%ld key=0x1234567 nsems=0 semflg=0x0", r);
	r = SYS(io_uring_enter, -1, 1, 2, 1, 0);
	want("SYSCALL_IO_URING_ENTER_X res=%ld fd=-1 to_submit=1 min_complete=2 flags=0x1 sig=0", r);
	r = SYS(io_uring_register, -1, 4, 0x10, 1, 0);
	want("SYSCALL_IO_URING_REGISTER_X res=%ld fd=-1 opcode=4 arg=0x10 nr_args=1", r);
#ifdef SYS_access
	r = SYS(access, "made", R_OK | W_OK, 0, 0, 0);
	want("SYSCALL_ACCESS_X res=%ld name=\"made\" mode=0x6", r);
	r = SYS(stat, "made", &st, 0, 0, 0);
	want("SYSCALL_STAT_X res=0 path=\"made\"");
	r = SYS(mknod, "plain", 0600, 0, 0, 0);
	want("SYSCALL_MKNOD_X res=0 path=\"plain\" mode=33152 dev=0");
	r = SYS(epoll_wait, -1, buf, 8, 0, 0);
	want("SYSCALL_EPOLLWAIT_X res=-9 maxevents=8");
	FD_ZERO(&set);
	r = SYS(select, 0, &set, 0, 0, &now);
	want("SYSCALL_SELECT_X res=0");
#endif
}

/* ---- sockets ------------------------------------------------------------------------------ */

const char *hex(const void *p, size_t n)
{
	static char text[2][300];
	static int turn;
	char *t = text[turn ^= 1];

	for (size_t i = 0; i < n; i++)
		sprintf(t + 2 * i, "%02x", ((const unsigned char *)p)[i]);
	return t;
}

/* Tuple of two IPv4 ends as the event carries it: ports in host order. */
static const char *tuple4(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	unsigned char t[13] = { 2 };
	uint16_t p;

	memcpy(t + 1, &a->sin_addr, 4);
	p = ntohs(a->sin_port);
	memcpy(t + 5, &p, 2);
	memcpy(t + 7, &b->sin_addr, 4);
	p = ntohs(b->sin_port);
	memcpy(t + 11, &p, 2);
	return hex(t, sizeof(t));
}

static const char *tuple6(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	unsigned char t[37] = { 10 };
	uint16_t p;

	memcpy(t + 1, &a->sin6_addr, 16);
	p = ntohs(a->sin6_port);
	memcpy(t + 17, &p, 2);
	memcpy(t + 19, &b->sin6_addr, 16);
	p = ntohs(b->sin6_port);
	memcpy(t + 35, &p, 2);
	return hex(t, sizeof(t));
}

static const char *addr4(const struct sockaddr_in *a)
{
	unsigned char t[7] = { 2 };
	uint16_t p = ntohs(a->sin_port);

	memcpy(t + 1, &a->sin_addr, 4);
	memcpy(t + 5, &p, 2);
	return hex(t, sizeof(t));
}

static void tcp(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, ca;
	socklen_t len = sizeof(sa);
	long s, c, a, r;

	s = SYS(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0);
	want("SOCKET_SOCKET_X fd=%ld domain=2 type=%d proto=0 flags=0x1000", s, SOCK_STREAM | SOCK_CLOEXEC);
	r = SYS(bind, s, &sa, sizeof(sa), 0, 0);
	want("SOCKET_BIND_X res=%ld addr=%s fd=%ld", r, addr4(&sa), s);
	r = SYS(listen, s, 5, 0, 0, 0);
	want("SOCKET_LISTEN_X res=0 fd=%ld backlog=5", s);
	getsockname((int)s, (struct sockaddr *)&sa, &len);
	c = SYS(socket, AF_INET, SOCK_STREAM, IPPROTO_TCP, 0, 0);
	r = SYS(connect, c, &sa, sizeof(sa), 0, 0);
	len = sizeof(ca);
	getsockname((int)c, (struct sockaddr *)&ca, &len);
	want("SOCKET_CONNECT_X res=%ld tuple=%s fd=%ld addr=%s @flags=0x1", r, tuple4(&ca, &sa), c, addr4(&sa));
	a = SYS(accept4, s, NULL, NULL, SOCK_NONBLOCK, 0);
	want("SOCKET_ACCEPT4_6_X fd=%ld tuple=%s queuepct=0 queuelen=0 queuemax=5 flags=0x40", a, tuple4(&ca, &sa));
	r = SYS(sendto, c, "ping", 4, 0, 0);
	want("SOCKET_SENDTO_X res=4 data=70696e67 fd=%ld size=4 tuple=%s", c, tuple4(&ca, &sa));
	char buf[32];
	r = SYS(recvfrom, a, buf, sizeof(buf), 0, 0);
	want("SOCKET_RECVFROM_X res=4 data=70696e67 tuple=%s fd=%ld size=32", tuple4(&ca, &sa), a);
	r = SYS(recvfrom, a, buf, sizeof(buf), MSG_DONTWAIT, 0);
	want("SOCKET_RECVFROM_X res=-11 data=- tuple=- fd=%ld size=32", a);
	r = SYS(shutdown, c, SHUT_RDWR, 0, 0, 0);
	want("SOCKET_SHUTDOWN_X res=0 fd=%ld how=0x2", c);
	c = SYS(socket, AF_INET, SOCK_STREAM, 0, 0, 0);
	sa.sin_port = htons(1);
	r = SYS(connect, c, &sa, sizeof(sa), 0, 0);
	want("SOCKET_CONNECT_X res=%ld tuple=- fd=%ld addr=%s @flags=0x0", r, c, addr4(&sa));
}

static void udp(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, any = { 0 }, from;
	struct iovec v[2] = { { "ab", 2 }, { "cde", 3 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2, .msg_name = &sa, .msg_namelen = sizeof(sa) };
	socklen_t len = sizeof(sa);
	char buf[8];
	long s, c, r;

	s = SYS(socket, AF_INET, SOCK_DGRAM, 0, 0, 0);
	bind((int)s, (struct sockaddr *)&sa, sizeof(sa));
	getsockname((int)s, (struct sockaddr *)&sa, &len);
	c = SYS(socket, AF_INET, SOCK_DGRAM, 0, 0, 0);
	r = sys(SYS_sendmsg, c, (long)&m, 0, 0, 0);
	len = sizeof(any);
	getsockname((int)c, (struct sockaddr *)&any, &len);
	want("SOCKET_SENDMSG_X res=5 data=6162636465 fd=%ld size=5 tuple=%s", c, tuple4(&any, &sa));
	struct iovec w = { buf, sizeof(buf) };
	struct msghdr n = { .msg_iov = &w, .msg_iovlen = 1, .msg_name = &from, .msg_namelen = sizeof(from) };
	r = SYS(recvmsg, s, &n, 0, 0, 0);
	want("SOCKET_RECVMSG_X res=%ld size=5 data=6162636465 tuple=%s msgcontrol=- fd=%ld", r, tuple4(&from, &sa), s);
	struct mmsghdr mm[2] = { { .msg_hdr = m }, { .msg_hdr = m } };
	mm[1].msg_hdr.msg_iovlen = 1;
	r = SYS(sendmmsg, c, mm, 2, 0, 0);
	want("SOCKET_SENDMMSG_X res=5 fd=%ld size=5 data=6162636465 tuple=%s", c, tuple4(&any, &sa));
	want("SOCKET_SENDMMSG_X res=2 fd=%ld size=2 data=6162 tuple=%s", c, tuple4(&any, &sa));
	struct mmsghdr got = { .msg_hdr = n };
	r = SYS(recvmmsg, s, &got, 1, MSG_DONTWAIT, 0);
	want("SOCKET_RECVMMSG_X res=5 fd=%ld size=5 data=6162636465 tuple=%s msgcontrol=-", s, tuple4(&from, &sa));
	r = SYS(recvmmsg, -1, &got, 1, 0, 0);
	want("SOCKET_RECVMMSG_X res=-9 fd=-1 size=0 data=- tuple=- msgcontrol=-");
}

static void tcp6(void)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback }, ca;
	socklen_t len = sizeof(sa);
	long s = SYS(socket, AF_INET6, SOCK_STREAM, 0, 0, 0), c, a, r;

	if (s < 0 || bind((int)s, (struct sockaddr *)&sa, sizeof(sa)) || listen((int)s, 1))
		return; /* no IPv6 here */
	want("SOCKET_SOCKET_X fd=%ld domain=10 type=1 proto=0 flags=0x0", s);
	getsockname((int)s, (struct sockaddr *)&sa, &len);
	c = SYS(socket, AF_INET6, SOCK_STREAM, 0, 0, 0);
	r = SYS(connect, c, &sa, sizeof(sa), 0, 0);
	len = sizeof(ca);
	getsockname((int)c, (struct sockaddr *)&ca, &len);
	want("SOCKET_CONNECT_X res=%ld tuple=%s fd=%ld", r, tuple6(&ca, &sa), c);
	a = SYS(accept, s, NULL, NULL, 0, 0);
	want("SOCKET_ACCEPT_5_X fd=%ld tuple=%s queuepct=0 queuelen=0 queuemax=1", a, tuple6(&ca, &sa));
}

static void local(void)
{
	struct sockaddr_un su = { .sun_family = AF_UNIX, .sun_path = "sock" };
	union {
		char raw[CMSG_SPACE(sizeof(int))];
		struct cmsghdr h;
	} control = { 0 };
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	char got[2], in[CMSG_SPACE(sizeof(int))] = "";
	long s, c, r;
	int pair[2];

	s = SYS(socket, AF_UNIX, SOCK_STREAM, 0, 0, 0);
	r = SYS(bind, s, &su, sizeof(su), 0, 0);
	want("SOCKET_BIND_X res=%ld addr=01736f636b00 fd=%ld", r, s);
	listen((int)s, 1);
	c = SYS(socket, AF_UNIX, SOCK_STREAM, 0, 0, 0);
	r = SYS(connect, c, &su, sizeof(su), 0, 0);
	want("SOCKET_CONNECT_X res=%ld fd=%ld addr=01736f636b00", r, c);
	r = SYS(socketpair, AF_UNIX, SOCK_STREAM, 0, pair, 0);
	want("SOCKET_SOCKETPAIR_X res=0 fd1=%d fd2=%d source>=1 peer>=1 domain=1 type=1 proto=0", pair[0], pair[1]);
	control.h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.h), &pair[0], sizeof(int));
	r = SYS(sendmsg, pair[0], &m, 0, 0, 0);
	want("SOCKET_SENDMSG_X res=1 data=78 fd=%d size=1", pair[0]);
	v = (struct iovec){ got, 2 };
	m.msg_control = in;
	r = SYS(recvmsg, pair[1], &m, 0, 0, 0);
	want("SOCKET_RECVMSG_X res=%ld size=1 data=78 msgcontrol=%s fd=%d", r, hex(in, m.msg_controllen), pair[1]);
}

/* ---- processes ---------------------------------------------------------------------------- */

static void credentials(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	long r;

	r = SYS(setpgid, 0, 0, 0, 0, 0);
	want("SYSCALL_SETPGID_X res=%ld pid=0 pgid=0", r);
	r = SYS(setresuid, -1, 0, -1, 0, 0);
	want("SYSCALL_SETRESUID_X res=%ld ruid=-1 euid=0 suid=-1 @flags=0x1", r);
	r = SYS(setresgid, -1, -1, 0, 0, 0);
	want("SYSCALL_SETRESGID_X res=%ld rgid=-1 egid=-1 sgid=0", r);
	r = SYS(setreuid, 0, -1, 0, 0, 0);
	want("SYSCALL_SETREUID_X res=%ld ruid=0 euid=-1", r);
	r = SYS(setregid, -1, 0, 0, 0, 0);
	want("SYSCALL_SETREGID_X res=%ld rgid=-1 egid=0", r);
	r = SYS(setuid, 0, 0, 0, 0, 0);
	want("SYSCALL_SETUID_X res=%ld uid=0", r);
	r = SYS(setgid, 0, 0, 0, 0, 0);
	want("SYSCALL_SETGID_X res=%ld gid=0", r);
	SYS(capget, &h, d, 0, 0, 0);
	r = SYS(capset, &h, d, 0, 0, 0);
	want("SYSCALL_CAPSET_X res=%ld cap_inheritable=0x%lx cap_permitted=0x%lx cap_effective=0x%lx", r,
	     d[0].inheritable | (unsigned long)d[1].inheritable << 32, d[0].permitted | (unsigned long)d[1].permitted << 32,
	     d[0].effective | (unsigned long)d[1].effective << 32);
	r = SYS(prctl, PR_SET_NAME, "renamed", 0, 0, 0);
	want("SYSCALL_PRCTL_X res=0 option=15 arg2_str=\"renamed\" arg2_int=0");
	r = SYS(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	want("SYSCALL_PRCTL_X res=0 option=36 arg2_str=- arg2_int=1");
	int attr = 0;
	r = SYS(prctl, PR_GET_CHILD_SUBREAPER, &attr, 0, 0, 0);
	want("SYSCALL_PRCTL_X res=0 option=37 arg2_str=- arg2_int=1");
	r = SYS(prctl, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static void refused(void)
{
	long r;

	r = SYS(setns, 0, CLONE_NEWNET, 0, 0, 0);
	want("SYSCALL_SETNS_X res=%ld fd=0 nstype=0x10", r);
	r = SYS(unshare, 0, 0, 0, 0, 0);
	want("SYSCALL_UNSHARE_X res=0 flags=0x0 @flags=0x1");
	r = SYS(unshare, CLONE_NEWPID | CLONE_THREAD | 0x1, 0, 0, 0, 0);
	want("SYSCALL_UNSHARE_X res=%ld flags=0x2040 @flags=0x0", r);
	r = SYS(chroot, "/nonexistent", 0, 0, 0, 0);
	want("SYSCALL_CHROOT_X res=%ld path=\"/nonexistent\"", r);
	r = SYS(mount, "none", "/nonexistent", "tmpfs", MS_NOSUID | MS_RDONLY | MS_MGC_VAL, 0);
	want("SYSCALL_MOUNT_X res=%ld dev=\"none\" dir=\"/nonexistent\" type=\"tmpfs\" flags=0x3", r);
	r = SYS(umount2, "/nonexistent", MNT_DETACH | UMOUNT_NOFOLLOW, 0, 0, 0);
	want("SYSCALL_UMOUNT2_X res=%ld name=\"/nonexistent\" flags=0xa", r);
	r = SYS(ptrace, PTRACE_ATTACH, 0x7ffffff0, 0, 0, 0);
	want("SYSCALL_PTRACE_X res=%ld addr=000000000000000000 data=000000000000000000 request=11 pid=2147483632", r);
	r = SYS(init_module, "not a module", 12, "arg=1", 0, 0);
	want("SYSCALL_INIT_MODULE_X res=%ld img=6e6f742061206d6f64756c65 length=12 uargs=\"arg=1\"", r);
	r = SYS(finit_module, -1, "arg=2", 3, 0, 0);
	want("SYSCALL_FINIT_MODULE_X res=%ld fd=-1 uargs=\"arg=2\" flags=0x3", r);
	r = SYS(open_by_handle_at, AT_FDCWD, NULL, O_RDONLY, 0, 0);
	want("SYSCALL_OPEN_BY_HANDLE_AT_X fd=%ld mountfd=-100 flags=0x1 path=- dev=0x0 ino=0", r);
}

static void handle(void)
{
	struct {
		struct file_handle h;
		unsigned char data[MAX_HANDLE_SZ];
	} f = { .h.handle_bytes = MAX_HANDLE_SZ };
	char path[PATH_MAX];
	int mnt;
	long dir = open(".", O_RDONLY), r;

	if (name_to_handle_at(AT_FDCWD, "made", &f.h, &mnt, 0) || !realpath("made", path))
		return; /* this file system has no handles */
	r = SYS(open_by_handle_at, dir, &f, O_RDONLY, 0, 0);
	if (r > 0)
		want("SYSCALL_OPEN_BY_HANDLE_AT_X fd=%ld mountfd=%ld flags=0x1 path=\"%s\" ino=%lu", r, dir, path, ino_of(r));
}

static void traced(void)
{
	long r;
	pid_t pid = fork();

	if (!pid) {
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, NULL, WUNTRACED);
	r = SYS(ptrace, PTRACE_SEIZE, pid, 0, 0, 0);
	want("SYSCALL_PTRACE_X res=%ld addr=000000000000000000 data=000000000000000000 request=20 pid=%d @flags=0x%x", r, pid,
	     r >= 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	want("PROCEXIT_1_E status=9 ret=0 sig=9 core=0 reaper_tid=0 @tid=%d @flags=0x1", pid);
}

static int thread_body(void *arg)
{
	(void)arg;
	syscall(SYS_exit, 0);
	return 0;
}

static char stack[65536] __attribute__((aligned(16)));

/* exe and args of this process. */
static const char *program(void)
{
	static char text[8192];
	char raw[4096];
	size_t n = 0, len;
	FILE *f = fopen("/proc/self/cmdline", "r");

	len = f ? fread(raw, 1, sizeof(raw) - 1, f) : 0;
	if (f)
		fclose(f);
	raw[len] = 0;
	n = (size_t)snprintf(text, sizeof(text), "exe=\"%s\" args=\"", raw);
	for (size_t i = strlen(raw) + 1; i + 1 < len && n < sizeof(text) - 8; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, raw[i] ? "%c" : "\\x00", raw[i]);
	snprintf(text + n, sizeof(text) - n, "\"");
	return text;
}

/* Each child is told of by its parent, before it runs; then comes the parent's own side. */
static void births(void)
{
	struct clone_args ca = { .exit_signal = SIGCHLD };
	int self = getpid(), tid;
	pid_t pid;
	long r;

#ifdef SYS_fork
	r = SYS(fork, 0, 0, 0, 0, 0);
	if (!r)
		_exit(3);
	waitpid((pid_t)r, NULL, 0);
	want("SYSCALL_FORK_20_X res=0 %s tid=%ld pid=%ld ptid=%d comm=\"renamed\" %s flags=0x%x uid=0 gid=0 vtid=%ld vpid=%ld %s "
	     "@tid=%ld @tgid=%ld @peer=%d @flags=0x21", program(), r, r, self, inherited(), 0, r, r, pidns_start(), r, r, self);
	want("SYSCALL_FORK_20_X res=%ld tid=%d pid=%d uid=0 gid=0 @tid=%d @tgid=%d @peer=%ld @flags=0x1", r, self, self, self,
	     self, r);
	want("PROCEXIT_1_E status=768 ret=3 sig=0 core=0 reaper_tid=0 @tid=%ld @tgid=%ld", r, r);
	pid = vfork();
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	want("SYSCALL_VFORK_20_X res=0 %s tid=%d pid=%d ptid=%d comm=\"renamed\" %s flags=0x%x uid=0 gid=0 vtid=%d vpid=%d %s "
	     "@tid=%d @peer=%d @flags=0x21", program(), pid, pid, self, inherited(), 0, pid, pid, pidns_start(), pid, self);
	want("SYSCALL_VFORK_20_X res=%d tid=%d @peer=%d @flags=0x1", pid, self, pid);
#endif
	r = SYS(clone3, &ca, sizeof(ca), 0, 0, 0);
	if (!r)
		_exit(0);
	if (r > 0) {
		waitpid((pid_t)r, NULL, 0);
		want("SYSCALL_CLONE3_X res=0 %s tid=%ld pid=%ld ptid=%d comm=\"renamed\" %s flags=0x0 uid=0 gid=0 vtid=%ld vpid=%ld %s "
		     "@tid=%ld @flags=0x21", program(), r, r, self, inherited(), r, r, pidns_start(), r);
		want("SYSCALL_CLONE3_X res=%ld tid=%d flags=0x0 @peer=%ld", r, self, r);
	}
	tid = clone(thread_body, stack + sizeof(stack), CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, NULL);
	usleep(50000);
	want("SYSCALL_CLONE_20_X res=0 %s tid=%d pid=%d ptid=%d comm=\"renamed\" %s flags=0xa801 uid=0 gid=0 vtid=%d vpid=%d %s "
	     "@tid=%d @tgid=%d @peer=%d @flags=0x21", program(), tid, self, getppid(), inherited(), tid, self, pidns_start(), tid, self, self);
	want("SYSCALL_CLONE_20_X res=%d tid=%d pid=%d flags=0xa803 @tid=%d @tgid=%d @peer=%d @flags=0x1", tid, self, self, self,
	     self, self);
	want("PROCEXIT_1_E status=0 @tid=%d @tgid=%d", tid, self);
	r = SYS(clone, CLONE_THREAD, 0, 0, 0, 0);
	want("SYSCALL_CLONE_20_X res=%ld exe=- args=- flags=0x2000 @peer=0 @flags=0x0", r);
}

/* A child in a pid namespace of its own: other numbers inside, the node's in the envelope. */
static void namespaces(void)
{
	int self = getpid(), inner[2], up[2], st;
	struct { int outer, inner; } ids = { 0 };
	pid_t pid;
	long r;

	if (pipe(inner) || pipe(up))
		return;
	r = SYS(clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (r < 0)
		return;
	if (!r) {
		pid = (pid_t)SYS(clone, SIGCHLD, 0, 0, 0, 0);
		if (!pid) {
			char c;

			if (read(inner[0], &c, 1) != 1)
				_exit(1);
			_exit(0);
		}
		ids.inner = pid;
		if (write(up[1], &ids, sizeof(ids)) != sizeof(ids))
			_exit(1);
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	want("SYSCALL_CLONE_20_X res=0 tid=%ld pid=%ld flags=0x20000000 vtid=1 vpid=1 @tid=%ld @peer=%d", r, r, r, self);
	want("SYSCALL_CLONE_20_X res=%ld tid=%d flags=0x40 @tid=%d @peer=%ld", r, self, self, r);
	if (read(up[0], &ids, sizeof(ids)) == sizeof(ids)) {
		char path[64];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", r, r);
		f = fopen(path, "r");
		if (f && fscanf(f, "%d", &ids.outer) == 1) {
			want("SYSCALL_CLONE_20_X res=0 tid=%d pid=%d ptid=%ld vtid=%d vpid=%d @tid=%d @tgid=%d @peer=%ld", ids.outer,
			     ids.outer, r, ids.inner, ids.inner, ids.outer, ids.outer, r);
			want("SYSCALL_CLONE_20_X res=%d tid=%ld vtid=1 @tid=%ld @peer=%d", ids.inner, r, r, ids.outer);
		}
		if (f)
			fclose(f);
	}
	if (write(inner[1], "x", 1) != 1)
		return;
	waitpid((pid_t)r, &st, 0);
}

/* The capabilities that an exec hands on as inheritable. */
static unsigned long inheritable(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	syscall(SYS_capget, &h, d);
	return d[0].inheritable | (unsigned long)d[1].inheritable << 32;
}

static void execs(const char *self_path)
{
	char *argv[] = { "name", "one", "", "two", NULL }, *envp[] = { "A=1", "B=2", NULL };
	struct stat st;
	pid_t pid;
	long r;

	r = SYS(execve, "/nonexistent/prog", argv, envp, 0, 0);
	want("SYSCALL_EXECVE_19_X res=-2 exe=\"name\" args=\"one\\x00\\x00two\" tid=%d pid=%d env=\"A=1\\x00B=2\" "
	     "filename=\"/nonexistent/prog\" @flags=0x0", getpid(), getpid());
	r = SYS(execveat, AT_FDCWD, "/nonexistent/prog", argv, envp, 0);
	stat(self_path, &st);
	want("SYSCALL_EXECVEAT_X res=%ld exe=\"name\" args=\"one\\x00\\x00two\" tid=%d pid=%d ptid=%d comm=\"renamed\" %s env=\"A=1\\x00B=2\" "
	     "tty>=0 vpgid=%d loginuid=-1 flags=0x1 cap_inheritable=0x%lx cap_permitted>=1 cap_effective>=1 exe_ino=%lu exe_ino_ctime=%lu "
	     "exe_ino_mtime=%lu uid=0 trusted_exepath=\"%s\" pgid=%d gid=0", r, getpid(), getpid(), getppid(), inherited(), getpgrp(),
	     inheritable(), st.st_ino, st.st_ctim.tv_sec * 1000000000UL + (unsigned long)st.st_ctim.tv_nsec,
	     st.st_mtim.tv_sec * 1000000000UL + (unsigned long)st.st_mtim.tv_nsec, self_path, getpgrp());
	pid = fork();
	if (!pid) {
		execve("/bin/true", argv, envp);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	if (!stat("/bin/true", &st)) {
		char real[PATH_MAX];

		want("SYSCALL_EXECVE_19_X res=0 exe=\"name\" args=\"one\\x00\\x00two\" tid=%d pid=%d ptid=%d comm=\"true\" %s "
		     "tty>=0 cap_inheritable=0x%lx env=\"A=1\\x00B=2\" vpgid=%d loginuid=%d exe_ino=%lu exe_ino_ctime=%lu exe_ino_mtime=%lu uid=0 "
		     "trusted_exepath=\"%s\" pgid=%d gid=0 filename=\"/bin/true\" @flags=0x1", pid, pid, getpid(), inherited(), inheritable(), getpgrp(), -1,
		     st.st_ino, st.st_ctim.tv_sec * 1000000000UL + (unsigned long)st.st_ctim.tv_nsec,
		     st.st_mtim.tv_sec * 1000000000UL + (unsigned long)st.st_mtim.tv_nsec, realpath("/bin/true", real), getpgrp());
	}
}

/* exec by a thread that is not the leader: it becomes the leader, and the event is the leader's. */
static int exec_body(void *arg)
{
	char *argv[] = { "thread-exec", NULL };

	(void)arg;
	execve("/bin/true", argv, NULL);
	return 1;
}

static void thread_exec(void)
{
	pid_t pid = fork();

	if (!pid) {
		clone(exec_body, stack + sizeof(stack), CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, NULL);
		for (;;)
			pause();
	}
	waitpid(pid, NULL, 0);
	want("SYSCALL_EXECVE_19_X res=0 exe=\"thread-exec\" args=- tid=%d pid=%d env=- @tid=%d @tgid=%d", pid, pid, pid, pid);
}

/* exec of a file that has no name in any file system. */
static void memfd_exec(void)
{
	int fd = (int)syscall(SYS_memfd_create, "image", 0), in = open("/bin/true", O_RDONLY);
	char *argv[] = { "ghost", NULL }, buf[65536];
	ssize_t n;
	pid_t pid;

	while ((n = read(in, buf, sizeof(buf))) > 0) {
		if (write(fd, buf, (size_t)n) != n)
			return;
	}
	pid = fork();
	if (!pid) {
		syscall(SYS_execveat, fd, "", argv, NULL, AT_EMPTY_PATH);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	want("SYSCALL_EXECVE_19_X res=0 exe=\"ghost\" tid=%d flags=0x5 trusted_exepath=\"memfd:image\" filename=\"/dev/fd/%d\"",
	     pid, fd);
}

/* Who could write to its own executable: nobody's process runs a file of root's. */
static void exe_flags_of(unsigned mode, unsigned group, unsigned flags)
{
	int in = open("/bin/true", O_RDONLY), out = open("exe", O_RDWR | O_CREAT | O_TRUNC, 0700);
	gid_t groups[] = { 7, 1000, 4000, 60000 };
	char *argv[] = { "nobody", NULL }, buf[65536];
	ssize_t n;
	pid_t pid;

	while ((n = read(in, buf, sizeof(buf))) > 0) {
		if (write(out, buf, (size_t)n) != n)
			return;
	}
	close(out);
	if (fchownat(AT_FDCWD, "exe", 0, group, 0) || chmod("exe", mode))
		return;
	out = open("exe", O_RDONLY);
	pid = fork();
	if (!pid) {
		if (!syscall(SYS_setgroups, 4, groups) && !syscall(SYS_setgid, 65534) && !syscall(SYS_setuid, 65534))
			syscall(SYS_execveat, out, "", argv, NULL, AT_EMPTY_PATH);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	close(out);
	close(in);
	unlink("exe");
	want("SYSCALL_EXECVE_19_X res=0 exe=\"nobody\" tid=%d flags=0x%x cap_permitted=0x0 cap_effective=0x0 uid=65534 gid=65534",
	     pid, flags);
}

static void exe_flags(void)
{
	exe_flags_of(0755, 0, 0);
	exe_flags_of(0775, 0, 0);
	exe_flags_of(0775, 4000, 1);
	exe_flags_of(0775, 7, 1);
	exe_flags_of(0755, 4000, 0);
	exe_flags_of(0775, 65534, 1);
	exe_flags_of(0777, 0, 1);
}

static void sessions(void)
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		_exit(setsid() == getpid() ? 0 : 1);
	}
	waitpid(pid, &st, 0);
	want("SYSCALL_SETSID_X res=%d @tid=%d @flags=0x1", pid, pid);
}

/* A child dies and leaves a child: who inherits it is told. */
static void orphans(void)
{
	int hold[2], st;
	pid_t pid;
	char c;

	if (pipe(hold))
		return;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork();
	if (!pid) {
		if (!fork()) {
			close(hold[1]);
			_exit(read(hold[0], &c, 1) < 0);
		}
		_exit(0);
	}
	waitpid(pid, &st, 0);
	want("PROCEXIT_1_E status=0 ret=0 reaper_tid=%d @tid=%d", getpid(), pid);
	close(hold[1]);
	wait(&st);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

#if defined(__x86_64__)
/* A call by the numbers of 32-bit programs, which any program can make. Pointers must lie low. */
static long int80(long nr, long a, long b, long c, long d, long e)
{
	long r;

	asm volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "r8", "r9", "r10", "r11",
		     "memory");
	return r;
}

static bool have_int80(void)
{
	pid_t pid = fork();
	int st;

	if (!pid)
		_exit(int80(20, 0, 0, 0, 0, 0) == getpid() ? 0 : 1);
	return waitpid(pid, &st, 0) == pid && WIFEXITED(st) && !WEXITSTATUS(st);
}

static void narrow(void)
{
	struct low {
		char path[16], data[8], arg[8], env[8];
		uint32_t iov[4], argv[3], envp[2], limit[2];
		struct sockaddr_in to;
	} *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long fd, r, at = (long)l;

	if (l == MAP_FAILED || !have_int80())
		return;
	strcpy(l->path, "narrow");
	strcpy(l->data, "abcdef");
	strcpy(l->arg, "arg");
	strcpy(l->env, "E=1");
	l->iov[0] = (uint32_t)(at + offsetof(struct low, data));
	l->iov[1] = 2;
	l->iov[2] = l->iov[0] + 3;
	l->iov[3] = 3;
	fd = int80(295, AT_FDCWD, at, O_CREAT | O_RDWR, 0644, 0);
	want("SYSCALL_OPENAT_2_X fd=%ld dirfd=-100 name=\"narrow\" flags=0x4007 mode=420 @flags=0x8", fd);
	r = int80(146, fd, at + offsetof(struct low, iov), 2, 0, 0);
	want("SYSCALL_WRITEV_X res=%ld data=6162646566 fd=%ld size=5 @flags=0x8", r, fd);
	r = int80(180, fd, at + offsetof(struct low, data), 4, 1, 0);
	want("SYSCALL_PREAD_X res=%ld data=62646566 fd=%ld size=4 pos=1 @flags=0x8", r, fd);
	r = int80(6, fd, 0, 0, 0, 0);
	want("SYSCALL_CLOSE_X res=%ld fd=%ld @flags=0x8", r, fd);
	l->to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	fd = int80(359, AF_INET, SOCK_DGRAM, 0, 0, 0);
	want("SOCKET_SOCKET_X fd=%ld domain=2 type=2 proto=0 flags=0x0 @flags=0x8", fd);
	r = int80(362, fd, at + offsetof(struct low, to), sizeof(l->to), 0, 0);
	want("SOCKET_CONNECT_X res=%ld fd=%ld addr=%s @flags=0x9", r, fd, addr4(&l->to));
	uint32_t *vec = l->iov; /* socketcall: 3 is connect */
	vec[0] = (uint32_t)fd;
	vec[1] = (uint32_t)(at + offsetof(struct low, to));
	vec[2] = sizeof(l->to);
	l->to.sin_port = htons(2);
	r = int80(102, 3, at + offsetof(struct low, iov), 0, 0, 0);
	want("SOCKET_CONNECT_X res=%ld fd=%ld addr=%s @flags=0x9", r, fd, addr4(&l->to));
	strcpy(l->data, "abcdef"); /* the read has changed it */
	vec[1] = (uint32_t)(at + offsetof(struct low, data));
	vec[2] = 4;
	vec[3] = 0;
	r = int80(102, 9, at + offsetof(struct low, iov), 0, 0, 0);
	want("SOCKET_SENDTO_X res=%ld data=61626364 fd=%ld size=4 @flags=0x8", r, fd);
	r = int80(96, 0, 0, 0, 0, 0); /* getpriority */
	want("GENERIC_X ID=60 nativeID=%d @flags=0x8", SYS_getpriority);
	strcpy(l->path, "/nonexistent");
	l->argv[0] = (uint32_t)(at + offsetof(struct low, path));
	l->argv[1] = (uint32_t)(at + offsetof(struct low, arg));
	l->envp[0] = (uint32_t)(at + offsetof(struct low, env));
	r = int80(11, at, at + offsetof(struct low, argv), at + offsetof(struct low, envp), 0, 0);
	want("SYSCALL_EXECVE_19_X res=%ld exe=\"/nonexistent\" args=\"arg\" env=\"E=1\" filename=\"/nonexistent\" @flags=0x8",
	     r);
	l->limit[0] = 0;
	l->limit[1] = UINT32_MAX;
	r = int80(75, RLIMIT_CORE, at + offsetof(struct low, limit), 0, 0, 0);
	want("SYSCALL_SETRLIMIT_X res=%ld cur=0 max=-1 resource=4 @flags=0x8", r);
	/* 3 is read there and close here: it must not be taken for the other. */
	r = int80(3, 997, at, 1, 0, 0);
	want("SYSCALL_READ_X res=%ld data=- fd=997 size=1 @flags=0x8", r);
}
#else
static void narrow(void)
{
}
#endif

int main(int argc, char **argv)
{
	static char buf[1 << 18];
	char self[PATH_MAX];

	if (argc != 3 || !realpath("/proc/self/exe", self) || chdir(argv[2]))
		return 2;
	expected = fopen(argv[1], "w");
	if (!expected)
		return 2;
	setvbuf(expected, buf, _IOFBF, sizeof(buf)); /* written at the end: its own calls would be in the way */
	alarm(60);
	signal(SIGCHLD, SIG_DFL);
	files();
	old_calls();
	kinds();
	queries();
	tcp();
	udp();
	tcp6();
	local();
	credentials();
	refused();
	handle();
	traced();
	births();
	namespaces();
	execs(self);
	thread_exec();
	memfd_exec();
	exe_flags();
	sessions();
	orphans();
	narrow();
	rare();
	wide_numbers();
	uring();
	plain();
	return fclose(expected) ? 2 : 0;
}
