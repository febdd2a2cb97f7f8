/* Events that make, copy and close descriptors, applied to a shard: what the table holds afterwards and
 * what the event's context says. */
#include "fd_fixture.h"

#define CLOEXEC 4096L

static void open_absolute_stores_what_the_event_says(void **state)
{
	struct fx *f = *state;
	const struct state_fd *d;

	APPLY(f, PPME_SYSCALL_OPEN_X, "nsnnnn", 3L, "/etc//passwd", 1L | 32768, 0644L, 0x801L, 4711L);
	d = fx_fd(f, 3);
	assert_non_null(d);
	assert_ptr_equal(d, f->ctx.fd);
	assert_int_equal(f->ctx.fd_num, 3);
	assert_true(f->ctx.name_changed);
	assert_ptr_equal(f->ctx.fds, fx_fds(f));
	assert_int_equal(d->type, FD_FILE_V2);
	assert_string_equal(d->name->s, "/etc/passwd");
	assert_string_equal(d->nameraw->s, "/etc//passwd");
	assert_int_equal(d->dev, 0x801);
	assert_int_equal(d->ino, 4711);
	assert_int_equal(d->open_flags, 1 | 32768);
	assert_int_equal(d->flags, FD_F_OVERLAY_UPPER);
}

static void open_relative_joins_the_leaders_cwd(void **state)
{
	struct fx *f = *state;

	fx_open(f, 3, "../x/./y");
	assert_string_equal(fx_name(f, 3), "/home/x/y");
	assert_string_equal(fx_fd(f, 3)->nameraw->s, "../x/./y");
	APPLY_BY(f, THREAD, PPME_SYSCALL_OPEN_X, "nsnnnn", 4L, "t", 1L, 0L, 0L, 0L);
	assert_string_equal(fx_name(f, 4), "/home/u/t");
}

static void open_with_directory_flag_is_a_directory(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SYSCALL_OPEN_X, "nsnnnn", 3L, "/tmp", 1025L, 0L, 0L, 0L);
	assert_int_equal(fx_fd(f, 3)->type, FD_DIRECTORY);
	fx_open(f, 4, "/tmp");
	assert_int_equal(fx_fd(f, 4)->type, FD_FILE_V2);
}

static void open_failed_stores_nothing(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SYSCALL_OPEN_X, "nsnnnn", -2L, "/nope", 1L, 0L, 0L, 0L);
	assert_int_equal(fdtab_count(fx_fds(f)), 0);
	assert_null(f->ctx.fd);
	assert_int_equal(f->ctx.fd_num, -1);
}

static void open_without_a_name_is_called_na(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SYSCALL_OPENAT_2_X, "nn-nnnn", 3L, -100L, 1L, 0L, 0L, 0L);
	assert_string_equal(fx_name(f, 3), "/home/u/<NA>");
	APPLY(f, PPME_SYSCALL_OPENAT_2_X, "");
	assert_null(f->ctx.fd);
	APPLY(f, PPME_SYSCALL_OPENAT_2_X, "n", 9L);
	assert_string_equal(fx_name(f, 9), "<NA>");
	APPLY(f, PPME_SYSCALL_OPEN_X, "n", 8L);
	assert_string_equal(fx_name(f, 8), "/home/u/<NA>");
}

static void open_with_an_endless_name_keeps_memory_bounded(void **state)
{
	static char name[60000];
	struct fx *f = *state;

	memset(name, 'n', sizeof(name) - 1);
	fx_open(f, 3, name);
	assert_string_equal(fx_name(f, 3), "/DIR_TOO_LONG/FILENAME_TOO_LONG");
	assert_int_equal(fx_fd(f, 3)->nameraw->len, 4096);
	APPLY(f, PPME_SYSCALL_MEMFD_CREATE_X, "nsn", 4L, name, 0L);
	assert_int_equal(fx_fd(f, 4)->name->len, 4096);
}

