/* Parts of captures for tests and fuzz seeds: entries of every kind, and a small capture of a
 * little of everything. */
#pragma once
#include "contract/event.h"
#include "scap_build.h"

#define TS 1700000000000000000ull

static inline void chdir_event(struct sb *b, uint32_t block, int64_t flags, unsigned i)
{
	struct sb_param p[] = { SB_I64(0), SB_STR("/tmp") };

	sb_event(b, block, flags, TS + i, 100 + i, PPME_SYSCALL_CHDIR_X, p, 2);
}

static inline void task_entry(struct sb *b, unsigned v, unsigned tail)
{
	size_t at = v >= 9 ? sb_entry(b) : 0;
	size_t tail_at;

	sb_64(b, 7), sb_64(b, 6), sb_64(b, 5);
	if (v >= 6)
		sb_64(b, 44);
	if (v >= 8)
		sb_64(b, 55);
	sb_str(b, "comm"), sb_str(b, "exe");
	if (v >= 7)
		sb_str(b, "/exepath");
	sb_strn(b, "a\0b\0", 4), sb_str(b, "/cwd");
	sb_64(b, 1024), sb_32(b, 0x100), sb_32(b, 1000), sb_32(b, 1001);
	if (v >= 2)
		sb_32(b, 11), sb_32(b, 12), sb_32(b, 13), sb_64(b, 14), sb_64(b, 15);
	if (v >= 3)
		sb_strn(b, "E=1\0", 4);
	if (v >= 4)
		sb_64(b, 70), sb_64(b, 60), sb_strn(b, "cpu=/x\0", 7);
	if (v >= 5)
		sb_str(b, "/root");
	if (v < 9)
		return;
	tail_at = b->len;
	if (tail != 29)
		sb_64(b, 21), sb_32(b, 22);
	sb_32(b, 23), sb_8(b, 1), sb_64(b, 24), sb_64(b, 25), sb_64(b, 26), sb_8(b, 1);
	sb_64(b, 27), sb_64(b, 28), sb_64(b, 29), sb_8(b, 1), sb_8(b, 1), sb_64(b, 66);
	if (tail <= b->len - tail_at)
		b->len = tail_at + tail;
	else
		sb_raw(b, "newer fields", tail - (b->len - tail_at));
	sb_entry_end(b, at, 1);
}

static inline void fd_head(struct sb *b, unsigned type)
{
	sb_64(b, 10 + type), sb_64(b, 20 + type), sb_8(b, (uint8_t)type);
}

static inline void fd_list(struct sb *b, int v2)
{
	for (unsigned type = 0; type <= 23; type++) {
		size_t at;

		if (!v2 && (type == 0 || type > 21))
			continue;
		at = v2 ? sb_entry(b) : 0;
		fd_head(b, type);
		if (type == 3)
			sb_32(b, 0x0100007f), sb_32(b, 0x0200007f), sb_16(b, 1), sb_16(b, 2), sb_8(b, 3);
		else if (type == 4)
			sb_64(b, 1), sb_64(b, 2), sb_64(b, 3), sb_64(b, 4), sb_16(b, 5), sb_16(b, 6), sb_8(b, 2);
		else if (type == 5)
			sb_32(b, 0x0100007f), sb_16(b, 80), sb_8(b, 2);
		else if (type == 6)
			sb_64(b, 1), sb_64(b, 2), sb_16(b, 81), sb_8(b, 2);
		else if (type == 8)
			sb_64(b, 111), sb_64(b, 222), sb_str(b, "/sock");
		else if (type == 16)
			sb_32(b, 0x41), sb_str(b, "/file");
		else
			sb_str(b, "n");
		if (type == 16 && v2)
			sb_32(b, 77);
		if (v2) {
			sb_raw(b, "xyz", type % 3); /* of a later writer */
			sb_entry_end(b, at, 1);
		}
	}
}

static inline void users_and_ifaces(struct sb *b, int v2, uint32_t ul, uint32_t il)
{
	size_t at;

	sb_begin(b, ul);
	at = v2 ? sb_entry(b) : 0;
	sb_8(b, 0), sb_32(b, 1000), sb_32(b, 100), sb_str(b, "ann"), sb_str(b, "/home/ann"), sb_str(b, "/bin/sh");
	if (v2)
		sb_8(b, 99), sb_entry_end(b, at, 1);
	at = v2 ? sb_entry(b) : 0;
	sb_8(b, 1), sb_32(b, 100), sb_str(b, "users");
	if (v2)
		sb_entry_end(b, at, 1);
	sb_end(b);
	sb_begin(b, il);
	for (unsigned type = 1; type <= 4; type++) {
		unsigned n = type % 2 ? 4 : 16;

		at = v2 ? sb_entry(b) : 0;
		sb_16(b, (uint16_t)type), sb_16(b, 4);
		for (unsigned i = 0; i < 3 * n; i++)
			sb_8(b, (uint8_t)(type * 10 + i));
		if (type <= 2)
			sb_64(b, 1000);
		sb_raw(b, "eth0", 4);
		if (v2)
			sb_entry_end(b, at, 0);
	}
	sb_end(b);
}

static inline void machine_block(struct sb *b, uint32_t type, size_t body)
{
	uint8_t m[200] = { 8 };

	memcpy(m + 20, "host", 4);
	memcpy(m + 148, &(uint64_t){ TS }, 8);
	sb_begin(b, type);
	sb_raw(b, m, body);
	sb_end(b);
}

static inline void user_added(struct sb *b)
{
	struct sb_param p[] = { SB_U32(5), SB_U32(6), SB_STR("u"), SB_STR("/"), SB_STR("/bin/sh"), SB_STR("") };

	sb_event(b, 0x216, -1, TS, 0, PPME_USER_ADDED_E, p, 6);
}

/* A capture of a little of everything, as small as that can be. */
static inline void small_capture(struct sb *b)
{
	sb_section(b);
	machine_block(b, 0x201, 180);
	users_and_ifaces(b, 1, 0x220, 0x219);
	sb_begin(b, 0x215);
	task_entry(b, 9, 76);
	sb_end(b);
	sb_begin(b, 0x218);
	sb_64(b, 7);
	fd_list(b, 1);
	sb_end(b);
	user_added(b);
	chdir_event(b, 0x216, -1, 1);
	chdir_event(b, 0x208, 0, 2);
	sb_event(b, 0x221, -1, TS, 1, PPME_CONTAINER_JSON_2_E, &(struct sb_param)SB_STR("{}"), 1);
	chdir_event(b, 0x204, -1, 3);
}
