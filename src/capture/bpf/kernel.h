/* The kernel's types as far as the probe reads them.
 *
 * Only the members we use are declared: libbpf relocates every access to where the running kernel
 * has the member (CO-RE), so order, gaps and sizes here mean nothing. Types with a ___suffix are
 * older or newer shapes of the same kernel type; the suffix is ignored by libbpf.
 * Facts: the kernel's own headers, 5.8 to 6.18. Included by the other parts of the probe only. */
#pragma once

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u16 __sum16;

typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __s16 int16_t;
typedef __u32 uint32_t;
typedef __s32 int32_t;
typedef __u64 uint64_t;
typedef __s64 int64_t;
typedef __u64 size_t;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* Of the kernel's bpf.h, which cannot be included here: it drags in types of the build host. */
enum { BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PROG_ARRAY = 3, BPF_MAP_TYPE_LRU_HASH = 9, BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
       BPF_MAP_TYPE_RINGBUF = 27 };
enum { BPF_ANY, BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2, BPF_RB_AVAIL_DATA = 0 };

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "contract/event.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long bp, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, sp, bx;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
};
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
};
#else
#error "the probe knows x86_64 and arm64"
#endif

struct list_head {
	struct list_head *next;
};

struct thread_info {
	unsigned long flags;
	__u32 status;
};

struct kuid {
	__u32 val;
};

/* Two 32-bit words before 6.3, one of 64 since: the same bytes, read whole. */
struct caps {
	__u64 whole;
};

struct cred {
	struct kuid uid, gid, suid, sgid, euid, egid, fsuid, fsgid;
	struct caps cap_inheritable, cap_permitted, cap_effective;
	struct user_namespace *user_ns;
	struct group_info *group_info;
};

struct group_info {
	int ngroups;
	struct kuid gid[0];
};

struct uid_gid_extent {
	__u32 first, lower_first, count;
};

struct uid_gid_map {
	__u32 nr_extents;
	struct uid_gid_extent extent[5];
	struct uid_gid_extent *forward;
};

struct user_namespace {
	struct uid_gid_map uid_map, gid_map;
};

struct pid_namespace {
	struct task_struct *child_reaper;
	unsigned int level;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct rlimit {
	unsigned long rlim_cur, rlim_max;
};

struct tty_driver {
	int major, minor_start;
};

struct tty_struct {
	int index;
	struct tty_driver *driver;
};

enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID, PIDTYPE_MAX };

struct signal_struct {
	struct list_head thread_head;
	unsigned int is_child_subreaper : 1;
	unsigned int has_child_subreaper : 1;
	unsigned long min_flt, maj_flt;
	struct pid *pids[PIDTYPE_MAX];
	struct tty_struct *tty;
	struct rlimit rlim[16];
};

struct nsproxy {
	struct pid_namespace *pid_ns_for_children;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_flags, s_magic;
};

struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
};

struct inode {
	__u16 i_mode;
	struct kuid i_uid, i_gid;
	unsigned int i_flags;
	struct super_block *i_sb;
	unsigned long i_ino;
	__s64 i_mtime_sec, i_ctime_sec;
	__u32 i_mtime_nsec, i_ctime_nsec;
};
struct inode___times { /* up to 6.6 (ctime 6.5) */
	struct timespec64 i_mtime, i_ctime;
};
struct inode___private { /* 6.6 to 6.10 */
	struct timespec64 __i_mtime, __i_ctime;
};

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	int mnt_id;
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	unsigned int f_mode, f_flags;
	void *private_data;
	struct inode *f_inode;
	struct path f_path;
};

struct fs_struct {
	struct path root, pwd;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *close_on_exec;
};

struct files_struct {
	struct fdtable *fdt;
};

struct atomic_long___rss {
	long counter;
};
struct mm_rss_stat { /* up to 6.1 */
	struct atomic_long___rss count[4];
};
struct mm_struct___v61 {
	struct mm_rss_stat rss_stat;
};
struct percpu_counter {
	__s64 count;
};
struct mm_struct {
	unsigned long total_vm, arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
	struct percpu_counter rss_stat[4];
};

struct kernfs_node {
	struct kernfs_node *__parent;
	const char *name;
};
struct kernfs_node___v614 { /* up to 6.14 */
	struct kernfs_node *parent;
};

struct cgroup_root {
	unsigned int subsys_mask;
};
struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct cgroup_subsys {
	bool implicit_on_dfl : 1;
	const char *name, *legacy_name;
	void *dfl_cftypes;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys *ss;
};

/* Numbers differ between kernels; read with bpf_core_enum_value. */
enum cgroup_subsys_id { cpuset_cgrp_id, cpu_cgrp_id, cpuacct_cgrp_id, io_cgrp_id, memory_cgrp_id, CGROUP_SUBSYS_COUNT };

