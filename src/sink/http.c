/* Alerts as HTTP POST, one request each, on one connection. Functions run on the sink's thread, open on main
 * before that.
 *
 * Acknowledged is an alert when the receiver answers 2xx. 400, 413, 415, 422 and 431 say that this very alert will never be
 * taken: it is given up, counted and told. Everything else (an error of transport, any other status) is tried
 * again. */
#include "sink/fdout.h"
#include "sink/remote.h"

#include "base/log.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define ECHO_MAX 65536 /* bytes of one answer */

struct http {
	struct sink_format format;
	struct http_opts o; /* strings owned */
	char *shown; /* owned: the URL without user, password and query, for the log */
	CURL *curl;
	struct base_buf line, body;
	char error[CURL_ERROR_SIZE];
	struct fdout echo; /* standard output */
	size_t echoed;
	long last_rejected; /* status that was told last */
	struct store *store;
	_Atomic bool give_up; /* relaxed: looked at again and again */
};

/* ---- libcurl's callbacks ----------------------------------------------------------------- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct http *h = arg;
	size_t len = size * n;

	if (h->o.echo && h->echoed < ECHO_MAX) {
		buf_add(&h->echo.pending, p, len);
		fdout_flush(&h->echo); /* what cannot be shown is no failure of the delivery */
	}
	h->echoed += len;
	return len;
}

static int on_progress(void *arg, curl_off_t dt, curl_off_t dn, curl_off_t ut, curl_off_t un)
{
	struct http *h = arg;

	(void)dt, (void)dn, (void)ut, (void)un;
	return atomic_load_explicit(&h->give_up, memory_order_relaxed);
}

/* ---- one request ------------------------------------------------------------------------- */

/* gzip of line in body. */
static bool compress_line(struct http *h)
{
	z_stream z = { 0 };
	bool ok;

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	buf_reset(&h->body);
	if (h->line.len < UINT_MAX && buf_reserve(&h->body, deflateBound(&z, h->line.len))) {
		z.next_in = (unsigned char *)h->line.p;
		z.avail_in = (unsigned)h->line.len;
		z.next_out = (unsigned char *)h->body.p;
		z.avail_out = (unsigned)(h->body.cap - 1);
	}
	ok = z.next_out && deflate(&z, Z_FINISH) == Z_STREAM_END;
	h->body.len = z.total_out;
	deflateEnd(&z);
	return ok;
}

static struct curl_slist *add_header(struct curl_slist *l, const char *text)
{
	struct curl_slist *n = curl_slist_append(l, text);

	return n ? n : l;
}

/* The receiver can tell an alert that comes twice by its number in the store. */
static struct curl_slist *headers(struct http *h, uint64_t id)
{
	struct curl_slist *l = NULL;
	char text[128], uuid[37];

	l = add_header(l, h->format.json ? "Content-Type: application/json" : "Content-Type: text/plain");
	l = add_header(l, "Expect:"); /* no waiting for 100-continue */
	if (h->o.compress)
		l = add_header(l, "Content-Encoding: gzip");
	if (id && h->store && *store_uuid(h->store, uuid)) {
		snprintf(text, sizeof(text), "Saker-Alert: %s/%llu", uuid, (unsigned long long)id);
		l = add_header(l, text);
	}
	return l;
}

/* 0 acknowledged, 1 refused for good, -errno with err. */
static int judge(struct http *h, CURLcode c, struct base_err *err)
{
	long status = 0;

	if (c != CURLE_OK) {
		base_err_set(err, NULL, 0, 0, "libcurl failed to perform call: %s", h->error[0] ? h->error : curl_easy_strerror(c));
		return c == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
	}
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	switch (status) {
	case 200 ... 299:
		return 0;
	case 400: case 413: case 415: case 422: case 431:
		if (h->last_rejected != status)
			log_err("output \"http\": %s answers %ld: such alerts are given up", h->shown, status);
		h->last_rejected = status;
		return 1;
	default:
		base_err_set(err, NULL, 0, 0, "%s answers %ld", h->shown, status);
		return -EREMOTEIO;
	}
}

static int post(struct http *h, const struct store_item *item, struct base_err *err)
{
	const struct base_buf *body = &h->line;
	struct curl_slist *l;
	int r;

	buf_reset(&h->line);
	sink_format_alert(&h->line, &h->format, item->a);
	if (h->line.failed || (h->o.compress && !compress_line(h)))
		return base_err_set(err, NULL, 0, 0, "no memory");
	if (h->o.compress)
		body = &h->body;
	l = headers(h, item->id);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, l);
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, body->p ? body->p : "");
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
	h->echoed = 0;
	h->error[0] = '\0';
	for (unsigned tries = 0;; tries++) {
		r = judge(h, curl_easy_perform(h->curl), err);
		/* A receiver that was slow once gets the alert again at once. */
		if (r != -ETIMEDOUT || tries >= h->o.max_timeouts || atomic_load_explicit(&h->give_up, memory_order_relaxed))
			break;
	}
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(l);
	return r;
}

