/* Events on sockets, applied to a shard: types, addresses, protocols, roles, names; rendering of socket
 * parameters; the byte layout behind them; finishing of scanned sockets. */
#include "fd_fixture.h"
#include "state/scan_fd.h"
#include "state/sock_layout.h"
#include "state/sockname.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct wire {
	uint8_t p[160];
	size_t len;
};

static void put(struct wire *w, const void *p, size_t len)
{
	memcpy(w->p + w->len, p, len);
	w->len += len;
}

/* Family by the look of the text; the family byte is written in front of the first. */
static void put_end(struct wire *w, const char *ip, unsigned port)
{
	bool inet6 = strchr(ip, ':');
	uint8_t family = inet6 ? 10 : 2, addr[16];
	uint16_t p = (uint16_t)port;

	if (!w->len)
		put(w, &family, 1);
	assert_int_equal(inet_pton(inet6 ? AF_INET6 : AF_INET, ip, addr), 1);
	put(w, addr, inet6 ? 16 : 4);
	put(w, &p, 2);
}

static struct wire addr(const char *ip, unsigned port)
{
	struct wire w = { .len = 0 };

	put_end(&w, ip, port);
	return w;
}

static struct wire tuple(const char *sip, unsigned sport, const char *dip, unsigned dport)
{
	struct wire w = addr(sip, sport);

	put_end(&w, dip, dport);
	return w;
}

static struct wire unix_addr(const char *path)
{
	struct wire w = { .p = { 1 }, .len = 1 };

	put(&w, path, strlen(path) + 1);
	return w;
}

static struct wire unix_tuple(uint64_t src, uint64_t dst, const char *path)
{
	struct wire w = { .p = { 1 }, .len = 1 };

	put(&w, &src, 8);
	put(&w, &dst, 8);
	put(&w, path, strlen(path) + 1);
	return w;
}

#define W(w) (w).p, (w).len
enum { TCP = 6, UDP = 17, ICMP = 1 };

static void fx_socket(struct fx *f, int64_t num, long domain, long type, long proto)
{
	APPLY(f, PPME_SOCKET_SOCKET_X, "nnnnn", (long)num, domain, type, proto, 0L);
}

static void fx_bind(struct fx *f, long num, struct wire a)
{
	APPLY(f, PPME_SOCKET_BIND_X, "nbn", 0L, W(a), num);
}

static void fx_connect(struct fx *f, long res, long num, struct wire t, struct wire a)
{
	APPLY(f, PPME_SOCKET_CONNECT_X, "nbnb", res, W(t), num, W(a));
}

static void fx_sendto(struct fx *f, long num, struct wire t)
{
	APPLY(f, PPME_SOCKET_SENDTO_X, "nsnnb", 1L, "d", num, 1L, W(t));
}

static void fx_recvfrom(struct fx *f, long num, struct wire t)
{
	APPLY(f, PPME_SOCKET_RECVFROM_X, "nsbnn", 1L, "d", W(t), num, 1L);
}

#define ROLE(f, num) (fx_fd(f, num)->flags & (FD_F_ROLE_CLIENT | FD_F_ROLE_SERVER))
static const struct wire none;

/* ---- socket, bind ------------------------------------------------------------------------ */

static void socket_type_and_protocol_follow_the_call(void **state)
{
	static const struct { long domain, type, proto; unsigned fd_type, l4; } c[] = {
		{ 2, 1, 0, FD_IPV4, FD_L4_TCP },    { 2, 2, 0, FD_IPV4, FD_L4_UDP },
		{ 2, 3, 0, FD_IPV4, FD_L4_UNKNOWN }, { 10, 1, 6, FD_IPV6, FD_L4_TCP },
		{ 10, 2 | 02000000, 0, FD_IPV6, FD_L4_UDP },
		{ 2, 2, 17, FD_IPV4, FD_L4_UDP },   { 2, 2, 1, FD_IPV4, FD_L4_ICMP },
		{ 2, 3, 1, FD_IPV4, FD_L4_RAW },    { 2, 3, 6, FD_IPV4, FD_L4_RAW },
		{ 2, 3 | 02000000, 1, FD_IPV4, FD_L4_ICMP }, { 2, 3, 255, FD_IPV4, FD_L4_RAW },
		{ 2, 1, 132, FD_IPV4, FD_L4_UNKNOWN }, { 1, 1, 0, FD_UNIX, 0 },
		{ 16, 3, 0, FD_NETLINK, 0 },	    { 17, 3, 3, FD_UNKNOWN, 0 },
	};
	struct fx *f = *state;

	for (long i = 0; i < (long)(sizeof(c) / sizeof(c[0])); i++) {
		fx_socket(f, i, c[i].domain, c[i].type, c[i].proto);
		assert_int_equal(fx_fd(f, i)->type, c[i].fd_type);
		assert_int_equal(fx_fd(f, i)->sock.l4, c[i].l4);
		assert_string_equal(fx_name(f, i), "");
		assert_int_equal(fx_fd(f, i)->flags, 0);
		assert_false(f->ctx.name_changed);
	}
	APPLY(f, PPME_SOCKET_SOCKET_X, "nnnnn", 30L, 2L, 1L, 0L, 4096L);
	assert_int_equal(fx_fd(f, 30)->open_flags, 4096);
	APPLY(f, PPME_SOCKET_SOCKET_X, "nnnnn", -97L, 2L, 1L, 0L, 0L);
	assert_int_equal(f->ctx.fd_num, -1);
}

