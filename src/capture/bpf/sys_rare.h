/* Exit events of calls whose arguments take some unpacking: descriptor lists, socket options, semaphores,
 * keys, quotas, file system contexts. Parameters and order: contract/events.def. */
#pragma once
#include "capture/bpf/sys_more.h"

/* ---- poll --------------------------------------------------------------------------------- */

#define POLL_MAX 16 /* descriptors of one call that are recorded */

struct u_pollfd {
	int32_t fd;
	uint16_t events, revents;
};

static __always_inline uint16_t poll_bits(uint16_t x)
{
	/* in, pri and out are equal, what follows is moved up by the place that rdhup takes */
	return (x & 7) | (x & 0x3f8) << 1 | MOVE(x, 0x2000, 8);
}

/* u16 count, then per descriptor s64 number and u16 what has happened there. */
PART put_pollfds(uint64_t ptr, uint32_t n)
{
	struct scratch *s = scratch_here();
	const struct u_pollfd *v;
	uint64_t p, bytes;
	uint8_t *b;
	int i;

	if (!s)
		return 0;
	p = s->pos;
	if (p > BUF_LIMIT)
		return 0;
	if (n > POLL_MAX)
		n = POLL_MAX;
	bytes = n * sizeof(*v);
	asm volatile("%0 &= 255" : "+r"(bytes)); /* a bound that the verifier sees, whatever the compiler made of n */
	if (n && bpf_probe_read_user(s->tmp, bytes, (void *)ptr))
		n = 0;
	v = (const struct u_pollfd *)s->tmp;
	b = buf_at(s, p);
	ST16(b, n);
	for (i = 0; i < POLL_MAX; i++) {
		if (i >= n)
			break;
		ST64(b + 2 + i * 10, (int64_t)v[i].fd);
		ST16(b + 10 + i * 10, poll_bits(v[i].revents));
	}
	s->pos = p + 2 + n * 10;
	put_len(s, 2 + n * 10);
	return 0;
}

SYSCALL_EXIT(x_poll)
{
	VAR(3, BULK);
	put_u64(s, ret);
	put_pollfds(ARG0(ctx), ARG1(ctx));
	put_u64(s, (uint32_t)ARG2(ctx)); /* unsigned: "for ever" is 4294967295, as in the reference */
	VAR_END(PPME_SYSCALL_POLL_X);
}

SYSCALL_EXIT(x_ppoll)
{
	uint64_t ts[2] = {};
	uint32_t narrow[2] = {}, mask = 0;

	if (compat_) {
		bpf_probe_read_user(narrow, sizeof(narrow), (void *)ARG2(ctx));
		ts[0] = narrow[0];
		ts[1] = narrow[1];
	} else {
		bpf_probe_read_user(ts, sizeof(ts), (void *)ARG2(ctx));
	}
	bpf_probe_read_user(&mask, sizeof(mask), (void *)ARG3(ctx));
	VAR(4, BULK);
	put_u64(s, ret);
	put_pollfds(ARG0(ctx), ARG1(ctx));
	put_u64(s, ts[0] * 1000000000 + ts[1]); /* what is left of it: the kernel has written it back */
	put_u32(s, mask);
	VAR_END(PPME_SYSCALL_PPOLL_X);
}

/* ---- socket options ----------------------------------------------------------------------- */

#define SOL_SOCKET 1
#define SOL_TCP 6
enum { OPT_BYTES, OPT_ERRNO, OPT_U32, OPT_U64, OPT_TIME }; /* kinds of a value, as the event table numbers them */

/* One byte each: the portable number and how the value is to be read. Up to 50 the numbers are the native ones. */
#define OPT(portable, kind) ((portable) | (kind) << 8)
static __always_inline uint16_t socket_option(uint32_t name)
{
	if (name == 66 || name == 67) /* time-outs in wide seconds */
		name -= 46;
	if (name == 20 || name == 21)
		return OPT(name, OPT_TIME);
	if (name == 4)
		return OPT(name, OPT_ERRNO);
	if (name == 13 || name == 17 || name == 26 || name == 28 || name == 50) /* structures, filters */
		return OPT(name, OPT_BYTES);
	if (name == 55)
		return OPT(52, OPT_BYTES);
	if (name == 59)
		return OPT(51, OPT_BYTES);
	if (name == 57)
		return OPT(53, OPT_U64);
	return name < 50 && name ? OPT(name, OPT_U32) : OPT(0, OPT_BYTES);
}

