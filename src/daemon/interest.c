/* See interest.h. The rules of composition are Falco's, so that the same configuration watches the same
 * calls. */
#include "daemon/interest.h"

#include <string.h>

static bool is_left_out(const struct evt_syscall *s)
{
	return s->io && !s->state;
}

static enum evt_category category(const struct evt_syscall *s)
{
	return (enum evt_category)evt_table[s->exit_event].category;
}

static void add_name(struct sc_set *set, const char *name)
{
	const struct evt_syscall *s = evt_syscall_by_name(name, strlen(name));

	if (s)
		sc_set_add(set, s->code);
}

/* What keeps processes right, and sockets and files only where calls in the set need it. */
static void add_repair(struct sc_set *set)
{
	bool net = false, file = false, accept = false;

	for (size_t i = 0; i < evt_syscall_count; i++) {
		const struct evt_syscall *s = &evt_syscalls[i];

		if (!sc_set_has(set, s->code))
			continue;
		enum evt_category c = category(s);

		net |= c == EC_NET;
		file |= c == EC_FILE || c == EC_IO_READ || c == EC_IO_WRITE || c == EC_IO_OTHER;
		accept |= !strcmp(s->name, "accept") || !strcmp(s->name, "accept4") || !strcmp(s->name, "listen");
	}
	for (size_t i = 0; i < evt_syscall_count; i++) {
		if (evt_syscalls[i].repair)
			sc_set_add(set, evt_syscalls[i].code);
	}
	if (net) {
		add_name(set, "socket");
		add_name(set, "getsockopt");
	}
	if (net || file)
		add_name(set, "close");
	if (accept)
		add_name(set, "bind");
}

/* The user's names: wanted and unwanted ones. Returns the number of valid wanted ones. */
static unsigned read_custom(const struct config *c, struct sc_set *wanted, struct sc_set *unwanted)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < c->nbase_syscalls; i++) {
		const char *name = c->base_syscalls[i];
		bool no = name[0] == '!';
		const struct evt_syscall *s = evt_syscall_by_name(name + no, strlen(name + no));

		if (!s) {
			log_warn("base_syscalls.custom_set: no system call is called '%s'", name + no);
			continue;
		}
		sc_set_add(no ? unwanted : wanted, s->code);
		n += !no;
	}
	return n;
}

static void add_all(struct sc_set *to, const struct sc_set *from)
{
	for (size_t i = 0; i < SC_MAX / 64; i++)
		to->w[i] |= from->w[i];
}

void interest_compute(const struct config *c, const struct ruleset *rules, struct sc_set *ret, struct base_buf *ret_missing)
{
	struct sc_set asked = { 0 }, set, wanted = { 0 }, unwanted = { 0 };
	unsigned custom = read_custom(c, &wanted, &unwanted);

	ruleset_syscalls(rules, &asked);
	set = asked;
	if (custom) {
		add_all(&set, &wanted);
	} else if (c->base_repair) {
		add_repair(&set);
	} else {
		for (size_t i = 0; i < evt_syscall_count; i++) {
			if (evt_syscalls[i].state)
				sc_set_add(&set, evt_syscalls[i].code);
		}
	}
	for (size_t i = 0; i < evt_syscall_count; i++) {
		const struct evt_syscall *s = &evt_syscalls[i];

		if (sc_set_has(&unwanted, s->code) || (!c->base_all && is_left_out(s)))
			sc_set_del(&set, s->code);
	}
	if (c->base_repair && c->nbase_syscalls)
		add_repair(&set);
	add_name(&set, "sched_process_exit");
	for (size_t i = 0; i < evt_syscall_count; i++) {
		const struct evt_syscall *s = &evt_syscalls[i];

		if (sc_set_has(&asked, s->code) && !sc_set_has(&set, s->code)) {
			buf_str(ret_missing, ret_missing->len ? ", " : "");
			buf_str(ret_missing, s->name);
		}
	}
	*ret = set;
}

void interest_ignored(void (*fn)(void *arg, const char *name), void *arg)
{
	for (size_t i = 0; i < evt_syscall_count; i++) {
		const char *name = evt_table[evt_syscalls[i].exit_event].name;
		bool seen = false;

		/* calls that make the same event, like sendfile and sendfile64, are one name */
		for (size_t k = 0; k < i && !seen; k++)
			seen = is_left_out(&evt_syscalls[k]) && evt_syscalls[k].exit_event == evt_syscalls[i].exit_event;
		if (is_left_out(&evt_syscalls[i]) && !seen)
			fn(arg, name);
	}
}
