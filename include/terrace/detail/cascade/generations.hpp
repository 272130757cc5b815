#pragma once
/// Generations: counters that void work in flight (coherence rule 2 of ARCHITECTURE.md).
///
/// Who reads below memory notes the key's stamp first and may put what it found into a level only while the
/// stamp is valid. Whoever changes or removes a key bumps its counter first and erases it after, so a value
/// that was read before the change either is refused or is erased. Keys share counters (a stripe): a
/// neighbour's change can refuse a fill, which costs a load, never a wrong value.
///
/// A notice that this process's own change probably has caused is counted apart. It voids stamps as well; but
/// the write or fill that made the change, and has just put its outcome into a level, may follow it.

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <terrace/hash.hpp>

namespace terrace::cascade {

/// What the counters said when a read began.
struct Stamp {
  std::uint64_t generation = 0;
  std::uint64_t epoch = 0;
};

/// Thread safe, without locks. 16 KiB.
class Generations {
 public:
  [[nodiscard]] Stamp stamp(std::string_view key) const noexcept {
    return {counter(key).load(), epoch_.load()};
  }

  [[nodiscard]] bool valid(std::string_view key, Stamp stamp) const noexcept {
    return counter(key).load() == stamp.generation && epoch_.load() == stamp.epoch;
  }

  /// Voids every stamp of the key; returns the new one.
  Stamp bump(std::string_view key) noexcept {
    const std::uint64_t epoch = epoch_.load();
    return {counter(key).fetch_add(1) + 1, epoch};
  }

  /// As bump, for a notice.
  void bump_told(std::string_view key) noexcept { counter(key).fetch_add(notice); }

  /// As bump, but only while nothing but notices has voided `stamp`, and then it becomes the new one; `told`:
  /// set when there were some. False: somebody else bumped since.
  bool renew(std::string_view key, Stamp& stamp, bool& told) noexcept {
    std::uint64_t now = counter(key).load();
    do {
      if (changes(now) != changes(stamp.generation)) return false;
    } while (!counter(key).compare_exchange_weak(now, now + 1));
    told = told || now != stamp.generation;
    stamp.generation = now + 1;
    return epoch_.load() == stamp.epoch;
  }

  /// Makes the stamp valid again if nothing but notices has voided it; `told`: set when there were some.
  bool follow(std::string_view key, Stamp& stamp, bool& told) const noexcept {
    const std::uint64_t now = counter(key).load();
    if (changes(now) != changes(stamp.generation) || epoch_.load() != stamp.epoch) return false;
    told = told || now != stamp.generation;
    stamp.generation = now;
    return true;
  }

  /// Voids every stamp.
  void bump_all() noexcept { epoch_.fetch_add(1); }

 private:
  static constexpr std::size_t stripes = 2048;
  /// The upper half of a counter has the notices, the lower half all else.
  static constexpr std::uint64_t notice = std::uint64_t{1} << 32;

  [[nodiscard]] static constexpr std::uint64_t changes(std::uint64_t count) noexcept {
    return count % notice;
  }

  [[nodiscard]] const std::atomic<std::uint64_t>& counter(std::string_view key) const noexcept {
    return counters_[hash_(key) % stripes];
  }
  [[nodiscard]] std::atomic<std::uint64_t>& counter(std::string_view key) noexcept {
    return counters_[hash_(key) % stripes];
  }

  KeyHash hash_;
  std::atomic<std::uint64_t> epoch_{0};
  std::array<std::atomic<std::uint64_t>, stripes> counters_{};
};

}  // namespace terrace::cascade
