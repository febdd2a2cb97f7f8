/* Fields of IP sockets: ends by role (client, server) and by place (local, remote), and the fields
 * that compare both ends at once. In a stored socket source is the client, destination the server. */
#include "eval/field_hosts.h"
#include "eval/field_internal.h"
#include "state/users.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

static bool has_role(const struct state_fd *fd)
{
	return fd->flags & (FD_F_ROLE_CLIENT | FD_F_ROLE_SERVER);
}

static bool is_v6(const struct state_fd *fd)
{
	return fd->type == FD_IPV6 || fd->type == FD_IPV6_SERVER;
}

struct ip_search {
	const uint8_t *ip;
	bool found;
};

static bool same_ip(const struct container_info *i, void *arg)
{
	struct ip_search *s = arg;
	uint8_t ip[4];

	s->found = i->ip->len && inet_pton(AF_INET, i->ip->s, ip) == 1 && !memcmp(ip, s->ip, 4);
	return !s->found;
}

/* Is this an address of the machine, as seen by the event's thread? */
static bool is_local(const struct eval_ctx *c, const struct state_fd *fd, const uint8_t *ip)
{
	const struct state_str *cid = c->st.ver->container_id;
	struct ip_search s = { .ip = ip };

	if (is_v6(fd))
		return !cid->len && ifaces_has_v6_net(c->st.shard->ifaces, ip);
	if (cid->len) {
		const struct container_table *t = state_containers(c->st.shard);
		const struct container_info *own = containers_get(t, cid->s);

		if (!own || !own->ip->len) { /* own address unknown: any container's will do */
			containers_for_each(t, same_ip, &s);
			return s.found;
		}
		if (!same_ip(own, &s))
			return true;
	}
	return ifaces_has_v4(c->st.shard->ifaces, ip);
}

static int address(const struct state_fd *fd, const uint8_t *ip, unsigned type, struct eval_val *ret)
{
	*ret = (struct eval_val){ .type = (uint8_t)type, .len = is_v6(fd) ? 16 : 4, .s = (const char *)ip };
	return 1;
}

static int port(uint16_t p, struct eval_val *ret)
{
	val_u64(ret, PT_PORT, p);
	return 1;
}

/* Ports have no names here: the reference resolves them only when asked to, which Falco never does. */
static int port_text(struct eval_ctx *c, uint16_t p, struct eval_val *ret)
{
	char *s = arena_fmt(c->arena, "%u", p);

	val_str(ret, s, strlen(s));
	return 1;
}

static const char *l4_name(const struct state_fd *fd)
{
	uint8_t l4 = fd_is_ip(fd) ? fd->sock.l4 : FD_L4_UNKNOWN;

	if (fd_is_plain_ip(fd) && l4 != FD_L4_RAW && !has_role(fd))
		l4 = FD_L4_NA;
	switch (l4) {
	case FD_L4_TCP:
		return "tcp";
	case FD_L4_UDP:
		return "udp";
	case FD_L4_ICMP:
		return "icmp";
	case FD_L4_RAW:
		return "raw";
	default:
		return "<NA>";
	}
}

static int get_by_place(struct eval_ctx *c, const struct field_ref *f, const struct state_fd *fd, struct eval_val *ret)
{
	const struct fd_sock *s = &fd->sock;
	unsigned id = f->def->id;
	bool local_wanted, source;

	if (!fd_is_plain_ip(fd) || !has_role(fd))
		return 0;
	local_wanted = id == FLD_FD_LIP || id == FLD_FD_LNET || id == FLD_FD_LPORT || id == FLD_FD_LPROTO || id == FLD_FD_LIP_NAME;
	source = is_local(c, fd, s->sip) == local_wanted;
	switch (id) {
	case FLD_FD_LPORT: case FLD_FD_RPORT:
		return port(source ? s->sport : s->dport, ret);
	case FLD_FD_LPROTO: case FLD_FD_RPROTO:
		return port_text(c, source ? s->sport : s->dport, ret);
	default:
		return address(fd, source ? s->sip : s->dip, f->def->type, ret);
	}
}

static int get_by_role(struct eval_ctx *c, const struct field_ref *f, const struct state_fd *fd, struct eval_val *ret)
{
	const struct fd_sock *s = &fd->sock;
	bool plain = fd_is_plain_ip(fd), server = fd_is_server(fd);

	switch (f->def->id) {
	case FLD_FD_CIP: case FLD_FD_CNET:
		return plain && has_role(fd) ? address(fd, s->sip, f->def->type, ret) : 0;
	case FLD_FD_SIP: case FLD_FD_SNET:
		if (!has_role(fd) || (!plain && !server))
			return 0;
		return address(fd, plain ? s->dip : s->sip, f->def->type, ret);
	case FLD_FD_CPORT:
		return plain && has_role(fd) ? port(s->sport, ret) : 0;
	case FLD_FD_SPORT:
		if (plain)
			return has_role(fd) ? port(s->dport, ret) : 0;
		return server ? port(s->sport, ret) : 0;
	case FLD_FD_CPROTO:
		if (!has_role(fd))
			return 0;
		if (plain)
			return port_text(c, s->sport, ret);
		val_str(ret, "", 0);
		return 1;
	default: /* fd.sproto */
		if (plain)
			return has_role(fd) ? port_text(c, s->dport, ret) : 0;
		val_str(ret, "", 0);
		return server;
	}
}

