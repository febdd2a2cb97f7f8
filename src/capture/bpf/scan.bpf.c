/* The start-up scan: iterators over the tasks and open files that are there when the daemon starts.
 *
 * An object of its own, loaded for the scan and unloaded after it (live_scan.c); where the kernel refuses it, /proc is
 * read. Reads like the probe and shares its parts; of their maps only the scratch is made. Records
 * (contract/scan_record.h) are built in the scratch: iterators may be preempted but do not migrate, and one thread
 * reads them. Paths are spelled by bpf_d_path, so as readlink in /proc gives them. */
#include "capture/bpf/sock.h"
#include "contract/scan_record.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct seq_file;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id, seq_num;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
#pragma clang attribute pop

#define TEXTS_MAX (SCAN_TEXT_MAX + 1)
#define CGROUP_PARTS 24
#define TCP_CLOSED 7

static __always_inline struct scratch *scan_scratch(uint64_t head)
{
	struct scratch *s = scratch_here();

	if (s)
		s->pos = head;
	return s;
}

static __always_inline void emit_record(struct seq_file *seq, struct scratch *s)
{
	uint64_t size = (s->pos + 7) & ~7ULL;

	if (size > BUF_LIMIT)
		return;
	ST32(s->buf, size);
	bpf_seq_write(seq, s->buf, size);
}

/* Is the task to be told? Kernel threads have no memory; one that exits has told so or will. */
static __always_inline bool is_wanted(struct task_struct *t)
{
	return BPF_CORE_READ(t, mm) && !(BPF_CORE_READ(t, flags) & (PF_KTHREAD | PF_EXITING));
}

static __always_inline int level_nr(struct task_struct *t, enum pid_type type, bool own)
{
	struct pid *p = task_pid_struct(t, type);

	return own ? pid_vnr(p) : pid_nr_at(p, 0, NULL);
}

/* The numbers that every thread has. */
static __always_inline void put_numbers(struct scan_rec_task *r, struct task_struct *t)
{
	struct mm_struct *mm = BPF_CORE_READ(t, mm);
	const struct cred *cred = BPF_CORE_READ(t, real_cred);
	struct signal_struct *sig = BPF_CORE_READ(t, signal);
	uint64_t v = 0;

	r->tid = BPF_CORE_READ(t, pid);
	r->pid = BPF_CORE_READ(t, tgid);
	r->ppid = BPF_CORE_READ(t, real_parent, tgid);
	r->vtid = level_nr(t, PIDTYPE_PID, true);
	r->vpid = level_nr(t, PIDTYPE_TGID, true);
	r->pgid = level_nr(t, PIDTYPE_PGID, false);
	r->vpgid = level_nr(t, PIDTYPE_PGID, true);
	r->sid = level_nr(t, PIDTYPE_SID, false);
	r->uid = BPF_CORE_READ(cred, euid.val);
	r->gid = BPF_CORE_READ(cred, egid.val);
	r->loginuid = task_loginuid(t);
	r->tty = task_tty(t);
	BPF_CORE_READ_INTO(&v, cred, cap_inheritable);
	r->cap_inheritable = v & CAP_KNOWN;
	BPF_CORE_READ_INTO(&v, cred, cap_permitted);
	r->cap_permitted = v & CAP_KNOWN;
	BPF_CORE_READ_INTO(&v, cred, cap_effective);
	r->cap_effective = v & CAP_KNOWN;
	r->start = BPF_CORE_READ(t, start_boottime);
	r->pidns_start = BPF_CORE_READ(pid_ns(task_pid_struct(t, PIDTYPE_TGID)), child_reaper, start_boottime);
	v = 0;
	bpf_core_read(&v, sizeof(v), &sig->rlim[RLIMIT_NOFILE].rlim_cur);
	r->fdlimit = v;
	r->vmsize_kb = PAGES_KB(BPF_CORE_READ(mm, total_vm));
	r->vmrss_kb = PAGES_KB(mm_pages(mm, 0) + mm_pages(mm, 1) + mm_pages(mm, 3));
	r->vmswap_kb = PAGES_KB(mm_pages(mm, 2));
	r->pfmajor = BPF_CORE_READ(t, maj_flt);
	r->pfminor = BPF_CORE_READ(t, min_flt);
	r->dead_pfmajor = BPF_CORE_READ(sig, maj_flt);
	r->dead_pfminor = BPF_CORE_READ(sig, min_flt);
	bpf_core_read(r->comm, sizeof(r->comm), &t->comm);
}

