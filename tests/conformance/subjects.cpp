#include "conformance/subjects.hpp"

#include <terrace/runtime.hpp>
#include <terrace/testing.hpp>

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
  };
}

}  // namespace terrace::conformance
