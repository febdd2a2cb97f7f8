/* Event parameters as users see them: raw text, and resolved text where a number has a meaning
 * (names of flags, errors, signals, users, descriptors). Called by evt.arg and its kin; parameters
 * and state flow in, text flows out to the caller's buffers. */
#include "eval/field_internal.h"
#include "state/sockname.h"
#include "state/users.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void render_dots(struct base_buf *out, const void *p, size_t len)
{
	const unsigned char *s = p;

	if (!buf_reserve(out, len))
		return;
	for (size_t i = 0; i < len; i++)
		out->p[out->len + i] = s[i] >= 0x20 && s[i] < 0x7f ? (char)s[i] : '.';
	out->len += len;
	out->p[out->len] = 0;
}

void render_base64(struct base_buf *out, const void *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = p;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i;
		uint32_t v = (uint32_t)s[i] << 16 | (n > 1 ? (uint32_t)s[i + 1] << 8 : 0) | (n > 2 ? s[i + 2] : 0);
		char q[4] = { digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=', n > 2 ? digits[v & 63] : '=' };

		buf_add(out, q, 4);
	}
}

const char *render_signal_name(unsigned sig)
{
	static const char *const names[] = {
		NULL, "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
		"SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",
		"SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
	};

	return sig < sizeof(names) / sizeof(names[0]) ? names[sig] : NULL;
}

const char *eval_errno_name(int64_t err)
{
	static const char *const names[] = {
#define E(n, name) [n] = name,
#include "eval/errno.def"
#undef E
	};

	return err > 0 && (uint64_t)err < sizeof(names) / sizeof(names[0]) ? names[err] : NULL;
}

/* What is being rendered. */
struct job {
	struct eval_ctx *c;
	unsigned i;			   /* parameter, for FSRELPATH's directory */
	const struct evt_param_info *info; /* of the value: the variant's for DYN */
	const struct evt_param_info *outer; /* of the parameter itself */
	const uint8_t *p;
	uint32_t len;
	bool base64;
	struct base_buf *raw, *res;
};

/* Number of n bytes; a parameter that is too short reads as far as it goes. */
static uint64_t number(const struct job *j, unsigned n)
{
	uint64_t v = 0;

	memcpy(&v, j->p, j->len < n ? j->len : n);
	return v;
}

static int64_t signed_number(const struct job *j, unsigned n)
{
	unsigned shift = 64 - 8 * n;

	return (int64_t)(number(j, n) << shift) >> shift;
}

/* By the parameter's format. Decimal is signed for unsigned 32- and 64-bit types as well, and 8- and
 * 16-bit ones are shown by their width. */
static void integer(const struct job *j, unsigned n, bool is_signed)
{
	uint64_t u = number(j, n);

	if (is_signed && n < 4) /* small signed ones widen to an int before they are shown in hex */
		u = (uint32_t)signed_number(j, n);
	switch (j->outer->fmt) {
	case PF_HEX:
		buf_fmt(j->raw, "%" PRIX64, u);
		break;
	case PF_OCT:
		buf_fmt(j->raw, "%#" PRIo64, u);
		break;
	case PF_PADDED:
		buf_fmt(j->raw, "%09" PRId64, n >= 4 || is_signed ? signed_number(j, n) : (int64_t)u);
		break;
	default:
		buf_i64(j->raw, n >= 4 || is_signed ? signed_number(j, n) : (int64_t)u);
		break;
	}
}

static void errno_name(struct base_buf *out, int64_t v)
{
	/* compared as 32-bit numbers */
	const char *s = eval_errno_name(-(int64_t)(int32_t)v);

	if (s)
		buf_str(out, s);
}

static void descriptor(const struct job *j, int64_t num)
{
	const struct state_fd *fd;
	char l4[] = { 0, 0 };

	buf_i64(j->raw, num);
	if (!j->c->st.ver)
		return;
	if (num == AT_FDCWD_PORTABLE) {
		buf_str(j->res, "AT_FDCWD");
		return;
	}
	if (num < 0) {
		errno_name(j->res, num);
		return;
	}
	fd = fdtab_get(j->c->st.fds, num);
	if (!fd)
		return;
	if (fd_is_ip(fd)) {
		bool role = fd->flags & (FD_F_ROLE_CLIENT | FD_F_ROLE_SERVER);

		if (fd_is_server(fd) || role || fd->sock.l4 == FD_L4_RAW)
			l4[0] = fd->sock.l4 == FD_L4_TCP ? 't' : fd->sock.l4 == FD_L4_UDP ? 'u' : fd->sock.l4 == FD_L4_ICMP ? 'i' : fd->sock.l4 == FD_L4_RAW ? 'r' : 0;
	}
	buf_chr(j->res, '<');
	buf_chr(j->res, fd_typechar(fd));
	buf_str(j->res, l4);
	buf_chr(j->res, '>');
	buf_add(j->res, fd->name->s, fd->name->len);
}

