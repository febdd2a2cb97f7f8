/* HTTP/2 on one connection, by nghttp2, and the calls on it. [grpc]
 *
 * What counts as delivered: gRPC has no acknowledgement, but HTTP/2 has: behind a batch goes a PING, and as both ends
 * work through frames in order, its answer says that the client's side has received everything before it. Flow
 * control comes first: the PING is sent when the client has made room for the last byte. */
#include "sink/grpc_internal.h"

#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX 65536 /* bytes that a client may send in one call; the messages are empty */
#define STREAMS_MAX 32
#define FLIGHT_NS 30000000000ull /* a client that doesn't take a batch for so long is let go */

static const struct { const char *path; enum grpc_kind kind; } methods[] = {
	{ "/falco.outputs.service/sub", GRPC_SUB },
	{ "/falco.outputs.service/get", GRPC_GET },
	{ "/falco.version.service/version", GRPC_VERSION },
};

/* ---- the batch under way ----------------------------------------------------------------- */

static void flight_over(struct grpc *g, int result)
{
	g->flight = NULL;
	g->flight_conn = NULL;
	pthread_mutex_lock(&g->lock);
	g->taken = false;
	/* The sink's thread may have given up waiting meanwhile. */
	if (g->item) {
		g->result = result;
		g->item = NULL;
		pthread_cond_signal(&g->done);
	}
	pthread_mutex_unlock(&g->lock);
}

/* ---- streams ----------------------------------------------------------------------------- */

static struct grpc_stream *find(nghttp2_session *s, int32_t id)
{
	return nghttp2_session_get_stream_user_data(s, id);
}

static void free_stream(struct grpc_conn *c, struct grpc_stream *st)
{
	for (struct grpc_stream **p = &c->streams; *p; p = &(*p)->next) {
		if (*p == st) {
			*p = st->next;
			break;
		}
	}
	if (c->g->flight == st)
		flight_over(c->g, -1);
	buf_fini(&st->out);
	free(st);
}

#define NV(n, v) { (uint8_t *)(n), (uint8_t *)(v), sizeof(n) - 1, sizeof(v) - 1, NGHTTP2_NV_FLAG_NONE }

static int submit_trailer(nghttp2_session *s, int32_t id)
{
	const nghttp2_nv nv[] = { NV("grpc-status", "0") };

	return nghttp2_submit_trailer(s, id, nv, 1);
}

/* nghttp2 asks for the stream's next bytes. */
static ssize_t on_read(nghttp2_session *s, int32_t id, uint8_t *buf, size_t len, uint32_t *flags, nghttp2_data_source *src, void *arg)
{
	struct grpc_stream *st = src->ptr;
	size_t n = st->out.len - st->sent < len ? st->out.len - st->sent : len;

	(void)arg;
	if (!n && !st->ending)
		return NGHTTP2_ERR_DEFERRED;
	if (n)
		memcpy(buf, st->out.p + st->sent, n);
	st->sent += n;
	if (st->sent == st->out.len) {
		buf_reset(&st->out);
		st->sent = 0;
		if (st->ending) {
			*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
			submit_trailer(s, id);
		}
	}
	return (ssize_t)n;
}

/* Response headers, and from then on what stands in out. */
static int respond(struct grpc_conn *c, struct grpc_stream *st)
{
	const nghttp2_nv nv[] = { NV(":status", "200"), NV("content-type", "application/grpc") };
	nghttp2_data_provider data = { .source = { .ptr = st }, .read_callback = on_read };

	st->started = true;
	return nghttp2_submit_response(c->session, st->id, nv, 2, &data);
}

/* An error without a message: everything is in one header frame. 12: no such method. */
static int refuse(struct grpc_conn *c, struct grpc_stream *st)
{
	const nghttp2_nv nv[] = { NV(":status", "200"), NV("content-type", "application/grpc"), NV("grpc-status", "12"),
				  NV("grpc-message", "no such method") };

	st->started = true;
	return nghttp2_submit_response(c->session, st->id, nv, 4, NULL);
}

