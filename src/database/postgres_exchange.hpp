#pragma once
/// Exchange: one statement and the handling of its reply. Every operation of the tier is one exchange, or
/// several in sequence.

#include <boost/intrusive/set.hpp>
#include <list>
#include <memory>
#include <terrace/clock.hpp>

#include "database/postgres_pq.hpp"

namespace terrace::postgres {

class Exchange;
class Pipeline;
/// Waiting exchanges, or exchanges whose replies are owed. Null: given up.
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
  /// The approximate size of parameters().
  [[nodiscard]] virtual std::size_t bytes() const = 0;
  /// The most bytes that an honest reply has.
  [[nodiscard]] virtual std::uint64_t reply_limit() const = 0;
  /// Receives the rows of a successful statement. Must not call user code.
  virtual void on_rows(const PGresult& rows) = 0;
  /// Called exactly once, as the last call: null if the server has succeeded, otherwise the reason why not.
  virtual void on_end(const Error* failure) = 0;

  const TimePoint deadline;

  // Set by the client.
  Line::iterator place{};
  Pipeline* carrier = nullptr;  ///< the pipeline in whose line it is; null: not sent
};

}  // namespace terrace::postgres
