#pragma once
/// dial: makes a session. It blocks, and therefore runs on a worker thread: libpq has no asynchronous way to
/// resolve names and read files (passwords, certificates).

#include "database/postgres_pq.hpp"
#include "database/postgres_target.hpp"

namespace terrace::postgres {

/// Returns a session that is logged in and set up, with the table created and the statements prepared, in
/// pipeline mode. Returns at the latest shortly after the deadline, unless resolving the host's name takes
/// longer.
[[nodiscard]] Result<Session> dial(const Target& target, const Clock& clock, TimePoint deadline);

}  // namespace terrace::postgres
