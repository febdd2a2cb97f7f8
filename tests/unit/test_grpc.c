/* The gRPC output over its unix socket, with a small client on nghttp2: calls, what is delivered and when, what a
 * client that leaves gets the next time, clients that speak nonsense. test_peers.sh has gRPC's own client. */
#include "base/thread.h"
#include "sink/grpc_internal.h"

#include "falco.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
	char dir[32], bind[64];
	struct store *store;
	struct remote *remote;
};

static int start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store_opts so = { .capacity = 100 };
	struct base_err err = { 0 };
	struct grpc_opts o = { .bind_address = f->bind, .private_key = "", .cert_chain = "", .root_certs = "", .version = "1.2.3",
			       .engine_minor = 63, .engine_patch = 0 };

	strcpy(f->dir, "/tmp/saker-grpc-XXXXXX");
	snprintf(f->bind, sizeof(f->bind), "unix://%s/s", mkdtemp(f->dir));
	f->store = store_new(&so);
	f->remote = remote_grpc_new(&o, f->store, "h");
	assert_int_equal(store_start(f->store, &err), 0);
	if (remote_start(f->remote, &err))
		fail_msg("%s", err.msg);
	*state = f;
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	remote_free(f->remote);
	store_free(f->store);
	rmdir(f->dir); /* the socket is gone */
	free(f);
	return 0;
}

static void put(struct fixture *f, unsigned from, unsigned to)
{
	for (unsigned i = from; i <= to; i++) {
		char line[32];
		struct alert_text t = { .rule = "r", .source = "syscall", .hostname = "h", .line = line,
					.fields_json = "{\"a\":1,\"b\":\"x\",\"c\":null,\"d\":[\"y\"]}", .tags_json = "[\"t\",\"u\"]" };
		struct alert *a;

		snprintf(line, sizeof(line), "alert %u", i);
		a = alert_new(&t);
		a->priority = 4;
		a->ts = 5000000007ull;
		store_put(f->store, a);
		alert_unref(a);
	}
}

/* ---- a client ------------------------------------------------------------------------------ */

struct client {
	int fd;
	nghttp2_session *s;
	struct base_buf in; /* of the one call */
	char status[8];	    /* grpc-status */
	bool closed;
	bool hold; /* gives the server no more room */
};

static ssize_t on_send(nghttp2_session *s, const uint8_t *p, size_t len, int flags, void *arg)
{
	struct client *c = arg;
	ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

	(void)s, (void)flags;
	return n < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : n;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p, size_t len, void *arg)
{
	struct client *c = arg;

	(void)flags;
	buf_add(&c->in, p, len);
	if (!c->hold)
		nghttp2_session_consume(s, id, len);
	return 0;
}

static int on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t nlen, const uint8_t *value, size_t vlen,
		     uint8_t flags, void *arg)
{
	struct client *c = arg;

	(void)s, (void)f, (void)flags;
	if (nlen == 11 && !memcmp(name, "grpc-status", 11))
		snprintf(c->status, sizeof(c->status), "%.*s", (int)vlen, (const char *)value);
	return 0;
}

static int on_close(nghttp2_session *s, int32_t id, uint32_t code, void *arg)
{
	(void)s, (void)id, (void)code;
	((struct client *)arg)->closed = true;
	return 0;
}

static int connect_to(struct fixture *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, f->bind + 7);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

#define NV(n, v) { (uint8_t *)(n), (uint8_t *)(v), sizeof(n) - 1, strlen(v), NGHTTP2_NV_FLAG_NONE }

/* Starts a call without a body: its one message is empty, and the server doesn't look at it. */
static void call(struct fixture *f, struct client *c, const char *method, const char *path, bool hold)
{
	const nghttp2_nv nv[] = { NV(":method", method), NV(":scheme", "http"), NV(":path", path), NV(":authority", "x"), NV("te", "trailers") };
	const nghttp2_settings_entry small = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100 };
	nghttp2_session_callbacks *cb;
	nghttp2_option *opt;

	*c = (struct client){ .fd = connect_to(f), .hold = hold };
	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_send_callback(cb, on_send);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_option_new(&opt);
	nghttp2_option_set_no_auto_window_update(opt, 1);
	nghttp2_session_client_new2(&c->s, cb, c, opt);
	nghttp2_option_del(opt);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(c->s, 0, &small, hold ? 1 : 0);
	assert_true(nghttp2_submit_request(c->s, NULL, nv, 5, NULL, NULL) > 0);
	nghttp2_session_send(c->s);
}

