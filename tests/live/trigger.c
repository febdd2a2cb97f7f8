/* One action a rule may look for, done for real: trigger NAME [ARGUMENT]
 *
 * Built by the live tests. Every action undoes what it did as far as it can. Exit code 0 when the
 * action was done, 77 when this machine refuses it (the reason goes to stderr), 1 otherwise. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

static int refused(const char *what)
{
	fprintf(stderr, "trigger: %s: %s\n", what, strerror(errno));
	return errno == EPERM || errno == ENOSYS || errno == EACCES || errno == EROFS ? 77 : 1;
}

static int do_read(const char *path)
{
	char c;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return refused(path);
	if (read(fd, &c, 1) < 0)
		return refused(path);
	close(fd);
	return 0;
}

/* Writes a file of its own and removes it again. */
static int do_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd < 0)
		return refused(path);
	if (write(fd, "x", 1) != 1)
		return refused(path);
	close(fd);
	unlink(path);
	return 0;
}

static int do_suid(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755), r;

	if (fd < 0)
		return refused(path);
	close(fd);
	r = chmod(path, 04755) ? refused("chmod") : 0;
	unlink(path);
	return r;
}

static int do_symlink(const char *path, const char *target)
{
	if (symlink(target, path))
		return refused("symlink");
	unlink(path);
	return 0;
}

static int do_link(const char *path, const char *target)
{
	if (link(target, path))
		return refused("link");
	unlink(path);
	return 0;
}

/* Not a module: the kernel says so, after the attempt. */
static int do_module(void)
{
	if (!syscall(SYS_init_module, "no module", 9ul, ""))
		return 1;
	return errno == ENOEXEC || errno == EPERM || errno == ENOSYS || errno == EINVAL ? 0 : refused("init_module");
}

static int do_ptrace(void)
{
	pid_t child = fork();
	int r = 0;

	if (child < 0)
		return refused("fork");
	if (!child) {
		pause();
		_exit(0);
	}
	if (ptrace(PTRACE_ATTACH, child, NULL, NULL))
		r = refused("ptrace");
	else if (waitpid(child, NULL, 0) == child)
		ptrace(PTRACE_DETACH, child, NULL, NULL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return r;
}

static int do_unshare(void)
{
	return unshare(CLONE_NEWUTS | CLONE_NEWNS) ? refused("unshare") : 0;
}

static int do_setns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return refused(path);
	return setns(fd, 0) ? refused("setns") : 0;
}

static int do_connect(const char *ip, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return refused("socket");
	if (inet_pton(AF_INET, ip, &a.sin_addr) != 1)
		return 1;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) && errno != EINPROGRESS && errno != ECONNREFUSED)
		return refused("connect");
	close(fd);
	return 0;
}

/* Says on stdout which port of 127.0.0.1 it listens on; ends after one connection or ten seconds. */
static int do_listen(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		return refused("listen");
	printf("%u\n", ntohs(a.sin_port));
	fflush(stdout);
	alarm(10);
	return accept(fd, NULL, NULL) < 0 ? 1 : 0;
}

/* Runs a copy of this program from memory. */
static int do_memfd(void)
{
	int in = open("/proc/self/exe", O_RDONLY), out = memfd_create("payload", MFD_CLOEXEC);
	char *argv[] = { "payload", "nothing", NULL }, *envp[] = { NULL };
	char buf[65536];
	ssize_t n;

	if (in < 0 || out < 0)
		return refused("memfd_create");
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			return refused("write");
	fexecve(out, argv, envp);
	return refused("fexecve");
}

static int do_bpf(void)
{
	struct bpf_insn insn[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uintptr_t)insn;
	attr.insn_cnt = 2;
	attr.license = (uintptr_t) "GPL";
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return refused("bpf");
	close((int)fd);
	return 0;
}

static int do_userfaultfd(const char *uid)
{
	long fd;

	if (uid && (setgid((gid_t)atoi(uid)) || setuid((uid_t)atoi(uid))))
		return refused("setuid");
	fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (fd < 0)
		return refused("userfaultfd");
	close((int)fd);
	return 0;
}

static int do_mount(const char *dir)
{
	if (unshare(CLONE_NEWNS))
		return refused("unshare");
	return syscall(SYS_mount, "none", dir, "tmpfs", 0, "") ? refused("mount") : 0;
}

static int do_raw_socket(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		return refused("socket");
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *a = argc > 2 ? argv[2] : "", *b = argc > 3 ? argv[3] : "";

	if (!strcmp(what, "nothing"))
		return 0;
	if (!strcmp(what, "read"))
		return do_read(a);
	if (!strcmp(what, "write"))
		return do_write(a);
	if (!strcmp(what, "suid"))
		return do_suid(a);
	if (!strcmp(what, "symlink"))
		return do_symlink(a, b);
	if (!strcmp(what, "link"))
		return do_link(a, b);
	if (!strcmp(what, "module"))
		return do_module();
	if (!strcmp(what, "ptrace"))
		return do_ptrace();
	if (!strcmp(what, "unshare"))
		return do_unshare();
	if (!strcmp(what, "setns"))
		return do_setns(a);
	if (!strcmp(what, "connect"))
		return do_connect(a, b);
	if (!strcmp(what, "listen"))
		return do_listen();
	if (!strcmp(what, "memfd"))
		return do_memfd();
	if (!strcmp(what, "bpf"))
		return do_bpf();
	if (!strcmp(what, "userfaultfd"))
		return do_userfaultfd(argc > 2 ? a : NULL);
	if (!strcmp(what, "mount"))
		return do_mount(a);
	if (!strcmp(what, "rawsocket"))
		return do_raw_socket();
	if (!strcmp(what, "remove"))
		return unlink(a) ? refused(a) : 0;
	if (!strcmp(what, "truncate"))
		return truncate(a, 0) ? refused(a) : 0;
	fprintf(stderr, "trigger: no action '%s'\n", what);
	return 1;
}
