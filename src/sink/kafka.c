/* Alerts to a Kafka topic by librdkafka, keyed by host name, so that one host's alerts stay in one partition and in
 * order. Idempotent producer: its own retries neither double nor reorder. Functions run on the sink's thread, open on
 * main before that; librdkafka's threads do the network.
 *
 * Acknowledged is what the brokers have confirmed (acks=all). A batch is produced as a whole, then its reports are
 * awaited; when one fails, everything behind the last confirmed one in a row is purged and sent again by the next call, with
 * a producer that begins afresh. So order is kept, and what is sent twice is at most a batch. */
#include "sink/remote.h"

#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 50
#define BATCH_MAX 1024

struct kafka {
	struct sink_format format;
	struct kafka_opts o; /* owned */
	const char *hostname;
	rd_kafka_t *producer;
	struct base_buf line;
	bool bad_producer; /* to be made anew before the next batch */
	char why[256];	   /* last error that librdkafka told */
	_Atomic bool give_up; /* relaxed: looked at again and again */

	/* the batch under way: reports come on this thread, in rd_kafka_poll */
	uint8_t state[BATCH_MAX]; /* 0 awaited, 1 confirmed, 2 failed, 3 refused for good */
	unsigned awaited;
};

/* ---- librdkafka's callbacks -------------------------------------------------------------- */

/* Errors that say something about this one message. */
static bool refused(rd_kafka_resp_err_t e)
{
	return e == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || e == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
	       e == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE;
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
	struct kafka *k = arg;
	size_t at = (size_t)(uintptr_t)m->_private;

	(void)rk;
	k->awaited--;
	k->state[at] = !m->err ? 1 : refused(m->err) ? 3 : 2;
	if (m->err)
		snprintf(k->why, sizeof(k->why), "%s", rd_kafka_err2str(m->err));
}

static void on_error(rd_kafka_t *rk, int e, const char *reason, void *arg)
{
	struct kafka *k = arg;

	(void)rk;
	snprintf(k->why, sizeof(k->why), "%s", reason);
	if (e == RD_KAFKA_RESP_ERR__FATAL)
		k->bad_producer = true;
}

/* librdkafka's own words only where somebody looks for them. */
static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	(void)rk, (void)level;
	log_debug("output \"kafka\": %s: %s", fac, text);
}

/* ---- producer ---------------------------------------------------------------------------- */

