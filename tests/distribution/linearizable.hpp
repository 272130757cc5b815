#pragma once
/// History: what was asked of one register and answered, and whether that can be told as one order of events.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace terrace::distribution {

/// Times are any that only grow. Every write of a register writes a value of its own, above 0; 0 is what is
/// there at first.
struct Event {
  bool write = false;
  std::uint64_t value = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

inline constexpr std::int64_t unknown_end = std::numeric_limits<std::int64_t>::max();

/// Empty: the history is linearizable; else what is wrong. A write whose outcome is unknown has unknown_end.
///
/// P. Gibbons, E. Korach, "Testing Shared Memories", SIAM J. Comput. 26(4), 1997: with distinct values, the
/// write of a value and the reads of it take up a zone of time: from the first end to the last begin among
/// them (forward), or the other way round when all overlap (backward). Linearizable: no two forward zones
/// overlap, and no backward zone lies within a forward one.
inline std::string why_not_linearizable(const std::vector<Event>& events) {
  struct Cluster {
    bool written = false;
    std::int64_t write_begin = 0;
    std::int64_t first_read_end = unknown_end;
    std::int64_t first_end = unknown_end;
    std::int64_t last_begin = std::numeric_limits<std::int64_t>::min();
  };
  std::map<std::uint64_t, Cluster> clusters;
  constexpr auto always = std::numeric_limits<std::int64_t>::min();
  clusters[0] = {true, always, unknown_end, always, always};
  for (const auto& event : events) {
    auto& cluster = clusters[event.value];
    if (event.write) {
      cluster.written = true;
      cluster.write_begin = event.begin;
    } else {
      cluster.first_read_end = std::min(cluster.first_read_end, event.end);
    }
    cluster.first_end = std::min(cluster.first_end, event.end);
    cluster.last_begin = std::max(cluster.last_begin, event.begin);
  }
  struct Zone {
    std::int64_t from, to;
    std::uint64_t value;
  };
  std::vector<Zone> forward;
  std::vector<Zone> backward;
  for (const auto& [value, cluster] : clusters) {
    const std::string name = "value " + std::to_string(value);
    if (!cluster.written) return name + " was read and never written";
    if (cluster.first_read_end < cluster.write_begin) return name + " was read before it was written";
    if (cluster.first_end == unknown_end) continue;  // perhaps it never was
    if (cluster.first_end < cluster.last_begin) {
      forward.push_back({cluster.first_end, cluster.last_begin, value});
    } else {
      backward.push_back({cluster.last_begin, cluster.first_end, value});
    }
  }
  std::sort(forward.begin(), forward.end(), [](const Zone& a, const Zone& b) { return a.from < b.from; });
  const auto both = [](const Zone& a, const Zone& b) {
    return "values " + std::to_string(a.value) + " and " + std::to_string(b.value) +
           ": each was there before the other";
  };
  for (std::size_t i = 1; i < forward.size(); ++i) {
    if (forward[i].from < forward[i - 1].to) return both(forward[i - 1], forward[i]);
  }
  for (const auto& inner : backward) {
    auto outer = std::upper_bound(forward.begin(), forward.end(), inner.from,
                                  [](std::int64_t from, const Zone& zone) { return from <= zone.from; });
    if (outer == forward.begin()) continue;
    --outer;
    if (outer->from < inner.from && inner.to < outer->to) return both(*outer, inner);
  }
  return "";
}

}  // namespace terrace::distribution