struct css_set {
	struct cgroup *dfl_cgrp;
	struct cgroup_subsys_state *subsys[CGROUP_SUBSYS_COUNT];
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	int exit_code;
	int pid, tgid;
	struct task_struct *real_parent, *group_leader;
	struct list_head children, thread_node;
	struct pid *thread_pid;
	__u64 start_time, start_boottime;
	unsigned long min_flt, maj_flt;
	const struct cred *cred, *real_cred;
	struct fs_struct *fs;
	char comm[16];
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct kuid loginuid;
	struct css_set *cgroups;
	struct mm_struct *mm;
};

struct linux_binprm {
	const char *filename;
};

struct in6_addr {
	__u32 word[4];
};

struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u32 sk_ack_backlog, sk_max_ack_backlog;
	__u16 sk_type, sk_protocol;
};

struct ipv6_pinfo {
	struct in6_addr saddr;
};

struct inet_sock {
	struct sock sk;
	struct ipv6_pinfo *pinet6;
	__be32 inet_saddr;
	__be16 inet_sport;
};

struct socket {
	struct sock *sk;
};

struct sockaddr_un___k {
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un___k name[0];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

/* ---- io_uring: a request's command lies at its beginning, in a shape of its operation ------------- */

struct io_cqe {
	__u64 user_data;
	__s32 res;
	int fd; /* in a union with the flags */
};

struct io_kiocb {
	__u8 opcode;
	__u32 flags; /* 64 bits since 6.8: the lower half, which has the bits of the submission */
	struct io_cqe cqe;
	void *async_data;
	struct file *file;
};

struct io_uring_cqe {
	__s32 res;
	__u32 flags;
};

struct filename {
	const char *name;
};

struct open_how {
	__u64 flags, mode, resolve;
};

struct io_open {
	int dfd;
	__u32 file_slot;
	struct filename *filename;
	struct open_how how;
};

struct io_close {
	int fd;
	__u32 file_slot;
};

struct io_unlink {
	int dfd, flags;
	struct filename *filename;
};

struct io_mkdir {
	int dfd;
	__u16 mode;
	struct filename *filename;
};

struct io_rename {
	int old_dfd, new_dfd, flags;
	struct filename *oldpath, *newpath;
};

struct io_link {
	int old_dfd, new_dfd, flags;
	struct filename *oldpath, *newpath;
};

struct io_connect {
	void *addr;
	int addr_len;
};

struct io_bind {
	int addr_len;
};

struct io_listen {
	int backlog;
};

struct io_shutdown {
	int how;
};

struct io_socket {
	int domain, type, protocol;
	__u32 file_slot;
};

struct io_accept {
	int flags;
	__u32 file_slot;
};

struct io_sr_msg {
	void *buf; /* in a union with the header of a message */
	int len;
};

struct kiocb {
	__s64 ki_pos;
};

struct io_rw {
	struct kiocb kiocb;
	__u64 addr;
	__u32 len;
};

struct __kernel_sockaddr_storage {
	__u16 ss_family;
};

struct io_async_msghdr {
	struct __kernel_sockaddr_storage addr;
};

#pragma clang attribute pop

/* ---- what user programs hand to the kernel: fixed layouts, never relocated --------------- */

struct u_iovec {
	__u64 base, len;
};

struct u_msghdr {
	__u64 name;
	__u32 namelen, pad;
	__u64 iov, iovlen, control, controllen;
	__u32 flags, pad2;
};

struct u_open_how {
	__u64 flags, mode, resolve;
};

struct u_rlimit {
	__u64 cur, max;
};

struct u_uring_params {
	__u32 sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features;
};

/* ---- numbers ------------------------------------------------------------------------------ */

#define PF_EXITING 0x00000004
#define PF_IO_WORKER 0x10
#define PF_KTHREAD 0x00200000
#define TS_COMPAT 0x0002
#define TIF_32BIT_ARM64 (1 << 22)
#define FMODE_CREATED 0x100000
#define OVERLAYFS_MAGIC 0x794c7630
#define SB_RDONLY 1
#define S_IMMUTABLE 8
#define CAP_DAC_OVERRIDE 1
#define CAP_FOWNER 3
#define CAP_KNOWN ((1ULL << 41) - 1) /* those that have a portable value */
#define EINPROGRESS 115
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AT_FDCWD (-100)
#define RLIMIT_NOFILE 7

#define O_WRONLY 1
#define O_RDWR 2
#define O_CREAT 0100
#define O_EXCL 0200
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_DSYNC 010000
#define O_CLOEXEC 02000000
#define O_SYNC_BITS 04010000
#define O_TMPFILE_BIT 020000000
#if defined(__TARGET_ARCH_arm64)
#define O_DIRECTORY 040000
#define O_DIRECT 0200000
#define O_LARGEFILE 0400000
#else
#define O_DIRECT 040000
#define O_LARGEFILE 0100000
#define O_DIRECTORY 0200000
#endif
