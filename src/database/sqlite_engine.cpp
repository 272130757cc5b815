#include "database/sqlite_engine.hpp"

#include <mutex>

#include "base/assert.hpp"
#include "base/fork.hpp"

namespace terrace::database {
namespace {

/// How long a slice of a bulk delete delays the writes behind it.
constexpr Duration slice = std::chrono::milliseconds(5);
/// How often a file that cannot be opened is tried again.
constexpr Duration retry_after = std::chrono::seconds(1);

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

Result<bool> apply(RowWriter& rows, bool erase, const WriteCall::Item& item, std::int64_t now) {
  if (item.key.refused) return *item.key.refused;
  if (erase) return rows.erase(item.key.bytes, now);
  rows.set({item.key.bytes, item.value, item.expires, item.version}, now);
  return false;
}

}  // namespace

struct Engine::Session {
  Session(const SqliteOptions& options, const std::atomic<bool>& closing)
      : write_db(open_file(options, closing)),
        read_db(open_file(options, closing)),
        reader(*read_db),
        writer(*write_db, options.max_bytes),
        identity(identity_of(options.path)) {}

  std::unique_ptr<Connection> write_db;
  std::unique_ptr<Connection> read_db;
  RowReader reader;
  RowWriter writer;
  FileIdentity identity;
};

Engine::Engine(SqliteOptions options, const std::atomic<bool>& closing)
    : options_(std::move(options)), closing_(closing) {
  check_options(options_);
  const NoForkMeanwhile whole;  // SQLite has global locks
  try {
    open();
  } catch (const SqliteFault& fault) {
    throw ConfigError("SqliteOptions::path " + options_.path.string() + " cannot be opened: " + fault.what());
  }
}

Engine::~Engine() {
  const NoForkMeanwhile whole;
  session_.reset();
}

std::int64_t Engine::now() const noexcept {
  return options_.clock->wall_now().time_since_epoch().count();
}

/// Opens the file; replaces a damaged one by a new one.
void Engine::open() {
  const FileIdentity found = identity_of(options_.path);
  try {
    session_ = std::make_unique<Session>(options_, closing_);
  } catch (const SqliteFault& fault) {
    if (!fault.means_damage()) throw;
    put_aside(options_.path, found);
    ++quarantined_;
    session_ = std::make_unique<Session>(options_, closing_);
  }
  TERRACE_ASSERT(session_);
  ++session_number_;
  RowWriter& rows = session_->writer;
  const Transaction totals_only(*session_->write_db, rows);
  entries_ = rows.totals().entries;
  bytes_ = rows.totals().bytes;
}

void Engine::try_open() {
  next_attempt_ = system_clock().now() + retry_after;
  try {
    open();
  } catch (const SqliteFault& fault) {
    broken_ = Error(Errc::unavailable, fault.error(options_.path).context);
  } catch (const std::exception& error) {
    broken_ = Error(Errc::unavailable, error.what());
  }
}

/// The session's file is damaged: moves it aside and makes a new one. The caller holds the mutex exclusively.
void Engine::put_session_aside() {
  TERRACE_ASSERT(session_);
  const FileIdentity damaged = session_->identity;
  session_->write_db->keep_wal_on_close();
  session_->read_db->keep_wal_on_close();
  session_.reset();
  try {
    put_aside(options_.path, damaged);
    ++quarantined_;
    try_open();
  } catch (const std::filesystem::filesystem_error& error) {
    broken_ =
        Error(Errc::unavailable, std::string("a damaged cache file cannot be renamed: ") + error.what());
  }
}

void Engine::recover(const SqliteFault& fault, std::uint64_t session_number) {
  if (!fault.means_damage()) return;
  std::unique_lock lock(session_mutex_);
  if (session_ != nullptr && session_number_ == session_number) put_session_aside();
}

/// Runs the work on the session, concurrently with other threads. Error: it failed and left no effect.
template <class Work>
std::optional<Error> Engine::with_session(Work&& work) {
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
    work(*session_);
    return std::nullopt;
  } catch (const SqliteFault& fault) {
    lock.unlock();
    recover(fault, number);
    if (closing_ && fault.means_busy()) return Error(Errc::shutdown, "the tier was closed");
    return fault.error(options_.path);
  }
}

template <class Work>
std::optional<Error> Engine::in_transaction(Work&& work) {
  return with_session([&](Session& session) {
    const std::uint64_t evicted_before = session.writer.evicted();
    Transaction transaction(*session.write_db, session.writer);
    work(session.writer);
    transaction.commit();
    entries_ = session.writer.totals().entries;
    bytes_ = session.writer.totals().bytes;
    evicted_ += session.writer.evicted() - evicted_before;
    ++transactions_;
  });
}

std::vector<ReadCall::Results> Engine::read(std::span<const std::shared_ptr<ReadCall>> calls) {
  const NoForkMeanwhile whole;
  std::vector<ReadCall::Results> all(calls.size());
  const std::optional<Error> error = with_session([&](Session& session) {
    const Snapshot snapshot(*session.read_db, session.reader);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (calls[i]->claimed()) continue;
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
  const NoForkMeanwhile whole;
  std::vector<WriteCall::Results> all(calls.size());
  const auto together = [&](RowWriter& rows) {
    for (std::size_t i = 0; i < calls.size(); ++i) {
      all[i].clear();
      if (calls[i]->claimed()) continue;
      for (const WriteCall::Item& item : calls[i]->items) {
        all[i].push_back(apply(rows, calls[i]->erase, item, now()));
      }
    }
  };
  std::optional<Error> error = in_transaction(together);
  if (error && *error == Errc::corrupt) error = in_transaction(together);  // on the new file
  if (!error) return all;

  for (std::size_t i = 0; i < calls.size(); ++i) {
    const bool pointless = *error == Errc::unavailable || *error == Errc::shutdown;
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
    const auto alone = [&](RowWriter& rows) { result = apply(rows, call.erase, item, now()); };
    std::optional<Error> error = in_transaction(alone);
    if (error && call.erase && *error == Errc::io_error) {
      // Erasing appends to the WAL as well. Emptying the WAL makes the space that it needs.
      (void)with_session(
          [](Session& session) { session.write_db->execute("PRAGMA wal_checkpoint(TRUNCATE)"); });
      error = in_transaction(alone);
    }
    results.push_back(error ? Result<bool>(*error) : result);
  }
  return results;
}

Result<bool> Engine::sweep(SweepCall& call) {
  const NoForkMeanwhile whole;
  bool finished = false;
  std::uint64_t purged = 0;
  const TimePoint end = system_clock().now() + slice;
  const std::optional<Error> error = in_transaction([&](RowWriter& rows) {
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
  const NoForkMeanwhile whole;
  std::unique_lock lock(session_mutex_);
  if (session_ != nullptr && session_->identity == identity_of(options_.path)) return;
  session_.reset();
  try_open();
}

SqliteStats Engine::stats() const noexcept {
  return {.quarantined = quarantined_, .evicted = evicted_, .purged = purged_, .transactions = transactions_};
}

}  // namespace terrace::database
