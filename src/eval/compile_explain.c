/* Tells people how the index treats a rule. Called by `saker check`. */
#include "eval/compile_internal.h"

#include <string.h>

#define NAMES_MAX 5 /* event names shown of a long list */

struct view {
	uint32_t keyed, scanned; /* event types */
	struct base_buf keys, names;
	bool seen[64]; /* values already named, by number */
};

static bool position_of(const struct bucket *b, uint32_t rule, uint32_t *ret)
{
	for (uint32_t i = 0; i < b->nentry; i++)
		if (b->entries[i].rule == rule) {
			*ret = i;
			return true;
		}
	return false;
}

static void name_keys(const struct ruleset *rs, struct view *v, const struct prog *p)
{
	for (uint32_t i = 0; i < p->nclause; i++) {
		uint32_t value = rs->atoms[p->clause[i]].value;

		if (value < 64 && v->seen[value])
			continue;
		if (value < 64)
			v->seen[value] = true;
		else if (v->keys.len)
			continue; /* beyond what is remembered: the first names will do */
		if (v->keys.len)
			buf_str(&v->keys, ", ");
		value_expr_text(&v->keys, rs->values[value]);
	}
}

/* Rules see events of this type: not enter events of system calls, nor what captures are lifted from. Asynchronous
 * events are looked at by every rule and matched by hardly any. */
static bool is_seen(unsigned type)
{
	const struct evt_info *i = &evt_table[type];

	return type != PPME_ASYNCEVENT_E && !(i->flags & (EVF_UNUSED | EVF_OLD_VERSION)) && !(i->dir == EVT_ENTER && i->origin == EO_SYSCALL);
}

static void look(const struct ruleset *rs, uint32_t id, const struct source *s, unsigned type, struct view *v)
{
	const struct bucket *b = s->bucket[type];
	uint32_t pos;

	if (!b || !is_seen(type) || !position_of(b, id, &pos))
		return;
	if (b->scan[pos / 64] >> (pos % 64) & 1) {
		if (v->scanned++ < NAMES_MAX)
			buf_fmt(&v->names, "%s%s", v->names.len ? ", " : "", evt_table[type].name);
	} else {
		v->keyed++;
		name_keys(rs, v, &rs->progs[b->entries[pos].prog]);
	}
}

void ruleset_explain(const struct ruleset *rs, uint32_t id, struct base_buf *out)
{
	struct view v = { 0 };

	for (uint32_t s = 0; s < rs->nsource; s++)
		for (unsigned t = 0; t < EVT_TYPE_MAX; t++)
			look(rs, id, &rs->sources[s], t, &v);
	if (v.keyed)
		buf_fmt(out, "%u event type%s: looked up by %s", v.keyed, v.keyed == 1 ? "" : "s", v.keys.len ? v.keys.p : "nothing");
	if (v.scanned)
		buf_fmt(out, "%s%u event type%s: tried on every event (%s%s), no selective equality, list, prefix or substring is implied", v.keyed ? "; " : "",
			v.scanned, v.scanned == 1 ? "" : "s", v.names.p ? v.names.p : "", v.scanned > NAMES_MAX ? ", ..." : "");
	buf_fini(&v.keys);
	buf_fini(&v.names);
}