static void openat_bases_follow_the_dirfd_rule(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SYSCALL_OPENAT_2_X, "nnsnnnn", 3L, -100L, "/srv", 1024L, 0L, 0L, 0L);
	APPLY(f, PPME_SYSCALL_OPENAT_2_X, "nnsnnnn", 4L, 3L, "a", 1L, 0L, 9L, 8L);
	assert_string_equal(fx_name(f, 4), "/srv/a");
	assert_int_equal(fx_fd(f, 4)->dev, 9);
	assert_int_equal(fx_fd(f, 4)->ino, 8);
	APPLY(f, PPME_SYSCALL_OPENAT2_X, "nnsnnnnn", 5L, 3L, "../b", 1L, 0L, 0L, 7L, 6L);
	assert_string_equal(fx_name(f, 5), "/b");
	assert_int_equal(fx_fd(f, 5)->dev, 7);
	assert_int_equal(fx_fd(f, 5)->ino, 6);
	APPLY(f, PPME_SYSCALL_OPENAT_2_X, "nnsnnnn", 6L, 55L, "c", 1L, 0L, 0L, 0L);
	assert_string_equal(fx_name(f, 6), "<UNKNOWN>c");
	APPLY(f, PPME_SYSCALL_OPENAT_2_X, "nnsnnnn", 6L, 55L, "/c", 1L, 0L, 0L, 0L);
	assert_string_equal(fx_name(f, 6), "/c");
	APPLY(f, PPME_SYSCALL_OPENAT_2_X, "n-snnnn", 6L, "d/e", 1L, 0L, 0L, 0L);
	assert_string_equal(fx_name(f, 6), "d/e");
	APPLY(f, PPME_SYSCALL_OPENAT_2_X, "nnsnnnn", 7L, -100L, "e", 1L, 0L, 0L, 0L);
	assert_string_equal(fx_name(f, 7), "/home/u/e");
}

static void open_by_handle_takes_the_path_as_it_is(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SYSCALL_OPEN_BY_HANDLE_AT_X, "nnnsnn", 3L, 5L, 1L, "/mnt/f", 3L, 4L);
	assert_string_equal(fx_name(f, 3), "/mnt/f");
	assert_int_equal(fx_fd(f, 3)->dev, 3);
	assert_int_equal(fx_fd(f, 3)->ino, 4);
	APPLY(f, PPME_SYSCALL_OPEN_BY_HANDLE_AT_X, "nnnsnn", 4L, 5L, 1L, "rel", 3L, 4L);
	assert_string_equal(fx_name(f, 4), "rel");
}

static void creat_has_layer_bits_as_flags(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SYSCALL_CREAT_X, "nsnnnn", 3L, "new", 0644L, 3L, 4L, 1L);
	assert_string_equal(fx_name(f, 3), "/home/u/new");
	assert_int_equal(fx_fd(f, 3)->flags, FD_F_OVERLAY_UPPER);
	assert_int_equal(fx_fd(f, 3)->open_flags, 32768);
	APPLY(f, PPME_SYSCALL_CREAT_X, "nsnnnn", 4L, "new", 0644L, 3L, 4L, 2L);
	assert_int_equal(fx_fd(f, 4)->flags, FD_F_OVERLAY_LOWER);
}

static void enter_event_overrides_what_could_be_rewritten(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SYSCALL_OPEN_E, "snn", "/safe", 2L, 0L);
	APPLY(f, PPME_SYSCALL_OPEN_X, "nsnnnn", 3L, "/evil", 1L | 16384, 0L, 0L, 0L);
	assert_string_equal(fx_name(f, 3), "/safe");
	assert_string_equal(fx_fd(f, 3)->nameraw->s, "/safe");
	assert_int_equal(fx_fd(f, 3)->open_flags, 2 | 16384);
	APPLY(f, PPME_SYSCALL_OPENAT_2_E, "nsnn", -100L, "here", 1024L, 0L);
	APPLY(f, PPME_SYSCALL_OPENAT_2_X, "nnsnnnn", 4L, 3L, "there", 1L, 0L, 0L, 0L);
	assert_string_equal(fx_name(f, 4), "/home/u/here");
	assert_int_equal(fx_fd(f, 4)->type, FD_DIRECTORY);
	APPLY(f, PPME_SYSCALL_CREAT_E, "sn", "/c1", 0L);
	APPLY(f, PPME_SYSCALL_CREAT_X, "nsnnnn", 5L, "/c2", 0L, 0L, 0L, 0L);
	assert_string_equal(fx_name(f, 5), "/c1");
	/* used up by the event that follows */
	fx_open(f, 6, "/plain");
	assert_string_equal(fx_name(f, 6), "/plain");
}

