/* The head of a capture: machine, processes, descriptors, users, interfaces.
 *
 * Called by scap.c for every block that is not an event. Blocks may be larger than memory should
 * be, so entries are read one at a time and handed out at once. Every read is checked against the
 * bytes left in the entry and in the block, and every entry takes at least its length or its fixed
 * fields, so that no block can make this loop without end.
 *
 * Source of the layouts: the capture format's block descriptions, versions 1.0 to 1.2. */
#include "capture/scap_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Where reading stands inside a block. entry is UINT64_MAX while no entry has a length. */
struct cur {
	struct scap_reader *r;
	uint64_t block, entry; /* bytes left */
	size_t text;	       /* bytes of r->text in use */
};

static int take(struct cur *c, void *dst, size_t n)
{
	if (n > c->entry)
		return scap_damage(c->r, "an entry is shorter than its fields");
	if (n > c->block)
		return scap_damage(c->r, "an entry goes beyond its block");
	if (scap_input_read(c->r->in, dst, n) != n)
		return scap_short(c->r);
	c->block -= n;
	if (c->entry != UINT64_MAX)
		c->entry -= n;
	return 0;
}

static int step_over(struct cur *c, uint64_t n)
{
	if (n > c->block)
		return scap_damage(c->r, "an entry goes beyond its block");
	if (scap_input_skip(c->r->in, n) != n)
		return scap_short(c->r);
	c->block -= n;
	return 0;
}

/* Starts an entry whose length (without extra bytes counted in it) was just read. */
static int entry_begin(struct cur *c, bool counts_itself)
{
	uint32_t len;
	int e = take(c, &len, sizeof(len));

	c->text = 0;
	if (e)
		return e;
	if (counts_itself) {
		if (len < sizeof(len))
			return scap_damage(c->r, "an entry has a length of %u", len);
		len -= (uint32_t)sizeof(len);
	}
	if (len > c->block)
		return scap_damage(c->r, "an entry of %u bytes goes beyond its block", len);
	c->entry = len;
	return 0;
}

static int entry_end(struct cur *c)
{
	uint64_t rest = c->entry;

	c->entry = UINT64_MAX;
	return rest == UINT64_MAX ? 0 : step_over(c, rest);
}

/* Text of len bytes. It stays in r->text, NUL-terminated, until the next entry. */
static int take_text_n(struct cur *c, uint16_t len, uint16_t max, struct cap_text *ret)
{
	char *s = c->r->text + c->text;
	int e;

	if (len > max)
		return scap_damage(c->r, "a text of %u bytes, at most %u are possible", len, max);
	if (len + 1u > sizeof(c->r->text) - c->text)
		return scap_damage(c->r, "too much text in one entry");
	e = take(c, s, len);
	if (e)
		return e;
	s[len] = '\0';
	c->text += len + 1u;
	*ret = (struct cap_text){ s, len };
	return 0;
}

/* Text with its length in front. One that is a C string ends at its first NUL; lists keep theirs. */
static int take_text(struct cur *c, uint16_t max, bool list, struct cap_text *ret)
{
	uint16_t len;
	int e = take(c, &len, sizeof(len));

	if (!e)
		e = take_text_n(c, len, max, ret);
	if (!e && !list)
		ret->len = strlen(ret->s);
	return e;
}

static int read_machine(struct cur *c, const struct scap_head_ops *ops, void *arg)
{
	struct {
		uint32_t num_cpus;
		uint64_t memory_bytes, max_pid;
		char hostname[128];
		uint64_t boot_ts;
		uint64_t rest[3];
	} __attribute__((packed)) m = { 0 };
	int e;

	_Static_assert(sizeof(m) == 180, "layout of the file");
	e = take(c, &m, c->block < sizeof(m) ? (size_t)c->block : sizeof(m));
	if (e)
		return e;
	m.hostname[sizeof(m.hostname) - 1] = '\0';
	if (ops && ops->machine)
		ops->machine(arg, m.num_cpus, m.boot_ts, m.hostname);
	return 0;
}

