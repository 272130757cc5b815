#include "base/tier_check.hpp"

namespace terrace {

void Tier::compare_and_set_many(std::vector<TierSwap> writes, TimePoint,
                                Handler<std::vector<Result<bool>>> done) {
  const Error none(Errc::invalid_argument, "level " + std::string(name()) + " has no compare-and-set");
  done(std::vector<Result<bool>>(writes.size(), none));
}

Error tier_check::key_error(std::string_view key, std::size_t limit) {
  if (key.empty()) {
    return {Errc::invalid_key, "the key is empty; possible are 1 to " + std::to_string(limit) + " bytes"};
  }
  return {Errc::invalid_key, "the key " + printable_key(key) + " has " + std::to_string(key.size()) +
                                 " bytes; at most " + std::to_string(limit) +
                                 " are possible: use a digest of it as the key"};
}

Error tier_check::ttl_error(Duration ttl) {
  return {Errc::invalid_argument,
          "the ttl is " + std::to_string(ttl.count()) + " ns; it must be more than 0, or none for no expiry"};
}

Error tier_check::late_error() {
  return {Errc::timed_out, "the deadline had passed before the tier was asked"};
}

std::optional<Error> bad_time(std::string_view name, Duration time) {
  if (time > Duration::zero()) return std::nullopt;
  return Error(Errc::invalid_argument, "the " + std::string(name) + " is " + std::to_string(time.count()) +
                                           " ns; it must be more than 0");
}

std::optional<Error> bad_value(std::size_t size, std::size_t limit) {
  if (size <= limit) return std::nullopt;
  return Error(Errc::value_too_large, "the value has " + std::to_string(size) + " bytes; at most " +
                                          std::to_string(limit) +
                                          " are possible: set max_value_bytes higher, or store less");
}

}  // namespace terrace
