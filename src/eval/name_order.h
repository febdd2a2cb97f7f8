/* Order of names in a hash set of the C++ library (name_order.cc). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Positions of the names in the order of the set they were entered into one by one. False when a name
 * is there twice or memory is out: then order is undefined. */
bool name_order(const char *const *names, size_t count, size_t *order);

#ifdef __cplusplus
}
#endif
