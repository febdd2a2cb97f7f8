/* Calls of sys_rare.h: descriptor lists, socket options, semaphores, keys, quotas, file system contexts; and calls
 * by numbers of the x32 kind. */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/quota.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static void polls(void)
{
	struct __attribute__((packed)) {
		uint16_t n;
		struct __attribute__((packed)) {
			int64_t fd;
			uint16_t flags;
		} fd[2];
	} seen = { 2, { { 0, 4 }, { -1, 0 } } };
	struct timespec ts = { 0, 5000 };
	uint64_t mask = 0x201;
	struct pollfd v[2] = { { .events = POLLOUT }, { .fd = 977, .events = POLLIN } };
	int pair[2];
	long r;

	if (pipe(pair))
		return;
	v[0].fd = pair[1];
	seen.fd[0].fd = pair[1];
	seen.fd[1].fd = 977;
	seen.fd[1].flags = 64; /* POLLNVAL */
#ifdef SYS_poll
	r = SYS(poll, v, 2, 7, 0, 0);
	want("SYSCALL_POLL_X res=%ld fds=%s timeout=7", r, hex(&seen, sizeof(seen)));
	r = SYS(poll, v, 0, 0, 0, 0);
	want("SYSCALL_POLL_X res=%ld fds=0000 timeout=0", r);
#endif
	seen.n = 1;
	v[0] = (struct pollfd){ .fd = pair[0], .events = POLLIN | POLLRDHUP };
	close(pair[1]);
	seen.fd[0].fd = pair[0];
	seen.fd[0].flags = 32; /* POLLHUP */
	r = SYS(ppoll, v, 1, &ts, &mask, 8);
	/* The kernel writes back what is left of the time, and that is what is read at exit. */
	want("SYSCALL_PPOLL_X res=%ld fds=%s timeout=%ld sigmask=%d", r, hex(&seen, 12), ts.tv_nsec, 0x201);
	close(pair[0]);
}

