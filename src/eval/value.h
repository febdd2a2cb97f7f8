/* A field's value for one event. */
#pragma once
#include "contract/event.h"

/* How values are compared and shown. Types are the parameter types of contract/event.h; strings are
 * PT_CHARBUF/PT_FSPATH/PT_FSRELPATH, bytes PT_BYTEBUF, addresses PT_IPADDR (4 or 16 bytes in s,
 * network order), networks PT_IPNET: an extracted one is an address, a literal has the address in s
 * and the prefix length in u. */
struct eval_val {
	uint8_t type;	 /* enum evt_param_type: of the scalar, or of each element */
	uint8_t fmt;	 /* enum evt_param_fmt: how text output shows it */
	bool is_list;
	uint32_t len;	 /* bytes of s */
	union {
		int64_t i;  /* signed types, BOOL 0/1, ERRNO, FD, PID, RELTIME (as u) */
		uint64_t u; /* unsigned types */
		double d;   /* PT_DOUBLE */
	};
	const char *s;	 /* strings (no NUL counted; s[len] need not be NUL), bytes, addresses; borrowed until the end of the event */
	struct eval_val *items; /* list: count elements in the event's arena */
	uint32_t count;
};

static inline void val_str(struct eval_val *v, const char *s, size_t len)
{
	*v = (struct eval_val){ .type = PT_CHARBUF, .len = (uint32_t)len, .s = s };
}
static inline void val_u64(struct eval_val *v, uint8_t type, uint64_t u)
{
	*v = (struct eval_val){ .type = type, .fmt = PF_DEC, .u = u };
}
static inline void val_i64(struct eval_val *v, uint8_t type, int64_t i)
{
	*v = (struct eval_val){ .type = type, .fmt = PF_DEC, .i = i };
}
static inline void val_bool(struct eval_val *v, bool b)
{
	*v = (struct eval_val){ .type = PT_BOOL, .u = b };
}
