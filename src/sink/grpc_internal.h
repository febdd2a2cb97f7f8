/* Shared by the files of the gRPC output.
 *
 *   grpc.c          the remote sink, and the hand-over between its thread and the server's
 *   grpc_server.c   the server's thread: listening, connections, TLS, bytes in and out
 *   grpc_session.c  HTTP/2 on a connection: streams, methods, what is acknowledged
 *   grpc_message.c  messages
 *
 * The server's thread owns every connection and stream. It shares with the sink's thread one batch at a time, under
 * grpc.lock. */
#pragma once
#include "sink/remote.h"
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <pthread.h>

#define GRPC_CONNS 64

enum grpc_kind { GRPC_SUB, GRPC_GET, GRPC_VERSION, GRPC_UNKNOWN };

/* One call of a client. */
struct grpc_stream {
	struct grpc_stream *next;
	int32_t id;
	enum grpc_kind kind;
	bool post;	/* method of the request */
	bool started;	/* the response has begun */
	bool ending;	/* trailers come when out is empty */
	uint64_t until; /* GET: the number up to which it wants the alerts */
	uint64_t served; /* batches */
	uint64_t request_bytes;
	struct base_buf out;
	size_t sent; /* of out */
};

struct grpc_conn {
	struct grpc *g;
	int fd; /* -1: this slot is free */
	SSL *ssl; /* NULL on the unix socket */
	bool handshaken, dead, goodbye_sent;
	nghttp2_session *session;
	struct grpc_stream *streams;
	struct base_buf out; /* bytes for the socket */
	size_t sent;
	bool want_write;     /* the socket or TLS waits to be writable */
	uint64_t since_ns;   /* monotonic: when it was accepted */
};

struct grpc {
	struct grpc_opts o; /* strings owned */
	struct store *store; /* borrowed */
	int reader;

	pthread_mutex_t lock;
	pthread_cond_t done; /* server's thread -> sink's */
	/* ---- under lock */
	const struct store_item *item; /* borrowed from the waiting sink's thread; NULL nothing offered */
	unsigned count;
	bool taken;		 /* by a stream: then result is awaited */
	int result;		 /* 0 not yet, 1 acknowledged, -1 failed */
	bool ending, give_up, stop;
	unsigned subscribers;	 /* streams that could take a batch now or later */

	/* ---- the server's thread */
	int listen_fd, wake_fd;
	SSL_CTX *tls;
	struct grpc_conn conn[GRPC_CONNS];
	struct grpc_conn *flight_conn; /* whose stream has the batch; NULL none */
	struct grpc_stream *flight;
	uint64_t flight_seq;	/* opaque data of the ping behind it */
	bool flight_pinged;
	uint64_t flight_ns;	/* monotonic: when it was taken */
	pthread_t thread;
	bool started;
};

/* ---- grpc_server.c ---- */
int grpc_listen(struct grpc *g, struct base_err *err); /* [main] */
void grpc_unlisten(struct grpc *g);		       /* [main] */
void *grpc_main(void *arg);			       /* [grpc] */

/* ---- grpc_session.c, all [grpc] ---- */
int grpc_session_start(struct grpc_conn *c); /* 0, -ENOMEM */
/* Takes bytes from the peer. Negative: the connection is to be closed. */
int grpc_session_recv(struct grpc_conn *c, const uint8_t *p, size_t len);
/* Puts what HTTP/2 has to say into c->out. */
int grpc_session_send(struct grpc_conn *c);
/* Ends every call in good order; no new ones are taken. */
void grpc_session_goodbye(struct grpc_conn *c);
/* Frees streams; a batch of theirs has failed. */
void grpc_session_end(struct grpc_conn *c);
/* Gives the batch that is offered to a stream, ends `get` calls that have all; counts subscribers. */
void grpc_sessions_work(struct grpc *g);

/* ---- grpc_message.c, [any] ---- */
/* A message with its gRPC frame, appended. */
void grpc_add_alert(struct base_buf *out, const struct alert *a);
void grpc_add_version(struct base_buf *out, const struct grpc_opts *o);
