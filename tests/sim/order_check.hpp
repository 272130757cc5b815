#pragma once
/// OrderCheck: whether all answers for a key can be told as one order of events: linearizability, which STRONG
/// promises over Redis. A read without a value says nothing, because a cache may lose any value.

#include <map>
#include <string>
#include <terrace/clock.hpp>

#include "distribution/linearizable.hpp"

namespace terrace::sim {

class OrderCheck {
 public:
  /// Each write has a version of its own, above 0. Its end is not known until wrote() names it.
  void begins_write(const std::string& key, std::uint64_t version, TimePoint now) {
    auto& key_events = events_[key];
    places_[{key, version}] = key_events.size();
    key_events.push_back({true, version, ticks(now), distribution::unknown_end});
  }
  /// With success. A write that failed may take effect at any time, or never.
  void wrote(const std::string& key, std::uint64_t version, TimePoint now) {
    events_[key][places_.at({key, version})].end = ticks(now);
  }
  void read(const std::string& key, std::uint64_t version, TimePoint began, TimePoint ended) {
    events_[key].push_back({false, version, ticks(began), ticks(ended)});
  }

  /// Why there is no such order; empty: there is one.
  [[nodiscard]] std::string verdict() const {
    for (const auto& [key, key_events] : events_) {
      if (const auto why = distribution::why_not_linearizable(key_events); !why.empty())
        return "no order of the events of " + key + ": " + why;
    }
    return {};
  }

 private:
  static std::int64_t ticks(TimePoint time) { return time.time_since_epoch().count(); }

  std::map<std::string, std::vector<distribution::Event>> events_;
  std::map<std::pair<std::string, std::uint64_t>, std::size_t> places_;
};

}  // namespace terrace::sim
