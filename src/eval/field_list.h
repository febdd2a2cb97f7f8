/* Lists for users: the fields (--list) and the events (--list-events). Pure functions over the tables.
 * [main] */
#pragma once
#include "base/buf.h"

/* source: NULL or "" for all, else that source's fields. names_only: one name per line, whatever the
 * form. verbose: types as well (text only). All end with a newline. */
void field_list_text(struct base_buf *out, const char *source, bool names_only, bool verbose);
void field_list_markdown(struct base_buf *out, const char *source, bool names_only, bool verbose);
void field_list_json(struct base_buf *out, const char *source, bool names_only, bool verbose);

void event_list_text(struct base_buf *out);
void event_list_markdown(struct base_buf *out);
void event_list_json(struct base_buf *out);
