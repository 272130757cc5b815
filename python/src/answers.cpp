#include "answers.hpp"

#include <boost/pfr/core_name.hpp>
#include <ranges>

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

  /// (value, remaining, revision, remembered); MISS: no value.
  nb::object operator()(const Result<cascade::Current>& outcome) const {
    require(outcome);
    const cascade::Entry& entry = outcome->entry;
    nb::object value = nb::borrow(sentinels().miss), remaining = nb::none();
    if (entry.value) {
      value = nb::steal(static_cast<const Value*>(entry.value.get())->resolve(memory.codec()));
      if (!value.is_valid()) throw nb::python_error();
      if (entry.fresh_until) remaining = nb::float_(seconds(*entry.fresh_until - memory.now()));
    }
    return nb::make_tuple(value, remaining, nb::cast(outcome->revision), outcome->remembered);
  }
  nb::object operator()(const Result<bool>& outcome) const {
    require(outcome);
    return nb::bool_(*outcome);
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

template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

template <class T>
nb::dict fields_of(const T& counters);

template <class T>
nb::object as_object(const T& field) {
  if constexpr (std::is_same_v<T, Duration>) {
    return nb::float_(seconds(field));
  } else if constexpr (is_optional<T>) {
    return field ? as_object(*field) : nb::object(nb::none());
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
    return nb::cast(field);
  } else if constexpr (std::ranges::range<T>) {
    nb::list out;
    for (const auto& one : field) out.append(as_object(one));
    return out;
  } else {
    return fields_of(field);
  }
}

/// A struct of counters as a dict. It has each field under its name in C++, so a new field is there at once.
template <class T>
nb::dict fields_of(const T& counters) {
  nb::dict out;
  boost::pfr::for_each_field_with_name(counters, [&](std::string_view name, const auto& field) {
    out[nb::str(name.data(), name.size())] = as_object(field);
  });
  if constexpr (std::is_same_v<T, LatencyCounts>) out["bounds"] = as_object(T::bounds);
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
  return fields_of(stats);
}

std::optional<nb::dict> advice_of(const std::optional<Advice>& advice) {
  return advice ? std::optional(fields_of(*advice)) : std::nullopt;
}

}  // namespace terrace::python
