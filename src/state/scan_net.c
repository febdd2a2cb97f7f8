/* Socket tables of /proc/PID/net; see scan_net.h. Formats: proc(5), net/ipv4/tcp_ipv4.c and its kin in
 * the kernel: addresses are 32-bit words printed as host-order numbers, ports are plain hex. */
#include "state/scan_net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELDS_MAX 12
#define SOCKETS_MAX (4u << 20) /* more than any table of a sane machine: keeps memory bounded */

struct line {
	char *field[FIELDS_MAX]; /* NUL-terminated */
	unsigned count;
	char *rest; /* behind the last field */
};

static void split(char *s, struct line *l, unsigned max)
{
	l->count = 0;
	for (;;) {
		while (*s == ' ')
			s++;
		if (!*s || l->count == max)
			break;
		l->field[l->count++] = s;
		while (*s && *s != ' ')
			s++;
		if (*s)
			*s++ = 0;
	}
	l->rest = s;
}

static struct net_sock *add(struct net_table *n, uint64_t ino)
{
	struct net_sock *item;

	if (n->count >= SOCKETS_MAX)
		return NULL;
	if (n->count == n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 256;

		item = realloc(n->item, cap * sizeof(*item));
		if (!item)
			return NULL;
		n->item = item;
		n->cap = cap;
	}
	item = &n->item[n->count++];
	memset(item, 0, sizeof(*item));
	item->ino = ino;
	return item;
}

/* "WORDS:PORT" with 8 hex digits per word. */
static bool read_end(const char *s, unsigned words, uint8_t *ip, uint16_t *port)
{
	char digits[9];

	for (unsigned i = 0; i < words; i++, s += 8) {
		uint32_t w;

		memcpy(digits, s, strnlen(s, 8));
		digits[strnlen(s, 8)] = 0;
		if (strspn(digits, "0123456789abcdefABCDEF") != 8)
			return false;
		w = (uint32_t)strtoul(digits, NULL, 16);
		memcpy(ip + 4 * i, &w, 4);
	}
	if (*s != ':')
		return false;
	*port = (uint16_t)strtoul(s + 1, NULL, 16);
	return true;
}

/* sl local remote st queues timer retransmits uid timeout inode */
static bool ip_line(struct net_table *n, char *text, bool inet6, uint8_t l4)
{
	static const uint8_t zero[16];
	unsigned words = inet6 ? 4 : 1;
	struct fd_sock sock = { .l4 = l4 };
	struct net_sock *item;
	struct line l;

	split(text, &l, 10);
	if (l.count < 10 || !strchr(l.field[0], ':') || !read_end(l.field[1], words, sock.sip, &sock.sport) ||
	    !read_end(l.field[2], words, sock.dip, &sock.dport))
		return true; /* the header */
	item = add(n, strtoull(l.field[9], NULL, 10));
	if (!item)
		return false;
	if (memcmp(sock.dip, zero, 4 * words)) {
		item->type = inet6 ? FD_IPV6 : FD_IPV4;
	} else {
		item->type = inet6 ? FD_IPV6_SERVER : FD_IPV4_SERVER;
		sock.dport = 0;
	}
	item->sock = sock;
	return true;
}

/* Num: refcount protocol flags type state inode [path] */
static bool unix_line(struct net_table *n, char *text)
{
	struct net_sock *item;
	struct line l;
	char *end;
	uint64_t source;

	split(text, &l, 7);
	if (l.count < 7)
		return true;
	source = strtoull(l.field[0], &end, 16);
	if (*end != ':')
		return true; /* the header */
	item = add(n, strtoull(l.field[6], NULL, 10));
	if (!item)
		return false;
	item->type = FD_UNIX;
	item->source = source;
	item->name_at = (uint32_t)n->names.len;
	item->name_len = (uint32_t)strlen(l.rest);
	buf_add(&n->names, l.rest, item->name_len);
	return !n->names.failed;
}

/* sk eth pid groups rmem wmem dump locks drops inode */
static bool netlink_line(struct net_table *n, char *text)
{
	struct net_sock *item;
	struct line l;

	split(text, &l, 10);
	if (l.count < 10 || *l.field[0] == 's')
		return true; /* the header */
	item = add(n, strtoull(l.field[9], NULL, 10));
	if (item)
		item->type = FD_NETLINK;
	return item != NULL;
}

enum table_kind { KIND_V4, KIND_V6, KIND_UNIX, KIND_NETLINK };

static int read_file(struct net_table *n, int proc_dir, const char *path, enum table_kind kind, uint8_t l4)
{
	int fd = openat(proc_dir, path, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;
	bool ok = true;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (ok && getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (kind == KIND_UNIX)
			ok = unix_line(n, line);
		else if (kind == KIND_NETLINK)
			ok = netlink_line(n, line);
		else
			ok = ip_line(n, line, kind == KIND_V6, l4);
	}
	free(line);
	fclose(f);
	return ok ? 0 : -ENOMEM;
}

static int by_ino(const void *a, const void *b)
{
	uint64_t x = ((const struct net_sock *)a)->ino, y = ((const struct net_sock *)b)->ino;

	return x < y ? -1 : x > y;
}

int net_table_read(struct net_table *n, int proc_dir)
{
	static const struct {
		const char *path;
		enum table_kind kind;
		uint8_t l4;
	} files[] = {
		{ "net/tcp", KIND_V4, FD_L4_TCP },	   { "net/udp", KIND_V4, FD_L4_UDP },
		{ "net/raw", KIND_V4, FD_L4_RAW },	   { "net/unix", KIND_UNIX, FD_L4_NA },
		{ "net/netlink", KIND_NETLINK, FD_L4_NA }, { "net/tcp6", KIND_V6, FD_L4_TCP },
		{ "net/udp6", KIND_V6, FD_L4_UDP },	   { "net/raw6", KIND_V6, FD_L4_RAW },
	};
	int err = 0;

	memset(n, 0, sizeof(*n));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !err; i++)
		err = read_file(n, proc_dir, files[i].path, files[i].kind, files[i].l4);
	if (n->count)
		qsort(n->item, n->count, sizeof(*n->item), by_ino);
	return err;
}

const struct net_sock *net_table_find(const struct net_table *n, uint64_t ino)
{
	struct net_sock key = { .ino = ino };

	return n->count ? bsearch(&key, n->item, n->count, sizeof(key), by_ino) : NULL;
}

void net_table_fini(struct net_table *n)
{
	free(n->item);
	buf_fini(&n->names);
}
