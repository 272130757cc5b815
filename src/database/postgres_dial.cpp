#include "database/postgres_dial.hpp"

#include <poll.h>

#include <memory>
#include <optional>

#include "database/postgres_received.hpp"

namespace terrace::postgres {
namespace {

constexpr int oldest_server = 13'00'00;
/// By the server until the session is ready; it has a few KiB to say.
constexpr std::uint64_t most_received = 4 << 20;
constexpr const char* backend_sql = "SELECT pg_catalog.pg_backend_pid()";

using Failure = std::optional<Error>;

/// A session being made, with a time limit on every wait.
class NewSession {
 public:
  NewSession(const Target& target, const Clock& clock, TimePoint deadline)
      : target_(target), clock_(clock), deadline_(deadline) {}

  Session session;  // none before log_in()

  Failure log_in() {
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (const auto& [name, value] : target_.parameters) {
      names.push_back(name.c_str());
      values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    session.reset(PQconnectStartParams(names.data(), values.data(), 0));
    if (!session) return Error(Errc::unavailable, "libpq is out of memory");
    PQsetNoticeProcessor(
        session.get(), [](void*, const char*) {}, nullptr);
    PQsetErrorVerbosity(session.get(), PQERRORS_VERBOSE);
    auto next = PQstatus(session.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
      if (next == PGRES_POLLING_FAILED) return connect_error(*session, target_.label);
      if (!wait_for(next == PGRES_POLLING_READING ? POLLIN : POLLOUT)) return late();
      next = PQconnectPoll(session.get());
    }
    PQsetErrorVerbosity(session.get(), PQERRORS_DEFAULT);
    PQsetnonblocking(session.get(), 1);
    if (PQserverVersion(session.get()) >= oldest_server) return std::nullopt;
    return Error(Errc::incompatible, "PostgreSQL " + target_.label + " is older than 13");
  }

  /// Runs several statements in one; `answer` is the first column of the last one, empty for null.
  Failure run(const std::string& sql, std::string* answer = nullptr) {
    if (PQsendQuery(session.get(), sql.c_str()) != 1) return connect_error(*session, target_.label);
    Failure failure;
    while (true) {
      while (PQisBusy(session.get()) == 1) {
        const int unsent = PQflush(session.get());
        if (unsent < 0) return connect_error(*session, target_.label);
        if (!wait_for(unsent > 0 ? POLLIN | POLLOUT : POLLIN)) return late();
        if (received_bytes(PQsocket(session.get())) > most_received) {
          return Error(Errc::corrupt, "PostgreSQL " + target_.label +
                                          " sends more than a server has to say at the "
                                          "beginning of a session");
        }
        if (PQconsumeInput(session.get()) != 1) return connect_error(*session, target_.label);
      }
      const Reply reply(PQgetResult(session.get()));
      if (!reply) return failure;
      const auto status = PQresultStatus(reply.get());
      if (status == PGRES_TUPLES_OK && answer != nullptr && PQntuples(reply.get()) > 0) {
        *answer = bytes_at(*reply, 0, 0);
      }
      if (status == PGRES_FATAL_ERROR && !failure) failure = server_error(*reply, target_.label);
    }
  }

 private:
  bool wait_for(int events) {
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock_.now()).count();
      if (left <= 0) return false;
      pollfd socket{PQsocket(session.get()), static_cast<short>(events), 0};
      constexpr std::int64_t longest = 60'000;
      if (::poll(&socket, 1, static_cast<int>(std::min<std::int64_t>(left, longest))) > 0) return true;
    }
  }

  [[nodiscard]] Error late() const {
    return {Errc::unavailable,
            "cannot connect to PostgreSQL " + target_.label + ": no answer within the connect time limit"};
  }

  const Target& target_;
  const Clock& clock_;
  const TimePoint deadline_;
};

/// One attempt to make a session and to set it up.
class Attempt {
 public:
  Attempt(const Target& target, const Clock& clock, TimePoint deadline)
      : target_(target), clock_(clock), deadline_(deadline), made_(target, clock, deadline) {}

  Result<Session> make() {
    if (auto failure = made_.log_in()) return std::move(*failure);
    for (const auto step :
         {&Attempt::refuse_shared_session, &Attempt::greet, &Attempt::find_table, &Attempt::prepare}) {
      if (auto failure = (this->*step)()) return std::move(*failure);
    }
    return std::move(made_.session);
  }

