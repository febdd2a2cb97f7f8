/* Socket addresses as events carry them and as descriptors keep them: the steps that the parsers of
 * sockets share. Changes are made to the bytes of the union (sock_layout.h): pack, change, unpack.
 * fdev_ functions change the event's descriptor and belong to the owning worker; the rest is pure. */
#pragma once
#include "state/fd_internal.h"
#include "state/sock_layout.h"
#include "state/sockname.h"

struct sock_param {
	const uint8_t *p;
	uint32_t len;
};

/* Parameter i, empty when the event has none. */
static inline struct sock_param sock_param(const struct evt *ev, unsigned i)
{
	return i < ev->nparams ? (struct sock_param){ ev->param[i].p, ev->param[i].len } :
				 (struct sock_param){ NULL, 0 };
}

/* Where a kind of tuple has its members in the union. */
struct sock_kind {
	uint8_t sip, dip, sport, dport, l4, ip_len;
};
extern const struct sock_kind sock_v4, sock_v6;

/* Ends of a tuple parameter: pointers into it, 4 or 16 bytes each, ports 2 bytes. */
struct sock_ends {
	const uint8_t *sip, *sport, *dip, *dport;
};
struct sock_ends sock_ends_v4(const uint8_t *tuple);
struct sock_ends sock_ends_v6(const uint8_t *tuple);
/* Both ends are IPv4 in disguise: pointers are moved to the embedded addresses. */
bool sock_unmap(struct sock_ends *e);

bool sock_is_zero(const uint8_t *p, size_t len);
/* Puts a tuple in. compare: the same tuple, and the reversed one, are no news. Returns whether anything
 * changed; filling a zero destination counts, whatever with. */
bool sock_set_tuple(uint8_t *raw, const struct sock_kind *k, const struct sock_ends *e, bool compare);
/* Of a plain ip socket. */
void sock_swap(struct state_fd *f);

/* Name the event's descriptor by its stored ends, or as the parameter is rendered. */
void fdev_name_ends(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f);
void fdev_name_tuple(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f, struct sock_param tuple);
/* A new nameless socket; l4 counts for ip families only. */
void fdev_add_socket(struct state_shard *s, struct state_ctx *ctx, int64_t num, uint32_t domain, unsigned l4,
		     uint32_t open_flags);
/* apply_io.c's part of state_fd_parser. */
state_parse_fn *state_io_parser(enum evt_type type);
