/* A longer capture for benchmarks: everything before the first event once, then the events again and again, their time
 * moved on each round, until there are EVENTS. Usage: bench_lengthen CAPTURE OUT EVENTS; prints how many were written.
 * Reads plain and compressed files (gzread takes both), writes plain ones. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct bytes {
	unsigned char *p;
	size_t len, cap;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_lengthen: %s\n", what);
	exit(1);
}

static void read_all(const char *path, struct bytes *b)
{
	gzFile f = gzopen(path, "rb");
	int n;

	if (!f)
		die(path);
	do {
		if (b->cap - b->len < 65536 && !(b->p = realloc(b->p, b->cap += 1u << 20)))
			die("no memory");
		n = gzread(f, b->p + b->len, 65536);
		b->len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	gzclose(f);
	if (n < 0)
		die("the capture is damaged");
}

static uint32_t u32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Offset of the time stamp in an event block, 0 for other blocks. */
static size_t time_at(uint32_t type)
{
	switch (type) {
	case 0x204: case 0x216: case 0x221:
		return 8 + 2;
	case 0x208: case 0x217: case 0x222:
		return 8 + 6;
	default:
		return 0;
	}
}

int main(int argc, char **argv)
{
	struct bytes b = { 0 };
	uint64_t want = argc > 3 ? strtoull(argv[3], NULL, 10) : 0, done = 0, first = UINT64_MAX, last = 0;
	size_t start = 0, end;
	FILE *out = argc > 3 ? fopen(argv[2], "wb") : NULL;

	if (!out)
		die("usage: bench_lengthen CAPTURE OUT EVENTS");
	read_all(argv[1], &b);
	for (end = 0; end + 12 <= b.len && u32(b.p + end + 4) >= 12 && end + u32(b.p + end + 4) <= b.len; end += u32(b.p + end + 4)) {
		size_t at = time_at(u32(b.p + end));
		uint64_t ts;

		if (!at)
			continue;
		if (!start)
			start = end;
		memcpy(&ts, b.p + end + at, sizeof(ts));
		first = ts < first ? ts : first;
		last = ts > last ? ts : last;
	}
	if (!start)
		die("no event in it");
	fwrite(b.p, 1, start, out);
	for (uint64_t round = 0; done < want; round++)
		for (size_t o = start; o < end; o += u32(b.p + o + 4)) {
			size_t at = time_at(u32(b.p + o));
			uint64_t ts;

			if (!at)
				continue;
			memcpy(&ts, b.p + o + at, sizeof(ts));
			ts += round ? last - first + 1000000 : 0;
			memcpy(b.p + o + at, &ts, sizeof(ts));
			fwrite(b.p + o, 1, u32(b.p + o + 4), out);
			done++;
		}
	if (fclose(out))
		die(argv[2]);
	free(b.p);
	printf("%llu\n", (unsigned long long)done);
	return 0;
}
