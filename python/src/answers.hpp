#pragma once
/// Answers: what the core says, as Python has it.

#include <terrace/cache_stats.hpp>
#include <terrace/detail/memory/advisor.hpp>

#include "call.hpp"
#include "memory.hpp"

namespace terrace::python {

/// Of a read: a list of (kind, value, level, age, remaining, joined, exception) for each key; of a write or
/// an erase: a list of exceptions, None or bools; of the rest: the result itself. Throws the error of what
/// has only one.
[[nodiscard]] nb::object outcome_of(Outcome outcome, const Memory& memory, const cascade::Engine& engine);

/// The value that a read of one key brought. Throws the error there was, NotFound for `key`; MISS stands for
/// bytes that are no value.
[[nodiscard]] nb::object value_of(Outcome outcome, const Memory& memory, nb::handle key);

/// Every counter under its name in CacheStats; times in seconds, structs as dicts, `levels` a list.
[[nodiscard]] nb::dict stats_of(const CacheStats& stats);

/// As stats_of; None for none.
[[nodiscard]] std::optional<nb::dict> advice_of(const std::optional<Advice>& advice);

}  // namespace terrace::python
