#pragma once
/// Policy: one of the eviction policies, chosen at run time. A policy keeps a shard's live nodes in its own
/// order; it is called under the shard's lock. Every policy has these operations, in the order of an entry's
/// life:
///
///   prepare(entries, id, hash, worth)  before any other change: reserves memory (may throw), sets the
///                               node's word
///   link(entries, id)           the node is live from now on
///   hit(entries, id)            it was read
///   replace(entries, from, to)  the node `to`, with a new value, replaces `from`; counts as a use
///   retimed(entries, id)        its expiry has changed
///   victim(entries)             the node to evict next; nil if there is none
///   evicted(entries, id, hash)  it is about to be unlinked because it was the victim
///   unlink(entries, id)         it is no longer live, for any reason
///   accesses(entries, id)       how often it was used, if the policy keeps a count
///   clear()                     no node is live any more
///   size(), check(entries)      for tests: the number of live nodes, and whether the order is sound
///
/// `entries[id]` is the node's Links; `entries.expires(id)` is the time of its expiry, if it is timed.
///
/// A policy may declare
///   most_uses     hit() does nothing but raise the counter in the lowest bits of the node's `bits`, up to
///                 most_uses, which is 2^n - 1: then hits take no lock and do not call hit()
///   heap_bytes()  the memory it has allocated

#include <optional>
#include <terrace/detail/memory/adaptive.hpp>
#include <terrace/detail/memory/fifo.hpp>
#include <terrace/detail/memory/gdsf.hpp>
#include <terrace/detail/memory/lfu.hpp>
#include <terrace/detail/memory/lru.hpp>
#include <terrace/detail/memory/s3fifo.hpp>
#include <terrace/detail/memory/ttl.hpp>
#include <terrace/detail/memory/w_tinylfu.hpp>
#include <terrace/eviction.hpp>
#include <type_traits>
#include <utility>
#include <variant>

namespace terrace::memory {

/// All policies, in the order of the enumeration. A new policy needs a place here, a place and a
/// name in eviction.hpp, and its own header.
using Policies = std::variant<Adaptive, S3Fifo, WTinyLfu, Gdsf, Lru, Lfu, Fifo, Ttl>;
static_assert(std::variant_size_v<Policies> == eviction_count,
              "each Eviction has a policy, in the same order");

class Policy {
 public:
  /// `expected`: the most entries; 0 if unknown. `tuner`: for policies that have one.
  Policy(Eviction eviction, std::uint64_t expected, Tuner* tuner)
      : policy_(make<0>(static_cast<std::size_t>(eviction), expected, tuner)) {}

  /// Calls f with the policy. A chain of predictable branches, so that a hit is completely inlined.
  template <std::size_t I = 0, class F>
  decltype(auto) with(F&& f) {
    if constexpr (I + 1 == eviction_count) {
      return f(*std::get_if<I>(&policy_));  // it is none of the others
    } else {
      if (auto* policy = std::get_if<I>(&policy_)) return f(*policy);
      return with<I + 1>(std::forward<F>(f));
    }
  }

  /// The maximum of the node's counter that a hit raises without the lock; nothing if hits need the lock.
  [[nodiscard]] std::optional<std::uint32_t> most_uses() noexcept {
    return with([]<class P>(P&) -> std::optional<std::uint32_t> {
      if constexpr (requires { P::most_uses; }) return P::most_uses;
      return std::nullopt;
    });
  }

  [[nodiscard]] std::size_t heap_bytes() noexcept {
    return with([](auto& policy) -> std::size_t {
      if constexpr (requires { policy.heap_bytes(); }) return policy.heap_bytes();
      return 0;
    });
  }

 private:
  /// The policy at this place of the list. A policy takes what it needs: the tuner, the most entries, or nothing.
  template <std::size_t I>
  static Policies make(std::size_t place, std::uint64_t expected, Tuner* tuner) {
    using P = std::variant_alternative_t<I, Policies>;
    if constexpr (I + 1 < eviction_count) {
      if (place != I) return make<I + 1>(place, expected, tuner);
    }
    if constexpr (std::is_constructible_v<P, std::uint64_t, Tuner&>) {
      return Policies(std::in_place_index<I>, expected, *tuner);
    } else if constexpr (std::is_constructible_v<P, std::uint64_t>) {
      return Policies(std::in_place_index<I>, expected);
    } else {
      return Policies(std::in_place_index<I>);
    }
  }

  Policies policy_;
};

}  // namespace terrace::memory
