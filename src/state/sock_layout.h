/* The bytes behind a socket's addresses, for the parsers only.
 *
 * The reference keeps the addresses of all kinds of sockets in one union, and some of its steps change
 * a socket's kind, or write the members of one kind into a socket of another, without converting what
 * is there. That shows: a dual-stack TCP socket that connects to a v4-mapped address is read as IPv4
 * from the bytes of an IPv6 tuple, finds 0 as protocol and is named "<unknown>".
 *
 * struct fd_sock has one place for each member whatever the kind is. sock_pack gives the bytes of that
 * union for a descriptor of its present type, sock_unpack reads them as another type; all bytes survive
 * (unused bytes of struct fd_sock hold what lies beyond the type's own members), so the two are
 * inverse and a step of the reference is: pack, write bytes, unpack as the new type. */
#pragma once
#include "state/fd.h"

#define SOCK_RAW_BYTES 37

enum { /* offsets of members by kind */
	SOCK_V4_SIP = 0, SOCK_V4_DIP = 4, SOCK_V4_SPORT = 8, SOCK_V4_DPORT = 10, SOCK_V4_L4 = 12,
	SOCK_V6_SIP = 0, SOCK_V6_DIP = 16, SOCK_V6_SPORT = 32, SOCK_V6_DPORT = 34, SOCK_V6_L4 = 36,
	SOCK_V4S_IP = 0, SOCK_V4S_PORT = 4, SOCK_V4S_L4 = 6,
	SOCK_V6S_IP = 0, SOCK_V6S_PORT = 16, SOCK_V6S_L4 = 18,
	SOCK_UNIX_SOURCE = 0, SOCK_UNIX_DEST = 8,
};

void sock_pack(const struct state_fd *f, uint8_t raw[SOCK_RAW_BYTES]);
void sock_unpack(struct state_fd *f, enum fd_type type, const uint8_t raw[SOCK_RAW_BYTES]);
