// Get-or-insert: what is not there is made and stored, and something else leaves. Ours, a mutex around a list
// and a map, and oneTBB's concurrent_lru_cache where its header is installed.

#include <boost/unordered/unordered_flat_map.hpp>
#include <list>
#include <memory/contestants.hpp>
#include <memory>
#include <mutex>
#include <terrace/memory_cache.hpp>
#if __has_include(<oneapi/tbb/concurrent_lru_cache.h>)
#define TBB_PREVIEW_CONCURRENT_LRU_CACHE 1
#include <oneapi/tbb/concurrent_lru_cache.h>
#endif

namespace terrace::bench {
namespace {

using Stream = std::shared_ptr<const std::vector<std::uint64_t>>;

Contestant cache(std::size_t entries, const Stream& stream, std::string name, Eviction eviction) {
  auto made = std::make_shared<MemoryCache<std::uint64_t, std::uint64_t>>(
      MemoryOptions<std::uint64_t, std::uint64_t>{.max_entries = entries, .eviction = eviction});
  return {std::move(name), [=](std::size_t begin, std::size_t end) {
            std::uint64_t sum = 0;
            for (std::size_t i = begin; i < end; ++i) {
              sum += made->get_or_insert((*stream)[i], [] { return std::uint64_t{1}; });
            }
            return sum;
          }};
}

/// The cache that everybody writes first.
class ListCache {
 public:
  explicit ListCache(std::size_t entries) : entries_(entries) {}

  std::uint64_t get_or_insert(std::uint64_t key, std::uint64_t value) {
    std::lock_guard lock(mutex_);
    if (const auto found = map_.find(key); found != map_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return found->second->second;
    }
    if (map_.size() == entries_) {
      map_.erase(order_.back().first);
      order_.pop_back();
    }
    order_.emplace_front(key, value);
    map_.emplace(key, order_.begin());
    return value;
  }

 private:
  using Order = std::list<std::pair<std::uint64_t, std::uint64_t>>;
  std::size_t entries_;
  std::mutex mutex_;
  Order order_;
  boost::unordered_flat_map<std::uint64_t, Order::iterator> map_;
};

Contestant list_cache(std::size_t entries, const Stream& stream) {
  auto made = std::make_shared<ListCache>(entries);
  return {"list + map + mutex, lru", [=](std::size_t begin, std::size_t end) {
            std::uint64_t sum = 0;
            for (std::size_t i = begin; i < end; ++i) sum += made->get_or_insert((*stream)[i], 1);
            return sum;
          }};
}

#if TBB_PREVIEW_CONCURRENT_LRU_CACHE
Contestant tbb_cache(std::size_t entries, const Stream& stream) {
  using Make = std::uint64_t (*)(std::uint64_t);
  const Make make = [](std::uint64_t) { return std::uint64_t{1}; };
  auto made = std::make_shared<tbb::concurrent_lru_cache<std::uint64_t, std::uint64_t, Make>>(make, entries);
  return {"oneTBB concurrent_lru_cache", [=](std::size_t begin, std::size_t end) {
            std::uint64_t sum = 0;
            for (std::size_t i = begin; i < end; ++i) sum += (*made)[(*stream)[i]].value();
            return sum;
          }};
}
#endif

}  // namespace

std::vector<Contestant> churn_contestants(std::size_t entries, const std::vector<std::uint32_t>& numbers) {
  std::vector<std::uint64_t> keys;
  for (const std::uint32_t number : numbers) keys.push_back(make_key<std::uint64_t>(number));
  const auto stream = std::make_shared<const std::vector<std::uint64_t>>(std::move(keys));
  std::vector<Contestant> all;
  all.push_back(list_cache(entries, stream));
#if TBB_PREVIEW_CONCURRENT_LRU_CACHE
  all.push_back(tbb_cache(entries, stream));
#endif
  for (const Eviction eviction : {Eviction::adaptive, Eviction::s3fifo, Eviction::lru}) {
    all.push_back(cache(entries, stream, "MemoryCache " + std::string(to_string(eviction)), eviction));
  }
  return all;
}

}  // namespace terrace::bench
