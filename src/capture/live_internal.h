/* Shared by the files live*.c: the open probe. */
#pragma once
#include "capture/live.h"
#include "capture/ring.h"
#include "capture/bpf/shared.h"
#include <sys/stat.h>

#define LIVE_BTF_PATH "/sys/kernel/btf/vmlinux"

struct probe;	  /* skeleton, generated */
struct bpf_object;

#define LIVE_LINKS 6
#define LIVE_URING 4 /* from this one on they are of io_uring: not every kernel has them */
#define LIVE_OBJECTS 64 /* the first and those added when the interest grew */

/* What is written while the probe runs lies in memory shared with it (bss): a layout of its own, checked
 * against the skeleton's where the skeleton is known. */
struct live_shared {
	uint8_t *interest;	 /* [PROBE_MAX_NR], one byte stores */
	uint8_t *interest32;	 /* the same by the numbers of 32-bit callers */
	_Atomic uint32_t *enabled;
	struct probe_cpu *cpus;	 /* [PROBE_MAX_CPU], written by the probe */
};

struct live {
	struct live_opts opts;
	struct probe_config config;
	struct probe *object[LIVE_OBJECTS]; /* owned; [0] has the maps, the others share them */
	unsigned objects;
	struct live_shared shared; /* borrowed from object[0] */
	bool typed;		/* tp_btf, else raw_tp */
	bool uring;		/* requests of io_uring are seen */
	const char *uring_submit; /* static; the tracepoint's name on this kernel */
	int btf_id[LIVE_LINKS];	/* of the tracepoints, when typed */
	int link[LIVE_LINKS];	/* -1 not attached */
	uint16_t from32[PROBE_MAX_NR]; /* native number of a 32-bit one, PROBE_NO_NR none */
	uint16_t from_socketcall[PROBE_SOCKETCALLS];
	bool loaded[PROBE_MAX_NR]; /* the jump table has a program for this number */
	unsigned cpus;		/* possible CPUs */
	unsigned rings, per_ring; /* CPU n uses ring n / per_ring */
	struct live_ring *ring; /* owned, [rings] */
	int *ring_fd;		/* owned, [rings]; -1: none of its CPUs has ever been online */
	bool *has_ring;		/* owned, [cpus]: the probe knows the CPU's ring */
	int spare_ring;		/* made before the programs, to be some CPU's ring; -1 taken */
	int wake_fd;		/* epoll over ring_fd */
};

/* live.c: ns since the epoch at zero of the boot time clock; whether this process is in another pid namespace than the
 * first, and which. */
uint64_t live_boot_epoch(void);
bool live_nested(struct stat *ret);

/* live_check.c: says in words what this machine or this process lacks; 0 when nothing is seen. */
int live_check(struct base_err *err);
/* Explains a failed load: rc and the end of the verifier's log. Returns rc. */
int live_explain(struct base_err *err, int rc, const char *what, const char *log);

/* live_ia32.c: fills the tables of 32-bit numbers; all PROBE_NO_NR where the machine has no such callers. */
void live_ia32(uint16_t from32[PROBE_MAX_NR], uint16_t from_socketcall[PROBE_SOCKETCALLS]);

/* live_load.c: programs into the kernel. */
int live_load(struct live *l, struct base_err *err);
/* Loads what `interest` needs and is not there yet. The jump table is filled, nothing is switched on. */
int live_load_missing(struct live *l, const uint64_t interest[LIVE_SC_MAX / 64], struct base_err *err);
void live_unload(struct live *l);
int live_link(struct live *l, struct base_err *err);
int live_new_ring(uint32_t bytes); /* descriptor of a new ring or -errno */
int live_map_fd(struct live *l, const char *name);
/* Runs of programs that the kernel skipped because one was running on that CPU already. */
uint64_t live_misses(struct live *l);
