// The memory level alone: a bounded, thread-safe map that evicts and expires its entries.
#include <iostream>
#include <terrace/memory_cache.hpp>

int main() {
  using namespace std::chrono_literals;
  terrace::MemoryOptions<std::string, std::string> options;
  options.max_entries = 2;
  options.ttl = 5min;
  options.eviction = terrace::Eviction::lru;
  options.listener = [](const std::string& key, const std::string&, terrace::RemovalCause cause) {
    if (cause == terrace::RemovalCause::evicted) std::cout << key << " was evicted\n";
  };
  terrace::MemoryCache<std::string, std::string> pages(options);

  pages.set("home", "<h1>home</h1>");
  pages.set("news", "<h1>news</h1>");
  if (auto page = pages.find("home")) std::cout << *page << '\n';  // in place, without a copy
  pages.set("about", "<h1>about</h1>");
  std::cout << pages.size() << " pages, " << pages.stats().hits << " hits\n";
}