static void bind_with_a_port_makes_a_server(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 2, 0);
	fx_bind(f, 3, addr("10.0.0.5", 53));
	assert_int_equal(fx_fd(f, 3)->type, FD_IPV4_SERVER);
	assert_int_equal(fx_fd(f, 3)->sock.sport, 53);
	assert_memory_equal(fx_fd(f, 3)->sock.sip, "\x0a\0\0\x05", 4);
	assert_int_equal(fx_fd(f, 3)->sock.l4, FD_L4_UDP);
	assert_int_equal(ROLE(f, 3), FD_F_ROLE_SERVER);
	assert_string_equal(fx_name(f, 3), "10.0.0.5:53");
	assert_true(f->ctx.name_changed);
	fx_socket(f, 4, 10, 1, 0);
	fx_bind(f, 4, addr("fe80::1", 80));
	assert_int_equal(fx_fd(f, 4)->type, FD_IPV6_SERVER);
	assert_int_equal(fx_fd(f, 4)->sock.l4, FD_L4_TCP);
	assert_int_equal(fx_fd(f, 4)->sock.sport, 80);
	assert_string_equal(fx_name(f, 4), "fe80::1:80");
	fx_socket(f, 5, 10, 1, 0);
	fx_bind(f, 5, addr("::", 80)); /* "any" counts as IPv4 */
	assert_int_equal(fx_fd(f, 5)->type, FD_IPV4_SERVER);
	assert_int_equal(fx_fd(f, 5)->sock.l4, FD_L4_TCP);
	assert_string_equal(fx_name(f, 5), ":::80");
}

static void bind_without_a_port_only_names(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 1, 0);
	fx_bind(f, 3, addr("1.2.3.4", 0));
	assert_int_equal(fx_fd(f, 3)->type, FD_IPV4);
	assert_int_equal(ROLE(f, 3), 0);
	assert_string_equal(fx_name(f, 3), "1.2.3.4:0");
	fx_socket(f, 4, 1, 1, 0);
	fx_bind(f, 4, unix_addr("/run/s"));
	assert_string_equal(fx_name(f, 4), "/run/s");
	fx_socket(f, 5, 2, 1, 0);
	APPLY(f, PPME_SOCKET_BIND_X, "nbn", -98L, W(addr("1.2.3.4", 80)), 5L);
	APPLY(f, PPME_SOCKET_BIND_X, "nbn", 0L, "\x02\x01", (size_t)2, 5L);
	APPLY(f, PPME_SOCKET_BIND_X, "n-n", 0L, 5L);
	assert_string_equal(fx_name(f, 5), "");
	assert_false(f->ctx.name_changed);
}

/* ---- connect ----------------------------------------------------------------------------- */

static void connect_makes_a_client_with_a_name(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 1, 0);
	fx_connect(f, 0, 3, tuple("10.0.0.5", 40000, "93.184.216.34", 443), addr("93.184.216.34", 443));
	assert_string_equal(fx_name(f, 3), "10.0.0.5:40000->93.184.216.34:443");
	assert_int_equal(ROLE(f, 3), FD_F_ROLE_CLIENT);
	assert_true(fx_fd(f, 3)->flags & FD_F_CONNECTED);
	assert_int_equal(fx_fd(f, 3)->sock.dport, 443);
	assert_true(f->ctx.name_changed);
	fx_connect(f, 0, 3, tuple("10.0.0.5", 40000, "93.184.216.34", 443), none);
	assert_false(f->ctx.name_changed);
	fx_socket(f, 4, 10, 1, 0);
	fx_connect(f, -EINPROGRESS, 4, tuple("fd00::5", 1, "fe80::9", 22), none);
	assert_string_equal(fx_name(f, 4), "fd00::5:1->fe80::9:22");
	assert_int_equal(fx_fd(f, 4)->type, FD_IPV6);
}

static void connect_failed_changes_nothing(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 1, 0);
	fx_connect(f, -ECONNREFUSED, 3, tuple("10.0.0.5", 40000, "1.1.1.1", 443), none);
	assert_string_equal(fx_name(f, 3), "");
	assert_int_equal(fx_fd(f, 3)->flags, 0);
	fx_connect(f, 0, 33, tuple("10.0.0.5", 40000, "1.1.1.1", 443), none);
	assert_null(f->ctx.fd);
}

static void connect_to_v4_mapped_loses_the_protocol(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 10, 1, 0);
	fx_connect(f, 0, 3, tuple("::ffff:10.0.0.5", 40000, "::ffff:1.1.1.1", 443), none);
	assert_int_equal(fx_fd(f, 3)->type, FD_IPV4);
	assert_int_equal(fx_fd(f, 3)->sock.l4, FD_L4_UNKNOWN);
	assert_string_equal(fx_name(f, 3), "<unknown>");
	assert_memory_equal(fx_fd(f, 3)->sock.dip, "\1\1\1\1", 4);
	assert_int_equal(fx_fd(f, 3)->sock.dport, 443);
	/* the next transfer takes it for UDP */
	fx_sendto(f, 3, tuple("::ffff:10.0.0.5", 40001, "::ffff:1.1.1.1", 443));
	assert_string_equal(fx_name(f, 3), "10.0.0.5:40001->1.1.1.1:443");
	assert_int_equal(fx_fd(f, 3)->sock.l4, FD_L4_UDP);
}

