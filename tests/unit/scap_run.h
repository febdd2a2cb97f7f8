/* Runs the capture reader over a file in memory and writes down what came out. For tests of the
 * reader; include after cmocka.h. */
#pragma once
#include "capture/scap.h"
#include "scap_parts.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a run over a file saw. */
struct seen {
	unsigned machines, tasks, fds, users, groups, ifaces, restarts, events, state_only;
	struct cap_task task;
	struct cap_fd fd[32];
	uint64_t fd_tid;
	char text[512]; /* one entry's texts, joined by | */
	uint32_t ncpus;
	uint64_t boot;
	int family;
	uint8_t addr[16];
	int end;
	struct base_err err;
	struct scap_reader *r;
	struct evt ev; /* last one */
};

static void on_machine(void *arg, uint32_t num_cpus, uint64_t boot_ts, const char *hostname)
{
	struct seen *s = arg;

	s->machines++;
	s->ncpus = num_cpus;
	s->boot = boot_ts;
	snprintf(s->text, sizeof(s->text), "%s", hostname);
}

static void on_task(void *arg, const struct cap_task *t)
{
	struct seen *s = arg;

	s->tasks++;
	s->task = *t;
	snprintf(s->text, sizeof(s->text), "%s|%s|%s|%.*s|%s|%.*s|%.*s|%s", t->comm.s, t->exe.s, t->exepath.s,
		 (int)t->args.len, t->args.s, t->cwd.s, (int)t->env.len, t->env.s, (int)t->cgroups.len, t->cgroups.s,
		 t->root.s);
}

static void on_fd(void *arg, uint64_t tid, const struct cap_fd *fd)
{
	struct seen *s = arg;
	size_t used = strlen(s->text);

	s->fd_tid = tid;
	if (s->fds < 32)
		s->fd[s->fds] = *fd;
	s->fds++;
	snprintf(s->text + used, sizeof(s->text) - used, "|%.30s", fd->name.s);
}

static void on_user(void *arg, uint32_t uid, uint32_t gid, const char *name, size_t name_len, const char *home, size_t home_len, const char *shell, size_t shell_len)
{
	struct seen *s = arg;

	s->users++;
	assert_int_equal(name_len, strlen(name));
	assert_int_equal(home_len, strlen(home));
	assert_int_equal(shell_len, strlen(shell));
	snprintf(s->text, sizeof(s->text), "%u %u %s %s %s", uid, gid, name, home, shell);
}

static void on_group(void *arg, uint32_t gid, const char *name, size_t name_len)
{
	struct seen *s = arg;
	size_t used = strlen(s->text);

	s->groups++;
	assert_int_equal(name_len, strlen(name));
	snprintf(s->text + used, sizeof(s->text) - used, "/%u %s", gid, name);
}

static void on_iface(void *arg, int family, const uint8_t *addr, const uint8_t *netmask, const uint8_t *bcast, const char *name, size_t name_len)
{
	struct seen *s = arg;
	size_t used = strlen(s->text);

	s->ifaces++;
	s->family = family;
	memcpy(s->addr, addr, 16);
	snprintf(s->text + used, sizeof(s->text) - used, "/%.*s %u %u", (int)name_len, name, netmask[0], bcast[0]);
}

static void on_restart(void *arg)
{
	((struct seen *)arg)->restarts++;
}

static const struct scap_head_ops ops = { on_machine, on_task, on_fd, on_user, on_group, on_iface, on_restart };

static inline int open_bytes(const void *p, size_t n, struct scap_reader **ret, struct base_err *err)
{
	int fd = memfd_create("capture", MFD_CLOEXEC), e;
	char path[64];

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	e = scap_open(path, ret, err);
	close(fd);
	return e;
}

/* Reads to the end. s->end is what the head or the last scap_next returned. */
static inline void run(const void *p, size_t n, struct seen *s)
{
	struct evt ev;

	*s = (struct seen){ 0 };
	assert_int_equal(open_bytes(p, n, &s->r, &s->err), 0);
	s->end = scap_read_head(s->r, &ops, s, &s->err);
	if (!s->end) {
		while ((s->end = scap_next(s->r, &ev, &ops, s, &s->err)) == 1) {
			s->events++;
			s->state_only += !ev.report;
			assert_int_equal(ev.num, s->events);
			assert_int_equal(ev.env->size % 8, 0);
			assert_true(ev.env->size >= sizeof(*ev.env) + ev.hdr->len);
			assert_ptr_equal(scap_env(s->r), ev.env);
			assert_true(ev.nparams <= ev.info->nparams);
		}
		/* The end stays the end. */
		assert_int_equal(scap_next(s->r, &ev, &ops, s, NULL), s->end);
	}
	scap_close(s->r);
}

/* Head up to the first event; the event stays readable until finish. */
static inline void start(const struct sb *b, struct seen *s)
{
	*s = (struct seen){ 0 };
	assert_int_equal(open_bytes(b->p, b->len, &s->r, &s->err), 0);
	assert_int_equal(scap_read_head(s->r, &ops, s, &s->err), 0);
}

static inline void next_is(struct seen *s, enum evt_type type, unsigned nparams)
{
	assert_int_equal(scap_next(s->r, &s->ev, &ops, s, &s->err), 1);
	assert_int_equal(s->ev.hdr->type, type);
	assert_int_equal(s->ev.nparams, nparams);
}

static inline void finish(struct seen *s)
{
	int e = scap_next(s->r, &s->ev, &ops, s, &s->err);

	if (e)
		print_error("%s\n", s->err.msg);
	assert_int_equal(e, 0);
	scap_close(s->r);
}
