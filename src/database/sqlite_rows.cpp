#include "database/sqlite_rows.hpp"

#include <terrace/glob.hpp>
#include <vector>

namespace terrace::database {
namespace {

#define TERRACE_ROW_RETURNED " RETURNING length(key) + length(value), expires"

constexpr const char* upsert_sql =
    "INSERT INTO entries(key, expires, version, value) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(key) DO UPDATE "
    "SET expires = excluded.expires, version = excluded.version, value = excluded.value";
constexpr const char* purge_sql =
    "DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE expires <= ?1 LIMIT "
    "200)" TERRACE_ROW_RETURNED;
constexpr const char* oldest_sql =
    "DELETE FROM entries WHERE id = (SELECT id FROM entries WHERE id <> ?1 ORDER BY id LIMIT "
    "1)" TERRACE_ROW_RETURNED;
constexpr const char* erase_sql = "DELETE FROM entries WHERE key = ?1" TERRACE_ROW_RETURNED;

#undef TERRACE_ROW_RETURNED

}  // namespace

RowReader::RowReader(Connection& db)
    : begin_(db.prepare("BEGIN")),
      find_(db.prepare("SELECT value FROM entries WHERE key = ?1 AND expires > ?2")) {}

Found RowReader::find(std::string_view key, std::int64_t now) {
  const ResetAtEnd at_end(find_);
  if (!find_.bind(1, key).bind(2, now).step()) return std::nullopt;
  return Bytes(find_.blob(0));
}

RowWriter::RowWriter(Connection& db, std::uint64_t max_bytes)
    : max_bytes_(max_bytes == 0 ? UINT64_MAX : max_bytes),
      begin_(db.prepare("BEGIN IMMEDIATE")),
      commit_(db.prepare("COMMIT")),
      load_totals_(db.prepare("SELECT entries, bytes FROM totals")),
      save_totals_(db.prepare("UPDATE totals SET entries = ?1, bytes = ?2")),
      old_(db.prepare("SELECT id, length(value), expires, version FROM entries WHERE key = ?1")),
      upsert_(db.prepare(upsert_sql)),
      erase_(db.prepare(erase_sql)),
      purge_(db.prepare(purge_sql)),
      oldest_(db.prepare(oldest_sql)),
      keys_(db.prepare("SELECT key FROM entries WHERE key >= ?1 AND id <= ?2 ORDER BY key LIMIT 200")),
      last_id_(db.prepare("SELECT max(id) FROM entries")) {}

void RowWriter::begin() {
  begin_.run();
  const ResetAtEnd at_end(load_totals_);
  if (!load_totals_.step()) return;
  totals_ = {static_cast<std::uint64_t>(load_totals_.integer(0)),
             static_cast<std::uint64_t>(load_totals_.integer(1))};
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
      totals_.bytes -= row_bytes(row.key.size(), static_cast<std::size_t>(old_.integer(1)));
    } else {
      ++totals_.entries;
    }
  }
  upsert_.bind(1, row.key).bind(2, row.expires).bind(3, static_cast<std::int64_t>(row.version));
  upsert_.bind(4, row.value).run();
  totals_.bytes += row_bytes(row.key.size(), row.value.size());
  if (totals_.bytes > max_bytes_) make_room(id, now);
}

void RowWriter::make_room(std::int64_t keep_id, std::int64_t now) {
  while (totals_.bytes > max_bytes_ && purge(now) > 0) {
  }
  while (totals_.bytes > max_bytes_) {
    oldest_.bind(1, keep_id);
    const Erased erased = remove(oldest_, now);
    if (erased.rows == 0) break;
    evicted_ += erased.unexpired;
  }
}

bool RowWriter::erase(std::string_view key, std::int64_t now) {
  erase_.bind(1, key);
  return remove(erase_, now).unexpired > 0;
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

RowWriter::Erased RowWriter::remove(Statement& statement, std::int64_t now) {
  const ResetAtEnd at_end(statement);
  Erased erased;
  while (statement.step()) {
    ++erased.rows;
    if (statement.integer(1) > now) ++erased.unexpired;
    --totals_.entries;
    totals_.bytes -= row_bytes(0, static_cast<std::size_t>(statement.integer(0)));
  }
  return erased;
}

}  // namespace terrace::database
