/* Fills the table from /proc at start (state-semantics 4). One thread, before any worker runs. Processes come
 * with everything, their other threads with what differs (credentials, names): the rest is the
 * leader's. What disappears while it is read is left out; so is what cannot be read. */
#include "state/scan.h"
#include "state/apply_task.h"
#include "state/scan_cgroup.h"
#include "state/scan_fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 4096 /* of arguments and of environment, as in events */

struct scanner {
	struct state_table *t;
	const char *host_root;
	char root[512]; /* "/proc" under the host root */
	int proc;	/* that directory */
	struct scan_cgroup *cgroup;
	struct scan_fds *fds;
	uint64_t host_start; /* pidns start of the first namespace */
	uint64_t boot_epoch; /* ns since the epoch at zero of the boot time clock */
	struct okey stamp;
	char comm[64], cmdline[TEXT_MAX], env[TEXT_MAX], cgtext[16384], cglist[16384], file[8192];
	char exe[PATH_MAX], cwd[PATH_MAX], root_link[PATH_MAX];
};

/* Content of a small file, NUL-terminated. Bytes, or -errno. */
static ssize_t slurp(int dir, const char *name, char *buf, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (used < size - 1 && (n = read(fd, buf + used, size - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	buf[used] = 0;
	return (ssize_t)used;
}

static size_t read_link(int dir, const char *name, char *buf, size_t size)
{
	ssize_t n = readlinkat(dir, name, buf, size - 1);

	buf[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

/* Text of a stat file -> when its process started; in 10 ms, which is all that the file says. */
static uint64_t start_of(const struct scanner *k, const char *stat)
{
	const char *p = strrchr(stat, ')');
	unsigned long long ticks;

	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks) != 1)
		return 0;
	return k->boot_epoch + ticks * (1000000000u / (unsigned long long)sysconf(_SC_CLK_TCK));
}

static uint64_t start_at(struct scanner *k, int dir, const char *stat_file)
{
	char text[1024];

	return slurp(dir, stat_file, text, sizeof(text)) > 0 ? start_of(k, text) : 0;
}

/* "\n" and "\\" as the kernel writes them in Name. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && s[1] == 'n')
			*to++ = '\n', s++;
		else if (*s == '\\' && s[1] == '\\')
			*to++ = '\\', s++;
		else
			*to++ = *s;
	}
	*to = 0;
}

/* Second number of a list, the first namespace's being the first; `none` without one. */
static int64_t second(const char *s, int64_t none)
{
	char *end;

	strtoll(s, &end, 10);
	s = end;
	while (*s == ' ' || *s == '\t')
		s++;
	return *s >= '0' && *s <= '9' ? strtoll(s, NULL, 10) : none;
}

static void status_line(struct scan_task *t, char *key, char *v, unsigned *ret_threads)
{
	if (!strcmp(key, "Tgid")) {
		t->pid = strtoll(v, NULL, 10);
	} else if (!strcmp(key, "PPid")) {
		t->ptid = strtoll(v, NULL, 10);
	} else if (!strcmp(key, "Uid")) {
		t->uid = (uint32_t)second(v, UINT32_MAX);
	} else if (!strcmp(key, "Gid")) {
		t->gid = (uint32_t)second(v, UINT32_MAX);
	} else if (!strcmp(key, "CapInh")) {
		t->cap_inheritable = strtoull(v, NULL, 16);
	} else if (!strcmp(key, "CapPrm")) {
		t->cap_permitted = strtoull(v, NULL, 16);
	} else if (!strcmp(key, "CapEff")) {
		t->cap_effective = strtoull(v, NULL, 16);
	} else if (!strcmp(key, "VmSize")) {
		t->vmsize_kb = (uint32_t)strtoul(v, NULL, 10);
	} else if (!strcmp(key, "VmRSS")) {
		t->vmrss_kb = (uint32_t)strtoul(v, NULL, 10);
	} else if (!strcmp(key, "VmSwap")) {
		t->vmswap_kb = (uint32_t)strtoul(v, NULL, 10);
	} else if (!strcmp(key, "NSpid")) {
		t->vtid = second(v, t->tid);
	} else if (!strcmp(key, "NStgid")) {
		t->vpid = second(v, t->pid);
	} else if (!strcmp(key, "NSpgid")) {
		t->pgid = strtoll(v, NULL, 10);
		t->vpgid = second(v, t->vpgid);
	} else if (!strcmp(key, "Threads")) {
		*ret_threads = (unsigned)strtoul(v, NULL, 10);
	}
}

/* text is cut into lines. comm (if not NULL) gets the thread's name. */
static void parse_status(char *text, struct scan_task *t, char *comm, size_t comm_size, unsigned *ret_threads)
{
	t->vtid = t->tid;
	t->vpid = t->pid;
	for (char *line = text, *next; line && *line; line = next) {
		char *colon;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon++ = 0;
		while (*colon == ' ' || *colon == '\t')
			colon++;
		if (comm && !strcmp(line, "Name")) {
			unescape(colon);
			snprintf(comm, comm_size, "%s", colon);
			continue;
		}
		status_line(t, line, colon, ret_threads);
		if (!strcmp(line, "Tgid"))
			t->vpid = t->pid;
	}
}

/* pid (comm) state ppid pgrp session tty tpgid flags minflt cminflt majflt ... */
static void parse_stat(const char *text, struct scan_task *t)
{
	const char *p = strrchr(text, ')');
	long long ppid, pgrp, session, tty, tpgid;
	unsigned long long flags, minflt, cminflt, majflt;

	if (!p || sscanf(p + 1, " %*c %lld %lld %lld %lld %lld %llu %llu %llu %llu", &ppid, &pgrp, &session, &tty, &tpgid,
			 &flags, &minflt, &cminflt, &majflt) != 9)
		return;
	if (t->pgid == -1)
		t->pgid = pgrp;
	t->sid = session;
	t->tty = (uint32_t)tty;
	t->pfminor = minflt;
	t->pfmajor = majflt;
}

/* Could the process write to its own program? */
static bool is_writable(const struct stat *st, int file_dir, const char *path, const struct scan_task *t)
{
	struct statvfs fs;
	int fd;

	if (st->st_uid == t->uid)
		return true;
	if (t->uid != 0 && !(st->st_mode & (st->st_gid == t->gid ? 020 : 002)))
		return false;
	fd = openat(file_dir, path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (fstatvfs(fd, &fs))
		fs.f_flag = 0;
	close(fd);
	return !(fs.f_flag & ST_RDONLY);
}

static uint64_t ns(struct timespec t)
{
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void exe_file(struct scanner *k, int dir, struct scan_task *t)
{
	char path[PATH_MAX + 8];
	struct stat st;

	if (!k->exe[0])
		return;
	if (!stat(k->exe, &st)) {
		t->exe_ino = st.st_ino;
		t->exe_ino_ctime = ns(st.st_ctim);
		t->exe_ino_mtime = ns(st.st_mtim);
	}
	snprintf(path, sizeof(path), "root%s", k->exe);
	if (!fstatat(dir, path, &st, 0) && is_writable(&st, dir, path, t))
		t->exe_flags |= EXE_WRITABLE;
}

static struct scan_text text(const char *s, size_t len)
{
	return (struct scan_text){ s, len };
}

static void trim_line(char *s, size_t *len)
{
	if (*len && s[*len - 1] == '\n')
		s[--*len] = 0;
}

static void read_texts(struct scanner *k, int dir, struct scan_task *t, size_t cmdline_len)
{
	size_t first = strnlen(k->cmdline, cmdline_len), len;
	ssize_t n;

	t->exe = text(k->cmdline, first);
	if (first < cmdline_len)
		t->args = text(k->cmdline + first + 1, cmdline_len - first - 1);
	n = slurp(dir, "environ", k->env, sizeof(k->env));
	if (n > 0)
		t->env = text(k->env, (size_t)n);
	len = read_link(dir, "cwd", k->cwd, sizeof(k->cwd));
	t->cwd = text(k->cwd, len);
	len = read_link(dir, "root", k->root_link, sizeof(k->root_link));
	t->root = text(k->root_link, len);
	t->exepath = text(k->exe, strlen(k->exe));
	n = slurp(dir, "cgroup", k->cgtext, sizeof(k->cgtext));
	if (n > 0)
		t->cgroups = text(k->cglist, scan_cgroup_list(k->cgroup, k->cgtext, k->cglist, sizeof(k->cglist)));
}

static void read_limits(struct scanner *k, int dir, struct scan_task *t)
{
	struct rlimit lim;
	char buf[32];

	if (!prlimit((pid_t)t->pid, RLIMIT_NOFILE, NULL, &lim))
		t->fdlimit = (int64_t)lim.rlim_cur;
	if (slurp(dir, "loginuid", buf, sizeof(buf)) > 0)
		t->loginuid = (uint32_t)strtoul(buf, NULL, 10);
	t->pidns_init_start_ts = t->vtid == t->tid ? k->host_start : start_at(k, dir, "root/proc/1/stat");
}

/* Other threads of the process that leader describes. */
static void scan_threads(struct scanner *k, int dir, const struct scan_task *leader)
{
	int tasks = openat(dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = tasks >= 0 ? fdopendir(tasks) : NULL;
	struct dirent *e;

	if (!d) {
		if (tasks >= 0)
			close(tasks);
		return;
	}
	while ((e = readdir(d))) {
		struct scan_task t = *leader;
		unsigned threads;
		char name[300];

		t.tid = strtoll(e->d_name, NULL, 10);
		if (t.tid <= 0 || t.tid == leader->tid)
			continue;
		snprintf(name, sizeof(name), "%s/status", e->d_name);
		if (slurp(tasks, name, k->file, sizeof(k->file)) <= 0)
			continue;
		t.flags = TASK_F_CLONE_THREAD | TASK_F_CLONE_FILES;
		parse_status(k->file, &t, k->comm, sizeof(k->comm), &threads);
		t.comm = text(k->comm, strlen(k->comm));
		t.env = t.cwd = (struct scan_text){ NULL, 0 };
		t.vmsize_kb = leader->vmsize_kb;
		if (t.pid == leader->pid && scan_add_task(k->t, &t))
			break;
	}
	closedir(d);
}

/* False: a kernel thread, a zombie, or gone. Texts are the scanner's, until the next process. */
static bool read_process(struct scanner *k, int dir, int64_t pid, struct scan_task *t, unsigned *ret_threads)
{
	ssize_t n;
	size_t len;

	scan_task_init(t);
	t->stamp = k->stamp;
	t->tid = t->pid = pid;
	n = slurp(dir, "cmdline", k->cmdline, sizeof(k->cmdline));
	if (n < 0 || (!read_link(dir, "exe", k->exe, sizeof(k->exe)) && n == 0))
		return false;
	len = (size_t)n;
	n = slurp(dir, "comm", k->comm, sizeof(k->comm));
	if (n <= 0 || slurp(dir, "status", k->file, sizeof(k->file)) <= 0)
		return false;
	t->vpgid = 0;
	parse_status(k->file, t, NULL, 0, ret_threads);
	if (slurp(dir, "stat", k->file, sizeof(k->file)) > 0) {
		parse_stat(k->file, t);
		t->clone_ts = start_of(k, k->file);
	}
	if (t->pid != t->tid)
		return false;
	trim_line(k->comm, (size_t *)&n);
	t->comm = text(k->comm, (size_t)n);
	read_texts(k, dir, t, len);
	read_limits(k, dir, t);
	exe_file(k, dir, t);
	return true;
}

static int scan_process(struct scanner *k, const char *name)
{
	int dir = openat(k->proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	struct scan_task t;
	unsigned threads = 1;

	if (dir < 0)
		return 0;
	if (read_process(k, dir, strtoll(name, NULL, 10), &t, &threads)) {
		r = scan_add_task(k->t, &t);
		if (!r && threads > 1)
			scan_threads(k, dir, &t);
		if (!r && k->fds)
			scan_fds_process(k->fds, k->t, t.pid);
	}
	close(dir);
	return r == -ENOSPC ? 0 : r;
}

/* Paths in /proc/PID/cgroup are relative to the reader's cgroup namespace. Ours may not be the first one
 * (a daemon in a container); then this thread looks from there. Returns what to go back to, -1 nothing. */
static int enter_host_cgroupns(const struct scanner *k)
{
	int own = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
	int host = openat(k->proc, "1/ns/cgroup", O_RDONLY | O_CLOEXEC);
	struct stat a, b;
	bool moved = false;

	if (own >= 0 && host >= 0 && !fstat(own, &a) && !fstat(host, &b) && a.st_ino != b.st_ino)
		moved = !setns(host, CLONE_NEWCGROUP);
	if (host >= 0)
		close(host);
	if (!moved && own >= 0) {
		close(own);
		own = -1;
	}
	return own;
}

static void leave_host_cgroupns(int own)
{
	if (own < 0)
		return;
	if (setns(own, CLONE_NEWCGROUP)) {
		/* stays in the first namespace: harmless, nothing else depends on it */
	}
	close(own);
}

static uint64_t boot_epoch(void)
{
	struct timespec boot, now;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &now);
	return ns(now) - ns(boot);
}

static int scanner_init(struct scanner *k, struct state_table *t, const char *host_root)
{
	char mount[600];

	k->t = t;
	k->host_root = host_root ? host_root : "";
	if (snprintf(k->root, sizeof(k->root), "%s/proc", k->host_root) >= (int)sizeof(k->root))
		return -ENAMETOOLONG;
	k->proc = open(k->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->proc < 0)
		return -errno;
	/* as the host's init sees it: the daemon's own /sys may be another one */
	snprintf(mount, sizeof(mount), "%s/1/root/sys/fs/cgroup", k->root);
	k->cgroup = scan_cgroup_new(mount);
	k->fds = scan_fds_new(k->root);
	k->boot_epoch = boot_epoch();
	k->host_start = start_at(k, k->proc, "1/stat");
	return k->cgroup && k->fds ? 0 : -ENOMEM;
}

static void scanner_free(struct scanner *k)
{
	scan_fds_free(k->fds);
	scan_cgroup_free(k->cgroup);
	if (k->proc >= 0)
		close(k->proc);
	free(k);
}

/* All processes, or those that the table does not have. */
static int scan_all(struct scanner *k, bool missing)
{
	int own = enter_host_cgroupns(k), r = 0;
	DIR *d = opendir(k->root);
	struct dirent *e;

	if (!d)
		r = -errno;
	while (!r && d && (e = readdir(d)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
		    !(missing && scan_slab_of(k->t, strtoll(e->d_name, NULL, 10))))
			r = scan_process(k, e->d_name);
	if (d)
		closedir(d);
	leave_host_cgroupns(own);
	return r;
}

static int scan(struct state_table *t, struct okey scan_key, bool missing)
{
	struct scanner *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return -ENOMEM;
	k->proc = -1;
	k->stamp = scan_key;
	r = scanner_init(k, t, state_table_opts(t)->host_root);
	if (!r && !missing)
		scan_host(t);
	if (!r)
		r = scan_all(k, missing);
	scanner_free(k);
	return r;
}

int scan_proc_rest(struct state_table *t, struct okey scan_key)
{
	return scan(t, scan_key, true);
}

int scan_proc(struct state_table *t, struct okey scan_key)
{
	int r = scan(t, scan_key, false);

	if (!r)
		scan_finish(t);
	return r;
}

/* ---- one at a time ----------------------------------------------------------------------- */

struct scan_reader {
	struct scanner k; /* without a table */
};

struct scan_reader *scan_reader_new(const char *host_root)
{
	struct scan_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->k.proc = -1;
	if (scanner_init(&r->k, NULL, host_root)) {
		scan_reader_free(r);
		return NULL;
	}
	return r;
}

void scan_reader_free(struct scan_reader *r)
{
	if (r)
		scanner_free(&r->k); /* the first member: frees r */
}

static struct scan_copy *copy(const struct scan_task *t)
{
	struct scan_text *to[] = { NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL };
	size_t size = 0, used = 0;
	struct scan_copy *c;

	size = t->comm.len + t->exe.len + t->exepath.len + t->args.len + t->env.len + t->cwd.len + t->root.len + t->cgroups.len;
	c = malloc(sizeof(*c) + size);
	if (!c)
		return NULL;
	c->task = *t;
	to[0] = &c->task.comm, to[1] = &c->task.exe, to[2] = &c->task.exepath, to[3] = &c->task.args;
	to[4] = &c->task.env, to[5] = &c->task.cwd, to[6] = &c->task.root, to[7] = &c->task.cgroups;
	for (unsigned i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		if (!to[i]->s)
			continue;
		memcpy(c->text + used, to[i]->s, to[i]->len);
		to[i]->s = c->text + used;
		used += to[i]->len;
	}
	return c;
}

static int open_process(struct scan_reader *r, int64_t pid)
{
	char name[24];

	snprintf(name, sizeof(name), "%lld", (long long)pid);
	return openat(r->k.proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

struct scan_copy *scan_reader_process(struct scan_reader *r, int64_t pid)
{
	int dir = open_process(r, pid), own;
	struct scan_copy *c = NULL;
	struct scan_task t;
	unsigned threads;

	if (dir < 0)
		return NULL;
	own = enter_host_cgroupns(&r->k);
	if (read_process(&r->k, dir, pid, &t, &threads))
		c = copy(&t);
	leave_host_cgroupns(own);
	close(dir);
	return c;
}

struct scan_copy *scan_reader_thread(struct scan_reader *r, const struct scan_copy *process, int64_t tid)
{
	int dir = open_process(r, process->task.pid);
	struct scan_copy *c = NULL;
	struct scan_task t = process->task;
	unsigned threads;
	char name[64];

	if (dir < 0)
		return NULL;
	t.tid = tid;
	t.flags = TASK_F_CLONE_THREAD | TASK_F_CLONE_FILES;
	t.env = t.cwd = (struct scan_text){ NULL, 0 };
	snprintf(name, sizeof(name), "task/%lld/status", (long long)tid);
	if (slurp(dir, name, r->k.file, sizeof(r->k.file)) > 0) {
		parse_status(r->k.file, &t, r->k.comm, sizeof(r->k.comm), &threads);
		t.comm = text(r->k.comm, strlen(r->k.comm));
		c = t.pid == process->task.pid ? copy(&t) : NULL;
	}
	close(dir);
	return c;
}

bool scan_reader_same(struct scan_reader *r, const struct scan_copy *process)
{
	int dir = open_process(r, process->task.pid);
	uint64_t start = dir >= 0 ? start_at(&r->k, dir, "stat") : 0;

	if (dir >= 0)
		close(dir);
	return start && start == process->task.clone_ts;
}

void scan_copy_free(struct scan_copy *c)
{
	free(c);
}
