#pragma once
/// RowReader and RowWriter: the statements on the entries, and the count of their bytes. Each is for one
/// connection and one thread; failures are SqliteFault.

#include <cstdint>
#include <optional>
#include <string_view>
#include <terrace/bytes.hpp>
#include <terrace/clock.hpp>
#include <terrace/tier.hpp>

#include "database/sqlite_connection.hpp"

namespace terrace::database {

/// The size of a row beyond key and value: about its share of two indexes and of page heads.
inline constexpr std::uint64_t row_overhead = 64;
inline constexpr std::int64_t never = INT64_MAX;

[[nodiscard]] constexpr std::uint64_t row_bytes(std::size_t key, std::size_t value) noexcept {
  return key + value + row_overhead;
}

class RowReader {
 public:
  RowReader(Connection& db, std::size_t max_value_bytes);

  /// The finds from here to the end of the connection's transaction read one snapshot.
  void begin() { begin_.run(); }
  /// value_too_large: the stored value is over max_value_bytes. corrupt: it is no bytes. Neither is read.
  [[nodiscard]] Result<Found> find(std::string_view key, std::int64_t now);

 private:
  Statement begin_, find_;
  std::size_t max_value_bytes_;
};

struct Totals {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
};
/// The totals as the file has them.
[[nodiscard]] Totals read_totals(Statement& load_totals);
inline constexpr const char* load_totals_sql = "SELECT entries, bytes FROM totals";

class RowWriter {
 public:
  /// 0: no bound.
  RowWriter(Connection& db, std::uint64_t max_bytes);

  /// All operations below take effect between begin() and commit(), or not at all.
  void begin();
  void commit();

  struct Row {
    std::string_view key;
    std::string_view value;
    std::int64_t expires = never;
    std::uint64_t version = 0;  ///< if not 0: an unexpired row with the same or a higher version stays
  };
  /// Replaces the row, and evicts others if necessary.
  void set(const Row& row, std::int64_t now);
  /// The same, if the unexpired row of the key has this value (none: if there is no unexpired row). False:
  /// something else is there, and nothing changes.
  bool compare_and_set(const std::optional<Bytes>& expected, const Row& row, std::int64_t now);
  /// True when there was an unexpired row.
  bool erase(std::string_view key, std::int64_t now);

  /// Which rows to erase, and the progress.
  struct Sweep {
    Bytes prefix;
    Bytes pattern;         ///< of the remainder of the key
    std::int64_t last_id;  ///< rows after this one were added later
    Bytes next = prefix;   ///< keys before this one are done
    std::uint64_t erased = 0;
  };
  /// Erases the next rows; false: none was left.
  bool step(Sweep& sweep, std::int64_t now);
  [[nodiscard]] std::int64_t last_id();
  /// Removes some of the expired rows; 0: none is left.
  std::uint64_t purge(std::int64_t now);

  /// As of the last begin() or commit().
  [[nodiscard]] Totals totals() const noexcept { return totals_; }
  /// Unexpired rows removed to make room, in committed and uncommitted transactions.
  [[nodiscard]] std::uint64_t evicted() const noexcept { return evicted_; }

 private:
  struct Erased {
    std::uint64_t rows = 0;
    std::uint64_t unexpired = 0;
  };
  /// Evicts other rows than `keep_id`. False: there is none, whatever the totals say.
  bool make_room(std::int64_t keep_id, std::int64_t now);
  /// Removes the rows that the statement selects: id, bytes of key and value, expiry. The values are not read.
  Erased remove(Statement& chosen, std::int64_t now);

  std::uint64_t max_bytes_;
  Totals totals_;
  std::uint64_t evicted_ = 0;
  Statement begin_, commit_, load_totals_, save_totals_;
  Statement old_, value_, upsert_, find_, purge_, oldest_, delete_, keys_, last_id_;
};

}  // namespace terrace::database
