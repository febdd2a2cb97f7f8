/* Growable byte buffer and bump arena. Not thread-safe: one owner each. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Always NUL-terminated when p is not NULL. After an allocation failure `failed` is set, further
 * appends do nothing, and the content up to there stays valid. */
struct base_buf {
	char *p; /* owned */
	size_t len, cap;
	bool failed;
};

void buf_fini(struct base_buf *b);
void buf_reset(struct base_buf *b); /* length 0, memory kept */
bool buf_reserve(struct base_buf *b, size_t more);
void buf_add(struct base_buf *b, const void *s, size_t len);
void buf_str(struct base_buf *b, const char *s);
void buf_chr(struct base_buf *b, char c);
void buf_pad(struct base_buf *b, char c, size_t count);
void buf_fmt(struct base_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_u64(struct base_buf *b, uint64_t v);
void buf_i64(struct base_buf *b, int64_t v);
/* Content as an owned C string ("" when empty); the buffer is empty afterwards. NULL when failed. */
char *buf_steal(struct base_buf *b);
/* JSON string content without quotes: escapes ", \ and control characters, replaces bytes that are
 * not UTF-8 by U+FFFD, leaves other non-ASCII text alone. */
void buf_json_escape(struct base_buf *b, const char *s, size_t len);

/* Bump allocator for what lives as long as one event. Grows by blocks from malloc, keeps them on
 * reset, so that the steady state allocates nothing. */
struct base_arena {
	struct arena_block *first, *cur; /* owned */
	size_t used;			 /* in cur */
};

void arena_init(struct base_arena *a);
void arena_fini(struct base_arena *a);
void arena_reset(struct base_arena *a);
void *arena_alloc(struct base_arena *a, size_t size); /* 16-byte aligned; aborts when memory is out */
char *arena_strn(struct base_arena *a, const char *s, size_t len); /* NUL-terminated copy */
char *arena_fmt(struct base_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