static __always_inline void put_option(struct scratch *s, uint32_t kind, uint64_t ptr, uint32_t len, bool compat)
{
	uint64_t p = s->pos, v[2] = {};
	uint32_t narrow[2] = {}, size = 8;
	uint8_t *b;

	if (p > BUF_LIMIT)
		return;
	b = buf_at(s, p);
	b[0] = kind;
	s->pos = p + 1;
	if (kind == OPT_BYTES) {
		put_len(s, 1 + raw_user_bytes(s, ptr, len & 0xffff));
		return;
	}
	if (kind == OPT_TIME && !compat) {
		bpf_probe_read_user(v, sizeof(v), (void *)ptr);
		v[0] = v[0] * 1000000000 + v[1] * 1000;
	} else if (kind == OPT_TIME) {
		bpf_probe_read_user(narrow, sizeof(narrow), (void *)ptr);
		v[0] = (uint64_t)narrow[0] * 1000000000 + (uint64_t)narrow[1] * 1000;
	} else if (kind == OPT_U64) {
		bpf_probe_read_user(v, 8, (void *)ptr);
	} else {
		bpf_probe_read_user(narrow, 4, (void *)ptr);
		v[0] = kind == OPT_ERRNO ? (uint64_t)-(int64_t)(int32_t)narrow[0] : narrow[0];
	}
	if (kind == OPT_U32) {
		size = 4;
		ST32(b + 1, v[0]);
	} else {
		ST64(b + 1, v[0]);
	}
	s->pos = p + 1 + size;
	put_len(s, 1 + size);
}

static __always_inline void put_sockopt(struct scratch *s, uint64_t *ctx, int64_t ret, uint32_t len, bool compat_)
{
	uint32_t level = ARG1(ctx);
	uint16_t opt = level == SOL_SOCKET ? socket_option(ARG2(ctx)) : OPT(0, OPT_BYTES);

	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_u8(s, level == SOL_SOCKET ? 1 : level == SOL_TCP ? 2 : 0);
	put_u8(s, opt);
	put_option(s, opt >> 8, ARG3(ctx), len, compat_);
	put_u32(s, len);
}

SYSCALL_EXIT(x_setsockopt)
{
	VAR(6, BULK);
	put_sockopt(s, ctx, ret, ARG4(ctx), compat_);
	VAR_END(PPME_SOCKET_SETSOCKOPT_X);
}

SYSCALL_EXIT(x_getsockopt)
{
	VAR(6, BULK);
	put_sockopt(s, ctx, ret, user_u32(ARG4(ctx)), compat_);
	VAR_END(PPME_SOCKET_GETSOCKOPT_X);
}

/* ---- semaphores --------------------------------------------------------------------------- */

struct u_sembuf {
	uint16_t num;
	int16_t op, flags;
};

static __always_inline uint16_t sem_flags(uint16_t x)
{
	return MOVE(x, 04000, 1) | MOVE(x, 0x1000, 2);
}

SYSCALL_EXIT(x_semop)
{
	struct u_sembuf op[2] = {};
	uint32_t n = ARG2(ctx);

	/* The first two operations of a call that succeeded. */
	if (!ret && n)
		bpf_probe_read_user(op, n == 1 ? sizeof(op[0]) : sizeof(op), (void *)ARG1(ctx));
	FIXED(PPME_SYSCALL_SEMOP_X, 9, 28, BULK, 0);
	F64(ret);
	F32(n);
	F16(op[0].num);
	F16(op[0].op);
	F16(sem_flags(op[0].flags));
	F16(op[1].num);
	F16(op[1].op);
	F16(sem_flags(op[1].flags));
	F32(ARG0(ctx));
	FIXED_END();
}

#define SEM_SETVAL 16
static __always_inline uint16_t sem_command(uint32_t cmd)
{
	switch (cmd) {
	case 0: return 4;	/* IPC_RMID, SET, STAT, INFO */
	case 1: return 2;
	case 2: return 1;
	case 3: return 8;
	case 11: return 256;	/* GETPID, GETVAL, GETALL, GETNCNT, GETZCNT */
	case 12: return 512;
	case 13: return 64;
	case 14: return 128;
	case 15: return 1024;
	case SEM_SETVAL: return 4096;
	case 17: return 2048;	/* SETALL */
	case 18: return 32;	/* SEM_STAT, SEM_INFO */
	case 19: return 16;
	default: return 0;
	}
}

