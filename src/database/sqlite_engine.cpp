#include "database/sqlite_engine.hpp"

#include <algorithm>
#include <mutex>

#include "base/assert.hpp"
#include "base/fork.hpp"

namespace terrace::database {
namespace {

/// How long a slice of a bulk delete delays the writes behind it.
constexpr Duration slice = std::chrono::milliseconds(5);
/// How often a file that cannot be opened is tried again, and one that was locked.
constexpr Duration retry_after = std::chrono::seconds(1);
constexpr Duration retry_locked_after = std::chrono::milliseconds(100);
/// How often the path and the tables are looked at: others may have changed them.
constexpr Duration look_every = std::chrono::seconds(1);
/// A statement may run for a second also if its caller has no time, so that a slow disk does not prevent every
/// write; and no longer than this if its caller has all the time.
constexpr Duration least_time = std::chrono::seconds(1);
constexpr Duration most_time = std::chrono::seconds(30);

TimePoint give_up_at(TimePoint deadline) noexcept {
  const TimePoint now = system_clock().now();
  return std::clamp(deadline, now + least_time, now + most_time);
}

/// A write transaction that is undone unless committed.
class Transaction {
 public:
  Transaction(Connection& db, RowWriter& rows) : db_(db), rows_(rows) { rows_.begin(); }
  ~Transaction() { db_.rollback(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() { rows_.commit(); }

 private:
  Connection& db_;
  RowWriter& rows_;
};

/// One state of the file for all reads in a scope.
class Snapshot {
 public:
  Snapshot(Connection& db, RowReader& rows) : db_(db) { rows.begin(); }
  ~Snapshot() { db_.rollback(); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  Connection& db_;
};

Result<bool> apply(RowWriter& rows, WriteCall::Kind kind, const WriteCall::Item& item, std::int64_t now) {
  if (item.key.refused) return *item.key.refused;
  if (kind == WriteCall::Kind::erase) return rows.erase(item.key.bytes, now);
  const RowWriter::Row row{item.key.bytes, item.value, item.expires, item.version};
  if (kind == WriteCall::Kind::compare_and_set) return rows.compare_and_set(item.expected, row, now);
  rows.set(row, now);
  return false;
}

}  // namespace

/// A connection, and what its tables were when it last looked.
struct Engine::Side {
  explicit Side(std::unique_ptr<Connection> opened) : db(std::move(opened)) {
    if (db == nullptr) return;
    schema_version = db->integer("PRAGMA schema_version");
    next_look = system_clock().now() + look_every;
  }

  /// Throws a SqliteFault that means damage if someone has changed the tables.
  void look_at_tables() {
    const TimePoint now = system_clock().now();
    if (now < next_look) return;
    next_look = now + look_every;
    try {
      const std::int64_t version = db->integer("PRAGMA schema_version");
      if (version == schema_version) return;
      require_own_layout(*db);
      schema_version = version;
    } catch (const SqliteFault& fault) {
      if (!fault.means_busy()) throw;
    }
  }

  std::unique_ptr<Connection> db;
  std::int64_t schema_version = 0;
  TimePoint next_look{};
};

struct Engine::Session {
  Session(const SqliteOptions& options, const std::atomic<bool>& closing)
      : write(options.read_only ? nullptr : open_file(options, closing)),
        read(open_file(options, closing)),
        reader(*read.db, options.max_value_bytes),
        identity(identity_of(options.path)) {
    // Read without a write transaction: another process may be writing.
    Statement load_totals = read.db->prepare(load_totals_sql);
    totals = read_totals(load_totals);
    if (write.db != nullptr) writer.emplace(*write.db, options.max_bytes);
  }

  /// For a file that is damaged or no longer at its path: its WAL is not ours to change.
  void keep_wal_on_close() noexcept {
    if (write.db != nullptr) write.db->keep_wal_on_close();
    read.db->keep_wal_on_close();
  }

  Side write;  // without a connection if the file is only read
  Side read;
  RowReader reader;
  std::optional<RowWriter> writer;
  FileIdentity identity;
  Totals totals;  // when it was opened
};

Engine::Engine(SqliteOptions options, const std::atomic<bool>& closing)
    : options_(std::move(options)), closing_(closing) {
  check_options(options_);
  const WriteAtEnd lines(log_);
  const NoForkMeanwhile whole;  // SQLite has global locks
  try {
    open();
  } catch (const SqliteFault& fault) {
    if (!fault.means_busy()) refuse(fault.what());
    broken(fault.error(options_.path));
    next_attempt_ = system_clock().now() + retry_locked_after;
  } catch (const std::filesystem::filesystem_error& error) {
    refuse(std::string("is damaged and cannot be renamed: ") + error.what());
  }
}

void Engine::refuse(const std::string& why) const {
  throw ConfigError("SqliteOptions::path " + options_.path.string() + " cannot be opened: " + why);
}

Engine::~Engine() {
  const NoForkMeanwhile whole;
  session_.reset();
}

std::int64_t Engine::now() const noexcept {
  return options_.clock->wall_now().time_since_epoch().count();
}

void Engine::say(const std::string& what) {
  log_.add("SQLite " + options_.path.string() + " " + what);
}

void Engine::broken(Error why) {
  broken_ = Error(Errc::unavailable, std::move(why.context));
  if (!std::exchange(away_, true)) say("is away: " + broken_.context);
}

void Engine::set_aside(FileIdentity damaged, const std::string& why) {
  const auto renamed = put_aside(options_.path, damaged);
  ++quarantined_;
  say("is replaced by an empty cache: " + why +
      (renamed.empty() ? "; another process has renamed it" : "; it was renamed to " + renamed.string()));
}

/// Opens the file; replaces a damaged one by a new one.
void Engine::open() {
  const FileIdentity found = identity_of(options_.path);
  try {
    session_ = std::make_unique<Session>(options_, closing_);
  } catch (const SqliteFault& fault) {
    if (!fault.means_damage() || options_.read_only) throw;
    set_aside(found, fault.what());
    session_ = std::make_unique<Session>(options_, closing_);
  }
  TERRACE_ASSERT(session_);
  ++session_number_;
  open_ = true;
  entries_ = session_->totals.entries;
  bytes_ = session_->totals.bytes;
  if (std::exchange(away_, false)) say("is back");
}

void Engine::end_session() noexcept {
  session_->keep_wal_on_close();
  session_.reset();
  open_ = false;
}

void Engine::try_open() {
  next_attempt_ = system_clock().now() + retry_after;
  try {
    open();
  } catch (const SqliteFault& fault) {
    broken(fault.error(options_.path));
    if (fault.means_busy()) next_attempt_ = system_clock().now() + retry_locked_after;
  } catch (const std::exception& error) {
    broken(Error(Errc::unavailable, error.what()));
  }
}

/// The session's file is damaged: moves it aside and makes a new one. The caller holds the mutex exclusively.
void Engine::put_session_aside(const std::string& why) {
  TERRACE_ASSERT(session_);
  const FileIdentity damaged = session_->identity;
  end_session();
  try {
    if (!options_.read_only) set_aside(damaged, why);
    try_open();
  } catch (const std::filesystem::filesystem_error& error) {
    broken(Error(Errc::unavailable, std::string("a damaged cache file cannot be renamed: ") + error.what()));
  }
}

void Engine::recover(const SqliteFault& fault, std::uint64_t session_number) {
  if (!fault.means_damage()) return;
  std::unique_lock lock(session_mutex_);
  if (session_ != nullptr && session_number_ == session_number) put_session_aside(fault.what());
}

/// Runs the work on the session, concurrently with other threads. Error: it failed and left no effect.
template <class Work>
std::optional<Error> Engine::with_session(Side Session::*side, Work&& work) {
  std::shared_lock lock(session_mutex_);
  if (session_ == nullptr) {
    lock.unlock();
    {
      std::unique_lock alone(session_mutex_);
      if (session_ == nullptr && system_clock().now() >= next_attempt_) try_open();
    }
    lock.lock();
    if (session_ == nullptr) return broken_;
  }
  const std::uint64_t number = session_number_;
  try {
    Side& used = (*session_).*side;
    used.db->give_up_at(give_up_at(no_deadline));
    used.look_at_tables();
    work(*session_);
    return std::nullopt;
  } catch (const SqliteFault& fault) {
    lock.unlock();
    recover(fault, number);
    if (closing_ && (fault.means_busy() || fault.means_interrupted()))
      return Error(Errc::shutdown, "the tier was closed");
    return fault.error(options_.path);
  }
}

template <class Work>
std::optional<Error> Engine::in_transaction(Work&& work) {
  return with_session(&Session::write, [&](Session& session) {
    RowWriter& rows = *session.writer;
    const std::uint64_t evicted_before = rows.evicted();
    Transaction transaction(*session.write.db, rows);
    work(rows, *session.write.db);
    transaction.commit();
    entries_ = rows.totals().entries;
    bytes_ = rows.totals().bytes;
    evicted_ += rows.evicted() - evicted_before;
    ++transactions_;
  });
}

std::vector<ReadCall::Results> Engine::read(std::span<const std::shared_ptr<ReadCall>> calls) {
  const WriteAtEnd lines(log_);
  const NoForkMeanwhile whole;
  follow_path();
  std::vector<ReadCall::Results> all(calls.size());
  const std::optional<Error> error = with_session(&Session::read, [&](Session& session) {
    const Snapshot snapshot(*session.read.db, session.reader);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (calls[i]->claimed()) continue;
      session.read.db->give_up_at(give_up_at(calls[i]->deadline));
      all[i].reserve(calls[i]->keys.size());
      for (const Checked& key : calls[i]->keys) {
        if (key.refused) {
          all[i].emplace_back(*key.refused);
        } else {
          all[i].emplace_back(session.reader.find(key.bytes, now()));
        }
      }
    }
  });
  if (!error) return all;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    // Results read before the failure are valid.
    for (std::size_t k = all[i].size(); k < calls[i]->keys.size(); ++k) {
      const auto& refused = calls[i]->keys[k].refused;
      all[i].emplace_back(refused ? *refused : *error);
    }
  }
  return all;
}

std::vector<WriteCall::Results> Engine::write(std::span<const std::shared_ptr<WriteCall>> calls) {
  const WriteAtEnd lines(log_);
  const NoForkMeanwhile whole;
  follow_path();
  std::vector<WriteCall::Results> all(calls.size());
  const auto together = [&](RowWriter& rows, Connection& db) {
    for (std::size_t i = 0; i < calls.size(); ++i) {
      all[i].clear();
      if (calls[i]->claimed()) continue;
      db.give_up_at(give_up_at(calls[i]->deadline));
      for (const WriteCall::Item& item : calls[i]->items) {
        all[i].push_back(apply(rows, calls[i]->kind, item, now()));
      }
    }
  };
  std::optional<Error> error = options_.read_only ? read_only_error() : in_transaction(together);
  if (error && *error == Errc::corrupt) error = in_transaction(together);  // on the new file
  if (!error) return all;

  for (std::size_t i = 0; i < calls.size(); ++i) {
    const bool pointless = *error == Errc::unavailable || *error == Errc::shutdown ||
                           (options_.read_only && *error == Errc::denied);
    all[i].clear();
    if (calls[i]->claimed()) continue;
    if (!pointless) {
      all[i] = write_singly(*calls[i]);
      continue;
    }
    for (const auto& item : calls[i]->items)
      all[i].emplace_back(item.key.refused ? *item.key.refused : *error);
  }
  return all;
}

/// Writes each item separately, so that one that fails (no space) does not make the others fail.
WriteCall::Results Engine::write_singly(const WriteCall& call) {
  WriteCall::Results results;
  results.reserve(call.items.size());
  for (const WriteCall::Item& item : call.items) {
    Result<bool> result = false;
    const auto alone = [&](RowWriter& rows, Connection& db) {
      db.give_up_at(give_up_at(call.deadline));
      result = apply(rows, call.kind, item, now());
    };
    std::optional<Error> error = in_transaction(alone);
    if (error && call.kind == WriteCall::Kind::erase && *error == Errc::io_error) {
      // Erasing appends to the WAL as well. Emptying the WAL makes the space that it needs.
      (void)with_session(&Session::write, [](Session& session) {
        session.write.db->execute("PRAGMA wal_checkpoint(TRUNCATE)");
      });
      error = in_transaction(alone);
    }
    results.push_back(error ? Result<bool>(*error) : result);
  }
  return results;
}

Result<bool> Engine::sweep(SweepCall& call) {
  const WriteAtEnd lines(log_);
  const NoForkMeanwhile whole;
  follow_path();
  if (options_.read_only) return read_only_error();
  bool finished = false;
  std::uint64_t purged = 0;
  const TimePoint end = system_clock().now() + slice;
  const std::optional<Error> error = in_transaction([&](RowWriter& rows, Connection&) {
    if (!call.progress) call.progress = RowWriter::Sweep{call.prefix, call.pattern, rows.last_id()};
    while (!finished && system_clock().now() < end) {
      if (call.is_purge()) {
        const std::uint64_t step = rows.purge(now());
        purged += step;
        finished = step == 0;
      } else {
        finished = !rows.step(*call.progress, now());
      }
    }
  });
  if (error) return *error;
  purged_ += purged;
  return finished;
}

void Engine::follow_path() {
  const TimePoint now = system_clock().now();
  TimePoint due = next_look_;
  if (now < due || !next_look_.compare_exchange_strong(due, now + look_every)) return;
  const auto in_place = [this] {
    return session_ == nullptr || session_->identity == identity_of(options_.path);
  };
  {
    std::shared_lock lock(session_mutex_);
    if (in_place()) return;
  }
  std::unique_lock lock(session_mutex_);
  if (in_place()) return;
  end_session();
  ++reopened_;
  say("was removed or replaced: the file at this path is opened");
  try_open();
}

Error Engine::read_only_error() const {
  return {Errc::denied, "sqlite " + options_.path.string() + ": opened only to read (read_only, mode=ro)"};
}

SqliteStats Engine::stats() const noexcept {
  return {.quarantined = quarantined_,
          .reopened = reopened_,
          .evicted = evicted_,
          .purged = purged_,
          .transactions = transactions_};
}

}  // namespace terrace::database