static void enter_event_of_another_syscall_is_not_used(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SYSCALL_OPEN_E, "snn", "/safe", 2L, 0L);
	APPLY(f, PPME_SYSCALL_OPENAT_2_X, "nnsnnnn", 4L, -100L, "/at", 1L, 0L, 0L, 0L);
	assert_string_equal(fx_name(f, 4), "/at");
	/* unreadable at enter */
	APPLY(f, PPME_SYSCALL_OPEN_E, "snn", "<NA>", 2L, 0L);
	fx_open(f, 5, "/seen");
	assert_string_equal(fx_name(f, 5), "/seen");
}

static void close_takes_effect_before_the_next_event(void **state)
{
	struct fx *f = *state;

	fx_open(f, 3, "/a");
	APPLY(f, PPME_SYSCALL_CLOSE_X, "nn", 0L, 3L);
	assert_string_equal(f->ctx.fd->name->s, "/a");
	assert_false(f->ctx.name_changed);
	assert_string_equal(fx_name(f, 3), "/a");
	fx_settle(f);
	assert_string_equal(fx_name(f, 3), "(closed)");
}

static void close_failed_or_unknown_changes_nothing(void **state)
{
	struct fx *f = *state;

	fx_open(f, 3, "/a");
	APPLY(f, PPME_SYSCALL_CLOSE_X, "nn", -9L, 3L);
	fx_settle(f);
	APPLY(f, PPME_SYSCALL_CLOSE_X, "nn", 0L, 44L);
	fx_settle(f);
	APPLY(f, PPME_SYSCALL_CLOSE_X, "nn", 0L, -5L);
	fx_settle(f);
	assert_string_equal(fx_name(f, 3), "/a");
	assert_int_equal(fdtab_count(fx_fds(f)), 1);
}

static void close_by_a_thread_closes_for_the_process(void **state)
{
	struct fx *f = *state;

	fx_open(f, 3, "/a");
	APPLY_BY(f, THREAD, PPME_SYSCALL_CLOSE_X, "nn", 0L, 3L);
	fx_settle(f);
	assert_string_equal(fx_name(f, 3), "(closed)");
}

static void close_range_removes_or_marks(void **state)
{
	struct fx *f = *state;

	for (long i = 0; i < 40; i++)
		fx_open(f, i, "/f");
	APPLY(f, PPME_SYSCALL_CLOSE_RANGE_X, "nnnn", 0L, 10L, 19L, 4L);
	for (long i = 0; i < 40; i++)
		assert_int_equal(fx_fd(f, i)->open_flags, i >= 10 && i < 20 ? 1 | CLOEXEC : 1);
	APPLY(f, PPME_SYSCALL_CLOSE_RANGE_X, "nnnn", 0L, 15L, 0xffffffffL, 0L);
	assert_int_equal(fdtab_count(fx_fds(f)), 15);
	assert_int_equal(fdtab_next(fx_fds(f), 15), -1);
	APPLY(f, PPME_SYSCALL_CLOSE_RANGE_X, "nnnn", -22L, 0L, 9L, 0L);
	APPLY(f, PPME_SYSCALL_CLOSE_RANGE_X, "nnnn", 0L, 9L, 3L, 0L);
	assert_int_equal(fdtab_count(fx_fds(f)), 15);
}

