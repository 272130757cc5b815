#pragma once
/// Completion: the ways in which a flight ends, and the answers to its callers (completion.cpp).

#include "cascade/core.hpp"

namespace terrace::cascade {

/// Ends a flight whose answer needs no fill of a tier. The answer enters memory first, and then the flight
/// ends: a reader that comes later finds one of the two.
void complete(Core& core, const FlightPtr& flight, const Answer& answer, const StalenessProof& proof);
/// Answers waiters. Late ones begin a new read where the answer may be older than the staleness check allows:
/// with strong consistency, or while no watch reports whether it is still right (`proof`).
void answer_callers(Core& core, const FlightPtr& flight, std::vector<Waiter> waiters, const Answer& answer,
                    const StalenessProof& proof);
/// Ends a flight with an answer that no level may keep.
void complete_uncached(Core& core, const FlightPtr& flight, const Answer& answer);
/// Ends a flight and fills the tiers that lack the answer: those above the tier it came from, or all of them
/// if it was loaded. `stored`: the bytes that they keep; empty: no tier is filled.
void complete_with_fill(const std::shared_ptr<Core>& core, const FlightPtr& flight, const Answer& answer,
                        BytesView stored);
/// Ends a flight that found nothing and could not load: with its candidate if it has one, otherwise with the
/// error. `end`: what processes that wait for its leases are told.
void complete_failed(Core& core, const FlightPtr& flight, const Error& why, LeaseEnd end = LeaseEnd::untold);
/// The same after the loader has failed: the key may be paused (error_ttl).
void complete_load_failed(Core& core, const FlightPtr& flight, const Error& why,
                          LeaseEnd end = LeaseEnd::untold);
/// Answers the callers that have waited since `latest` or longer with the candidate, which must be there; the
/// flight goes on. `next`: the earliest time since when one of the others has waited, unless it is earlier.
void answer_stale(Core& core, const FlightPtr& flight, TimePoint latest, std::optional<TimePoint>& next);
/// Gives back the leases of a flight that ends without a fill; tells the processes that wait for them how it
/// ended.
void release_leases(Core& core, const FlightPtr& flight, LeaseEnd end = LeaseEnd::untold);

}  // namespace terrace::cascade
