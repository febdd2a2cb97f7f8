/* struct fd_sock <-> the bytes of the reference's union. Why: sock_layout.h. */
#include "state/sock_layout.h"

#include <string.h>

_Static_assert(offsetof(struct fd_sock, sip) == SOCK_V6_SIP && offsetof(struct fd_sock, dip) == SOCK_V6_DIP &&
		       offsetof(struct fd_sock, sport) == SOCK_V6_SPORT &&
		       offsetof(struct fd_sock, dport) == SOCK_V6_DPORT && offsetof(struct fd_sock, l4) == SOCK_V6_L4,
	       "struct fd_sock itself is the union's IPv6 tuple");

/* Runs of bytes: raw offset, offset in struct fd_sock, length. Each list covers all bytes once. */
struct run {
	uint8_t raw, sock, len;
};

static const struct run v4_runs[] = {
	{ SOCK_V4_SIP, 0, 4 }, { SOCK_V4_DIP, 16, 4 }, { SOCK_V4_SPORT, 32, 2 }, { SOCK_V4_DPORT, 34, 2 },
	{ SOCK_V4_L4, 36, 1 }, { 13, 4, 12 },	       { 25, 20, 12 },
};
static const struct run v4s_runs[] = {
	{ SOCK_V4S_IP, 0, 4 }, { SOCK_V4S_PORT, 32, 2 }, { SOCK_V4S_L4, 36, 1 },
	{ 7, 4, 12 },	       { 19, 16, 16 },		 { 35, 34, 2 },
};
static const struct run v6s_runs[] = {
	{ SOCK_V6S_IP, 0, 16 }, { SOCK_V6S_PORT, 32, 2 }, { SOCK_V6S_L4, 36, 1 }, { 19, 16, 16 }, { 35, 34, 2 },
};
/* IPv6 tuples, and types that have no addresses of their own, unix pointers included. */
static const struct run same[] = { { 0, 0, SOCK_RAW_BYTES } };

static const struct run *runs_of(unsigned type, size_t *ret_count)
{
#define RUNS(a) (*ret_count = sizeof(a) / sizeof((a)[0]), (a))
	switch (type) {
	case FD_IPV4:
		return RUNS(v4_runs);
	case FD_IPV4_SERVER:
		return RUNS(v4s_runs);
	case FD_IPV6_SERVER:
		return RUNS(v6s_runs);
	default:
		return RUNS(same);
	}
#undef RUNS
}

void sock_pack(const struct state_fd *f, uint8_t raw[SOCK_RAW_BYTES])
{
	const uint8_t *s = (const uint8_t *)&f->sock;
	size_t count;
	const struct run *r = runs_of(f->type, &count);

	for (size_t i = 0; i < count; i++)
		memcpy(raw + r[i].raw, s + r[i].sock, r[i].len);
}

void sock_unpack(struct state_fd *f, enum fd_type type, const uint8_t raw[SOCK_RAW_BYTES])
{
	uint8_t *s = (uint8_t *)&f->sock;
	size_t count;
	const struct run *r = runs_of(type, &count);

	for (size_t i = 0; i < count; i++)
		memcpy(s + r[i].sock, raw + r[i].raw, r[i].len);
	f->type = (uint8_t)type;
}