static int http_send(void *ctx, const struct store_item *item, unsigned count, struct remote_result *ret, struct base_err *err)
{
	struct http *h = ctx;

	while (ret->done < count) {
		int r = post(h, &item[ret->done], err);

		if (r < 0)
			return r;
		ret->done++;
		ret->rejected += (unsigned)r;
	}
	return 0;
}

/* ---- set up ------------------------------------------------------------------------------ */

#define SET(opt, value) (r = r ? r : curl_easy_setopt(h->curl, opt, value))

static CURLcode set_tls(struct http *h)
{
	CURLcode r = CURLE_OK;

	if (h->o.insecure) {
		SET(CURLOPT_SSL_VERIFYPEER, 0L);
		SET(CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (h->o.mtls) {
		SET(CURLOPT_SSLCERT, h->o.client_cert);
		SET(CURLOPT_SSLKEY, h->o.client_key);
	}
	/* Falco's order: the one certificate, else the bundle, else the directory. */
	if (*h->o.ca_cert)
		SET(CURLOPT_CAINFO, h->o.ca_cert);
	else if (*h->o.ca_bundle)
		SET(CURLOPT_CAINFO, h->o.ca_bundle);
	else
		SET(CURLOPT_CAPATH, h->o.ca_path);
	return r;
}

static int http_open(void *ctx, struct base_err *err)
{
	struct http *h = ctx;
	CURLcode r = curl_global_init(CURL_GLOBAL_DEFAULT);

	h->curl = r ? NULL : curl_easy_init();
	if (!h->curl)
		return base_err_set(err, NULL, 0, 0, "http_output: libcurl failed to initialize");
	SET(CURLOPT_URL, h->o.url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_USERAGENT, h->o.user_agent);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_ERRORBUFFER, h->error);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, h);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, h);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_TIMEOUT_MS, (long)h->o.timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)h->o.timeout_ms);
	if (h->o.keep_alive)
		SET(CURLOPT_TCP_KEEPALIVE, 1L);
	r = r ? r : set_tls(h);
	if (r)
		return base_err_set(err, NULL, 0, 0, "http_output: libcurl error: %s", curl_easy_strerror(r));
	return 0;
}

static void http_close(void *ctx)
{
	struct http *h = ctx;

	if (h->curl)
		curl_easy_cleanup(h->curl);
	buf_fini(&h->line);
	buf_fini(&h->body);
	fdout_fini(&h->echo);
	free(h->shown);
	free((char *)h->o.url);
	free((char *)h->o.user_agent);
	free((char *)h->o.ca_cert);
	free((char *)h->o.ca_bundle);
	free((char *)h->o.ca_path);
	free((char *)h->o.client_cert);
	free((char *)h->o.client_key);
	free(h);
}

static void http_interrupt(void *ctx)
{
	struct http *h = ctx;

	atomic_store_explicit(&h->give_up, true, memory_order_relaxed);
	fdout_interrupt(&h->echo);
}

static void http_attach(void *ctx, struct store *store, int reader)
{
	struct http *h = ctx;

	(void)reader;
	h->store = store;
}

static const struct remote_ops http_ops = {
	.name = "http",
	.open = http_open,
	.send = http_send,
	.interrupt = http_interrupt,
	.close = http_close,
	.attach = http_attach,
};

/* Falco allows the URL to be quoted. */
static char *unquoted(const char *url)
{
	size_t len = strlen(url);

	if (len >= 2 && (url[0] == '"' || url[0] == '\'') && url[len - 1] == url[0])
		return strndup(url + 1, len - 2);
	return strdup(url);
}

/* A URL may hold secrets. */
static char *without_secrets(const char *url)
{
	const char *host = strstr(url, "://"), *slash, *at;
	char *shown;

	if (!host)
		return strdup("the receiver");
	host += 3;
	slash = host + strcspn(host, "/?#");
	at = memrchr(host, '@', (size_t)(slash - host));
	if (asprintf(&shown, "%.*s%.*s", (int)(host - url), url, (int)strcspn(at ? at + 1 : host, "?#"), at ? at + 1 : host) < 0)
		return NULL;
	return shown;
}

struct remote *remote_http_new(const struct sink_format *f, const struct http_opts *o, struct store *store, const char *hostname)
{
	struct http *h = calloc(1, sizeof(*h));
	struct remote *r = NULL;

	if (!h)
		return NULL;
	h->format = *f;
	h->o = *o;
	fdout_init(&h->echo, false);
	fdout_set(&h->echo, STDOUT_FILENO);
	h->o.url = unquoted(o->url);
	h->shown = h->o.url ? without_secrets(h->o.url) : NULL;
	h->o.user_agent = strdup(o->user_agent);
	h->o.ca_cert = strdup(o->ca_cert);
	h->o.ca_bundle = strdup(o->ca_bundle);
	h->o.ca_path = strdup(o->ca_path);
	h->o.client_cert = strdup(o->client_cert);
	h->o.client_key = strdup(o->client_key);
	if (h->o.url && h->shown && h->o.user_agent && h->o.ca_cert && h->o.ca_bundle && h->o.ca_path && h->o.client_cert && h->o.client_key)
		r = remote_new(&http_ops, h, store, hostname);
	if (!r)
		http_close(h);
	return r;
}
