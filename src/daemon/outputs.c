/* From the configuration to the hub, the store and the outputs. Called by run.c on main. */
#include "daemon/run_internal.h"

#include "sink/store.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define HUB_WINDOW_MS 10 /* an alert waits for earlier ones of other workers for one to two of these */

static bool any_remote(const struct config *c)
{
	return c->http_enabled || c->grpc_enabled || c->kafka_enabled;
}

bool outputs_any(const struct config *c)
{
	return c->stdout_enabled || c->file_enabled || c->syslog_enabled || c->program_enabled || any_remote(c);
}

/* ---- the outputs, one by one --------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
	return !a || !b ? a == b : !strcmp(a, b);
}

static bool same_list(char *const *a, char *const *b)
{
	for (; *a && *b && !strcmp(*a, *b); a++, b++)
		;
	return !*a && !*b;
}

static bool is_buffered(const struct daemon *d, const struct config *c)
{
	return c->buffered && !d->o->unbuffered;
}

static struct sink *make_stdout(const struct daemon *d, const struct config *c)
{
	return sink_stdout_new(&c->format, is_buffered(d, c));
}

static struct sink *make_file(const struct daemon *d, const struct config *c)
{
	return sink_file_new(&c->format, c->file_path, c->file_keep_alive, is_buffered(d, c));
}

static bool same_file(const struct config *a, const struct config *b)
{
	return same(a->file_path, b->file_path) && a->file_keep_alive == b->file_keep_alive;
}

static struct sink *make_syslog(const struct daemon *d, const struct config *c)
{
	(void)d;
	return sink_syslog_new(&c->format);
}

static struct sink *make_program(const struct daemon *d, const struct config *c)
{
	return sink_program_new(&c->format, c->program, c->program_keep_alive, is_buffered(d, c));
}

static bool same_program(const struct config *a, const struct config *b)
{
	return same(a->program, b->program) && a->program_keep_alive == b->program_keep_alive;
}

static struct remote *make_http(const struct daemon *d, const struct config *c, struct store *s)
{
	return remote_http_new(&c->format, &c->http, s, d->hostname);
}

static bool same_http(const struct config *ca, const struct config *cb)
{
	const struct http_opts *a = &ca->http, *b = &cb->http;

	return same(a->url, b->url) && same(a->user_agent, b->user_agent) && same(a->ca_cert, b->ca_cert) &&
	       same(a->ca_bundle, b->ca_bundle) && same(a->ca_path, b->ca_path) && same(a->client_cert, b->client_cert) &&
	       same(a->client_key, b->client_key) && a->insecure == b->insecure && a->mtls == b->mtls && a->echo == b->echo &&
	       a->compress == b->compress && a->keep_alive == b->keep_alive && a->max_timeouts == b->max_timeouts &&
	       a->timeout_ms == b->timeout_ms;
}

static struct remote *make_grpc(const struct daemon *d, const struct config *c, struct store *s)
{
	return remote_grpc_new(&c->grpc, s, d->hostname);
}

static bool same_grpc(const struct config *ca, const struct config *cb)
{
	const struct grpc_opts *a = &ca->grpc, *b = &cb->grpc;

	return same(a->bind_address, b->bind_address) && same(a->private_key, b->private_key) && same(a->cert_chain, b->cert_chain) &&
	       same(a->root_certs, b->root_certs);
}

static struct remote *make_kafka(const struct daemon *d, const struct config *c, struct store *s)
{
	return remote_kafka_new(&c->format, &c->kafka, s, d->hostname);
}

static bool same_kafka(const struct config *ca, const struct config *cb)
{
	const struct kafka_opts *a = &ca->kafka, *b = &cb->kafka;

	return same(a->brokers, b->brokers) && same(a->topic, b->topic) && a->timeout_ms == b->timeout_ms && same_list(a->names, b->names) &&
	       same_list(a->values, b->values);
}

#define ENABLED(member) offsetof(struct config, member)

/* In the order in which they are started. `name` is the output's own. */
static const struct local_kind {
	const char *name;
	size_t enabled; /* offset of the bool */
	struct sink *(*make)(const struct daemon *d, const struct config *c);
	bool (*same)(const struct config *a, const struct config *b); /* NULL: nothing of its own */
} locals[] = {
	{ "stdout", ENABLED(stdout_enabled), make_stdout, NULL },
	{ "file", ENABLED(file_enabled), make_file, same_file },
	{ "syslog", ENABLED(syslog_enabled), make_syslog, NULL },
	{ "program", ENABLED(program_enabled), make_program, same_program },
};

static const struct remote_kind {
	const char *name;
	size_t enabled;
	bool formatted; /* sends text or JSON as json_* say */
	struct remote *(*make)(const struct daemon *d, const struct config *c, struct store *s);
	bool (*same)(const struct config *a, const struct config *b);
} remotes[] = {
	{ "http", ENABLED(http_enabled), true, make_http, same_http },
	{ "grpc", ENABLED(grpc_enabled), false, make_grpc, same_grpc },
	{ "kafka", ENABLED(kafka_enabled), true, make_kafka, same_kafka },
};

#define LOCALS (sizeof(locals) / sizeof(locals[0]))
#define REMOTES (sizeof(remotes) / sizeof(remotes[0]))

static bool is_on(const struct config *c, size_t offset)
{
	return *(const bool *)((const char *)c + offset);
}

/* ---- start ---------------------------------------------------------------------------------------- */

static int no_memory(struct base_err *err, const char *what)
{
	base_err_set(err, NULL, 0, 0, "no memory for %s", what);
	return -ENOMEM;
}

