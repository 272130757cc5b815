#pragma once
/// dial: makes a session. It blocks, and so runs on a worker thread: libpq resolves names and reads files
/// (passwords, certificates) without an asynchronous way to do so.

#include "database/postgres_pq.hpp"
#include "database/postgres_target.hpp"

namespace terrace::postgres {

/// A session that is logged in and set up, with the table there and the statements prepared; in pipeline
/// mode. Returns at the latest shortly after the deadline, unless resolving the host's name takes longer.
[[nodiscard]] Result<Session> dial(const Target& target, const Clock& clock, TimePoint deadline);

}  // namespace terrace::postgres
