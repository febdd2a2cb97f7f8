/* Listening, connections and the thread of the admin server. See admin.h.
 *
 * One thread runs libmicrohttpd by its epoll descriptor. Its own time limit counts from the last byte, so a client that
 * sends one byte a second would stay for ever: connections are listed here and shut down when they are too old. */
#include "daemon/admin.h"

#include "base/log.h"
#include "base/thread.h"
#include "daemon/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERTIFICATE_MAX (1u << 20)

struct client {
	int fd; /* -1: free */
	uint64_t since; /* monotonic, ns */
};

struct admin {
	struct daemon *d; /* borrowed */
	struct admin_rules rules;
	char *address, *certificate; /* owned; what it was made from */
	uint16_t port;
	bool tls;
	struct timespec certificate_time;

	struct MHD_Daemon *mhd;
	char *pem; /* owned; libmicrohttpd keeps the pointer */
	int listen_fd, epoll_fd; /* libmicrohttpd's, once it runs */
	int stop_fd;
	pthread_t thread;
	bool started;

	struct client client[ADMIN_CLIENTS]; /* the thread's */
	unsigned clients;
};

/* ---- connections. [admin] ------------------------------------------------------------------ */

static void on_connection(void *arg, struct MHD_Connection *c, void **ret_ctx, enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info;
	struct admin *a = arg;
	struct client *k = *ret_ctx;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (k) {
			k->fd = -1;
			a->clients--;
		}
		return;
	}
	*ret_ctx = NULL;
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	for (k = a->client; k < a->client + ADMIN_CLIENTS; k++) {
		if (k->fd >= 0)
			continue;
		*k = (struct client){ .fd = info->connect_fd, .since = base_mono_ns() };
		a->clients++;
		*ret_ctx = k;
		return;
	}
}

/* libmicrohttpd sees the end of the stream and closes. */
static void end_old(struct admin *a)
{
	uint64_t now = base_mono_ns();

	for (struct client *k = a->client; a->clients && k < a->client + ADMIN_CLIENTS; k++)
		if (k->fd >= 0 && now - k->since > ADMIN_LIFE_NS)
			shutdown(k->fd, SHUT_RDWR);
}

