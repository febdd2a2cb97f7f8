/* Capture files: sections and event blocks.
 *
 * Owns the file, the event buffer and the converter; scap_meta.c reads the head's blocks,
 * scap_input.c the bytes. The daemon's replay calls in: head entries and events flow out, events
 * in the layout that queues carry (envelope, header, lengths, parameters), brought up to the
 * current event table.
 *
 * The file is not to be trusted. Blocks are checked before memory is taken for them, a block is at
 * least as long as its frame, so that reading always moves on, and the first damage ends it. */
#include "capture/scap_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAME 12u      /* type, length, length again */
#define HDR_V1 22u     /* without the number of parameters */
#define HDR ((uint32_t)sizeof(struct evt_hdr))
#define TYPE_AT 20u    /* offset of the type in either header */
#define BLOCK_MAX 65536u /* of blocks that are not large, without type and first length */
#define MAGIC 0x1a2b3c4du

int scap_damage(struct scap_reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

int scap_short(struct scap_reader *r)
{
	const char *why;
	int e = scap_input_error(r->in, &why);

	if (!e)
		return scap_damage(r, "the capture ends inside a block");
	snprintf(r->why, sizeof(r->why), "%s", why);
	return e;
}

static int open_error(struct base_err *err, const char *path, const char *why)
{
	return base_err_set(err, NULL, 0, 0, "Could not open trace filename %s for reading: %s", path, why);
}

int scap_open(const char *path, struct scap_reader **ret, struct base_err *err)
{
	struct scap_reader *r;
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0) {
		int e = errno;

		open_error(err, path, strerrordesc_np(e));
		return -e;
	}
	r = calloc(1, sizeof(*r));
	if (!r) {
		close(fd);
		goto no_memory;
	}
	r->in = scap_input_new(fd); /* takes fd in any case */
	r->conv = converter_new();
	r->path = strdup(path);
	r->buf_cap = sizeof(struct evt_env) + BLOCK_MAX + 8;
	r->buf = malloc(r->buf_cap);
	r->initial = true;
	if (!r->in || !r->conv || !r->path || !r->buf)
		goto no_memory;
	*ret = r;
	return 0;

no_memory:
	scap_close(r);
	open_error(err, path, "no memory");
	return -ENOMEM;
}

void scap_close(struct scap_reader *r)
{
	if (!r)
		return;
	scap_input_free(r->in);
	converter_free(r->conv);
	free(r->path);
	free(r->buf);
	free(r);
}

uint64_t scap_offset(const struct scap_reader *r)
{
	return scap_input_offset(r->in);
}

struct evt_env *scap_env(struct scap_reader *r)
{
	return r->env;
}

/* Type and length of the next block: 1, 0 at the end of the file, -errno. */
static int read_header(struct scap_reader *r)
{
	uint32_t h[2];
	size_t n;
	int e;

	if (r->have_header)
		return 1;
	const uint8_t *p = scap_input_take(r->in, sizeof(h));

	if (p) {
		memcpy(h, p, sizeof(h));
		r->block_at = scap_input_offset(r->in) - sizeof(h);
		r->block_type = h[0];
		r->block_len = h[1];
		r->have_header = true;
		return 1;
	}
	r->block_at = scap_input_offset(r->in);
	n = scap_input_read(r->in, h, sizeof(h));
	if (n < sizeof(h)) {
		const char *why;

		e = scap_input_error(r->in, &why);
		return n || e ? scap_short(r) : 0;
	}
	r->block_type = h[0];
	r->block_len = h[1];
	r->have_header = true;
	return 1;
}

static bool is_event_block(uint32_t type)
{
	switch (type) {
	case SB_EV: case SB_EV_INT: case SB_EV_V2: case SB_EV_V2_LARGE:
	case SB_EVF: case SB_EVF_V2: case SB_EVF_V2_LARGE:
		return true;
	default:
		return false;
	}
}

