/* Records of the start-up iterators into the table; see scan_iter.h. Processes come first, then their texts, then the
 * other threads, which have most of their leader's, then descriptors: so nothing has to be kept aside. What goes
 * away between two passes is left out; what comes is told by events. Records come from the kernel, but their
 * lengths are checked all the same. */
#include "state/scan_iter.h"
#include "state/apply_task.h"
#include "state/scan_fd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STAMP_SLACK_NS 1000 /* keys of events may lie a little before their time: their lowest bits mean something else */

struct iter {
	struct state_table *t;
	uint64_t epoch;
	bool ask_proc; /* arguments and environment from there */
	struct scan_fd sf;
	char args[SCAN_TEXT_MAX + 1], env[SCAN_TEXT_MAX + 1];
};

static struct scan_text cut(const char **p, const char *end, uint32_t len)
{
	struct scan_text t = { *p, len };

	if (len > (size_t)(end - *p))
		t.len = (size_t)(end - *p);
	*p += t.len;
	return t;
}

static uint64_t epoch_of(const struct iter *it, uint64_t boot)
{
	return boot ? it->epoch + boot : 0;
}

static void read_numbers(const struct iter *it, const struct scan_rec_task *r, struct scan_task *t)
{
	scan_task_init(t);
	t->stamp = (struct okey){ it->epoch + r->stamp - STAMP_SLACK_NS, 0 };
	t->tid = r->tid;
	t->pid = r->pid;
	t->ptid = r->ppid;
	t->vtid = r->vtid;
	t->vpid = r->vpid;
	t->pgid = r->pgid;
	t->vpgid = r->vpgid == r->pgid ? 0 : r->vpgid;
	t->sid = r->sid;
	t->uid = r->uid;
	t->gid = r->gid;
	t->loginuid = r->loginuid;
	t->tty = r->tty;
	t->exe_flags = r->exe_flags;
	t->cap_inheritable = r->cap_inheritable;
	t->cap_permitted = r->cap_permitted;
	t->cap_effective = r->cap_effective;
	t->exe_ino = r->exe_ino;
	t->exe_ino_ctime = r->exe_ctime;
	t->exe_ino_mtime = r->exe_mtime;
	t->clone_ts = epoch_of(it, r->start);
	t->pidns_init_start_ts = epoch_of(it, r->pidns_start);
	t->fdlimit = (int64_t)r->fdlimit;
	t->vmsize_kb = r->vmsize_kb;
	t->vmrss_kb = r->vmrss_kb;
	t->vmswap_kb = r->vmswap_kb;
	t->pfmajor = r->pfmajor + r->dead_pfmajor;
	t->pfminor = r->pfminor + r->dead_pfminor;
	t->comm = (struct scan_text){ r->comm, strnlen(r->comm, sizeof(r->comm)) };
}

static size_t slurp_proc(const struct iter *it, int64_t pid, const char *name, char *buf, size_t size)
{
	const char *root = state_table_opts(it->t)->host_root;
	char path[600];
	size_t used = 0;
	ssize_t n;
	int fd;

	if (snprintf(path, sizeof(path), "%s/proc/%lld/%s", root ? root : "", (long long)pid, name) >= (int)sizeof(path))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (used < size && (n = read(fd, buf + used, size - used)) > 0)
		used += (size_t)n;
	close(fd);
	return used;
}

static void set_texts(struct iter *it, int64_t pid, const char *args, size_t args_len, const char *env, size_t env_len)
{
	size_t first = strnlen(args, args_len);
	struct scan_text exe = { args, first }, rest = { NULL, 0 };

	if (first < args_len)
		rest = (struct scan_text){ args + first + 1, args_len - first - 1 };
	scan_set_texts(it->t, pid, exe, rest, (struct scan_text){ env, env_len });
}

