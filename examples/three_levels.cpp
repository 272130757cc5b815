// Memory, Redis, SQLite, and the program's own database below them. The example also runs without Redis: a
// level that cannot be reached only lowers the hit rate.
#include <filesystem>
#include <iostream>
#include <terrace/cache.hpp>
#include <terrace/redis.hpp>
#include <terrace/sqlite.hpp>

struct User {
  std::int64_t id;
  std::string name;
};

User load_user(std::int64_t id) {
  std::cout << "asking the database for user " << id << '\n';
  return {id, "Ada"};
}

int main() {
  using namespace std::chrono_literals;
  const auto file = std::filesystem::temp_directory_path() / "terrace_example_users.db";
  std::filesystem::remove(file);

  terrace::Cache<User> users({.name = "users", .ttl = 10min},
                             {terrace::make_redis_tier({.url = "redis://127.0.0.1:6379"}),
                              // One machine: every process of this cache opens this file.
                              terrace::make_sqlite_tier({.path = file, .scope = terrace::Scope::fleet})});

  for (int i = 0; i < 3; ++i) {
    const auto user = users.get_or_load("42", [] { return load_user(42); });
    std::cout << (user ? user->name : user.error().message()) << '\n';
  }

  users.set("42", {42, "Ada Lovelace"});
  std::cout << users.get("42")->name << '\n';
  std::cout << users.explain("42").value().to_string();
  users.erase("42");
  std::cout << "after erase: " << to_string(users.lookup("42").kind) << '\n';
}
