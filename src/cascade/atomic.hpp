#pragma once
/// Atomic operations: the two steps from which all of them are made (docs/atomic.md).

#include "cascade/core.hpp"

namespace terrace::cascade {

/// One call of Engine::current.
void start_current(const std::shared_ptr<Core>& core, std::string key, std::optional<Duration> timeout,
                   bool may_guess, Handler<Result<Current>> done);
/// One call of Engine::compare_and_set.
void start_compare_and_set(const std::shared_ptr<Core>& core, AtomicChange change,
                           std::optional<Duration> timeout, Handler<Result<bool>> done);

}  // namespace terrace::cascade
