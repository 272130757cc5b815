#pragma once
/// Reading: the steps of a read below memory. The keys of a call join flights or begin them (read.cpp); a
/// flight asks the tiers (level_lookup.cpp), waits for a process that loads the key already (lease.cpp), or
/// calls the loader (load.cpp). Its end: completion.hpp.

#include <mutex>

#include "cascade/core.hpp"

namespace terrace::cascade {

/// What the parts of one call know of the tiers: a tier that has answered no key of a part is not asked for
/// the later parts. Thread safe.
class TiersOfCall {
 public:
  explicit TiersOfCall(std::size_t tiers) : stopped_(tiers) {}
  void stop(std::size_t tier, const Error& why) {
    const std::lock_guard lock(mutex_);
    if (!stopped_[tier]) stopped_[tier] = not_asked(why);
  }
  [[nodiscard]] std::optional<Error> stopped(std::size_t tier) const {
    const std::lock_guard lock(mutex_);
    return stopped_[tier];
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::optional<Error>> stopped_;
};
using TiersOfCallPtr = std::shared_ptr<TiersOfCall>;

/// One call of Engine::read. `ahead`: a refresh ahead of time, which no caller waits for.
void start_read(const std::shared_ptr<Core>& core, std::vector<std::string> keys,
                std::shared_ptr<Loader> loader, const ReadOptions& options, bool ahead,
                Handler<std::vector<Answer>> done);
/// Adds each waiter to the flight of its key, or begins a flight. `ahead`: as above. `tiers`: null, except for
/// a call that is read in parts.
void join_or_begin(std::shared_ptr<Core> core, std::vector<std::pair<std::string, Waiter>> waiters,
                   bool ahead, const TiersOfCallPtr& tiers = nullptr);

/// Asks the tiers for the keys of these flights, and loads the keys that no tier has.
void start_lookup(std::shared_ptr<Core> core, std::vector<FlightPtr> flights, TiersOfCallPtr tiers);
/// Goes on with the lookup of a flight that has waited for the lease of its key at this tier.
void resume_lookup(std::shared_ptr<Core> core, FlightPtr flight, std::size_t tier, Result<LeaseReply> reply);

/// Asks a shared tier for the lease of the flight's key. If it is granted, the flight keeps the token.
/// `waited_for`, `take_over`: see LeaseRequest.
void acquire_lease(Core& core, const FlightPtr& flight, std::size_t tier,
                   const std::optional<LeaseToken>& waited_for, bool take_over,
                   Handler<Result<LeaseReply>> done);
/// Another process has the lease of the key, as `held` says: waits for its fill, or until it says that it
/// fills nothing, or until the wait is too long; then resumes the lookup or ends the flight.
void await_lease(std::shared_ptr<Core> core, FlightPtr flight, std::size_t tier, const LeaseReply& held);

/// Loads keys that no level has.
void start_load(std::shared_ptr<Core> core, const std::vector<FlightPtr>& flights);

}  // namespace terrace::cascade
