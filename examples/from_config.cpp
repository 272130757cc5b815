// Every cache of a program from one file: one call builds them all. The example also runs without Redis.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <terrace/caches.hpp>

struct User {
  std::int64_t id;
  std::string name;
};

// In a real program this is a file terrace.toml. `terrace config check` reports its mistakes with their lines.
constexpr const char* configuration = R"(
[tiers.redis]
url = "redis://${REDIS_HOST:-127.0.0.1}:6379"
key_prefix = "example:"

[tiers.disk]
url = "sqlite:${EXAMPLE_FOLDER}/cache.db"

[defaults]
ttl = "10m"

[caches.users]
tiers = ["redis", "disk"]
grace = "1h"

[caches.pages]
tiers = ["disk"]
max_entries = 0
max_bytes = "64MiB"
)";

int main() {
  const auto folder = std::filesystem::temp_directory_path() / "terrace_example_config";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  ::setenv("EXAMPLE_FOLDER", folder.c_str(), 1);
  std::ofstream(folder / "terrace.toml") << configuration;

  const auto caches = terrace::Caches::open(folder / "terrace.toml");
  for (const auto& finding : caches->config().findings())
    std::cout << to_string(finding, "terrace.toml") << '\n';

  terrace::Cache<User>& users = caches->get<User>("users");
  const auto user = users.get_or_load("42", [] { return User{42, "Ada"}; });
  std::cout << (user ? user->name : user.error().message()) << '\n';

  terrace::Cache<std::string>& pages = caches->get<std::string>("pages");
  pages.set("/", "<h1>hello</h1>");
  std::cout << pages.get("/").value_or("nothing") << '\n';

  for (const terrace::CacheHandle& cache : caches->handles()) {
    std::cout << cache.name() << ": " << cache.stats().levels.size() << " levels\n";
  }

  // The error names each mistake with its line and the remedy. Nothing is built then.
  try {
    static_cast<void>(terrace::Config::parse("[caches.users]\nttl = 600\nmax_entrys = 10\n"));
  } catch (const terrace::ConfigError& error) {
    std::cout << error.what() << '\n';
  }
}
