/* What the probe tells about a task: ids in the first and its own pid namespace, credentials, memory,
 * control groups, terminal. Facts: the reference's parameters; all reads go through
 * bpf_probe_read_kernel, so a stale pointer gives zeroes, never a fault. */
#pragma once
#include "capture/bpf/params.h"

static __always_inline struct pid *task_pid_struct(struct task_struct *t, enum pid_type type)
{
	if (type == PIDTYPE_PID)
		return BPF_CORE_READ(t, thread_pid);
	return BPF_CORE_READ(t, signal, pids[type]);
}

/* The pid's number at namespace level `level`, 0 being the node's. */
static __always_inline int pid_nr_at(struct pid *pid, unsigned int level, struct pid_namespace **ns)
{
	struct upid *up;
	int nr = 0;

	if (!pid)
		return 0;
	up = (void *)pid + bpf_core_field_offset(struct pid, numbers) + (level & 31) * bpf_core_type_size(struct upid);
	bpf_core_read(&nr, sizeof(nr), &up->nr);
	if (ns)
		bpf_core_read(ns, sizeof(*ns), &up->ns);
	return nr;
}

static __always_inline struct pid_namespace *pid_ns(struct pid *pid)
{
	struct pid_namespace *ns = NULL;

	pid_nr_at(pid, BPF_CORE_READ(pid, level), &ns);
	return ns;
}

/* Id in the namespace the pid was made in. */
static __always_inline int64_t pid_vnr(struct pid *pid)
{
	return pid_nr_at(pid, BPF_CORE_READ(pid, level), NULL);
}

static __always_inline void put_caps(struct scratch *s, const struct cred *cred)
{
	uint64_t v[3] = {};

	BPF_CORE_READ_INTO(&v[0], cred, cap_inheritable);
	BPF_CORE_READ_INTO(&v[1], cred, cap_permitted);
	BPF_CORE_READ_INTO(&v[2], cred, cap_effective);
	put_u64(s, v[0] & CAP_KNOWN);
	put_u64(s, v[1] & CAP_KNOWN);
	put_u64(s, v[2] & CAP_KNOWN);
}

/* One of the counters of resident pages. The element's size is the kernel's, so the place is computed. */
static __always_inline int64_t mm_pages(struct mm_struct *mm, int which)
{
	uint64_t off;
	int64_t n = 0;

	if (bpf_core_type_exists(struct mm_rss_stat))
		off = bpf_core_field_offset(struct mm_struct___v61, rss_stat) +
		      bpf_core_field_offset(struct mm_rss_stat, count) + which * sizeof(n);
	else
		off = bpf_core_field_offset(struct mm_struct, rss_stat) +
		      bpf_core_field_offset(struct percpu_counter, count) +
		      which * bpf_core_type_size(struct percpu_counter);
	bpf_probe_read_kernel(&n, sizeof(n), (void *)mm + off);
	return n;
}

#define PAGES_KB(n) ((uint32_t)((n) << 2))

/* vm_size, vm_rss, vm_swap in KB. rss_stat is: file, anonymous, swap, shared memory. */
static __noinline int put_memory(struct scratch *s, struct mm_struct *mm)
{
	put_u32(s, PAGES_KB(BPF_CORE_READ(mm, total_vm)));
	put_u32(s, PAGES_KB(mm_pages(mm, 0) + mm_pages(mm, 1) + mm_pages(mm, 3)));
	put_u32(s, PAGES_KB(mm_pages(mm, 2)));
	return 0;
}

/* exe and args from the task's memory; exe is the first string. Both share one limit. */
PART put_exe_args(uint64_t mm_at)
{
	struct mm_struct *mm = (struct mm_struct *)mm_at;
	uint64_t start = BPF_CORE_READ(mm, arg_start), end = BPF_CORE_READ(mm, arg_end), exe;
	struct scratch *s = scratch_here();

	if (!s)
		return 0;
	exe = put_user_str(s, start);
	if (exe > PATH_LIMIT || start + exe > end)
		put_empty(s);
	else
		put_user_strings(s, start + exe, end - start - exe, PATH_LIMIT - exe);
	return 0;
}

/* ---- control groups ----------------------------------------------------------------------- */

#define CGROUP_DEPTH 6

/* Replaces the NUL before pos; strings are joined so. */
static __always_inline void previous_char(struct scratch *s, char c)
{
	uint64_t p = s->pos - 1;

	if (p <= BUF_LIMIT)
		*buf_at(s, p) = c;
}

static __always_inline void raw_char(struct scratch *s, char c)
{
	uint64_t p = s->pos;

	if (p <= BUF_LIMIT) {
		*buf_at(s, p) = c;
		s->pos = p + 1;
	}
}

static __always_inline bool raw_kernel_str(struct scratch *s, const char *ptr)
{
	uint64_t p = s->pos;
	long n;

	if (p > BUF_LIMIT)
		return false;
	n = bpf_probe_read_kernel_str(buf_at(s, p), 256, ptr);
	if (n <= 0)
		return false;
	s->pos = p + n;
	return true;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	struct kernfs_node___v614 *old = (void *)kn;

	if (bpf_core_field_exists(kn->__parent))
		return BPF_CORE_READ(kn, __parent);
	return BPF_CORE_READ(old, parent);
}

