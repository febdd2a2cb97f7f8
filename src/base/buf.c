/* Growable byte buffer, JSON string escaping and the per-event bump arena.
 *
 * Called from everywhere. Text flows in, one contiguous NUL-terminated buffer flows out; arena
 * memory flows out and is given back all at once by arena_reset. */
#include "base/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_fini(struct base_buf *b)
{
	free(b->p);
	*b = (struct base_buf){ 0 };
}

void buf_reset(struct base_buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->p)
		b->p[0] = 0;
}

bool buf_reserve(struct base_buf *b, size_t more)
{
	size_t need, cap;
	char *p;

	if (b->failed)
		return false;
	if (more >= SIZE_MAX / 2 - b->len) {
		b->failed = true;
		return false;
	}
	need = b->len + more + 1;
	if (need <= b->cap)
		return true;
	cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap *= 2;
	p = realloc(b->p, cap);
	if (!p) {
		b->failed = true;
		return false;
	}
	if (!b->p)
		p[0] = 0;
	b->p = p;
	b->cap = cap;
	return true;
}

void buf_add(struct base_buf *b, const void *s, size_t len)
{
	if (!buf_reserve(b, len))
		return;
	if (len)
		memcpy(b->p + b->len, s, len);
	b->len += len;
	b->p[b->len] = 0;
}