static void dup_copies_without_close_on_exec(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SYSCALL_OPEN_X, "nsnnnn", 3L, "/a", 2L | CLOEXEC, 0L, 1L, 2L);
	APPLY(f, PPME_SYSCALL_DUP_1_X, "nn", 4L, 3L);
	assert_string_equal(fx_name(f, 4), "/a");
	assert_int_equal(fx_fd(f, 4)->open_flags, 2);
	assert_int_equal(fx_fd(f, 3)->open_flags, 2 | CLOEXEC);
	assert_int_equal(f->ctx.fd_num, 4);
	assert_ptr_equal(f->ctx.fd, fx_fd(f, 4));
	assert_false(f->ctx.name_changed);
	APPLY(f, PPME_SYSCALL_DUP3_X, "nnnn", 5L, 3L, 5L, CLOEXEC);
	assert_int_equal(fx_fd(f, 5)->open_flags, 2 | CLOEXEC);
	APPLY(f, PPME_SYSCALL_DUP2_X, "nnn", 3L, 3L, 3L);
	assert_string_equal(fx_name(f, 3), "/a");
	APPLY(f, PPME_SYSCALL_DUP2_X, "nnn", 9L, 33L, 9L);
	assert_null(fx_fd(f, 9));
	APPLY(f, PPME_SYSCALL_DUP2_X, "nnn", -9L, 3L, 9L);
	assert_null(fx_fd(f, 9));
}

static void dup_to_standard_streams_marks_the_thread(void **state)
{
	struct fx *f = *state;

	fx_open(f, 3, "/a");
	APPLY(f, PPME_SYSCALL_DUP2_X, "nnn", 0L, 3L, 0L);
	assert_true(task_ver(state_own(f->s, PID))->flags & TASK_F_PIPE_DST);
	assert_false(task_ver(state_own(f->s, PID))->flags & TASK_F_PIPE_SRC);
	APPLY(f, PPME_SYSCALL_DUP2_X, "nnn", 1L, 3L, 1L);
	assert_true(task_ver(state_own(f->s, PID))->flags & TASK_F_PIPE_SRC);
	assert_false(task_ver(state_own(f->s, THREAD))->flags & TASK_F_PIPE_SRC);
}

static void fcntl_copies_and_sets_close_on_exec(void **state)
{
	struct fx *f = *state;

	fx_open(f, 3, "/a");
	APPLY(f, PPME_SYSCALL_FCNTL_X, "nnnn", 7L, 3L, 1L, 0L);
	assert_string_equal(fx_name(f, 7), "/a");
	APPLY(f, PPME_SYSCALL_FCNTL_X, "nnnn", 8L, 3L, 26L, 0L);
	assert_int_equal(fx_fd(f, 8)->open_flags, CLOEXEC);
	assert_int_equal(f->ctx.fd_num, 8);
	APPLY(f, PPME_SYSCALL_FCNTL_X, "nnnn", 0L, 7L, 3L, 1L);
	assert_int_equal(fx_fd(f, 7)->open_flags, CLOEXEC);
	APPLY(f, PPME_SYSCALL_FCNTL_X, "nnnn", 0L, 7L, 3L, 0L);
	assert_int_equal(fx_fd(f, 7)->open_flags, 0);
	APPLY(f, PPME_SYSCALL_FCNTL_X, "nnnn", 9L, 3L, 4L, 0L);
	assert_null(fx_fd(f, 9));
	assert_int_equal(f->ctx.fd_num, 3);
}

static void pipe_makes_two_nameless_fifos(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SYSCALL_PIPE_X, "nnnn", 0L, 3L, 4L, 99L);
	for (long i = 3; i < 5; i++) {
		assert_int_equal(fx_fd(f, i)->type, FD_FIFO);
		assert_int_equal(fx_fd(f, i)->ino, 99);
		assert_string_equal(fx_name(f, i), "");
	}
	assert_ptr_equal(f->ctx.fd, fx_fd(f, 4));
	assert_int_equal(f->ctx.fd_num, 4);
	assert_false(f->ctx.name_changed);
	APPLY(f, PPME_SYSCALL_PIPE2_X, "nnnnn", 0L, 5L, 6L, 98L, CLOEXEC);
	assert_int_equal(fx_fd(f, 5)->open_flags, CLOEXEC);
	APPLY(f, PPME_SYSCALL_PIPE_X, "nnnn", -24L, 7L, 8L, 99L);
	assert_null(fx_fd(f, 7));
}

