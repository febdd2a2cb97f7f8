/* Start-up contents: processes, descriptors, users, interfaces, from a capture's head or /proc.
 * Called by one thread while no worker runs. Strings are borrowed for the call. */
#pragma once
#include "state/apply.h"
#include "base/err.h"

struct scan_text { const char *s; size_t len; };

struct scan_task { /* "not known" values as in state-semantics 2; members as in task.h; ptid by number */
	int64_t tid, pid, ptid, vtid, vpid, sid, vpgid, pgid;
	uint32_t flags, tty, uid, gid, loginuid, exe_flags;
	uint64_t cap_inheritable, cap_permitted, cap_effective;
	uint64_t exe_ino, exe_ino_ctime, exe_ino_mtime, clone_ts, pidns_init_start_ts;
	int64_t fdlimit;
	uint32_t vmsize_kb, vmrss_kb, vmswap_kb;
	uint64_t pfmajor, pfminor;
	struct okey stamp; /* when it was looked at; 0 when older events shall change it too (a capture's head) */
	/* A thread with all that its leader has but ids, credentials, faults and name; -ESRCH without a leader. */
	bool like_leader;
	struct scan_text comm, exe, exepath, args, env, cwd, root, cgroups; /* args, env, cgroups: NUL separated, a final NUL allowed */
};

void scan_task_init(struct scan_task *t);
/* Members of a draft and its version from st: all but parent and container. [worker, or start] */
void scan_fill(struct state_shard *s, struct state_task *task, const struct scan_task *st);

/* One process or thread at a time from /proc, for repair.c. Texts of a copy are its own. [any that may block] */
struct scan_copy { struct scan_task task; char text[]; };
struct scan_reader;
struct scan_reader *scan_reader_new(const char *host_root);
void scan_reader_free(struct scan_reader *r);
struct scan_copy *scan_reader_process(struct scan_reader *r, int64_t pid); /* NULL: not there */
/* A thread of that process; borrows nothing of the copy. NULL: not there. */
struct scan_copy *scan_reader_thread(struct scan_reader *r, const struct scan_copy *process, int64_t tid);
/* Is it still the process that was read? */
bool scan_reader_same(struct scan_reader *r, const struct scan_copy *process);
void scan_copy_free(struct scan_copy *c);
int scan_add_task(struct state_table *t, const struct scan_task *st); /* -ENOSPC when full */
/* Exe, arguments and environment of a process that is in, before its threads are. */
void scan_set_texts(struct state_table *t, int64_t pid, struct scan_text exe, struct scan_text args, struct scan_text env);
uint64_t scan_started(const struct state_table *t, int64_t pid); /* clone_ts of that process, 0 unknown */
/* fd must be made with the slab of state_shard_of(pid of tid); reference is taken over. */
void scan_add_fd(struct state_table *t, int64_t tid, int64_t fdnum, struct state_fd *fd);
struct slab *scan_slab(struct state_table *t, int64_t tid); /* slab to make fds of tid with; NULL if tid unknown */
struct slab *scan_slab_of(struct state_table *t, int64_t pid); /* the same for a process: one look-up at any width */
void scan_add_user(struct state_table *t, uint32_t uid, uint32_t gid, struct scan_text name, struct scan_text home, struct scan_text shell);
void scan_add_group(struct state_table *t, uint32_t gid, struct scan_text name);
/* family AF_INET (4 bytes) or AF_INET6 (16), network order. */
void scan_add_iface(struct state_table *t, int family, const uint8_t *addr, const uint8_t *netmask, const uint8_t *bcast, struct scan_text name);
/* After the head of a capture or /proc: links parents, fixes roles of sockets, computes container ids. */
void scan_finish(struct state_table *t);
void scan_reset(struct state_table *t); /* a new section header in the middle of a capture */

/* Users, groups and interface addresses of this machine (scan_host.c). */
void scan_host(struct state_table *t);
/* Fills the table from /proc (under host_root). budget: stop after so many ns, 0 none.
 * Returns 0 or -errno. scan key: events below it don't change what was filled. */
int scan_proc(struct state_table *t, struct okey scan_key);
/* Adds processes that are not in the table yet (hardened kernels hide some from iterators). Parents are linked by
 * scan_finish afterwards. */
int scan_proc_rest(struct state_table *t, struct okey scan_key);
