/* Sockets: tuples as the kernel holds them, addresses as users give them, message vectors. */
#pragma once
#include "capture/bpf/file.h"

#define SUN_PATH 108
#define IOV_MAX_READ 32

static __always_inline uint16_t swap16(uint16_t v)
{
	return __builtin_bswap16(v);
}

static __always_inline struct sock *file_sock(struct file *f)
{
	struct socket *so;

	if (!f || (BPF_CORE_READ(f, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	so = BPF_CORE_READ(f, private_data);
	return so ? BPF_CORE_READ(so, sk) : NULL;
}

static __always_inline struct sock *fd_sock(int64_t fd)
{
	return file_sock(fd_file(fd));
}

/* A path of an address of family unix that lies in tmp, zero-padded: without the NUL that starts an
 * abstract name. Returns the bytes written. */
static __always_inline uint32_t raw_sun_path(struct scratch *s, uint32_t at)
{
	uint64_t p = s->pos;
	long n;

	if (p > BUF_LIMIT)
		return 0;
	if (!s->tmp[at])
		at++;
	n = bpf_probe_read_kernel_str(buf_at(s, p), SUN_PATH + 1, s->tmp + at);
	if (n <= 0) {
		*buf_at(s, p) = 0;
		n = 1;
	}
	s->pos = p + n;
	return n;
}

static __always_inline void clear_tmp(struct scratch *s)
{
	uint64_t *t = (uint64_t *)s->tmp;
	int i;

#pragma unroll
	for (i = 0; i < 16; i++)
		t[i] = 0;
}

/* Address that lies in tmp: u8 family, then address and port in host order, or the path. p: s->pos */
PART put_tmp_sockaddr(uint64_t p)
{
	struct scratch *s = scratch_here();
	uint16_t family;

	if (!s || p > BUF_LIMIT)
		return 0;
	family = *(uint16_t *)s->tmp;
	if (family == AF_INET) {
		*buf_at(s, p) = AF_INET;
		ST32(buf_at(s, p) + 1, *(uint32_t *)(s->tmp + 4));
		ST16(buf_at(s, p) + 5, swap16(*(uint16_t *)(s->tmp + 2)));
		s->pos = p + 7;
		put_len(s, 7);
	} else if (family == AF_INET6) {
		*buf_at(s, p) = AF_INET6;
		ST64(buf_at(s, p) + 1, *(uint64_t *)(s->tmp + 8));
		ST64(buf_at(s, p) + 9, *(uint64_t *)(s->tmp + 16));
		ST16(buf_at(s, p) + 17, swap16(*(uint16_t *)(s->tmp + 2)));
		s->pos = p + 19;
		put_len(s, 19);
	} else if (family == AF_UNIX) {
		*buf_at(s, p) = AF_UNIX;
		s->pos = p + 1;
		put_len(s, 1 + raw_sun_path(s, 2));
	} else {
		put_empty(s);
	}
	return 0;
}

/* Address given by the user. */
PART put_sockaddr(uint64_t ptr, uint64_t len)
{
	struct scratch *s = scratch_here();
	uint64_t p;

	if (!s)
		return 0;
	p = s->pos;
	clear_tmp(s);
	if (len > 120)
		len = 120;
	if (!ptr || !len || p > BUF_LIMIT || bpf_probe_read_user(s->tmp, len, (void *)ptr)) {
		put_empty(s);
		return 0;
	}
	return put_tmp_sockaddr(p);
}

/* ---- tuples ------------------------------------------------------------------------------- */

static __always_inline void tuple_ipv4(struct scratch *s, uint64_t p, struct sock *sk, bool out, uint64_t usr)
{
	struct inet_sock *inet = (struct inet_sock *)sk;
	uint32_t local = BPF_CORE_READ(inet, inet_saddr), remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	uint16_t lport = swap16(BPF_CORE_READ(inet, inet_sport));
	uint16_t rport = swap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	uint8_t *b = buf_at(s, p);

	/* An unconnected datagram socket knows no peer: the address given with the message does. */
	if (!rport && usr) {
		clear_tmp(s);
		bpf_probe_read_user(s->tmp, 16, (void *)usr);
		remote = *(uint32_t *)(s->tmp + 4);
		rport = swap16(*(uint16_t *)(s->tmp + 2));
	}
	b[0] = AF_INET;
	ST32(b + 1, out ? local : remote);
	ST16(b + 5, out ? lport : rport);
	ST32(b + 7, out ? remote : local);
	ST16(b + 11, out ? rport : lport);
	s->pos = p + 13;
	put_len(s, 13);
}

static __always_inline void tuple_ipv6(struct scratch *s, uint64_t p, struct sock *sk, bool out, uint64_t usr)
{
	struct inet_sock *inet = (struct inet_sock *)sk;
	uint16_t lport = swap16(BPF_CORE_READ(inet, inet_sport));
	uint16_t rport = swap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	struct ipv6_pinfo *pinet6 = BPF_CORE_READ(inet, pinet6);
	uint64_t local[2] = {}, remote[2] = {};
	uint8_t *b = buf_at(s, p);

	bpf_core_read(local, sizeof(local), &pinet6->saddr);
	bpf_core_read(remote, sizeof(remote), &sk->__sk_common.skc_v6_daddr);
	if (!rport && usr) {
		clear_tmp(s);
		bpf_probe_read_user(s->tmp, 28, (void *)usr);
		remote[0] = *(uint64_t *)(s->tmp + 8);
		remote[1] = *(uint64_t *)(s->tmp + 16);
		rport = swap16(*(uint16_t *)(s->tmp + 2));
	}
	b[0] = AF_INET6;
	ST64(b + 1, out ? local[0] : remote[0]);
	ST64(b + 9, out ? local[1] : remote[1]);
	ST16(b + 17, out ? lport : rport);
	ST64(b + 19, out ? remote[0] : local[0]);
	ST64(b + 27, out ? remote[1] : local[1]);
	ST16(b + 35, out ? rport : lport);
	s->pos = p + 37;
	put_len(s, 37);
}

/* Outbound: peer, own address and the peer's path. Inbound: own, peer and the own path. */
static __always_inline void tuple_unix(struct scratch *s, uint64_t p, struct sock *sk, bool out, uint64_t usr)
{
	struct unix_sock *u = (struct unix_sock *)sk, *peer = (struct unix_sock *)BPF_CORE_READ(u, peer);
	struct unix_address *addr = out ? BPF_CORE_READ(peer, addr) : BPF_CORE_READ(u, addr);

	*buf_at(s, p) = AF_UNIX;
	ST64(buf_at(s, p) + 1, (uint64_t)(out ? peer : u));
	ST64(buf_at(s, p) + 9, (uint64_t)(out ? u : peer));
	s->pos = p + 17;
	clear_tmp(s);
	if (out && !peer && usr)
		bpf_probe_read_user(s->tmp, SUN_PATH, (void *)usr + 2);
	else if (addr)
		bpf_probe_read_kernel(s->tmp, SUN_PATH, &addr->name[0].sun_path);
	put_len(s, 17 + raw_sun_path(s, 0));
}

/* The tuple of a socket. `usr` is the address in user space that came with a message, 0 none. */
PART put_sock_tuple(uint64_t sock, uint32_t out, uint64_t usr)
{
	struct sock *sk = (struct sock *)sock;
	struct scratch *s = scratch_here();
	uint16_t family;
	uint64_t p;

	if (!s)
		return 0;
	p = s->pos;
	if (!sk || p > BUF_LIMIT) {
		put_empty(s);
		return 0;
	}
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family == AF_INET)
		tuple_ipv4(s, p, sk, out, usr);
	else if (family == AF_INET6)
		tuple_ipv6(s, p, sk, out, usr);
	else if (family == AF_UNIX)
		tuple_unix(s, p, sk, out, usr);
	else
		put_empty(s);
	return 0;
}

PART put_tuple(uint64_t fd, uint32_t out, uint64_t usr)
{
	return put_sock_tuple((uint64_t)fd_sock(fd), out, usr);
}

/* ---- vectors ------------------------------------------------------------------------------ */

/* Where a 32-bit caller's structures are read to, before they are widened into the beginning of tmp. */
#define NARROW_AT 1024

PART widen_iov(uint32_t n)
{
	struct scratch *s = scratch_here();
	const uint32_t *in;
	uint64_t *out;
	int i;

	if (!s)
		return 0;
	in = (const uint32_t *)(s->tmp + NARROW_AT);
	out = (uint64_t *)s->tmp;
	for (i = 0; i < 2 * IOV_MAX_READ; i++)
		out[i] = in[i];
	return n;
}

/* Reads at most 32 vectors to tmp; returns how many, 0 when they cannot be read. */
static __always_inline uint32_t iov_load(struct scratch *s, uint64_t ptr, uint64_t count, bool compat)
{
	uint64_t n = count > IOV_MAX_READ ? IOV_MAX_READ : count;

	if (compat) {
		if (!n || bpf_probe_read_user(s->tmp + NARROW_AT, n * 8, (void *)ptr))
			return 0;
		return widen_iov(n);
	}
	if (!n || bpf_probe_read_user(s->tmp, n * sizeof(struct u_iovec), (void *)ptr))
		return 0;
	return n;
}

PART iov_size(uint32_t n)
{
	struct scratch *s = scratch_here();
	const struct u_iovec *v;
	uint32_t sum = 0;
	int i;

	if (!s)
		return 0;
	v = (const struct u_iovec *)s->tmp;
	for (i = 0; i < IOV_MAX_READ; i++) {
		if (i >= n)
			break;
		sum += v[i].len;
	}
	return sum;
}

PART put_iov_data(uint32_t n, uint64_t limit)
{
	struct scratch *s = scratch_here();
	const struct u_iovec *v;
	uint64_t start, left, len;
	int i;

	if (!s)
		return 0;
	v = (const struct u_iovec *)s->tmp;
	start = s->pos;
	s->turn = limit;
	for (i = 0; i < IOV_MAX_READ; i++) {
		left = s->turn;
		if (i >= n || !left)
			break;
		len = v[i].len < left ? v[i].len : left;
		if (!len)
			continue;
		if (!raw_user_bytes(s, v[i].base, len))
			break;
		s->turn = left - len;
	}
	put_len(s, s->pos - start);
	return 0;
}

static __always_inline long read_msghdr(struct u_msghdr *m, uint64_t ptr, bool compat)
{
	uint32_t v[7] = {}; /* name, namelen, iov, iovlen, control, controllen, flags */
	long rc;

	if (!compat)
		return bpf_probe_read_user(m, sizeof(*m), (void *)ptr);
	rc = bpf_probe_read_user(v, sizeof(v), (void *)ptr);
	m->name = v[0];
	m->iov = v[2];
	m->iovlen = v[3];
	m->control = v[4];
	m->controllen = v[5];
	return rc;
}

/* How much of `avail` payload bytes an event keeps. */
static __always_inline uint64_t snap(int64_t avail)
{
	return avail < (int64_t)config.snaplen ? avail : config.snaplen;
}
