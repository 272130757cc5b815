#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace terrace::cli {

std::string Table::text(std::size_t indent, std::size_t left_columns) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  const std::string margin(indent, ' ');
  const auto add_line = [&](const std::vector<std::string>& row) {
    std::string line = margin;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      line += i < left_columns ? fmt::format("{:<{}}", row[i], widths[i])
                               : fmt::format("{:>{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  add_line(rows_.front());
  std::vector<std::string> rules;
  for (const std::size_t width : widths) rules.emplace_back(width, '-');
  add_line(rules);
  for (std::size_t i = 1; i < rows_.size(); ++i) add_line(rows_[i]);
  return out;
}

}  // namespace terrace::cli
