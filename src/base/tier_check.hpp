#pragma once
/// What every tier checks before it does anything: keys, times, sizes of values, and the deadline. One wording for each
/// fault: it names what was given and what is possible. Nothing: it is fine. Thread safe.

#include <optional>
#include <terrace/tier.hpp>

namespace terrace {

namespace tier_check {
[[nodiscard]] Error key_error(std::string_view key, std::size_t limit);
[[nodiscard]] Error ttl_error(Duration ttl);
[[nodiscard]] Error late_error();
}  // namespace tier_check

/// invalid_key for an empty key, and for one of more than `limit` bytes.
[[nodiscard]] inline std::optional<Error> bad_key(std::string_view key, std::size_t limit = max_key_size) {
  if (!key.empty() && key.size() <= limit) return std::nullopt;
  return tier_check::key_error(key, limit);
}

/// invalid_argument for a ttl of zero or less. None is fine: no expiry.
[[nodiscard]] inline std::optional<Error> bad_ttl(std::optional<Duration> ttl) {
  if (!ttl || *ttl > Duration::zero()) return std::nullopt;
  return tier_check::ttl_error(*ttl);
}

/// invalid_argument for a time of zero or less; `name` is what it is called, such as "lease time".
[[nodiscard]] std::optional<Error> bad_time(std::string_view name, Duration time);

/// value_too_large for a value of more than `limit` bytes, which the option max_value_bytes sets.
[[nodiscard]] std::optional<Error> bad_value(std::size_t size, std::size_t limit);

/// timed_out when the deadline has passed.
[[nodiscard]] inline std::optional<Error> late(TimePoint deadline, TimePoint now) {
  if (deadline > now) return std::nullopt;
  return tier_check::late_error();
}

}  // namespace terrace