static __always_inline uint32_t raw_d_path(struct scratch *s, struct path *path)
{
	uint64_t p = s->pos;
	long n;

	if (p > BUF_LIMIT)
		return 0;
	n = bpf_d_path(path, (char *)buf_at(s, p), PATH_LIMIT);
	if (n <= 1 || n > PATH_LIMIT)
		return 0;
	s->pos = p + n - 1;
	return n - 1;
}

/* "name=/path" and a NUL: a controller's group as /proc/PID/cgroup and the group's directories tell it. On the unified
 * hierarchy only what cgroup.controllers can list. */
PART raw_scan_cgroup(uint64_t set, uint32_t id)
{
	struct cgroup_subsys_state *css = NULL;
	struct scratch *s = scratch_here();
	struct css_set *cs = (struct css_set *)set;
	const char *part[CGROUP_PARTS] = {};
	struct kernfs_node *kn, *up;
	struct cgroup_subsys *ss;
	int i, n = 0;
	bool unified;

	if (!s)
		return 0;
	bpf_probe_read_kernel(&css, sizeof(css),
			      (void *)set + bpf_core_field_offset(struct css_set, subsys) + (id & 63) * sizeof(css));
	if (!css)
		return 0;
	ss = BPF_CORE_READ(css, ss);
	unified = BPF_CORE_READ(css, cgroup, root) == BPF_CORE_READ(cs, dfl_cgrp, root);
	if (!(BPF_CORE_READ(css, cgroup, root, subsys_mask) >> (id & 31) & 1)) /* switched off at boot */
		return 0;
	if (unified && (!BPF_CORE_READ(ss, dfl_cftypes) || BPF_CORE_READ_BITFIELD_PROBED(ss, implicit_on_dfl)))
		return 0;
	if (!raw_kernel_str(s, unified ? BPF_CORE_READ(ss, name) : BPF_CORE_READ(ss, legacy_name)))
		return 0;
	previous_char(s, '=');
	kn = BPF_CORE_READ(css, cgroup, kn);
	for (i = 0; i < CGROUP_PARTS; i++) {
		if (!kn)
			break;
		up = kernfs_parent(kn);
		if (!up)
			break; /* the root, whose name is "" */
		part[i] = BPF_CORE_READ(kn, name);
		kn = up;
		n++;
	}
	raw_char(s, '/');
	for (i = CGROUP_PARTS - 1; i >= 0; i--) {
		if (part[i] && raw_kernel_str(s, part[i]))
			previous_char(s, '/');
	}
	if (n)
		previous_char(s, 0);
	else
		raw_char(s, 0);
	return 0;
}

PART raw_scan_cgroups(uint64_t set)
{
	uint32_t i, count = bpf_core_enum_value(enum cgroup_subsys_id, CGROUP_SUBSYS_COUNT);

	for (i = 0; i < 16; i++) {
		if (i >= count)
			break;
		raw_scan_cgroup(set, i);
	}
	return 0;
}

