#pragma once
/// The testing kit, for programs that use terrace and for terrace itself: virtual time, a tier in memory, a
/// tier that is never reachable, and a tier that fails as planned. Link terrace::testing.

#include <terrace/testing/fake_clock.hpp>
#include <terrace/testing/movable_clock.hpp>
#include <terrace/testing/shared_map_tier.hpp>
#include <terrace/testing/tiers.hpp>
#include <terrace/testing/versioned_map_tier.hpp>
