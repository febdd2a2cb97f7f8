/* The compiled form of an output template, shared by its compiler and its renderer. */
#pragma once
#include "eval/template.h"

/* One piece of the message: literal text, or a value. */
struct template_token {
	char *text;		 /* owned: literal, NULL for values */
	size_t len;
	struct value_expr *expr; /* owned: value */
	int32_t key;		 /* plain field: position in keys, which has its reading; else -1 */
	uint32_t width;		 /* 0: as it is; else padded and cut to it */
	uint8_t fmt;		 /* enum evt_param_fmt of values that transformers make */
};

struct template_text {
	struct template_token *tokens; /* owned */
	uint32_t count;
};

/* One entry of output_fields. Sorted by name, names are unique. */
struct template_key {
	char *name;		      /* owned */
	const struct field_ref *field; /* borrowed from a token; NULL: formatted, or never a value */
	struct template_text *format; /* owned: formatted extra field */
	uint32_t order;		      /* of first use, 0 for the time of the prefix */
	bool in_text;		      /* named by the message, not only by extra fields */
};

struct template {
	struct template_text message;
	struct template_text *extra; /* owned: of raw extra fields, kept for their fields; nextra */
	uint32_t nextra;
	struct template_key *keys; /* owned */
	uint32_t nkeys;
	const char **names;	   /* owned array: field names of the message in order of first use */
	uint32_t nnames;
	char *priority_name;	   /* owned */
	bool iso_time;
};
