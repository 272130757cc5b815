#pragma once
/// RowKey: a key in the form of the table's index. A row of PostgreSQL's B-tree holds about 2,700 bytes, so a
/// longer key is found by its first 2,000 bytes and its SHA-256; the row then also stores the whole key.

#include <string_view>
#include <terrace/bytes.hpp>

namespace terrace::postgres {

inline constexpr std::size_t longest_plain_key = 2000;

struct RowKey {
  explicit RowKey(std::string_view key);

  Bytes indexed;  ///< if longer than longest_plain_key: with a digest at its end
  Bytes whole;    ///< empty: the same as `indexed`
};

}  // namespace terrace::postgres
