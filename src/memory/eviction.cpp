#include <algorithm>
#include <array>
#include <terrace/eviction.hpp>

namespace terrace {
namespace {

constexpr std::array<std::string_view, 8> names{"adaptive", "s3fifo", "w-tinylfu", "gdsf",
                                                "lru",      "lfu",    "fifo",      "ttl"};

}  // namespace

std::optional<Eviction> parse_eviction(std::string_view name) noexcept {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Eviction>(found - names.begin());
}

std::string_view to_string(Eviction eviction) noexcept {
  return names[static_cast<std::size_t>(eviction)];
}

std::span<const std::string_view> eviction_names() noexcept {
  return names;
}

}  // namespace terrace