static void nameless_kinds_have_their_types_and_flags(void **state)
{
	struct fx *f = *state;

#define IS(num, type_, flags_)                                        \
	do {                                                          \
		assert_int_equal(fx_fd(f, num)->type, type_);         \
		assert_int_equal(fx_fd(f, num)->open_flags, flags_);  \
		assert_int_equal(fx_fd(f, num)->name->len, 0);        \
		assert_ptr_equal(f->ctx.fd, fx_fd(f, num));           \
		assert_int_equal(f->ctx.fd_num, num);                 \
	} while (0)
	APPLY(f, PPME_SYSCALL_EVENTFD_X, "nnn", 3L, 0L, CLOEXEC);
	IS(3, FD_EVENT, 0);
	APPLY(f, PPME_SYSCALL_EVENTFD2_X, "nnn", 4L, CLOEXEC, 0L);
	IS(4, FD_EVENT, CLOEXEC);
	APPLY(f, PPME_SYSCALL_SIGNALFD_X, "nnnn", 5L, -1L, 0L, 0L);
	IS(5, FD_SIGNALFD, 0);
	APPLY(f, PPME_SYSCALL_SIGNALFD4_X, "nnnn", 6L, CLOEXEC, -1L, 0L);
	IS(6, FD_SIGNALFD, CLOEXEC);
	APPLY(f, PPME_SYSCALL_TIMERFD_CREATE_X, "nnn", 7L, 1L, 0x40L);
	IS(7, FD_TIMERFD, 0x40);
	APPLY(f, PPME_SYSCALL_INOTIFY_INIT_X, "nn", 8L, 0L);
	IS(8, FD_INOTIFY, 0);
	APPLY(f, PPME_SYSCALL_INOTIFY_INIT1_X, "nn", 9L, CLOEXEC);
	IS(9, FD_INOTIFY, CLOEXEC);
	APPLY(f, PPME_SYSCALL_EPOLL_CREATE_X, "nn", 10L, 1L);
	IS(10, FD_EVENTPOLL, 0);
	APPLY(f, PPME_SYSCALL_EPOLL_CREATE1_X, "nn", 11L, 1L);
	IS(11, FD_EVENTPOLL, CLOEXEC);
	APPLY(f, PPME_SYSCALL_EPOLL_CREATE1_X, "nn", 12L, 0L);
	IS(12, FD_EVENTPOLL, 0);
	APPLY(f, PPME_SYSCALL_USERFAULTFD_X, "nn", 13L, CLOEXEC);
	IS(13, FD_USERFAULTFD, 0);
	APPLY(f, PPME_SYSCALL_IO_URING_SETUP_X, "nnnnnnnn", 14L, 1L, 1L, 1L, 0L, 0L, 0L, 0L);
	IS(14, FD_IO_URING, 0);
	APPLY(f, PPME_SYSCALL_BPF_2_X, "nn", 15L, 5L);
	IS(15, FD_BPF, 0);
	APPLY(f, PPME_SYSCALL_BPF_2_X, "nn", -1L, 5L);
	assert_int_equal(fdtab_count(fx_fds(f)), 13);
}

static void memfd_has_its_name_and_failure_leaves_a_trace(void **state)
{
	struct fx *f = *state;

	APPLY(f, PPME_SYSCALL_MEMFD_CREATE_X, "nsn", 3L, "code", 1L);
	assert_int_equal(fx_fd(f, 3)->type, FD_MEMFD);
	assert_string_equal(fx_name(f, 3), "code");
	assert_int_equal(fx_fd(f, 3)->open_flags, 1);
	APPLY(f, PPME_SYSCALL_MEMFD_CREATE_X, "nsn", -22L, "bad", 1L);
	assert_int_equal(f->ctx.fd_num, -22);
	assert_int_equal(fdtab_count(fx_fds(f)), 2);
	assert_null(fx_fd(f, -22));
}