static void connect_enter_address_beats_a_forged_one(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 1, 0);
	APPLY(f, PPME_SOCKET_CONNECT_E, "nb", 3L, W(addr("6.6.6.6", 666)));
	fx_connect(f, 0, 3, tuple("10.0.0.5", 1, "1.1.1.1", 80), addr("1.1.1.1", 80));
	assert_string_equal(fx_name(f, 3), "10.0.0.5:1->6.6.6.6:666");
	fx_socket(f, 3, 2, 1, 0);
	APPLY(f, PPME_SOCKET_CONNECT_E, "nb", 3L, W(addr("6.6.6.6", 666)));
	fx_connect(f, 0, 3, tuple("10.0.0.5", 1, "1.1.1.1", 80), addr("2.2.2.2", 80));
	assert_string_equal(fx_name(f, 3), "10.0.0.5:1->1.1.1.1:80"); /* the kernel's own word */
	fx_socket(f, 3, 10, 1, 0);
	APPLY(f, PPME_SOCKET_CONNECT_E, "nb", 3L, W(addr("fe80::6", 666)));
	fx_connect(f, 0, 3, tuple("fe80::1", 1, "fe80::2", 80), addr("fe80::2", 80));
	assert_string_equal(fx_name(f, 3), "fe80::1:1->fe80::6:666");
	fx_socket(f, 3, 1, 1, 0);
	APPLY(f, PPME_SOCKET_CONNECT_E, "nb", 3L, W(unix_addr("/run/real")));
	fx_connect(f, 0, 3, unix_tuple(0x1, 0x2, "/run/fake"), unix_addr("/run/fake"));
	assert_string_equal(fx_name(f, 3), "1->2 /run/real");
}

static void connect_without_tuple_uses_the_enter_address(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 1, 0);
	APPLY(f, PPME_SOCKET_CONNECT_E, "nb", 3L, W(addr("6.6.6.6", 666)));
	APPLY(f, PPME_SOCKET_CONNECT_X, "n-n-", 0L, 3L);
	assert_string_equal(fx_name(f, 3), "");
	assert_int_equal(ROLE(f, 3), 0);
	assert_int_equal(fx_fd(f, 3)->sock.dport, 666);
	assert_memory_equal(fx_fd(f, 3)->sock.dip, "\6\6\6\6", 4);
	assert_true(fx_fd(f, 3)->flags & FD_F_CONNECTED);
	fx_socket(f, 4, 1, 1, 0);
	APPLY(f, PPME_SOCKET_CONNECT_E, "nb", 4L, W(unix_addr("/run/x")));
	APPLY(f, PPME_SOCKET_CONNECT_X, "n-n-", 0L, 4L);
	assert_string_equal(fx_name(f, 4), "NULL");
	fx_socket(f, 5, 2, 1, 0);
	APPLY(f, PPME_SOCKET_CONNECT_X, "n-n-", 0L, 5L);
	assert_int_equal(fx_fd(f, 5)->sock.dport, 0);
}

static void connect_unix_names_both_ends(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 1, 1, 0);
	fx_connect(f, 0, 3, unix_tuple(0xffff8800deadbeef, 0x10, "/run/s"), none);
	assert_string_equal(fx_name(f, 3), "ffff8800deadbeef->10 /run/s");
	assert_int_equal(fx_fd(f, 3)->unix_sock.source, 0xffff8800deadbeef);
	assert_int_equal(fx_fd(f, 3)->unix_sock.dest, 0x10);
	assert_int_equal(ROLE(f, 3), FD_F_ROLE_CLIENT);
	/* not a unix socket: only "connected" is noted */
	fx_socket(f, 4, 2, 1, 0);
	fx_connect(f, 0, 4, unix_tuple(1, 2, "/run/s"), none);
	assert_string_equal(fx_name(f, 4), "");
	assert_int_equal(fx_fd(f, 4)->flags, FD_F_CONNECTED);
}

static void connect_by_a_udp_server_swaps_the_ends(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 2, 0);
	fx_recvfrom(f, 3, tuple("1.1.1.1", 5000, "10.0.0.5", 53));
	assert_int_equal(ROLE(f, 3), FD_F_ROLE_SERVER);
	fx_connect(f, 0, 3, tuple("10.0.0.5", 53, "2.2.2.2", 6000), none);
	assert_string_equal(fx_name(f, 3), "2.2.2.2:6000->10.0.0.5:53");
	assert_int_equal(ROLE(f, 3), FD_F_ROLE_SERVER);
}

/* ---- accept, socketpair ------------------------------------------------------------------ */

