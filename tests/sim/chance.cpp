#include "sim/chance.hpp"

#include <optional>
#include <random>

namespace {

// What is drawn outside of a schedule, such as the secret of the hash, is the same in every process, too.
thread_local std::optional<std::mt19937_64> numbers;

}  // namespace

/// std::random_device::_M_getval(), which the linker directs here.
extern "C" unsigned __wrap__ZNSt13random_device9_M_getvalEv(void*) {
  if (!numbers) numbers.emplace(1);
  return static_cast<unsigned>((*numbers)());
}

namespace terrace::sim {

FixedChance::FixedChance(std::uint64_t seed) {
  numbers.emplace(seed);
}

FixedChance::~FixedChance() {
  numbers.reset();
}

}  // namespace terrace::sim