static __always_inline void put_exe(struct scratch *s, struct scan_rec_task *r, struct file *exe, const struct cred *cred)
{
	struct inode *inode = BPF_CORE_READ(exe, f_inode);
	struct dentry *d = BPF_CORE_READ(exe, f_path.dentry);
	int layer = overlay_layer(d, BPF_CORE_READ(inode, i_sb, s_magic));

	r->exe_ino = BPF_CORE_READ(inode, i_ino);
	r->exe_ctime = inode_ctime(inode);
	r->exe_mtime = inode_mtime(inode);
	r->exe_flags = exe_writable((uint64_t)inode, (uint64_t)cred) ? 1 : 0;
	r->exe_flags |= layer == OVERLAY_UPPER ? 2 : layer == OVERLAY_LOWER ? 8 : 0;
	if (from_memfd(d))
		r->exe_flags |= 4;
}

SEC("iter/task")
int scan_leaders(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct scan_rec_task *r;
	struct fs_struct *fs;
	struct mm_struct *mm;
	struct file *exe;
	struct scratch *s;
	uint64_t stamp = bpf_ktime_get_boot_ns(), at;

	if (!t || t->pid != t->tgid || !is_wanted(t))
		return 0;
	s = scan_scratch(sizeof(*r));
	if (!s)
		return 0;
	r = (struct scan_rec_task *)s->buf;
	__builtin_memset(r, 0, sizeof(*r));
	r->pass = SCAN_LEADERS;
	r->stamp = stamp;
	put_numbers(r, t);
	mm = t->mm;
	exe = mm ? mm->exe_file : NULL;
	if (exe) {
		r->exepath_len = raw_d_path(s, &exe->f_path);
		put_exe(s, r, exe, BPF_CORE_READ(t, real_cred));
	}
	fs = t->fs;
	if (fs) {
		r->cwd_len = raw_d_path(s, &fs->pwd);
		r->root_len = raw_d_path(s, &fs->root);
	}
	at = s->pos;
	raw_scan_cgroups((uint64_t)BPF_CORE_READ(t, cgroups));
	r->cgroups_len = s->pos - at;
	emit_record(ctx->meta->seq, s);
	return 0;
}

SEC("iter/task")
int scan_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct scan_rec_task *r;
	struct scratch *s;
	uint64_t stamp = bpf_ktime_get_boot_ns();

	if (!t || t->pid == t->tgid || !is_wanted(t))
		return 0;
	s = scan_scratch(sizeof(*r));
	if (!s)
		return 0;
	r = (struct scan_rec_task *)s->buf;
	__builtin_memset(r, 0, sizeof(*r));
	r->pass = SCAN_THREADS;
	r->stamp = stamp;
	put_numbers(r, t);
	emit_record(ctx->meta->seq, s);
	return 0;
}

/* Bytes of the task's memory. The whole range or nothing: the caller knows that it is there. */
static __always_inline uint32_t raw_task_bytes(struct scratch *s, struct task_struct *t, uint64_t from, uint64_t len)
{
	uint64_t p = s->pos;

	if (len > SCAN_TEXT_MAX)
		len = SCAN_TEXT_MAX;
	if (!len || p > BUF_LIMIT || bpf_copy_from_user_task(buf_at(s, p), len, (void *)from, t, 0))
		return 0;
	s->pos = p + len;
	return len;
}

/* The one that may sleep, for the pages may have to be fetched. */
SEC("iter.s/task")
int scan_texts(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	uint64_t args, args_end, env, env_end;
	struct scan_rec_texts *r;
	struct mm_struct *mm;
	struct scratch *s;
	char last = 0;

	if (!t || t->pid != t->tgid || !is_wanted(t))
		return 0;
	s = scan_scratch(sizeof(*r));
	if (!s)
		return 0;
	mm = BPF_CORE_READ(t, mm);
	args = BPF_CORE_READ(mm, arg_start);
	args_end = BPF_CORE_READ(mm, arg_end);
	env = BPF_CORE_READ(mm, env_start);
	env_end = BPF_CORE_READ(mm, env_end);
	r = (struct scan_rec_texts *)s->buf;
	__builtin_memset(r, 0, sizeof(*r));
	r->pass = SCAN_TEXTS;
	r->pid = t->tgid;
	r->start = BPF_CORE_READ(t, start_boottime);
	if (args < args_end) {
		/* A title written over the arguments may go on into the environment. */
		bpf_copy_from_user_task(&last, 1, (void *)(args_end - 1), t, 0);
		if (last) {
			r->flags = SCAN_REC_TITLE;
			if (env == args_end && env_end > env)
				args_end = env_end;
		}
		r->args_len = raw_task_bytes(s, t, args, args_end - args);
	}
	if (env < env_end)
		r->env_len = raw_task_bytes(s, t, env, env_end - env);
	emit_record(ctx->meta->seq, s);
	return 0;
}

