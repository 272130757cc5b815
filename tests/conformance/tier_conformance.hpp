#pragma once
/// The conformance suite: what tier.hpp promises, as tests that run on every tier. A new tier joins by a
/// factory in subjects.cpp.

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <terrace/tier.hpp>
#include <vector>

namespace terrace::conformance {

/// A tier and what it stands on (a server, a folder).
struct Fixture {
  std::shared_ptr<Tier> tier;
  std::shared_ptr<void> ground;
};

struct Subject {
  std::string name;
  std::function<Fixture()> make;
  bool keeps = true;    ///< false: a tier that forgets at once, as the contract allows
  bool shared = false;  ///< Tier::shared() gives something
  Scope scope = Scope::fleet;
  bool several = false;   ///< it is made of several servers or tiers
  bool compares = false;  ///< Tier::has_compare_and_set
  bool counts = true;     ///< false: a count of erased keys may lack those whose copies are still under way
};

inline std::ostream& operator<<(std::ostream& out, const Subject& subject) {
  return out << subject.name;
}

/// Blocking calls on a tier, each under a deadline of 10 s unless told otherwise.
class Caller {
 public:
  explicit Caller(Tier& tier) : tier_(&tier) {}

  Result<Found> get(std::string_view key, TimePoint deadline = in_time()) const;
  Result<void> set(std::string_view key, BytesView value, std::optional<Duration> ttl = {},
                   TimePoint deadline = in_time()) const;
  Result<bool> erase(std::string_view key, TimePoint deadline = in_time()) const;
  std::vector<Result<Found>> get_many(std::vector<std::string_view> keys,
                                      TimePoint deadline = in_time()) const;
  std::vector<Result<void>> set_many(std::vector<TierWrite> writes, TimePoint deadline = in_time()) const;
  std::vector<Result<bool>> erase_many(std::vector<std::string_view> keys,
                                       TimePoint deadline = in_time()) const;
  Result<std::uint64_t> erase_prefix(std::string_view prefix, TimePoint deadline = in_time()) const;

  static TimePoint in_time() { return after(system_clock().now(), std::chrono::seconds(10)); }

 private:
  Tier* tier_;
};

}  // namespace terrace::conformance