 private:
  /// Before anything is set in the session: a pooler that lends a session to several clients by turns (PgBouncer:
  /// pool_mode=transaction) would give our settings to other programs, and their sessions to us. A pooler or a
  /// proxy gives numbers of its own to the sessions of its clients. Then a second client shows whether it gets the
  /// same session, which is idle; or others do, and the first gets another one.
  Failure refuse_shared_session() {
    std::string mine, theirs, still_mine;
    if (auto failure = made_.run(backend_sql, &mine)) return failure;
    if (mine == std::to_string(PQbackendPID(made_.session.get()))) return std::nullopt;
    NewSession other(target_, clock_, clock_.now() + (deadline_ - clock_.now()) / 2);
    // A failure: there are no more sessions, as in pool_mode=session with a small pool.
    if (other.log_in() || other.run(backend_sql, &theirs)) theirs.clear();
    if (auto failure = made_.run(backend_sql, &still_mine)) return failure;
    if (mine == still_mine && mine != theirs) return std::nullopt;
    return Error(Errc::incompatible,
                 "PostgreSQL " + target_.label +
                     ": a pooler stands in between that shares a session among clients (PgBouncer with "
                     "pool_mode=transaction or statement). Connect to the server itself, or to a pool with "
                     "pool_mode=session: terrace sets its sessions up, and that would reach other programs");
  }

  Failure greet() {
    if (auto failure = made_.run(target_.greeting)) return failure;
    std::string schema = target_.schema;
    if (schema.empty()) {
      if (auto failure = made_.run(target_.find_schema, &schema)) return failure;
    }
    if (auto failure = made_.run(target_.close_path)) return failure;
    if (schema.empty()) {
      return Error(Errc::denied, "PostgreSQL " + target_.label +
                                     ": the search_path of the role names no schema that exists; name one "
                                     "in PostgresOptions::table");
    }
    const auto quoted = [&](const std::string& text, auto quote) {
      const std::unique_ptr<char, void (*)(void*)> out(quote(made_.session.get(), text.data(), text.size()),
                                                       PQfreemem);
      return std::string(out ? out.get() : "");
    };
    table_ = quoted(schema, PQescapeIdentifier) + "." + quoted(target_.table, PQescapeIdentifier);
    table_name_ = quoted(table_, PQescapeLiteral);
    return std::nullopt;
  }

  Failure find_table() {
    std::string exists;
    if (auto failure = on_table(target_.table_exists, &exists)) return failure;
    if (exists == "t") return look_at_table();
    if (!target_.create_table) {
      return Error(Errc::incompatible,
                   "PostgreSQL " + target_.label +
                       " does not have the table, and PostgresOptions::create_table is off: "
                       "create it as described in terrace/postgres.hpp");
    }
    for (const auto step : {&Attempt::begin_table, &Attempt::look_at_table, &Attempt::end_table}) {
      if (auto failure = (this->*step)()) return failure;
    }
    return std::nullopt;
  }

  Failure begin_table() { return on_table(target_.begin_table); }
  Failure end_table() { return on_table(target_.end_table); }

  Failure look_at_table() {
    std::string why;
    if (auto failure = on_table(target_.objection, &why)) return failure;
    if (why.empty()) return std::nullopt;
    return Error(Errc::denied,
                 "PostgreSQL " + target_.label + ": the table " + one_line(table_) + " " + one_line(why) +
                     ": objects that others attach to a table run with the rights of this role. Drop "
                     "the table, or make this role its owner (ALTER TABLE … OWNER TO), with nothing "
                     "but the layout in terrace/postgres.hpp; or name another one in PostgresOptions::table");
  }

  Failure prepare() {
    if (auto failure = on_table(target_.prepare)) return failure;
    if (PQenterPipelineMode(made_.session.get()) == 1) return std::nullopt;
    return connect_error(*made_.session, target_.label);
  }

  Failure on_table(const std::string& sql, std::string* answer = nullptr) {
    return made_.run(postgres::on_table(sql, table_, table_name_), answer);
  }

  const Target& target_;
  const Clock& clock_;
  const TimePoint deadline_;
  NewSession made_;
  std::string table_;       // with its schema, quoted
  std::string table_name_;  // the same as a literal
};

}  // namespace

Result<Session> dial(const Target& target, const Clock& clock, TimePoint deadline) {
  return Attempt(target, clock, deadline).make();
}

}  // namespace terrace::postgres