static unsigned task_version(uint32_t type)
{
	switch (type) {
	case SB_PL_V1: case SB_PL_V1_INT: return 1;
	case SB_PL_V2: case SB_PL_V2_INT: return 2;
	case SB_PL_V3: case SB_PL_V3_INT: return 3;
	case SB_PL_V4: return 4;
	case SB_PL_V5: return 5;
	case SB_PL_V6: return 6;
	case SB_PL_V7: return 7;
	case SB_PL_V8: return 8;
	case SB_PL_V9: return 9;
	default: return 0;
	}
}

/* The fields of version 9 behind `root`: each is there when the entry's length still holds it. */
static int read_task_tail(struct cur *c, struct cap_task *t)
{
	/* Writers before two fields were put in at the front had at most these 29 bytes here. */
	bool old = c->entry <= 29;
	const struct { void *p; size_t n; } f[] = {
		{ old ? NULL : &t->pidns_init_start_ts, 8 }, { old ? NULL : &t->tty, 4 },
		{ &t->loginuid, 4 }, { &t->exe_writable, 1 },
		{ &t->cap_inheritable, 8 }, { &t->cap_permitted, 8 }, { &t->cap_effective, 8 },
		{ &t->exe_upper_layer, 1 }, { &t->exe_ino, 8 }, { &t->exe_ino_ctime, 8 },
		{ &t->exe_ino_mtime, 8 }, { &t->exe_from_memfd, 1 }, { &t->exe_lower_layer, 1 },
		{ &t->pgid, 8 },
	};

	for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++) {
		int e = f[i].p && f[i].n <= c->entry ? take(c, f[i].p, f[i].n) : 0;

		if (e)
			return e;
	}
	return 0;
}

static int read_task_memory(struct cur *c, struct cap_task *t)
{
	int e;

	if ((e = take(c, &t->vmsize_kb, 4)) || (e = take(c, &t->vmrss_kb, 4)) ||
	    (e = take(c, &t->vmswap_kb, 4)) || (e = take(c, &t->pfmajor, 8)) || (e = take(c, &t->pfminor, 8)))
		return e;
	return 0;
}

static int read_task(struct cur *c, unsigned v, struct cap_task *t)
{
	int e;

	*t = (struct cap_task){ .loginuid = UINT32_MAX, .sid = -1, .vpgid = -1, .pgid = -1, .vtid = -1, .vpid = -1,
				.comm = { "", 0 }, .exe = { "", 0 }, .exepath = { "", 0 }, .args = { "", 0 },
				.cwd = { "", 0 }, .env = { "", 0 }, .cgroups = { "", 0 }, .root = { "", 0 } };
	if ((e = take(c, &t->tid, 8)) || (e = take(c, &t->pid, 8)) || (e = take(c, &t->ptid, 8)))
		return e;
	if (v >= 6 && (e = take(c, &t->sid, 8)))
		return e;
	if (v >= 8 && (e = take(c, &t->vpgid, 8)))
		return e;
	if ((e = take_text(c, SCAP_MAX_PATH, false, &t->comm)) || (e = take_text(c, SCAP_MAX_PATH, false, &t->exe)))
		return e;
	if (v >= 7 && (e = take_text(c, SCAP_MAX_PATH, false, &t->exepath)))
		return e;
	if ((e = take_text(c, SCAP_MAX_ARGS, true, &t->args)) ||
	    (e = take_text(c, SCAP_MAX_PATH, false, &t->cwd)) || (e = take(c, &t->fdlimit, 8)) ||
	    (e = take(c, &t->flags, 4)) || (e = take(c, &t->uid, 4)) || (e = take(c, &t->gid, 4)))
		return e;
	if (v >= 2 && (e = read_task_memory(c, t)))
		return e;
	if (v >= 3 && (e = take_text(c, SCAP_MAX_ARGS, true, &t->env)))
		return e;
	if (v >= 4 && ((e = take(c, &t->vtid, 8)) || (e = take(c, &t->vpid, 8)) ||
		       (e = take_text(c, SCAP_MAX_ARGS, true, &t->cgroups))))
		return e;
	if (v >= 5 && (e = take_text(c, SCAP_MAX_PATH, false, &t->root)))
		return e;
	return v >= 9 ? read_task_tail(c, t) : 0;
}

