/* The gRPC output as a remote sink. Its own thread offers one batch at a time to the server's thread and waits until a
 * client has acknowledged it; without a client it waits for one, which is no failure. */
#include "sink/grpc_internal.h"

#include "base/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void wake_server(struct grpc *g)
{
	uint64_t one = 1;
	/* cannot fail short of 2^64 unread wake-ups */
	ssize_t r = write(g->wake_fd, &one, sizeof(one));

	(void)r;
}

/* [sink] */
static int grpc_send(void *ctx, const struct store_item *item, unsigned count, struct remote_result *ret, struct base_err *err)
{
	struct grpc *g = ctx;
	int result;

	pthread_mutex_lock(&g->lock);
	g->item = item;
	g->count = count;
	g->result = 0;
	pthread_mutex_unlock(&g->lock);
	wake_server(g);
	pthread_mutex_lock(&g->lock);
	while (!g->result && !g->give_up && !(g->ending && !g->subscribers && !g->taken))
		pthread_cond_wait(&g->done, &g->lock);
	result = g->result;
	g->item = NULL;
	pthread_mutex_unlock(&g->lock);
	if (result == 1) {
		ret->done = count;
		return 0;
	}
	base_err_set(err, NULL, 0, 0, result ? "the client left before it had acknowledged its alerts" : "no client");
	return -ENOTCONN;
}

static int grpc_open(void *ctx, struct base_err *err)
{
	struct grpc *g = ctx;
	int r = grpc_listen(g, err);

	if (r < 0)
		return r;
	r = base_thread_start(&g->thread, ROLE_SINK, "grpc", grpc_main, g);
	if (r < 0)
		return base_err_set(err, NULL, 0, 0, "cannot start thread grpc: %s", strerror(-r));
	g->started = true;
	return 0;
}

static void grpc_attach(void *ctx, struct store *store, int reader)
{
	struct grpc *g = ctx;

	g->store = store;
	g->reader = reader;
}

static void set(struct grpc *g, bool *flag)
{
	pthread_mutex_lock(&g->lock);
	*flag = true;
	pthread_cond_signal(&g->done);
	pthread_mutex_unlock(&g->lock);
	if (g->wake_fd >= 0)
		wake_server(g);
}

static void grpc_ending(void *ctx)
{
	struct grpc *g = ctx;

	set(g, &g->ending);
}

static void grpc_interrupt(void *ctx)
{
	struct grpc *g = ctx;

	set(g, &g->give_up);
}

static void grpc_close(void *ctx)
{
	struct grpc *g = ctx;

	if (g->started) {
		set(g, &g->stop);
		pthread_join(g->thread, NULL);
	}
	grpc_unlisten(g);
	pthread_cond_destroy(&g->done);
	pthread_mutex_destroy(&g->lock);
	free((char *)g->o.bind_address);
	free((char *)g->o.private_key);
	free((char *)g->o.cert_chain);
	free((char *)g->o.root_certs);
	free((char *)g->o.version);
	free(g);
}

static const struct remote_ops grpc_ops = {
	.name = "grpc",
	.open = grpc_open,
	.send = grpc_send,
	.attach = grpc_attach,
	.ending = grpc_ending,
	.interrupt = grpc_interrupt,
	.close = grpc_close,
};

struct remote *remote_grpc_new(const struct grpc_opts *o, struct store *store, const char *hostname)
{
	struct grpc *g = calloc(1, sizeof(*g));
	struct remote *r = NULL;

	if (!g)
		return NULL;
	g->listen_fd = g->wake_fd = -1;
	for (unsigned i = 0; i < GRPC_CONNS; i++)
		g->conn[i].fd = -1;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->done, NULL);
	g->o = *o;
	g->o.bind_address = strdup(o->bind_address);
	g->o.private_key = strdup(o->private_key);
	g->o.cert_chain = strdup(o->cert_chain);
	g->o.root_certs = strdup(o->root_certs);
	g->o.version = strdup(o->version);
	if (g->o.bind_address && g->o.private_key && g->o.cert_chain && g->o.root_certs && g->o.version)
		r = remote_new(&grpc_ops, g, store, hostname);
	if (!r)
		grpc_close(g);
	return r;
}
