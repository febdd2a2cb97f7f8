/* Remote sinks: a thread each that takes alerts from the store behind its cursor, sends them, and moves the
 * cursor when the receiver has acknowledged. What fails is sent again, after a pause that doubles up to 30 s with
 * jitter; nothing is overtaken, so order is kept and one alert that never gets through holds back the rest.
 *
 * Thread-safety: send runs on the sink's thread; interrupt and remote_stats on any. */
#pragma once
#include "sink/sink.h"
#include "sink/store.h"

struct remote;

struct remote_result {
	unsigned done;	   /* the first so many are acknowledged or refused for good */
	unsigned rejected; /* how many of them were refused for good */
};

struct remote_ops {
	const char *name;
	int (*open)(void *ctx, struct base_err *err);
	/* Sends items in order until one fails. Returns 0, or -errno with err when it stopped before the end
	 * (then it is called again with the rest). [sink] */
	int (*send)(void *ctx, const struct store_item *item, unsigned count, struct remote_result *ret, struct base_err *err);
	/* The daemon is about to stop: send need not wait for a receiver that is not there. May be NULL. [main] */
	void (*ending)(void *ctx);
	void (*interrupt)(void *ctx); /* send gives up at once, now and later. [any] */
	void (*close)(void *ctx);     /* frees ctx */
	/* The store and reader, for those that want to know what is waiting; may be NULL. [main] */
	void (*attach)(void *ctx, struct store *store, int reader);
};

/* Takes over ctx. store must outlive it; hostname is borrowed and goes into gap alerts. NULL without memory. */
struct remote *remote_new(const struct remote_ops *ops, void *ctx, struct store *store, const char *hostname);
int remote_start(struct remote *r, struct base_err *err); /* [main] */
/* Three steps, so that several end at the same time: before the last commit, after it, and the wait. What is left is
 * sent while the receiver takes it, for 5 s at most (in replay, and without a file, for as long as it makes
 * progress). [main] */
void remote_request_stop(struct remote *r);
void remote_last_call(struct remote *r);
void remote_stop(struct remote *r);
/* Ends soon, whatever is left: the next one under this name goes on behind its cursor. Then remote_free. [main] */
void remote_hand_over(struct remote *r);
void remote_free(struct remote *r);
const char *remote_name(const struct remote *r);
void remote_stats(struct remote *r, struct sink_stats *ret); /* [any] */

/* ---- the sinks. Strings are copied. NULL without memory. -------------------------------------- */

struct http_opts {
	const char *url, *user_agent, *ca_cert, *ca_bundle, *ca_path, *client_cert, *client_key;
	bool insecure, mtls, echo, compress, keep_alive;
	unsigned max_timeouts;
	uint32_t timeout_ms;
};
struct remote *remote_http_new(const struct sink_format *f, const struct http_opts *o, struct store *store, const char *hostname);

/* The services falco.outputs.service and falco.version.service: clients call, alerts are sent to them. */
struct grpc_opts {
	const char *bind_address; /* "unix:///path" or "host:port" */
	const char *private_key, *cert_chain, *root_certs; /* PEM files, for host:port */
	const char *version;
	unsigned engine_major, engine_minor, engine_patch;
};
struct remote *remote_grpc_new(const struct grpc_opts *o, struct store *store, const char *hostname);

struct kafka_opts {
	const char *brokers, *topic;
	uint32_t timeout_ms;
	char **names, **values; /* librdkafka's properties; NULL-terminated, parallel */
};
struct remote *remote_kafka_new(const struct sink_format *f, const struct kafka_opts *o, struct store *store, const char *hostname);
