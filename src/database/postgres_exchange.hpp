#pragma once
/// Exchange: one statement and what becomes of its reply. Every operation of the tier is one, or several in a
/// row.

#include <boost/intrusive/set.hpp>
#include <list>
#include <memory>
#include <terrace/clock.hpp>

#include "database/postgres_pq.hpp"

namespace terrace::postgres {

class Exchange;
class Pipeline;
/// Those that wait, or those whose replies are owed. Null: given up.
using Line = std::list<std::unique_ptr<Exchange>>;

class Exchange
    : public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>> {
 public:
  explicit Exchange(TimePoint by) : deadline(by) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange() = default;

  [[nodiscard]] virtual const char* statement() const = 0;
  [[nodiscard]] virtual Parameters parameters() const = 0;
  /// About what parameters() will take.
  [[nodiscard]] virtual std::size_t bytes() const = 0;
  /// The rows of a statement that succeeded. Must not call out to users.
  virtual void on_rows(const PGresult& rows) = 0;
  /// Called exactly once, as the last thing: null when the server has done it, else why not.
  virtual void on_end(const Error* failure) = 0;

  const TimePoint deadline;

  // Kept by the client.
  Line::iterator place{};
  Pipeline* carrier = nullptr;  ///< in whose line it is; null: not sent
};

}  // namespace terrace::postgres
