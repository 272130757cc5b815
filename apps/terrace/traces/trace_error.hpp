#pragma once
/// TraceError: a trace that cannot be read at all. Its text names the file and the remedy.

#include <stdexcept>

namespace terrace::traces {

class TraceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace terrace::traces