static int answer(struct grpc_conn *c, struct grpc_stream *st)
{
	struct grpc *g = c->g;

	switch (st->post ? st->kind : GRPC_UNKNOWN) {
	case GRPC_GET:
		st->until = store_cursor(g->store, g->reader) + store_backlog(g->store, g->reader);
		return respond(c, st);
	case GRPC_VERSION:
		grpc_add_version(&st->out, &g->o);
		st->ending = true;
		return respond(c, st);
	case GRPC_SUB:
		return respond(c, st);
	default:
		return refuse(c, st);
	}
}

/* ---- nghttp2's callbacks ----------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *s, const nghttp2_frame *f, void *arg)
{
	struct grpc_conn *c = arg;
	struct grpc_stream *st;

	if (f->hd.type != NGHTTP2_HEADERS || f->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	st = calloc(1, sizeof(*st));
	if (!st)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	st->id = f->hd.stream_id;
	st->kind = GRPC_UNKNOWN;
	st->next = c->streams;
	c->streams = st;
	return nghttp2_session_set_stream_user_data(s, st->id, st);
}

static bool is(const uint8_t *p, size_t len, const char *text)
{
	return len == strlen(text) && !memcmp(p, text, len);
}

static int on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t nlen, const uint8_t *value, size_t vlen,
		     uint8_t flags, void *arg)
{
	struct grpc_stream *st = find(s, f->hd.stream_id);

	(void)flags, (void)arg;
	if (!st || f->hd.type != NGHTTP2_HEADERS || st->started)
		return 0;
	if (is(name, nlen, ":method"))
		st->post = is(value, vlen, "POST");
	for (size_t i = 0; is(name, nlen, ":path") && i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (is(value, vlen, methods[i].path))
			st->kind = methods[i].kind;
	}
	return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p, size_t len, void *arg)
{
	struct grpc_stream *st = find(s, id);

	(void)flags, (void)p, (void)arg;
	if (!st)
		return 0;
	/* Messages of requests are empty, each five bytes of frame: nothing to read, but not without end. A `sub`
	 * may ask again from time to time, as older clients do. */
	st->request_bytes += len;
	if (st->kind != GRPC_SUB && st->request_bytes > REQUEST_MAX)
		return nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
	return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *f, void *arg)
{
	struct grpc_conn *c = arg;
	struct grpc *g = c->g;
	struct grpc_stream *st;
	uint64_t seq;

	if (f->hd.type == NGHTTP2_PING && f->hd.flags & NGHTTP2_FLAG_ACK) {
		memcpy(&seq, f->ping.opaque_data, sizeof(seq));
		if (g->flight_conn == c && g->flight_pinged && seq == g->flight_seq)
			flight_over(g, 1);
		return 0;
	}
	if (f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA)
		return 0;
	st = find(s, f->hd.stream_id);
	if (!st || st->started)
		return 0;
	/* A stream of requests may stay open for ever: its answer begins with the call. */
	if (f->hd.flags & NGHTTP2_FLAG_END_STREAM || (st->kind == GRPC_SUB && f->hd.type == NGHTTP2_HEADERS))
		return answer(c, st);
	return 0;
}

static int on_close(nghttp2_session *s, int32_t id, uint32_t code, void *arg)
{
	struct grpc_conn *c = arg;
	struct grpc_stream *st = find(s, id);

	(void)code;
	if (st)
		free_stream(c, st);
	return 0;
}

static bool wants_alerts(const struct grpc_stream *st)
{
	return st->started && !st->ending && (st->kind == GRPC_SUB || st->kind == GRPC_GET);
}

/* ---- for grpc_server.c ------------------------------------------------------------------- */

int grpc_session_start(struct grpc_conn *c)
{
	const nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX } };
	nghttp2_session_callbacks *cb;
	int r;

	if (nghttp2_session_callbacks_new(&cb))
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	r = nghttp2_session_server_new(&c->session, cb, c);
	nghttp2_session_callbacks_del(cb);
	if (!r)
		r = nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 1);
	return r ? -ENOMEM : 0;
}

int grpc_session_recv(struct grpc_conn *c, const uint8_t *p, size_t len)
{
	return nghttp2_session_mem_recv(c->session, p, len) < 0 ? -EPROTO : 0;
}

