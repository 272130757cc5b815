// What every consumer here compiles: a cache of strings over memory and a SQLite file. Usage: consumer FILE.
#include <iostream>
#include <terrace/cache.hpp>
#include <terrace/sqlite.hpp>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  {
    terrace::Cache<std::string> names({.name = "names"}, {terrace::make_sqlite_tier({.path = argv[1]})});
    if (!names.set("42", "Ada")) return 1;
  }
  // Another cache, with empty memory: the value is the file's.
  terrace::Cache<std::string> names({.name = "names"}, {terrace::make_sqlite_tier({.path = argv[1]})});
  std::cout << names.get_or_load("42", [] { return std::string("nobody"); }).value() << '\n';
}
