#pragma once
/// UsageError: a command line or an input that cannot be run, told before anything was (exit code 2).

#include <stdexcept>

namespace terrace::cli {

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace terrace::cli