int grpc_session_send(struct grpc_conn *c)
{
	const uint8_t *p;
	ssize_t n;

	/* One socket buffer's worth at a time: the rest stays in the streams. */
	while (c->out.len - c->sent < 65536 && (n = nghttp2_session_mem_send(c->session, &p)) > 0)
		buf_add(&c->out, p, (size_t)n);
	if (c->out.failed)
		return -ENOMEM;
	return nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session) || c->out.len > c->sent ? 0 : -EPIPE;
}

void grpc_session_goodbye(struct grpc_conn *c)
{
	for (struct grpc_stream *st = c->streams; st; st = st->next) {
		if (!wants_alerts(st))
			continue;
		st->ending = true;
		nghttp2_session_resume_data(c->session, st->id);
	}
	nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR, NULL, 0);
}

void grpc_session_end(struct grpc_conn *c)
{
	while (c->streams)
		free_stream(c, c->streams);
	if (c->session)
		nghttp2_session_del(c->session);
	c->session = NULL;
}

/* ---- giving out alerts ------------------------------------------------------------------- */

/* Of those that want alerts and have nothing to send yet, the one that had the fewest. */
static struct grpc_stream *next_stream(struct grpc *g, struct grpc_conn **ret_conn)
{
	struct grpc_stream *best = NULL;

	for (unsigned i = 0; i < GRPC_CONNS; i++) {
		struct grpc_conn *c = &g->conn[i];

		for (struct grpc_stream *st = c->fd < 0 || c->dead ? NULL : c->streams; st; st = st->next) {
			if (!wants_alerts(st) || st->out.len || (best && best->served <= st->served))
				continue;
			best = st;
			*ret_conn = c;
		}
	}
	return best;
}

/* Copies the offered batch into a stream. */
static void take_batch(struct grpc *g)
{
	struct grpc_conn *c = NULL;
	struct grpc_stream *st = next_stream(g, &c);

	if (!st)
		return;
	pthread_mutex_lock(&g->lock);
	if (g->item && !g->taken) {
		for (unsigned i = 0; i < g->count; i++)
			grpc_add_alert(&st->out, g->item[i].a);
		g->taken = true;
		g->flight = st;
		g->flight_conn = c;
		g->flight_pinged = false;
		g->flight_ns = base_mono_ns();
		g->flight_seq++;
	}
	pthread_mutex_unlock(&g->lock);
	if (g->flight != st)
		return;
	st->served++;
	if (st->out.failed)
		c->dead = true; /* no memory: the client comes back, the batch too */
	else
		nghttp2_session_resume_data(c->session, st->id);
}

/* The last byte has left the stream: the ping goes behind it. */
static void ping_behind(struct grpc *g)
{
	uint8_t opaque[8];

	if (!g->flight || g->flight_pinged || g->flight->out.len)
		return;
	memcpy(opaque, &g->flight_seq, sizeof(opaque));
	nghttp2_submit_ping(g->flight_conn->session, NGHTTP2_FLAG_NONE, opaque);
	g->flight_pinged = true;
}

static void end_gets(struct grpc *g, struct grpc_conn *c)
{
	for (struct grpc_stream *st = c->streams; st; st = st->next) {
		if (st->kind != GRPC_GET || !wants_alerts(st) || st->out.len || g->flight == st ||
		    store_cursor(g->store, g->reader) < st->until)
			continue;
		st->ending = true;
		nghttp2_session_resume_data(c->session, st->id);
	}
}

void grpc_sessions_work(struct grpc *g)
{
	unsigned subscribers = 0;

	ping_behind(g);
	if (g->flight && base_mono_ns() - g->flight_ns > FLIGHT_NS) {
		log_warn("output \"grpc\": a client does not take its alerts, its connection is closed");
		g->flight_conn->dead = true;
	}
	if (!g->flight)
		take_batch(g);
	for (unsigned i = 0; i < GRPC_CONNS; i++) {
		struct grpc_conn *c = &g->conn[i];

		if (c->fd < 0 || c->dead)
			continue;
		end_gets(g, c);
		for (struct grpc_stream *st = c->streams; st; st = st->next)
			subscribers += wants_alerts(st);
	}
	pthread_mutex_lock(&g->lock);
	if (g->ending && !subscribers && g->subscribers)
		pthread_cond_signal(&g->done);
	g->subscribers = subscribers;
	pthread_mutex_unlock(&g->lock);
}
