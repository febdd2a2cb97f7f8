/* Capture reader: any bytes as a file. Bounded memory, no crash, and it ends. */
#include "capture/scap.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches every byte that was handed out, so that a sanitizer sees where they are. */
static uint64_t sum(uint64_t s, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		s = s * 31 + b[i];
	return s;
}

static void on_machine(void *arg, uint32_t num_cpus, uint64_t boot_ts, const char *hostname)
{
	uint64_t *s = arg;

	while (*hostname)
		*s = *s * 31 + (uint8_t)*hostname++;
	*s += num_cpus + boot_ts;
}

static void on_task(void *arg, const struct cap_task *t)
{
	const struct cap_text *text[] = { &t->comm, &t->exe, &t->exepath, &t->args, &t->cwd, &t->env, &t->cgroups, &t->root };
	uint64_t *s = arg;

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		*s = sum(*s, text[i]->s, text[i]->len + 1);
}

static void on_fd(void *arg, uint64_t tid, const struct cap_fd *fd)
{
	uint64_t *s = arg;

	*s = sum(*s + tid, fd->name.s, fd->name.len + 1);
}

static void on_user(void *arg, uint32_t uid, uint32_t gid, const char *name, size_t name_len, const char *home, size_t home_len, const char *shell, size_t shell_len)
{
	uint64_t *s = arg;

	*s = sum(*s + uid + gid, name, name_len);
	*s = sum(sum(*s, home, home_len), shell, shell_len);
}

static void on_group(void *arg, uint32_t gid, const char *name, size_t name_len)
{
	uint64_t *s = arg;

	*s = sum(*s + gid, name, name_len);
}

static void on_iface(void *arg, int family, const uint8_t *addr, const uint8_t *netmask, const uint8_t *bcast, const char *name, size_t name_len)
{
	uint64_t *s = arg;

	*s = sum(*s + (unsigned)family, name, name_len);
	*s = sum(sum(sum(*s, addr, 4), netmask, 4), bcast, 4);
}

static void on_restart(void *arg)
{
	*(uint64_t *)arg += 1;
}

static const struct scap_head_ops ops = { on_machine, on_task, on_fd, on_user, on_group, on_iface, on_restart };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);
	struct scap_reader *r;
	struct base_err err;
	char path[64];
	uint64_t s = 0, events = 0;
	struct evt ev;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (scap_open(path, &r, &err))
		abort();
	close(fd);
	if (!scap_read_head(r, &ops, &s, &err)) {
		while (scap_next(r, &ev, &ops, &s, &err) == 1) {
			if (ev.nparams > ev.info->nparams || ev.num != ++events)
				abort();
			for (unsigned i = 0; i < ev.nparams; i++)
				s = sum(s, ev.param[i].p, ev.param[i].len);
		}
	}
	scap_close(r);
	__asm__ volatile("" : : "r"(s)); /* the reads above stay */
	return 0;
}
