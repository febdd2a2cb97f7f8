/* fdlist.*: the descriptors of a poll, as lists in one string. Called through eval_field_get. */
#include "eval/field_internal.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

static void add_ip(struct base_buf *out, int family, const uint8_t *ip)
{
	char s[INET6_ADDRSTRLEN];

	if (inet_ntop(family, ip, s, sizeof(s)))
		buf_str(out, s);
}

/* Appends one entry; false when the field has nothing to say of this descriptor. */
static bool add_entry(struct base_buf *out, unsigned id, int64_t num, const struct state_fd *fd)
{
	switch (id) {
	case FLD_FDLIST_NUMS:
		buf_i64(out, num);
		return true;
	case FLD_FDLIST_NAMES:
		if (fd && fd->name->len)
			buf_add(out, fd->name->s, fd->name->len);
		else
			buf_str(out, "<NA>");
		return true;
	case FLD_FDLIST_SIPS:
		if (fd && fd_is_server(fd)) {
			/* as in the reference: IPv6 ones show their first 4 bytes */
			add_ip(out, AF_INET, fd->sock.sip);
			return true;
		}
		break;
	default:
		break;
	}
	if (!fd || !fd_is_plain_ip(fd))
		return false;
	switch (id) {
	case FLD_FDLIST_CIPS:
		add_ip(out, fd->type == FD_IPV6 ? AF_INET6 : AF_INET, fd->sock.sip);
		break;
	case FLD_FDLIST_SIPS:
		add_ip(out, fd->type == FD_IPV6 ? AF_INET6 : AF_INET, fd->sock.dip);
		break;
	case FLD_FDLIST_CPORTS:
		buf_u64(out, fd->sock.sport);
		break;
	default:
		buf_u64(out, fd->sock.dport);
		break;
	}
	return true;
}

int field_get_fdlist(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const struct evt *ev = c->st.ev;
	struct base_buf local = { 0 }, *out = c->fs ? &c->fs->text : &local;
	const uint8_t *p;
	uint16_t n = 0;
	int r;

	if ((ev->hdr->type != PPME_SYSCALL_POLL_X && ev->hdr->type != PPME_SYSCALL_PPOLL_X) || !c->st.ver)
		return 0;
	if (ev->nparams < 2 || ev->param[1].len < 2)
		return 0;
	p = ev->param[1].p;
	memcpy(&n, p, 2);
	buf_reset(out);
	/* number of 8 bytes, events of 2 bytes; a list that is cut short ends where it is cut */
	for (uint32_t i = 0, pos = 2; i < n && pos + 10 <= ev->param[1].len; i++, pos += 10) {
		int64_t num;

		memcpy(&num, p + pos, 8);
		if (add_entry(out, f->def->id, num, fdtab_get(c->st.fds, num)))
			buf_chr(out, ',');
	}
	if (out->len && out->p[out->len - 1] == ',')
		out->len--;
	r = out->len > 0;
	val_str(ret, arena_strn(c->arena, out->p, out->len), out->len);
	buf_fini(&local);
	return r;
}