static int read_tasks(struct cur *c, unsigned v, const struct scap_head_ops *ops, void *arg)
{
	while (c->block >= 4) {
		struct cap_task t;
		int e;

		c->text = 0;
		if (v >= 9 && (e = entry_begin(c, true)))
			return e;
		if ((e = read_task(c, v, &t)) || (e = entry_end(c)))
			return e;
		if (ops && ops->task)
			ops->task(arg, &t);
	}
	return 0;
}

static int read_fd_body(struct cur *c, bool v2, struct cap_fd *f)
{
	int e;

	switch (f->type) {
	case 0: /* never written */
		return 0;
	case 3:
		if ((e = take(c, f->sip, 4)) || (e = take(c, f->dip, 4)) || (e = take(c, &f->sport, 2)) ||
		    (e = take(c, &f->dport, 2)))
			return e;
		return take(c, &f->l4, 1);
	case 4:
		if ((e = take(c, f->sip, 16)) || (e = take(c, f->dip, 16)) || (e = take(c, &f->sport, 2)) ||
		    (e = take(c, &f->dport, 2)))
			return e;
		return take(c, &f->l4, 1);
	case 5:
	case 6:
		if ((e = take(c, f->sip, f->type == 5 ? 4 : 16)) || (e = take(c, &f->sport, 2)))
			return e;
		return take(c, &f->l4, 1);
	case 8:
		if ((e = take(c, &f->source, 8)) || (e = take(c, &f->dest, 8)))
			return e;
		return take_text(c, SCAP_MAX_PATH - 1, false, &f->name);
	case 16:
		if ((e = take(c, &f->open_flags, 4)) || (e = take_text(c, SCAP_MAX_PATH - 1, false, &f->name)))
			return e;
		return v2 && c->entry >= 4 ? take(c, &f->dev, 4) : 0;
	default:
		return take_text(c, SCAP_MAX_PATH - 1, false, &f->name);
	}
}

static int read_fds(struct cur *c, bool v2, const struct scap_head_ops *ops, void *arg)
{
	uint64_t tid;
	int e = take(c, &tid, sizeof(tid));

	while (!e && c->block >= 4) {
		struct cap_fd f = { .name = { "", 0 } };
		char unknown[32];

		c->text = 0;
		if ((v2 && (e = entry_begin(c, true))) || (e = take(c, &f.fd, 8)) || (e = take(c, &f.ino, 8)) ||
		    (e = take(c, &f.type, 1)))
			break;
		if (f.type > 21) {
			/* A type of a later writer: nothing is known of what follows in the entry. */
			int n = snprintf(unknown, sizeof(unknown), "unknown-type:[%u]", f.type);

			f.type = 10;
			f.name = (struct cap_text){ unknown, (size_t)n };
		} else if ((e = read_fd_body(c, v2, &f))) {
			break;
		}
		e = entry_end(c);
		if (!e && f.type && ops && ops->fd)
			ops->fd(arg, tid, &f);
	}
	return e;
}