static void accept_makes_a_connected_server_end(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SOCKET_ACCEPT_5_X, "nbnnn", 5L, W(tuple("9.9.9.9", 1234, "10.0.0.5", 80)), 0L, 0L, 0L);
	assert_int_equal(fx_fd(f, 5)->type, FD_IPV4);
	assert_int_equal(fx_fd(f, 5)->sock.l4, FD_L4_TCP);
	assert_int_equal(fx_fd(f, 5)->flags, FD_F_ROLE_SERVER | FD_F_CONNECTED);
	assert_string_equal(fx_name(f, 5), "9.9.9.9:1234->10.0.0.5:80");
	assert_int_equal(fx_fd(f, 5)->sock.sport, 1234);
	assert_true(f->ctx.name_changed);
	assert_ptr_equal(f->ctx.fd, fx_fd(f, 5));
	APPLY(f, PPME_SOCKET_ACCEPT4_6_X, "nbnnnn", 6L, W(tuple("::ffff:9.9.9.9", 1, "::ffff:10.0.0.5", 80)), 0L, 0L,
	      0L, 4096L);
	assert_int_equal(fx_fd(f, 6)->type, FD_IPV4);
	assert_int_equal(fx_fd(f, 6)->sock.l4, FD_L4_TCP);
	assert_int_equal(fx_fd(f, 6)->open_flags, 4096);
	assert_string_equal(fx_name(f, 6), "9.9.9.9:1->10.0.0.5:80");
	APPLY(f, PPME_SOCKET_ACCEPT_5_X, "nbnnn", 7L, W(tuple("fe80::1", 1, "fe80::2", 80)), 0L, 0L, 0L);
	assert_int_equal(fx_fd(f, 7)->type, FD_IPV6);
	assert_string_equal(fx_name(f, 7), "fe80::1:1->fe80::2:80");
	APPLY(f, PPME_SOCKET_ACCEPT_5_X, "nbnnn", 8L, W(unix_tuple(0xa, 0xb, "/s")), 0L, 0L, 0L);
	assert_int_equal(fx_fd(f, 8)->type, FD_UNIX);
	assert_int_equal(fx_fd(f, 8)->unix_sock.source, 0xa);
	assert_string_equal(fx_name(f, 8), "a->b /s");
}

static void accept_without_a_tuple_only_moves_the_last_descriptor(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SOCKET_ACCEPT_5_X, "n-nnn", 5L, 0L, 0L, 0L);
	assert_null(fx_fd(f, 5));
	assert_int_equal(f->ctx.fd_num, 5);
	APPLY(f, PPME_SOCKET_ACCEPT_5_X, "nbnnn", 5L, "\x10", (size_t)1, 0L, 0L, 0L);
	assert_null(fx_fd(f, 5));
	APPLY(f, PPME_SOCKET_ACCEPT_5_X, "nbnnn", -11L, W(tuple("9.9.9.9", 1234, "10.0.0.5", 80)), 0L, 0L, 0L);
	assert_int_equal(f->ctx.fd_num, -1);
}

static void socketpair_makes_two_unix_ends(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SOCKET_SOCKETPAIR_X, "nnnnnnnn", 0L, 3L, 4L, 0x10L, 0x20L, 1L, 1L, 0L);
	for (long i = 3; i < 5; i++) {
		assert_int_equal(fx_fd(f, i)->type, FD_UNIX);
		assert_int_equal(fx_fd(f, i)->unix_sock.source, 0x10);
		assert_int_equal(fx_fd(f, i)->unix_sock.dest, 0x20);
	}
	assert_ptr_equal(f->ctx.fd, fx_fd(f, 3));
	assert_int_equal(f->ctx.fd_num, 4);
	APPLY(f, PPME_SOCKET_SOCKETPAIR_X, "nnnnnnnn", 0L, -1L, -1L, 0L, 0L, 1L, 1L, 0L);
	assert_null(f->ctx.fd);
	assert_int_equal(fdtab_count(fx_fds(f)), 2);
}

/* ---- transfers --------------------------------------------------------------------------- */

static void send_guesses_client_and_receive_server(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 2, 0);
	fx_sendto(f, 3, tuple("10.0.0.5", 4000, "8.8.8.8", 53));
	assert_string_equal(fx_name(f, 3), "10.0.0.5:4000->8.8.8.8:53");
	assert_int_equal(ROLE(f, 3), FD_F_ROLE_CLIENT);
	assert_true(fx_fd(f, 3)->flags & FD_F_CONNECTED);
	/* the answer is the same tuple reversed: nothing new */
	fx_recvfrom(f, 3, tuple("8.8.8.8", 53, "10.0.0.5", 4000));
	assert_string_equal(fx_name(f, 3), "10.0.0.5:4000->8.8.8.8:53");
	assert_false(f->ctx.name_changed);
	fx_socket(f, 4, 2, 2, 0);
	fx_recvfrom(f, 4, tuple("9.9.9.9", 777, "10.0.0.5", 53));
	assert_string_equal(fx_name(f, 4), "9.9.9.9:777->10.0.0.5:53");
	assert_int_equal(ROLE(f, 4), FD_F_ROLE_SERVER);
}

static void transfer_with_other_ends_overwrites_both(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 2, 0);
	fx_sendto(f, 3, tuple("10.0.0.5", 4000, "8.8.8.8", 53));
	fx_sendto(f, 3, tuple("0.0.0.0", 4000, "8.8.8.8", 54));
	assert_string_equal(fx_name(f, 3), "10.0.0.5:4000->8.8.8.8:54");
	assert_true(f->ctx.name_changed);
	/* a client that receives has its ends swapped afterwards */
	fx_recvfrom(f, 3, tuple("7.7.7.7", 53, "10.0.0.5", 4000));
	assert_string_equal(fx_name(f, 3), "10.0.0.5:4000->7.7.7.7:53");
	fx_recvfrom(f, 3, tuple("0.0.0.0", 0, "0.0.0.0", 4000));
	assert_string_equal(fx_name(f, 3), "0.0.0.0:4000->10.0.0.5:0");
}

