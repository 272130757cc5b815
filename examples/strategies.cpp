// The eviction policy of a full cache, and the destination of a write: two independent options.
#include <filesystem>
#include <iostream>
#include <terrace/cache.hpp>
#include <terrace/sqlite.hpp>

using namespace std::chrono_literals;

namespace {

/// How many of 100 frequently used keys are still in the cache after 10,000 keys that are used once.
int kept(terrace::Eviction eviction) {
  terrace::MemoryCache<std::string, int> cache({.max_entries = 200, .eviction = eviction});
  const auto use_often = [&] {
    for (int i = 0; i < 100; ++i) {
      if (!cache.get("often " + std::to_string(i))) cache.set("often " + std::to_string(i), i);
    }
  };
  for (int round = 0; round < 3; ++round) use_often();
  for (int i = 0; i < 10'000; ++i) cache.set("once " + std::to_string(i), i);
  int found = 0;
  for (int i = 0; i < 100; ++i) found += cache.get("often " + std::to_string(i)) ? 1 : 0;
  return found;
}

void write(terrace::WriteMode mode, const char* name, const std::filesystem::path& folder) {
  const auto tier = terrace::make_sqlite_tier({.path = folder / (std::string(name) + ".db")});
  terrace::CacheOptions options{.name = "stock", .ttl = 1h, .write_mode = mode};
  if (mode == terrace::WriteMode::back) options.write_back.path = folder / "journal";
  terrace::Cache<int> stock(options, {tier});
  stock.set("apples", 7).value();
  std::cout << name << ": after set(), get() finds " << (stock.get("apples") ? "it" : "nothing");
  stock.flush().value();
  std::cout << "; the tier holds " << tier->stats().writes << " write(s)\n";
}

}  // namespace

int main() {
  for (const auto& [name, eviction] : {std::pair{"lru", terrace::Eviction::lru},
                                       {"lfu", terrace::Eviction::lfu},
                                       {"fifo", terrace::Eviction::fifo},
                                       {"ttl", terrace::Eviction::ttl},
                                       {"w-tinylfu", terrace::Eviction::w_tinylfu},
                                       {"s3fifo", terrace::Eviction::s3fifo},
                                       {"adaptive", terrace::Eviction::adaptive}}) {
    std::cout << name << " keeps " << kept(eviction) << " of 100 keys through a scan\n";
  }

  const auto folder = std::filesystem::temp_directory_path() / "terrace-example-strategies";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  write(terrace::WriteMode::through, "through", folder);  // into every level
  write(terrace::WriteMode::around, "around", folder);    // out of every level: the program writes its origin
  write(terrace::WriteMode::back, "back", folder);        // into a journal now, into the tier soon
  std::filesystem::remove_all(folder);
}
