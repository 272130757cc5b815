#include "json_output.hpp"

#include <boost/json/serialize.hpp>
#include <cstdio>
#include <stdexcept>

namespace terrace::cli {

void print_json(const boost::json::value& value) {
  const std::string text = boost::json::serialize(value) + '\n';
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw std::runtime_error("standard output cannot be written");
  }
}

}  // namespace terrace::cli