static int take_leader(struct iter *it, const struct scan_rec_task *r, const char *p, const char *end)
{
	struct scan_task t;
	int rc;

	read_numbers(it, r, &t);
	t.exepath = cut(&p, end, r->exepath_len);
	t.cwd = cut(&p, end, r->cwd_len);
	t.root = cut(&p, end, r->root_len);
	t.cgroups = cut(&p, end, r->cgroups_len);
	rc = scan_add_task(it->t, &t);
	if (!rc && it->ask_proc) {
		size_t args = slurp_proc(it, t.pid, "cmdline", it->args, SCAN_TEXT_MAX);
		size_t env = slurp_proc(it, t.pid, "environ", it->env, SCAN_TEXT_MAX);

		set_texts(it, t.pid, it->args, args, it->env, env);
	}
	return rc == -ENOSPC ? 0 : rc;
}

static int take_thread(struct iter *it, const struct scan_rec_task *r)
{
	struct state_task *leader;
	struct scan_task t;
	int rc;

	read_numbers(it, r, &t);
	t.flags = TASK_F_CLONE_THREAD | TASK_F_CLONE_FILES;
	t.like_leader = true;
	t.pfmajor = r->pfmajor;
	t.pfminor = r->pfminor;
	rc = scan_add_task(it->t, &t);
	if (rc)
		return rc == -ENOSPC || rc == -ESRCH ? 0 : rc;
	/* The process's faults are those of all its threads. */
	leader = state_own(state_table_shard(it->t, state_shard_of(it->t, t.pid)), t.pid);
	if (leader) {
		leader->pfmajor += r->pfmajor;
		leader->pfminor += r->pfminor;
	}
	return 0;
}

static int take_texts(struct iter *it, const struct scan_rec_texts *r, const char *p, const char *end)
{
	struct scan_text args = cut(&p, end, r->args_len), env = cut(&p, end, r->env_len);

	if (r->flags & SCAN_REC_TITLE) {
		size_t n = strnlen(args.s, args.len);

		args.len = n < args.len ? n + 1 : n; /* as /proc gives it: with its NUL */
	}
	if (scan_started(it->t, r->pid) == epoch_of(it, r->start))
		set_texts(it, r->pid, args.s, args.len, env.s, env.len);
	return 0;
}

/* ---- descriptors -------------------------------------------------------------------------- */

/* "@" for the NUL that begins an abstract name and for others in it, as /proc/net/unix prints them. */
static void unix_name(struct scan_fd *f, const struct scan_rec_file *r)
{
	uint32_t len = r->sun_len <= sizeof(r->sun) ? r->sun_len : 0;

	if (len && r->sun[0])
		len = (uint32_t)strnlen(r->sun, len);
	for (uint32_t i = 0; i < len; i++)
		f->name[i] = r->sun[i] ? r->sun[i] : '@';
	f->name_len = len;
	f->name[len] = 0;
}

/* False: a socket that is in none of the kernel's tables yet; nothing can be said of it. */
static bool read_ip(struct scan_fd *f, const struct scan_rec_file *r)
{
	static const uint8_t zero[16];
	bool inet6 = r->family == AF_INET6, tcp = r->type == SOCK_STREAM && r->protocol == 6;

	if (tcp)
		f->sock.l4 = FD_L4_TCP;
	else if (r->type == SOCK_DGRAM && r->protocol == 17)
		f->sock.l4 = FD_L4_UDP;
	else if (r->type == SOCK_RAW)
		f->sock.l4 = FD_L4_RAW;
	else
		return false;
	if (tcp ? r->state == 7 : !r->sport) /* TCP_CLOSE */
		return false;
	memcpy(f->sock.sip, r->sip, inet6 ? 16 : 4);
	memcpy(f->sock.dip, r->dip, inet6 ? 16 : 4);
	f->sock.sport = r->sport;
	if (memcmp(f->sock.dip, zero, sizeof(zero))) {
		f->type = inet6 ? FD_IPV6 : FD_IPV4;
		f->sock.dport = r->dport;
	} else {
		f->type = inet6 ? FD_IPV6_SERVER : FD_IPV4_SERVER;
	}
	return true;
}

