#pragma once
/// JSON on standard output: one value on one line.

#include <boost/json/value.hpp>

namespace terrace::cli {

/// Writes the value and a newline. Throws std::runtime_error when standard output cannot be written.
void print_json(const boost::json::value& value);

}  // namespace terrace::cli
