#pragma once
/// Table: text in columns, as wide as they need to be; the first column to the left, the others to the right.

#include <cstddef>
#include <string>
#include <vector>

namespace terrace::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  /// The head, a rule, and the rows, each ended by a newline and begun by `indent` blanks. The first
  /// `left_columns` columns are aligned to the left.
  [[nodiscard]] std::string text(std::size_t indent = 0, std::size_t left_columns = 1) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace terrace::cli
