/* Literals of conditions: text -> value of the field's type. Called by the check, once per literal. */
#include "eval/cond_check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#define LITERAL_MAX 256 /* bytes the reference stores for one literal */

static int bad(struct base_err *err, const char *before, const char *text, const char *after)
{
	return base_err_set(err, NULL, 0, 0, "%s%.900s%s", before, text, after);
}

/* Decimal, the whole text, blanks in front allowed. */
static int parse_int(const char *text, bool is_signed, unsigned bits, struct eval_val *ret, struct base_err *err)
{
	const char *p = text;
	char *end;
	uint64_t u;

	while (isspace((unsigned char)*p))
		p++;
	if (*p == '+' || *p == '-')
		p++;
	if (!isdigit((unsigned char)*p))
		return bad(err, "", text, " is not a valid number");
	u = is_signed ? (uint64_t)strtoll(text, &end, 10) : strtoull(text, &end, 10);
	if (*end)
		return bad(err, "", text, " is not a valid number");
	/* narrow ones are read as 32 bits and cut */
	if (bits < 64) {
		u &= (1ull << bits) - 1;
		if (is_signed && u >> (bits - 1))
			u |= ~0ull << bits;
	}
	ret->u = u;
	return 0;
}

static int parse_port(const char *text, struct eval_val *ret, struct base_err *err)
{
	struct servent se, *found = NULL;
	char buf[4096];
	long v;

	if (strspn(text, "0123456789") == strlen(text)) {
		errno = 0;
		v = strtol(text, NULL, 10);
		if (errno || v > INT32_MAX)
			return bad(err, "stoi", "", "");
		ret->u = (uint16_t)v;
		return 0;
	}
	if (getservbyname_r(text, NULL, &se, buf, sizeof(buf), &found) || !found)
		return bad(err, "unrecognized protocol ", text, "");
	ret->u = ntohs((uint16_t)found->s_port);
	return 0;
}

static int parse_addr(const char *text, bool v4, struct eval_val *ret, char *mem, struct base_err *err)
{
	if (inet_pton(v4 ? AF_INET : AF_INET6, text, mem) != 1)
		return bad(err, v4 ? "unrecognized IPv4 address " : "unrecognized IPv6 address ", text, "");
	ret->s = mem;
	ret->len = v4 ? 4 : 16;
	return 0;
}

static int parse_net(const char *text, bool v4, struct eval_val *ret, char *mem, struct base_err *err)
{
	const char *slash = strchr(text, '/');
	struct eval_val bits;
	char *ip, *mask;
	int r;

	if (!slash)
		return bad(err, v4 ? "unrecognized IP network " : "invalid v6 netmask: ", text, "");
	ip = strndup(text, (size_t)(slash - text));
	mask = strndup(slash + 1, strcspn(slash + 1, "\n"));
	if (!ip || !mask) {
		r = -ENOMEM;
		goto out;
	}
	if (inet_pton(v4 ? AF_INET : AF_INET6, ip, mem) != 1) {
		r = bad(err, v4 ? "unrecognized IP address " : "unrecognized IPv6 address ", text, "");
		goto out;
	}
	r = parse_int(mask, false, 8, &bits, err);
	if (!r && v4 && bits.u > 32)
		r = bad(err, "invalid netmask ", mask, "");
	if (!r && !v4 && (!bits.u || bits.u > 128))
		r = bad(err, "invalid v6 netmask ", mask, "");
	if (!r) {
		ret->s = mem;
		ret->len = v4 ? 4 : 16;
		ret->u = bits.u;
	}
out:
	free(ip);
	free(mask);
	return r;
}

static int parse_bool(const char *text, struct eval_val *ret, struct base_err *err)
{
	ret->u = !strcmp(text, "true");
	if (!ret->u && strcmp(text, "false"))
		return bad(err, "filter error: unrecognized boolean value ", text, "");
	return 0;
}

