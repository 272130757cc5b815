// A function that remembers its results.
#include <iostream>
#include <terrace/memoize.hpp>

int main() {
  using namespace std::chrono_literals;
  terrace::Cache<double> cache({.name = "routes", .ttl = 1h});

  auto distance = terrace::memoize(cache, "distance", [](const std::string& from, const std::string& to) {
    std::cout << "computing " << from << " to " << to << '\n';
    return static_cast<double>(from.size() * to.size());
  });

  std::cout << distance("Oslo", "Bergen") << '\n';
  std::cout << distance("Oslo", "Bergen") << '\n';  // from the cache
  distance.invalidate("Oslo", "Bergen");
  std::cout << distance("Oslo", "Bergen") << '\n';
}
