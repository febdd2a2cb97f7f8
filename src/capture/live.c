/* Live capture: opens the probe, owns its rings and counters, changes its interest.
 *
 * Called by the daemon's main thread; reader threads drain the rings (ring.c). Flow: live_open checks the
 * machine, loads the programs and makes rings for the CPUs that are online; live_attach lets events flow.
 * The probe writes its counters into memory shared with us, so reading them costs nothing. */
#include "capture/live_internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <assert.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PIDNS_INIT_INO 0xEFFFFFFCU /* inode of the node's first pid namespace; fixed in the kernel */
#define NS_PER_S 1000000000ULL

const char *const live_drop_name[LIVE_DROP_MAX] = { "ring_full", "class",	"share",     "rate", "scratch",
						    "too_big",	 "no_ring", "tail_call", "bug" };

static_assert((int)PD_RING_FULL == (int)LIVE_DROP_RING_FULL && (int)PD_CLASS == (int)LIVE_DROP_CLASS &&
		      (int)PD_SHARE == (int)LIVE_DROP_SHARE && (int)PD_RATE == (int)LIVE_DROP_RATE && (int)PD_SCRATCH == (int)LIVE_DROP_SCRATCH &&
		      (int)PD_TOO_BIG == (int)LIVE_DROP_TOO_BIG && (int)PD_NO_RING == (int)LIVE_DROP_NO_RING &&
		      (int)PD_TAIL_CALL == (int)LIVE_DROP_TAIL_CALL && (int)PD_BUG == (int)LIVE_DROP_BUG &&
		      (int)PD_MAX == (int)LIVE_DROP_MAX,
	      "causes of loss have the same numbers in the probe");

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Epoch time of boot by the boot time clock. The two clocks are read one after the other: of a few tries
 * the one with the least time in between is taken. */
uint64_t live_boot_epoch(void)
{
	uint64_t best = UINT64_MAX, epoch = 0;

	for (int i = 0; i < 5; i++) {
		uint64_t before = clock_ns(CLOCK_BOOTTIME), real = clock_ns(CLOCK_REALTIME);
		uint64_t after = clock_ns(CLOCK_BOOTTIME);

		if (after - before < best) {
			best = after - before;
			epoch = real - (before + (after - before) / 2);
		}
	}
	return epoch;
}

static uint64_t or_default(uint32_t v, uint32_t def)
{
	return v ? v : def;
}

bool live_nested(struct stat *ret)
{
	return !stat("/proc/self/ns/pid", ret) && ret->st_ino != PIDNS_INIT_INO;
}

static void set_config(struct live *l)
{
	const struct live_opts *o = &l->opts;
	struct stat st;

	l->config = (struct probe_config){
		.boot_epoch = live_boot_epoch(),
		.bulk_bytes = (uint64_t)o->ring_bytes * or_default(o->bulk_percent, 75) / 100,
		.fair_bytes = (uint64_t)o->ring_bytes * or_default(o->fair_percent, 50) / 100,
		.wake_bytes = (uint64_t)o->ring_bytes * or_default(o->wake_percent, 25) / 100,
		.window_ns = or_default(o->window_us, 5000) * 1000,
		.token_ns = NS_PER_S / or_default(o->critical_rate, 1000),
		.tokens = (uint32_t)or_default(o->critical_burst, 64),
		.self_tgid = (uint32_t)getpid(),
		.snaplen = l->opts.snaplen < PROBE_SNAPLEN_MAX ? l->opts.snaplen : PROBE_SNAPLEN_MAX,
		.drop_failed = l->opts.drop_failed_exit,
	};
	if (live_nested(&st)) {
		l->config.self_nested = 1;
		l->config.self_dev = st.st_dev;
		l->config.self_ino = st.st_ino;
	}
}

/* ---- rings -------------------------------------------------------------------------------- */

static bool cpu_online(unsigned cpu)
{
	char path[64], c = '1';
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	f = fopen(path, "re");
	if (!f) {
		/* CPU 0 often has no such file, and where CPUs cannot be switched none has. */
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u", cpu);
		return !access(path, F_OK);
	}
	c = (char)fgetc(f);
	fclose(f);
	return c != '0';
}

int live_new_ring(uint32_t bytes)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "saker_ring", 0, 0, bytes, NULL);

	return fd < 0 ? -errno : fd;
}

static int map_ring(struct live *l, unsigned ring)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u32 = ring };
	int fd = l->spare_ring >= 0 ? l->spare_ring : live_new_ring(l->opts.ring_bytes), rc;

	l->spare_ring = -1;
	if (fd < 0)
		return fd;
	rc = ring_map(&l->ring[ring], fd, l->opts.ring_bytes);
	if (!rc && epoll_ctl(l->wake_fd, EPOLL_CTL_ADD, fd, &e))
		rc = -errno;
	if (rc) {
		ring_fini(&l->ring[ring]);
		close(fd);
		return rc;
	}
	l->ring_fd[ring] = fd;
	return 0;
}

