#include <filesystem>
#include <iostream>
#include <terrace/cache.hpp>
#include <terrace/redis.hpp>
#include <terrace/sqlite.hpp>

struct User {
  std::int64_t id;
  std::string name;
};

int main() {
  const auto file = std::filesystem::temp_directory_path() / "terrace_consumer.db";
  std::filesystem::remove(file);
  terrace::Cache<User> users({.name = "users"}, {terrace::make_sqlite_tier({.path = file})});
  const User user = users.get_or_load("42", [] { return User{42, "Ada"}; }).value();
  std::cout << user.name << '\n';
  return user.id == 42 ? 0 : 1;
}
