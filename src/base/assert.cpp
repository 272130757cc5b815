#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace terrace {

void assertion_failed(const char* file, int line, const char* function, const char* condition) noexcept {
  std::fprintf(stderr, "%s:%d: %s: the assertion %s does not hold\n", file, line, function, condition);
  std::abort();
}

}  // namespace terrace