static void options(void)
{
	struct timeval tv = { 2, 3000 };
	uint64_t cookie = 0;
	uint32_t len = 4;
	int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
	unsigned char dyn[9] = { 2, 1 };
	int64_t value;
	long r;

	r = SYS(setsockopt, s, SOL_SOCKET, SO_REUSEADDR, &one, 4);
	want("SOCKET_SETSOCKOPT_X res=%ld fd=%d level=1 optname=2 val=%s optlen=4", r, s, hex(dyn, 5));
	r = SYS(setsockopt, s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	dyn[0] = 4;
	value = 2003000000;
	memcpy(dyn + 1, &value, 8);
	want("SOCKET_SETSOCKOPT_X res=%ld fd=%d level=1 optname=20 val=%s optlen=16", r, s, hex(dyn, 9));
	r = SYS(setsockopt, s, IPPROTO_TCP, TCP_NODELAY, &one, 4);
	want("SOCKET_SETSOCKOPT_X res=%ld fd=%d level=2 optname=0 val=0001000000 optlen=4", r, s);
	r = SYS(setsockopt, 978, IPPROTO_IP, 1, &one, 4);
	want("SOCKET_SETSOCKOPT_X res=-9 fd=978 level=0 optname=0 val=0001000000 optlen=4");
	r = SYS(getsockopt, s, SOL_SOCKET, SO_ERROR, &one, &len);
	want("SOCKET_GETSOCKOPT_X res=%ld fd=%d level=1 optname=4 val=010000000000000000 optlen=4", r, s);
	len = 8;
	r = SYS(getsockopt, s, SOL_SOCKET, SO_COOKIE, &cookie, &len);
	dyn[0] = 3;
	memcpy(dyn + 1, &cookie, 8);
	want("SOCKET_GETSOCKOPT_X res=%ld fd=%d level=1 optname=53 val=%s optlen=8", r, s, hex(dyn, 9));
	close(s);
}

static void semaphores(void)
{
	struct sembuf op[2] = { { 0, 3, IPC_NOWAIT }, { 1, 2, SEM_UNDO } };
	long id, r;

	id = SYS(semget, IPC_PRIVATE, 2, 0600 | IPC_CREAT, 0, 0);
	want("SYSCALL_SEMGET_X res=%ld key=0x0 nsems=2 semflg=0x2000", id);
	r = SYS(semop, id, op, 2, 0, 0);
	if (!r)
		want("SYSCALL_SEMOP_X res=0 nsops=2 sem_num_0=0 sem_op_0=3 sem_flg_0=0x1 sem_num_1=1 sem_op_1=2 "
		     "sem_flg_1=0x2 semid=%ld", id);
	r = SYS(semop, -1, op, 1, 0, 0);
	want("SYSCALL_SEMOP_X res=%ld nsops=1 sem_num_0=0 sem_op_0=0 sem_flg_0=0x0 sem_num_1=0 sem_op_1=0 sem_flg_1=0x0 "
	     "semid=-1", r);
	r = SYS(semctl, id, 1, SETVAL, 5, 0);
	want("SYSCALL_SEMCTL_X res=%ld semid=%ld semnum=1 cmd=0x1000 val=5", r, id);
	r = SYS(semctl, id, 0, IPC_RMID, 0, 0);
	want("SYSCALL_SEMCTL_X res=%ld semid=%ld semnum=0 cmd=0x4 val=0", r, id);
}

static void keys(void)
{
	static const char zero[] = "000000000000000000";
	unsigned char num[9] = { 0 };
	int64_t value = -3; /* KEY_SPEC_SESSION_KEYRING */
	long r;

	r = SYS(keyctl, KEYCTL_GET_KEYRING_ID, value, 0, 0, 0);
	memcpy(num + 1, &value, 8);
	want("SYSCALL_KEYCTL_X res=%ld operation=0 arg2=%s arg3=%s arg4=%s arg5=%s", r, hex(num, 9), zero, zero, zero);
	r = SYS(keyctl, KEYCTL_SEARCH, value, "user", "none", 0);
	want("SYSCALL_KEYCTL_X res=%ld operation=10 arg2=%s arg3=017573657200 arg4=016e6f6e6500 arg5=%s", r, hex(num, 9),
	     zero);
	r = SYS(keyctl, 99, 1, 2, 3, 4); /* no such operation: its arguments mean nothing */
	want("SYSCALL_KEYCTL_X res=%ld operation=99 arg2=%s arg3=%s arg4=%s arg5=%s", r, zero, zero, zero, zero);
}

/* Of a device that does not exist: the arguments are recorded all the same. */
static void quotas(void)
{
	struct dqblk b = { .dqb_bhardlimit = 11, .dqb_bsoftlimit = 12, .dqb_ihardlimit = 13, .dqb_isoftlimit = 14,
			   .dqb_btime = 15, .dqb_valid = QIF_BLIMITS | QIF_BTIME };
	struct dqinfo i = { .dqi_bgrace = 21, .dqi_igrace = 22, .dqi_valid = IIF_IGRACE };
	long r;

	r = SYS(quotactl, QCMD(Q_SETQUOTA, GRPQUOTA), "/nonexistent", 7, &b, 0);
	want("SYSCALL_QUOTACTL_X res=%ld special=\"/nonexistent\" quotafilepath=- dqb_bhardlimit=11 dqb_bsoftlimit=12 "
	     "dqb_curspace=0 dqb_ihardlimit=0 dqb_isoftlimit=0 dqb_btime=15 dqb_itime=0 dqi_bgrace=0 dqi_igrace=0 "
	     "dqi_flags=0 quota_fmt_out=1 cmd=64 type=2 id=7 quota_fmt=1", r);
	r = SYS(quotactl, QCMD(Q_SETINFO, USRQUOTA), "/nonexistent", 7, &i, 0);
	want("SYSCALL_QUOTACTL_X res=%ld special=\"/nonexistent\" dqb_bhardlimit=0 dqi_bgrace=0 dqi_igrace=22 cmd=16 type=1 "
	     "id=0 quota_fmt=1", r);
	r = SYS(quotactl, QCMD(Q_QUOTAON, USRQUOTA), "/nonexistent", 2, "aquota", 0);
	want("SYSCALL_QUOTACTL_X res=%ld special=\"/nonexistent\" quotafilepath=\"aquota\" cmd=1 type=1 id=0 quota_fmt=4", r);
}

static void contexts(void)
{
#if defined(SYS_fsopen) && defined(SYS_fsconfig)
	long fs = SYS(fsopen, "tmpfs", 0, 0, 0, 0), r;

	r = SYS(fsconfig, fs, 1, "size", "64k", 0);
	if (!r)
		want("SYSCALL_FSCONFIG_X res=0 fd=%ld cmd=1 key=\"size\" value_bytebuf=- value_charbuf=\"64k\" aux=0", fs);
	r = SYS(fsconfig, -1, 2, "key", "abc", 3);
	want("SYSCALL_FSCONFIG_X res=%ld fd=-1 cmd=2 key=\"key\" value_bytebuf=- value_charbuf=- aux=3", r);
	close((int)fs);
#endif
}

void rare(void)
{
	polls();
	options();
	semaphores();
	keys();
	quotas();
	contexts();
}

/* An x32 number is the 64-bit one with a bit set. Where the kernel has no such calls, the failed one is seen. */
void wide_numbers(void)
{
#if defined(__x86_64__)
	long r = sys(0x40000000 | SYS_openat, AT_FDCWD, (long)"/nonexistent/x32", O_RDONLY, 0, 0);

	want("SYSCALL_OPENAT_2_X fd=%ld dirfd=-100 name=\"/nonexistent/x32\" flags=0x1 mode=0", r);
#endif
}
