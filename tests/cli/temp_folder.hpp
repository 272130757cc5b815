#pragma once
/// TempFolder: a folder for a test that files can be written to in one line.

#include <fstream>
#include <string>
#include <string_view>

#include "support/child_process.hpp"

namespace terrace::cli_test {

class TempFolder {
 public:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.file(name); }

  /// Writes the file and gives its path.
  std::string file(const std::string& name, std::string_view content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

 private:
  terrace::testing::TempDir folder_;
};

}  // namespace terrace::cli_test