static bool server_side(const struct eval_ctx *c, const struct state_fd *fd)
{
	return fd_is_server(fd) || (fd_is_plain_ip(fd) && is_local(c, fd, fd->sock.dip));
}

int field_get_sock(struct eval_ctx *c, const struct field_ref *f, const struct state_fd *fd, struct eval_val *ret)
{
	const char *s;

	switch (f->def->id) {
	case FLD_FD_CIP: case FLD_FD_CNET: case FLD_FD_SIP: case FLD_FD_SNET: case FLD_FD_CPORT: case FLD_FD_SPORT:
	case FLD_FD_CPROTO: case FLD_FD_SPROTO:
		return get_by_role(c, f, fd, ret);
	case FLD_FD_LIP: case FLD_FD_RIP: case FLD_FD_LNET: case FLD_FD_RNET: case FLD_FD_LPORT: case FLD_FD_RPORT:
	case FLD_FD_LPROTO: case FLD_FD_RPROTO:
		return get_by_place(c, f, fd, ret);
	case FLD_FD_L4PROTO:
		s = l4_name(fd);
		val_str(ret, s, strlen(s));
		return 1;
	case FLD_FD_SOCKFAMILY:
		if (fd_is_ip(fd))
			val_str(ret, "ip", 2);
		else if (fd->type == FD_UNIX)
			val_str(ret, "unix", 4);
		else
			return 0;
		return 1;
	case FLD_FD_IS_SERVER:
		val_bool(ret, server_side(c, fd));
		return 1;
	default:
		/* fd.ip and the like are for conditions only; fd.cip.name and the like have values only once
		 * the name of a condition has been resolved, see field_compare_sock */
		return 0;
	}
}

/* ---- comparisons of both ends -------------------------------------------------------------- */

static int compare_ip(const struct state_fd *fd, unsigned type, enum cond_op op, eval_cmp_fn cmp, const void *data)
{
	struct eval_val v;
	int a, b;

	if (!fd_is_ip(fd))
		return 0;
	address(fd, fd->sock.sip, type, &v);
	a = cmp(&v, op, data);
	if (fd_is_server(fd))
		return a;
	address(fd, fd->sock.dip, type, &v);
	b = cmp(&v, op, data);
	return op == OP_NE ? a && b : a || b;
}

/* Like the reference, a network comparison looks at the first network listed only. */
static int compare_net(const struct state_fd *fd, enum cond_op op, const struct cond_rhs *rhs, eval_cmp_fn cmp, const void *data)
{
	if (!fd_is_ip(fd) || !rhs->count)
		return 0;
	if (op != OP_EQ && op != OP_NE && op != OP_IN)
		return 0;
	return compare_ip(fd, PT_IPNET, op == OP_IN ? OP_EQ : op, cmp, data);
}

static int compare_port(const struct state_fd *fd, enum cond_op op, eval_cmp_fn cmp, const void *data)
{
	struct eval_val v;
	int a, b;

	if (!fd_is_ip(fd))
		return 0;
	port(fd->sock.sport, &v);
	a = cmp(&v, op, data);
	if (fd_is_server(fd))
		return a;
	port(fd->sock.dport, &v);
	b = cmp(&v, op, data);
	return op == OP_NE ? a && b : a || b;
}

/* fd.*ip.name: the literal stands for addresses, see field_hosts.h. Like the reference, = and != look
 * at the first literal only. */
static int compare_name(struct eval_ctx *c, const struct field_ref *f, const struct state_fd *fd, enum cond_op op, const struct cond_rhs *rhs)
{
	const uint8_t *ip = fd->sock.sip;
	bool source, hit = false;

	if (!fd_is_plain_ip(fd) || !has_role(fd))
		return 0;
	switch (f->def->id) {
	case FLD_FD_CIP_NAME:
		break;
	case FLD_FD_SIP_NAME:
		ip = fd->sock.dip;
		break;
	default:
		source = is_local(c, fd, fd->sock.sip) == (f->def->id == FLD_FD_LIP_NAME);
		ip = source ? fd->sock.sip : fd->sock.dip;
		break;
	}
	if (op != OP_EQ && op != OP_NE && op != OP_IN)
		return 0;
	for (uint32_t i = 0; i < (op == OP_IN || !rhs->count ? rhs->count : 1) && !hit; i++)
		hit = hosts_match(c->fs ? c->fs->hosts : NULL, rhs->texts[i], ip, is_v6(fd) ? 16 : 4);
	return op == OP_NE ? !hit : hit;
}

int field_compare_sock(struct eval_ctx *c, const struct field_ref *f, enum cond_op op, const struct cond_rhs *rhs, eval_cmp_fn cmp, const void *data)
{
	const struct state_fd *fd = NULL;

	if (!field_event_fd(c, &fd) || !fd)
		return 0;
	if (op == OP_EXISTS) /* of any descriptor, files too */
		return 1;
	switch (f->def->id) {
	case FLD_FD_IP:
		return op == OP_EQ || op == OP_NE || op == OP_IN ? compare_ip(fd, PT_IPADDR, op, cmp, data) : 0;
	case FLD_FD_NET:
		return compare_net(fd, op, rhs, cmp, data);
	case FLD_FD_PORT: case FLD_FD_PROTO:
		return op == OP_INTERSECTS ? 0 : compare_port(fd, op, cmp, data);
	default:
		return compare_name(c, f, fd, op, rhs);
	}
}
