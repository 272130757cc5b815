#include "distribution/refusal.hpp"

namespace terrace::distribution {

std::optional<Error> bad_key(std::string_view key) {
  if (key.empty()) return Error(Errc::invalid_key, "the key is empty");
  if (key.size() <= max_key_size) return std::nullopt;
  return Error(Errc::invalid_key, "the key has " + std::to_string(key.size()) + " bytes; at most " +
                                      std::to_string(max_key_size));
}

std::optional<Error> bad_ttl(std::optional<Duration> ttl) {
  if (!ttl || *ttl > Duration::zero()) return std::nullopt;
  return Error(Errc::invalid_argument, "the ttl is " + std::to_string(ttl->count()) +
                                           " ns; it must be more than 0, or none for no expiry");
}

std::optional<Error> late(TimePoint deadline, TimePoint now) {
  if (deadline > now) return std::nullopt;
  return Error(Errc::timed_out, "the deadline had passed before the tier was asked");
}

}  // namespace terrace::distribution
