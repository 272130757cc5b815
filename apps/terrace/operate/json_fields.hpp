#pragma once
/// Fields of answers, as a reader takes them that trusts no server: what is missing, or of another type, is
/// nothing.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace terrace::cli {

[[nodiscard]] std::optional<double> number(const boost::json::object& of, std::string_view name);
/// What is negative counts as 0.
[[nodiscard]] std::uint64_t count(const boost::json::object& of, std::string_view name);
[[nodiscard]] std::optional<bool> flag(const boost::json::object& of, std::string_view name);
/// Harmless on a terminal; empty for null.
[[nodiscard]] std::string text(const boost::json::object& of, std::string_view name);
/// Lives as long as `of`; empty: there is none.
[[nodiscard]] const boost::json::object& object(const boost::json::object& of, std::string_view name);
[[nodiscard]] const boost::json::array& array(const boost::json::object& of, std::string_view name);
[[nodiscard]] const boost::json::object& object(const boost::json::value& value);

// For people; "-" where there is nothing.
[[nodiscard]] std::string shown_count(const boost::json::object& of, std::string_view name);
[[nodiscard]] std::string shown_bytes(const boost::json::object& of, std::string_view name);
[[nodiscard]] std::string shown_share(std::optional<double> share);
[[nodiscard]] std::string shown_microseconds(std::optional<double> us);
[[nodiscard]] std::string shown_seconds(std::optional<double> s);

}  // namespace terrace::cli
