/* Hash of short byte strings and numbers, for the evaluator's tables. Not stable across builds. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t hash_u64(uint64_t v)
{
	return hash_mix(v ^ 0x9e3779b97f4a7c15ull, 0xd6e8feb86659fd93ull);
}

/* Like other multiply-and-fold hashes: eight bytes at a time, the tail by overlapping reads. */
static inline uint64_t hash_bytes(const char *s, size_t n)
{
	uint64_t h = 0xa0761d6478bd642full ^ n, a = 0, b = 0;
	uint32_t x, y;

	while (n > 16) {
		memcpy(&a, s, 8);
		memcpy(&b, s + 8, 8);
		h = hash_mix(a ^ 0xe7037ed1a0b428dbull, b ^ h);
		s += 16;
		n -= 16;
	}
	if (n >= 8) {
		memcpy(&a, s, 8);
		memcpy(&b, s + n - 8, 8);
	} else if (n >= 4) {
		memcpy(&x, s, 4);
		memcpy(&y, s + n - 4, 4);
		a = x;
		b = y;
	} else if (n) {
		a = (uint64_t)(unsigned char)s[0] << 16 | (uint64_t)(unsigned char)s[n / 2] << 8 | (unsigned char)s[n - 1];
	}
	return hash_mix(a ^ 0x8ebc6af09c88c6e3ull, b ^ h);
}

/* One of 64 bits for what the last 8 bytes of s[0..n) look like, for filters ahead of a hash. */
static inline uint64_t tail_bit(const char *s, size_t n)
{
	uint64_t v = n;
	uint32_t x, y;

	if (n >= 8) {
		memcpy(&v, s + n - 8, 8);
	} else if (n >= 4) {
		memcpy(&x, s, 4);
		memcpy(&y, s + n - 4, 4);
		v = (uint64_t)x << 32 | y;
	} else if (n) {
		v = (uint64_t)(unsigned char)s[0] << 16 | (uint64_t)(unsigned char)s[n / 2] << 8 | (unsigned char)s[n - 1];
	}
	return 1ull << (v * 0x9e3779b97f4a7c15ull >> 58);
}