static void pidfd_open_and_getfd_reach_the_other_process(void **state)
{
	struct fx *f = *state;

	APPLY_BY(f, 200, PPME_SYSCALL_OPEN_X, "nsnnnn", 8L, "/secret", 1L, 0L, 0L, 0L);
	APPLY(f, PPME_SYSCALL_PIDFD_OPEN_X, "nnn", 3L, 200L, 0L);
	assert_int_equal(fx_fd(f, 3)->type, FD_PIDFD);
	assert_string_equal(fx_name(f, 3), "/proc/200");
	APPLY(f, PPME_SYSCALL_PIDFD_GETFD_X, "nnnn", 4L, 3L, 8L, 0L);
	assert_string_equal(fx_name(f, 4), "/secret");
	assert_int_equal(fx_fd(f, 4)->open_flags, CLOEXEC);
	APPLY(f, PPME_SYSCALL_PIDFD_GETFD_X, "nnnn", 5L, 3L, 77L, 0L);
	APPLY(f, PPME_SYSCALL_PIDFD_GETFD_X, "nnnn", 6L, 4L, 8L, 0L);
	APPLY(f, PPME_SYSCALL_PIDFD_OPEN_X, "nnn", -3L, 200L, 0L);
	assert_int_equal(fdtab_count(fx_fds(f)), 2);
}

static bool gate_ready(void *ctx, unsigned reader, unsigned shard, struct okey k)
{
	(void)ctx;
	(void)reader;
	(void)shard;
	(void)k;
	return true;
}

static uint64_t gate_emitted(void *ctx)
{
	(void)ctx;
	return 0;
}

static void pidfd_getfd_across_shards_takes_what_was_given(void **state)
{
	struct state_opts o = { .shards = 2, .max_tasks = 100, .max_fds = MAX_FDS, .host_root = "", .self_pid = -1,
				.gate = { NULL, gate_ready, gate_emitted } };
	struct fx *f = calloc(1, sizeof(*f));
	struct evt_handover *h = calloc(1, sizeof(*h));
	int64_t other = PID + 1;
	struct state_shard *theirs;
	struct evt *ev;

	*state = f;
	evb_init(&f->b);
	f->t = state_table_new(&o);
	f->s = state_table_shard(f->t, state_shard_of(f->t, PID));
	while (state_shard_of(f->t, other) == f->s->index)
		other++;
	theirs = state_table_shard(f->t, state_shard_of(f->t, other));
	fx_task(f, PID, PID);
	fx_task(f, other, other);
	scan_finish(f->t);
	ev = evb_make(&f->b, PPME_SYSCALL_OPEN_X, other, 1, "nsnnnn", 8L, "/secret", 1L, 0L, 0L, 0L);
	assert_int_equal(state_apply(theirs, ev, &f->ctx), 0);
	APPLY(f, PPME_SYSCALL_PIDFD_OPEN_X, "nnn", 3L, (long)other, 0L);

	ev = evb_make(&f->b, PPME_SYSCALL_PIDFD_GETFD_X, PID, 2, "nnnn", 4L, 3L, 8L, 0L);
	f->b.env.peer_tgid = (uint32_t)other;
	ev->handover = h;
	ev->part = EVT_GIVE;
	assert_int_equal(state_apply(theirs, ev, &f->ctx), 0);
	ev->part = EVT_TAKE;
	assert_int_equal(state_apply(f->s, ev, &f->ctx), 0);
	assert_string_equal(fx_name(f, 4), "/secret");
	assert_ptr_equal(f->ctx.fd, fx_fd(f, 4));
	fx_teardown(state);
}

static void table_full_leaves_the_event_without_descriptor(void **state)
{
	struct fx *f = *state;

	for (long i = 0; i < MAX_FDS; i++)
		fx_open(f, i, "/f");
	fx_open(f, MAX_FDS, "/more");
	assert_null(f->ctx.fd);
	assert_int_equal(f->ctx.fd_num, MAX_FDS);
	assert_int_equal(fdtab_count(fx_fds(f)), MAX_FDS);
	fx_open(f, 5, "/again");
	assert_string_equal(fx_name(f, 5), "/again");
}