void buf_str(struct base_buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_chr(struct base_buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_pad(struct base_buf *b, char c, size_t count)
{
	if (!buf_reserve(b, count))
		return;
	memset(b->p + b->len, c, count);
	b->len += count;
	b->p[b->len] = 0;
}

void buf_fmt(struct base_buf *b, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	int n;

	if (!buf_reserve(b, 64))
		return;
	room = b->cap - b->len;
	va_start(ap, fmt);
	n = vsnprintf(b->p + b->len, room, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->p[b->len] = 0;
		b->failed = true;
		return;
	}
	if ((size_t)n >= room) {
		b->p[b->len] = 0; /* keep what was there if growing fails */
		if (!buf_reserve(b, (size_t)n))
			return;
		va_start(ap, fmt);
		vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
}

void buf_u64(struct base_buf *b, uint64_t v)
{
	char tmp[20];
	size_t i = sizeof(tmp);

	do {
		tmp[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add(b, tmp + i, sizeof(tmp) - i);
}

void buf_i64(struct base_buf *b, int64_t v)
{
	if (v < 0) {
		buf_chr(b, '-');
		buf_u64(b, 0 - (uint64_t)v);
	} else {
		buf_u64(b, (uint64_t)v);
	}
}

char *buf_steal(struct base_buf *b)
{
	char *p;

	if (b->failed || !buf_reserve(b, 0)) {
		buf_fini(b);
		return NULL;
	}
	p = b->p;
	*b = (struct base_buf){ 0 };
	return p;
}

/* Length of the well-formed UTF-8 sequence at s (1 to 4), or 0; then *bad is the number of bytes
 * that one replacement character stands for: the longest prefix that could have become a sequence,
 * at least one byte. Source: Unicode, table 3-7 and "substitution of maximal subparts". */
static size_t utf8_seq(const unsigned char *s, size_t len, size_t *bad)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t need;

	*bad = 1;
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		need = 2;
	} else if ((s[0] & 0xf0) == 0xe0) {
		need = 3;
		if (s[0] == 0xe0)
			lo = 0xa0;
		else if (s[0] == 0xed)
			hi = 0x9f;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		need = 4;
		if (s[0] == 0xf0)
			lo = 0x90;
		else if (s[0] == 0xf4)
			hi = 0x8f;
	} else {
		return 0;
	}
	for (size_t i = 1; i < need; i++) {
		if (i >= len || s[i] < lo || s[i] > hi) {
			*bad = i;
			return 0;
		}
		lo = 0x80;
		hi = 0xbf;
	}
	return need;
}

/* One character below 0x20, or '"' or '\\'. */
static void escape_ascii(struct base_buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char out[6] = { '\\', 0, '0', '0' };

	switch (c) {
	case '"': case '\\':
		out[1] = (char)c;
		break;
	case '\b':
		out[1] = 'b';
		break;
	case '\f':
		out[1] = 'f';
		break;
	case '\n':
		out[1] = 'n';
		break;
	case '\r':
		out[1] = 'r';
		break;
	case '\t':
		out[1] = 't';
		break;
	default:
		out[1] = 'u';
		out[4] = hex[c >> 4];
		out[5] = hex[c & 15];
		buf_add(b, out, 6);
		return;
	}
	buf_add(b, out, 2);
}

void buf_json_escape(struct base_buf *b, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len, *plain = p;

	while (p < end) {
		size_t bad, n;

		if (*p < 0x80 && *p >= 0x20 && *p != '"' && *p != '\\') {
			p++;
			continue;
		}
		n = utf8_seq(p, (size_t)(end - p), &bad);
		if (n > 1) {
			p += n;
			continue;
		}
		buf_add(b, plain, (size_t)(p - plain));
		if (n) {
			escape_ascii(b, *p);
			p++;
		} else {
			buf_add(b, "\xef\xbf\xbd", 3);
			p += bad;
		}
		plain = p;
	}
	buf_add(b, plain, (size_t)(p - plain));
}

/* ---- arena ------------------------------------------------------------------------------- */

#define ARENA_BLOCK 16384

struct arena_block {
	struct arena_block *next; /* owned */
	size_t size;		  /* of data */
	char data[] __attribute__((aligned(16)));
};

void arena_init(struct base_arena *a)
{
	*a = (struct base_arena){ 0 };
}

void arena_fini(struct base_arena *a)
{
	struct arena_block *blk = a->first, *next;

	for (; blk; blk = next) {
		next = blk->next;
		free(blk);
	}
	*a = (struct base_arena){ 0 };
}

void arena_reset(struct base_arena *a)
{
	if (!a->used && a->cur == a->first)
		return; /* nothing since the last one */
	/* A huge request is kept only until the next reset: one monstrous event must not raise the
	 * worker's memory for good. */
	for (struct arena_block **pp = &a->first; *pp;) {
		struct arena_block *blk = *pp;

		if (blk->size > 16 * ARENA_BLOCK) {
			*pp = blk->next;
			free(blk);
		} else {
			pp = &blk->next;
		}
	}
	a->cur = a->first;
	a->used = 0;
}

void *arena_alloc(struct base_arena *a, size_t size)
{
	struct arena_block *blk = a->cur;
	size_t need;

	if (size > SIZE_MAX / 2)
		abort();
	need = (size + 15) & ~(size_t)15;
	while (blk && blk->size - a->used < need) {
		if (!blk->next)
			break;
		blk = a->cur = blk->next;
		a->used = 0;
	}
	if (!blk || blk->size - a->used < need) {
		size_t bytes = need > ARENA_BLOCK ? need : ARENA_BLOCK;
		struct arena_block *n = malloc(sizeof(*n) + bytes);

		if (!n)
			abort(); /* the header's contract: callers on the hot path have no way back */
		n->size = bytes;
		n->next = NULL;
		if (blk)
			blk->next = n;
		else
			a->first = n;
		a->cur = blk = n;
		a->used = 0;
	}
	void *p = blk->data + a->used;

	a->used += need;
	return p;
}

char *arena_strn(struct base_arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (len)
		memcpy(p, s, len);
	p[len] = 0;
	return p;
}

char *arena_fmt(struct base_arena *a, const char *fmt, ...)
{
	char tmp[256];
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(tmp, sizeof(tmp), fmt, ap);
	va_end(ap);
	if (n < 0)
		return arena_strn(a, "", 0);
	if ((size_t)n < sizeof(tmp))
		return arena_strn(a, tmp, (size_t)n);
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}