SYSCALL_EXIT(x_semctl)
{
	uint16_t cmd = ARG2(ctx);

	FIXED(PPME_SYSCALL_SEMCTL_X, 5, 22, BULK, 0);
	F64(ret);
	F32(ARG0(ctx));
	F32(ARG1(ctx));
	F16(sem_command(cmd));
	F32(cmd == SEM_SETVAL ? ARG3(ctx) : 0);
	FIXED_END();
}

/* ---- keys --------------------------------------------------------------------------------- */

/* What arguments 2 to 5 of an operation are: two bits each. */
enum { KEY_NONE, KEY_NUM, KEY_STR };
#define KEY_ARGS(a, b, c, d) (KEY_##a | KEY_##b << 2 | KEY_##c << 4 | KEY_##d << 6)
static __always_inline uint8_t key_args(uint32_t op)
{
	switch (op) {
	case 1: return KEY_ARGS(STR, NONE, NONE, NONE);	/* join a session */
	case 3: case 7: case 14: case 16: case 21:
		return KEY_ARGS(NUM, NONE, NONE, NONE);
	case 0: case 5: case 8: case 9: case 15: case 22: case 31:
		return KEY_ARGS(NUM, NUM, NONE, NONE);
	case 2: case 4: case 6: case 11: case 13: case 17: case 32:
		return KEY_ARGS(NUM, NUM, NUM, NONE);
	case 10: return KEY_ARGS(NUM, STR, STR, NUM);	/* search */
	case 29: return KEY_ARGS(NUM, STR, STR, NONE);	/* restrict */
	case 24: return KEY_ARGS(NUM, NUM, STR, NONE);	/* query a public key */
	case 25: case 26: case 27: case 28:
		return KEY_ARGS(NUM, STR, NUM, NUM);
	case 12: case 19: case 20: case 23: case 30:
		return KEY_ARGS(NUM, NUM, NUM, NUM);
	default: return 0;
	}
}

static __always_inline void put_key_arg(struct scratch *s, uint32_t kind, uint64_t v)
{
	uint64_t p = s->pos;
	uint32_t n = 0;
	uint8_t *b;
	long got;

	if (kind != KEY_STR) {
		put_dyn_u64(s, kind == KEY_NUM ? v : 0);
		return;
	}
	if (p > BUF_LIMIT)
		return;
	b = buf_at(s, p);
	b[0] = 1;
	if (v) {
		got = bpf_probe_read_user_str(b + 1, PATH_LIMIT, (void *)v);
		n = got < 0 ? 0 : got;
	}
	s->pos = p + 1 + n;
	put_len(s, 1 + n);
}

SYSCALL_EXIT(x_keyctl)
{
	uint32_t op = ARG0(ctx), kind = key_args(op);

	VAR(6, BULK);
	put_u64(s, ret);
	put_u32(s, op);
	put_key_arg(s, kind & 3, ARG1(ctx));
	put_key_arg(s, kind >> 2 & 3, ARG2(ctx));
	put_key_arg(s, kind >> 4 & 3, ARG3(ctx));
	put_key_arg(s, kind >> 6 & 3, ARG4(ctx));
	VAR_END(PPME_SYSCALL_KEYCTL_X);
}

/* ---- quotas ------------------------------------------------------------------------------- */

struct u_dqblk {
	uint64_t bhard, bsoft, space, ihard, isoft, inodes, btime, itime;
	uint32_t valid, pad;
};

struct u_dqinfo {
	uint64_t bgrace, igrace;
	uint32_t flags, valid;
};