/* A section header, whose block header has been read. */
static int read_section(struct scap_reader *r)
{
	struct {
		uint32_t magic;
		uint16_t major, minor;
		uint64_t length;
	} s;
	uint64_t rest;
	uint32_t again;

	r->have_header = false;
	if (r->block_len < FRAME + sizeof(s))
		return scap_damage(r, "a section header of %u bytes", r->block_len);
	if (scap_input_read(r->in, &s, sizeof(s)) != sizeof(s))
		return scap_short(r);
	if (s.magic == __builtin_bswap32(MAGIC))
		return scap_damage(r, "captures of machines with the other byte order are not supported");
	if (s.magic != MAGIC)
		return scap_damage(r, "invalid magic number");
	if (s.major > 1)
		return scap_damage(r, "version %u.%u of the format is not known, only 1", s.major, s.minor);
	rest = r->block_len - FRAME - sizeof(s);
	if (scap_input_skip(r->in, rest) != rest ||
	    scap_input_read(r->in, &again, sizeof(again)) != sizeof(again))
		return scap_short(r);
	if (again != r->block_len)
		return scap_damage(r, "a block starts with a length of %u and ends with %u", r->block_len, again);
	return 0;
}

/* Blocks up to the first event or the end. 1 there is an event, 0 end of file, -errno. */
static int read_head(struct scap_reader *r, const struct scap_head_ops *ops, void *arg)
{
	int e;

	while ((e = read_header(r)) == 1) {
		if (is_event_block(r->block_type))
			return 1;
		if (r->block_type == SB_SHB) {
			/* A section without events before this one: nothing of it counts. */
			if ((e = read_section(r)))
				return e;
			if (ops && ops->restart)
				ops->restart(arg);
			continue;
		}
		r->have_header = false;
		if ((e = scap_read_meta(r, ops, arg)))
			return e;
	}
	return e;
}

int scap_read_head(struct scap_reader *r, const struct scap_head_ops *ops, void *arg, struct base_err *err)
{
	int e = read_header(r);

	if (!e)
		e = scap_damage(r, "the file is empty");
	else if (e == 1)
		e = r->block_type == SB_SHB ? read_section(r) : scap_damage(r, "invalid block type");
	if (!e && (e = read_head(r, ops, arg)) == 1)
		return 0;
	if (!e) {
		open_error(err, r->path, "no events in file");
		r->ended = 1;
		return -ENODATA;
	}
	if (r->block_at)
		base_err_set(err, NULL, 0, 0, "Could not open trace filename %s for reading: block at byte %llu: %s",
			     r->path, (unsigned long long)r->block_at, r->why);
	else
		open_error(err, r->path, r->why);
	r->ended = e;
	return -EINVAL;
}

static bool make_room(struct scap_reader *r, size_t evt_bytes)
{
	size_t need = sizeof(struct evt_env) + evt_bytes + 8;
	uint8_t *more;

	if (need <= r->buf_cap)
		return true;
	more = realloc(r->buf, need);
	if (!more)
		return false;
	r->buf = more;
	r->buf_cap = need;
	return true;
}

/* Number of parameters of a record that does not say it: the largest number whose lengths and
 * values fill the record exactly. h is the widened header, avail what may be read from there. */
static int guess_nparams(struct scap_reader *r, struct evt_hdr *h, uint32_t avail)
{
	const uint8_t *lens = (const uint8_t *)(h + 1);
	unsigned n = evt_table[h->type].nparams;
	uint32_t len = h->len;

	/* These two were written with a length that is three bytes too large. */
	if (len >= 3 && (h->type == PPME_NOTIFICATION_E || h->type == PPME_INFRASTRUCTURE_EVENT_E))
		len -= 3;
	if (len < HDR_V1 || len > avail - (HDR - HDR_V1))
		return scap_damage(r, "an event of %u bytes in a block with %u", len, avail - (HDR - HDR_V1));
	len += HDR - HDR_V1;
	for (;; n--) {
		uint64_t sum = HDR + 2u * n;

		if (sum <= len) {
			for (unsigned i = 0; i < n; i++) {
				uint16_t l;

				memcpy(&l, lens + 2 * i, sizeof(l));
				sum += l;
			}
			if (sum == len)
				break;
			if (sum < len)
				return scap_damage(r, "an event of type %u has more bytes than its parameters", h->type);
		}
		if (!n)
			return scap_damage(r, "an event of type %u does not hold its parameters", h->type);
	}
	h->len = len;
	h->nparams = n;
	return 0;
}