static void descriptor_of_an_event_is_at_its_place(void **state)
{
	struct fx *f = *state;

	fx_open(f, 7, "/seven");
	fx_open(f, 2, "/two");
#define AT7(type, ...)                                   \
	do {                                             \
		APPLY(f, type, __VA_ARGS__);             \
		assert_non_null(f->ctx.fd);              \
		assert_int_equal(f->ctx.fd_num, 7);      \
		assert_ptr_equal(f->ctx.fd, fx_fd(f, 7)); \
	} while (0)
	AT7(PPME_SYSCALL_FSTAT_X, "nn", 0L, 7L);
	AT7(PPME_SYSCALL_READ_X, "nsnn", 1L, "d", 7L, 1L);
	AT7(PPME_SYSCALL_WRITEV_X, "nsnn", 1L, "d", 7L, 1L);
	AT7(PPME_SYSCALL_READV_X, "nnsn", 1L, 1L, "d", 7L);
	AT7(PPME_SOCKET_RECVMSG_X, "nn---n", 1L, 1L, 7L);
	AT7(PPME_SYSCALL_MMAP_X, "nnnnnnnnnn", 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 7L, 0L);
	AT7(PPME_SYSCALL_SENDFILE_X, "nnnnn", 1L, 0L, 7L, 2L, 1L);
	AT7(PPME_SYSCALL_SYMLINKAT_X, "nsns", 0L, "t", 7L, "l");
	AT7(PPME_SYSCALL_FCHOWN_X, "nnnn", 0L, 7L, 0L, 0L);
	APPLY(f, PPME_SYSCALL_READ_X, "ns-n", 1L, "d", 1L);
	assert_int_equal(f->ctx.fd_num, -1);
	assert_null(f->ctx.fd);
	APPLY(f, PPME_SYSCALL_MKDIRAT_X, "nnsn", 0L, -100L, "x", 0L);
	assert_int_equal(f->ctx.fd_num, -100);
	assert_null(f->ctx.fd);
}

static void events_of_unknown_threads_are_harmless(void **state)
{
	struct fx *f = *state;

	APPLY_BY(f, 999, PPME_SYSCALL_OPEN_X, "nsnnnn", 3L, "x", 1L, 0L, 0L, 0L);
	APPLY_BY(f, 999, PPME_SYSCALL_CLOSE_X, "nn", 0L, 3L);
	fx_settle(f);
	assert_int_equal(fdtab_count(fx_fds(f)), 0);
}

static void thread_flags_are_those_of_events(void **state)
{
	static const struct { const char *name; int64_t value; } flags[] = {
#define F(n) { #n, TASK_F_##n }
		F(CLONE_FILES), F(CLONE_FS), F(CLONE_NEWPID), F(CLONE_PARENT), F(CLONE_THREAD), F(CLONE_VM),
		F(CLONE_INVERTED), F(CLONE_NEWUSER), F(CLONE_SETTLS), F(CLONE_VFORK), F(CLONE_NEWCGROUP),
#undef F
		{ "CLONE_CHILD_IN_PIDNS", TASK_F_CHILD_IN_PIDNS },
	};
	size_t count;
	const struct evt_flag *t = evt_flag_table(T_clone_flags, &count);

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		size_t k = 0;

		while (k < count && strcmp(t[k].name, flags[i].name))
			k++;
		assert_true(k < count);
		assert_int_equal(t[k].value, flags[i].value);
	}
}

/* Applies the next event with an envelope flag. */
#define APPLY_FLAGGED(f, FLAG, tid, type, ...)                                                                  \
	do {                                                                                                   \
		struct evt *ev_ = evb_make(&(f)->b, type, tid, ++(f)->ts, __VA_ARGS__);                        \
		struct evt_env env_ = *ev_->env;                                                               \
		env_.flags |= FLAG;                                                                            \
		ev_->env = &env_;                                                                              \
		assert_int_equal(state_apply((f)->s, ev_, &(f)->ctx), 0);                                      \
	} while (0)

