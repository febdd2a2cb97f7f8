/* Joining of paths as state-semantics 2.5 says. Pure; called with names of open and chdir events, by
 * fields for paths of events, never allocates.
 *
 * The base is kept as it is, byte for byte; only what the path adds is normalised, and ".." may climb
 * back into the base. A component counts as "." or ".." only where a component of the joined text
 * starts, so a base without a final slash glues its last component to the path's first one. */
#include "state/path.h"

#include <stdint.h>
#include <string.h>

#define TOO_LONG "/DIR_TOO_LONG/FILENAME_TOO_LONG"

/* Length of out without its last component; a leading '/' stays. */
static size_t climb(const char *out, size_t n)
{
	if (n <= 1)
		return n;
	n--;
	while (n && out[n - 1] != '/')
		n--;
	return n;
}

/* At a component's start: bytes of a "." (1) or ".." (2) component at p, 0 for anything else. */
static size_t dots(const char *p, size_t len)
{
	if (!len || p[0] != '.')
		return 0;
	if (len == 1 || p[1] == '/')
		return 1;
	if (p[1] == '.' && (len == 2 || p[2] == '/'))
		return 2;
	return 0;
}

/* 0x80 in every byte of x that is c. */
static uint64_t bytes_of(uint64_t x, unsigned char c)
{
	uint64_t low = 0x7f7f7f7f7f7f7f7full, y = x ^ (0x0101010101010101ull * c);

	return ~(((y & low) + low) | y | low);
}

/* Eight bytes at a time; in a word of the machine the first byte is the lowest (the formats here are little endian,
 * too). */
bool path_is_plain(const char *s, size_t len)
{
	uint64_t before = 0; /* 0x80: the byte before this word is a slash */
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t x, slash;

		memcpy(&x, s + i, 8);
		slash = bytes_of(x, '/');
		if ((slash << 8 | before) & (slash | bytes_of(x, '.')))
			return false;
		before = slash >> 56;
	}
	if (i < len) {
		uint64_t x = 0, slash;

		if (len >= 8) { /* the last eight: what they share with the word before does no harm */
			memcpy(&x, s + len - 8, 8);
			before = 0;
		} else {
			memcpy(&x, s, len);
		}
		slash = bytes_of(x, '/');
		if ((slash << 8 | before) & (slash | bytes_of(x, '.')))
			return false;
	}
	return true;
}

size_t path_join(char *out, const char *base, size_t base_len, const char *path, size_t path_len)
{
	size_t n = 0;
	bool based;

	if (base_len + path_len + 1 > PATH_JOIN_MAX) {
		memcpy(out, TOO_LONG, sizeof(TOO_LONG));
		return sizeof(TOO_LONG) - 1;
	}
	based = path_len && path[0] != '/' && base_len;
	if (based) {
		memcpy(out, base, base_len);
		n = base_len;
	}
	if (path_len && path[0] != '.' && path_is_plain(path, path_len)) { /* nearly all: as it is */
		memcpy(out + n, path, path_len);
		n += path_len;
		path_len = 0;
	}
	while (path_len) {
		bool start = !n || out[n - 1] == '/';
		size_t take;

		if (start && (take = dots(path, path_len))) {
			if (take == 2)
				n = climb(out, n);
			if (take < path_len)
				take++; /* the slash behind */
		} else if (*path == '/') {
			/* Nothing is left of a relative joined text: it must not become absolute. */
			if (!start || (!n && !based))
				out[n++] = '/';
			take = 1;
		} else {
			const char *slash = memchr(path, '/', path_len);

			take = slash ? (size_t)(slash - path) : path_len;
			memcpy(out + n, path, take);
			n += take;
		}
		path += take;
		path_len -= take;
	}
	if (n > 1 && out[n - 1] == '/')
		n--;
	out[n] = 0;
	return n;
}
