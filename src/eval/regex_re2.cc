// The C shim around RE2: the one C++ file of the evaluator. Called by cmp.c. RE2 objects are
// immutable for callers and may be used by many threads; inside, RE2 keeps a bounded cache of
// automaton states (under its own lock), so this is the one operator that may allocate per event.
#include "eval/regex.h"

#include <re2/re2.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>

struct regex {
	re2::RE2 re;
	regex(re2::StringPiece p, const re2::RE2::Options &o): re(p, o) {}
};

namespace {

// Length of the valid UTF-8 sequence at p, or minus the number of bytes to replace as one: the
// longest start of a valid sequence, at least one byte.
int sequence(const unsigned char *p, const unsigned char *end)
{
	unsigned char c = p[0], lo = 0x80, hi = 0xbf;
	int more;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf) {
		more = 1;
	} else if (c >= 0xe0 && c <= 0xef) {
		more = 2;
		if (c == 0xe0)
			lo = 0xa0;
		if (c == 0xed)
			hi = 0x9f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		more = 3;
		if (c == 0xf0)
			lo = 0x90;
		if (c == 0xf4)
			hi = 0x8f;
	} else {
		return -1;
	}
	for (int i = 1; i <= more; i++) {
		if (p + i >= end || p[i] < lo || p[i] > hi)
			return -i;
		lo = 0x80;
		hi = 0xbf;
	}
	return more + 1;
}

// Position of the first byte that is not UTF-8, len when there is none.
size_t first_bad(const char *s, size_t len)
{
	auto p = reinterpret_cast<const unsigned char *>(s), end = p + len;
	const unsigned char *q = p;

	while (q < end) {
		int n = sequence(q, end);

		if (n < 0)
			return static_cast<size_t>(q - p);
		q += n;
	}
	return len;
}

std::string repair(const char *s, size_t len)
{
	auto p = reinterpret_cast<const unsigned char *>(s), end = p + len;
	std::string out;

	out.reserve(len + 16);
	while (p < end) {
		int n = sequence(p, end);

		if (n > 0)
			out.append(reinterpret_cast<const char *>(p), static_cast<size_t>(n));
		else
			out.append("\xEF\xBF\xBD", 3);
		p += n > 0 ? n : -n;
	}
	return out;
}

} // namespace

extern "C" struct regex *regex_new(const char *pattern, size_t len, char *err, size_t err_size)
{
	re2::RE2::Options o(re2::RE2::POSIX);

	o.set_log_errors(false);
	try {
		auto r = std::make_unique<regex>(re2::StringPiece(pattern, len), o);

		if (r->re.ok())
			return r.release();
		snprintf(err, err_size, "%s", r->re.error().c_str());
	} catch (const std::bad_alloc &) {
		snprintf(err, err_size, "out of memory");
	}
	return nullptr;
}

extern "C" void regex_free(struct regex *r)
{
	delete r;
}

extern "C" bool regex_match(const struct regex *r, const char *s, size_t len)
{
	try {
		if (first_bad(s, len) == len)
			return r->re.Match(re2::StringPiece(s, len), 0, len, re2::RE2::ANCHOR_BOTH, nullptr, 0);
		std::string fixed = repair(s, len);
		return r->re.Match(fixed, 0, fixed.size(), re2::RE2::ANCHOR_BOTH, nullptr, 0);
	} catch (const std::bad_alloc &) {
		return false;
	}
}