static int process(const struct job *j, int64_t pid)
{
	const struct state_ver *v;
	int r;

	buf_i64(j->raw, pid);
	r = state_read_tid(&j->c->st, pid, -1, &v);
	if (r > 0)
		buf_add(j->res, v->comm->s, v->comm->len);
	return r < 0 ? r : 0;
}

static void path(const struct job *j)
{
	struct eval_ctx *c = j->c;
	const char *s = (const char *)j->p, *base;
	size_t len = strnlen(s, j->len), base_len;
	struct eval_val joined;
	int64_t dirfd;

	buf_add(j->raw, s, len);
	if (!c->st.ver || !len || s[0] == '/' || (len == 4 && !memcmp(s, "<NA>", 4)))
		return;
	field_cwd(c, &base, &base_len);
	if (j->info->type == PT_FSRELPATH && j->info->dirfd >= 0 && evt_get_i64(c->st.ev, (unsigned)j->info->dirfd, &dirfd) &&
	    dirfd != AT_FDCWD_PORTABLE) {
		const struct state_fd *fd = fdtab_get(c->st.fds, dirfd);

		base = "";
		base_len = 0;
		if (fd && fd->name->len)
			field_dirfd_base(c, dirfd, s, len, &base, &base_len);
	}
	field_join_path(c, base, base_len, s, len, &joined);
	buf_add(j->res, joined.s, joined.len);
}

/* An entry of the flag table names bits; the bits it names are used up, so that composed flags hide
 * their parts. Entries of an enumeration name whole values. */
static void flags(const struct job *j, uint32_t v, bool whole)
{
	size_t n;
	const struct evt_flag *f = evt_flag_table(j->outer->table, &n);
	uint32_t rest = v;
	const char *sep = "";

	for (size_t i = 0; i < n; i++) {
		uint32_t bits = (uint32_t)f[i].value;
		bool hit = whole ? bits == v : bits ? (rest & bits) == bits : v == 0;

		if (!hit)
			continue;
		buf_str(j->res, sep);
		buf_str(j->res, f[i].name);
		sep = "|";
		if (!whole) {
			rest &= ~bits;
			if (bits == v)
				break;
		}
	}
}

static void mode(const struct job *j)
{
	uint32_t v = (uint32_t)number(j, 4), rest = v;
	size_t n, i;
	const struct evt_flag *f = evt_flag_table(j->outer->table, &n);
	const char *sep = "";

	integer(j, 4, false);
	for (i = 0; i < n && (uint32_t)f[i].value != v; i++) {
		uint32_t bits = (uint32_t)f[i].value;

		if (!bits || (rest & bits) != bits)
			continue;
		buf_str(j->res, sep);
		buf_str(j->res, f[i].name);
		sep = "|";
		rest &= ~bits;
	}
	if (i < n) { /* one entry is the whole value: it ends the list, parts of it or not */
		buf_str(j->res, sep);
		buf_str(j->res, f[i].name);
	}
}

static void identity(const struct job *j, bool group)
{
	uint32_t id = (uint32_t)number(j, 4);
	const struct state_str *name = NULL;
	const struct state_ver *v = j->c->st.ver;

	if (id == UINT32_MAX) {
		buf_str(j->raw, "-1");
		buf_str(j->res, "<NONE>");
		return;
	}
	buf_i64(j->raw, (int32_t)id);
	if (v && group) {
		name = groups_get(j->c->st.shard->users, v->container_id->s, id);
	} else if (v) {
		const struct state_user *u = users_get(j->c->st.shard->users, v->container_id->s, id);

		name = u ? u->name : NULL;
	}
	buf_str(j->res, name && name->len ? name->s : "<NA>");
}

static void fdlist(const struct job *j)
{
	uint16_t n = (uint16_t)number(j, 2);

	if (!j->c->st.ver)
		return;
	for (uint32_t k = 0, pos = 2; k < n && pos + 10 <= j->len; k++, pos += 10) {
		const struct state_fd *fd;
		int64_t num;
		int16_t events;

		memcpy(&num, j->p + pos, 8);
		memcpy(&events, j->p + pos + 8, 2);
		fd = fdtab_get(j->c->st.fds, num);
		buf_fmt(j->raw, "%s%" PRIu64 ":%c%x", k ? " " : "", (uint64_t)num, fd ? fd_typechar(fd) : '?', (unsigned)events);
	}
}