static int set(rd_kafka_conf_t *c, const char *name, const char *value, struct base_err *err)
{
	char why[256];

	if (rd_kafka_conf_set(c, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return 0;
	return base_err_set(err, NULL, 0, 0, "kafka_output.properties: %s: %s", name, why);
}

static int make_producer(struct kafka *k, struct base_err *err)
{
	rd_kafka_conf_t *c = rd_kafka_conf_new();
	char why[256], timeout[16];
	int r;

	snprintf(timeout, sizeof(timeout), "%u", k->o.timeout_ms);
	r = set(c, "bootstrap.servers", k->o.brokers, err);
	r = r ? r : set(c, "client.id", "saker", err);
	r = r ? r : set(c, "enable.idempotence", "true", err);
	r = r ? r : set(c, "linger.ms", "5", err);
	r = r ? r : set(c, "message.timeout.ms", timeout, err);
	for (unsigned i = 0; !r && k->o.names && k->o.names[i]; i++)
		r = set(c, k->o.names[i], k->o.values[i], err);
	rd_kafka_conf_set_opaque(c, k);
	rd_kafka_conf_set_dr_msg_cb(c, on_report);
	rd_kafka_conf_set_error_cb(c, on_error);
	rd_kafka_conf_set_log_cb(c, on_log);
	if (!r) {
		k->producer = rd_kafka_new(RD_KAFKA_PRODUCER, c, why, sizeof(why));
		if (k->producer)
			return 0;
		r = base_err_set(err, NULL, 0, 0, "kafka_output: %s", why);
	}
	rd_kafka_conf_destroy(c);
	return r;
}

static void drop_producer(struct kafka *k)
{
	if (!k->producer)
		return;
	rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	rd_kafka_poll(k->producer, 0);
	rd_kafka_destroy_flags(k->producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	k->producer = NULL;
}

/* ---- sending ----------------------------------------------------------------------------- */

static rd_kafka_resp_err_t produce(struct kafka *k, const struct alert *a, unsigned at)
{
	buf_reset(&k->line);
	sink_format_alert(&k->line, &k->format, a);
	if (k->line.failed)
		return RD_KAFKA_RESP_ERR__QUEUE_FULL;
	return rd_kafka_producev(k->producer, RD_KAFKA_V_TOPIC(k->o.topic), RD_KAFKA_V_KEY(k->hostname, strlen(k->hostname)),
				 RD_KAFKA_V_VALUE(k->line.p, k->line.len), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
				 RD_KAFKA_V_OPAQUE((void *)(uintptr_t)at), RD_KAFKA_V_END);
}

/* Hands over as many as librdkafka takes; returns their number. */
static unsigned produce_all(struct kafka *k, const struct store_item *item, unsigned count)
{
	unsigned n;

	memset(k->state, 0, sizeof(k->state));
	k->awaited = 0;
	for (n = 0; n < count && n < BATCH_MAX; n++) {
		rd_kafka_resp_err_t e = produce(k, item[n].a, n);

		if (e == RD_KAFKA_RESP_ERR_NO_ERROR) {
			k->awaited++;
		} else if (refused(e)) {
			k->state[n] = 3;
		} else {
			snprintf(k->why, sizeof(k->why), "%s", rd_kafka_err2str(e));
			break;
		}
	}
	return n;
}

/* Waits for the reports; message.timeout.ms bounds it. */
static void await(struct kafka *k)
{
	while (k->awaited && !k->bad_producer && !atomic_load_explicit(&k->give_up, memory_order_relaxed))
		rd_kafka_poll(k->producer, POLL_MS);
}

static int kafka_send(void *ctx, const struct store_item *item, unsigned count, struct remote_result *ret, struct base_err *err)
{
	struct kafka *k = ctx;
	unsigned n;

	if (k->bad_producer || !k->producer) {
		drop_producer(k);
		k->bad_producer = false;
		if (make_producer(k, err) < 0)
			return -EIO;
	}
	snprintf(k->why, sizeof(k->why), "no answer from %s", k->o.brokers);
	n = produce_all(k, item, count);
	await(k);
	/* Confirmed or refused ones in a row from the first. */
	while (ret->done < n && (k->state[ret->done] == 1 || k->state[ret->done] == 3))
		ret->rejected += k->state[ret->done++] == 3;
	if (ret->rejected)
		log_err("output \"kafka\": %u alerts are given up: %s", ret->rejected, k->why);
	if (n && ret->done == n && !k->awaited)
		return 0;
	/* What else is under way must not come behind what is sent again. */
	k->bad_producer = true;
	base_err_set(err, NULL, 0, 0, "%s", k->why);
	return -EIO;
}

/* ---- set up ------------------------------------------------------------------------------ */

static int kafka_open(void *ctx, struct base_err *err)
{
	return make_producer(ctx, err);
}

static void free_texts(char **l)
{
	for (size_t i = 0; l && l[i]; i++)
		free(l[i]);
	free(l);
}

static void kafka_close(void *ctx)
{
	struct kafka *k = ctx;

	drop_producer(k);
	buf_fini(&k->line);
	free((char *)k->o.brokers);
	free((char *)k->o.topic);
	free_texts(k->o.names);
	free_texts(k->o.values);
	free(k);
}

static void kafka_interrupt(void *ctx)
{
	struct kafka *k = ctx;

	atomic_store_explicit(&k->give_up, true, memory_order_relaxed);
}

static const struct remote_ops kafka_ops = {
	.name = "kafka",
	.open = kafka_open,
	.send = kafka_send,
	.interrupt = kafka_interrupt,
	.close = kafka_close,
};

static char **copy_texts(char **l)
{
	size_t n = 0;
	char **c;

	while (l && l[n])
		n++;
	c = calloc(n + 1, sizeof(*c));
	for (size_t i = 0; c && i < n; i++) {
		c[i] = strdup(l[i]);
		if (!c[i]) {
			free_texts(c);
			return NULL;
		}
	}
	return c;
}

struct remote *remote_kafka_new(const struct sink_format *f, const struct kafka_opts *o, struct store *store, const char *hostname)
{
	struct kafka *k = calloc(1, sizeof(*k));
	struct remote *r = NULL;

	if (!k)
		return NULL;
	k->format = *f;
	k->hostname = hostname;
	k->o = *o;
	k->o.brokers = strdup(o->brokers);
	k->o.topic = strdup(o->topic);
	k->o.names = copy_texts(o->names);
	k->o.values = copy_texts(o->values);
	if (k->o.brokers && k->o.topic && k->o.names && k->o.values)
		r = remote_new(&kafka_ops, k, store, hostname);
	if (!r)
		kafka_close(k);
	return r;
}
