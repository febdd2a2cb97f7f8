/* What can be said against rules that load: conditions that nothing fulfils, rules that an earlier one always
 * stands before, words that look like lists that do not exist. Only what is certain is called never and shadowed;
 * the last is a guess. Called by `saker check`. [main] */
#pragma once
#include "eval/ruleset.h"

enum lint_kind { LINT_NEVER, LINT_SHADOWED, LINT_SAME, LINT_NO_LIST };

/* text: why, a part of a sentence. */
typedef void lint_fn(void *arg, uint32_t rule, enum lint_kind kind, const char *text);

/* lists: names of the lists there are, sorted or not. Rules that are not enabled are left out. 0 or -ENOMEM. */
int ruleset_lint(const struct ruleset *rs, const char *const *lists, size_t nlist, lint_fn *fn, void *arg);
