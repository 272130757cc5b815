// What a program does with one component alone. It prints "ok".
#include <iostream>

#if defined(USES_memory)
#include <terrace/memory_cache.hpp>

bool works() {
  terrace::MemoryCache<std::string, int> cache({.max_entries = 10});
  cache.set("k", 42);
  return cache.get("k") == 42;
}
#elif defined(USES_envelope)
#include <terrace/key_ring.hpp>

bool works() {
  try {
    terrace::KeyRing::parse("no key");
  } catch (const terrace::ConfigError&) {
    return true;
  }
  return false;
}
#elif defined(USES_redis)
#include <terrace/redis.hpp>

bool works() {
  try {  // without a server: a tier that cannot reach one says so in the log, which is the standard output
    terrace::make_redis_tier({.url = "no URL"});
  } catch (const terrace::ConfigError&) {
    return true;
  }
  return false;
}
#elif defined(USES_database)
#include <terrace/sqlite.hpp>

bool works() {
  return terrace::make_sqlite_tier({.path = "component.db"})->name() == "sqlite";
}
#elif defined(USES_cascade)
#include <terrace/cache.hpp>

bool works() {
  terrace::Cache<std::string> cache({.name = "component"});
  return cache.set("k", "v").has_value() && *cache.get("k") == "v";
}
#elif defined(USES_service)
#include <terrace/config.hpp>

bool works() {
  return !terrace::example_config().empty();
}
#endif

int main() {
  std::cout << (works() ? "ok" : "it does not work") << '\n';
}
