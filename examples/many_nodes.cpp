// A cache over many nodes (shards, replicas, a cluster, databases), which one URL configures.
//
//   example_many_nodes 'sharded:redis://10.0.0.1,redis://10.0.0.2'
//   example_many_nodes 'replicated:redis://10.0.0.1,redis://10.0.0.2,redis://10.0.0.3?consistency=strong'
//
// Several URLs are several levels, the upper one first. Without a URL the example uses two files as shards,
// and needs no server.
#include <filesystem>
#include <iostream>
#include <terrace/cache.hpp>
#include <terrace/sharded_tier.hpp>
#include <terrace/tier_url.hpp>

std::string load_page(std::string_view address) {
  return "<h1>" + std::string(address) + "</h1>";
}

int main(int argc, char** argv) try {
  using namespace std::chrono_literals;
  std::vector<std::string> urls(argv + 1, argv + argc);
  if (urls.empty()) {
    const std::string folder = std::filesystem::temp_directory_path().string() + "/terrace_example_";
    for (const char* shard : {"a.db", "b.db"}) std::filesystem::remove(folder + shard);
    urls.push_back("sharded:first=sqlite:" + folder + "a.db,second=sqlite:" + folder + "b.db");
  }
  std::vector<std::shared_ptr<terrace::Tier>> tiers;
  for (const std::string& url : urls) tiers.push_back(terrace::make_tier(url));

  terrace::Cache<std::string> pages({.name = "pages", .ttl = 10min}, tiers);
  std::vector<std::string> addresses;
  for (int i = 0; i < 1000; ++i) addresses.push_back("/page/" + std::to_string(i));
  for (const std::string& address : addresses) pages.get_or_load(address, [&] { return load_page(address); });
  pages.flush();

  for (const auto& level : pages.stats().levels) {
    std::cout << level.name << ": " << level.hits << " hits, " << level.misses << " misses, " << level.errors
              << " errors\n";
  }
  for (const auto& tier : tiers) {
    const auto* const sharded = dynamic_cast<terrace::ShardedTier*>(tier.get());
    if (sharded == nullptr) continue;
    for (const auto& shard : sharded->shards()) {
      std::cout << "  " << shard.name << ": " << shard.stats.writes << " writes, a share of "
                << shard.share.value_or(0) << '\n';
    }
  }
} catch (const terrace::ConfigError& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
