#include <algorithm>
#include <array>
#include <terrace/eviction.hpp>

namespace terrace {
namespace {

constexpr std::array names =
    std::to_array<std::string_view>({"adaptive", "s3fifo", "w-tinylfu", "gdsf", "lru", "lfu", "fifo", "ttl"});
static_assert(names.size() == eviction_count, "each Eviction has a name, in the same order");

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
