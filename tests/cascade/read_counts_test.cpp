/// What reads count in memory: reads.csv says it for C++ and Python; tests/python/test_read_counts.py is the
/// same test there.

#include <boost/asio/use_future.hpp>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <terrace/async.hpp>
#include <terrace/memoize.hpp>

#include "cascade/fixture.hpp"

namespace terrace {
namespace {

using Strings = Cache<std::string>;
using boost::asio::use_future;

struct Counts {
  std::uint64_t there = 0;   // hits, of a key that memory has
  std::uint64_t absent = 0;  // misses, of a key that no level has
  bool operator==(const Counts&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Counts& counts) {
  return out << counts.there << " hits, " << counts.absent << " misses";
}

std::map<std::string, Counts> expected() {
  std::ifstream file(TERRACE_READS);
  std::map<std::string, Counts> out;
  std::string line;
  std::getline(file, line);  // the header
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    std::string call, languages, there, absent;
    std::getline(std::getline(std::getline(std::getline(cells, call, ','), languages, ','), there, ','),
                 absent);
    if (languages != "python") out[call] = {std::stoul(there), std::stoul(absent)};
  }
  return out;
}

std::vector<std::optional<std::string>> load_all(const std::vector<std::string>& keys) {
  return std::vector<std::optional<std::string>>(keys.size(), "loaded");
}

const std::map<std::string, std::function<void(Strings&, const std::string&)>> reads = {
    {"get", [](Strings& c, const std::string& k) { c.get(k); }},
    {"lookup", [](Strings& c, const std::string& k) { c.lookup(k); }},
    {"get_or_load", [](Strings& c, const std::string& k) { c.get_or_load(k, [] { return "v"; }).value(); }},
    {"lookup_or_load", [](Strings& c, const std::string& k) { c.lookup_or_load(k, [] { return "v"; }); }},
    {"memoized",
     [](Strings& c, const std::string& k) {
       memoize(c, "f", [](const std::string& text) { return text; })(k);
     }},
    {"get_many", [](Strings& c, const std::string& k) { c.get_many({k}); }},
    {"lookup_many", [](Strings& c, const std::string& k) { c.lookup_many({k}); }},
    {"get_or_load_many", [](Strings& c, const std::string& k) { c.get_or_load_many({k}, load_all); }},
    {"in_memory", [](Strings& c, const std::string& k) { detail::CacheAccess::in_memory(c, k); }},
    {"visit_memory", [](Strings& c, const std::string& k) { c.visit_memory(k, [](const std::string&) {}); }},
    {"async_lookup", [](Strings& c, const std::string& k) { async_lookup(c, k, use_future).get(); }},
    {"async_get_or_load",
     [](Strings& c, const std::string& k) {
       async_get_or_load(
           c, k, [] { return "v"; }, use_future)
           .get()
           .value();
     }},
    {"async_lookup_many",
     [](Strings& c, const std::string& k) {
       async_lookup_many(c, std::vector<std::string>{k}, use_future).get();
     }},
    {"async_get_or_load_many",
     [](Strings& c, const std::string& k) {
       async_get_or_load_many(c, std::vector<std::string>{k}, load_all, use_future).get();
     }},
    {"explain", [](Strings& c, const std::string& k) { c.explain(k).value(); }}};

TEST(ReadCounts, AreWhatTheTableSays) {
  const auto told = expected();
  ASSERT_FALSE(told.empty()) << TERRACE_READS;
  std::map<std::string, Counts> counted;
  for (const auto& [name, read] : reads) {
    Strings cache({.ttl_jitter = 0, .scheduler = std::make_shared<Runtime>()},
                  {std::make_shared<testing::MapTier>()});
    std::string key = "k";
    if (name == "memoized") {
      read(cache, key);  // whatever its key may be
    } else {
      cache.set(key, "v").value();
    }
    const auto before = cache.stats().levels[0];
    read(cache, key);
    const auto after = cache.stats().levels[0];
    EXPECT_EQ(after.misses, before.misses) << name;
    read(cache, "absent");
    const auto last = cache.stats().levels[0];
    EXPECT_EQ(last.hits, after.hits) << name;
    counted[name] = {after.hits - before.hits, last.misses - after.misses};
  }
  EXPECT_EQ(counted, told);
}

/// The key that is read most outlives a stream of others, whatever call reads it.
TEST(ReadCounts, WhatCountsKeepsAKeyInMemory) {
  for (const auto& [name, counts] : expected()) {
    if (counts.there == 0 || name == "memoized") continue;
    Strings cache({.max_entries = 100, .eviction = Eviction::lru, .ttl_jitter = 0});
    cache.set("hot", "v").value();
    for (int i = 0; i < 300; ++i) {
      reads.at(name)(cache, "hot");
      cache.set("c" + std::to_string(i), "v").value();
    }
    EXPECT_TRUE(detail::CacheAccess::in_memory(cache, "hot")) << name;
  }
}

}  // namespace
}  // namespace terrace
