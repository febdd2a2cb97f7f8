/* The byte stream under the capture reader: read(2), and inflate(3) where the bytes are gzip.
 *
 * Called by scap.c and scap_meta.c on the reader's thread. Memory is two fixed buffers, whatever
 * the file claims. Several gzip members, or a plain capture after the last member, continue the
 * stream, because captures are put together with cat(1). A member that ends early is damage, told
 * after everything before it was delivered. */
#include "capture/scap_input.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define RAW_SIZE 262144
#define OUT_SIZE 131072
#define GZIP_WINDOW (15 + 16) /* zlib: largest window, gzip frame with its check sums */

enum input_mode { MODE_START, MODE_PLAIN, MODE_GZIP };

struct scap_input {
	int fd;
	uint8_t mode; /* enum input_mode */
	bool fd_end, z_ready;
	int error;	 /* sticky: 0, -EBADMSG, -EIO */
	const char *why; /* static */
	const uint8_t *p; /* next byte to deliver, in raw or out */
	size_t left;
	uint64_t offset;
	size_t raw_pos, raw_len;
	z_stream z;
	uint8_t raw[RAW_SIZE], out[OUT_SIZE];
};

struct scap_input *scap_input_new(int fd)
{
	struct scap_input *in = malloc(sizeof(*in));

	if (!in) {
		close(fd);
		return NULL;
	}
	memset(in, 0, offsetof(struct scap_input, raw));
	in->fd = fd;
	return in;
}

void scap_input_free(struct scap_input *in)
{
	if (!in)
		return;
	if (in->z_ready)
		inflateEnd(&in->z);
	close(in->fd);
	free(in);
}

static void set_error(struct scap_input *in, int error, const char *why)
{
	in->error = error;
	in->why = why;
}

/* Makes at least want bytes (at most RAW_SIZE) stand in raw, if the file has them. */
static bool raw_fill(struct scap_input *in, size_t want)
{
	if (in->raw_pos && in->raw_len - in->raw_pos < want) {
		memmove(in->raw, in->raw + in->raw_pos, in->raw_len - in->raw_pos);
		in->raw_len -= in->raw_pos;
		in->raw_pos = 0;
	}
	while (in->raw_len - in->raw_pos < want && !in->fd_end) {
		ssize_t n = read(in->fd, in->raw + in->raw_len, RAW_SIZE - in->raw_len);

		if (n > 0) {
			in->raw_len += (size_t)n;
		} else if (n == 0) {
			in->fd_end = true;
		} else if (errno != EINTR) {
			set_error(in, -EIO, strerrordesc_np(errno));
			in->fd_end = true;
		}
	}
	return in->raw_len - in->raw_pos >= want;
}

/* Decides from the next two bytes what follows. False at the end. */
static bool start_part(struct scap_input *in)
{
	bool two = raw_fill(in, 2);

	if (in->raw_pos == in->raw_len)
		return false;
	if (!two || in->raw[in->raw_pos] != 0x1f || in->raw[in->raw_pos + 1] != 0x8b) {
		in->mode = MODE_PLAIN;
		return true;
	}
	if (!in->z_ready && inflateInit2(&in->z, GZIP_WINDOW) != Z_OK) {
		set_error(in, -EIO, "no memory for decompression");
		return false;
	}
	if (in->z_ready)
		inflateReset(&in->z);
	in->z_ready = true;
	in->mode = MODE_GZIP;
	return true;
}

/* One step of decompression: delivers bytes, or moves on in the input, or ends the part. */
static void inflate_some(struct scap_input *in)
{
	int r;

	if (in->raw_pos == in->raw_len && !raw_fill(in, 1)) {
		if (!in->error)
			set_error(in, -EBADMSG, "the compressed data ends too early");
		return;
	}
	in->z.next_in = in->raw + in->raw_pos;
	in->z.avail_in = (unsigned)(in->raw_len - in->raw_pos);
	in->z.next_out = in->out;
	in->z.avail_out = OUT_SIZE;
	r = inflate(&in->z, Z_NO_FLUSH);
	in->raw_pos = in->raw_len - in->z.avail_in;
	in->p = in->out;
	in->left = OUT_SIZE - in->z.avail_out;
	if (r == Z_STREAM_END)
		in->mode = MODE_START;
	else if (r == Z_MEM_ERROR)
		set_error(in, -EIO, "no memory for decompression");
	else if (r != Z_OK && r != Z_BUF_ERROR)
		set_error(in, -EBADMSG, "the compressed data is damaged");
}

/* Makes left positive, or returns false at the end or at an error. Every turn of the loop takes
 * bytes from the file or delivers some, so it ends. */
static bool refill(struct scap_input *in)
{
	while (!in->left) {
		if (in->error)
			return false;
		if (in->mode == MODE_START && !start_part(in))
			return false;
		if (in->mode == MODE_GZIP) {
			inflate_some(in);
			continue;
		}
		if (in->raw_pos == in->raw_len) {
			in->raw_pos = in->raw_len = 0;
			if (!raw_fill(in, 1))
				return false;
		}
		in->p = in->raw + in->raw_pos;
		in->left = in->raw_len - in->raw_pos;
		in->raw_pos = in->raw_len;
	}
	return true;
}

size_t scap_input_read(struct scap_input *in, void *buf, size_t n)
{
	size_t done = 0;

	while (done < n && (in->left || refill(in))) {
		size_t part = n - done < in->left ? n - done : in->left;

		memcpy((uint8_t *)buf + done, in->p, part);
		in->p += part;
		in->left -= part;
		done += part;
	}
	in->offset += done;
	return done;
}

const uint8_t *scap_input_take(struct scap_input *in, size_t n)
{
	const uint8_t *p = in->p;

	if (in->left < n)
		return NULL;
	in->p += n;
	in->left -= n;
	in->offset += n;
	return p;
}

uint64_t scap_input_skip(struct scap_input *in, uint64_t n)
{
	uint64_t done = 0;

	while (done < n && (in->left || refill(in))) {
		size_t part = n - done < in->left ? (size_t)(n - done) : in->left;

		in->p += part;
		in->left -= part;
		done += part;
	}
	in->offset += done;
	return done;
}

uint64_t scap_input_offset(const struct scap_input *in)
{
	return in->offset;
}

int scap_input_error(const struct scap_input *in, const char **ret_why)
{
	if (in->error)
		*ret_why = in->why;
	return in->error;
}
