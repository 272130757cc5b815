#pragma once
/// PendingChanges: the changes that wait for the flush: the newest change of each key, in the order in which
/// the keys came. If a newer change replaces one before that is sent, the older one is not sent. No I/O, and
/// no lock.
///
/// A key is in one of three states:
///
///     queued ──take──► in a batch ──end──► gone, or queued again if a newer change has come
///       ▲                  └──put_back──► put back ──retry──► queued

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
    TimePoint since;                     // when its oldest unflushed change came
    std::uint64_t oldest = 0;            // its version
    std::uint64_t version = 0;           // of the newest change
    std::uint64_t flying = 0;            // of the change in a batch; 0: none
    std::uint64_t follower = 0;          // of the first change that came after that one
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

  /// The result of end().
  struct Ended {
    std::uint64_t oldest = 0;             ///< version of the oldest change of the key that was not flushed
    std::optional<std::uint64_t> queued;  ///< the same for changes that came meanwhile and are queued now
  };

  /// Takes a change; its version is higher than any before. Returns the version of the change that it
  /// replaces, which need not be sent any more.
  std::optional<std::uint64_t> add(Change change, TimePoint now);

  /// Up to `limit` changes and some MiB from the front of the queue; fewer, if one of them may only be in a
  /// smaller batch (isolate).
  [[nodiscard]] Batch take(std::size_t limit);

  /// The change is flushed, or a dead letter. A newer one of its key is queued.
  Ended end(Flight flight);

  /// From now on the change is sent in batches of at most `company`.
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
  /// Counts a refusal of the change; returns their number.
  std::uint32_t refuse(Flight flight) noexcept { return ++flight->second.refusals; }

  /// The changes that were put back are queued again, behind all others.
  void retry();

  /// The newest change of the entry, or of the key.
  [[nodiscard]] static Change newest(const Map::value_type& entry);
  [[nodiscard]] std::optional<Change> find(std::string_view key) const;
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t queued() const noexcept { return queue_.size(); }
  [[nodiscard]] bool any_put_back() const noexcept { return !put_back_.empty(); }
  /// The time when the front of the queue came; the queue must not be empty.
  [[nodiscard]] TimePoint front_since() const { return queue_.front()->second.since; }
  /// The time when the oldest of all came. Reads all entries.
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
