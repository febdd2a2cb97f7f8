/* Loads the iterators of scan.bpf.c, reads them, unloads them. Called by the daemon at start, once. Records flow from
 * the kernel through one buffer to the callback. A read gives at most 32 KiB, which is the kernel's limit. */
#include "capture/live_scan.h"
#include "capture/live_internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "scan.skel.h"
#pragma GCC diagnostic pop

#define READ_BYTES (64 * 1024)

struct live_scan {
	struct scan *obj; /* owned */
	uint64_t epoch;
	bool texts;
	uint64_t buf[READ_BYTES / 8];
};

static int silent(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

static int load(struct live_scan *s, unsigned cpus, bool texts)
{
	struct bpf_map *map;
	int rc;

	s->obj = scan__open();
	if (!s->obj)
		return -errno;
	/* The parts that are shared with the probe bring its maps along; only the scratch and the globals are used. */
	bpf_object__for_each_map(map, s->obj->obj)
		bpf_map__set_autocreate(map, bpf_map__is_internal(map) || map == s->obj->maps.scratches);
	bpf_map__set_max_entries(s->obj->maps.scratches, cpus);
	bpf_program__set_autoload(s->obj->progs.scan_texts, texts);
	rc = scan__load(s->obj);
	if (rc) {
		scan__destroy(s->obj);
		s->obj = NULL;
	}
	s->texts = texts;
	return rc;
}

int live_scan_open(const struct live *l, struct live_scan **ret)
{
	int cpus = libbpf_num_possible_cpus(), rc;
	struct live_scan *s;
	libbpf_print_fn_t old;
	struct stat st;

	if (cpus < 1 || live_nested(&st))
		return -ENOTSUP;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->epoch = l ? l->config.boot_epoch : live_boot_epoch();
	old = libbpf_set_print(silent);
	rc = load(s, (unsigned)cpus, true);
	if (rc)
		rc = load(s, (unsigned)cpus, false);
	libbpf_set_print(old);
	if (rc) {
		free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

bool live_scan_has(const struct live_scan *s, enum scan_pass pass)
{
	return pass != SCAN_TEXTS || s->texts;
}

uint64_t live_scan_epoch(const struct live_scan *s)
{
	return s->epoch;
}

static struct bpf_program *program_of(const struct live_scan *s, enum scan_pass pass)
{
	switch (pass) {
	case SCAN_LEADERS:
		return s->obj->progs.scan_leaders;
	case SCAN_TEXTS:
		return s->obj->progs.scan_texts;
	case SCAN_THREADS:
		return s->obj->progs.scan_threads;
	default:
		return s->obj->progs.scan_files;
	}
}

/* One read ends with a whole record: the kernel takes back what does not fit. */
static int take(const uint8_t *p, size_t len, int (*fn)(void *arg, const void *rec, size_t size), void *arg)
{
	while (len >= 8) {
		uint32_t size;
		int rc;

		memcpy(&size, p, sizeof(size));
		if (size < 8 || size % 8 || size > len)
			return -EPROTO;
		rc = fn(arg, p, size);
		if (rc < 0)
			return rc;
		p += size;
		len -= size;
	}
	return len ? -EPROTO : 0;
}

int live_scan_run(struct live_scan *s, enum scan_pass pass, int (*fn)(void *arg, const void *rec, size_t size), void *arg)
{
	struct bpf_link *link = bpf_program__attach_iter(program_of(s, pass), NULL);
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -errno, rc = 0;
	ssize_t n;

	if (fd < 0) {
		bpf_link__destroy(link);
		return fd;
	}
	while (!rc && (n = read(fd, s->buf, sizeof(s->buf)))) {
		if (n < 0 && errno == EAGAIN)
			continue; /* the kernel had a long look without finding anything to tell */
		rc = n < 0 ? -errno : take((const uint8_t *)s->buf, (size_t)n, fn, arg);
		if (rc == -EINTR)
			rc = 0;
	}
	close(fd);
	bpf_link__destroy(link);
	return rc;
}

void live_scan_close(struct live_scan *s)
{
	if (!s)
		return;
	scan__destroy(s->obj);
	free(s);
}