/* The map in the probe is filled last: before, the CPU's events are counted as without a ring. */
static int add_cpu(struct live *l, unsigned cpu)
{
	unsigned ring = cpu / l->per_ring;
	uint32_t key = cpu;

	if (l->ring_fd[ring] < 0) {
		int rc = map_ring(l, ring);

		if (rc)
			return rc;
	}
	if (bpf_map_update_elem(live_map_fd(l, "rings"), &key, &l->ring_fd[ring], BPF_ANY))
		return -errno;
	l->has_ring[cpu] = true;
	return 0;
}

int live_refresh_rings(struct live *l)
{
	int added = 0;

	for (unsigned i = 0; i < l->cpus; i++) {
		int rc;

		if (l->has_ring[i] || !cpu_online(i))
			continue;
		rc = add_cpu(l, i);
		if (rc)
			return rc;
		added++;
	}
	return added;
}

static int make_rings(struct live *l, struct base_err *err)
{
	int rc;

	l->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->wake_fd < 0)
		return live_explain(err, -errno, "an epoll descriptor", NULL);
	rc = live_refresh_rings(l);
	return rc < 0 ? live_explain(err, rc, "the ring buffers", NULL) : 0;
}

unsigned live_ring_count(const struct live *l)
{
	return l->rings;
}

struct live_ring *live_ring(struct live *l, unsigned index)
{
	return index < l->rings ? &l->ring[index] : NULL;
}

int live_wake_fd(struct live *l)
{
	return l->wake_fd;
}

uint64_t live_now(const struct live *l)
{
	return clock_ns(CLOCK_BOOTTIME) + l->config.boot_epoch;
}

/* ---- open, attach, interest, close -------------------------------------------------------- */

static int check_opts(const struct live_opts *o, struct base_err *err)
{
	long page = sysconf(_SC_PAGESIZE);

	if (!o->ring_bytes || o->ring_bytes & (o->ring_bytes - 1) || o->ring_bytes % (uint32_t)page)
		return base_err_set(err, NULL, 0, 0, "a ring of %u bytes is not possible: a power of two and a multiple of "
				    "%ld is needed", o->ring_bytes, page);
	if (or_default(o->wake_percent, 25) > or_default(o->fair_percent, 50) ||
	    or_default(o->fair_percent, 50) > or_default(o->bulk_percent, 75) || o->bulk_percent > 99)
		return base_err_set(err, NULL, 0, 0, "marks of the rings must rise: wake-up at %u%%, shares from %u%%, bulk up to %u%% "
				    "(at most 99%%)", (unsigned)or_default(o->wake_percent, 25),
				    (unsigned)or_default(o->fair_percent, 50), (unsigned)or_default(o->bulk_percent, 75));
	return 0;
}

int live_open(const struct live_opts *opts, struct live **ret, struct base_err *err)
{
	int cpus = libbpf_num_possible_cpus(), rc;
	struct live *l;

	rc = check_opts(opts, err);
	if (!rc)
		rc = live_check(err);
	if (rc)
		return rc;
	if (cpus < 1 || cpus > PROBE_MAX_CPU)
		return base_err_set(err, NULL, 0, 0, "%d CPUs: live capture is built for 1 to %d", cpus, PROBE_MAX_CPU);
	l = calloc(1, sizeof(*l));
	if (!l)
		return live_explain(err, -ENOMEM, "the capture", NULL);
	l->opts = *opts;
	l->cpus = (unsigned)cpus;
	l->wake_fd = l->spare_ring = -1;
	for (unsigned i = 0; i < LIVE_LINKS; i++)
		l->link[i] = -1;
	l->per_ring = opts->cpus_per_ring < l->cpus ? (unsigned)or_default(opts->cpus_per_ring, 1) : l->cpus;
	l->rings = (l->cpus + l->per_ring - 1) / l->per_ring;
	l->ring = calloc(l->rings, sizeof(*l->ring));
	l->ring_fd = malloc(l->rings * sizeof(*l->ring_fd));
	l->has_ring = calloc(l->cpus, sizeof(*l->has_ring));
	if (!l->ring || !l->ring_fd || !l->has_ring) {
		rc = live_explain(err, -ENOMEM, "the capture", NULL);
		goto err;
	}
	for (unsigned i = 0; i < l->rings; i++)
		l->ring_fd[i] = -1;
	set_config(l);
	live_ia32(l->from32, l->from_socketcall);
	rc = l->spare_ring = live_new_ring(opts->ring_bytes);
	if (rc < 0) {
		live_explain(err, rc, "the first ring buffer", NULL);
		goto err;
	}
	rc = live_load(l, err);
	if (!rc)
		rc = make_rings(l, err);
	if (rc)
		goto err;
	*ret = l;
	return 0;
err:
	live_close(l);
	return rc;
}

