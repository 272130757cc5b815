#pragma once
/// The names of enumerations, as configurations, messages and outputs have them. Each list stands beside its
/// enumeration, in the order of the members.

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace terrace {

/// An array of std::string_view.
template <class Enum>
inline constexpr int enum_names = 0;

template <class Enum>
requires std::is_enum_v<Enum>
[[nodiscard]] constexpr std::string_view name_of(Enum member) noexcept {
  return enum_names<Enum>[static_cast<std::size_t>(member)];
}

/// None: there is no member with this name.
template <class Enum>
[[nodiscard]] constexpr std::optional<Enum> with_name(std::string_view name) noexcept {
  const auto& names = enum_names<Enum>;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

/// "weak, eventual or strong".
template <class Enum>
[[nodiscard]] std::string all_names() {
  std::string all;
  const auto& names = enum_names<Enum>;
  for (std::size_t i = 0; i < names.size(); ++i) {
    all += i == 0 ? "" : i + 1 == names.size() ? " or " : ", ";
    all += names[i];
  }
  return all;
}

}  // namespace terrace
