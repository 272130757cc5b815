#include "operate/json_fields.hpp"

#include <algorithm>
#include <cmath>

#include "operate/terminal_text.hpp"
#include "units.hpp"

namespace terrace::cli {

namespace json = boost::json;
namespace {

/// A number that a double can hold exactly, so that it can be cast.
constexpr double largest = 9e15;

std::optional<std::uint64_t> whole(const json::object& of, std::string_view name) {
  const auto given = number(of, name);
  if (!given || std::isnan(*given)) return std::nullopt;
  return static_cast<std::uint64_t>(std::clamp(*given, 0.0, largest));
}

}  // namespace

std::optional<double> number(const json::object& of, std::string_view name) {
  const json::value* const value = of.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

std::uint64_t count(const json::object& of, std::string_view name) {
  return whole(of, name).value_or(0);
}

std::optional<bool> flag(const json::object& of, std::string_view name) {
  const json::value* const value = of.if_contains(name);
  if (value == nullptr || !value->is_bool()) return std::nullopt;
  return value->get_bool();
}

std::string text(const json::object& of, std::string_view name) {
  const json::value* const value = of.if_contains(name);
  return value == nullptr || value->is_null() ? std::string() : harmless(*value);
}

const json::object& object(const json::value& value) {
  static const json::object none;
  const json::object* const found = value.if_object();
  return found == nullptr ? none : *found;
}

const json::object& object(const json::object& of, std::string_view name) {
  static const json::value none;
  const json::value* const value = of.if_contains(name);
  return object(value == nullptr ? none : *value);
}

const json::array& array(const json::object& of, std::string_view name) {
  static const json::array none;
  const json::value* const value = of.if_contains(name);
  return value == nullptr || !value->is_array() ? none : value->get_array();
}

std::string shown_count(const json::object& of, std::string_view name) {
  const auto given = whole(of, name);
  return given ? format_count(*given) : "-";
}

std::string shown_bytes(const json::object& of, std::string_view name) {
  const auto given = whole(of, name);
  return given ? format_bytes(*given) : "-";
}

std::string shown_share(std::optional<double> share) {
  return share ? format_percent(*share) : "-";
}

std::string shown_microseconds(std::optional<double> us) {
  if (!us || std::isnan(*us)) return "-";
  return format_duration(Duration(static_cast<std::int64_t>(std::clamp(*us, 0.0, largest / 1e3) * 1e3)));
}

std::string shown_seconds(std::optional<double> s) {
  return s ? shown_microseconds(*s * 1e6) : "-";
}

}  // namespace terrace::cli