static struct sink *make_local(const struct daemon *d, const struct config *c, const struct local_kind *k)
{
	struct sink *s = k->make(d, c);

	if (s)
		sink_set_timeout(s, c->output_timeout_ms);
	return s;
}

static int add_local(struct daemon *d, struct base_err *err)
{
	for (unsigned i = 0; i < LOCALS; i++) {
		struct sink *s;

		if (!is_on(d->c, locals[i].enabled))
			continue;
		s = make_local(d, d->c, &locals[i]);
		if (!s)
			return no_memory(err, "an output");
		hub_add_sink(d->hub, s);
	}
	return 0;
}

static struct store *make_store(const struct config *c)
{
	struct store_opts so = { .path = c->store_path, .max_bytes = c->store_max_bytes, .max_age_ns = c->store_max_age_ns,
				 .commit_ms = c->store_commit_ms, .capacity = c->queue_capacity,
				 .wait = c->engine == ENGINE_REPLAY };

	return store_new(&so);
}

/* The store stands behind the remote outputs also when it keeps nothing in a file. */
static int add_store(struct daemon *d, struct base_err *err)
{
	struct store *s;

	if (!any_remote(d->c) && !*d->c->store_path)
		return 0;
	s = make_store(d->c);
	if (!s)
		return no_memory(err, "the store");
	hub_set_store(d->hub, s);
	for (unsigned i = 0; i < REMOTES; i++) {
		struct remote *r;

		if (!is_on(d->c, remotes[i].enabled))
			continue;
		r = remotes[i].make(d, d->c, s);
		if (!r)
			return no_memory(err, "an output");
		hub_add_remote(d->hub, r);
	}
	return 0;
}

int outputs_start(struct daemon *d, struct base_err *err)
{
	const struct config *c = d->c;
	struct hub_opts ho = { .producers = d->nworkers ? d->nworkers : 1, .window_ms = HUB_WINDOW_MS,
			       .queue_capacity = c->queue_capacity, .ordered = c->engine == ENGINE_REPLAY,
			       .rate = c->throttle_rate, .burst = c->throttle_burst };
	int r;

	d->hub = hub_new(&ho);
	if (!d->hub)
		return base_err_set(err, NULL, 0, 0, "no memory for the outputs");
	r = add_local(d, err);
	if (!r)
		r = add_store(d, err);
	return r ? r : hub_start(d->hub, err);
}

/* ---- reload --------------------------------------------------------------------------------------- */

static bool same_format(const struct config *ca, const struct config *cb)
{
	const struct sink_format *a = &ca->format, *b = &cb->format;

	return a->json == b->json && a->include_output == b->include_output && a->include_message == b->include_message &&
	       a->include_fields == b->include_fields && a->include_tags == b->include_tags;
}

/* The output is as the new configuration wants it; what failed at the last reload is not. */
static bool is_kept(const struct daemon *d, unsigned bit, bool was, bool is, bool alike)
{
	return !(d->outputs_failed & bit) && was == is && (!is || alike);
}

static void done(struct daemon *d, unsigned bit, const char *name, bool is, int r, const struct base_err *err)
{
	d->outputs_failed = r ? d->outputs_failed | bit : d->outputs_failed & ~bit;
	if (r)
		log_err("reload: output \"%s\": %s", name, err->msg);
	else
		log_notice("reload: output \"%s\" %s", name, is ? "replaced" : "ends");
}

static void reload_locals(struct daemon *d, const struct config *was, const struct config *now)
{
	bool alike = same_format(was, now) && is_buffered(d, was) == is_buffered(d, now) && was->output_timeout_ms == now->output_timeout_ms;

	for (unsigned i = 0; i < LOCALS; i++) {
		const struct local_kind *k = &locals[i];
		bool is = is_on(now, k->enabled);
		struct base_err err = { .msg = "no memory" };
		struct sink *s = NULL;

		if (is_kept(d, 1u << i, is_on(was, k->enabled), is, alike && (!k->same || k->same(was, now))))
			continue;
		if (is)
			s = make_local(d, now, k);
		done(d, 1u << i, k->name, is, is && !s ? -ENOMEM : hub_replace_sink(d->hub, k->name, s, &err), &err);
	}
}

static int need_store(struct daemon *d, const struct config *now, struct base_err *err)
{
	struct store *s;

	if (hub_store(d->hub))
		return 0;
	s = make_store(now);
	return s ? hub_start_store(d->hub, s, err) : no_memory(err, "the store");
}

static void reload_remotes(struct daemon *d, const struct config *was, const struct config *now)
{
	for (unsigned i = 0; i < REMOTES; i++) {
		const struct remote_kind *k = &remotes[i];
		unsigned bit = 1u << (LOCALS + i);
		bool is = is_on(now, k->enabled);
		struct base_err err = { .msg = "no memory" };
		struct remote *r = NULL;
		int e = 0;

		if (is_kept(d, bit, is_on(was, k->enabled), is, (!k->formatted || same_format(was, now)) && k->same(was, now)))
			continue;
		if (is) {
			e = need_store(d, now, &err);
			r = e ? NULL : k->make(d, now, hub_store(d->hub));
			e = e || r ? e : -ENOMEM;
		}
		done(d, bit, k->name, is, e ? e : hub_replace_remote(d->hub, k->name, r, &err), &err);
	}
}

void outputs_reload(struct daemon *d, const struct config *was, const struct config *now)
{
	hub_set_throttle(d->hub, now->throttle_rate, now->throttle_burst);
	reload_locals(d, was, now);
	reload_remotes(d, was, now);
}