static void tcp_with_a_name_is_left_alone(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 1, 0);
	fx_connect(f, 0, 3, tuple("10.0.0.5", 1, "1.1.1.1", 80), none);
	fx_sendto(f, 3, tuple("10.0.0.6", 2, "1.1.1.2", 81));
	assert_string_equal(fx_name(f, 3), "10.0.0.5:1->1.1.1.1:80");
	fx_socket(f, 4, 10, 1, 0); /* IPv6 is not left alone */
	fx_connect(f, 0, 4, tuple("fe80::1", 1, "fe80::2", 80), none);
	fx_sendto(f, 4, tuple("fe80::3", 1, "fe80::2", 80));
	assert_string_equal(fx_name(f, 4), "fe80::3:1->fe80::2:80");
}

static void server_socket_that_transfers_becomes_plain(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 2, 0);
	fx_bind(f, 3, addr("0.0.0.0", 53));
	fx_recvfrom(f, 3, tuple("9.9.9.9", 777, "10.0.0.5", 53));
	assert_int_equal(fx_fd(f, 3)->type, FD_IPV4);
	assert_int_equal(fx_fd(f, 3)->sock.l4, FD_L4_UDP);
	assert_int_equal(ROLE(f, 3), FD_F_ROLE_SERVER);
	assert_string_equal(fx_name(f, 3), "9.9.9.9:777->10.0.0.5:53");
	/* of an IPv6 one the type stays, and with it the meaning of the bytes */
	fx_socket(f, 4, 10, 2, 0);
	fx_bind(f, 4, addr("::1", 53));
	fx_recvfrom(f, 4, tuple("::1", 777, "::1", 53));
	assert_int_equal(fx_fd(f, 4)->type, FD_IPV6_SERVER);
	assert_int_equal(fx_fd(f, 4)->sock.l4, FD_L4_UNKNOWN);
	assert_string_equal(fx_name(f, 4), "::1:777->::1:53");
}

static void any_address_takes_the_interfaces(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 2, 0);
	fx_sendto(f, 3, tuple("0.0.0.0", 4000, "10.0.0.99", 53));
	assert_string_equal(fx_name(f, 3), "10.0.0.5:4000->10.0.0.99:53");
	fx_socket(f, 4, 2, 2, 0);
	fx_sendto(f, 4, tuple("10.0.0.5", 53, "0.0.0.0", 53)); /* both ends would be the same */
	assert_string_equal(fx_name(f, 4), "10.0.0.5:53->0.0.0.0:53");
	fx_socket(f, 5, 10, 2, 0);
	fx_sendto(f, 5, tuple("::", 1, "fd00:1::99", 53));
	assert_string_equal(fx_name(f, 5), "fd00:1::5:1->fd00:1::99:53");
}

static void ipv6_role_is_client_unless_ports_say_otherwise(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 10, 2, 0);
	fx_recvfrom(f, 3, tuple("2001:db8::1", 1, "fe80::5", 53));
	assert_int_equal(ROLE(f, 3), FD_F_ROLE_CLIENT);
	assert_string_equal(fx_name(f, 3), "fe80::5:53->2001:db8::1:1");
	/* an unconnected IPv4 socket has port 0, which is what the address bytes read as */
	fx_socket(f, 4, 2, 1, 0);
	fx_socket(f, 5, 10, 2, 0);
	fx_recvfrom(f, 5, tuple("2001:db8::1", 1, "fe80::5", 53));
	assert_int_equal(ROLE(f, 5), FD_F_ROLE_SERVER);
}

static void unknown_socket_of_a_send_is_made_up(void **state)
{
	struct fx *f = *state;

	fx_sendto(f, 12, tuple("10.0.0.5", 4000, "8.8.8.8", 53));
	assert_int_equal(fx_fd(f, 12)->type, FD_IPV4);
	assert_int_equal(fx_fd(f, 12)->sock.l4, FD_L4_UDP);
	assert_string_equal(fx_name(f, 12), "10.0.0.5:4000->8.8.8.8:53");
	assert_true(f->ctx.name_changed);
	fx_recvfrom(f, 13, tuple("10.0.0.5", 4000, "8.8.8.8", 53));
	APPLY(f, PPME_SOCKET_SENDTO_X, "nsnnb", -1L, "d", 14L, 1L, W(tuple("1.1.1.1", 1, "2.2.2.2", 2)));
	APPLY(f, PPME_SOCKET_SENDTO_X, "nsnn-", 1L, "d", 15L, 1L);
	APPLY(f, PPME_SOCKET_SENDMMSG_X, "nnnsb", 1L, 16L, 1L, "d", W(tuple("1.1.1.1", 1, "2.2.2.2", 2)));
	assert_int_equal(fdtab_count(fx_fds(f)), 1);
}

static void all_transfers_find_their_tuple(void **state)
{
	struct fx *f = *state;
	struct wire t = tuple("1.1.1.1", 1, "2.2.2.2", 2);

#define NAMED(type, ...)                                                          \
	do {                                                                      \
		fx_socket(f, 3, 2, 2, 0);                                         \
		APPLY(f, type, __VA_ARGS__);                                      \
		assert_string_equal(fx_name(f, 3), "1.1.1.1:1->2.2.2.2:2");       \
	} while (0)
	NAMED(PPME_SOCKET_SEND_X, "nsnnb", 1L, "d", 3L, 1L, W(t));
	NAMED(PPME_SOCKET_SENDTO_X, "nsnnb", 1L, "d", 3L, 1L, W(t));
	NAMED(PPME_SOCKET_SENDMSG_X, "nsnnb", 1L, "d", 3L, 1L, W(t));
	NAMED(PPME_SOCKET_SENDMMSG_X, "nnnsb", 1L, 3L, 1L, "d", W(t));
	NAMED(PPME_SOCKET_RECV_X, "nsnnb", 1L, "d", 3L, 1L, W(t));
	NAMED(PPME_SOCKET_RECVFROM_X, "nsbnn", 1L, "d", W(t), 3L, 1L);
	NAMED(PPME_SOCKET_RECVMSG_X, "nnsb-n", 1L, 1L, "d", W(t), 3L);
	NAMED(PPME_SOCKET_RECVMMSG_X, "nnnsb-", 1L, 3L, 1L, "d", W(t));
	/* old captures: nothing but empty parameters */
	APPLY(f, PPME_SOCKET_RECVMMSG_X, "------");
	APPLY(f, PPME_SOCKET_SENDMMSG_X, "-----");
}