#define Q_QUOTAON 1
#define Q_GETFMT 4
#define Q_GETINFO 8
#define Q_SETINFO 16
#define Q_GETQUOTA 32
#define Q_SETQUOTA 64
#define Q_XGETQUOTA 1024
#define Q_XSETQLIM 2048
static __always_inline uint16_t quota_command(uint32_t cmd)
{
	switch (cmd) {
	case 0x800001: return 128;	/* SYNC, QUOTAON, QUOTAOFF, GETFMT, GETINFO, SETINFO, GETQUOTA, SETQUOTA */
	case 0x800002: return Q_QUOTAON;
	case 0x800003: return 2;
	case 0x800004: return Q_GETFMT;
	case 0x800005: return Q_GETINFO;
	case 0x800006: return Q_SETINFO;
	case 0x800007: return Q_GETQUOTA;
	case 0x800008: return Q_SETQUOTA;
	case 0x5801: return 256;	/* XFS: on, off, get, set, status, remove, sync */
	case 0x5802: return 512;
	case 0x5803: return Q_XGETQUOTA;
	case 0x5804: return Q_XSETQLIM;
	case 0x5805: return 4096;
	case 0x5806: return 8192;
	case 0x5807: return 16384;
	default: return 0;
	}
}

static __always_inline uint8_t quota_format(uint32_t f)
{
	return f == 1 ? 2 : f == 2 ? 4 : f == 4 ? 8 : 1;
}

static __always_inline void put_dqblk(struct scratch *s, uint16_t cmd, uint64_t ptr)
{
	struct u_dqblk b = {};
	uint32_t v;

	if (cmd == Q_GETQUOTA || cmd == Q_SETQUOTA)
		bpf_probe_read_user(&b, sizeof(b), (void *)ptr);
	v = b.valid; /* limits of blocks 1, space 2, limits of inodes 4, inodes 8, times 16 and 32 */
	put_u64(s, v & 1 ? b.bhard : 0);
	put_u64(s, v & 1 ? b.bsoft : 0);
	put_u64(s, v & 2 ? b.space : 0);
	put_u64(s, v & 4 ? b.ihard : 0);
	put_u64(s, v & 4 ? b.isoft : 0);
	put_u64(s, v & 16 ? b.btime : 0);
	put_u64(s, v & 32 ? b.itime : 0);
}

static __always_inline void put_dqinfo(struct scratch *s, uint16_t cmd, uint64_t ptr)
{
	struct u_dqinfo i = {};

	if (cmd == Q_GETINFO || cmd == Q_SETINFO)
		bpf_probe_read_user(&i, sizeof(i), (void *)ptr);
	put_u64(s, i.valid & 1 ? i.bgrace : 0);
	put_u64(s, i.valid & 2 ? i.igrace : 0);
	put_u8(s, i.valid & 4 ? i.flags : 0);
}

SYSCALL_EXIT(x_quotactl)
{
	uint32_t native = ARG0(ctx), id = ARG2(ctx), type = native & 0xff;
	uint16_t cmd = quota_command(native >> 8);
	uint64_t ptr = ARG3(ctx);
	bool has_id = cmd & (Q_GETQUOTA | Q_SETQUOTA | Q_XGETQUOTA | Q_XSETQLIM);

	VAR(18, BULK);
	put_u64(s, ret);
	put_user_str(s, ARG1(ctx));
	put_user_str(s, cmd == Q_QUOTAON ? ptr : 0);
	put_dqblk(s, cmd, ptr);
	put_dqinfo(s, cmd, ptr);
	put_u8(s, cmd == Q_GETFMT ? quota_format(user_u32(ptr)) : 1);
	put_u16(s, cmd);
	put_u8(s, type == 0 ? 1 : type == 1 ? 2 : 0);
	put_u32(s, has_id ? id : 0);
	put_u8(s, cmd == Q_QUOTAON ? quota_format(id) : 1);
	VAR_END(PPME_SYSCALL_QUOTACTL_X);
}

/* ---- file system contexts ----------------------------------------------------------------- */

SYSCALL_EXIT(x_fsconfig)
{
	uint32_t cmd = ARG1(ctx), aux = ARG4(ctx);
	uint64_t value = ret < 0 ? 0 : ARG3(ctx);

	VAR(7, BULK);
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_u32(s, cmd);
	put_user_str(s, ARG2(ctx));
	put_user_bytes(s, value, cmd == 2 ? snap(aux) : 0); /* 2: bytes; 1, 3 and 4: text */
	put_user_str(s, cmd == 1 || cmd == 3 || cmd == 4 ? value : 0);
	put_u32(s, aux);
	VAR_END(PPME_SYSCALL_FSCONFIG_X);
}
