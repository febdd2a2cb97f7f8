/* Descriptors of running processes, from /proc: at start-up for everybody (scan_proc calls this after
 * it has added the process), later for single descriptors that state cannot know otherwise.
 *
 * Thread-safety: start-up functions run on one thread while no worker runs. scan_fds_read reads /proc
 * only, so any thread that may block calls it; state_fd_learned belongs to the shard's worker. */
#pragma once
#include "state/scan.h"

/* Keeps what is read once: socket tables per net namespace, devices of mounts. proc_root: "/proc" as
 * seen under the host root, e.g. "/host/proc". */
struct scan_fds;
struct scan_fds *scan_fds_new(const char *proc_root); /* NULL when memory is out */
void scan_fds_free(struct scan_fds *c);

/* Adds all descriptors of process pid to t, which knows the process. Returns how many, or -errno. */
int scan_fds_process(struct scan_fds *c, struct state_table *t, int64_t pid);
/* The same for one process alone. */
int scan_proc_fds(struct state_table *t, int64_t pid, const char *proc_root);

/* One descriptor as /proc shows it. Text is owned by the caller's buffer. */
struct scan_fd {
	uint8_t type; /* enum fd_type */
	uint32_t open_flags, mnt_id, dev;
	uint64_t ino;
	union {
		struct fd_sock sock;
		struct { uint64_t source, dest; } unix_sock;
	};
	uint32_t name_len;
	char name[4096];
};
/* 1 read, 0 there is nothing to store, -errno. [any that may block] */
int scan_fds_read(struct scan_fds *c, int64_t pid, int64_t num, struct scan_fd *ret);
/* Stores it unless the number is open already or the process is gone. [worker] */
void state_fd_learned(struct state_shard *s, int64_t pid, int64_t num, const struct scan_fd *sf);

/* Open flags of the kernel as events carry them. */
uint32_t scan_fd_flags(unsigned long flags);
/* Type and name of anything but a socket from its link text (in name) and its inode's mode; clears what its type does
 * not have. */
void scan_fd_kind(struct scan_fd *f, uint32_t mode);
/* As a descriptor, with one reference, not yet imported. */
struct state_fd *scan_fd_make(struct slab *sl, const struct scan_fd *sf);
/* Last touch on a descriptor that came from /proc or from a capture's list, before it is added: v4-mapped
 * addresses, unknown own address, connected, unix role, names of ip sockets. */
void scan_fd_import(struct state_shard *s, struct state_fd *f);
/* After all processes are in: roles and direction of IPv4 sockets. */
void scan_fd_finish(struct state_table *t);
