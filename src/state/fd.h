/* Descriptors and descriptor tables.
 *
 * A table belongs to one process, on one shard, and is private to that worker, with one exception:
 * at fork the parent's worker shares it (fdtab_share) and the child's worker takes the second
 * reference. A shared table, and every descriptor in it, is then immutable until a writer has made
 * its own copy; counts are atomic, contents are not written while shared. */
#pragma once
#include "state/str.h"
#include <stdbool.h>
#include <stddef.h>

enum fd_type { /* numbers are those of capture files */
	FD_UNKNOWN, FD_FILE, FD_DIRECTORY, FD_IPV4, FD_IPV6, FD_IPV4_SERVER, FD_IPV6_SERVER,
	FD_FIFO, FD_UNIX, FD_EVENT, FD_UNSUPPORTED, FD_SIGNALFD, FD_EVENTPOLL, FD_INOTIFY,
	FD_TIMERFD, FD_NETLINK, FD_FILE_V2, FD_BPF, FD_USERFAULTFD, FD_IO_URING, FD_MEMFD, FD_PIDFD
};

enum fd_l4 { FD_L4_UNKNOWN, FD_L4_NA, FD_L4_TCP, FD_L4_UDP, FD_L4_ICMP, FD_L4_RAW };

enum {
	FD_F_ROLE_CLIENT = 1 << 0,
	FD_F_ROLE_SERVER = 1 << 1,
	FD_F_CLOEXEC = 1 << 2,
	FD_F_CONNECTED = 1 << 3,
	FD_F_CLONED = 1 << 4,
	FD_F_OVERLAY_UPPER = 1 << 5,
	FD_F_OVERLAY_LOWER = 1 << 6,
	FD_F_IS_SOCKET_PIPE = 1 << 7,
};

/* Bits of state_fd.open_flags that state itself looks at; the rest is in flags.def, file_flags. */
enum {
	FD_O_DIRECTORY = 1024,
	FD_O_CLOEXEC = 4096,
	FD_O_F_CREATED = 16384,
	FD_O_UPPER_LAYER = 32768,
	FD_O_LOWER_LAYER = 65536,
};

struct fd_sock { /* addresses in network order, 4 or 16 bytes used; ports in host order */
	uint8_t sip[16], dip[16]; /* source = client, destination = server; servers: dip unused, sip/sport the bound address */
	uint16_t sport, dport;
	uint8_t l4; /* enum fd_l4 */
};

struct state_fd {
	_Atomic uint32_t refs;
	uint8_t type; /* enum fd_type */
	uint32_t flags;	     /* FD_F_* */
	uint32_t open_flags; /* portable file_flags */
	uint32_t dev, mnt_id;
	uint64_t ino;
	int64_t pid; /* pidfd */
	struct state_str *name, *nameraw; /* counted; never NULL */
	union {
		struct fd_sock sock;
		struct { uint64_t source, dest; } unix_sock;
	};
};

struct state_fdtab;

/* All by the owning worker; sl is its slab. max: descriptors allowed. */
struct state_fdtab *fdtab_new(struct slab *sl, uint32_t max);
struct state_fdtab *fdtab_share(struct state_fdtab *t);	      /* second reference, O(1); marks shared */
/* A child's table: a second reference, or where the order is kept a table of its own. NULL for NULL. */
struct state_fdtab *fdtab_fork(struct slab *sl, struct state_fdtab *parent);
/* Whether tables keep the reference's order (fd_order.h). Before the first table is made. [main] */
void fdtab_keep_order(bool on);
void fdtab_unref(struct slab *sl, struct state_fdtab *t);     /* NULL allowed */
uint32_t fdtab_count(const struct state_fdtab *t);	      /* NULL = 0 */
const struct state_fd *fdtab_get(const struct state_fdtab *t, int64_t fd); /* NULL when not open */
/* For change in place: copies what is shared first, so *t may change. NULL when not open. */
struct state_fd *fdtab_edit(struct slab *sl, struct state_fdtab **t, int64_t fd);
/* Takes over the reference to f. Returns false (f dropped) when the table is full, or when the number
 * does not fit the kernel's int. */
bool fdtab_set(struct slab *sl, struct state_fdtab **t, int64_t fd, struct state_fd *f);
void fdtab_del(struct slab *sl, struct state_fdtab **t, int64_t fd);
/* Smallest open number at or above fd, -1 when there is none. With edit and del this is the way to
 * change many: for (n = fdtab_next(t, 0); n >= 0; n = fdtab_next(t, n + 1)). */
int64_t fdtab_next(const struct state_fdtab *t, int64_t fd);
/* In order of number, or in the reference's order when that is kept; stops when fn returns false. Includes the entries with negative numbers that
 * failed memfd_create calls leave behind (get and next never find those, the count has them). */
void fdtab_for_each(const struct state_fdtab *t, bool (*fn)(int64_t fd, const struct state_fd *f, void *arg), void *arg);
/* exec: drops close-on-exec descriptors (rules in state-semantics 2.2). */
void fdtab_exec(struct slab *sl, struct state_fdtab **t);

struct state_fd *fd_new(struct slab *sl, enum fd_type type); /* one reference, empty names */
/* One reference; takes over one reference to each name. */
struct state_fd *fd_make(struct slab *sl, enum fd_type type, struct state_str *name, struct state_str *nameraw);
/* Replaces the name; the descriptor must not be shared (fresh, or from fdtab_edit). */
void fd_set_name(struct slab *sl, struct state_fd *f, const char *name, size_t len);
struct state_fd *fd_copy(struct slab *sl, const struct state_fd *f); /* deep copy, one reference */
void fd_unref(struct slab *sl, struct state_fd *f);
char fd_typechar(const struct state_fd *f);
const char *fd_typename(const struct state_fd *f); /* "<NA>" for unknown and unsupported */
static inline bool fd_is_plain_ip(const struct state_fd *f) { return f->type == FD_IPV4 || f->type == FD_IPV6; }
static inline bool fd_is_server(const struct state_fd *f) { return f->type == FD_IPV4_SERVER || f->type == FD_IPV6_SERVER; }
static inline bool fd_is_ip(const struct state_fd *f) { return fd_is_plain_ip(f) || fd_is_server(f); }
static inline bool fd_is_file(const struct state_fd *f) { return f->type == FD_FILE || f->type == FD_FILE_V2; }
