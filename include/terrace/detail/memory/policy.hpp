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
///
/// `entries[id]` is the node's Links; `entries.expires(id)` is the time of its expiry, if it is timed.
///
/// A policy may declare
///   most_uses     hit() does nothing but raise the counter in the lowest bits of the node's `bits`, up to
///                 most_uses, which is 2^n - 1: then hits take no lock and do not call hit()
///   heap_bytes()  the memory it has allocated

#include <optional>
#include <terrace/detail/memory/adaptive.hpp>
#include <terrace/eviction.hpp>
#include <terrace/detail/memory/fifo.hpp>
#include <terrace/detail/memory/gdsf.hpp>
#include <terrace/detail/memory/lfu.hpp>
#include <terrace/detail/memory/lru.hpp>
#include <terrace/detail/memory/s3fifo.hpp>
#include <terrace/detail/memory/ttl.hpp>
#include <terrace/detail/memory/w_tinylfu.hpp>
#include <utility>
#include <variant>

namespace terrace::memory {

class Policy {
 public:
  /// `expected`: the most entries; 0 if unknown. `tuner`: for adaptive.
  Policy(Eviction eviction, std::uint64_t expected, Tuner* tuner) : policy_(S3Fifo(expected)) {
    switch (eviction) {
      case Eviction::adaptive:
        policy_.emplace<Adaptive>(expected, *tuner);
        break;
      case Eviction::s3fifo:
        break;
      case Eviction::w_tinylfu:
        policy_.emplace<WTinyLfu>(expected);
        break;
      case Eviction::gdsf:
        policy_.emplace<Gdsf>();
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

  /// Calls f with the policy. A chain of predictable branches, so that a hit is completely inlined.
  template <class F>
  decltype(auto) with(F&& f) {
    if (auto* adaptive = std::get_if<Adaptive>(&policy_)) return f(*adaptive);
    if (auto* s3fifo = std::get_if<S3Fifo>(&policy_)) return f(*s3fifo);
    if (auto* w_tinylfu = std::get_if<WTinyLfu>(&policy_)) return f(*w_tinylfu);
    if (auto* gdsf = std::get_if<Gdsf>(&policy_)) return f(*gdsf);
    if (auto* lru = std::get_if<Lru>(&policy_)) return f(*lru);
    if (auto* lfu = std::get_if<Lfu>(&policy_)) return f(*lfu);
    if (auto* fifo = std::get_if<Fifo>(&policy_)) return f(*fifo);
    return f(*std::get_if<Ttl>(&policy_));
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
  std::variant<Adaptive, S3Fifo, WTinyLfu, Gdsf, Lru, Lfu, Fifo, Ttl> policy_;
};

}  // namespace terrace::memory