/* "name=/path" and a NUL: the subsystem's name and the last six components of the group's path. */
PART raw_cgroup(uint64_t set, uint32_t id)
{
	struct cgroup_subsys_state *css = NULL;
	struct scratch *s = scratch_here();
	const char *part[CGROUP_DEPTH] = {};
	struct kernfs_node *kn;
	int i, n = 0;

	if (!s)
		return 0;
	bpf_probe_read_kernel(&css, sizeof(css),
			      (void *)set + bpf_core_field_offset(struct css_set, subsys) + (id & 63) * sizeof(css));
	if (!css || !raw_kernel_str(s, BPF_CORE_READ(css, ss, name)))
		return 0;
	previous_char(s, '=');
	kn = BPF_CORE_READ(css, cgroup, kn);
	for (i = 0; i < CGROUP_DEPTH; i++) {
		if (!kn)
			break;
		part[i] = BPF_CORE_READ(kn, name);
		kn = kernfs_parent(kn);
		n++;
	}
	/* The root's own component is "": it gives the leading slash unless the path was cut above. */
	if (kn)
		raw_char(s, '/');
	for (i = CGROUP_DEPTH - 1; i >= 0; i--) {
		if (part[i] && raw_kernel_str(s, part[i]))
			previous_char(s, '/');
	}
	if (n <= 1)
		raw_char(s, 0);
	else
		previous_char(s, 0);
	return 0;
}

#define RAW_CGROUP(set, which)                                                                                 \
	do {                                                                                                   \
		if (bpf_core_enum_value_exists(enum cgroup_subsys_id, which))                                  \
			raw_cgroup((uint64_t)set, bpf_core_enum_value(enum cgroup_subsys_id, which));                 \
	} while (0)

static __always_inline void put_cgroups(struct scratch *s, struct task_struct *t)
{
	struct css_set *set = BPF_CORE_READ(t, cgroups);
	uint64_t start = s->pos;

	RAW_CGROUP(set, cpuset_cgrp_id);
	RAW_CGROUP(set, cpu_cgrp_id);
	RAW_CGROUP(set, cpuacct_cgrp_id);
	RAW_CGROUP(set, io_cgrp_id);
	RAW_CGROUP(set, memory_cgrp_id);
	put_len(s, s->pos - start);
}

/* ---- the block that clone and exec events have in common ---------------------------------- */

/* tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups. Faults are those of
 * `faults`: a fork reports the parent's. */
PART put_identity(uint64_t task, uint64_t faults_of)
{
	struct task_struct *t = (struct task_struct *)task, *faults = (struct task_struct *)faults_of;
	struct signal_struct *sig = BPF_CORE_READ(t, signal);
	struct scratch *s = scratch_here();
	uint64_t limit = 0;

	if (!s)
		return 0;
	put_u64(s, (int64_t)BPF_CORE_READ(t, pid));
	put_u64(s, (int64_t)BPF_CORE_READ(t, tgid));
	put_u64(s, (int64_t)BPF_CORE_READ(t, real_parent, pid));
	put_empty(s);
	bpf_core_read(&limit, sizeof(limit), &sig->rlim[RLIMIT_NOFILE].rlim_cur);
	put_u64(s, limit);
	put_u64(s, BPF_CORE_READ(faults, maj_flt));
	put_u64(s, BPF_CORE_READ(faults, min_flt));
	put_memory(s, BPF_CORE_READ(t, mm));
	put_kernel_str(s, (uint64_t)&t->comm);
	put_cgroups(s, t);
	return 0;
}

/* dev as user space spells it. */
static __always_inline uint32_t encode_dev(uint32_t dev)
{
	uint32_t major = dev >> 20, minor = dev & 0xfffff;

	return (minor & 0xff) | major << 8 | (minor & ~0xff) << 12;
}

static __always_inline uint32_t task_tty(struct task_struct *t)
{
	struct tty_struct *tty = BPF_CORE_READ(t, signal, tty);
	struct tty_driver *drv;

	if (!tty)
		return 0;
	drv = BPF_CORE_READ(tty, driver);
	if (!drv)
		return 0;
	return encode_dev(((uint32_t)BPF_CORE_READ(drv, major) << 20 | BPF_CORE_READ(drv, minor_start)) +
			  BPF_CORE_READ(tty, index));
}

static __always_inline uint32_t task_loginuid(struct task_struct *t)
{
	if (bpf_core_field_exists(t->loginuid))
		return BPF_CORE_READ(t, loginuid.val);
	return (uint32_t)-1;
}

struct bpf_pidns_info {
	uint32_t pid, tgid;
};

/* The daemon's own calls are not watched: it would feed on itself. */
static __always_inline bool own_call(void)
{
	struct bpf_pidns_info ids = {};

	if (!config.self_nested)
		return bpf_get_current_pid_tgid() >> 32 == config.self_tgid;
	if (bpf_get_ns_current_pid_tgid(config.self_dev, config.self_ino, (void *)&ids, sizeof(ids)))
		return false;
	return ids.tgid == config.self_tgid;
}
