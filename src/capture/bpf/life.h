/* Birth, exec and death of tasks.
 *
 * fork     the tracepoint writes the child's side, in the parent, before the child can run; the syscall's
 *          exit writes the parent's side only
 * exec     the tracepoint writes the success (it has the file name, and the thread already is the leader);
 *          the syscall's exit writes failures
 * exit     the tracepoint */
#pragma once
#include "capture/bpf/sys_rare.h"

#define CLONE_PARAMS 21
/* These events are not of a syscall: what the dispatcher left behind about the last one is not theirs. */
static __always_inline void no_syscall(void)
{
	cpu_state(bpf_get_smp_processor_id())->compat = 0;
}

#define MAX_GROUP_THREADS 32
#define MAX_ANCESTORS 64

/* ---- clone, fork, vfork, clone3 ----------------------------------------------------------- */

static __always_inline uint32_t in_pidns(struct task_struct *t, bool parent)
{
	struct pid *pid = task_pid_struct(t, PIDTYPE_PID);

	if (BPF_CORE_READ(pid, level))
		return PCL_IN_PIDNS;
	if (parent && BPF_CORE_READ(t, nsproxy, pid_ns_for_children) != pid_ns(pid))
		return PCL_IN_PIDNS;
	return 0;
}

/* flags, uid, gid, vtid, vpid, start of the pid namespace. */
PART put_clone_tail(uint64_t task, uint32_t flags, uint32_t child)
{
	struct task_struct *t = (struct task_struct *)task;
	const struct cred *cred = BPF_CORE_READ(t, cred);
	struct scratch *s = scratch_here();
	uint64_t start = 0;

	if (!s)
		return 0;
	put_u32(s, flags | in_pidns(t, !child));
	put_u32(s, BPF_CORE_READ(cred, euid.val));
	put_u32(s, BPF_CORE_READ(cred, egid.val));
	put_u64(s, pid_vnr(task_pid_struct(t, PIDTYPE_PID)));
	put_u64(s, pid_vnr(task_pid_struct(t, PIDTYPE_TGID)));
	if (child)
		start = BPF_CORE_READ(pid_ns(task_pid_struct(t, PIDTYPE_TGID)), child_reaper, start_time);
	put_u64(s, start);
	return 0;
}

/* Thread group of the child that this clone made. The return value is the number the caller sees: the node's
 * one only when the caller is in the first namespace. */
static __always_inline uint32_t clone_peer(struct task_struct *t, int64_t ret, uint64_t flags)
{
	uint64_t id = bpf_get_current_pid_tgid();
	uint32_t tid = id, peer = 0, *known;

	if (ret <= 0)
		return 0;
	if (flags & CLONE_THREAD)
		return id >> 32;
	if (!BPF_CORE_READ(t, thread_pid, level))
		return ret;
	known = bpf_map_lookup_elem(&forked, &tid);
	if (known) {
		peer = *known;
		bpf_map_delete_elem(&forked, &tid);
	}
	return peer;
}

static __always_inline int parent_side(uint64_t *ctx, int64_t ret, uint32_t type, uint64_t flags)
{
	struct task_struct *t = current_task();
	struct scratch *s;
	struct subject who;

	if (!ret) /* the child: written by the tracepoint */
		return 0;
	s = var_open(CLONE_PARAMS, ret > 0);
	if (!s)
		return 0;
	put_u64(s, ret);
	if (ret > 0) {
		put_exe_args((uint64_t)BPF_CORE_READ(t, mm));
	} else {
		put_empty(s);
		put_empty(s);
	}
	put_identity((uint64_t)t, (uint64_t)t);
	put_clone_tail((uint64_t)t, clone_flags(flags), 0);
	who = subject_current(ret > 0);
	who.peer = clone_peer(t, ret, flags);
	return var_close_as(s, type, CLONE_PARAMS, ret > 0 ? LIFE : BULK, &who);
}

SYSCALL_EXIT(x_clone)
{
	return parent_side(ctx, ret, PPME_SYSCALL_CLONE_20_X, ARG0(ctx));
}

SYSCALL_EXIT(x_clone3)
{
	uint64_t flags = 0;

	bpf_probe_read_user(&flags, sizeof(flags), (void *)ARG0(ctx));
	return parent_side(ctx, ret, PPME_SYSCALL_CLONE3_X, flags);
}

