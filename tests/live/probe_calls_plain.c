/* Calls that need no preparation, and facts of the calling process that many events repeat. */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- facts -------------------------------------------------------------------------------------- */

/* Path of a controller's group: its own hierarchy's, else that of the one without controllers. */
static void group_path(const char *controller, char ret[static 512])
{
	char line[1024], unified[512] = "";
	FILE *f = fopen("/proc/self/cgroup", "r");

	ret[0] = 0;
	while (f && fgets(line, sizeof(line), f)) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL, *save = NULL;

		if (!path)
			continue;
		line[strcspn(line, "\n")] = 0;
		*path++ = 0;
		if (!names[1])
			snprintf(unified, sizeof(unified), "%s", path);
		for (char *n = strtok_r(names + 1, ",", &save); n; n = strtok_r(NULL, ",", &save))
			if (!strcmp(n, controller))
				snprintf(ret, 512, "%s", path);
	}
	if (f)
		fclose(f);
	if (!ret[0])
		snprintf(ret, 512, "%s", unified);
}

const char *inherited(void)
{
	static const char *const shown[][2] = { { "cpuset", "cpuset" }, { "cpu", "cpu" }, { "cpuacct", "cpuacct" }, { "io", "blkio" }, { "memory", "memory" } };
	static char text[4096];
	struct rlimit rl;
	size_t n;

	getrlimit(RLIMIT_NOFILE, &rl);
	n = (size_t)snprintf(text, sizeof(text), "cwd=- fdlimit=%lu pgft_maj>=0 pgft_min>=0 vm_size>=100 vm_rss>=0 vm_swap>=0 cgroups=\"",
			     (unsigned long)rl.rlim_cur);
	for (unsigned i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		char path[512];

		group_path(shown[i][1], path);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=%s", i ? "\\x00" : "", shown[i][0], path);
	}
	snprintf(text + n, sizeof(text) - n, "\"");
	return text;
}

const char *pidns_start(void)
{
	static char text[96];
	unsigned long long start = 0;
	char line[1024], *p = NULL;
	FILE *f = fopen("/proc/1/stat", "r");

	if (f && fgets(line, sizeof(line), f))
		p = strrchr(line, ')');
	for (unsigned i = 0; p && i < 20; i++) /* field 22 */
		p = strchr(p + 1, ' ');
	if (p)
		start = strtoull(p, NULL, 10) * (1000000000ull / (unsigned long)sysconf(_SC_CLK_TCK));
	if (f)
		fclose(f);
	snprintf(text, sizeof(text), "pidns_init_start_ts>=%llu pidns_init_start_ts<=%llu", start, start + 1000000000ull / (unsigned long)sysconf(_SC_CLK_TCK));
	return text;
}

unsigned dev_of(long fd)
{
	struct stat st;

	if (fstat((int)fd, &st))
		return 0;
	return (minor(st.st_dev) & 0xff) | major(st.st_dev) << 8 | (minor(st.st_dev) & ~0xffu) << 12;
}

/* ---- calls -------------------------------------------------------------------------------------- */

static void memory(void)
{
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), text[] = "xyz";
	struct iovec local = { text, 3 }, remote = { map, 3 };
	long r;

	r = SYS(mlock2, map, 4096, 1, 0, 0);
	want("SYSCALL_MLOCK2_X res=%ld addr=0x%lx len=4096 flags=0x1", r, (long)map);
	r = SYS(mlockall, MCL_CURRENT | MCL_ONFAULT, 0, 0, 0, 0);
	want("SYSCALL_MLOCKALL_X res=%ld flags=0x5", r);
	r = SYS(munlockall, 0, 0, 0, 0, 0);
	want("SYSCALL_MUNLOCKALL_X res=%ld", r);
	r = syscall(SYS_process_vm_writev, getpid(), &local, 1, &remote, 1, 0);
	if (r >= 0)
		want("SYSCALL_PROCESS_VM_WRITEV_X res=%ld pid=%d data=78797a", r, getpid());
	munmap(map, 4096);
}

static void identity(void)
{
	uint32_t id[3] = { 0 };
	long r;

	r = SYS(getgid, 0, 0, 0, 0, 0);
	want("SYSCALL_GETGID_X gid=%ld", r);
	r = SYS(geteuid, 0, 0, 0, 0, 0);
	want("SYSCALL_GETEUID_X euid=%ld", r);
	r = SYS(getegid, 0, 0, 0, 0, 0);
	want("SYSCALL_GETEGID_X egid=%ld", r);
	r = SYS(getresgid, &id[0], &id[1], &id[2], 0, 0);
	want("SYSCALL_GETRESGID_X res=%ld rgid=%u egid=%u sgid=%u", r, id[0], id[1], id[2]);
}

static void names(void)
{
	struct sockaddr_in sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint32_t len = sizeof(sa);

	SYS(getsockname, fd, &sa, &len, 0, 0);
	want("SOCKET_GETSOCKNAME_X");
	SYS(getpeername, fd, &sa, &len, 0, 0);
	want("SOCKET_GETPEERNAME_X");
	close(fd);
}

static void files(void)
{
#ifdef SYS_lstat
	struct stat st;
	char buf[512];
	int dir = open(".", O_RDONLY | O_DIRECTORY);
	long r;

	r = SYS(lstat, "made", &st, 0, 0, 0);
	want("SYSCALL_LSTAT_X res=%ld path=\"made\"", r);
	r = SYS(getdents, dir, buf, sizeof(buf), 0, 0);
	want("SYSCALL_GETDENTS_X res=%ld fd=%d", r, dir);
	close(dir);
#endif
}

void plain(void)
{
	memory();
	identity();
	names();
	files();
}
