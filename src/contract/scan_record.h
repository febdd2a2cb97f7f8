/* What the start-up iterators of the probe (capture/bpf/scan.bpf.c) write and state reads (state/scan_iter.c): records
 * one behind the other, each a multiple of 8 bytes, in four passes over all tasks. Kernel and daemon are
 * compiled from one tree, so the layout may change; it is never stored. Numbers are those of the first pid and
 * user namespaces, as in events. */
#pragma once

#ifndef __bpf__
#include <stdint.h>
#endif

enum scan_pass {
	SCAN_LEADERS, /* struct scan_rec_task with texts: processes */
	SCAN_TEXTS,   /* struct scan_rec_texts: their arguments and environment, from user memory (may sleep) */
	SCAN_THREADS, /* struct scan_rec_task without texts: all other threads */
	SCAN_FILES,   /* struct scan_rec_file: descriptors of processes */
	SCAN_PASSES,
};

#define SCAN_TEXT_MAX 4095 /* bytes of arguments and of environment, as in events */

struct scan_rec_task {
	uint32_t size, pass;
	uint64_t stamp; /* boot time clock before anything was read: what happened later comes as an event */
	int32_t tid, pid, ppid, vtid, vpid, pgid, vpgid, sid;
	uint32_t uid, gid, loginuid, tty, exe_flags, pad;
	uint64_t cap_inheritable, cap_permitted, cap_effective;
	uint64_t exe_ino, exe_ctime, exe_mtime;
	uint64_t start, pidns_start; /* boot time clock */
	uint64_t fdlimit;
	uint32_t vmsize_kb, vmrss_kb, vmswap_kb, pad2;
	uint64_t pfmajor, pfminor;	     /* of this thread */
	uint64_t dead_pfmajor, dead_pfminor; /* of the group's threads that have ended */
	char comm[16];
	uint32_t exepath_len, cwd_len, root_len, cgroups_len; /* texts follow in this order, without final NULs */
};

enum { SCAN_REC_TITLE = 1 }; /* args ends where the first NUL is (setproctitle) */

struct scan_rec_texts {
	uint32_t size, pass;
	int32_t pid;
	uint32_t flags;
	uint64_t start; /* as in its task record: another means that the number was used again */
	uint32_t args_len, env_len; /* bytes follow */
};

struct scan_rec_file {
	uint32_t size, pass;
	int32_t pid, fd;
	uint32_t mode;	/* of the inode */
	uint32_t flags; /* of the kernel, O_CLOEXEC included */
	uint32_t mnt_id, dev;
	uint64_t ino;
	/* sockets; family 0: none */
	uint16_t family, protocol, type, state;
	uint16_t sport, dport; /* host order */
	uint32_t sun_len;
	uint64_t sock; /* address of the kernel's structure */
	uint8_t sip[16], dip[16];
	char sun[112]; /* unix: path as it was bound, abstract ones with their leading NUL */
	uint32_t path_len, pad; /* path follows */
};
