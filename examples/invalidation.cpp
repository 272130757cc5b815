// Every way to invalidate entries, and how to see the entry of a key in each level.
#include <iostream>
#include <terrace/cache.hpp>

using namespace std::chrono_literals;

namespace {

void fill(terrace::Cache<std::string>& cache) {
  for (const char* key : {"user:1", "user:2", "user:10", "post:1", "post:2"})
    cache.set(key, "v", {.tags = {std::string(key).substr(0, 4)}}).value();
}

void show(terrace::Cache<std::string>& cache, const char* after,
          const terrace::Result<std::uint64_t>& removed) {
  std::cout << after << " (" << removed.value() << "):";
  for (const char* key : {"user:1", "user:2", "user:10", "post:1", "post:2"})
    if (cache.get(key)) std::cout << ' ' << key;
  std::cout << '\n';
  fill(cache);
}

}  // namespace

int main() {
  terrace::Cache<std::string> cache({.name = "site", .ttl = 1h, .grace = 1min});
  fill(cache);
  show(cache, "keys", cache.invalidate({"user:1", "post:1"}));
  show(cache, "prefix user:", cache.invalidate_prefix("user:"));
  show(cache, "glob user:?", cache.invalidate_glob("user:?"));
  show(cache, "tag post", cache.invalidate_tag("post"));
  cache.define_group("firsts", {"user:1", "post:1"});
  show(cache, "group firsts", cache.invalidate_group("firsts"));

  // Soft: the old value is still served within its grace if the new value cannot be loaded.
  cache.invalidate({"user:1"}, {.soft = true}).value();
  const auto found = cache.lookup_or_load(
      "user:1", []() -> std::string { throw std::runtime_error("the database is down"); });
  std::cout << "soft: " << to_string(found.kind) << '\n';

  std::cout << cache.explain("user:1").value().to_string();
  cache.clear().value();
  std::cout << "cleared: " << cache.stats().levels[0].entries.value_or(0) << " entries\n";
}
