#pragma once
/// PendingChanges: what waits to be flushed: the newest change of each key, in the order in which the keys
/// came. A key is queued, in a batch, or put back after a failure, never two of these at once; a change that
/// a newer one replaces before it was sent is not sent. No I/O, no lock of its own.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/clock.hpp>
#include <terrace/hash.hpp>
#include <unordered_map>
#include <vector>

#include "journal/change.hpp"

namespace terrace::cascade {

using journal::Change;

class PendingChanges {
  struct Waiting {
    Bytes stored;
    std::optional<WallTime> expires;
    TimePoint since;                     // when the oldest change that is not flushed came
    std::uint64_t oldest = 0;            // its version
    std::uint64_t version = 0;           // of the newest change
    std::uint64_t flying = 0;            // of the change in a batch
    std::uint64_t follower = 0;          // of the first change that came while that was there
    std::uint32_t refusals = 0;          // of the newest change
    std::uint32_t company = UINT32_MAX;  // the largest batch it may be in
    bool erased = false;
  };
  using Map = std::unordered_map<std::string, Waiting, KeyHash, std::equal_to<>>;

 public:
  /// A change that is in a batch. It is pending until it is ended or put back, which is done once.
  using Flight = Map::value_type*;

  struct Batch {
    std::vector<Change> changes;
    std::vector<Flight> flights;
  };

  /// What end() leaves.
  struct Ended {
    std::uint64_t oldest = 0;             ///< version of the oldest change of the key that was not flushed
    std::optional<std::uint64_t> queued;  ///< the same of those that came meanwhile, which are queued now
  };

  /// Takes a change whose version is higher than any before. Gives the version of the change it makes
  /// needless.
  std::optional<std::uint64_t> add(Change change, TimePoint now);

  /// Up to `limit` changes and some MiB from the front of the queue, and no more than any of them is to be
  /// with.
  [[nodiscard]] Batch take(std::size_t limit);

  /// The change needs nothing more; a newer one of its key is queued.
  Ended end(Flight flight);

  /// From now on it is in batches of at most so many.
  static void isolate(Flight flight, std::size_t company) noexcept {
    flight->second.company = static_cast<std::uint32_t>(company);
  }

  /// The change has failed; the newest of its key waits for retry().
  void put_back(Flight flight);

  [[nodiscard]] static std::uint64_t version(Flight flight) noexcept { return flight->second.flying; }
  /// Whether no newer change of its key has come meanwhile.
  [[nodiscard]] static bool is_newest(Flight flight) noexcept {
    return flight->second.flying == flight->second.version;
  }
  /// Counts a refusal of the change and tells how many there were.
  std::uint32_t refuse(Flight flight) noexcept { return ++flight->second.refusals; }

  /// What was put back is queued again, behind everything else.
  void retry();

  /// The newest change of the entry, or of the key.
  [[nodiscard]] static Change newest(const Map::value_type& entry);
  [[nodiscard]] std::optional<Change> find(std::string_view key) const;
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t queued() const noexcept { return queue_.size(); }
  [[nodiscard]] bool any_put_back() const noexcept { return !put_back_.empty(); }
  /// When the front of the queue came; the queue is not empty.
  [[nodiscard]] TimePoint front_since() const { return queue_.front()->second.since; }
  /// When the oldest of all came. Looks at each.
  [[nodiscard]] std::optional<TimePoint> oldest_since() const;

 private:
  static std::uint64_t size_of(const Map::value_type& entry) noexcept {
    return entry.first.size() + entry.second.stored.size();
  }

  Map entries_;
  std::deque<Flight> queue_;
  std::deque<Flight> put_back_;
  std::uint64_t bytes_ = 0;
};

}  // namespace terrace::cascade