static void read_and_write_mark_connected(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 1, 0);
	APPLY(f, PPME_SYSCALL_READ_X, "nsnn", -11L, "", 3L, 1L);
	assert_int_equal(fx_fd(f, 3)->flags, 0);
	APPLY(f, PPME_SYSCALL_READ_X, "nsnn", 0L, "", 3L, 1L);
	assert_int_equal(fx_fd(f, 3)->flags, FD_F_CONNECTED);
	fx_socket(f, 3, 10, 1, 0);
	APPLY(f, PPME_SYSCALL_WRITEV_X, "nsnn", 1L, "", 3L, 1L);
	assert_int_equal(fx_fd(f, 3)->flags, FD_F_CONNECTED);
	fx_bind(f, 3, addr("0.0.0.0", 9));
	fx_open(f, 4, "/f");
	APPLY(f, PPME_SYSCALL_READ_X, "nsnn", 1L, "", 4L, 1L);
	assert_int_equal(fx_fd(f, 4)->flags, 0);
	assert_string_equal(fx_name(f, 4), "/f");
}

static void unix_transfer_is_named_by_its_tuple(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 1, 1, 0);
	fx_recvfrom(f, 3, unix_tuple(0xab, 0xcd, "/dev/log"));
	assert_string_equal(fx_name(f, 3), "ab->cd /dev/log");
	assert_int_equal(fx_fd(f, 3)->unix_sock.dest, 0xcd);
	assert_int_equal(ROLE(f, 3), 0);
	APPLY(f, PPME_SOCKET_RECVFROM_X, "nsbnn", 1L, "d", "\x01\0\0", (size_t)3, 3L, 1L);
	assert_string_equal(fx_name(f, 3), "ab->cd /dev/log");
}

static void icmp_and_raw_names_have_no_ports(void **state)
{
	struct fx *f = *state;

	fx_socket(f, 3, 2, 2, ICMP);
	fx_sendto(f, 3, tuple("10.0.0.5", 0, "8.8.8.8", 0));
	assert_string_equal(fx_name(f, 3), "10.0.0.5->8.8.8.8");
	fx_socket(f, 4, 2, 3, ICMP);
	fx_sendto(f, 4, tuple("10.0.0.5", 0, "8.8.8.8", 0));
	assert_string_equal(fx_name(f, 4), "10.0.0.5->8.8.8.8");
	fx_socket(f, 5, 10, 3, ICMP);
	fx_sendto(f, 5, tuple("fe80::1", 0, "fe80::2", 0));
	assert_string_equal(fx_name(f, 5), "<unknown>");
}

/* ---- rendering and layout ---------------------------------------------------------------- */

static void parameters_render_as_specified(void **state)
{
	char out[128], tiny[6];
	struct wire w;

	(void)state;
#define ADDR(w_, want) (w = w_, sock_addr_text(out, sizeof(out), w.p, (uint32_t)w.len), assert_string_equal(out, want))
#define TUPLE(w_, want) (w = w_, sock_tuple_text(out, sizeof(out), w.p, (uint32_t)w.len), assert_string_equal(out, want))
	ADDR(addr("255.254.253.252", 65535), "255.254.253.252:65535");
	ADDR(addr("::ffff:1.2.3.4", 5), "::ffff:1.2.3.4:5");
	ADDR(addr("::1", 5), "::1:5");
	ADDR(unix_addr("/a b"), "/a b");
	ADDR(none, "<NA>");
	ADDR(((struct wire){ { 38 }, 1 }), "family 38");
	ADDR(((struct wire){ { 2, 1 }, 2 }), "INVALID IPv4");
	ADDR(((struct wire){ { 10, 1 }, 2 }), "INVALID IPv6");
	ADDR(((struct wire){ { 1, 'x' }, 2 }), "INVALID PATH");
	TUPLE(tuple("1.2.3.4", 1, "5.6.7.8", 65535), "1.2.3.4:1->5.6.7.8:65535");
	TUPLE(tuple("::ffff:1.2.3.4", 1, "::", 2), "1.2.3.4:1->0.0.0.0:2");
	TUPLE(tuple("::ffff:1.2.3.4", 1, "fe80::1", 2), "::ffff:1.2.3.4:1->fe80::1:2");
	TUPLE(unix_tuple(0, 0xF0, ""), "0->f0 ");
	TUPLE(none, "NULL");
	TUPLE(((struct wire){ { 17 }, 1 }), "family 17");
	TUPLE(((struct wire){ { 2 }, 12 }), "INVALID IPv4");
	TUPLE(((struct wire){ { 1 }, 17 }), "INVALID PATH");
	w = addr("1.2.3.4", 5);
	assert_int_equal(sock_addr_text(tiny, sizeof(tiny), w.p, (uint32_t)w.len), 5);
	assert_string_equal(tiny, "1.2.3");
}

