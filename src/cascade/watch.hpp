#pragma once
/// The watch: reports the changes that other processes make in a shared tier (watch.cpp).

#include "cascade/core.hpp"

namespace terrace::cascade {

/// Watches every shared tier if the consistency is eventual. Shuts the gate if it is strong and there are
/// tiers.
void start_watches(const std::shared_ptr<Core>& core);

}  // namespace terrace::cascade
