#include <algorithm>
#include <terrace/bytes.hpp>
#include <terrace/glob.hpp>

namespace terrace {
namespace {

/// One element of a pattern, from `at` on: its length, and whether it matches the byte.
struct Element {
  std::size_t size = 0;
  bool matches = false;
};

/// A class in brackets; `pattern[at]` is the opening bracket. Without a closing one it extends to the end.
Element match_class(std::string_view pattern, std::size_t at, unsigned char byte) noexcept {
  const auto here = [&](std::size_t i) { return static_cast<unsigned char>(pattern[i]); };
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && pattern[i] == '^';
  if (negated) ++i;
  bool found = false;
  for (; i < pattern.size() && pattern[i] != ']'; ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      found |= here(++i) == byte;
    } else if (i + 2 < pattern.size() && pattern[i + 1] == '-') {
      const auto [low, high] = std::minmax({here(i), here(i + 2)});
      found |= low <= byte && byte <= high;
      i += 2;
    } else {
      found |= here(i) == byte;
    }
  }
  return {std::min(i + 1, pattern.size()) - at, found != negated};
}

Element match_one(std::string_view pattern, std::size_t at, char byte) noexcept {
  switch (pattern[at]) {
    case '?':
      return {1, true};
    case '[':
      return match_class(pattern, at, static_cast<unsigned char>(byte));
    case '\\':
      if (at + 1 < pattern.size()) return {2, pattern[at + 1] == byte};
      break;
    default:
      break;
  }
  return {1, pattern[at] == byte};
}

}  // namespace

/// Only the last `*` is ever retried: the match of an earlier one can stay, because the later one covers the
/// rest.
bool glob_matches(std::string_view pattern, std::string_view text) noexcept {
  constexpr auto none = std::string_view::npos;
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = none;  // position after the last one
  std::size_t taken = 0;    // where the text stood for the present match
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      taken = t;
      continue;
    }
    if (p < pattern.size()) {
      if (const Element element = match_one(pattern, p, text[t]); element.matches) {
        p += element.size;
        ++t;
        continue;
      }
    }
    if (star == none) return false;
    p = star;
    t = ++taken;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<void> check_glob(std::string_view pattern) {
  const auto refuse = [&](const char* why) {
    return Error(Errc::invalid_argument, "the pattern " + printable_key(pattern) + " " + why);
  };
  if (pattern.empty()) return refuse("is empty; use * for every key");
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      if (++i == pattern.size()) return refuse("ends in a backslash; write \\\\ for one");
    } else if (pattern[i] == '[') {
      std::size_t from = i + 1;
      if (from < pattern.size() && pattern[from] == '^') ++from;
      std::size_t end = from;
      while (end < pattern.size() && pattern[end] != ']') end += pattern[end] == '\\' ? 2 : 1;
      if (end >= pattern.size()) return refuse("opens a bracket and does not close it; write \\[ for one");
      if (end == from) return refuse("has an empty class []");
      i = end;
    }
  }
  return {};
}

}  // namespace terrace
