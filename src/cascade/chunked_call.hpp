#pragma once
/// ChunkedCall: a call of a tier for many keys. It goes to the tier in chunks, two at a time, and each chunk
/// has the whole tier_timeout. So the limit is one for progress, not for the size of the call.
///
///     proceed ──► chunk, chunk ──► took ──► proceed, for the next chunk ──► … ──► done
///                                    └── no key of the chunk got an answer: the rest fails at once ──► done

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <terrace/tier.hpp>
#include <utility>
#include <vector>

#include "cascade/tier_calls.hpp"

namespace terrace::cascade {

/// Some of the keys of a call.
struct KeyRange {
  std::size_t first = 0;
  std::size_t count = 0;
  [[nodiscard]] std::size_t end() const noexcept { return first + count; }
};

/// An error that says something about the tier, not about a key.
inline bool is_of_the_tier(const Error& error) {
  return error != Errc::invalid_key && error != Errc::invalid_argument && error != Errc::value_too_large;
}
/// The outcome of keys that are not sent because keys before them ended in this way.
inline Error not_asked(const Error& why) {
  const bool sent = why == Errc::timed_out || why == Errc::io_error || why == Errc::effect_unknown;
  return sent ? Error(Errc::unavailable, "not asked, since keys before got no answer: " + why.context) : why;
}

/// `T`: a key's result. Thread safe.
template <class T>
class ChunkedCall : public std::enable_shared_from_this<ChunkedCall<T>> {
 public:
  using Outcomes = std::vector<Result<T>>;
  /// Asks the tier for these keys. It is called while the chunks before are under way, so it owns all it uses.
  using Begin = UniqueFunction<void(KeyRange, TimePoint deadline, Handler<Outcomes>)>;
  /// The bytes that a key sends. None: its size is known when its value has come.
  using Weigh = UniqueFunction<std::size_t(std::size_t key)>;

  static constexpr std::size_t chunk_keys = 1000;
  static constexpr std::size_t chunk_bytes = 512 << 10;
  static constexpr std::size_t most_under_way = 2;

  ChunkedCall(std::shared_ptr<TierCalls> calls, std::size_t keys, Begin begin, Weigh weigh,
              Handler<Outcomes> done)
      : calls_(std::move(calls)),
        keys_(keys),
        begin_(std::move(begin)),
        weigh_(std::move(weigh)),
        done_(std::move(done)) {
    outcomes_.resize(keys);
    if (!weigh_ && keys > chunk_keys) limit_ = first_unknown;
  }

  /// Begins chunks as long as it may. Another thread, or a caller further up, may be doing so already.
  void proceed() {
    std::unique_lock lock(mutex_);
    if (std::exchange(proceeding_, true)) return;
    while (under_way_ < most_under_way && next_ < keys_ && !stopped_) {
      const KeyRange range = take();
      ++under_way_;
      lock.unlock();
      ask(range);
      lock.lock();
    }
    proceeding_ = false;
    if (under_way_ > 0 || !done_) return;
    for (; next_ < keys_; ++next_) outcomes_[next_] = *stopped_;
    auto done = std::exchange(done_, nullptr);
    lock.unlock();
    done(std::move(outcomes_));
  }

 private:
  static constexpr std::size_t first_unknown = 256;

  KeyRange take() {
    KeyRange range{next_, 0};
    std::size_t bytes = 0;
    while (range.end() < keys_ && range.count < limit_) {
      if (weigh_) bytes += weigh_(range.end());
      if (range.count > 0 && bytes > chunk_bytes) break;
      ++range.count;
    }
    next_ = range.end();
    return range;
  }

  void ask(KeyRange range) {
    const auto refuse = [range](const Error& error) { return Outcomes(range.count, error); };
    calls_->ask<Outcomes>(
        [&](TimePoint deadline, Handler<Outcomes> done) { begin_(range, deadline, std::move(done)); }, refuse,
        [self = this->shared_from_this(), range, refuse](Outcomes outcomes) {
          // A tier that does not keep to its contract must not make the lookup read past the end.
          if (outcomes.size() != range.count)
            outcomes = refuse(Error(Errc::io_error, "the tier answered too few keys"));
          self->took(range, std::move(outcomes));
        });
  }

  void took(KeyRange range, Outcomes outcomes) {
    {
      const std::lock_guard lock(mutex_);
      std::size_t failed = 0;
      std::size_t bytes = 0;
      for (std::size_t i = 0; i < range.count; ++i) {
        if (!outcomes[i]) {
          ++failed;
        } else if constexpr (std::is_same_v<T, Found>) {
          if (*outcomes[i]) bytes += (*outcomes[i])->size();
        }
        outcomes_[range.first + i] = std::move(outcomes[i]);
      }
      adapt(range.count, failed, bytes);
      const Error& last = outcomes_[range.end() - 1].error();
      if (failed == range.count && is_of_the_tier(last)) stopped_ = not_asked(last);
      --under_way_;
    }
    proceed();
  }

  /// The size of the next chunks of values whose size is not known before.
  void adapt(std::size_t keys, std::size_t failed, std::size_t bytes) {
    if (weigh_) return;
    limit_ = std::clamp<std::size_t>(failed > 0 ? limit_ / 2 : limit_ * 2, 1, chunk_keys);
    if (bytes > 0) limit_ = std::clamp<std::size_t>(chunk_bytes * keys / bytes, 1, limit_);
  }

  const std::shared_ptr<TierCalls> calls_;
  const std::size_t keys_;
  Begin begin_;
  Weigh weigh_;
  std::mutex mutex_;
  Handler<Outcomes> done_;
  Outcomes outcomes_;
  std::size_t next_ = 0;  // the first key that is not asked for yet
  std::size_t limit_ = chunk_keys;
  std::size_t under_way_ = 0;  // chunks
  bool proceeding_ = false;
  std::optional<Error> stopped_;  // the outcome of the keys that are not asked for
};

}  // namespace terrace::cascade
