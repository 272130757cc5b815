#pragma once
/// LastSwaps: what this process has stored last under some keys by atomic operations (atomic.cpp). The next operation on
/// such a key expects these bytes, and so needs no read: a counter of one process costs one round trip. If they have been
/// replaced meanwhile, the compare-and-set fails, and the operation begins again with a read.

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/bytes.hpp>
#include <terrace/hash.hpp>

namespace terrace::cascade {

/// Keeps at most 256 keys, with at most 1 KiB each: a key takes the place of another one. Thread safe.
class LastSwaps {
 public:
  void stored(std::string_view key, BytesView bytes) {
    if (bytes.size() > most_bytes) return forget(key);
    const std::lock_guard lock(mutex_);
    Place& place = of(key);
    place.key = key;
    place.bytes = bytes;
  }
  void forget(std::string_view key) {
    const std::lock_guard lock(mutex_);
    if (Place& place = of(key); place.key == key) place = {};
  }
  [[nodiscard]] std::optional<Bytes> find(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const Place& place = of(key);
    return place.key == key && !place.bytes.empty() ? std::optional(place.bytes) : std::nullopt;
  }

 private:
  static constexpr std::size_t most_bytes = 1024;
  struct Place {
    std::string key;
    Bytes bytes;
  };
  Place& of(std::string_view key) { return places_[hash_(key) % places_.size()]; }

  KeyHash hash_;
  std::mutex mutex_;
  std::array<Place, 256> places_;
};

}  // namespace terrace::cascade