SYSCALL_EXIT(x_fork)
{
	return parent_side(ctx, ret, PPME_SYSCALL_FORK_20_X, 0);
}

SYSCALL_EXIT(x_vfork)
{
	return parent_side(ctx, ret, PPME_SYSCALL_VFORK_20_X, 0);
}

enum bpf_func_id___since515 { BPF_FUNC_task_pt_regs___since515 = 175 };

/* Which call the parent is in decides the type; without the helpers to see it, clone. */
static __always_inline uint32_t fork_type(void)
{
	struct pt_regs *regs;

	if (!bpf_core_enum_value_exists(enum bpf_func_id___since515, BPF_FUNC_task_pt_regs___since515))
		return PPME_SYSCALL_CLONE_20_X;
	regs = (struct pt_regs *)bpf_task_pt_regs((void *)bpf_get_current_task_btf());
#if defined(__TARGET_ARCH_x86)
	switch ((int32_t)BPF_CORE_READ(regs, orig_ax)) {
	case 57:
		return PPME_SYSCALL_FORK_20_X;
	case 58:
		return PPME_SYSCALL_VFORK_20_X;
#else
	switch (BPF_CORE_READ(regs, syscallno)) {
#endif
	case 435:
		return PPME_SYSCALL_CLONE3_X;
	default:
		return PPME_SYSCALL_CLONE_20_X;
	}
}

/* A typed pointer as a plain number: PARTs take nothing else. Through memory, for that is what makes the verifier
 * forget the type. */
static __always_inline void *untyped(struct scratch *s, const void *p)
{
	*(volatile uint64_t *)&s->plain = (uint64_t)p;
	return (void *)*(volatile uint64_t *)&s->plain;
}

SEC("saker/fork")
int on_fork(uint64_t *ctx)
{
	struct task_struct *parent = (void *)ctx[0], *child = (void *)ctx[1], *self = current_task();
	uint32_t tgid = bpf_get_current_pid_tgid() >> 32, tid = bpf_get_current_pid_tgid(), flags = 0;
	struct subject who = {};
	struct scratch *s;

	if (!enabled || BPF_CORE_READ(self, flags) & PF_KTHREAD)
		return 0;
	who.tid = BPF_CORE_READ(child, pid);
	who.tgid = BPF_CORE_READ(child, tgid);
	who.peer = tgid;
	who.flags = EVT_ENV_FORK | EVT_ENV_CRITICAL;
	if (BPF_CORE_READ(self, thread_pid, level))
		bpf_map_update_elem(&forked, &tid, &who.tgid, BPF_ANY);
	s = var_open_as(fork_type(), CLONE_PARAMS, true);
	if (!s)
		return 0;
	child = untyped(s, child);
	put_u64(s, 0);
	put_exe_args((uint64_t)BPF_CORE_READ(child, mm));
	put_identity((uint64_t)child, (uint64_t)self);
	if (who.tid != who.tgid)
		flags |= PCL_THREAD | PCL_SIGHAND | PCL_VM;
	if (BPF_CORE_READ(parent, files) == BPF_CORE_READ(child, files))
		flags |= PCL_FILES;
	put_clone_tail((uint64_t)child, flags, 1);
	return var_close_as(s, fork_type(), CLONE_PARAMS, LIFE, &who);
}

/* ---- exec --------------------------------------------------------------------------------- */

/* tty, vpgid, loginuid, flags, capabilities, inode and its times, uid. */
PART put_exec_middle(uint64_t task)
{
	struct task_struct *t = (struct task_struct *)task;
	const struct cred *cred = BPF_CORE_READ(t, cred);
	struct file *exe = BPF_CORE_READ(t, mm, exe_file);
	struct dentry *dentry = BPF_CORE_READ(exe, f_path.dentry);
	struct inode *inode = BPF_CORE_READ(exe, f_inode);
	uint32_t flags = exe_writable((uint64_t)inode, (uint64_t)cred);
	int overlay = overlay_layer(dentry, BPF_CORE_READ(dentry, d_sb, s_magic));
	struct scratch *s = scratch_here();

	if (!s)
		return 0;
	if (overlay == OVERLAY_UPPER)
		flags |= 2;
	else if (overlay == OVERLAY_LOWER)
		flags |= 8;
	if (from_memfd(dentry))
		flags |= 4;
	put_u32(s, task_tty(t));
	put_u64(s, pid_vnr(task_pid_struct(t, PIDTYPE_PGID)));
	put_u32(s, task_loginuid(t));
	put_u32(s, flags);
	put_caps(s, cred);
	put_u64(s, BPF_CORE_READ(inode, i_ino));
	put_u64(s, inode_ctime(inode));
	put_u64(s, inode_mtime(inode));
	put_u32(s, BPF_CORE_READ(cred, euid.val));
	return 0;
}

/* trusted_exepath, pgid, gid. */
static __always_inline void put_exec_end(struct scratch *s, struct task_struct *t)
{
	put_file_path((uint64_t)BPF_CORE_READ(t, mm, exe_file));
	put_u64(s, pid_nr_at(task_pid_struct(t, PIDTYPE_PGID), 0, NULL));
	put_u32(s, BPF_CORE_READ(t, cred, egid.val));
}

SEC("saker/exec")
int on_exec(uint64_t *ctx)
{
	struct linux_binprm *bprm = (void *)ctx[2];
	struct task_struct *t = current_task();
	struct mm_struct *mm = BPF_CORE_READ(t, mm);
	uint64_t start;
	struct scratch *s;

	if (!enabled || BPF_CORE_READ(t, flags) & PF_KTHREAD)
		return 0;
	no_syscall();
	s = var_open_as(PPME_SYSCALL_EXECVE_19_X, 31, true);
	if (!s)
		return 0;
	put_u64(s, 0);
	put_exe_args((uint64_t)mm);
	put_identity((uint64_t)t, (uint64_t)t);
	start = BPF_CORE_READ(mm, env_start);
	put_user_strings(s, start, BPF_CORE_READ(mm, env_end) - start, PATH_LIMIT);
	put_exec_middle((uint64_t)t);
	put_exec_end(s, t);
	put_kernel_str(s, (uint64_t)BPF_CORE_READ(bprm, filename));
	return var_close(s, PPME_SYSCALL_EXECVE_19_X, 31, LIFE);
}

#define MAX_STRINGS 16

/* Strings of an array of pointers in user space, together at most `max` bytes, the last byte a NUL. */
PART put_user_array(uint64_t array, uint64_t max, uint32_t width)
{
	struct scratch *s = scratch_here();
	uint64_t start, ptr, p, total;
	uint32_t i;
	long n;

	if (!s)
		return 0;
	start = s->pos;
	for (i = 0; i < MAX_STRINGS; i++) {
		ptr = 0;
		p = s->pos;
		if (p > BUF_LIMIT || p - start >= max)
			break;
		if (bpf_probe_read_user(&ptr, width == 4 ? 4 : 8, (void *)(array + i * width)) || !ptr)
			break;
		n = bpf_probe_read_user_str(buf_at(s, p), PATH_LIMIT, (void *)ptr);
		if (n < 0)
			continue;
		if (n == 0) {
			*buf_at(s, p) = 0;
			n = 1;
		}
		s->pos = p + n;
	}
	total = s->pos - start;
	if (total > max) {
		total = max;
		s->pos = start + max;
	}
	if (total)
		previous_char(s, 0);
	put_len(s, total);
	return 0;
}

/* A failed exec: what was asked for. */
static __always_inline void put_failed_exec(struct scratch *s, int64_t ret, uint64_t argv, uint64_t envp, bool compat)
{
	struct task_struct *t = current_task();
	uint32_t width = compat ? 4 : 8; /* of a pointer */
	uint64_t exe = 0, n = 0;

	put_u64(s, ret);
	if (!argv) { /* an empty name, no arguments */
		put_u8(s, 0);
		put_empty(s);
	} else {
		if (bpf_probe_read_user(&exe, width, (void *)argv))
			put_empty(s);
		else
			n = put_user_str(s, exe);
		put_user_array(argv + width, n < PATH_LIMIT ? PATH_LIMIT - n : 0, width);
	}
	put_identity((uint64_t)t, (uint64_t)t);
	if (envp)
		put_user_array(envp, PATH_LIMIT, width);
	else
		put_empty(s);
	put_exec_middle((uint64_t)t);
	put_exec_end(s, t);
}

SYSCALL_EXIT(x_execve)
{
	struct scratch *s;

	if (!ret)
		return 0;
	s = var_open(31, false);
	if (!s)
		return 0;
	put_failed_exec(s, ret, ARG1(ctx), ARG2(ctx), compat_);
	put_user_str(s, ARG0(ctx));
	return var_close(s, PPME_SYSCALL_EXECVE_19_X, 31, BULK);
}

SYSCALL_EXIT(x_execveat)
{
	struct scratch *s;

	if (!ret)
		return 0;
	s = var_open(30, false);
	if (!s)
		return 0;
	put_failed_exec(s, ret, ARG2(ctx), ARG3(ctx), compat_);
	return var_close(s, PPME_SYSCALL_EXECVEAT_X, 30, BULK);
}

/* ---- exit --------------------------------------------------------------------------------- */

/* First thread of the group that is not exiting: its tid, 0 none, -1 too many to look at. */
PART alive_thread(uint64_t task)
{
	struct task_struct *t = (struct task_struct *)task;
	struct signal_struct *sig = BPF_CORE_READ(t, signal);
	struct list_head *head = (void *)sig + bpf_core_field_offset(struct signal_struct, thread_head), *next;
	struct task_struct *other;
	int i;

	bpf_core_read(&next, sizeof(next), &head->next);
	for (i = 0; i < MAX_GROUP_THREADS; i++) {
		if (next == head || !next)
			return 0;
		other = (void *)next - bpf_core_field_offset(struct task_struct, thread_node);
		if (!(BPF_CORE_READ(other, flags) & PF_EXITING))
			return BPF_CORE_READ(other, pid);
		bpf_core_read(&next, sizeof(next), &next->next);
	}
	return -1;
}

/* Who will inherit the children, by the kernel's own order: another thread of the group, the nearest
 * ancestor that made itself a reaper, the namespace's init. 0: nobody (a namespace's init dies). -1: too far
 * to see from here; state finds it out. */
static __always_inline int64_t reaper(struct task_struct *t)
{
	struct pid *pid = task_pid_struct(t, PIDTYPE_PID);
	struct task_struct *init = BPF_CORE_READ(pid_ns(pid), child_reaper), *up;
	struct signal_struct *sig = BPF_CORE_READ(t, signal);
	uint32_t level = BPF_CORE_READ(pid, level);
	int64_t tid = alive_thread((uint64_t)t);
	int i;

	if (tid)
		return tid;
	if (init == t)
		return 0;
	if (!BPF_CORE_READ_BITFIELD_PROBED(sig, has_child_subreaper))
		return BPF_CORE_READ(init, pid);
	up = BPF_CORE_READ(t, real_parent);
	for (i = 0; i < MAX_ANCESTORS; i++) {
		if (BPF_CORE_READ(up, thread_pid, level) != level || up == init)
			return BPF_CORE_READ(init, pid);
		sig = BPF_CORE_READ(up, signal);
		if (BPF_CORE_READ_BITFIELD_PROBED(sig, is_child_subreaper)) {
			tid = alive_thread((uint64_t)up);
			if (tid)
				return tid;
		}
		up = BPF_CORE_READ(up, real_parent);
	}
	return -1;
}

SEC("saker/death")
int on_exit(uint64_t *ctx)
{
	struct task_struct *t = current_task(); /* the tracepoint's argument, but as a plain number */
	struct list_head *first = NULL, *head = (void *)t + bpf_core_field_offset(struct task_struct, children);
	int64_t status, heir = 0;

	if (!enabled || BPF_CORE_READ(t, flags) & PF_KTHREAD)
		return 0;
	no_syscall();
	status = BPF_CORE_READ(t, exit_code);
	bpf_core_read(&first, sizeof(first), &head->next);
	if (first != head)
		heir = reaper(t);
	FIXED(PPME_PROCEXIT_1_E, 5, 26, LIFE, 0);
	F64(status);
	F64((status >> 8) & 0xff);
	F8((status & 0x7f) && (status & 0x7f) != 0x7f ? status & 0x7f : 0);
	F8((status & 0x80) != 0);
	F64(heir);
	FIXED_END();
}
