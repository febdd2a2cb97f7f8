/* struct fd_sock <-> the bytes of the reference's union. Why: sock_layout.h. */
#include "state/sock_layout.h"

#include <string.h>

_Static_assert(offsetof(struct fd_sock, sip) == SOCK_V6_SIP && offsetof(struct fd_sock, dip) == SOCK_V6_DIP &&
		       offsetof(struct fd_sock, sport) == SOCK_V6_SPORT &&
		       offsetof(struct fd_sock, dport) == SOCK_V6_DPORT && offsetof(struct fd_sock, l4) == SOCK_V6_L4,
	       "struct fd_sock itself is the union's IPv6 tuple");

/* Runs of bytes: R(offset in the union, offset in struct fd_sock, length). Each list covers all bytes
 * once: the type's own members first, then what lies beyond them. Lengths are constants, so that each run
 * is a move or two. */
#define V4_RUNS(R)                                                                                    \
	R(SOCK_V4_SIP, 0, 4) R(SOCK_V4_DIP, 16, 4) R(SOCK_V4_SPORT, 32, 2) R(SOCK_V4_DPORT, 34, 2)    \
	R(SOCK_V4_L4, 36, 1) R(13, 4, 12) R(25, 20, 12)
#define V4S_RUNS(R)                                                                                   \
	R(SOCK_V4S_IP, 0, 4) R(SOCK_V4S_PORT, 32, 2) R(SOCK_V4S_L4, 36, 1)                            \
	R(7, 4, 12) R(19, 16, 16) R(35, 34, 2)
#define V6S_RUNS(R)                                                                                   \
	R(SOCK_V6S_IP, 0, 16) R(SOCK_V6S_PORT, 32, 2) R(SOCK_V6S_L4, 36, 1) R(19, 16, 16) R(35, 34, 2)
/* IPv6 tuples, and types that have no addresses of their own, unix pointers included. */
#define OTHER_RUNS(R) R(0, 0, SOCK_RAW_BYTES)

#define PACK(r, s, n) memcpy(raw + (r), sock + (s), n);
#define UNPACK(r, s, n) memcpy(sock + (s), raw + (r), n);

void sock_pack(const struct state_fd *f, uint8_t raw[SOCK_RAW_BYTES])
{
	const uint8_t *sock = (const uint8_t *)&f->sock;

	switch (f->type) {
	case FD_IPV4:
		V4_RUNS(PACK)
		break;
	case FD_IPV4_SERVER:
		V4S_RUNS(PACK)
		break;
	case FD_IPV6_SERVER:
		V6S_RUNS(PACK)
		break;
	default:
		OTHER_RUNS(PACK)
	}
}

void sock_unpack(struct state_fd *f, enum fd_type type, const uint8_t raw[SOCK_RAW_BYTES])
{
	uint8_t *sock = (uint8_t *)&f->sock;

	switch (type) {
	case FD_IPV4:
		V4_RUNS(UNPACK)
		break;
	case FD_IPV4_SERVER:
		V4S_RUNS(UNPACK)
		break;
	case FD_IPV6_SERVER:
		V6S_RUNS(UNPACK)
		break;
	default:
		OTHER_RUNS(UNPACK)
	}
	f->type = (uint8_t)type;
}