/* ---- descriptors -------------------------------------------------------------------------- */

static __always_inline void put_sock(struct scan_rec_file *r, struct sock *sk)
{
	struct unix_address *addr;
	uint32_t len;

	r->sock = (uint64_t)sk;
	r->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	r->protocol = BPF_CORE_READ(sk, sk_protocol);
	r->type = BPF_CORE_READ(sk, sk_type);
	r->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (r->family == AF_INET || r->family == AF_INET6) {
		r->sport = BPF_CORE_READ(sk, __sk_common.skc_num);
		r->dport = swap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	}
	if (r->family == AF_INET) {
		*(uint32_t *)r->sip = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		*(uint32_t *)r->dip = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	} else if (r->family == AF_INET6) {
		BPF_CORE_READ_INTO((struct in6_addr *)r->sip, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)r->dip, sk, __sk_common.skc_v6_daddr);
	} else if (r->family == AF_UNIX) {
		addr = BPF_CORE_READ((struct unix_sock *)sk, addr);
		len = addr ? BPF_CORE_READ(addr, len) - sizeof(uint16_t) : 0;
		if (addr) /* more than it has, cut by its length afterwards: a length the verifier can follow */
			bpf_probe_read_kernel(r->sun, SUN_PATH, &addr->name[0].sun_path);
		r->sun_len = len <= SUN_PATH ? len : 0;
	}
}

static __always_inline bool closes_on_exec(struct task_struct *t, uint32_t fd)
{
	struct fdtable *fdt = BPF_CORE_READ(t, files, fdt);
	unsigned long *bits = BPF_CORE_READ(fdt, close_on_exec), word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), bits + fd / 64);
	return word >> (fd & 63) & 1;
}

SEC("iter/task_file")
int scan_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct file *f = ctx->file;
	struct scan_rec_file *r;
	struct mount *mnt;
	struct inode *inode;
	struct scratch *s;
	struct sock *sk;
	uint32_t flags;

	/* A thread with descriptors of its own is not followed: the table is the process's. */
	if (!t || !f || t->pid != t->tgid || !is_wanted(t))
		return 0;
	s = scan_scratch(sizeof(*r));
	if (!s)
		return 0;
	r = (struct scan_rec_file *)s->buf;
	__builtin_memset(r, 0, sizeof(*r));
	inode = BPF_CORE_READ(f, f_inode);
	mnt = (void *)BPF_CORE_READ(f, f_path.mnt) - bpf_core_field_offset(struct mount, mnt);
	flags = BPF_CORE_READ(f, f_flags) & ~O_CLOEXEC;
	r->pass = SCAN_FILES;
	r->pid = t->tgid;
	r->fd = ctx->fd;
	r->mode = BPF_CORE_READ(inode, i_mode);
	r->flags = closes_on_exec(t, ctx->fd) ? flags | O_CLOEXEC : flags;
	r->mnt_id = BPF_CORE_READ(mnt, mnt_id);
	r->dev = encode_dev(BPF_CORE_READ(inode, i_sb, s_dev));
	r->ino = BPF_CORE_READ(inode, i_ino);
	sk = file_sock(f);
	if (sk)
		put_sock(r, sk);
	r->path_len = raw_d_path(s, &f->f_path);
	emit_record(ctx->meta->seq, s);
	return 0;
}
