/* Rendering of values with the options of one output; field.h has the plain forms. */
#pragma once
#include "eval/field.h"

/* Appends the text of v; base64: byte buffers are encoded. False: there is nothing to show (a number
 * without a print format), nothing was appended. */
bool render_val_text(struct base_buf *out, const struct eval_val *v, bool base64);
/* Appends the JSON form of v as output_fields has it; v NULL: null. Fields of time are integers, which
 * their value does not say: those are for the caller (template_render.c). */
void render_val_json(struct base_buf *out, const struct field_ref *f, const struct eval_val *v, bool base64);
/* Quoted string of output_fields. Text that is not UTF-8 is repaired as the reference's JSON writer
 * does it, which differs from what it does to whole lines. */
void render_json_string(struct base_buf *out, const char *s, size_t len);
