/* Values as outputs show them: text for messages, JSON for output_fields. Called by templates and
 * by field lists of other outputs. */
#include "eval/field_internal.h"
#include "eval/render_val.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The reference writes lists and byte buffers through a storage of this many bytes. */
#define STORAGE 1024

/* How numbers of a type are shown: bits of the type, and whether it has a sign. 0 for others. */
static unsigned width(unsigned type, bool *ret_signed)
{
	*ret_signed = false;
	switch (type) {
	case PT_INT8:
		*ret_signed = true;
		return 8;
	case PT_INT16:
		*ret_signed = true;
		return 16;
	case PT_INT32:
		*ret_signed = true;
		return 32;
	case PT_INT64: case PT_PID: case PT_FD: case PT_ERRNO: case PT_FD32: case PT_PID32:
		*ret_signed = true;
		return 64;
	case PT_UINT8: case PT_FLAGS8: case PT_ENUMFLAGS8: case PT_L4PROTO: case PT_SIGTYPE:
		return 8;
	case PT_UINT16: case PT_FLAGS16: case PT_ENUMFLAGS16: case PT_PORT: case PT_SYSCALLID:
		return 16;
	case PT_UINT32: case PT_FLAGS32: case PT_ENUMFLAGS32: case PT_UID: case PT_GID: case PT_MODE: case PT_SIGSET:
		return 32;
	case PT_UINT64: case PT_RELTIME: case PT_ABSTIME:
		return 64;
	default:
		return 0;
	}
}

/* False: a number of this type has no text in this format. */
static bool number_text(struct base_buf *out, const struct eval_val *v, unsigned bits, bool is_signed)
{
	uint64_t u = bits == 64 ? v->u : v->u & ((1ull << bits) - 1);
	/* signed 64-bit types fall back to decimal, the others have nothing then */
	bool decimal = v->fmt == PF_DEC || v->fmt == PF_ID || (bits == 64 && is_signed && (v->fmt == PF_NA || v->fmt == PF_DIR));

	if (is_signed && bits < 32) /* widened to an int in hex and octal */
		u = (uint32_t)v->i;
	if (decimal) {
		if (is_signed)
			buf_i64(out, v->i);
		else
			buf_u64(out, u);
	} else if (v->fmt == PF_HEX) {
		buf_fmt(out, "%" PRIX64, u);
	} else if (v->fmt == PF_OCT) {
		buf_fmt(out, "%" PRIo64, u);
	} else if (v->fmt == PF_PADDED && bits == 64) {
		if (is_signed)
			buf_fmt(out, "%09" PRId64, v->i);
		else
			buf_fmt(out, "%09" PRIu64, u);
	} else {
		return false;
	}
	return true;
}

static void bytes_text(struct base_buf *out, const struct eval_val *v, bool base64)
{
	size_t len = v->len;

	if (base64) {
		/* what would not fit is not shown at all */
		if (4 * ((len + 2) / 3) < STORAGE - 2)
			render_base64(out, v->s, len);
		return;
	}
	if (len > STORAGE - 2)
		len = STORAGE - 3;
	render_dots(out, v->s, len);
}

static void ip_text(struct base_buf *out, const struct eval_val *v)
{
	char s[INET6_ADDRSTRLEN];

	if (inet_ntop(v->len == 16 ? AF_INET6 : AF_INET, v->s, s, sizeof(s)))
		buf_str(out, s);
}

/* One scalar. False: there is nothing to show. */
static bool scalar_text(struct base_buf *out, const struct eval_val *v, bool base64)
{
	bool is_signed;
	unsigned bits = width(v->type, &is_signed);

	if (bits)
		return number_text(out, v, bits, is_signed);
	switch (v->type) {
	case PT_CHARBUF: case PT_FSPATH: case PT_FSRELPATH:
		if (v->len)
			buf_add(out, v->s, strnlen(v->s, v->len));
		return true;
	case PT_BYTEBUF:
		bytes_text(out, v, base64);
		return true;
	case PT_BOOL:
		buf_str(out, (uint32_t)v->u ? "true" : "false");
		return true;
	case PT_DOUBLE:
		buf_fmt(out, "%.1lf", v->d);
		return true;
	case PT_IPADDR: case PT_IPV4ADDR: case PT_IPV6ADDR:
		if (v->len != 4 && v->len != 16)
			return false;
		ip_text(out, v);
		return true;
	case PT_IPNET: case PT_IPV4NET: case PT_IPV6NET:
		buf_str(out, "<IPNET>");
		return true;
	default:
		return false;
	}
}

bool render_val_text(struct base_buf *out, const struct eval_val *v, bool base64)
{
	size_t start = out->len;

	if (!v->is_list)
		return scalar_text(out, v, base64);
	buf_chr(out, '(');
	for (uint32_t i = 0; i < v->count; i++) {
		if (i)
			buf_chr(out, ',');
		scalar_text(out, &v->items[i], base64);
	}
	buf_chr(out, ')');
	if (out->len - start >= STORAGE) {
		out->len = start + STORAGE - 1;
		out->p[out->len] = 0;
	}
	return true;
}

void eval_val_text(struct base_buf *out, const struct eval_val *v)
{
	if (!render_val_text(out, v, false))
		buf_str(out, "<NA>");
}

