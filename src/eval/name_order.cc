// Order of names in a hash set of the C++ library. Called by event_list.c: Falco prints calls without an
// event of their own in the order such a set happens to have, and lists of events are compared.
#include "eval/name_order.h"

#include <string_view>
#include <unordered_map>

extern "C" bool name_order(const char *const *names, size_t count, size_t *order)
{
	try {
		std::unordered_map<std::string_view, size_t> set;
		size_t n = 0;

		for (size_t i = 0; i < count; i++)
			set.emplace(names[i], i);
		if (set.size() != count)
			return false;
		for (const auto &e : set)
			order[n++] = e.second;
		return true;
	} catch (...) {
		return false;
	}
}
