/* The gRPC output: any bytes from a client, while a batch is offered. No crash, bounded memory, and the batch is
 * either still offered, under way, or decided. */
#include "sink/grpc_internal.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PORTION 64 /* bytes that come at once */

static struct grpc *make(struct store *store)
{
	struct grpc *g = calloc(1, sizeof(*g));

	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->done, NULL);
	g->store = store;
	g->o.version = "1.2.3";
	for (unsigned i = 0; i < GRPC_CONNS; i++)
		g->conn[i].fd = -1;
	g->conn[0].g = g;
	g->conn[0].fd = STDIN_FILENO; /* in use; nothing is done with it */
	return g;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct alert_text t = { .rule = "r", .source = "syscall", .line = "l", .fields_json = "{\"a\":1}", .tags_json = "[\"t\"]" };
	struct store_opts so = { .capacity = 4 };
	struct store *store = store_new(&so);
	struct store_item item = { .a = alert_new(&t), .id = 1 };
	struct grpc *g;
	struct grpc_conn *c;

	store_add_reader(store, "grpc");
	store_put(store, item.a);
	g = make(store);
	c = &g->conn[0];
	g->item = &item;
	g->count = 1;
	if (grpc_session_start(c))
		abort();
	for (size_t at = 0; at < size; at += PORTION) {
		if (grpc_session_recv(c, data + at, size - at < PORTION ? size - at : PORTION) < 0)
			break;
		grpc_sessions_work(g);
		if (grpc_session_send(c) < 0 || c->dead)
			break;
		assert(c->out.len < 4 << 20);
		buf_reset(&c->out);
		grpc_sessions_work(g);
	}
	grpc_session_goodbye(c);
	grpc_session_send(c);
	grpc_session_end(c);
	assert(!g->flight && !g->taken);
	buf_fini(&c->out);
	pthread_cond_destroy(&g->done);
	pthread_mutex_destroy(&g->lock);
	free(g);
	alert_unref(item.a);
	store_free(store);
	return 0;
}
