#pragma once
/// The replicated tier with a seed of its own, so that a simulation can be run again.

#include <terrace/replicated_tier.hpp>

namespace terrace::distribution {

std::shared_ptr<Tier> make_seeded_tier(ReplicatedOptions options, std::shared_ptr<Scheduler> scheduler,
                                       std::uint64_t seed);

}  // namespace terrace::distribution
