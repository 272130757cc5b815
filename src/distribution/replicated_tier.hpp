#pragma once
/// The replicated tier with its own seed, so that a simulation can be repeated.

#include <terrace/replicated_tier.hpp>

namespace terrace::distribution {

std::shared_ptr<Tier> make_seeded_tier(ReplicatedOptions options, std::shared_ptr<Scheduler> scheduler,
                                       std::uint64_t seed);

}  // namespace terrace::distribution
