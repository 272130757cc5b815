#pragma once
/// Model: what a MemoryCache with one shard must do, written as plainly as possible and slow: entries in one
/// vector, the order of each policy in lists of keys. Nothing is shared with the real one.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <terrace/memory_cache.hpp>
#include <vector>

namespace terrace::memory {

struct Removal {
  int key;
  int value;
  RemovalCause cause;
  auto operator<=>(const Removal&) const = default;
};

/// Keys are small numbers; the weight of an entry is value % 20 + 1.
class Model {
 public:
  Model(Eviction eviction, std::size_t max_entries, std::uint64_t max_bytes, bool weighs)
      : eviction_(eviction),
        max_entries_(max_entries),
        max_bytes_(max_bytes),
        weighs_(weighs),
        tuner_(max_entries),
        told_(max_entries),
        bound_(max_entries) {
    tuner_.join();
  }

  /// Spreads small keys without collisions of ghost fingerprints, so that the model can be exact.
  static std::uint64_t hash(int key) { return static_cast<std::uint64_t>(key + 1) * 0x9e37'79b9'7f4a'7c15U; }

  static std::size_t weigh(int value) { return static_cast<std::size_t>(value % 20 + 1); }

  /// Removes what has expired. To be called whenever time has passed.
  void set_time(TimePoint now);
  std::optional<int> get(int key);
  bool set(int key, int value, std::optional<Duration> ttl, std::optional<Duration> idle);
  bool erase(int key);
  std::size_t erase_multiples(int of);
  void clear();

  [[nodiscard]] std::map<int, int> content() const;
  [[nodiscard]] const MemoryStats& stats() const { return stats_; }
  /// Since the last call.
  std::vector<Removal> take_removals() { return std::exchange(removals_, {}); }

 private:
  struct Entry {
    int key;
    int value;
    TimePoint last = no_deadline;  // the end by ttl
    std::optional<Duration> idle;
    TimePoint used;
    std::uint64_t uses = 1;     // lfu
    std::uint64_t arrival = 0;  // when it came to its place in the order
    int s3_uses = 0;
    bool in_main = false;
    double priority = 0;  // gdsf
    std::uint64_t taken_up = 1;
    int segment = 0;          // w-tinylfu: window, probation, protected
    std::uint64_t stamp = 0;  // adaptive: ghosts made until it came to the head of the main queue

    [[nodiscard]] TimePoint expires() const { return idle ? std::min(last, after(used, *idle)) : last; }
  };

  Entry* find(int key);
  void remove(int key, RemovalCause cause);
  void evict();
  int victim();
  int s3fifo_victim();
  Entry* oldest(bool in_main);
  [[nodiscard]] std::size_t count(bool in_main) const;
  // Adaptive: the tuner is the real one, asked and told at the same moments.
  bool adaptive_is_let_in(int key);
  int adaptive_victim();
  Entry* turn_hand();
  void enter_main(Entry& entry, int uses);
  [[nodiscard]] std::size_t window_target() const;
  [[nodiscard]] bool main_has_room() const;
  // GDSF.
  void place(Entry& entry);
  int worth_least();
  double age_ = 0;
  // W-TinyLFU: the sketch is the real one.
  void segment_join(Entry& entry, int segment);
  void segment_use(Entry& entry);
  int segmented_victim();
  Entry* segment_last(int segment);
  [[nodiscard]] std::size_t segment_size(int segment) const;
  [[nodiscard]] std::uint64_t weight() const;
  void use(Entry& entry);

  Eviction eviction_;
  std::size_t max_entries_;
  std::uint64_t max_bytes_;
  bool weighs_;
  TimePoint now_;
  std::uint64_t arrivals_ = 0;
  std::vector<Entry> entries_;
  std::uint64_t ghosts_added_ = 0;
  std::map<int, std::uint64_t> ghosts_;
  std::size_t ghost_capacity_ = 0;
  Tuner tuner_;
  std::size_t told_;
  WindowShape shape_{};
  std::size_t bound_;
  bool takes_from_main_ = false;
  FrequencySketch sketch_;
  MemoryStats stats_;
  std::vector<Removal> removals_;
};

}  // namespace terrace::memory