static void sigset(const struct job *j)
{
	uint32_t v = (uint32_t)number(j, 4);
	const char *sep = "";

	for (unsigned sig = 0; sig < 32; sig++) {
		const char *s = v >> sig & 1 ? render_signal_name(sig + 1) : NULL;

		if (!s)
			continue;
		buf_str(j->raw, sep);
		buf_str(j->raw, s);
		sep = " ";
	}
}

static void reltime(const struct job *j)
{
	uint64_t v = number(j, 8);

	if (v == UINT64_MAX) {
		buf_str(j->raw, "none");
		return;
	}
	buf_u64(j->raw, v);
	buf_fmt(j->res, "%lgs", (double)v / 1000000000);
}

/* Local date and time; the reference means to add the zone and cuts it off. */
static void abstime(const struct job *j)
{
	char text[64];

	render_ts(text, sizeof(text), number(j, 8), RT_DATETIME);
	buf_str(j->raw, text);
}

/* Lists of strings: elements end with NUL (pairs: name NUL value NUL). */
static void string_list(const struct job *j, bool pairs)
{
	const char *p = (const char *)j->p, *end = p + j->len;

	for (unsigned k = 0; p < end; k++) {
		size_t n = strnlen(p, (size_t)(end - p));

		if (k)
			buf_chr(j->raw, !pairs ? '.' : k & 1 ? ':' : ',');
		buf_add(j->raw, p, n);
		p += n + 1;
	}
}

static void socket_text(const struct job *j, bool tuple)
{
	char s[256];

	buf_add(j->raw, s, tuple ? sock_tuple_text(s, sizeof(s), j->p, j->len) : sock_addr_text(s, sizeof(s), j->p, j->len));
}

static void syscall_id(const struct job *j)
{
	unsigned code = (unsigned)number(j, 2);
	const struct evt_syscall *sc = evt_syscall_by_code(code);

	if (code && !sc) {
		buf_str(j->raw, "<unknown syscall>");
		return;
	}
	buf_u64(j->raw, code);
	buf_str(j->res, sc ? sc->name : "unknown");
}

static int value(struct job *j)
{
	const char *s;

	switch (j->info->type) {
	case PT_INT8:
		integer(j, 1, true);
		return 0;
	case PT_INT16:
		integer(j, 2, true);
		return 0;
	case PT_INT32:
		integer(j, 4, true);
		return 0;
	case PT_INT64: case PT_UINT64:
		integer(j, 8, true);
		return 0;
	case PT_UINT8:
		integer(j, 1, false);
		return 0;
	case PT_UINT16:
		integer(j, 2, false);
		return 0;
	case PT_UINT32:
		integer(j, 4, false);
		return 0;
	case PT_FD:
		descriptor(j, signed_number(j, 8));
		return 0;
	case PT_PID:
		return process(j, signed_number(j, 8));
	case PT_ERRNO:
		buf_i64(j->raw, signed_number(j, 8));
		if (signed_number(j, 8) < 0)
			errno_name(j->res, signed_number(j, 8));
		return 0;
	case PT_CHARBUF:
		if (j->len || j->outer->type != PT_DYN)
			buf_add(j->raw, j->p, strnlen((const char *)j->p, j->len));
		else /* a variant without its text */
			buf_str(j->raw, "(null)");
		return 0;
	case PT_FSPATH: case PT_FSRELPATH:
		path(j);
		return 0;
	case PT_BYTEBUF:
		if (j->base64)
			render_base64(j->raw, j->p, j->len);
		else
			render_dots(j->raw, j->p, j->len);
		return 0;
	case PT_SOCKADDR: case PT_SOCKTUPLE:
		socket_text(j, j->info->type == PT_SOCKTUPLE);
		return 0;
	case PT_FDLIST:
		fdlist(j);
		return 0;
	case PT_SYSCALLID:
		syscall_id(j);
		return 0;
	case PT_SIGTYPE:
		buf_u64(j->raw, number(j, 1));
		s = render_signal_name((unsigned)number(j, 1));
		if (s)
			buf_str(j->res, s);
		return 0;
	case PT_RELTIME:
		reltime(j);
		return 0;
	case PT_ABSTIME:
		abstime(j);
		return 0;
	case PT_FLAGS8: case PT_ENUMFLAGS8: case PT_FLAGS16: case PT_ENUMFLAGS16: case PT_FLAGS32: case PT_ENUMFLAGS32: {
		uint32_t v = (uint32_t)number(j, evt_param_fixed_size(j->info->type));

		buf_u64(j->raw, v);
		flags(j, v, j->info->type >= PT_ENUMFLAGS8);
		return 0;
	}
	case PT_MODE:
		mode(j);
		return 0;
	case PT_UID: case PT_GID:
		identity(j, j->info->type == PT_GID);
		return 0;
	case PT_CHARBUFARRAY: case PT_CHARBUF_PAIR_ARRAY:
		string_list(j, j->info->type == PT_CHARBUF_PAIR_ARRAY);
		return 0;
	case PT_SIGSET:
		sigset(j);
		return 0;
	case PT_DYN:
		buf_str(j->raw, "INVALID DYNAMIC PARAMETER");
		return 0;
	default:
		buf_str(j->raw, "(n.a.)");
		return 0;
	}
}

