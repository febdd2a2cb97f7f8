/* From the configuration to the hub, the store and the outputs. Called by run.c on main. */
#include "daemon/run_internal.h"

#include "sink/store.h"

#define HUB_WINDOW_MS 10 /* an alert waits for earlier ones of other workers for one to two of these */

static bool any_remote(const struct config *c)
{
	return c->http_enabled || c->grpc_enabled || c->kafka_enabled;
}

bool outputs_any(const struct config *c)
{
	return c->stdout_enabled || c->file_enabled || c->syslog_enabled || c->program_enabled || any_remote(c);
}

static int add_sink(struct daemon *d, struct sink *s, struct base_err *err)
{
	if (!s)
		return base_err_set(err, NULL, 0, 0, "no memory for an output");
	sink_set_timeout(s, d->c->output_timeout_ms);
	hub_add_sink(d->hub, s);
	return 0;
}

static int add_local(struct daemon *d, struct base_err *err)
{
	const struct config *c = d->c;
	bool buffered = c->buffered && !d->o->unbuffered;
	int r = 0;

	if (c->stdout_enabled)
		r = add_sink(d, sink_stdout_new(&c->format, buffered), err);
	if (!r && c->file_enabled)
		r = add_sink(d, sink_file_new(&c->format, c->file_path, c->file_keep_alive, buffered), err);
	if (!r && c->syslog_enabled)
		r = add_sink(d, sink_syslog_new(&c->format), err);
	if (!r && c->program_enabled)
		r = add_sink(d, sink_program_new(&c->format, c->program, c->program_keep_alive, buffered), err);
	return r;
}

static int add_remote(struct daemon *d, struct remote *r, struct base_err *err)
{
	if (!r)
		return base_err_set(err, NULL, 0, 0, "no memory for an output");
	hub_add_remote(d->hub, r);
	return 0;
}

/* The store stands behind the remote outputs also when it keeps nothing in a file. */
static int add_store(struct daemon *d, struct base_err *err)
{
	const struct config *c = d->c;
	struct store_opts so = { .path = c->store_path, .max_bytes = c->store_max_bytes, .max_age_ns = c->store_max_age_ns,
				 .commit_ms = c->store_commit_ms, .capacity = c->queue_capacity,
				 .wait = c->engine == ENGINE_REPLAY };
	struct store *s;
	int r = 0;

	if (!any_remote(c) && !*c->store_path)
		return 0;
	s = store_new(&so);
	if (!s)
		return base_err_set(err, NULL, 0, 0, "no memory for the store");
	hub_set_store(d->hub, s);
	if (c->http_enabled)
		r = add_remote(d, remote_http_new(&c->format, &c->http, s, d->hostname), err);
	if (!r && c->grpc_enabled)
		r = add_remote(d, remote_grpc_new(&c->grpc, s, d->hostname), err);
	if (!r && c->kafka_enabled)
		r = add_remote(d, remote_kafka_new(&c->format, &c->kafka, s, d->hostname), err);
	return r;
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
