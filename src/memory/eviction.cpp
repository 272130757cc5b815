#include <terrace/eviction.hpp>

namespace terrace {

std::optional<Eviction> parse_eviction(std::string_view name) noexcept {
  return with_name<Eviction>(name);
}

std::string_view to_string(Eviction eviction) noexcept {
  return name_of(eviction);
}

std::span<const std::string_view> eviction_names() noexcept {
  return enum_names<Eviction>;
}

}  // namespace terrace
