#pragma once
/// The seed of a random test: TERRACE_SEED in the environment, to repeat a run; otherwise a random one. A
/// test shows it with SCOPED_TRACE(seed_text(seed)).

#include <cstdlib>
#include <random>
#include <string>

namespace terrace::testing {

inline unsigned test_seed() {
  const char* given = std::getenv("TERRACE_SEED");
  return given != nullptr ? static_cast<unsigned>(std::stoul(given)) : std::random_device{}();
}

inline std::string seed_text(unsigned seed) {
  return "TERRACE_SEED=" + std::to_string(seed);
}

}  // namespace terrace::testing