static void loss_makes_the_groups_descriptors_unknown(void **state)
{
	struct fx *f = *state;
	struct state_sums sums;

	fx_open(f, 3, "/a");
	fx_open(f, 4, "/b");
	APPLY_BY(f, 200, PPME_SYSCALL_OPEN_X, "nsnnnn", 3L, "/other", 1L, 0L, 0L, 0L);
	/* by another thread of the group: all share one table */
	APPLY_FLAGGED(f, EVT_ENV_LOSSY, THREAD, PPME_SYSCALL_READ_X, "n-n", 1L, 3L);
	assert_null(f->ctx.fd);
	assert_int_equal(f->ctx.fd_num, 3);
	assert_int_equal(fdtab_count(fx_fds(f)), 0);
	assert_string_equal(fdtab_get(state_own(f->s, 200)->fds, 3)->name->s, "/other");
	state_table_sums(f->t, &sums);
	assert_int_equal(sums.lossy, 1);
	assert_int_equal(sums.fds, 1);
	assert_true(sums.fd_misses >= 1);
	/* what is opened from now on is known */
	fx_open(f, 3, "/c");
	assert_string_equal(fx_name(f, 3), "/c");
	APPLY(f, PPME_SYSCALL_CLOSE_X, "nn", 0L, 4L);
	assert_null(f->ctx.fd);
}

static void loss_before_the_open_that_tells_it_keeps_that_open(void **state)
{
	struct fx *f = *state;

	fx_open(f, 3, "/a");
	APPLY_FLAGGED(f, EVT_ENV_LOSSY, PID, PPME_SYSCALL_OPEN_X, "nsnnnn", 5L, "/new", 1L, 0L, 0L, 0L);
	assert_string_equal(fx_name(f, 5), "/new");
	assert_string_equal(fx_name(f, 3), "(closed)");
}

static unsigned asked;
static int32_t asked_fd[8];
static int64_t asked_pid;

static void ask(void *ctx, unsigned shard, int64_t pid, const int32_t *fds, unsigned count)
{
	(void)ctx;
	assert_int_equal(shard, 0);
	asked_pid = pid;
	for (unsigned i = 0; i < count && asked < 8; i++)
		asked_fd[asked++] = fds[i];
}

static void loss_asks_for_what_was_open_and_for_what_turns_up(void **state)
{
	struct fx *f = *state;

	((struct state_opts *)state_table_opts(f->t))->repair.fds = ask;
	asked = 0;
	fx_open(f, 3, "/a");
	fx_open(f, 7, "/b");
	APPLY_FLAGGED(f, EVT_ENV_LOSSY, PID, PPME_SYSCALL_CLOSE_X, "nn", 0L, 9L);
	assert_int_equal(asked_pid, PID);
	assert_int_equal(asked, 3);
	assert_int_equal(asked_fd[0], 3);
	assert_int_equal(asked_fd[1], 7);
	assert_int_equal(asked_fd[2], 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
		T(open_absolute_stores_what_the_event_says),
		T(open_relative_joins_the_leaders_cwd),
		T(open_with_directory_flag_is_a_directory),
		T(open_failed_stores_nothing),
		T(open_without_a_name_is_called_na),
		T(open_with_an_endless_name_keeps_memory_bounded),
		T(openat_bases_follow_the_dirfd_rule),
		T(open_by_handle_takes_the_path_as_it_is),
		T(creat_has_layer_bits_as_flags),
		T(enter_event_overrides_what_could_be_rewritten),
		T(enter_event_of_another_syscall_is_not_used),
		T(close_takes_effect_before_the_next_event),
		T(close_failed_or_unknown_changes_nothing),
		T(close_by_a_thread_closes_for_the_process),
		T(close_range_removes_or_marks),
		T(dup_copies_without_close_on_exec),
		T(dup_to_standard_streams_marks_the_thread),
		T(fcntl_copies_and_sets_close_on_exec),
		T(pipe_makes_two_nameless_fifos),
		T(nameless_kinds_have_their_types_and_flags),
		T(memfd_has_its_name_and_failure_leaves_a_trace),
		T(pidfd_open_and_getfd_reach_the_other_process),
		cmocka_unit_test(pidfd_getfd_across_shards_takes_what_was_given),
		T(table_full_leaves_the_event_without_descriptor),
		T(descriptor_of_an_event_is_at_its_place),
		T(events_of_unknown_threads_are_harmless),
		T(loss_makes_the_groups_descriptors_unknown),
		T(loss_before_the_open_that_tells_it_keeps_that_open),
		T(loss_asks_for_what_was_open_and_for_what_turns_up),
		cmocka_unit_test(thread_flags_are_those_of_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
