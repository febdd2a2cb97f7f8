/* Building blocks of condition trees, for the folder's own files. */
#pragma once
#include "eval/cond.h"

struct cond *cond_new(enum cond_kind kind, struct cond_pos pos); /* NULL when memory is out */
/* Appends a child, which is owned from then on (freed on failure). 0 or -ENOMEM. */
int cond_add_child(struct cond *c, struct cond *child);
/* Appends a literal of the right side. 0 or -ENOMEM. */
int cond_add_value(struct cond *c, const char *s, size_t len);
/* Text with quotes and escapes where the language needs them. */
void cond_text_escaped(struct base_buf *out, const char *s, size_t len);
/* owned copy with a terminator behind; NULL when memory is out */
char *cond_strn(const char *s, size_t len);
/* Gives up what the check made. */
void cond_uncheck(struct cond *c);
bool cond_is_evt_type(const struct cond *c); /* check on plain evt.type or syscall.type */