static bool is_here(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = info ? info->client_addr : NULL;
	const struct in6_addr *a6;

	if (sa && sa->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
	if (!sa || sa->sa_family != AF_INET6)
		return false;
	a6 = &((const struct sockaddr_in6 *)sa)->sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(a6) || (IN6_IS_ADDR_V4MAPPED(a6) && a6->s6_addr[12] == 127);
}

/* The answer is given as soon as the head is there: no request has a body that matters. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method, const char *version,
				  const char *upload, size_t *upload_size, void **ctx)
{
	struct admin *a = arg;
	struct MHD_Response *res;
	struct admin_page p;
	enum MHD_Result r = MHD_NO;

	(void)version, (void)upload, (void)upload_size, (void)ctx;
	admin_page(a->d, &a->rules, method, url, is_here(c), &p);
	res = MHD_create_response_from_buffer(p.body.len, p.body.p, MHD_RESPMEM_MUST_FREE);
	if (!res) {
		buf_fini(&p.body);
		return MHD_NO;
	}
	if (MHD_add_response_header(res, MHD_HTTP_HEADER_CONTENT_TYPE, p.type) &&
	    MHD_add_response_header(res, MHD_HTTP_HEADER_CONNECTION, "close") &&
	    (p.status != 405 || MHD_add_response_header(res, MHD_HTTP_HEADER_ALLOW, "GET, HEAD")))
		r = MHD_queue_response(c, p.status, res);
	MHD_destroy_response(res);
	return r;
}

static void on_log(void *arg, const char *fmt, va_list ap)
{
	char text[512];

	(void)arg;
	vsnprintf(text, sizeof(text), fmt, ap);
	log_debug("admin: %s", text);
}

static void *admin_main(void *arg)
{
	struct admin *a = arg;
	struct pollfd p[2] = { { .fd = a->epoll_fd, .events = POLLIN }, { .fd = a->stop_fd, .events = POLLIN } };

	for (;;) {
		MHD_UNSIGNED_LONG_LONG ms;
		int wait = a->clients ? 1000 : -1;

		if (MHD_get_timeout(a->mhd, &ms) == MHD_YES && (wait < 0 || ms < (unsigned)wait))
			wait = (int)(ms < 1000 ? ms : 1000);
		if (poll(p, 2, wait) < 0 && errno != EINTR)
			break;
		if (p[1].revents)
			break;
		MHD_run(a->mhd);
		end_old(a);
	}
	return NULL;
}

/* ---- start. [main] --------------------------------------------------------------------------- */

static int listen_at(struct admin *a, struct base_err *err)
{
	union { struct sockaddr sa; struct sockaddr_in v4; struct sockaddr_in6 v6; } u = { 0 };
	bool v6 = strchr(a->address, ':') != NULL;
	socklen_t len = v6 ? sizeof(u.v6) : sizeof(u.v4);
	int one = 1, e;

	u.sa.sa_family = v6 ? AF_INET6 : AF_INET;
	if (v6) {
		inet_pton(AF_INET6, a->address, &u.v6.sin6_addr);
		u.v6.sin6_port = htons(a->port);
	} else {
		inet_pton(AF_INET, a->address, &u.v4.sin_addr);
		u.v4.sin_port = htons(a->port);
	}
	a->listen_fd = socket(u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->listen_fd >= 0 && !setsockopt(a->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) &&
	    !bind(a->listen_fd, &u.sa, len) && !listen(a->listen_fd, ADMIN_CLIENTS) && !getsockname(a->listen_fd, &u.sa, &len)) {
		log_info("admin: listening on %s%s%s:%u%s", v6 ? "[" : "", a->address, v6 ? "]" : "",
			 ntohs(v6 ? u.v6.sin6_port : u.v4.sin_port), a->tls ? ", TLS" : "");
		return 0;
	}
	e = errno;
	base_err_set(err, NULL, 0, 0, "webserver: cannot listen on %s%s%s:%u: %s", v6 ? "[" : "", a->address, v6 ? "]" : "", a->port,
		     strerror(e));
	return -e;
}

/* The certificate file, and when it was written. */
static int read_pem(struct admin *a, struct base_err *err)
{
	FILE *f = fopen(a->certificate, "re");
	const char *why = f ? "it is empty" : strerror(errno);
	struct stat st;
	size_t n = 0;

	if (f && !fstat(fileno(f), &st)) {
		a->certificate_time = st.st_mtim;
		a->pem = calloc(1, CERTIFICATE_MAX + 1);
		n = a->pem ? fread(a->pem, 1, CERTIFICATE_MAX, f) : 0;
	}
	if (f)
		fclose(f);
	if (!n)
		return base_err_set(err, NULL, 0, 0, "webserver.ssl_certificate: cannot read %s: %s", a->certificate, why);
	if (!strstr(a->pem, "-----BEGIN CERTIFICATE-----") || !strstr(a->pem, "PRIVATE KEY-----"))
		return base_err_set(err, NULL, 0, 0, "webserver.ssl_certificate: %s must hold a certificate and its private key, both PEM",
				    a->certificate);
	return 0;
}

static int start_mhd(struct admin *a, struct base_err *err)
{
	struct MHD_OptionItem tls[] = { { MHD_OPTION_HTTPS_MEM_CERT, 0, a->pem }, { MHD_OPTION_HTTPS_MEM_KEY, 0, a->pem },
					{ MHD_OPTION_END, 0, NULL } };
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
	unsigned flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (a->tls ? MHD_USE_TLS : 0) |
			 (strchr(a->address, ':') ? MHD_USE_IPv6 : 0);

	a->mhd = MHD_start_daemon(flags, 0, NULL, NULL, on_request, a, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
				  MHD_OPTION_LISTEN_SOCKET, a->listen_fd, MHD_OPTION_CONNECTION_LIMIT, ADMIN_CLIENTS,
				  MHD_OPTION_PER_IP_CONNECTION_LIMIT, ADMIN_PER_PEER, MHD_OPTION_CONNECTION_TIMEOUT, 10u,
				  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)ADMIN_CLIENT_BYTES, MHD_OPTION_NOTIFY_CONNECTION,
				  on_connection, a, MHD_OPTION_ARRAY, a->tls ? tls : none, MHD_OPTION_END);
	if (!a->mhd)
		return base_err_set(err, NULL, 0, 0, "webserver: cannot start%s",
				    a->tls ? ": does the key in webserver.ssl_certificate belong to the certificate?" : "");
	a->listen_fd = -1; /* taken over */
	a->epoll_fd = MHD_get_daemon_info(a->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	return 0;
}

int admin_start(struct daemon *d, const struct config *c, struct admin **ret, struct base_err *err)
{
	struct admin *a;
	int r;

	if (!c->web.enabled) {
		*ret = NULL;
		return 0;
	}
	a = calloc(1, sizeof(*a));
	if (!a)
		return base_err_set(err, NULL, 0, 0, "no memory for the admin server");
	*a = (struct admin){ .d = d, .rules = { .healthz = strdup(c->web.healthz), .metrics = c->web.metrics, .remote_all = c->web.remote_all },
			     .address = strdup(c->web.address), .certificate = strdup(c->web.certificate), .port = c->web.port,
			     .tls = c->web.tls, .listen_fd = -1, .stop_fd = eventfd(0, EFD_CLOEXEC) };
	for (unsigned i = 0; i < ADMIN_CLIENTS; i++)
		a->client[i].fd = -1;
	r = a->rules.healthz && a->address && a->certificate && a->stop_fd >= 0 ?
		    0 : base_err_set(err, NULL, 0, 0, "no memory for the admin server");
	if (!r && a->tls)
		r = read_pem(a, err);
	if (!r)
		r = listen_at(a, err);
	if (!r)
		r = start_mhd(a, err);
	if (!r) {
		r = base_thread_start(&a->thread, ROLE_ADMIN, "admin", admin_main, a);
		a->started = !r;
		if (r)
			base_err_set(err, NULL, 0, 0, "cannot start thread admin: %s", strerror(-r));
	}
	if (r) {
		admin_stop(a);
		return r;
	}
	*ret = a;
	return 0;
}

void admin_stop(struct admin *a)
{
	if (!a)
		return;
	if (a->started) {
		eventfd_write(a->stop_fd, 1);
		pthread_join(a->thread, NULL);
	}
	if (a->mhd)
		MHD_stop_daemon(a->mhd);
	if (a->listen_fd >= 0)
		close(a->listen_fd);
	if (a->stop_fd >= 0)
		close(a->stop_fd);
	if (a->pem)
		explicit_bzero(a->pem, CERTIFICATE_MAX);
	free(a->pem);
	free(a->rules.healthz);
	free(a->address);
	free(a->certificate);
	free(a);
}

bool admin_differs(const struct admin *a, const struct config *c)
{
	struct stat st = { 0 };

	if (!a || !c->web.enabled)
		return a || c->web.enabled;
	if (a->port != c->web.port || a->tls != c->web.tls || a->rules.metrics != c->web.metrics ||
	    a->rules.remote_all != c->web.remote_all || strcmp(a->address, c->web.address) || strcmp(a->rules.healthz, c->web.healthz))
		return true;
	return a->tls && (strcmp(a->certificate, c->web.certificate) || stat(a->certificate, &st) ||
			  st.st_mtim.tv_sec != a->certificate_time.tv_sec || st.st_mtim.tv_nsec != a->certificate_time.tv_nsec);
}
