/* Native flag bits to the portable ones of the event table (contract/flags.def). Bits that are equal on
 * both sides are masked, others moved. */
#pragma once
#include "capture/bpf/kernel.h"

#define MOVE(x, from, to) ((x) & (from) ? (to) : 0)

/* A flag made of several bits counts as set when any of them is (O_SYNC contains O_DSYNC, O_TMPFILE
 * contains O_DIRECTORY): what the reference records. */
static __always_inline uint32_t open_flags(uint64_t x)
{
	uint32_t r = (x & 3) == O_WRONLY ? 2 : (x & 3) == O_RDWR ? 3 : 1;

	r |= MOVE(x, O_CREAT, 4) | MOVE(x, O_APPEND, 8) | MOVE(x, O_DSYNC, 16) | MOVE(x, O_EXCL, 32);
	r |= MOVE(x, O_NONBLOCK, 64) | MOVE(x, O_SYNC_BITS, 128) | MOVE(x, O_TRUNC, 256) | MOVE(x, O_DIRECT, 512);
	r |= MOVE(x, O_DIRECTORY, 1024) | MOVE(x, O_LARGEFILE, 2048) | MOVE(x, O_CLOEXEC, 4096);
	r |= MOVE(x, O_TMPFILE_BIT | O_DIRECTORY, 8192);
	return r;
}

/* Mode bits have their portable values natively, the file type apart. */
static __always_inline uint32_t mode_bits(uint64_t mode)
{
	return mode & 07777;
}

/* The mode of an open that cannot create is nothing. */
static __always_inline uint32_t open_mode(uint64_t flags, uint64_t mode)
{
	return flags & (O_CREAT | O_TMPFILE_BIT | O_DIRECTORY) ? mode_bits(mode) : 0;
}

static __always_inline uint32_t resolve_flags(uint64_t x)
{
	/* native: no_xdev 1, no_magiclinks 2, no_symlinks 4, beneath 8, in_root 16, cached 32 */
	return MOVE(x, 8, 1) | MOVE(x, 16, 2) | MOVE(x, 2, 4) | MOVE(x, 4, 8) | MOVE(x, 1, 16) | (x & 32);
}

/* O_NONBLOCK and O_CLOEXEC, as socket types and the descriptor-making calls carry them. */
static __always_inline uint32_t nonblock_cloexec(uint64_t x)
{
	return MOVE(x, O_NONBLOCK, 64) | MOVE(x, O_CLOEXEC, 4096);
}

/* The same for calls that take a signed flags argument: negative ones give nothing. */
static __always_inline uint32_t fd_flags(uint64_t x)
{
	return (int32_t)x < 0 ? 0 : nonblock_cloexec(x);
}

static __always_inline uint32_t clone_flags(uint64_t x)
{
	uint32_t r;

	r = MOVE(x, 0x400, 1) | MOVE(x, 0x200, 2) | MOVE(x, 0x80000000u, 4) | MOVE(x, 0x08000000, 8);
	r |= MOVE(x, 0x40000000, 16) | MOVE(x, 0x00020000, 32) | MOVE(x, 0x20000000, 64) | MOVE(x, 0x04000000, 128);
	r |= MOVE(x, 0x8000, 256) | MOVE(x, 0x00100000, 512) | MOVE(x, 0x2000, 1024) | MOVE(x, 0x800, 2048);
	r |= MOVE(x, 0x00040000, 4096) | MOVE(x, 0x00010000, 8192) | MOVE(x, 0x00800000, 16384);
	r |= MOVE(x, 0x100, 32768) | MOVE(x, 0x10000000, 0x100000) | MOVE(x, 0x00200000, 0x800000);
	r |= MOVE(x, 0x01000000, 0x1000000) | MOVE(x, 0x00080000, 0x2000000) | MOVE(x, 0x4000, 0x8000000);
	r |= MOVE(x, 0x02000000, 0x10000000);
	return r;
}
#define CLONE_THREAD 0x00010000
#define PCL_FILES 1
#define PCL_SIGHAND 2048
#define PCL_THREAD 8192
#define PCL_VM 32768
#define PCL_IN_PIDNS 0x20000000

static __always_inline uint8_t fcntl_cmd(uint32_t cmd)
{
	switch (cmd) {
	case 0: return 1;	/* F_DUPFD .. F_SETFL */
	case 1: return 2;
	case 2: return 3;
	case 3: return 4;
	case 4: return 5;
	case 5: return 6;	/* locks */
	case 6: return 8;
	case 7: return 9;
	case 8: return 10;	/* owner, signal */
	case 9: return 12;
	case 10: return 13;
	case 11: return 15;
	case 12: return 17;	/* 64-bit locks of 32-bit callers */
	case 13: return 18;
	case 14: return 19;
	case 15: return 21;
	case 16: return 22;
	case 36: return 30;	/* F_OFD_* */
	case 37: return 31;
	case 38: return 32;
	case 1024: return 23;	/* F_SETLEASE and what follows it */
	case 1025: return 24;
	case 1026: return 27;	/* F_NOTIFY */
	case 1029: return 25;
	case 1030: return 26;
	case 1031: return 28;
	case 1032: return 29;
	default: return 0;
	}
}

static __always_inline uint8_t rlimit_resource(uint32_t r)
{
	/* On x86 and arm64 the numbers are the portable ones. */
	return r < 16 ? r : 255;
}

static __always_inline uint32_t uring_flags(uint64_t x)
{
	/* native: iopoll 1, sqpoll 2, sq_aff 4, cqsize 8, clamp 16, attach_wq 32, r_disabled 64; the
	 * reference reads the ring flag "need wakeup" (1) from the same word */
	return MOVE(x, 1, 1 | 4) | (x & 2) | (x & (4 | 8 | 16 | 32 | 64)) << 1;
}

/* Requests of ptrace, by their native numbers. */
static __always_inline uint16_t ptrace_request(uint64_t x)
{
	if (x < 10)
		return x + 1; /* TRACEME 0 .. SINGLESTEP 9 */
	switch (x) {
	case 12: return 26;	/* GETREGS, SETREGS, GETFPREGS, SETFPREGS */
	case 13: return 27;
	case 14: return 28;
	case 15: return 29;
	case 16: return 11;	/* ATTACH, DETACH */
	case 17: return 12;
	case 18: return 30;	/* GETFPXREGS, SETFPXREGS */
	case 19: return 31;
	case 21: return 32;	/* OLDSETOPTIONS */
	case 24: return 13;	/* SYSCALL */
	case 25: return 33;	/* GET_THREAD_AREA, SET_THREAD_AREA */
	case 26: return 34;
	case 30: return 35;	/* ARCH_PRCTL, SYSEMU, SYSEMU_SINGLESTEP, SINGLEBLOCK */
	case 31: return 36;
	case 32: return 37;
	case 33: return 38;
	default: break;
	}
	if (x >= 0x4200 && x <= 0x420b)
		return x - 0x4200 + 14; /* SETOPTIONS .. SETSIGMASK */
	return 0;
}
