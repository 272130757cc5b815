#pragma once
/// Inspector: checks that a cache's parts agree with each other. For tests; locks one shard after the other.

#include <string>
#include <terrace/memory_cache.hpp>
#include <vector>

namespace terrace::memory {

struct Inspector {
  /// Empty: everything is consistent; otherwise a description of the fault.
  template <class K, class V, class Hash, class Equal>
  static std::string check(const MemoryCache<K, V, Hash, Equal>& cache) {
    std::uint64_t bytes = 0;
    for (auto& shard : cache.shards_) {
      if (std::string wrong = check_shard(cache, shard); !wrong.empty()) return wrong;
      bytes += shard.bytes_;
    }
    if (cache.shared_.max_bytes != 0 && bytes != cache.shared_.bytes)
      return "the shared sum of weights is wrong";
    if (cache.shared_.max_bytes != 0 && bytes > cache.shared_.max_bytes) return "the byte bound is exceeded";
    return {};
  }

 private:
  template <class Cache, class Shard>
  static std::string check_shard(const Cache& cache, Shard& shard) {
    std::lock_guard lock(shard.lock_);
    const auto& entries = shard.entries_;
    std::vector<bool> live(entries.nodes.end(), false);
    std::uint64_t bytes = 0;
    std::size_t timed = 0;
    std::size_t count = 0;
    std::string wrong;
    entries.for_each_live([&](NodeId id) {
      if (!wrong.empty()) return;
      const auto& node = entries[id];
      const std::uint64_t hash = cache.shared_.hash_of(node.key);
      ++count;
      live[id] = true;
      bytes += cache.shared_.weight_of(entries, id);
      timed += node.is(Links::timed);
      if (shard.lookup(node.key, hash) != id) wrong = "an entry cannot be found by its key";
      if (&cache.shards_.of(hash) != &shard) wrong = "an entry is in the wrong shard";
      if (node.is(Links::timed) && node.when != cache.shared_.stamp(entries.expires(id)))
        wrong = "a stamp is wrong";
    });
    shard.index_.for_each([&](NodeId id) {
      if (!live[id]) wrong = "the index names an entry that is not live";
    });
    const bool policy_agrees =
        shard.policy_.with([&](auto& policy) { return policy.check(entries) && policy.size() == count; });
    const bool wheel_agrees = shard.wheel_.check(entries.timings, [&](NodeId id) {
      if (!live[id] || !entries[id].is(Links::timed)) wrong = "the wheel holds a node that is not there";
    });
    if (!wrong.empty()) return wrong;
    if (shard.index_.size() != count) return "the index has another number of entries";
    if (!policy_agrees) return "the policy's order is broken";
    if (!wheel_agrees || shard.wheel_.size() != timed) return "the timer wheel is broken";
    if (shard.bytes_ != bytes) return "the sum of weights is wrong";
    if (shard.max_entries_ != 0 && count > shard.max_entries_) return "the bound on entries is exceeded";
    return {};
  }
};

}  // namespace terrace::memory