static void layout_keeps_every_byte(void **state)
{
	static const uint8_t types[] = { FD_UNKNOWN, FD_IPV4, FD_IPV6, FD_IPV4_SERVER, FD_IPV6_SERVER, FD_UNIX };
	uint8_t raw[SOCK_RAW_BYTES], back[SOCK_RAW_BYTES];

	(void)state;
	for (unsigned i = 0; i < SOCK_RAW_BYTES; i++)
		raw[i] = (uint8_t)(i + 1);
	for (unsigned t = 0; t < sizeof(types); t++) {
		struct state_fd d = { 0 };

		sock_unpack(&d, types[t], raw);
		assert_int_equal(d.type, types[t]);
		sock_pack(&d, back);
		assert_memory_equal(raw, back, sizeof(raw));
	}
}

/* ---- scanned sockets --------------------------------------------------------------------- */

static struct state_fd *scanned(struct fx *f, enum fd_type type, const char *sip, unsigned sport, const char *dip,
				unsigned dport, unsigned l4)
{
	struct state_fd *d = fd_new(scan_slab(f->t, PID), type);
	bool inet6 = type == FD_IPV6 || type == FD_IPV6_SERVER;

	inet_pton(inet6 ? AF_INET6 : AF_INET, sip, d->sock.sip);
	if (dip)
		inet_pton(inet6 ? AF_INET6 : AF_INET, dip, d->sock.dip);
	d->sock.sport = (uint16_t)sport;
	d->sock.dport = (uint16_t)dport;
	d->sock.l4 = (uint8_t)l4;
	return d;
}

static void scanned_sockets_get_names_and_roles(void **state)
{
	struct fx *f;
	struct state_fd *d;

	fx_setup_with(state, true);
	f = *state;
	scan_add_fd(f->t, PID, 3, scanned(f, FD_IPV4_SERVER, "0.0.0.0", 80, NULL, 0, FD_L4_TCP));
	scan_add_fd(f->t, PID, 4, scanned(f, FD_IPV4, "10.0.0.5", 80, "9.9.9.9", 5555, FD_L4_TCP));
	scan_add_fd(f->t, PID, 5, scanned(f, FD_IPV4, "10.0.0.5", 4444, "8.8.8.8", 53, FD_L4_UDP));
	scan_add_fd(f->t, 200, 6, scanned(f, FD_IPV6, "::ffff:10.0.0.5", 80, "::ffff:1.1.1.1", 7, FD_L4_TCP));
	scan_add_fd(f->t, PID, 7, scanned(f, FD_IPV6, "fe80::1", 80, "fe80::2", 7, FD_L4_TCP));
	d = fd_new(scan_slab(f->t, PID), FD_UNIX);
	fd_set_name(scan_slab(f->t, PID), d, "/run/s", 6);
	scan_add_fd(f->t, PID, 8, d);
	scan_add_fd(f->t, PID, 9, fd_new(scan_slab(f->t, PID), FD_UNIX));
	scan_finish(f->t);
	assert_string_equal(fx_name(f, 3), "0.0.0.0:80");
	assert_int_equal(ROLE(f, 3), 0);
	assert_string_equal(fx_name(f, 4), "9.9.9.9:5555->10.0.0.5:80");
	assert_int_equal(fx_fd(f, 4)->flags, FD_F_ROLE_SERVER | FD_F_CONNECTED);
	assert_int_equal(fx_fd(f, 4)->sock.dport, 80);
	assert_string_equal(fx_name(f, 5), "10.0.0.5:4444->8.8.8.8:53");
	assert_int_equal(fx_fd(f, 5)->flags, FD_F_ROLE_CLIENT);
	assert_string_equal(fdtab_get(state_own(f->s, 200)->fds, 6)->name->s, "1.1.1.1:7->10.0.0.5:80");
	assert_int_equal(fdtab_get(state_own(f->s, 200)->fds, 6)->type, FD_IPV4);
	assert_string_equal(fx_name(f, 7), "fe80::1:80->fe80::2:7");
	assert_int_equal(ROLE(f, 7), 0);
	assert_int_equal(ROLE(f, 8), FD_F_ROLE_SERVER);
	assert_int_equal(ROLE(f, 9), FD_F_ROLE_CLIENT);
	fx_teardown(state);
}

/* ---- passed descriptors ------------------------------------------------------------------ */

struct asked {
	int64_t pid;
	int32_t fds[8];
	unsigned count, calls;
};

static void ask(void *ctx, unsigned shard, int64_t pid, const int32_t *fds, unsigned count)
{
	struct asked *a = ctx;

	(void)shard;
	a->pid = pid;
	a->calls++;
	for (unsigned i = 0; i < count && a->count < 8; i++)
		a->fds[a->count++] = fds[i];
}

