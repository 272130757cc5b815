#include "database/sqlite_rows.hpp"

#include <algorithm>
#include <terrace/glob.hpp>
#include <vector>

namespace terrace::database {
namespace {

constexpr const char* upsert_sql =
    "INSERT INTO entries(key, expires, version, value) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(key) DO UPDATE "
    "SET expires = excluded.expires, version = excluded.version, value = excluded.value";
// Without RETURNING, which would read the whole value of each row.
#define TERRACE_CHOSEN "SELECT id, length(key) + length(value), expires FROM entries WHERE "
constexpr const char* find_sql = TERRACE_CHOSEN "key = ?1";
constexpr const char* purge_sql = TERRACE_CHOSEN "expires <= ?1 LIMIT 200";
constexpr const char* oldest_sql = TERRACE_CHOSEN "id <> ?1 ORDER BY id LIMIT 1";
#undef TERRACE_CHOSEN

/// typeof() and length() of a blob read no more than the head of the row.
constexpr const char* get_sql =
    "SELECT typeof(value) = 'blob', CASE WHEN typeof(value) = 'blob' AND length(value) <= ?3 THEN value END "
    "FROM entries WHERE key = ?1 AND expires > ?2";

/// A file may say anything: differences end at 0.
void take_off(std::uint64_t& total, std::uint64_t part) noexcept {
  total -= std::min(total, part);
}

}  // namespace

RowReader::RowReader(Connection& db, std::size_t max_value_bytes)
    : begin_(db.prepare("BEGIN")), find_(db.prepare(get_sql)), max_value_bytes_(max_value_bytes) {}

Result<Found> RowReader::find(std::string_view key, std::int64_t now) {
  const ResetAtEnd at_end(find_);
  find_.bind(1, key).bind(2, now).bind(3, static_cast<std::int64_t>(max_value_bytes_));
  if (!find_.step()) return Found();
  if (!find_.is_null(1)) return Found(Bytes(find_.blob(1)));
  if (find_.integer(0) == 0) return Error(Errc::corrupt, "sqlite: the stored value is of another type");
  return Error(Errc::value_too_large, "sqlite: the stored value is over max_value_bytes");
}

Totals read_totals(Statement& load_totals) {
  const ResetAtEnd at_end(load_totals);
  if (!load_totals.step()) return {};
  const auto at_least_0 = [](std::int64_t number) {
    return number < 0 ? 0 : static_cast<std::uint64_t>(number);
  };
  return {at_least_0(load_totals.integer(0)), at_least_0(load_totals.integer(1))};
}

RowWriter::RowWriter(Connection& db, std::uint64_t max_bytes)
    : max_bytes_(max_bytes == 0 ? UINT64_MAX : max_bytes),
      begin_(db.prepare("BEGIN IMMEDIATE")),
      commit_(db.prepare("COMMIT")),
      load_totals_(db.prepare(load_totals_sql)),
      save_totals_(db.prepare("UPDATE totals SET entries = ?1, bytes = ?2")),
      old_(db.prepare("SELECT id, length(value), expires, version FROM entries WHERE key = ?1")),
      value_(db.prepare("SELECT typeof(value) = 'blob', value FROM entries WHERE key = ?1 AND expires > ?2")),
      upsert_(db.prepare(upsert_sql)),
      find_(db.prepare(find_sql)),
      purge_(db.prepare(purge_sql)),
      oldest_(db.prepare(oldest_sql)),
      delete_(db.prepare("DELETE FROM entries WHERE id = ?1")),
      keys_(db.prepare("SELECT key FROM entries WHERE key >= ?1 AND id <= ?2 ORDER BY key LIMIT 200")),
      last_id_(db.prepare("SELECT max(id) FROM entries")) {}

void RowWriter::begin() {
  begin_.run();
  totals_ = read_totals(load_totals_);
}

void RowWriter::commit() {
  save_totals_.bind(1, static_cast<std::int64_t>(totals_.entries));
  save_totals_.bind(2, static_cast<std::int64_t>(totals_.bytes)).run();
  commit_.run();
}

void RowWriter::set(const Row& row, std::int64_t now) {
  std::int64_t id = 0;  // no row
  {
    const ResetAtEnd at_end(old_);
    if (old_.bind(1, row.key).step()) {
      const bool unexpired = old_.integer(2) > now;
      // SQLite's integers are signed: the bits are kept, the order is not.
      const auto version = static_cast<std::uint64_t>(old_.integer(3));
      if (row.version != 0 && unexpired && version >= row.version) return;
      id = old_.integer(0);
      take_off(totals_.bytes, row_bytes(row.key.size(), static_cast<std::size_t>(old_.integer(1))));
    } else {
      ++totals_.entries;
    }
  }
  upsert_.bind(1, row.key).bind(2, row.expires).bind(3, static_cast<std::int64_t>(row.version));
  upsert_.bind(4, row.value).run();
  const std::uint64_t bytes = row_bytes(row.key.size(), row.value.size());
  totals_.bytes += bytes;
  if (totals_.bytes <= max_bytes_ || make_room(id, now)) return;
  // The totals of the file were wrong: only this row is left, or not even this one.
  totals_ = id != 0 ? Totals{1, bytes} : Totals{};
}

bool RowWriter::compare_and_set(const std::optional<Bytes>& expected, const Row& row, std::int64_t now) {
  {
    const ResetAtEnd at_end(value_);
    const bool there = value_.bind(1, row.key).bind(2, now).step();
    if (there != expected.has_value()) return false;
    if (there && (value_.integer(0) == 0 || value_.blob(1) != *expected)) return false;
  }
  set(row, now);
  return true;
}

bool RowWriter::make_room(std::int64_t keep_id, std::int64_t now) {
  while (totals_.bytes > max_bytes_ && purge(now) > 0) {
  }
  while (totals_.bytes > max_bytes_) {
    oldest_.bind(1, keep_id);
    const Erased erased = remove(oldest_, now);
    if (erased.rows == 0) return false;
    evicted_ += erased.unexpired;
  }
  return true;
}

bool RowWriter::erase(std::string_view key, std::int64_t now) {
  find_.bind(1, key);
  return remove(find_, now).unexpired > 0;
}

bool RowWriter::step(Sweep& sweep, std::int64_t now) {
  std::vector<Bytes> keys;
  {
    const ResetAtEnd at_end(keys_);
    keys_.bind(1, sweep.next).bind(2, sweep.last_id);
    while (keys_.step() && keys_.blob(0).starts_with(sweep.prefix)) keys.emplace_back(keys_.blob(0));
  }
  for (const std::string_view key : keys) {
    if (glob_matches(sweep.pattern, key.substr(sweep.prefix.size())) && erase(key, now)) ++sweep.erased;
  }
  if (!keys.empty()) sweep.next = std::move(keys.back()) + '\0';
  return !keys.empty();
}

std::int64_t RowWriter::last_id() {
  const ResetAtEnd at_end(last_id_);
  return last_id_.step() ? last_id_.integer(0) : 0;
}

std::uint64_t RowWriter::purge(std::int64_t now) {
  purge_.bind(1, now);
  return remove(purge_, now).rows;
}

RowWriter::Erased RowWriter::remove(Statement& chosen, std::int64_t now) {
  std::vector<std::int64_t> ids;
  Erased erased;
  {
    const ResetAtEnd at_end(chosen);
    while (chosen.step()) {
      ids.push_back(chosen.integer(0));
      take_off(totals_.bytes, row_bytes(0, static_cast<std::size_t>(chosen.integer(1))));
      if (chosen.integer(2) > now) ++erased.unexpired;
    }
  }
  for (const std::int64_t id : ids) delete_.bind(1, id).run();
  erased.rows = ids.size();
  take_off(totals_.entries, erased.rows);
  return erased;
}

}  // namespace terrace::database
