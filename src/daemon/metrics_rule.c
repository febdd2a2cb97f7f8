/* Snapshots of the metrics: the alert "Falco internal: metrics snapshot" and lines of metrics.output_file.
 * Called by run.c on main; rates are against the last snapshot. */
#include "daemon/metrics_internal.h"

#include "base/thread.h"
#include "sink/internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS_NS 1000000ull

/* ---- rates ------------------------------------------------------------------------------- */

static uint64_t find(const struct metrics *m, const char *field)
{
	for (uint32_t i = 0; i < m->len; i++) {
		if (m->m[i].field && !strcmp(m->m[i].field, field))
			return m->m[i].field_int;
	}
	return 0;
}

static void add_always(struct metrics *m, const char *field, uint64_t v)
{
	metric_int(m, NULL, false, field, v);
	m->m[m->len - 1].always = true;
}

static void add_num(struct metrics *m, const char *field, double v)
{
	struct metric *e = metric_add(m, NULL, false, field);

	e->kind = METRIC_NUM;
	e->field_num = v;
	e->always = true;
}

static void add_rates(struct metrics_out *o, struct metrics *m, bool kernel)
{
	double seconds = o->last_ts && m->ts > o->last_ts ? (double)(m->ts - o->last_ts) / 1e9 : 0;
	uint64_t num = find(m, "falco.num_evts"), evts = find(m, "scap.n_evts"), drops = find(m, "scap.n_drops");

	add_always(m, "evt.time", m->ts);
	add_always(m, "falco.num_evts_prev", o->num_evts);
	if (o->num_evts && seconds > 0)
		add_num(m, "falco.evts_rate_sec", (double)(num - o->num_evts) / seconds);
	if (kernel) {
		add_always(m, "scap.n_evts_prev", o->n_evts);
		add_num(m, "scap.evts_rate_sec", seconds > 0 ? (double)(evts - o->n_evts) / seconds : 0);
		add_always(m, "scap.n_drops_prev", o->n_drops);
		add_num(m, "scap.evts_drop_rate_sec", seconds > 0 ? (double)(drops - o->n_drops) / seconds : 0);
		add_num(m, "scap.n_drops_perc", evts > o->n_evts ? 100.0 * (double)(drops - o->n_drops) / (double)(evts - o->n_evts) : 0);
	}
	o->last_ts = m->ts;
	o->num_evts = num;
	o->n_evts = evts;
	o->n_drops = drops;
}

/* ---- as fields --------------------------------------------------------------------------- */

/* Shortest text that reads back as the same number, with a point in it. */
static const char *number_text(struct metrics *m, double v)
{
	char text[40];

	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	if (!strpbrk(text, ".en"))
		strcat(text, ".0");
	return arena_strn(&m->arena, text, strlen(text));
}

static bool is_told(const struct metric *e, bool empty_too)
{
	if (!e->field)
		return false;
	if (e->always || empty_too)
		return true;
	return e->kind == METRIC_TEXT || (e->kind == METRIC_INT ? e->field_int != 0 : fabs(e->field_num) > 0);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct internal_field *)a)->name, ((const struct internal_field *)b)->name);
}

/* The fields in order of their names. Returns their number; *ret owned. */
static size_t fields_of(struct metrics *m, bool empty_too, struct internal_field **ret)
{
	struct internal_field *f = calloc(m->len + 1, sizeof(*f));
	size_t n = 0, kept = 0;

	*ret = f;
	for (uint32_t i = 0; f && i < m->len; i++) {
		const struct metric *e = &m->m[i];

		if (!is_told(e, empty_too))
			continue;
		f[n] = (struct internal_field){ .name = e->field, .number = e->field_int };
		if (e->kind == METRIC_TEXT)
			f[n].text = e->field_text;
		else if (e->kind == METRIC_NUM)
			f[n].literal = number_text(m, e->field_num);
		n++;
	}
	if (n)
		qsort(f, n, sizeof(*f), by_name);
	/* Two rules or files may share a name in this form: the first one counts, as a key is there once. */
	for (size_t i = 0; i < n; i++) {
		if (!kept || strcmp(f[kept - 1].name, f[i].name))
			f[kept++] = f[i];
	}
	return kept;
}

/* ---- out --------------------------------------------------------------------------------- */

static void write_file(struct metrics_out *o, const struct alert *a)
{
	if (fprintf(o->file, "{\"output_fields\":%s,\"sample\":%llu}\n", a->fields_json, (unsigned long long)o->sample) < 0 ||
	    fflush(o->file))
		log_err("cannot write to metrics.output_file: %s", strerror(errno));
}

static void take(struct metrics_out *o, struct daemon *d)
{
	struct internal_field *f;
	struct metrics m;
	struct alert *a = NULL;
	size_t n;

	if (!metrics_collect(d, &m)) {
		add_rates(o, &m, d->live && d->c->metrics.kernel);
		n = fields_of(&m, d->c->metrics.empty, &f);
		if (f)
			a = internal_alert_new(METRICS_INTERNAL_RULE, LOG_L_INFO, m.ts, d->hostname, "Falco metrics snapshot", f, n);
		free(f);
	}
	if (!a) {
		log_err("no memory for a snapshot of the metrics");
	} else {
		o->sample++;
		if (o->file)
			write_file(o, a);
		if (d->c->metrics.rule)
			hub_submit_internal(d->hub, alert_ref(a));
		alert_unref(a);
	}
	metrics_fini(&m);
}

int metrics_out_start(struct metrics_out *o, struct daemon *d, struct base_err *err)
{
	const struct config *c = d->c;

	*o = (struct metrics_out){ .next_ns = UINT64_MAX };
	if (!c->metrics.enabled || (!c->metrics.rule && !*c->metrics.file))
		return 0;
	if (*c->metrics.file) {
		o->file = fopen(c->metrics.file, "ae");
		if (!o->file)
			return base_err_set(err, NULL, 0, 0, "cannot open metrics.output_file %s: %s", c->metrics.file, strerror(errno));
	}
	o->next_ns = base_mono_ns() + c->metrics.interval_ms * MS_NS;
	return 0;
}

void metrics_out_check(struct metrics_out *o, struct daemon *d, uint64_t now_mono)
{
	if (now_mono < o->next_ns)
		return;
	take(o, d);
	o->next_ns += d->c->metrics.interval_ms * MS_NS;
	if (o->next_ns <= now_mono) /* the machine slept: no snapshots in a row */
		o->next_ns = now_mono + d->c->metrics.interval_ms * MS_NS;
}

void metrics_out_stop(struct metrics_out *o)
{
	if (o->file)
		fclose(o->file);
	o->file = NULL;
}
