/* See fdout.h. A pipe whose reader stands still blocks write(2) for ever, and then stop would hang with
 * it: so before writing to anything but a file we poll, with a limit, and look for an interrupt. */
#include "sink/fdout.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define POLL_MS 100

void fdout_init(struct fdout *o, bool buffered)
{
	*o = (struct fdout){ .fd = -1, .buffered = buffered };
	atomic_init(&o->give_up, false);
}

void fdout_fini(struct fdout *o)
{
	buf_fini(&o->pending);
}

void fdout_set(struct fdout *o, int fd)
{
	struct stat st;

	o->fd = fd;
	o->may_block = fd >= 0 && !fstat(fd, &st) && !S_ISREG(st.st_mode);
}

/* 0 when the descriptor takes at least PIPE_BUF bytes, else -errno. */
static int wait_room(struct fdout *o)
{
	struct pollfd p = { .fd = o->fd, .events = POLLOUT };

	for (;;) {
		int r = poll(&p, 1, POLL_MS);

		if (r > 0)
			return 0; /* errors show in the write that follows */
		if (r < 0 && errno != EINTR)
			return -errno;
		if (atomic_load_explicit(&o->give_up, memory_order_relaxed))
			return -ETIMEDOUT;
	}
}

/* As much as goes in without blocking. Newer kernels are told so; with older ones a pipe that polls writable
 * has room for PIPE_BUF bytes, and more would block. -errno, -EAGAIN when there may be room later. */
static ssize_t write_some(struct fdout *o, const char *p, size_t len)
{
	struct iovec v = { .iov_base = (void *)p, .iov_len = len };
	ssize_t r;
	int wait;

	if (!o->may_block) {
		r = write(o->fd, p, len);
		return r < 0 ? -errno : r;
	}
	if (!o->no_nowait) {
		r = pwritev2(o->fd, &v, 1, -1, RWF_NOWAIT);
		if (r >= 0)
			return r;
		if (errno == EAGAIN)
			return (wait = wait_room(o)) < 0 ? wait : -EAGAIN;
		if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
			return -errno;
		o->no_nowait = true;
	}
	wait = wait_room(o);
	if (wait < 0)
		return wait;
	r = write(o->fd, p, len > PIPE_BUF ? PIPE_BUF : len);
	return r < 0 ? -errno : r;
}

static int write_all(struct fdout *o, const char *p, size_t len)
{
	while (len) {
		ssize_t r = write_some(o, p, len);

		if (r == -EINTR || r == -EAGAIN)
			continue;
		if (r < 0)
			return (int)r;
		p += r;
		len -= (size_t)r;
	}
	return 0;
}

int fdout_flush(struct fdout *o)
{
	int r = 0;

	if (o->pending.len)
		r = o->fd < 0 ? -EBADF : write_all(o, o->pending.p, o->pending.len);
	if (o->pending.failed)
		r = -ENOMEM;
	buf_reset(&o->pending);
	return r;
}

int fdout_alerts(struct fdout *o, const struct sink_format *f, struct alert *const *batch, unsigned count)
{
	int r;

	for (unsigned i = 0; i < count; i++) {
		sink_format_alert(&o->pending, f, batch[i]);
		buf_chr(&o->pending, '\n');
	}
	if (o->buffered && o->pending.len < FDOUT_BUFFER && !o->pending.failed)
		return (int)count;
	r = fdout_flush(o);
	return r < 0 ? r : (int)count;
}

void fdout_interrupt(struct fdout *o)
{
	atomic_store_explicit(&o->give_up, true, memory_order_relaxed);
}
