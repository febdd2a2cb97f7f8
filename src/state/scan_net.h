/* Sockets of one net namespace as /proc/PID/net lists them, by inode. Used by scan_fd.c only. One
 * thread; blocks on /proc. */
#pragma once
#include "base/buf.h"
#include "state/fd.h"

struct net_sock {
	uint64_t ino;
	uint8_t type; /* enum fd_type */
	uint32_t name_at, name_len; /* unix path in net_table.names */
	union {
		struct fd_sock sock;
		uint64_t source; /* unix */
	};
};

struct net_table {
	struct net_sock *item; /* owned, sorted by ino once read */
	size_t count, cap;
	struct base_buf names;
};

/* proc_dir: directory of a process of that namespace. Files that are missing (no IPv6, no netlink) are
 * taken as empty. Returns 0 or -ENOMEM, with what was read until then in *n. */
int net_table_read(struct net_table *n, int proc_dir);
const struct net_sock *net_table_find(const struct net_table *n, uint64_t ino);
void net_table_fini(struct net_table *n);
