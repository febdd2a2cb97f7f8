/* Many substrings at once: which of a set of texts are in a subject. Aho-Corasick as a table of states by byte
 * classes, so a byte of the subject costs one look-up however many texts there are. Built with the ruleset by main,
 * then immutable; probed by workers. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct multi; /* opaque */

struct multi *multi_new(void); /* NULL without memory */
void multi_free(struct multi *m); /* NULL allowed */
/* A text of at least one byte; copied. The same text may be added with several ids. 0 or -ENOMEM. Before multi_build. */
int multi_add(struct multi *m, const char *s, size_t len, uint32_t id);
/* 0, -ENOMEM, or -E2BIG: the table would pass MULTI_BYTES_MAX. */
#define MULTI_BYTES_MAX (64u << 20)
int multi_build(struct multi *m);
/* Calls hit for the ids of every text that is in s, perhaps several times. */
void multi_visit(const struct multi *m, const char *s, size_t len, void (*hit)(void *arg, uint32_t id), void *arg);
