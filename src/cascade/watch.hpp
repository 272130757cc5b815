#pragma once
/// The watch: what other processes change in a shared tier is reported to this cache (watch.cpp).

#include "cascade/core.hpp"

namespace terrace::cascade {

/// Watches every shared tier, unless the options ask for no more than weak consistency.
void start_watches(const std::shared_ptr<Core>& core);

}  // namespace terrace::cascade
