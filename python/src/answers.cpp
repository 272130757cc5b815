#include "answers.hpp"

#include "errors.hpp"
#include "options.hpp"
#include "sentinels.hpp"

namespace terrace::python {
namespace {

nb::object exception(const Error& error) {
  nb::object made = nb::steal(exception_of(error));
  if (!made.is_valid()) throw nb::python_error();
  return made;
}

nb::object maybe_seconds(std::optional<Duration> time) {
  return time ? nb::object(nb::float_(seconds(*time))) : nb::none();
}

/// The exception that makes a value unreadable stands in its place.
nb::object answer_of(const cascade::Answer& answer, const Memory& memory, const cascade::Engine& engine) {
  std::string_view kind = to_string(answer.kind);
  nb::object value = nb::none(), error = nb::none(), remaining = nb::none();
  double age = 0;
  const bool holds = answer.kind == LookupKind::hit || answer.kind == LookupKind::stale;
  if (holds) {
    value = nb::steal(static_cast<const Value*>(answer.entry.value.get())->resolve(memory.codec()));
    if (!value.is_valid()) {
      // Ctrl-C, and the like: the caller's, whatever is being decoded.
      if (PyErr_ExceptionMatches(PyExc_Exception) == 0) throw nb::python_error();
      error = exception(take_python_error(Errc::corrupt));
      value = nb::none();
      kind = "unreadable";
    }
  }
  if (answer.kind == LookupKind::unavailable) error = exception(answer.error);
  if (holds || answer.kind == LookupKind::negative) {
    const TimePoint now = memory.now();
    age = seconds(now - answer.entry.created);
    const auto ends = answer.kind == LookupKind::stale ? answer.entry.gone() : answer.entry.fresh_until;
    if (ends) remaining = nb::float_(seconds(*ends - now));
  }
  std::string_view level;
  if (holds || answer.kind == LookupKind::negative) level = engine.level_name(answer.level);
  return nb::make_tuple(nb::str(kind.data(), kind.size()), value, nb::str(level.data(), level.size()), age,
                        remaining, answer.joined, error);
}

struct ToPython {
  const Memory& memory;
  const cascade::Engine& engine;

  nb::object operator()(const std::vector<cascade::Answer>& answers) const {
    nb::list out;
    for (const auto& answer : answers) out.append(answer_of(answer, memory, engine));
    return out;
  }
  nb::object operator()(const std::vector<Result<void>>& outcomes) const {
    nb::list out;
    for (const auto& outcome : outcomes) out.append(outcome ? nb::none() : exception(outcome.error()));
    return out;
  }
  nb::object operator()(const std::vector<Result<bool>>& outcomes) const {
    nb::list out;
    for (const auto& outcome : outcomes)
      out.append(outcome ? nb::object(nb::bool_(*outcome)) : exception(outcome.error()));
    return out;
  }
  nb::object operator()(const Result<void>& outcome) const {
    require(outcome);
    return nb::none();
  }
  nb::object operator()(const Result<std::uint64_t>& outcome) const {
    require(outcome);
    return nb::int_(*outcome);
  }
  nb::object operator()(const Result<Explanation>& outcome) const {
    require(outcome);
    nb::list levels;
    for (const auto& level : outcome->levels) {
      const auto kind = to_string(level.kind);
      levels.append(nb::make_tuple(level.level, nb::str(kind.data(), kind.size()), seconds(level.age),
                                   maybe_seconds(level.remaining), level.bytes, level.note));
    }
    return nb::make_tuple(levels, outcome->in_flight, outcome->to_string());
  }

  nb::object operator()(const WarmReport& report) const {
    nb::list failures;
    for (const auto& failure : report.failures) {
      failures.append(nb::make_tuple(nb::bytes(failure.key.data(), failure.key.size()), failure.attempts,
                                     exception(failure.error)));
    }
    return nb::make_tuple(report.total, report.warmed, report.present, report.absent, report.failed,
                          report.skipped, seconds(report.elapsed), failures);
  }

 private:
  template <class T>
  static void require(const Result<T>& outcome) {
    if (outcome) return;
    raise(outcome.error());
    throw nb::python_error();
  }
};

nb::dict level_of(const LevelStats& level) {
  nb::dict out;
  out["name"] = level.name;
  out["hits"] = level.hits;
  out["stale_hits"] = level.stale_hits;
  out["negative_hits"] = level.negative_hits;
  out["misses"] = level.misses;
  out["errors"] = level.errors;
  out["unreadable"] = level.unreadable;
  out["entries"] = level.entries;
  out["bytes"] = level.bytes;
  out["evictions"] = level.evictions;
  out["expirations"] = level.expirations;
  out["invalidated"] = level.invalidated;
  out["replaced"] = level.replaced;
  out["p50"] = seconds(level.p50);
  out["p99"] = seconds(level.p99);
  out["reachable"] = level.reachable;
  out["breaker_open"] = level.breaker_open;
  return out;
}

}  // namespace

nb::object outcome_of(Outcome outcome, const Memory& memory, const cascade::Engine& engine) {
  return std::visit(ToPython{memory, engine}, outcome);
}

nb::object value_of(Outcome outcome, const Memory& memory, nb::handle key) {
  const auto& answer = std::get<std::vector<cascade::Answer>>(outcome).front();
  if (answer.kind == LookupKind::hit || answer.kind == LookupKind::stale) {
    nb::object value =
        nb::steal(static_cast<const Value*>(answer.entry.value.get())->resolve(memory.codec()));
    if (value.is_valid()) return value;
    if (PyErr_ExceptionMatches(sentinels().decode_error) == 0) throw nb::python_error();
    PyErr_Clear();
    return nb::borrow(sentinels().miss);
  }
  const bool unavailable = answer.kind == LookupKind::unavailable;
  raise(unavailable ? answer.error : Error(Errc::not_found, nb::cast<std::string>(nb::repr(key))));
  throw nb::python_error();
}

nb::dict stats_of(const CacheStats& stats) {
  nb::dict out;
  nb::list levels;
  for (const auto& level : stats.levels) levels.append(level_of(level));
  out["levels"] = levels;
  out["loads"] = stats.loads;
  out["load_failures"] = stats.load_failures;
  out["loads_in_flight"] = stats.loads_in_flight;
  out["joined"] = stats.joined;
  out["rejected_fills"] = stats.rejected_fills;
  out["stale_served"] = stats.stale_served;
  out["refreshes"] = stats.refreshes;
  out["lease_waits"] = stats.lease_waits;
  out["writes"] = stats.writes;
  out["erases"] = stats.erases;
  out["write_failures"] = stats.write_failures;
  out["unrecovered"] = stats.unrecovered;
  out["invalidations_sent"] = stats.invalidations_sent;
  out["invalidations_received"] = stats.invalidations_received;
  out["watching"] = stats.watching;
  out["staleness"] = maybe_seconds(stats.staleness);
  out["load_p50"] = seconds(stats.load_p50);
  out["load_p99"] = seconds(stats.load_p99);
  out["closed"] = stats.closed;
  return out;
}

}  // namespace terrace::python