static void descriptors_passed_in_messages_are_asked_for(void **state)
{
	struct asked a = { 0 };
	struct state_opts o = { .shards = 1, .max_tasks = 10, .max_fds = 10, .live = true, .host_root = "", .self_pid = -1,
				.repair = { &a, ask } };
	struct fx *f = calloc(1, sizeof(*f));
	union { struct cmsghdr align; char c[128]; } m = { .c = "" };
	struct msghdr h = { .msg_control = m.c, .msg_controllen = sizeof(m.c) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	int two[2] = { 7, 9 }, one = 4;
	struct scan_fd sf = { .type = FD_FILE_V2, .name_len = 5, .name = "/told" };

	evb_init(&f->b);
	f->t = state_table_new(&o);
	f->s = state_table_shard(f->t, 0);
	fx_task(f, PID, PID);
	scan_finish(f->t);
	*state = f;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(12);
	c = CMSG_NXTHDR(&h, c);
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(two));
	memcpy(CMSG_DATA(c), two, sizeof(two));
	c = CMSG_NXTHDR(&h, c);
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(one));
	memcpy(CMSG_DATA(c), &one, sizeof(one));
	fx_socket(f, 3, 1, 1, 0);
	APPLY(f, PPME_SOCKET_RECVMSG_X, "nn--bn", 1L, 1L, m.c, (size_t)(CMSG_SPACE(12) + CMSG_SPACE(8) + CMSG_SPACE(4)), 3L);
	assert_int_equal(a.calls, 2);
	assert_int_equal(a.count, 3);
	assert_int_equal(a.fds[0], 7);
	assert_int_equal(a.fds[1], 9);
	assert_int_equal(a.fds[2], 4);
	assert_int_equal(a.pid, PID);
	state_fd_learned(f->s, PID, 7, &sf);
	assert_string_equal(fx_name(f, 7), "/told");
	fx_open(f, 9, "/newer");
	state_fd_learned(f->s, PID, 9, &sf);
	assert_string_equal(fx_name(f, 9), "/newer");
	state_fd_learned(f->s, 4242, 9, &sf);
	/* cut anywhere: no crash, nothing invented */
	for (size_t n = 0; n < CMSG_SPACE(12) + CMSG_SPACE(8); n++) {
		a.calls = 0;
		APPLY(f, PPME_SOCKET_RECVMMSG_X, "nnn--b", 1L, 3L, 1L, m.c, n);
		assert_int_equal(a.calls, n >= CMSG_SPACE(12) + CMSG_LEN(8));
	}
	fx_teardown(state);
}

static void proc_scan_reads_this_process(void **state)
{
	struct fx *f = *state;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	struct scan_fds *c = scan_fds_new("/proc");
	struct scan_fd sf;
	int pipes[2], sock = socket(AF_INET, SOCK_STREAM, 0), file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	char want[64];

	assert_non_null(c);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(sock, 1), 0);
	getsockname(sock, (struct sockaddr *)&in, &len);
	assert_int_equal(scan_fds_read(c, getpid(), pipes[0], &sf), 1);
	assert_int_equal(sf.type, FD_FIFO);
	snprintf(want, sizeof(want), "pipe:[%llu]", (unsigned long long)sf.ino);
	assert_string_equal(sf.name, want);
	assert_int_equal(scan_fds_read(c, getpid(), file, &sf), 1);
	assert_int_equal(sf.type, FD_FILE_V2);
	assert_true(sf.open_flags & FD_O_CLOEXEC && sf.open_flags & 1);
	assert_true(sf.mnt_id);
	assert_true(strstr(sf.name, "/status"));
	assert_int_equal(scan_fds_read(c, getpid(), sock, &sf), 1);
	assert_int_equal(sf.type, FD_IPV4_SERVER);
	assert_int_equal(sf.sock.sport, ntohs(in.sin_port));
	assert_int_equal(sf.sock.l4, FD_L4_TCP);
	assert_memory_equal(sf.sock.sip, "\x7f\0\0\1", 4);
	assert_int_equal(scan_fds_read(c, getpid(), 987654, &sf), 0);
	assert_true(scan_fds_read(c, 0x7fffffff, 0, &sf) < 0);
	assert_int_equal(scan_fds_process(c, f->t, getpid()), -ESRCH);
	fx_task(f, getpid(), getpid());
	assert_true(scan_fds_process(c, f->t, getpid()) >= 5);
	state_fd_learned(f->s, PID, 3, &sf);
	scan_fds_free(c);
	close(pipes[0]);
	close(pipes[1]);
	close(sock);
	close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
		T(socket_type_and_protocol_follow_the_call),
		T(bind_with_a_port_makes_a_server),
		T(bind_without_a_port_only_names),
		T(connect_makes_a_client_with_a_name),
		T(connect_failed_changes_nothing),
		T(connect_to_v4_mapped_loses_the_protocol),
		T(connect_enter_address_beats_a_forged_one),
		T(connect_without_tuple_uses_the_enter_address),
		T(connect_unix_names_both_ends),
		T(connect_by_a_udp_server_swaps_the_ends),
		T(accept_makes_a_connected_server_end),
		T(accept_without_a_tuple_only_moves_the_last_descriptor),
		T(socketpair_makes_two_unix_ends),
		T(send_guesses_client_and_receive_server),
		T(transfer_with_other_ends_overwrites_both),
		T(tcp_with_a_name_is_left_alone),
		T(server_socket_that_transfers_becomes_plain),
		T(any_address_takes_the_interfaces),
		T(ipv6_role_is_client_unless_ports_say_otherwise),
		T(unknown_socket_of_a_send_is_made_up),
		T(all_transfers_find_their_tuple),
		T(read_and_write_mark_connected),
		T(unix_transfer_is_named_by_its_tuple),
		T(icmp_and_raw_names_have_no_ports),
		cmocka_unit_test(parameters_render_as_specified),
		cmocka_unit_test(layout_keeps_every_byte),
		cmocka_unit_test(scanned_sockets_get_names_and_roles),
		cmocka_unit_test(descriptors_passed_in_messages_are_asked_for),
		T(proc_scan_reads_this_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
