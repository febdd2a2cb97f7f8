/* See store_mark.h. */
#include "sink/store_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC 0x316b72614d6b6153ull /* "SakMark1" */

/* What is in the file. */
struct mark_page {
	uint64_t magic;
	/* relaxed: only the kernel and the next run read them */
	_Atomic uint64_t put, committed;
};
_Static_assert(sizeof(struct mark_page) == 24, "layout of the file");

struct store_mark {
	int fd;
	struct mark_page *page; /* mapped */
};

static int map(struct store_mark *m, const char *path)
{
	char name[4096];

	if ((size_t)snprintf(name, sizeof(name), "%s.mark", path) >= sizeof(name))
		return -ENAMETOOLONG;
	m->fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (m->fd < 0)
		return -errno;
	if (flock(m->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	/* room on the disk first: without it a store into the mapping would be SIGBUS */
	if (posix_fallocate(m->fd, 0, sizeof(struct mark_page)))
		return -ENOSPC;
	m->page = mmap(NULL, sizeof(struct mark_page), PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (m->page == MAP_FAILED) {
		m->page = NULL;
		return -errno;
	}
	return 0;
}

int store_mark_open(const char *path, struct store_mark **ret, uint64_t *ret_put, uint64_t *ret_committed)
{
	struct store_mark *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->fd = -1;
	r = map(m, path);
	if (r < 0) {
		store_mark_close(m);
		return r;
	}
	if (m->page->magic != MAGIC) {
		memset(m->page, 0, sizeof(*m->page));
		m->page->magic = MAGIC;
	}
	*ret_put = m->page->put;
	*ret_committed = m->page->committed;
	*ret = m;
	return 0;
}

void store_mark_put(struct store_mark *m, uint64_t id)
{
	if (m)
		atomic_store_explicit(&m->page->put, id, memory_order_relaxed);
}

void store_mark_committed(struct store_mark *m, uint64_t id)
{
	if (m)
		atomic_store_explicit(&m->page->committed, id, memory_order_relaxed);
}

void store_mark_close(struct store_mark *m)
{
	if (!m)
		return;
	if (m->page)
		munmap(m->page, sizeof(*m->page));
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}