static bool reads_null(unsigned type)
{
	switch (type) {
	case PT_BYTEBUF: case PT_SOCKTUPLE: case PT_FDLIST: case PT_CHARBUFARRAY: case PT_CHARBUF_PAIR_ARRAY: case PT_DYN:
		return true;
	default:
		return false;
	}
}

static int render(struct eval_ctx *c, unsigned i, bool base64, struct base_buf *raw, struct base_buf *resolved)
{
	const struct evt *ev = c->st.ev;
	const struct evt_param_info *info = &ev->info->params[i], *variant;
	struct job j = { c, i, info, info, ev->param[i].p, ev->param[i].len, base64, raw, resolved };
	const char *s;
	size_t len;

	if (evt_param_is_string(info->type)) { /* empty ones and "(NULL)" read <NA> */
		evt_get_str(ev, i, &s, &len);
		j.p = (const uint8_t *)s;
		j.len = (uint32_t)len;
	} else if (!j.len) {
		buf_str(raw, reads_null(info->type) ? "NULL" : "<NA>");
		return 0;
	}
	if (info->type == PT_DYN && (variant = evt_dyn_variant(info->table, j.p[0]))) {
		j.info = variant;
		j.p++;
		j.len--;
	}
	return value(&j);
}

/* The text goes to the start of the reference's buffer, with its terminator, over what is there. */
static void keep_text(struct eval_field_state *fs, const char *s, size_t len, bool payload)
{
	if (len + 1 > fs->texts.cap) {
		size_t cap = fs->texts.cap ? fs->texts.cap : 1024;
		char *p;

		while (cap < len + 1)
			cap *= 2;
		p = realloc(fs->texts.p, cap);
		if (!p)
			return;
		memset(p + fs->texts.cap, 0, cap - fs->texts.cap);
		fs->texts.p = p;
		fs->texts.cap = cap;
	}
	if (len)
		memcpy(fs->texts.p, s, len);
	fs->texts.p[len] = '\0';
	if (payload)
		fs->texts.payload_len = (uint32_t)len;
}

/* Some texts are written longer than they are shown: a time with its zone, which the terminator cuts off; a list of
 * descriptors with a terminator of its own. */
static void keep_param(struct eval_field_state *fs, const struct evt *ev, unsigned i, const char *s, size_t len)
{
	unsigned type = ev->info->params[i].type;
	uint32_t param_len = ev->param[i].len;
	uint64_t ns = 0;
	char more[64];
	time_t when;
	struct tm tm;

	if (param_len && (type == PT_ABSTIME || type == PT_FDLIST) && len + 8 < sizeof(more)) {
		memcpy(more, s, len);
		memset(more + len, 0, sizeof(more) - len);
		evt_get_u64(ev, i, &ns);
		when = (time_t)(ns / 1000000000u);
		if (type == PT_FDLIST)
			len++;
		else
			len += 1 + strftime(more + len + 1, sizeof(more) - len - 1, "%z", localtime_r(&when, &tm));
		keep_text(fs, more, len, false);
		return;
	}
	keep_text(fs, s, len, type == PT_BYTEBUF && param_len);
}

int render_param(struct eval_ctx *c, unsigned i, bool base64, struct base_buf *raw, struct base_buf *resolved)
{
	size_t from = raw->len;
	int r = render(c, i, base64, raw, resolved);

	if (c->fs && c->fs->texts.on && !r && !raw->failed)
		keep_param(c->fs, c->st.ev, i, raw->p ? raw->p + from : "", raw->len - from);
	return r;
}
