#pragma once
/// The testing kit, for programs that use terrace and for terrace itself: virtual time, a tier in memory, a
/// tier that is never reachable, and a tier that fails as planned. Link terrace::testing.

#include <terrace/detail/testing/fake_clock.hpp>
#include <terrace/detail/testing/movable_clock.hpp>
#include <terrace/detail/testing/shared_map_tier.hpp>
#include <terrace/detail/testing/tiers.hpp>
#include <terrace/detail/testing/versioned_map_tier.hpp>
