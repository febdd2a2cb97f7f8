/* What the parts of the capture reader share: scap.c (file, events) and scap_meta.c (the head). */
#pragma once
#include "capture/converter.h"
#include "capture/scap.h"
#include "capture/scap_input.h"

enum scap_block {
	SB_SHB = 0x0a0d0d0a,
	SB_MI = 0x201, SB_MI_INT = 0x8002abcd,
	SB_PL_V1 = 0x202, SB_PL_V2 = 0x207, SB_PL_V3 = 0x209, SB_PL_V4 = 0x210, SB_PL_V5 = 0x211,
	SB_PL_V6 = 0x212, SB_PL_V7 = 0x213, SB_PL_V8 = 0x214, SB_PL_V9 = 0x215,
	SB_PL_V1_INT = 0x8000abcd, SB_PL_V2_INT = 0x8013abcd, SB_PL_V3_INT = 0x8014abcd,
	SB_FDL = 0x203, SB_FDL_V2 = 0x218, SB_FDL_INT = 0x8001abcd,
	SB_EV = 0x204, SB_EV_V2 = 0x216, SB_EV_V2_LARGE = 0x221, SB_EV_INT = 0x8010abcd,
	SB_EVF = 0x208, SB_EVF_V2 = 0x217, SB_EVF_V2_LARGE = 0x222,
	SB_IL = 0x205, SB_IL_V2 = 0x219, SB_IL_INT = 0x8011abcd,
	SB_UL = 0x206, SB_UL_V2 = 0x220, SB_UL_INT = 0x8012abcd,
};

/* Longest texts that writers produce; longer ones are damage. */
#define SCAP_MAX_PATH 1024
#define SCAP_MAX_ARGS 4096
#define SCAP_MAX_NAME 256

struct scap_reader {
	struct scap_input *in;	/* owned */
	struct converter *conv; /* owned */
	char *path;		/* owned, for messages */
	uint64_t block_at;	/* offset of the block at hand */
	uint32_t block_type, block_len;
	bool have_header;	/* block_type and block_len are of a block not yet read */
	bool initial;		/* only state-building events so far in this section */
	int ended;		/* sticky: 1 end of file, else -errno */
	uint64_t num;		/* events handed out */
	struct evt_env *env;	/* of the event handed out last: place, or the converter's; NULL none */
	struct evt_env place;	/* envelope of the event at hand */
	uint32_t place_bytes;	/* what may be read at its header */
	uint8_t *buf;		/* owned: envelope, then event; 8-byte aligned */
	size_t buf_cap;
	char why[256];		/* of the error at hand, without the offset */
	struct base_err last;	/* the sticky error, told again on later calls */
	char text[8 * (SCAP_MAX_ARGS + 1)]; /* texts of the entry at hand */
};

/* Sets why and returns -EBADMSG. */
int scap_damage(struct scap_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Error of a read that came up short: damage in the stream, an I/O error, or a file cut off. */
int scap_short(struct scap_reader *r);

/* Reads the body of one block that is not an event; block_type, block_len are set, the header is
 * consumed. Unknown blocks are stepped over. Leaves the stream behind the block. */
int scap_read_meta(struct scap_reader *r, const struct scap_head_ops *ops, void *arg);