/* Shortest text that reads back as the same number and shows that it is no integer. */
static void json_double(struct base_buf *out, double d)
{
	char s[64];

	if (d != d || d > 1e300 || d < -1e300) {
		buf_str(out, "null");
		return;
	}
	/* percentages and the like: plain decimals; beyond them the exponent form is shorter */
	for (int decimals = 1; decimals <= 20 && d < 1e15 && d > -1e15; decimals++) {
		snprintf(s, sizeof(s), "%.*f", decimals, d);
		if (strtod(s, NULL) == d) {
			buf_str(out, s);
			return;
		}
	}
	for (int precision = 0; precision <= 16; precision++) {
		snprintf(s, sizeof(s), "%.*e", precision, d);
		if (strtod(s, NULL) == d)
			break;
	}
	buf_str(out, s);
}

/* One decoded character, as the reference's JSON library reads it: the first byte decides how many
 * belong to it, and bytes that follow are taken as they are. Returns the bytes used; *ret is U+FFFD
 * for what is no character. */
static size_t lax_char(const unsigned char *s, size_t len, uint32_t *ret)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf8 ? 4 : 1;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t v;

	*ret = 0xfffd;
	if (s[0] >= 0xf8 || n > len)
		return 1;
	if (n == 1) {
		*ret = s[0];
		return 1;
	}
	v = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		v = v << 6 | (s[i] & 0x3f);
	if (v >= least[n] && !(n == 3 && v >= 0xd800 && v <= 0xdfff))
		*ret = v;
	return n;
}

static void add_utf8(struct base_buf *out, uint32_t v)
{
	char s[4];

	if (v > 0x10ffff)
		v = 0xfffd;
	if (v < 0x800) {
		s[0] = (char)(0xc0 | v >> 6);
		s[1] = (char)(0x80 | (v & 0x3f));
		buf_add(out, s, 2);
	} else if (v < 0x10000) {
		s[0] = (char)(0xe0 | v >> 12);
		s[1] = (char)(0x80 | (v >> 6 & 0x3f));
		s[2] = (char)(0x80 | (v & 0x3f));
		buf_add(out, s, 3);
	} else {
		s[0] = (char)(0xf0 | v >> 18);
		s[1] = (char)(0x80 | (v >> 12 & 0x3f));
		s[2] = (char)(0x80 | (v >> 6 & 0x3f));
		s[3] = (char)(0x80 | (v & 0x3f));
		buf_add(out, s, 4);
	}
}

void render_json_string(struct base_buf *out, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + strnlen(s, len), *plain = p;

	buf_chr(out, '"');
	while (p < end) {
		uint32_t ch;

		if (*p < 0x80) {
			p++;
			continue;
		}
		buf_json_escape(out, (const char *)plain, (size_t)(p - plain));
		p += lax_char(p, (size_t)(end - p), &ch);
		/* a sequence may stand for an ASCII character only by being overlong: it was refused */
		add_utf8(out, ch);
		plain = p;
	}
	buf_json_escape(out, (const char *)plain, (size_t)(p - plain));
	buf_chr(out, '"');
}

static void text_as_json(struct base_buf *out, const struct eval_val *v, bool base64)
{
	struct base_buf t = { 0 };

	if (scalar_text(&t, v, base64))
		render_json_string(out, t.len ? t.p : "", t.len);
	else
		buf_str(out, "null");
	buf_fini(&t);
}

static void scalar_json(struct base_buf *out, const struct eval_val *v, bool base64)
{
	bool is_signed;
	unsigned bits = width(v->type, &is_signed);

	if (v->type == PT_BOOL) {
		buf_str(out, (uint32_t)v->u ? "true" : "false");
	} else if (v->type == PT_DOUBLE) {
		if (v->fmt == PF_DEC)
			buf_i64(out, (int64_t)v->d);
		else
			json_double(out, v->d);
	} else if (evt_param_is_string(v->type)) {
		render_json_string(out, v->len ? v->s : "", v->len);
	} else if (bits && (v->fmt == PF_DEC || v->fmt == PF_ID)) {
		number_text(out, v, bits, is_signed);
	} else {
		text_as_json(out, v, base64);
	}
}

void render_val_json(struct base_buf *out, const struct field_ref *f, const struct eval_val *v, bool base64)
{
	if (!v) {
		buf_str(out, "null");
		return;
	}
	if (v->is_list) {
		/* an empty list reads as no value */
		if (!v->count) {
			buf_str(out, "null");
			return;
		}
		buf_chr(out, '[');
		for (uint32_t i = 0; i < v->count; i++) {
			struct eval_val e = v->items[i];

			e.fmt = v->fmt;
			if (i)
				buf_chr(out, ',');
			scalar_json(out, &e, base64);
		}
		buf_chr(out, ']');
		return;
	}
	switch (f ? f->def->id : FLD_COUNT) {
	case FLD_EVT_RAWTIME_NS: case FLD_EVT_RELTIME: case FLD_EVT_RELTIME_NS: case FLD_EVT_LATENCY_NS:
		buf_u64(out, v->u); /* numbers in spite of their padded format */
		return;
	case FLD_EVT_DELTATIME: case FLD_EVT_DELTATIME_S: case FLD_EVT_DELTATIME_NS:
		/* read twice for JSON, and from the first reading on no time has passed */
		buf_chr(out, '0');
		return;
	default:
		scalar_json(out, v, base64);
		return;
	}
}

void eval_val_json(struct base_buf *out, const struct field_ref *f, const struct eval_val *v)
{
	render_val_json(out, f, v, false);
}