static unsigned messages(const struct client *c)
{
	unsigned n = 0;

	for (size_t at = 0; at + 5 <= c->in.len; n++) {
		const uint8_t *p = (const uint8_t *)c->in.p + at;

		at += 5 + ((size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4]);
		if (at > c->in.len)
			break;
	}
	return n;
}

/* Reads until there are so many messages, or the call is over, or the time is. */
static void read_until(struct client *c, unsigned want, unsigned ms)
{
	uint64_t end = base_mono_ns() + (uint64_t)ms * 1000000u;
	uint8_t buf[4096];

	while (messages(c) < want && !c->closed && base_mono_ns() < end) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, 10) <= 0)
			continue;
		n = recv(c->fd, buf, sizeof(buf), 0);
		if (n <= 0)
			break;
		assert_true(nghttp2_session_mem_recv(c->s, buf, (size_t)n) >= 0);
		nghttp2_session_send(c->s);
	}
}

static void leave(struct client *c)
{
	nghttp2_session_del(c->s);
	close(c->fd);
	buf_fini(&c->in);
}

static void wait_delivered(struct fixture *f, uint64_t want)
{
	uint64_t end = base_mono_ns() + 5000000000u;
	struct sink_stats st;

	do {
		usleep(1000);
		remote_stats(f->remote, &st);
	} while (st.delivered < want && base_mono_ns() < end);
	assert_int_equal(st.delivered, want);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void grpc_version_tells_versions(void **state)
{
	FalcoWire__Version *v;
	struct client c;

	call(*state, &c, "POST", "/falco.version.service/version", false);
	read_until(&c, 2, 3000);
	assert_true(c.closed);
	assert_string_equal(c.status, "0");
	v = falco_wire__version__unpack(NULL, c.in.len - 5, (uint8_t *)c.in.p + 5);
	assert_non_null(v);
	assert_string_equal(v->version, "1.2.3");
	assert_int_equal(v->patch, 3);
	assert_string_equal(v->engine_version, "0.63.0");
	falco_wire__version__free_unpacked(v, NULL);
	leave(&c);
}

static void grpc_unknown_method_or_verb_is_refused(void **state)
{
	struct client c;

	call(*state, &c, "POST", "/falco.outputs.service/none", false);
	read_until(&c, 1, 3000);
	assert_string_equal(c.status, "12");
	leave(&c);
	call(*state, &c, "GET", "/falco.outputs.service/get", false);
	read_until(&c, 1, 3000);
	assert_string_equal(c.status, "12");
	leave(&c);
}

static void grpc_sub_gets_alerts_as_they_come(void **state)
{
	struct fixture *f = *state;
	FalcoWire__Output *m;
	struct client c;

	call(f, &c, "POST", "/falco.outputs.service/sub", false);
	put(f, 1, 3);
	read_until(&c, 3, 3000);
	assert_int_equal(messages(&c), 3);
	put(f, 4, 5);
	read_until(&c, 5, 3000);
	assert_int_equal(messages(&c), 5);
	assert_false(c.closed);
	m = falco_wire__output__unpack(NULL, (uint8_t)c.in.p[4], (uint8_t *)c.in.p + 5);
	assert_non_null(m);
	assert_string_equal(m->output, "alert 1");
	assert_string_equal(m->rule, "r");
	assert_string_equal(m->hostname, "h");
	assert_string_equal(m->source, "syscall");
	assert_int_equal(m->priority, 4);
	assert_int_equal(m->time->seconds, 5);
	assert_int_equal(m->time->nanos, 7);
	assert_int_equal(m->n_tags, 2);
	assert_string_equal(m->tags[1], "u");
	assert_int_equal(m->n_output_fields, 4);
	assert_string_equal(m->output_fields[0]->value, "1");
	assert_string_equal(m->output_fields[1]->value, "x");
	assert_string_equal(m->output_fields[2]->value, "null");
	assert_string_equal(m->output_fields[3]->value, "[\"y\"]");
	falco_wire__output__free_unpacked(m, NULL);
	read_until(&c, 6, 100); /* answers the ping */
	wait_delivered(f, 5);
	leave(&c);
}

static void grpc_get_brings_what_waits_and_ends(void **state)
{
	struct fixture *f = *state;
	struct client c;

	put(f, 1, 20);
	call(f, &c, "POST", "/falco.outputs.service/get", false);
	read_until(&c, 21, 5000);
	assert_true(c.closed);
	assert_string_equal(c.status, "0");
	assert_int_equal(messages(&c), 20);
	leave(&c);
	call(f, &c, "POST", "/falco.outputs.service/get", false);
	read_until(&c, 1, 3000);
	assert_true(c.closed);
	assert_int_equal(messages(&c), 0);
	leave(&c);
}

static void grpc_client_that_did_not_take_it_all_leaves_it_to_the_next(void **state)
{
	struct fixture *f = *state;
	struct sink_stats st;
	struct client c;

	put(f, 1, 10);
	call(f, &c, "POST", "/falco.outputs.service/sub", true); /* room for 100 bytes */
	read_until(&c, 10, 300);
	assert_in_range(messages(&c), 0, 2);
	remote_stats(f->remote, &st);
	assert_int_equal(st.delivered, 0);
	leave(&c);
	call(f, &c, "POST", "/falco.outputs.service/sub", false);
	read_until(&c, 10, 5000);
	assert_int_equal(messages(&c), 10);
	read_until(&c, 11, 100);
	wait_delivered(f, 10);
	leave(&c);
}

static void grpc_nonsense_closes_the_connection_and_harms_nobody(void **state)
{
	struct fixture *f = *state;
	char text[256];
	struct client c;

	memset(text, 'G', sizeof(text));
	for (unsigned i = 0; i < 100; i++) {
		int fd = connect_to(f);

		if (i % 2)
			assert_int_equal(send(fd, text, sizeof(text), MSG_NOSIGNAL), sizeof(text));
		close(fd);
	}
	call(f, &c, "POST", "/falco.outputs.service/sub", false);
	put(f, 1, 1);
	read_until(&c, 1, 3000);
	assert_int_equal(messages(&c), 1);
	leave(&c);
}

static void grpc_socket_in_use_is_an_error_and_a_stale_one_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct grpc_opts o = { .bind_address = f->bind, .private_key = "", .cert_chain = "", .root_certs = "", .version = "" };
	struct store_opts so = { .capacity = 1 };
	struct store *s = store_new(&so);
	struct remote *r = remote_grpc_new(&o, s, "h");
	struct base_err err = { 0 };
	char stale[64];
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(remote_start(r, &err) < 0);
	assert_non_null(strstr(err.msg, "Address already in use"));
	remote_free(r);
	store_free(s);
	snprintf(stale, sizeof(stale), "unix://%s/t", f->dir);
	strcpy(a.sun_path, stale + 7);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	o.bind_address = stale;
	s = store_new(&so);
	r = remote_grpc_new(&o, s, "h");
	assert_int_equal(remote_start(r, &err), 0);
	remote_free(r);
	store_free(s);
	/* the socket of the fixture is still there: the failed one has not removed it */
	assert_int_equal(access(f->bind + 7, F_OK), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		T(grpc_version_tells_versions),
		T(grpc_unknown_method_or_verb_is_refused),
		T(grpc_sub_gets_alerts_as_they_come),
		T(grpc_get_brings_what_waits_and_ends),
		T(grpc_client_that_did_not_take_it_all_leaves_it_to_the_next),
		T(grpc_nonsense_closes_the_connection_and_harms_nobody),
		T(grpc_socket_in_use_is_an_error_and_a_stale_one_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
