#include "database/sqlite_log.hpp"

#include <spdlog/spdlog.h>

namespace terrace::database {

void LogLines::write() {
  std::vector<std::string> lines;
  {
    const std::lock_guard lock(mutex_);
    lines.swap(lines_);
  }
  for (const std::string& line : lines) spdlog::warn("{}", line);
}

}  // namespace terrace::database
