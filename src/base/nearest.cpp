#include "base/nearest.hpp"

#include <algorithm>
#include <vector>

namespace terrace {
namespace {

/// Nobody meant one of our names by a longer word.
constexpr std::size_t longest = 64;

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

/// The optimal string alignment distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names) {
  std::string_view nearest;
  if (word.empty() || word.size() > longest) return nearest;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view name : names) {
    const std::size_t changes = distance(word, name);
    if (changes >= least || changes >= name.size()) continue;
    least = changes;
    nearest = name;
  }
  return nearest;
}

std::string meant_or_known(std::string_view word, std::span<const std::string_view> names) {
  if (names.empty()) return {};
  if (const auto nearest = nearest_name(word, names); !nearest.empty())
    return "; did you mean " + std::string(nearest) + "?";
  std::string known = "; the known ones are ";
  for (const std::string_view name : names) known += (name == names.front() ? "" : ", ") + std::string(name);
  return known;
}

}  // namespace terrace
