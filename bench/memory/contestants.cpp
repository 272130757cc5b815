#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdio>
#include <memory/contestants.hpp>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <terrace/memory_cache.hpp>

namespace terrace::bench {

template <>
std::string make_key(std::uint32_t number) {
  char text[16];
  std::snprintf(text, sizeof text, "key:%010u", number);
  return text;
}

namespace {

/// The stream as keys, so that making them is not measured.
template <class K>
struct Keys {
  std::vector<K> in_order;
  std::vector<K> stream;
};

template <class K, class Map>
std::uint64_t run_map(const Keys<K>& keys, Map& map, std::size_t begin, std::size_t end) {
  std::uint64_t sum = 0;
  for (std::size_t i = begin; i < end; ++i) sum += map.find(keys.stream[i])->second;
  return sum;
}

template <class K>
Contestant bare_map(std::shared_ptr<const Keys<K>> keys) {
  const std::size_t before = allocated_bytes();
  auto map = std::make_shared<boost::unordered_flat_map<K, std::uint64_t>>();
  for (const K& key : keys->in_order) map->emplace(key, 1);
  const auto bytes = static_cast<double>(allocated_bytes() - before) / static_cast<double>(map->size());
  return {"unordered_flat_map, bare",
          [=](std::size_t b, std::size_t e) { return run_map(*keys, *map, b, e); },
          bytes - static_cast<double>(sizeof(K) + 8)};
}

template <class K>
Contestant locked_map(std::shared_ptr<const Keys<K>> keys) {
  struct Locked {
    boost::unordered_flat_map<K, std::uint64_t> map;
    std::shared_mutex mutex;
  };
  auto locked = std::make_shared<Locked>();
  for (const K& key : keys->in_order) locked->map.emplace(key, 1);
  return {"unordered_flat_map + shared_mutex", [=](std::size_t begin, std::size_t end) {
            std::uint64_t sum = 0;
            for (std::size_t i = begin; i < end; ++i) {
              std::shared_lock lock(locked->mutex);
              sum += locked->map.find(keys->stream[i])->second;
            }
            return sum;
          }};
}

template <class K>
Contestant cache(std::shared_ptr<const Keys<K>> keys, std::string name,
                 MemoryOptions<K, std::uint64_t> options) {
  const std::size_t before = allocated_bytes();
  // A little room to spare: shards fill unevenly, and all look-ups must be hits.
  options.max_entries = keys->in_order.size() + keys->in_order.size() / 8;
  auto filled = std::make_shared<MemoryCache<K, std::uint64_t>>(options);
  for (const K& key : keys->in_order) filled->set(key, 1);
  const auto bytes = static_cast<double>(allocated_bytes() - before) / static_cast<double>(filled->size());
  return {std::move(name),
          [=](std::size_t begin, std::size_t end) {
            std::uint64_t sum = 0;
            for (std::size_t i = begin; i < end; ++i) {
              filled->visit(keys->stream[i], [&](std::uint64_t value) { sum += value; });
            }
            return sum;
          },
          bytes - static_cast<double>(sizeof(K) + 8)};
}

}  // namespace

template <class K>
std::vector<Contestant> contestants(std::size_t entries, const std::vector<std::uint32_t>& stream) {
  auto keys = std::make_shared<Keys<K>>();
  for (std::size_t i = 0; i < entries; ++i)
    keys->in_order.push_back(make_key<K>(static_cast<std::uint32_t>(i)));
  for (const std::uint32_t number : stream) keys->stream.push_back(make_key<K>(number));
  std::vector<Contestant> all;
  all.push_back(bare_map<K>(keys));
  all.push_back(locked_map<K>(keys));
  all.push_back(cache<K>(keys, "MemoryCache adaptive", {}));
  all.push_back(cache<K>(keys, "MemoryCache adaptive, ttl", {.ttl = std::chrono::hours(1)}));
  all.push_back(cache<K>(keys, "MemoryCache s3fifo", {.eviction = Eviction::s3fifo}));
  all.push_back(cache<K>(keys, "MemoryCache lru", {.eviction = Eviction::lru}));
  all.push_back(cache<K>(keys, "MemoryCache lfu", {.eviction = Eviction::lfu}));
  return all;
}

template std::vector<Contestant> contestants<std::uint64_t>(std::size_t, const std::vector<std::uint32_t>&);
template std::vector<Contestant> contestants<std::string>(std::size_t, const std::vector<std::uint32_t>&);

}  // namespace terrace::bench