static int parse_typed(const char *text, uint8_t type, struct eval_val *ret, char *mem, struct base_err *err)
{
	bool v4 = strchr(text, '.');
	int r;

	switch (type) {
	case PT_INT8:
		return parse_int(text, true, 8, ret, err);
	case PT_INT16:
		return parse_int(text, true, 16, ret, err);
	case PT_INT32:
		return parse_int(text, true, 32, ret, err);
	case PT_INT64: case PT_FD: case PT_ERRNO: case PT_PID:
		return parse_int(text, true, 64, ret, err);
	case PT_L4PROTO: case PT_FLAGS8: case PT_UINT8: case PT_ENUMFLAGS8:
		return parse_int(text, false, 8, ret, err);
	case PT_FLAGS16: case PT_UINT16: case PT_ENUMFLAGS16:
		return parse_int(text, false, 16, ret, err);
	case PT_FLAGS32: case PT_UINT32: case PT_MODE: case PT_ENUMFLAGS32: case PT_UID: case PT_GID:
		return parse_int(text, false, 32, ret, err);
	case PT_UINT64: case PT_RELTIME: case PT_ABSTIME:
		return parse_int(text, false, 64, ret, err);
	case PT_PORT:
		return parse_port(text, ret, err);
	case PT_BOOL:
		return parse_bool(text, ret, err);
	case PT_DOUBLE:
		r = parse_int(text, true, 32, ret, err);
		ret->d = (double)ret->i;
		return r;
	case PT_IPADDR:
		return parse_addr(text, v4, ret, mem, err);
	case PT_IPV4ADDR: case PT_IPV6ADDR:
		return parse_addr(text, type == PT_IPV4ADDR, ret, mem, err);
	case PT_IPNET:
		return parse_net(text, v4, ret, mem, err);
	case PT_IPV4NET: case PT_IPV6NET:
		return parse_net(text, type == PT_IPV4NET, ret, mem, err);
	default:
		return base_err_set(err, NULL, 0, 0, "wrong parameter type %u", type);
	}
}

static int parse_hex(const char *text, size_t len, struct eval_val *ret, char *mem, struct base_err *err)
{
	if (len % 2 || strspn(text, "0123456789abcdefABCDEF") != len)
		return bad(err, "filter error: bcontains and bstartswith operator support hex strings only", "", "");
	for (size_t i = 0; i < len; i += 2) {
		char pair[3] = { text[i], text[i + 1], 0 };

		mem[i / 2] = (char)strtoul(pair, NULL, 16);
	}
	ret->s = mem;
	ret->len = (uint32_t)(len / 2);
	return 0;
}

int literal_parse(const char *text, size_t len, uint8_t type, enum cond_op op, bool raw_arg, char *mem, struct eval_val *ret, struct base_err *err)
{
	bool string = evt_param_is_string(type) || type == PT_SOCKADDR || type == PT_SOCKTUPLE || type == PT_SOCKFAMILY;

	*ret = (struct eval_val){ .type = type, .s = text, .len = (uint32_t)len };
	if (op == OP_BCONTAINS || op == OP_BSTARTSWITH) {
		int r = parse_hex(text, len, ret, mem, err);

		if (r)
			return r;
		len = ret->len;
	}
	if (type == PT_BYTEBUF && !raw_arg) {
		if (len >= LITERAL_MAX)
			return bad(err, "filter parameter too long (byte buf)", "", "");
		return 0;
	}
	if (memchr(text, '\0', len))
		return bad(err, "filter error: filter value cannot contain a NUL byte (\\x00)", "", "");
	if (string) {
		if (len + 1 > LITERAL_MAX)
			return base_err_set(err, NULL, 0, 0, "filter parameter too long (used=%zu, available=%d):%.900s", len + 1, LITERAL_MAX, text);
		return 0;
	}
	ret->s = NULL;
	ret->len = 0;
	return parse_typed(text, type, ret, mem, err);
}