/* Reads the bytes of an event block's body into buf: envelope fields, then the event with a header
 * of the current size. *ret_avail is what may be read at the header. */
static int read_body(struct scap_reader *r, struct evt_env *env, uint32_t *ret_avail)
{
	uint32_t type = r->block_type, flags = 0, lead, bytes, hdr, tail;
	bool with_flags = type == SB_EVF || type == SB_EVF_V2 || type == SB_EVF_V2_LARGE;
	bool large = type == SB_EV_V2_LARGE || type == SB_EVF_V2_LARGE;
	bool v1 = type == SB_EV || type == SB_EV_INT || type == SB_EVF;
	uint8_t *at = r->buf + sizeof(*env);

	hdr = v1 ? HDR_V1 : HDR;
	lead = 2 + (with_flags ? 4 : 0);
	if (r->block_len < FRAME + lead + hdr)
		return scap_damage(r, "an event block of %u bytes is too short", r->block_len);
	bytes = r->block_len - FRAME - lead;
	if (r->block_len - 8 > BLOCK_MAX && (!large || bytes > SCAP_MAX_EVENT))
		return scap_damage(r, "an event block of %u bytes is too long", r->block_len);
	if (!make_room(r, bytes + (HDR - hdr))) {
		snprintf(r->why, sizeof(r->why), "no memory for an event of %u bytes", bytes);
		return -ENOMEM;
	}
	at = r->buf + sizeof(*env);
	if (scap_input_read(r->in, &env->cpu, 2) != 2 ||
	    (with_flags && scap_input_read(r->in, &flags, 4) != 4) ||
	    scap_input_read(r->in, at, hdr) != hdr ||
	    scap_input_read(r->in, at + HDR, bytes - hdr) != bytes - hdr ||
	    scap_input_read(r->in, &tail, 4) != 4)
		return scap_short(r);
	/* The last length is not compared: it never mattered here, and files exist that get it wrong. */
	if (flags & 1)
		env->flags |= EVT_ENV_STATE_ONLY;
	*ret_avail = bytes + (HDR - hdr);
	return v1 ? 1 : 0;
}

/* State that a writer puts at the start of the events; users of the file do not see it as events. */
static bool is_initial_state(uint16_t type)
{
	switch (type) {
	case PPME_CONTAINER_JSON_2_E: case PPME_USER_ADDED_E: case PPME_USER_DELETED_E:
	case PPME_GROUP_ADDED_E: case PPME_GROUP_DELETED_E: case PPME_ASYNCEVENT_E:
		return true;
	default:
		return false;
	}
}

/* An event block of the current format whose bytes stand in one piece in the input: no copy. False: read_event. */
static bool event_in_place(struct scap_reader *r, struct evt *ev)
{
	bool with_flags = r->block_type == SB_EVF_V2;
	uint32_t lead = with_flags ? 6 : 2, flags = 0, bytes;
	const uint8_t *p;

	if ((r->block_type != SB_EV_V2 && !with_flags) || r->block_len < FRAME + lead + HDR || r->block_len - 8 > BLOCK_MAX ||
	    !(p = scap_input_take(r->in, r->block_len - 8)))
		return false;
	bytes = r->block_len - FRAME - lead;
	r->place = (struct evt_env){ .seq = 0 };
	memcpy(&r->place.cpu, p, 2);
	if (with_flags)
		memcpy(&flags, p + 2, 4);
	if (flags & 1)
		r->place.flags |= EVT_ENV_STATE_ONLY;
	ev->env = &r->place;
	ev->hdr = (const struct evt_hdr *)(p + lead);
	r->place_bytes = bytes;
	return true;
}