/* One byte per syscall, read by the probe without a lock: each is right on its own. */
static void publish_interest(struct live *l, const uint64_t interest[LIVE_SC_MAX / 64])
{
	for (size_t i = 0; i < evt_syscall_count; i++) {
		const struct evt_syscall *sc = &evt_syscalls[i];
#if defined(__aarch64__)
		int nr = sc->nr_aarch64;
#else
		int nr = sc->nr_x86_64;
#endif
		if (nr < 0 || nr >= PROBE_MAX_NR)
			continue;
		__atomic_store_n(&l->shared.interest[nr],
				 sc->code < LIVE_SC_MAX && interest[sc->code / 64] >> sc->code % 64 & 1 && l->loaded[nr],
				 __ATOMIC_RELAXED);
	}
	for (unsigned i = 0; i < PROBE_MAX_NR; i++)
		__atomic_store_n(&l->shared.interest32[i],
				 l->from32[i] != PROBE_NO_NR && l->shared.interest[l->from32[i]], __ATOMIC_RELAXED);
	for (unsigned i = 0; i < PROBE_SOCKETCALLS; i++) {
		if (l->from_socketcall[i] != PROBE_NO_NR && l->shared.interest[l->from_socketcall[i]])
			__atomic_store_n(&l->shared.interest32[PROBE_SOCKETCALL], 1, __ATOMIC_RELAXED);
	}
}

int live_attach(struct live *l, struct base_err *err)
{
	int rc;

	publish_interest(l, l->opts.interest);
	rc = live_link(l, err);
	if (rc) {
		live_detach(l);
		return rc;
	}
	atomic_store_explicit(l->shared.enabled, 1, memory_order_release);
	return 0;
}

void live_detach(struct live *l)
{
	if (l->objects)
		atomic_store_explicit(l->shared.enabled, 0, memory_order_release);
	for (unsigned i = 0; i < LIVE_LINKS; i++) {
		if (l->link[i] >= 0)
			close(l->link[i]);
		l->link[i] = -1;
	}
	/* Programs that had begun end within a grace period of the kernel's RCU; this call waits for one. Without
	 * it (a nohz_full kernel has none) a sleep far longer than any program runs. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
}

int live_set_interest(struct live *l, const uint64_t interest[LIVE_SC_MAX / 64])
{
	int rc = live_load_missing(l, interest, NULL);

	if (rc)
		return rc;
	memcpy(l->opts.interest, interest, sizeof(l->opts.interest));
	publish_interest(l, interest);
	return 0;
}

const char *live_attach_type(const struct live *l)
{
	return l->typed ? "tp_btf" : "raw_tp";
}

void live_close(struct live *l)
{
	if (!l)
		return;
	if (l->link[0] >= 0)
		live_detach(l);
	for (unsigned i = 0; l->ring && i < l->rings; i++)
		ring_fini(&l->ring[i]);
	for (unsigned i = 0; l->ring_fd && i < l->rings; i++) {
		if (l->ring_fd[i] >= 0)
			close(l->ring_fd[i]);
	}
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	if (l->spare_ring >= 0)
		close(l->spare_ring);
	live_unload(l);
	free(l->ring);
	free(l->ring_fd);
	free(l->has_ring);
	free(l);
}

/* ---- counters ----------------------------------------------------------------------------- */

unsigned live_cpu_count(const struct live *l)
{
	return l->cpus;
}

/* The probe writes plain words; a torn read is not possible for aligned ones. */
static uint64_t word(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

int live_cpu_stats(struct live *l, unsigned cpu, struct live_stats *ret)
{
	const struct probe_cpu *c;

	if (cpu >= l->cpus)
		return -EINVAL;
	c = &l->shared.cpus[cpu];
	*ret = (struct live_stats){ .produced = word(&c->seq), .dropped_critical = word(&c->dropped_critical) };
	for (unsigned i = 0; i < LIVE_DROP_MAX; i++)
		ret->dropped[i] = word(&c->dropped[i]);
	return 0;
}

void live_stats(struct live *l, struct live_stats *ret)
{
	struct live_stats sum = { 0 }, one;

	for (unsigned i = 0; i < l->cpus; i++) {
		live_cpu_stats(l, i, &one);
		sum.produced += one.produced;
		sum.dropped_critical += one.dropped_critical;
		for (unsigned j = 0; j < LIVE_DROP_MAX; j++)
			sum.dropped[j] += one.dropped[j];
	}
	sum.recursion_misses = live_misses(l);
	*ret = sum;
}

int live_losses(struct live *l, int cpu, struct live_losses *ret)
{
	struct probe_short *one = malloc(sizeof(*one));
	uint32_t from = cpu < 0 ? 0 : (uint32_t)cpu, to = cpu < 0 ? l->cpus : from + 1;
	int rc = one ? 0 : -ENOMEM;

	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = from; !rc && i < to; i++) {
		if (bpf_map_lookup_elem(live_map_fd(l, "shorts"), &i, one)) {
			rc = -errno;
			break;
		}
		for (unsigned t = 0; t < EVT_TYPE_MAX; t++) {
			for (unsigned c = 0; c < LIVE_DROP_MAX; c++)
				ret->n[c][t] += one->lost[c][t];
			ret->critical[t] += one->lost_critical[t];
		}
	}
	free(one);
	return rc;
}
