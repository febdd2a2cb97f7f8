/* What concerns alerts on their way out: outputs, store, throttle. Called by config.c. */
#include "daemon/config_internal.h"

#include "daemon/versions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_local(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	int64_t capacity = schema_int(t, "outputs_queue.capacity");

	c->format.json = schema_bool(t, "json_output");
	c->format.include_output = schema_bool(t, "json_include_output_property");
	c->format.include_message = schema_bool(t, "json_include_message_property");
	c->format.include_fields = schema_bool(t, "json_include_output_fields_property");
	c->format.include_tags = schema_bool(t, "json_include_tags_property");
	c->iso_time = schema_bool(t, "time_format_iso_8601");
	c->buffer_base64 = schema_bool(t, "buffer_format_base64");
	c->buffered = schema_bool(t, "buffered_outputs");
	c->queue_capacity = capacity > 0 ? (uint32_t)capacity : 0;
	c->output_timeout_ms = (uint32_t)schema_int(t, "output_timeout");
	c->stdout_enabled = schema_bool(t, "stdout_output.enabled");
	c->syslog_enabled = schema_bool(t, "syslog_output.enabled");
	c->file_enabled = schema_bool(t, "file_output.enabled");
	c->program_enabled = schema_bool(t, "program_output.enabled");
	/* only the word true, as in Falco */
	c->file_keep_alive = !strcmp(schema_str(t, "file_output.keep_alive"), "true");
	c->program_keep_alive = !strcmp(schema_str(t, "program_output.keep_alive"), "true");
	if (config_copy(&c->file_path, schema_str(t, "file_output.filename"), err))
		return -ENOMEM;
	return config_copy(&c->program, schema_str(t, "program_output.program"), err);
}

/* A text that is kept. */
static int keep_text(const struct cfg_tree *t, const char *key, const char **ret, struct base_err *err)
{
	char *copied;
	int r = config_copy(&copied, schema_str(t, key), err);

	if (!r)
		*ret = copied;
	return r;
}

static int read_http(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	struct http_opts *o = &c->http;
	int r = 0;

	c->http_enabled = schema_bool(t, "http_output.enabled");
	o->insecure = schema_bool(t, "http_output.insecure");
	o->mtls = schema_bool(t, "http_output.mtls");
	o->echo = schema_bool(t, "http_output.echo");
	o->compress = schema_bool(t, "http_output.compress_uploads");
	o->keep_alive = schema_bool(t, "http_output.keep_alive");
	o->max_timeouts = (unsigned)schema_int(t, "http_output.max_consecutive_timeouts");
	o->timeout_ms = (uint32_t)schema_int(t, "http_output.timeout");
	r = keep_text(t, "http_output.url", &o->url, err);
	r = r ? r : keep_text(t, "http_output.user_agent", &o->user_agent, err);
	r = r ? r : keep_text(t, "http_output.ca_cert", &o->ca_cert, err);
	r = r ? r : keep_text(t, "http_output.ca_bundle", &o->ca_bundle, err);
	r = r ? r : keep_text(t, "http_output.ca_path", &o->ca_path, err);
	r = r ? r : keep_text(t, "http_output.client_cert", &o->client_cert, err);
	return r ? r : keep_text(t, "http_output.client_key", &o->client_key, err);
}

static int read_store(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	const char *age = schema_str(t, "store.max_age");
	double ms = 0;

	if (strcmp(age, "0") && (!config_duration(age, &ms) || ms < 1000 || ms > 1e12))
		return cfg_error(t, cfg_get(t, "store.max_age"), err,
				 "'store.max_age' is '%.100s', expected a duration like 12h or 7d, at least 1s, or 0", age);
	c->store_max_age_ns = (uint64_t)(ms * 1e6);
	c->store_max_bytes = (uint64_t)schema_int(t, "store.max_bytes");
	c->store_commit_ms = (uint32_t)schema_int(t, "store.commit_interval");
	c->throttle_rate = schema_num(t, "throttle.rate");
	c->throttle_burst = schema_num(t, "throttle.burst");
	if (!(c->throttle_rate >= 0))
		return cfg_error(t, cfg_get(t, "throttle.rate"), err, "'throttle.rate' must not be negative");
	if (!(c->throttle_burst >= 1))
		return cfg_error(t, cfg_get(t, "throttle.burst"), err, "'throttle.burst' must be at least 1");
	return config_copy(&c->store_path, schema_str(t, "store.path"), err);
}

static int read_grpc(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	struct grpc_opts *o = &c->grpc;
	bool server = schema_bool(t, "grpc.enabled"), output = schema_bool(t, "grpc_output.enabled");
	int r;

	if (server != output)
		log_warn("%s is set and %s is not: there is no gRPC output", server ? "grpc.enabled" : "grpc_output.enabled",
			 server ? "grpc_output.enabled" : "grpc.enabled");
	c->grpc_enabled = server && output;
	sscanf(ENGINE_SEMVER, "%u.%u.%u", &o->engine_major, &o->engine_minor, &o->engine_patch);
	r = keep_text(t, "grpc.bind_address", &o->bind_address, err);
	r = r ? r : keep_text(t, "grpc.private_key", &o->private_key, err);
	r = r ? r : keep_text(t, "grpc.cert_chain", &o->cert_chain, err);
	r = r ? r : keep_text(t, "grpc.root_certs", &o->root_certs, err);
	o->version = SAKER_VERSION;
	return r;
}

static int read_kafka(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	const struct yaml_node *map = cfg_get(t, "kafka_output.properties");
	struct kafka_opts *o = &c->kafka;
	uint32_t n = map ? map->count : 0;
	int r;

	c->kafka_enabled = schema_bool(t, "kafka_output.enabled");
	o->timeout_ms = (uint32_t)schema_int(t, "kafka_output.timeout");
	r = keep_text(t, "kafka_output.brokers", &o->brokers, err);
	r = r ? r : keep_text(t, "kafka_output.topic", &o->topic, err);
	if (!r && c->kafka_enabled && !*o->brokers)
		return base_err_set(err, NULL, 0, 0, "kafka_output is enabled, but kafka_output.brokers is not set");
	o->names = calloc(n + 1, sizeof(char *));
	o->values = calloc(n + 1, sizeof(char *));
	if (!o->names || !o->values)
		return config_no_memory(err);
	for (uint32_t i = 0; !r && i < n; i++) {
		r = config_copy(&o->names[i], map->key[i]->s, err);
		r = r ? r : config_copy(&o->values[i], map->item[i]->s ? map->item[i]->s : "", err);
	}
	return r;
}

int config_read_outputs(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	int r = read_local(t, c, err);

	r = r ? r : read_http(t, c, err);
	r = r ? r : read_grpc(t, c, err);
	r = r ? r : read_kafka(t, c, err);
	return r ? r : read_store(t, c, err);
}

static void free_http(struct http_opts *o)
{
	free((char *)o->url);
	free((char *)o->user_agent);
	free((char *)o->ca_cert);
	free((char *)o->ca_bundle);
	free((char *)o->ca_path);
	free((char *)o->client_cert);
	free((char *)o->client_key);
}

void config_free_outputs(struct config *c)
{
	free(c->file_path);
	free(c->program);
	free_http(&c->http);
	free((char *)c->grpc.bind_address);
	free((char *)c->grpc.private_key);
	free((char *)c->grpc.cert_chain);
	free((char *)c->grpc.root_certs);
	free((char *)c->kafka.brokers);
	free((char *)c->kafka.topic);
	config_free_strs(c->kafka.names);
	config_free_strs(c->kafka.values);
	free(c->store_path);
}
