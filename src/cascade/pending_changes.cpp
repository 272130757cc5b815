#include "cascade/pending_changes.hpp"

#include <algorithm>

namespace terrace::cascade {
namespace {

constexpr std::uint64_t batch_bytes = std::uint64_t{8} << 20;

}  // namespace

std::optional<std::uint64_t> PendingChanges::add(Change change, TimePoint now) {
  const auto [at, is_new] = entries_.try_emplace(std::move(change.key));
  Waiting& waiting = at->second;
  std::optional<std::uint64_t> needless;
  if (is_new) {
    waiting.oldest = change.version;
    waiting.since = now;
    queue_.push_back(&*at);
  } else if (waiting.flying == waiting.version) {
    waiting.since = now;  // the change in the batch counts as flushed
    waiting.follower = change.version;
  } else {
    needless = waiting.version;
  }
  bytes_ -= is_new ? 0 : size_of(*at);
  waiting.stored = std::move(change.stored);
  waiting.expires = change.expires;
  waiting.erased = change.erased;
  waiting.version = change.version;
  waiting.refusals = 0;
  waiting.company = UINT32_MAX;
  bytes_ += size_of(*at);
  return needless;
}

PendingChanges::Batch PendingChanges::take(std::size_t limit) {
  Batch batch;
  std::uint64_t bytes = 0;
  while (!queue_.empty() && bytes < batch_bytes) {
    const Flight flight = queue_.front();
    limit = std::min<std::size_t>(limit, flight->second.company);
    if (batch.flights.size() >= limit) break;
    queue_.pop_front();
    bytes += size_of(*flight);
    flight->second.flying = flight->second.version;
    batch.changes.push_back(newest(*flight));
    batch.flights.push_back(flight);
  }
  return batch;
}

PendingChanges::Ended PendingChanges::end(Flight flight) {
  Waiting& waiting = flight->second;
  Ended ended{.oldest = waiting.oldest, .queued = {}};
  if (waiting.flying == waiting.version) {
    bytes_ -= size_of(*flight);
    entries_.erase(entries_.find(flight->first));
  } else {
    ended.queued = waiting.oldest = waiting.follower;
    waiting.flying = 0;
    queue_.push_back(flight);
  }
  return ended;
}

void PendingChanges::put_back(Flight flight) {
  flight->second.flying = 0;
  put_back_.push_back(flight);
}

void PendingChanges::retry() {
  queue_.insert(queue_.end(), put_back_.begin(), put_back_.end());
  put_back_.clear();
}

std::optional<Change> PendingChanges::find(std::string_view key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return {};
  return newest(*found);
}

std::optional<TimePoint> PendingChanges::oldest_since() const {
  const auto oldest = std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return a.second.since < b.second.since;
  });
  if (oldest == entries_.end()) return {};
  return oldest->second.since;
}

Change PendingChanges::newest(const Map::value_type& entry) {
  const Waiting& waiting = entry.second;
  return {entry.first, waiting.stored, waiting.expires, waiting.erased, waiting.version};
}

}  // namespace terrace::cascade
