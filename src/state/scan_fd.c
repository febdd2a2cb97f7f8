/* Descriptors of running processes from /proc; see scan_fd.h. Reads through directory descriptors (one
 * path look-up per process, none per descriptor), tables of sockets and mounts once per namespace. */
#include "state/scan_fd.h"
#include "state/scan_net.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Number -> number, open addressing; key 0 is an empty place. */
struct numbers {
	struct { uint64_t key, value; } *slot; /* owned */
	size_t cap, count;
};

struct net_ns {
	struct net_ns *next;
	uint64_t ino;
	struct net_table table;
};

struct scan_fds {
	int root;	      /* owned: proc directory */
	struct net_ns *nets;  /* owned */
	struct numbers mounts; /* mount id -> device + 1 */
	struct numbers seen;   /* mount namespaces whose mounts are in */
};

/* A process being read. */
struct proc {
	int dir, fd_dir, info_dir; /* owned, -1 none */
	const struct net_table *net; /* borrowed from scan_fds, NULL until a socket needs it */
};

/* ---- small table of numbers -------------------------------------------------------------- */

static size_t place(const struct numbers *n, uint64_t key)
{
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15ull >> 20) & (n->cap - 1);

	while (n->slot[i].key && n->slot[i].key != key)
		i = (i + 1) & (n->cap - 1);
	return i;
}

static uint64_t numbers_get(const struct numbers *n, uint64_t key)
{
	return n->cap ? n->slot[place(n, key)].value : 0;
}

static void numbers_set(struct numbers *n, uint64_t key, uint64_t value)
{
	struct numbers bigger = { .cap = n->cap ? n->cap * 2 : 64 };
	size_t i;

	if (!key)
		return;
	if (n->count * 2 >= n->cap) {
		bigger.slot = calloc(bigger.cap, sizeof(*bigger.slot));
		if (!bigger.slot)
			return; /* a device stays unknown */
		for (i = 0; i < n->cap; i++)
			if (n->slot[i].key)
				bigger.slot[place(&bigger, n->slot[i].key)] = n->slot[i];
		bigger.count = n->count;
		free(n->slot);
		*n = bigger;
	}
	i = place(n, key);
	n->count += !n->slot[i].key;
	n->slot[i].key = key;
	n->slot[i].value = value;
}

/* ---- namespaces -------------------------------------------------------------------------- */

struct scan_fds *scan_fds_new(const char *proc_root)
{
	struct scan_fds *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->root = open(proc_root, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	return c;
}

void scan_fds_free(struct scan_fds *c)
{
	if (!c)
		return;
	for (struct net_ns *n = c->nets, *next; n; n = next) {
		next = n->next;
		net_table_fini(&n->table);
		free(n);
	}
	free(c->mounts.slot);
	free(c->seen.slot);
	if (c->root >= 0)
		close(c->root);
	free(c);
}

static uint64_t inode_at(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, 0) ? 0 : st.st_ino;
}

static const struct net_table *net_of(struct scan_fds *c, const struct proc *p)
{
	uint64_t ino = inode_at(p->dir, "ns/net");
	struct net_ns *n;

	for (n = c->nets; n; n = n->next)
		if (n->ino == ino)
			return &n->table;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->ino = ino;
	net_table_read(&n->table, p->dir);
	n->next = c->nets;
	c->nets = n;
	return &n->table;
}

