/* Byte stream of a capture: a descriptor, decompressed when it holds gzip. Internal to scap*.c. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct scap_input; /* opaque */

/* Takes over fd. NULL when memory is out (fd is closed then, too). */
struct scap_input *scap_input_new(int fd);
void scap_input_free(struct scap_input *in);

/* Reads up to n bytes; fewer only at the end or at damage. */
size_t scap_input_read(struct scap_input *in, void *buf, size_t n);
/* The next n bytes where they are, and steps over them; valid until the next call. NULL, and nothing is taken, when
 * they do not stand in one piece: then scap_input_read. */
const uint8_t *scap_input_take(struct scap_input *in, size_t n);
/* Steps over up to n bytes and returns how many there were. */
uint64_t scap_input_skip(struct scap_input *in, uint64_t n);
/* Bytes delivered or skipped so far, uncompressed. */
uint64_t scap_input_offset(const struct scap_input *in);
/* After a short read: 0 the stream ended properly, else -EBADMSG or -EIO and *ret_why says why
 * (static text). */
int scap_input_error(const struct scap_input *in, const char **ret_why);
