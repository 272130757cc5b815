#pragma once
/// FixedChance: while a thread has one, std::random_device gives it the numbers of a seed, so that code that
/// draws random numbers does the same again. It needs the linker's --wrap (tests/sim/CMakeLists.txt).

#include <cstdint>

namespace terrace::sim {

class FixedChance {
 public:
  explicit FixedChance(std::uint64_t seed);
  ~FixedChance();
  FixedChance(const FixedChance&) = delete;
  FixedChance& operator=(const FixedChance&) = delete;
};

}  // namespace terrace::sim
