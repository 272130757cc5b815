#include "conformance/subjects.hpp"

#include <terrace/runtime.hpp>
#include <terrace/sqlite.hpp>
#include <terrace/testing.hpp>

#include "database/blocking.hpp"

namespace terrace::conformance {

std::vector<Subject> subjects() {
  using namespace terrace::testing;
  return {
      {"Map",
       [] {
         return Fixture{std::make_shared<MapTier>(), nullptr};
       }},
      {"Null",
       [] {
         return Fixture{std::make_shared<NullTier>(), nullptr};
       },
       false},
      {"FaultyWithoutFaults",
       [] {
         return Fixture{
             std::make_shared<FaultyTier>(std::make_shared<MapTier>(), std::make_shared<Runtime>()), nullptr};
       }},
      {"Sqlite",
       [] {
         auto folder = std::make_shared<database::TemporaryFolder>();
         return Fixture{make_sqlite_tier({.path = folder->path() / "cache.db"}), folder};
       }},
  };
}

}  // namespace terrace::conformance
