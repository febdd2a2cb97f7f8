/* A ring of io_uring by the raw system calls, one request at a time. For the programs of the live tests. */
#pragma once
#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
	int fd;
	char *rings;
	struct io_uring_params p;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
};

static inline uint32_t *at(struct ring *r, uint32_t off)
{
	return (uint32_t *)(void *)(r->rings + off);
}

/* Queue of requests and queue of completions in one piece (IORING_FEAT_SINGLE_MMAP, since 5.4). */
static inline int ring_open(struct ring *r, uint32_t flags)
{
	size_t len;

	*r = (struct ring){ .p.flags = flags };
	r->fd = (int)syscall(SYS_io_uring_setup, 8, &r->p);
	if (r->fd < 0)
		return -errno;
	len = r->p.cq_off.cqes + r->p.cq_entries * sizeof(*r->cqe);
	r->rings = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	r->sqe = mmap(NULL, r->p.sq_entries * sizeof(*r->sqe), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQES);
	if (r->rings == MAP_FAILED || r->sqe == MAP_FAILED)
		return -errno;
	r->cqe = (struct io_uring_cqe *)(void *)(r->rings + r->p.cq_off.cqes);
	return 0;
}

/* Submits one request and waits until it is done. The result; 0 where none comes. */
static inline long one(struct ring *r, const struct io_uring_sqe *sqe)
{
	uint32_t *tail = at(r, r->p.sq_off.tail), mask = *at(r, r->p.sq_off.ring_mask), slot = *tail & mask;
	uint32_t *chead = at(r, r->p.cq_off.head), *ctail = at(r, r->p.cq_off.tail);
	uint32_t wake = r->p.flags & IORING_SETUP_SQPOLL ? IORING_ENTER_SQ_WAKEUP : 0; /* the kernel's thread may sleep */
	long res;

	r->sqe[slot] = *sqe;
	at(r, r->p.sq_off.array)[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, !(sqe->flags & IOSQE_CQE_SKIP_SUCCESS), IORING_ENTER_GETEVENTS | wake, NULL, 0) < 0)
		return -errno;
	if (__atomic_load_n(ctail, __ATOMIC_ACQUIRE) == *chead)
		return 0;
	res = r->cqe[*chead & *at(r, r->p.cq_off.ring_mask)].res;
	__atomic_store_n(chead, *chead + 1, __ATOMIC_RELEASE);
	return res;
}
