// Every cache of a program from one file: what it describes is built by one call. Runs without a Redis, too.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <terrace/caches.hpp>

struct User {
  std::int64_t id;
  std::string name;
};

// In a program this is terrace.toml; `terrace config check` names its mistakes, each with its line.
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

  // A mistake is told with its line and what would be right, and builds nothing.
  try {
    static_cast<void>(terrace::Config::parse("[caches.users]\nttl = 600\nmax_entrys = 10\n"));
  } catch (const terrace::ConfigError& error) {
    std::cout << error.what() << '\n';
  }
}
