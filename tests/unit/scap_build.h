/* Makes capture files in memory, for tests and fuzz seeds. Not a writer for users: it writes what
 * it is told to, right or wrong. Text goes in as C strings; blocks are begun, filled, ended. */
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct sb {
	uint8_t *p; /* owned */
	size_t len, cap, block;
};

static inline void sb_raw(struct sb *b, const void *s, size_t n)
{
	if (b->len + n > b->cap) {
		b->cap = (b->len + n) * 2;
		b->p = realloc(b->p, b->cap);
		if (!b->p)
			abort();
	}
	if (n)
		memcpy(b->p + b->len, s, n);
	b->len += n;
}

static inline void sb_8(struct sb *b, uint8_t v) { sb_raw(b, &v, 1); }
static inline void sb_16(struct sb *b, uint16_t v) { sb_raw(b, &v, 2); }
static inline void sb_32(struct sb *b, uint32_t v) { sb_raw(b, &v, 4); }
static inline void sb_64(struct sb *b, uint64_t v) { sb_raw(b, &v, 8); }

static inline void sb_strn(struct sb *b, const char *s, size_t n)
{
	sb_16(b, (uint16_t)n);
	sb_raw(b, s, n);
}

static inline void sb_str(struct sb *b, const char *s) { sb_strn(b, s, strlen(s)); }

static inline void sb_begin(struct sb *b, uint32_t type)
{
	b->block = b->len;
	sb_32(b, type);
	sb_32(b, 0);
}

static inline void sb_end(struct sb *b)
{
	uint32_t total;

	while ((b->len - b->block) % 4)
		sb_8(b, 0);
	total = (uint32_t)(b->len - b->block + 4);
	memcpy(b->p + b->block + 4, &total, 4);
	sb_32(b, total);
}

/* An entry whose length stands in front: returns where, for sb_entry_end. */
static inline size_t sb_entry(struct sb *b)
{
	sb_32(b, 0);
	return b->len - 4;
}

static inline void sb_entry_end(struct sb *b, size_t at, int counts_itself)
{
	uint32_t n = (uint32_t)(b->len - at - (counts_itself ? 0 : 4));

	memcpy(b->p + at, &n, 4);
}

static inline void sb_section(struct sb *b)
{
	sb_begin(b, 0x0a0d0d0a);
	sb_32(b, 0x1a2b3c4d);
	sb_16(b, 1);
	sb_16(b, 2);
	sb_64(b, UINT64_MAX);
	sb_end(b);
}

struct sb_param {
	const void *p;
	uint32_t len;
};

#define SB_I64(v) { &(const int64_t){ v }, 8 }
#define SB_U32(v) { &(const uint32_t){ v }, 4 }
#define SB_STR(s) { s, sizeof(s) }

/* The event itself; hdr 22 writes the old header without the number of parameters. */
static inline void sb_event_body(struct sb *b, unsigned hdr, unsigned lensize, uint64_t ts, uint64_t tid, uint16_t type,
				 const struct sb_param *p, unsigned n)
{
	uint32_t len = hdr + n * lensize;

	for (unsigned i = 0; i < n; i++)
		len += p[i].len;
	sb_64(b, ts);
	sb_64(b, tid);
	sb_32(b, len);
	sb_16(b, type);
	if (hdr > 22)
		sb_32(b, n);
	for (unsigned i = 0; i < n; i++)
		sb_raw(b, &p[i].len, lensize);
	for (unsigned i = 0; i < n; i++)
		sb_raw(b, p[i].p, p[i].len);
}

/* An event in a block of the given type, with what that type wants in front. flags < 0: none. */
static inline void sb_event(struct sb *b, uint32_t block, int64_t flags, uint64_t ts, uint64_t tid, uint16_t type,
			    const struct sb_param *p, unsigned n)
{
	int large = block == 0x221 || block == 0x222;
	int old = block == 0x204 || block == 0x208 || block == 0x8010abcd;

	sb_begin(b, block);
	sb_16(b, 3); /* CPU */
	if (flags >= 0)
		sb_32(b, (uint32_t)flags);
	sb_event_body(b, old ? 22 : 26, large ? 4 : 2, ts, tid, type, p, n);
	sb_end(b);
}

/* Appends src as one gzip member. */
static inline void sb_gzip(struct sb *b, const void *src, size_t n)
{
	z_stream z = { 0 };
	uint8_t *out = malloc(n + 1024);

	if (!out || deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	z.next_in = (Bytef *)(uintptr_t)src;
	z.avail_in = (unsigned)n;
	z.next_out = out;
	z.avail_out = (unsigned)n + 1024;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	sb_raw(b, out, z.total_out);
	deflateEnd(&z);
	free(out);
}

static inline void sb_free(struct sb *b)
{
	free(b->p);
	*b = (struct sb){ 0 };
}
