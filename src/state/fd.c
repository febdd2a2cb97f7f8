/* One descriptor: making, copying, dropping, and its type's letter and name. fd.h says who may share
 * what; tables of descriptors are in fdtab.c. Called by the parsers of events, by scans, by fields
 * (letters and names). */
#include "state/fd.h"

#include <string.h>

struct state_fd *fd_make(struct slab *sl, enum fd_type type, struct state_str *name, struct state_str *nameraw)
{
	struct state_fd *f = slab_alloc(sl, sizeof(*f));

	memset(f, 0, sizeof(*f));
	atomic_init(&f->refs, 1);
	f->type = (uint8_t)type;
	f->name = name;
	f->nameraw = nameraw;
	return f;
}

struct state_fd *fd_new(struct slab *sl, enum fd_type type)
{
	struct state_str *e = str_new(sl, "", 0);

	return fd_make(sl, type, e, str_ref(e));
}

struct state_fd *fd_copy(struct slab *sl, const struct state_fd *f)
{
	struct state_fd *n = slab_alloc(sl, sizeof(*n));

	/* refs of a shared descriptor may be counted by another worker meanwhile: not copied */
	memcpy((char *)n + sizeof(n->refs), (const char *)f + sizeof(f->refs), sizeof(*n) - sizeof(n->refs));
	atomic_init(&n->refs, 1);
	str_ref(n->name);
	str_ref(n->nameraw);
	return n;
}

void fd_unref(struct slab *sl, struct state_fd *f)
{
	if (!f)
		return;
	/* as str_unref: the only holder needs no read-modify-write; acquire pairs with the others'
	 * release, so their reads are over before the block is reused */
	if (atomic_load_explicit(&f->refs, memory_order_acquire) != 1 &&
	    atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return;
	str_unref(sl, f->name);
	str_unref(sl, f->nameraw);
	slab_free(sl, f, sizeof(*f));
}

void fd_set_name(struct slab *sl, struct state_fd *f, const char *name, size_t len)
{
	struct state_str *n;

	if (f->name->len == len && !memcmp(f->name->s, name, len))
		return;
	n = str_new(sl, name, len);
	str_unref(sl, f->name);
	f->name = n;
}

static const struct {
	char letter;
	const char *name;
} kinds[] = {
	[FD_UNKNOWN] = { 'o', "<NA>" },		 [FD_FILE] = { 'f', "file" },
	[FD_DIRECTORY] = { 'd', "directory" },	 [FD_IPV4] = { '4', "ipv4" },
	[FD_IPV6] = { '6', "ipv6" },		 [FD_IPV4_SERVER] = { '4', "ipv4" },
	[FD_IPV6_SERVER] = { '6', "ipv6" },	 [FD_FIFO] = { 'p', "pipe" },
	[FD_UNIX] = { 'u', "unix" },		 [FD_EVENT] = { 'e', "event" },
	[FD_UNSUPPORTED] = { 'X', "<NA>" },	 [FD_SIGNALFD] = { 's', "signalfd" },
	[FD_EVENTPOLL] = { 'l', "eventpoll" },	 [FD_INOTIFY] = { 'i', "inotify" },
	[FD_TIMERFD] = { 't', "timerfd" },	 [FD_NETLINK] = { 'n', "netlink" },
	[FD_FILE_V2] = { 'f', "file" },		 [FD_BPF] = { 'b', "bpf" },
	[FD_USERFAULTFD] = { 'u', "userfaultfd" }, [FD_IO_URING] = { 'r', "io_uring" },
	[FD_MEMFD] = { 'm', "memfd" },		 [FD_PIDFD] = { 'P', "pidfd" },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
_Static_assert(KINDS == FD_PIDFD + 1, "a letter and a name for every type");

char fd_typechar(const struct state_fd *f)
{
	return f->type < KINDS ? kinds[f->type].letter : '?';
}

const char *fd_typename(const struct state_fd *f)
{
	return f->type < KINDS ? kinds[f->type].name : "<NA>";
}
