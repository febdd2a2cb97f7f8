/* Parts of the YAML reader: the text as libyaml must see it, and the way back to the user's bytes. */
#pragma once
#include "base/buf.h"
#include "base/yaml.h"

struct yaml_doc {
	struct base_arena mem; /* everything below lives here */
	uint32_t nodes;
};

/* libyaml refuses bytes that are not UTF-8 and most control characters, and breaks lines at U+0085,
 * U+2028 and U+2029; yaml-cpp does none of this. So such bytes are put as characters of a private
 * range, and taken back from scalars. libyaml counts positions in characters, users in bytes. */
struct yaml_text {
	const char *src; /* borrowed, behind a byte order mark */
	size_t len;
	struct base_buf enc; /* owned: what libyaml reads */
	uint32_t *at;	     /* owned: byte offset of every 64th character of enc */
	size_t nat;
	uint32_t *line;	     /* owned: byte offset of each line's start */
	size_t nline;
};

int yaml_text_init(struct yaml_text *t, const char *src, size_t len); /* 0, -ENOMEM */
void yaml_text_fini(struct yaml_text *t);
/* Position of a byte, and of libyaml's character number index. */
struct yaml_mark yaml_text_mark(const struct yaml_text *t, size_t offset);
size_t yaml_text_offset(const struct yaml_text *t, size_t index);
/* Takes the private characters back, in place. Returns the new length. */
size_t yaml_text_decode(char *s, size_t len);