static void read_mounts(struct scan_fds *c, const struct proc *p)
{
	int fd = openat(p->dir, "mountinfo", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (getline(&line, &cap, f) > 0) {
		unsigned long id;
		unsigned major, minor;

		if (sscanf(line, "%lu %*u %u:%u", &id, &major, &minor) == 3)
			numbers_set(&c->mounts, id, (uint64_t)(uint32_t)makedev(major, minor) + 1);
	}
	free(line);
	fclose(f);
}

/* Device of a mount in the encoding that events have: minor's low byte, major, minor's rest. 0 unknown. */
static uint32_t device_of(struct scan_fds *c, const struct proc *p, uint32_t mnt_id)
{
	uint64_t dev = numbers_get(&c->mounts, mnt_id), ns;

	if (!dev && mnt_id) {
		ns = inode_at(p->dir, "ns/mnt");
		if (!ns || !numbers_get(&c->seen, ns)) {
			numbers_set(&c->seen, ns, 1);
			read_mounts(c, p);
			dev = numbers_get(&c->mounts, mnt_id);
		}
	}
	return dev ? (uint32_t)(dev - 1) : 0;
}

/* ---- one descriptor ---------------------------------------------------------------------- */

uint32_t scan_fd_flags(unsigned long flags)
{
	/* file_flags of flags.def */
	static const struct { unsigned long bits; uint32_t out; } map[] = {
		{ O_CREAT, 4 },	    { O_APPEND, 8 },   { O_DSYNC, 16 },	 { O_EXCL, 32 },
		{ O_NONBLOCK, 64 }, { O_SYNC, 128 },   { O_TRUNC, 256 }, { O_DIRECT, 512 },
		{ O_DIRECTORY, FD_O_DIRECTORY }, { O_CLOEXEC, FD_O_CLOEXEC }, { O_TMPFILE, 8192 },
	};
	uint32_t out = (flags & O_ACCMODE) == O_WRONLY ? 2 : (flags & O_ACCMODE) == O_RDWR ? 3 : 1;

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if ((flags & map[i].bits) == map[i].bits)
			out |= map[i].out;
	return out;
}

/* flags and mnt_id are in the first lines of fdinfo, whatever follows. */
static void read_fdinfo(const struct proc *p, const char *num, struct scan_fd *ret)
{
	char text[512];
	const char *at;
	ssize_t n;
	int fd = openat(p->info_dir, num, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return;
	text[n] = 0;
	at = strstr(text, "flags:");
	if (at)
		ret->open_flags = scan_fd_flags(strtoul(at + 6, NULL, 8));
	at = strstr(text, "mnt_id:");
	if (at)
		ret->mnt_id = (uint32_t)strtoul(at + 7, NULL, 10);
}

static void drop_name(struct scan_fd *f)
{
	f->name_len = 0;
	f->name[0] = 0;
}

static enum fd_type anon_type(const char *link)
{
	static const struct { const char *name; enum fd_type type; } kinds[] = {
		{ "[eventfd]", FD_EVENT },	 { "[eventpoll]", FD_EVENTPOLL },
		{ "inotify", FD_INOTIFY },	 { "[signalfd]", FD_SIGNALFD },
		{ "[timerfd]", FD_TIMERFD },	 { "[io_uring]", FD_IO_URING },
		{ "[userfaultfd]", FD_USERFAULTFD }, { "[pidfd]", FD_PIDFD },
		{ "bpf-map", FD_BPF },		 { "bpf-prog", FD_BPF },
		{ "bpf-link", FD_BPF },		 { "bpf_iter", FD_BPF },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(link, kinds[i].name))
			return kinds[i].type;
	return FD_UNSUPPORTED;
}

#define ANON "anon_inode:"

static void read_anon(struct scan_fd *f)
{
	f->type = FD_UNSUPPORTED;
	if (!strncmp(f->name, ANON, strlen(ANON)))
		f->type = (uint8_t)anon_type(f->name + strlen(ANON));
	drop_name(f);
}

static bool is_device_or_file(uint32_t mode)
{
	mode &= S_IFMT;
	return mode == S_IFREG || mode == S_IFBLK || mode == S_IFCHR || mode == S_IFLNK;
}

void scan_fd_kind(struct scan_fd *f, uint32_t mode)
{
	bool file = false;

	if ((mode & S_IFMT) == S_IFIFO) {
		f->type = FD_FIFO;
	} else if ((mode & S_IFMT) == S_IFDIR) {
		f->type = FD_DIRECTORY;
	} else if (!is_device_or_file(mode) || !strncmp(f->name, ANON, strlen(ANON))) {
		read_anon(f); /* newer kernels give them a regular file's mode */
	} else if (!strncmp(f->name, "/memfd:", 7)) {
		f->type = FD_MEMFD;
	} else {
		f->type = FD_FILE_V2;
		file = true;
	}
	if (!file)
		f->open_flags = f->mnt_id = f->dev = 0;
}

static bool read_socket(struct scan_fds *c, struct proc *p, struct scan_fd *f)
{
	const struct net_sock *sock;
	unsigned long long ino;

	if (sscanf(f->name, "socket:[%llu]", &ino) != 1) {
		f->type = FD_UNSUPPORTED;
		return true;
	}
	if (!p->net)
		p->net = net_of(c, p);
	sock = p->net ? net_table_find(p->net, ino) : NULL;
	if (!sock)
		return false; /* of another kind or another namespace: unknown */
	f->ino = ino;
	f->type = sock->type;
	drop_name(f);
	if (f->type == FD_UNIX) {
		f->unix_sock.source = sock->source;
		f->unix_sock.dest = 0;
		f->name_len = sock->name_len < sizeof(f->name) ? sock->name_len : (uint32_t)sizeof(f->name) - 1;
		if (f->name_len)
			memcpy(f->name, p->net->names.p + sock->name_at, f->name_len);
		f->name[f->name_len] = 0;
	} else if (f->type != FD_NETLINK) {
		f->sock = sock->sock;
	}
	return true;
}

/* Returns whether there is something to store. */
static bool read_one(struct scan_fds *c, struct proc *p, const char *num, struct scan_fd *f)
{
	struct statx st;
	ssize_t len;

	/* The cached attributes will do: a dead network file system must not stop the scan. */
	if (statx(p->fd_dir, num, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st))
		return false;
	len = readlinkat(p->fd_dir, num, f->name, sizeof(f->name) - 1);
	if (len <= 0)
		return false;
	f->name[len] = 0;
	f->name_len = (uint32_t)len;
	f->ino = st.stx_ino;
	f->open_flags = f->mnt_id = f->dev = 0;
	memset(&f->sock, 0, sizeof(f->sock));
	if ((st.stx_mode & S_IFMT) == S_IFSOCK)
		return read_socket(c, p, f);
	scan_fd_kind(f, st.stx_mode);
	if (f->type == FD_FILE_V2) {
		read_fdinfo(p, num, f);
		f->dev = device_of(c, p, f->mnt_id);
	}
	return true;
}

/* ---- processes --------------------------------------------------------------------------- */

static int open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void proc_fini(struct proc *p)
{
	if (p->info_dir >= 0)
		close(p->info_dir);
	if (p->fd_dir >= 0)
		close(p->fd_dir);
	if (p->dir >= 0)
		close(p->dir);
}

static int proc_init(struct proc *p, const struct scan_fds *c, int64_t pid)
{
	char name[24];

	snprintf(name, sizeof(name), "%lld", (long long)pid);
	*p = (struct proc){ .dir = -1, .fd_dir = -1, .info_dir = -1 };
	if (c->root < 0)
		return -ENOENT;
	if ((p->dir = open_dir(c->root, name)) < 0)
		return p->dir;
	p->fd_dir = open_dir(p->dir, "fd");
	p->info_dir = p->fd_dir < 0 ? p->fd_dir : open_dir(p->dir, "fdinfo");
	if (p->info_dir < 0) {
		int err = p->info_dir;

		proc_fini(p);
		return err;
	}
	return 0;
}

int scan_fds_read(struct scan_fds *c, int64_t pid, int64_t num, struct scan_fd *ret)
{
	char name[24];
	struct proc p;
	int r = proc_init(&p, c, pid);

	if (r)
		return r;
	snprintf(name, sizeof(name), "%lld", (long long)num);
	r = read_one(c, &p, name, ret);
	proc_fini(&p);
	return r;
}

struct state_fd *scan_fd_make(struct slab *sl, const struct scan_fd *sf)
{
	struct state_fd *f = fd_make(sl, sf->type, str_new(sl, sf->name, sf->name_len), str_new(sl, "", 0));

	f->open_flags = sf->open_flags;
	f->mnt_id = sf->mnt_id;
	f->dev = sf->dev;
	f->ino = sf->ino;
	f->sock = sf->sock; /* the union's largest member, so all of it */
	return f;
}

int scan_fds_process(struct scan_fds *c, struct state_table *t, int64_t pid)
{
	struct slab *sl = scan_slab(t, pid);
	struct scan_fd sf;
	struct dirent *e;
	struct proc p;
	int count = 0, err;
	DIR *d;

	if (!sl)
		return -ESRCH;
	err = proc_init(&p, c, pid);
	if (err)
		return err;
	d = fdopendir(dup(p.fd_dir));
	while (d && (e = readdir(d))) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9' || !read_one(c, &p, e->d_name, &sf))
			continue;
		scan_add_fd(t, pid, strtoll(e->d_name, NULL, 10), scan_fd_make(sl, &sf));
		count++;
	}
	if (d)
		closedir(d);
	proc_fini(&p);
	return count;
}

int scan_proc_fds(struct state_table *t, int64_t pid, const char *proc_root)
{
	struct scan_fds *c = scan_fds_new(proc_root);
	int r = c ? scan_fds_process(c, t, pid) : -ENOMEM;

	scan_fds_free(c);
	return r;
}
