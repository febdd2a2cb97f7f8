/* The admin server: health, versions and metrics over HTTP(S), on a thread of its own, `admin`. libmicrohttpd does
 * the protocol; what is answered is in admin_page.c.
 *
 * It starts before everything else that has a thread, so that a start that takes long can be watched, and ends before it.
 * What it shows of the daemon it reads as metrics.h and health.h say.
 *
 * Hostile clients: at most ADMIN_CLIENTS connections, ADMIN_PER_PEER from one address, ADMIN_CLIENT_BYTES of request
 * each, one request per connection, and no connection lives longer than ADMIN_LIFE_NS, however busy it looks. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define ADMIN_CLIENTS 64
#define ADMIN_PER_PEER 24
#define ADMIN_CLIENT_BYTES 8192
#define ADMIN_LIFE_NS 10000000000ull

struct admin; /* opaque */
struct config;
struct daemon;

/* Listens and starts the thread when the configuration asks for it; else *ret is NULL. 0, or -errno with err. [main] */
int admin_start(struct daemon *d, const struct config *c, struct admin **ret, struct base_err *err);
void admin_stop(struct admin *a); /* frees; NULL allowed. [main] */
/* Was it made from another configuration, or another certificate file? [main] */
bool admin_differs(const struct admin *a, const struct config *c);

/* ---- admin_page.c */
struct admin_rules {
	char *healthz; /* owned */
	bool metrics, remote_all;
};
struct admin_page {
	unsigned status;
	const char *type; /* static */
	struct base_buf body;
};
/* What is answered to a request. here: the peer is on this machine. [admin] */
void admin_page(struct daemon *d, const struct admin_rules *r, const char *method, const char *path, bool here, struct admin_page *ret);