/* One event block: 1 an event to show, 0 none, -errno. */
static int read_event(struct scap_reader *r, struct evt *ev)
{
	struct evt_env *env = &r->place;
	uint32_t avail = r->place_bytes;
	int e = 0;

	if (event_in_place(r, ev)) {
		avail = r->place_bytes;
	} else {
		*env = (struct evt_env){ .seq = 0 };
		e = read_body(r, env, &avail);
		if (e < 0)
			return e;
		ev->env = env;
		ev->hdr = (struct evt_hdr *)(r->buf + sizeof(*env));
	}
	if (ev->hdr->type >= EVT_TYPE_MAX)
		return 0; /* of a later writer */
	if (e == 1 && (e = guess_nparams(r, (struct evt_hdr *)(r->buf + sizeof(*env)), avail)))
		return e;
	if (ev->hdr->len > EVT_MAX_SIZE && !(evt_table[ev->hdr->type].flags & EVF_LARGE_PAYLOAD))
		return scap_damage(r, "an event of type %u with %u bytes is too long", ev->hdr->type, ev->hdr->len);
	if (evt_decode(ev, avail))
		return scap_damage(r, "an event of type %u whose lengths do not fit", ev->hdr->type);
	env->size = (uint32_t)((sizeof(*env) + ev->hdr->len + 7) & ~(size_t)7);
	return converter_idle(ev) ? 1 : converter_run(r->conv, ev, r->why, sizeof(r->why));
}

/* A block behind the first event: events, and the header of a capture that was appended.
 * 1 an event to show, 0 go on, 2 end of file, -errno. */
static int read_block(struct scap_reader *r, struct evt *ev, const struct scap_head_ops *ops, void *arg)
{
	int e = read_header(r);

	if (e < 1)
		return e ? e : 2;
	if (is_event_block(r->block_type)) {
		r->have_header = false;
		e = read_event(r, ev);
		/* The leading run of initial state ends at the first record that is anything else,
		 * be it shown or not. */
		if (r->initial && (e != 1 || !is_initial_state(ev->hdr->type)))
			r->initial = false;
		return e;
	}
	if (r->block_type != SB_SHB)
		return scap_damage(r, "unexpected block type 0x%x", r->block_type);
	if ((e = read_section(r)))
		return e;
	converter_reset(r->conv);
	r->initial = true;
	if (ops && ops->restart)
		ops->restart(arg);
	e = read_head(r, ops, arg);
	return e < 0 ? e : e ? 0 : 2;
}

int scap_next(struct scap_reader *r, struct evt *ev, const struct scap_head_ops *ops, void *arg, struct base_err *err)
{
	int e = 0;

	r->env = NULL;
	if (!r->ended)
		while (!(e = read_block(r, ev, ops, arg)))
			;
	if (e != 1) {
		if (!r->ended) {
			r->ended = e == 2 ? 1 : e;
			if (e < 0)
				base_err_set(&r->last, NULL, 0, 0, "%s: capture damaged at byte %llu: %s", r->path,
					     (unsigned long long)r->block_at, r->why);
		}
		if (r->ended < 0 && err)
			*err = r->last;
		return r->ended < 0 ? r->ended : 0;
	}
	r->env = (struct evt_env *)ev->env; /* in our buffer, or the converter's */
	if (r->initial)
		r->env->flags |= EVT_ENV_STATE_ONLY;
	ev->num = ++r->num;
	ev->key = (struct okey){ ev->num, 0 };
	ev->handover = NULL;
	ev->part = EVT_WHOLE;
	ev->report = !(r->env->flags & EVT_ENV_STATE_ONLY);
	return 1;
}
