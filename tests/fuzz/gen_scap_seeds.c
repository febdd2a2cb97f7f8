/* Writes the seed corpus of fuzz_scap into a directory. Built and run by hand when the seeds should
 * change:
 *   cc -Isrc tests/fuzz/gen_scap_seeds.c -lz -o gen && ./gen tests/fuzz/corpus/fuzz_scap */
#include "../unit/scap_parts.h"

#include <stdio.h>

static int save(const char *dir, const char *name, const struct sb *b)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(b->p, 1, b->len, f) != b->len || fclose(f)) {
		perror(path);
		return 1;
	}
	return 0;
}

/* Records of old probes: enter and exit events, and what they became. */
static void old_events(struct sb *b)
{
	struct sb_param rd[] = { SB_I64(5), SB_U32(4096), SB_STR("data") };
	struct sb_param exec[] = { SB_I64(0), SB_STR("/bin/ls"), SB_STR("-l"), SB_I64(7), SB_I64(7), SB_I64(1), SB_STR("/"), SB_I64(1024) };
	struct sb_param c[] = { SB_STR("3ad7"), SB_U32(0), SB_STR("web"), SB_STR("nginx") };

	sb_section(b);
	sb_event(b, 0x216, -1, TS, 1, 6, rd, 2);
	sb_event(b, 0x216, -1, TS, 1, 7, (struct sb_param[]){ rd[0], rd[2] }, 2);
	sb_event(b, 0x204, -1, TS, 7, 12, NULL, 0);
	sb_event(b, 0x204, -1, TS, 7, 13, exec, 8);
	sb_event(b, 0x204, -1, TS, 1, 228, c, 4);
	sb_event(b, 0x204, -1, TS, 1, 286, c, 4);
	sb_event(b, 0x208, 1, TS, 1, 16, NULL, 0);
	sb_event(b, 0x216, -1, TS, 1, 10, (struct sb_param[]){ SB_U32(1) }, 1);
	sb_event(b, 0x216, -1, TS, 1, 11, rd, 1);
}

int main(int argc, char **argv)
{
	struct sb b = { 0 }, z = { 0 };
	int bad = 0;

	if (argc != 2)
		return 2;
	small_capture(&b);
	bad |= save(argv[1], "small", &b);
	sb_gzip(&z, b.p, b.len);
	bad |= save(argv[1], "small_gzip", &z);
	sb_gzip(&z, b.p, b.len);
	bad |= save(argv[1], "appended_gzip", &z);
	b.len = 0;
	for (unsigned v = 1; v <= 9; v++) {
		static const uint32_t block[] = { 0x202, 0x207, 0x209, 0x210, 0x211, 0x212, 0x213, 0x214, 0x215 };

		if (v == 1)
			sb_section(&b);
		sb_begin(&b, block[v - 1]);
		task_entry(&b, v, 76);
		sb_end(&b);
	}
	users_and_ifaces(&b, 0, 0x206, 0x205);
	sb_begin(&b, 0x203), sb_64(&b, 7), fd_list(&b, 0), sb_end(&b);
	chdir_event(&b, 0x8010abcd, -1, 1);
	bad |= save(argv[1], "old_head", &b);
	b.len = 0;
	old_events(&b);
	bad |= save(argv[1], "old_events", &b);
	sb_free(&b);
	sb_free(&z);
	return bad;
}
