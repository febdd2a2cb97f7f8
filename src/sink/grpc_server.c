/* The gRPC server's thread: waits for sockets, moves bytes between them and HTTP/2, with TLS or without. One thread
 * for all connections, none of which can make it wait. */
#include "sink/grpc_internal.h"

#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define HANDSHAKE_NS 10000000000ull
#define GOODBYE_NS 500000000ull
#define BUSY_MS 20	/* while a call waits for something that no socket tells */
#define IDLE_MS 1000

/* ---- listening --------------------------------------------------------------------------- */

static int listen_error(struct grpc *g, struct base_err *err, int e)
{
	base_err_set(err, NULL, 0, 0, "grpc: cannot listen on %s: %s", g->o.bind_address, strerror(e));
	if (g->listen_fd >= 0)
		close(g->listen_fd);
	g->listen_fd = -1;
	return -e;
}

/* A socket that nobody listens on any more is in the way; one that somebody does is not ours to remove. */
static void remove_stale(const struct sockaddr_un *a)
{
	struct stat st;
	int fd;

	if (lstat(a->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) && errno == ECONNREFUSED)
		unlink(a->sun_path);
	close(fd);
}

static int listen_unix(struct grpc *g, const char *path, struct base_err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (!*path || strlen(path) >= sizeof(a.sun_path))
		return listen_error(g, err, ENAMETOOLONG);
	strcpy(a.sun_path, path);
	remove_stale(&a);
	g->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (g->listen_fd < 0)
		return listen_error(g, err, errno);
	/* before bind: so the name never has another mode */
	fchmod(g->listen_fd, 0660);
	if (bind(g->listen_fd, (struct sockaddr *)&a, sizeof(a)) || listen(g->listen_fd, 16))
		return listen_error(g, err, errno);
	return 0;
}

static int listen_tcp(struct grpc *g, struct base_err *err)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *list = NULL;
	char host[256], *port;
	int r, e = EADDRNOTAVAIL, one = 1;

	snprintf(host, sizeof(host), "%s", g->o.bind_address);
	port = strrchr(host, ':');
	if (!port)
		return base_err_set(err, NULL, 0, 0, "grpc.bind_address is '%s', expected unix:///path or host:port", g->o.bind_address);
	*port++ = '\0';
	/* [::1]:5060 */
	if (host[0] == '[' && port - host > 2 && port[-2] == ']') {
		port[-2] = '\0';
		memmove(host, host + 1, strlen(host));
	}
	r = getaddrinfo(*host ? host : NULL, port, &hints, &list);
	if (r)
		return base_err_set(err, NULL, 0, 0, "grpc.bind_address '%s': %s", g->o.bind_address, gai_strerror(r));
	for (struct addrinfo *a = list; a && g->listen_fd < 0; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (!bind(fd, a->ai_addr, a->ai_addrlen) && !listen(fd, 16)) {
			g->listen_fd = fd;
		} else {
			e = errno;
			close(fd);
		}
	}
	freeaddrinfo(list);
	return g->listen_fd < 0 ? listen_error(g, err, e) : 0;
}

