#pragma once
/// Policy: one of the eviction policies, chosen at run time. A policy keeps a shard's live nodes in its
/// order; it is called under the shard's lock. The operations every policy has, in the order of an entry's
/// life:
///
///   prepare(entries, id, hash)  before anything else changes: reserves memory (may throw), sets the node's
///                               word
///   link(entries, id)           the node is live from now on
///   hit(entries, id)            it was read
///   replace(entries, from, to)  the node `to`, with a new value, takes the place of `from`; counts as a use
///   retimed(entries, id)        its expiry has changed
///   victim(entries)             the node that should be evicted next; nil when there is none
///   evicted(entries, id, hash)  it is about to be unlinked because it was the victim
///   unlink(entries, id)         it is live no more, for whatever reason
///   accesses(entries, id)       how often it was used, where the policy keeps a count
///
/// `entries[id]` is the node's Links; `entries.expires(id)` when it expires, if it is timed.
///
/// A policy may declare
///   lazy_hit = true  hit() touches nothing but the counter in the node's `bits`, by raise(), and is called
///                    without the lock, whatever else is going on: hits take no lock then
///   heap_bytes()     what it has allocated
///   samples = true   it has sampled(hash), a cheap test, and saw(hash), called under the lock on each read
///                    of a sampled hash, hit or miss; now and then one is dropped

#include <terrace/detail/memory/eviction.hpp>
#include <terrace/detail/memory/fifo.hpp>
#include <terrace/detail/memory/lfu.hpp>
#include <terrace/detail/memory/lru.hpp>
#include <terrace/detail/memory/s3fifo.hpp>
#include <terrace/detail/memory/ttl.hpp>
#include <type_traits>
#include <utility>
#include <variant>

namespace terrace::memory {

template <class P>
inline constexpr bool has_lazy_hit = requires {
  requires P::lazy_hit;
};
template <class P>
inline constexpr bool has_samples = requires {
  requires P::samples;
};

class Policy {
 public:
  /// `expected`: the most entries there will be; 0 when unknown.
  Policy(Eviction eviction, std::uint64_t expected) : policy_(S3Fifo(expected)) {
    switch (eviction) {
      case Eviction::s3fifo:
        break;
      case Eviction::lru:
        policy_.emplace<Lru>();
        break;
      case Eviction::lfu:
        policy_.emplace<Lfu>();
        break;
      case Eviction::fifo:
        policy_.emplace<Fifo>();
        break;
      case Eviction::ttl:
        policy_.emplace<Ttl>();
        break;
    }
  }

  /// Calls f with the policy. A chain of predictable branches, so that a hit is inlined whole.
  template <class F>
  decltype(auto) with(F&& f) {
    if (auto* s3fifo = std::get_if<S3Fifo>(&policy_)) return f(*s3fifo);
    if (auto* lru = std::get_if<Lru>(&policy_)) return f(*lru);
    if (auto* lfu = std::get_if<Lfu>(&policy_)) return f(*lfu);
    if (auto* fifo = std::get_if<Fifo>(&policy_)) return f(*fifo);
    return f(*std::get_if<Ttl>(&policy_));
  }

 private:
  /// As with(), but does not look.
  template <class F>
  decltype(auto) with_type(Eviction eviction, F&& f) {
    switch (eviction) {
      case Eviction::s3fifo:
        return f(*std::get_if<S3Fifo>(&policy_));
      case Eviction::lru:
        return f(*std::get_if<Lru>(&policy_));
      case Eviction::lfu:
        return f(*std::get_if<Lfu>(&policy_));
      case Eviction::fifo:
        return f(*std::get_if<Fifo>(&policy_));
      case Eviction::ttl:
        break;
    }
    return f(*std::get_if<Ttl>(&policy_));
  }

 public:
  /// Hits need no lock.
  [[nodiscard]] bool hits_lazily() noexcept {
    return with([](auto& policy) { return has_lazy_hit<std::decay_t<decltype(policy)>>; });
  }

  /// A hit without the lock. `eviction` is what this was made with: readers do not look at the policy's own
  /// data, which writers change.
  void lazy_hit(Eviction eviction, Links& node) noexcept {
    struct Only {
      Links& node;
      Links& operator[](NodeId) const noexcept { return node; }
    };
    with_type(eviction, [&](auto& policy) {
      if constexpr (has_lazy_hit<std::decay_t<decltype(policy)>>) policy.hit(Only{node}, NodeId{0});
    });
  }

  /// Reads of this hash are to be told by saw(). Without the lock.
  [[nodiscard]] bool samples(Eviction eviction, std::uint64_t hash) noexcept {
    return with_type(eviction, [&](auto& policy) {
      if constexpr (has_samples<std::decay_t<decltype(policy)>>) return policy.sampled(hash);
      return false;
    });
  }
  void saw(Eviction eviction, std::uint64_t hash) noexcept {
    with_type(eviction, [&](auto& policy) {
      if constexpr (has_samples<std::decay_t<decltype(policy)>>) policy.saw(hash);
    });
  }

  [[nodiscard]] std::size_t heap_bytes() noexcept {
    return with([](auto& policy) -> std::size_t {
      if constexpr (requires { policy.heap_bytes(); }) return policy.heap_bytes();
      return 0;
    });
  }

 private:
  std::variant<S3Fifo, Lru, Lfu, Fifo, Ttl> policy_;
};

}  // namespace terrace::memory
