#include "database/postgres_dial.hpp"

#include <poll.h>

#include <optional>

namespace terrace::postgres {
namespace {

constexpr int oldest_server = 13'00'00;

/// One attempt: a session on its way, with a time limit on everything that waits.
class Attempt {
 public:
  Attempt(const Target& target, const Clock& clock, TimePoint deadline)
      : target_(target), clock_(clock), deadline_(deadline) {}

  Result<Session> make() {
    for (const auto step : {&Attempt::log_in, &Attempt::greet, &Attempt::prepare}) {
      if (auto failure = (this->*step)()) return std::move(*failure);
    }
    return std::move(session_);
  }

 private:
  using Failure = std::optional<Error>;

  Failure log_in() {
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (const auto& [name, value] : target_.parameters) {
      names.push_back(name.c_str());
      values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    session_.reset(PQconnectStartParams(names.data(), values.data(), 0));
    if (!session_) return Error(Errc::unavailable, "libpq is out of memory");
    PQsetNoticeProcessor(
        session_.get(), [](void*, const char*) {}, nullptr);
    PQsetErrorVerbosity(session_.get(), PQERRORS_VERBOSE);
    auto next = PQstatus(session_.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
      if (next == PGRES_POLLING_FAILED) return connect_error(*session_, target_.label);
      if (!wait_for(next == PGRES_POLLING_READING ? POLLIN : POLLOUT)) return late();
      next = PQconnectPoll(session_.get());
    }
    PQsetErrorVerbosity(session_.get(), PQERRORS_DEFAULT);
    PQsetnonblocking(session_.get(), 1);
    if (PQserverVersion(session_.get()) >= oldest_server) return std::nullopt;
    return Error(Errc::incompatible, "PostgreSQL " + target_.label + " is older than 13");
  }

  Failure greet() {
    bool table_exists = false;
    if (auto failure = run(target_.greeting, &table_exists)) return failure;
    if (table_exists) return std::nullopt;
    if (target_.create_table) return run(target_.make_table);
    return Error(Errc::incompatible,
                 "PostgreSQL " + target_.label +
                     " does not have the table, and PostgresOptions::create_table is off: "
                     "make it as terrace/postgres.hpp says");
  }

  Failure prepare() {
    if (auto failure = run(target_.prepare)) return failure;
    if (PQenterPipelineMode(session_.get()) == 1) return std::nullopt;
    return connect_error(*session_, target_.label);
  }

  /// Several statements in one; `answer` is the truth of the last one's first column.
  Failure run(const std::string& sql, bool* answer = nullptr) {
    if (PQsendQuery(session_.get(), sql.c_str()) != 1) return connect_error(*session_, target_.label);
    Failure failure;
    while (true) {
      while (PQisBusy(session_.get()) == 1) {
        const int unsent = PQflush(session_.get());
        if (unsent < 0) return connect_error(*session_, target_.label);
        if (!wait_for(unsent > 0 ? POLLIN | POLLOUT : POLLIN)) return late();
        if (PQconsumeInput(session_.get()) != 1) return connect_error(*session_, target_.label);
      }
      const Reply reply(PQgetResult(session_.get()));
      if (!reply) return failure;
      const auto status = PQresultStatus(reply.get());
      if (status == PGRES_TUPLES_OK && answer != nullptr) *answer = bytes_at(*reply, 0, 0) == "t";
      if (status == PGRES_FATAL_ERROR && !failure) failure = server_error(*reply, target_.label);
    }
  }

  bool wait_for(int events) {
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock_.now()).count();
      if (left <= 0) return false;
      pollfd socket{PQsocket(session_.get()), static_cast<short>(events), 0};
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
  Session session_;
};

}  // namespace

Result<Session> dial(const Target& target, const Clock& clock, TimePoint deadline) {
  return Attempt(target, clock, deadline).make();
}

}  // namespace terrace::postgres