static int select_h2(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in, unsigned inlen, void *arg)
{
	(void)ssl, (void)arg;
	if (SSL_select_next_proto((unsigned char **)out, outlen, (const unsigned char *)"\2h2", 3, in, inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static const char *tls_why(char *buf, size_t size)
{
	unsigned long e = ERR_get_error();

	ERR_error_string_n(e, buf, size);
	ERR_clear_error();
	return e ? buf : "unknown error";
}

/* Both sides show certificates. */
static int set_up_tls(struct grpc *g, struct base_err *err)
{
	const char *what = "TLS", *file = "";
	char why[256];

	g->tls = SSL_CTX_new(TLS_server_method());
	if (!g->tls)
		goto fail;
	SSL_CTX_set_min_proto_version(g->tls, TLS1_2_VERSION);
	SSL_CTX_set_mode(g->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_alpn_select_cb(g->tls, select_h2, NULL);
	SSL_CTX_set_verify(g->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	what = "grpc.cert_chain", file = g->o.cert_chain;
	if (SSL_CTX_use_certificate_chain_file(g->tls, file) != 1)
		goto fail;
	what = "grpc.private_key", file = g->o.private_key;
	if (SSL_CTX_use_PrivateKey_file(g->tls, file, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(g->tls) != 1)
		goto fail;
	what = "grpc.root_certs", file = g->o.root_certs;
	if (SSL_CTX_load_verify_locations(g->tls, file, NULL) != 1)
		goto fail;
	SSL_CTX_set_client_CA_list(g->tls, SSL_load_client_CA_file(file));
	return 0;
fail:
	return base_err_set(err, NULL, 0, 0, "%s '%s' cannot be used: %s", what, file, tls_why(why, sizeof(why)));
}

int grpc_listen(struct grpc *g, struct base_err *err)
{
	int r;

	g->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->wake_fd < 0)
		return base_err_set(err, NULL, 0, 0, "grpc: cannot make an eventfd: %s", strerror(errno));
	if (!strncmp(g->o.bind_address, "unix://", 7))
		return listen_unix(g, g->o.bind_address + 7, err);
	r = set_up_tls(g, err);
	return r ? r : listen_tcp(g, err);
}

void grpc_unlisten(struct grpc *g)
{
	if (g->listen_fd >= 0) {
		close(g->listen_fd);
		if (!strncmp(g->o.bind_address, "unix://", 7))
			unlink(g->o.bind_address + 7);
	}
	g->listen_fd = -1;
	if (g->wake_fd >= 0)
		close(g->wake_fd);
	g->wake_fd = -1;
	SSL_CTX_free(g->tls);
	g->tls = NULL;
}

/* ---- connections ------------------------------------------------------------------------- */

static void close_conn(struct grpc_conn *c)
{
	grpc_session_end(c);
	if (c->ssl) {
		if (c->handshaken)
			SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		ERR_clear_error();
	}
	close(c->fd);
	buf_fini(&c->out);
	memset(c, 0, sizeof(*c));
	c->fd = -1;
}

static void accept_one(struct grpc *g)
{
	int fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;
	struct grpc_conn *c = NULL;

	if (fd < 0)
		return;
	for (unsigned i = 0; i < GRPC_CONNS && !c; i++)
		c = g->conn[i].fd < 0 ? &g->conn[i] : NULL;
	if (!c) {
		close(fd);
		return;
	}
	*c = (struct grpc_conn){ .g = g, .fd = fd, .since_ns = base_mono_ns() };
	if (g->tls) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		c->ssl = SSL_new(g->tls);
		if (!c->ssl || SSL_set_fd(c->ssl, fd) != 1) {
			close_conn(c);
			return;
		}
		SSL_set_accept_state(c->ssl);
	}
	c->handshaken = !g->tls;
	if (grpc_session_start(c))
		close_conn(c);
}

/* Result of a TLS call that did not do what it should. False: over. */
static bool tls_again(struct grpc_conn *c, int r)
{
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_WRITE:
		c->want_write = true;
		return true;
	case SSL_ERROR_WANT_READ:
		return true;
	default:
		ERR_clear_error();
		return false;
	}
}

/* True when done; a failure marks the connection as dead. */
static bool handshake(struct grpc_conn *c)
{
	char why[256];
	int r;

	if (c->handshaken)
		return true;
	r = SSL_do_handshake(c->ssl);
	if (r == 1) {
		c->handshaken = true;
		return true;
	}
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_WRITE:
		c->want_write = true;
		break;
	case SSL_ERROR_WANT_READ:
		break;
	default:
		log_info("output \"grpc\": a client was refused: %s", tls_why(why, sizeof(why)));
		c->dead = true;
	}
	if (base_mono_ns() - c->since_ns > HANDSHAKE_NS)
		c->dead = true;
	return false;
}

/* Everything that has come. */
static void read_conn(struct grpc_conn *c)
{
	uint8_t buf[16384];

	for (;;) {
		ssize_t n = c->ssl ? SSL_read(c->ssl, buf, sizeof(buf)) : recv(c->fd, buf, sizeof(buf), 0);

		if (n > 0) {
			if (grpc_session_recv(c, buf, (size_t)n) == 0)
				continue;
			c->dead = true;
		} else if (c->ssl) {
			c->dead = !tls_again(c, (int)n);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			c->dead = true;
		}
		return;
	}
}

static void write_conn(struct grpc_conn *c)
{
	c->want_write = false;
	for (;;) {
		size_t left = c->out.len - c->sent;
		ssize_t n;

		if (left < 16384 && grpc_session_send(c) < 0) {
			c->dead = true;
			return;
		}
		left = c->out.len - c->sent;
		if (!left)
			break;
		n = c->ssl ? SSL_write(c->ssl, c->out.p + c->sent, (int)(left < 1 << 20 ? left : 1 << 20)) :
			     send(c->fd, c->out.p + c->sent, left, MSG_NOSIGNAL);
		if (n > 0) {
			c->sent += (size_t)n;
			if (c->sent == c->out.len) {
				buf_reset(&c->out);
				c->sent = 0;
			}
			continue;
		}
		if (c->ssl)
			c->dead = !tls_again(c, (int)n);
		else if (errno == EAGAIN)
			c->want_write = true;
		else if (errno != EINTR)
			c->dead = true;
		return;
	}
}

/* ---- the thread -------------------------------------------------------------------------- */

static int poll_all(struct grpc *g, struct pollfd *p, bool busy)
{
	p[0] = (struct pollfd){ .fd = g->wake_fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = g->listen_fd, .events = POLLIN };
	for (unsigned i = 0; i < GRPC_CONNS; i++)
		p[2 + i] = (struct pollfd){ .fd = g->conn[i].fd, .events = (short)(POLLIN | (g->conn[i].want_write ? POLLOUT : 0)) };
	return poll(p, 2 + GRPC_CONNS, busy ? BUSY_MS : IDLE_MS);
}

/* Does a call wait for what only time tells (the end of a `get`, a slow client, a handshake)? */
static bool is_busy(const struct grpc *g)
{
	if (g->flight)
		return true;
	for (unsigned i = 0; i < GRPC_CONNS; i++) {
		const struct grpc_conn *c = &g->conn[i];

		if (c->fd >= 0 && !c->handshaken)
			return true;
		for (struct grpc_stream *st = c->fd < 0 ? NULL : c->streams; st; st = st->next) {
			if (st->kind == GRPC_GET)
				return true;
		}
	}
	return false;
}

static void serve(struct grpc *g, const struct pollfd *p)
{
	uint64_t n;

	if (p[0].revents) {
		ssize_t r = read(g->wake_fd, &n, sizeof(n)); /* empties it; nothing in it is as good */

		(void)r;
	}
	for (unsigned i = 0; i < GRPC_CONNS; i++) {
		struct grpc_conn *c = &g->conn[i];

		if (c->fd >= 0 && (p[2 + i].revents || !c->handshaken) && handshake(c))
			read_conn(c);
	}
	if (p[1].revents)
		accept_one(g);
	/* Twice: sending can empty a stream, behind which the ping goes. */
	for (unsigned round = 0; round < 2; round++) {
		grpc_sessions_work(g);
		for (unsigned i = 0; i < GRPC_CONNS; i++) {
			struct grpc_conn *c = &g->conn[i];

			if (c->fd >= 0 && !c->dead && c->handshaken)
				write_conn(c);
			if (c->fd >= 0 && c->dead)
				close_conn(c);
		}
	}
}

/* Calls end properly: a client whose connection breaks throws away what it has received and not read. Then the
 * client gets a moment to close: closing first, with something of its unread, would cut off what is on its way. */
static void say_goodbye(struct grpc *g)
{
	uint64_t end = base_mono_ns() + GOODBYE_NS;
	struct pollfd p[2 + GRPC_CONNS];
	bool open = true;

	for (unsigned i = 0; i < GRPC_CONNS; i++) {
		if (g->conn[i].fd >= 0 && g->conn[i].handshaken)
			grpc_session_goodbye(&g->conn[i]);
	}
	while (open && base_mono_ns() < end) {
		open = false;
		for (unsigned i = 0; i < GRPC_CONNS; i++) {
			struct grpc_conn *c = &g->conn[i];

			if (c->fd < 0 || !c->handshaken)
				continue;
			if (!c->goodbye_sent) {
				write_conn(c);
				c->goodbye_sent = c->out.len == c->sent && !nghttp2_session_want_write(c->session);
				if (c->goodbye_sent && !c->ssl)
					shutdown(c->fd, SHUT_WR);
				else if (c->goodbye_sent)
					SSL_shutdown(c->ssl);
			}
			read_conn(c);
			if (c->dead)
				close_conn(c);
			open |= c->fd >= 0;
		}
		if (open)
			poll_all(g, p, true);
	}
}

/* [grpc] */
void *grpc_main(void *arg)
{
	struct pollfd p[2 + GRPC_CONNS];
	struct grpc *g = arg;
	bool stop = false;

	while (!stop) {
		if (poll_all(g, p, is_busy(g)) >= 0)
			serve(g, p);
		pthread_mutex_lock(&g->lock);
		stop = g->stop;
		pthread_mutex_unlock(&g->lock);
	}
	say_goodbye(g);
	for (unsigned i = 0; i < GRPC_CONNS; i++) {
		if (g->conn[i].fd >= 0)
			close_conn(&g->conn[i]);
	}
	return NULL;
}
