#pragma once
/// RowKey: a key as the table's index takes it. A row of PostgreSQL's B-tree holds about 2,700 bytes, so a
/// longer key is found by its first 2,000 bytes and its SHA-256; the row then keeps the whole key besides.

#include <string_view>
#include <terrace/bytes.hpp>

namespace terrace::postgres {

inline constexpr std::size_t longest_plain_key = 2000;

struct RowKey {
  explicit RowKey(std::string_view key);

  Bytes indexed;  ///< longer than longest_plain_key: with a digest at its end
  Bytes whole;    ///< empty: as indexed
};

}  // namespace terrace::postgres
