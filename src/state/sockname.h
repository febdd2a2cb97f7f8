/* Text of socket addresses, and their validity. Pure functions. [any]
 *
 * Encodings (capture file format, 3): an address is family, ip, port or family, path; a tuple is family,
 * source ip, source port, destination ip, destination port or family, source pointer, destination
 * pointer, path. Ports in host order, paths end with NUL. */
#pragma once
#include "state/fd.h"

enum { SOCK_AF_UNIX = 1, SOCK_AF_INET = 2, SOCK_AF_INET6 = 10, SOCK_AF_NETLINK = 16 }; /* portable numbers */

/* All write at most size bytes with a NUL and return the length written (text is cut to fit). 128 bytes
 * hold everything but unix paths, which kernels keep below 108. */

/* A SOCKADDR / SOCKTUPLE parameter as users see it: "ip:port", "sip:sport->dip:dport", paths, "family N";
 * "INVALID ..." when malformed, "<NA>" / "NULL" when empty. */
size_t sock_addr_text(char *out, size_t size, const uint8_t *p, uint32_t len);
size_t sock_tuple_text(char *out, size_t size, const uint8_t *p, uint32_t len);
/* "SRC->DST PATH" with pointers in lower hex. */
size_t sock_unix_text(char *out, size_t size, uint64_t source, uint64_t dest, const char *path, size_t path_len);
/* Name of an ip socket from its stored addresses and protocol; "" for other types. */
size_t sock_fd_text(char *out, size_t size, const struct state_fd *f);
/* "sip:sport->dip:dport" / "ip:port" whatever the protocol is (names of scanned sockets). */
size_t sock_fd_text_plain(char *out, size_t size, const struct state_fd *f);

bool sock_addr_valid(const uint8_t *p, uint32_t len);
bool sock_tuple_valid(const uint8_t *p, uint32_t len);
/* ::ffff:a.b.c.d, and also :: itself. */
bool sock_is_v4_mapped(const uint8_t ip[16]);