static bool read_socket(struct scan_fd *f, const struct scan_rec_file *r)
{
	f->name_len = 0;
	f->name[0] = 0;
	switch (r->family) {
	case AF_UNIX:
		f->type = FD_UNIX;
		f->unix_sock.source = r->sock;
		f->unix_sock.dest = 0;
		unix_name(f, r);
		return true;
	case AF_INET:
	case AF_INET6:
		return read_ip(f, r);
	case AF_NETLINK:
		f->type = FD_NETLINK;
		return true;
	default:
		return false;
	}
}

static int take_file(struct iter *it, const struct scan_rec_file *r, const char *p, const char *end)
{
	struct scan_text path = cut(&p, end, r->path_len);
	struct slab *sl = scan_slab_of(it->t, r->pid);
	struct scan_fd *f = &it->sf;

	if (!sl)
		return 0;
	if (path.len >= sizeof(f->name))
		path.len = sizeof(f->name) - 1;
	memcpy(f->name, path.s, path.len);
	f->name[path.len] = 0;
	f->name_len = (uint32_t)path.len;
	f->ino = r->ino;
	f->open_flags = scan_fd_flags(r->flags);
	f->mnt_id = r->mnt_id;
	f->dev = r->dev;
	memset(&f->sock, 0, sizeof(f->sock));
	if (!r->family) {
		if (!path.len)
			return 0;
		scan_fd_kind(f, r->mode);
	} else {
		f->open_flags = f->mnt_id = f->dev = 0;
		if (!read_socket(f, r))
			return 0;
	}
	scan_add_fd(it->t, r->pid, r->fd, scan_fd_make(sl, f));
	return 0;
}

static int take(void *arg, const void *rec, size_t size)
{
	const struct scan_rec_task *task = rec;
	const char *end = (const char *)rec + size;

	static_assert(sizeof(struct scan_rec_task) % 8 == 0 && sizeof(struct scan_rec_texts) % 8 == 0 &&
			      sizeof(struct scan_rec_file) % 8 == 0, "records are multiples of eight bytes");
	if (size < 8 || size != task->size)
		return -EPROTO;
	switch (task->pass) {
	case SCAN_LEADERS:
		return size < sizeof(*task) ? -EPROTO : take_leader(arg, task, (const char *)(task + 1), end);
	case SCAN_THREADS:
		return size < sizeof(*task) ? -EPROTO : take_thread(arg, task);
	case SCAN_TEXTS:
		if (size < sizeof(struct scan_rec_texts))
			return -EPROTO;
		return take_texts(arg, rec, (const char *)rec + sizeof(struct scan_rec_texts), end);
	case SCAN_FILES:
		if (size < sizeof(struct scan_rec_file))
			return -EPROTO;
		return take_file(arg, rec, (const char *)rec + sizeof(struct scan_rec_file), end);
	default:
		return -EPROTO;
	}
}

int scan_iter_record(struct state_table *t, uint64_t boot_epoch, const void *rec, size_t size)
{
	struct iter *it = calloc(1, sizeof(*it));
	int rc;

	if (!it)
		return -ENOMEM;
	it->t = t;
	it->epoch = boot_epoch;
	rc = take(it, rec, size);
	free(it);
	return rc;
}

int scan_iter(struct state_table *t, const struct scan_source *src, struct okey scan_key)
{
	struct iter *it = calloc(1, sizeof(*it));
	int rc = 0;

	if (!it)
		return -ENOMEM;
	it->t = t;
	it->epoch = src->boot_epoch;
	it->ask_proc = !src->texts;
	scan_host(t);
	for (unsigned pass = 0; pass < SCAN_PASSES && !rc; pass++)
		if (pass != SCAN_TEXTS || src->texts)
			rc = src->run(src->ctx, pass, take, it);
	if (!rc)
		rc = scan_proc_rest(t, scan_key);
	if (!rc)
		scan_finish(t);
	free(it);
	return rc;
}
