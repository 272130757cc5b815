#pragma once
/// Belady: the hits of the best eviction there can be. It knows the future, so only a simulation can have it;
/// it is the line that no policy gets above (OPT or MIN: L. A. Belady, "A study of replacement algorithms for
/// a virtual-storage computer", IBM Systems Journal 5 (2), 1966).
///
/// Like every cache of a simulation it inserts on every miss, the key that is used only once included. When
/// it is full, the entry whose next use lies farthest ahead leaves first. (A cache that may also leave a key
/// out has a few hits more.)
///
/// How: an entry is known by the time of its next use, which no other entry shares. So the trace is kept as
/// one number for each access, the time of the next access of the same key, and the cache is a set of such
/// times: an access at time t is a hit if t is in it. A hit always takes the lowest of the set away, an
/// eviction the highest. That makes a heap with the highest on top enough: the times of hits stay where they
/// are, below all that lie ahead, and are dropped together when they are the greater part. Entries without
/// another use are only counted, and leave before all others. A pass costs O(n log c) for n accesses and c
/// entries.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <vector>

namespace terrace::cli {

class Belady {
 public:
  /// The next access of the trace; 8 bytes are kept of it, and 16 or so of each key.
  void access(std::uint64_t key);

  /// How many of the accesses hit in a cache of so many entries, at least 1. From several threads at once, if
  /// you like, while none calls access().
  [[nodiscard]] std::uint64_t hits(std::uint64_t entries) const;

 private:
  std::vector<std::uint64_t> next_use_;  ///< of the key of each access
  boost::unordered_flat_map<std::uint64_t, std::uint64_t> last_use_;
};

}  // namespace terrace::cli
