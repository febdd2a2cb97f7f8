/* Tells in an alert how many of its rule were suppressed before it. */
#pragma once
#include "contract/alert.h"

/* A copy of a that says so in its text and in the field saker.suppressed. NULL when memory is out. [hub] */
struct alert *suppress_tell(const struct alert *a, uint64_t count);