static int read_ifaces(struct cur *c, bool v2, const struct scap_head_ops *ops, void *arg)
{
	while (c->block >= 4) {
		uint8_t addr[16] = { 0 }, mask[16] = { 0 }, bcast[16] = { 0 };
		uint16_t type, name_len;
		uint64_t speed;
		struct cap_text name;
		size_t n;
		int e;

		c->text = 0;
		if ((v2 && (e = entry_begin(c, false))) || (e = take(c, &type, 2)) || (e = take(c, &name_len, 2)))
			return e;
		if (type < 1 || type > 4)
			return scap_damage(c->r, "an interface of the unknown kind %u", type);
		n = type % 2 ? 4 : 16; /* 1, 3 IPv4; 2, 4 IPv6; 3, 4 without the speed */
		if ((e = take(c, addr, n)) || (e = take(c, mask, n)) || (e = take(c, bcast, n)) ||
		    (type <= 2 && (e = take(c, &speed, 8))) ||
		    (e = take_text_n(c, name_len, SCAP_MAX_PATH - 1, &name)) || (e = entry_end(c)))
			return e;
		if (ops && ops->iface)
			ops->iface(arg, n == 4 ? AF_INET : AF_INET6, addr, mask, bcast, name.s, strlen(name.s));
	}
	return 0;
}

static int read_user(struct cur *c, const struct scap_head_ops *ops, void *arg)
{
	uint32_t uid, gid;
	struct cap_text name, home, shell;
	int e;

	if ((e = take(c, &uid, 4)) || (e = take(c, &gid, 4)) ||
	    (e = take_text(c, SCAP_MAX_NAME - 1, false, &name)) ||
	    (e = take_text(c, SCAP_MAX_NAME - 1, false, &home)) ||
	    (e = take_text(c, SCAP_MAX_NAME - 1, false, &shell)) || (e = entry_end(c)))
		return e;
	if (ops && ops->user)
		ops->user(arg, uid, gid, name.s, name.len, home.s, home.len, shell.s, shell.len);
	return 0;
}

static int read_group(struct cur *c, const struct scap_head_ops *ops, void *arg)
{
	uint32_t gid;
	struct cap_text name;
	int e;

	if ((e = take(c, &gid, 4)) || (e = take_text(c, SCAP_MAX_NAME - 1, false, &name)) || (e = entry_end(c)))
		return e;
	if (ops && ops->group)
		ops->group(arg, gid, name.s, name.len);
	return 0;
}

static int read_users(struct cur *c, bool v2, const struct scap_head_ops *ops, void *arg)
{
	while (c->block >= 4) {
		uint8_t kind;
		int e;

		c->text = 0;
		if ((v2 && (e = entry_begin(c, true))) || (e = take(c, &kind, 1)))
			return e;
		e = kind == 0 ? read_user(c, ops, arg) : read_group(c, ops, arg);
		if (e)
			return e;
	}
	return 0;
}

int scap_read_meta(struct scap_reader *r, const struct scap_head_ops *ops, void *arg)
{
	struct cur c = { .r = r, .entry = UINT64_MAX };
	uint32_t type = r->block_type, again;
	unsigned v = task_version(type);
	int e = 0;

	if (r->block_len < 12)
		return scap_damage(r, "a block has a length of %u", r->block_len);
	c.block = r->block_len - 12;
	if (v)
		e = read_tasks(&c, v, ops, arg);
	else if (type == SB_MI || type == SB_MI_INT)
		e = read_machine(&c, ops, arg);
	else if (type == SB_FDL || type == SB_FDL_INT || type == SB_FDL_V2)
		e = read_fds(&c, type == SB_FDL_V2, ops, arg);
	else if (type == SB_IL || type == SB_IL_INT || type == SB_IL_V2)
		e = read_ifaces(&c, type == SB_IL_V2, ops, arg);
	else if (type == SB_UL || type == SB_UL_INT || type == SB_UL_V2)
		e = read_users(&c, type == SB_UL_V2, ops, arg);
	if (e)
		return e;
	/* Padding, what a later writer added, or a block that is not known. */
	if ((e = step_over(&c, c.block)))
		return e;
	if (scap_input_read(r->in, &again, sizeof(again)) != sizeof(again))
		return scap_short(r);
	if (again != r->block_len)
		return scap_damage(r, "a block starts with a length of %u and ends with %u", r->block_len, again);
	return 0;
}
