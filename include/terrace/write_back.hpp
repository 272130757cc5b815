#pragma once
/// WriteBackOptions: how a cache with write-back stores and flushes its writes. A write is acknowledged when
/// it is in the journal. The tiers get it soon after, in batches, with the newest value of each key.
///
/// A write is removed from the journal once the tiers have answered it: data that they lose later is lost.
///
/// A journal belongs to one process, and only one journal at a time may write back into a namespace that
/// processes share: the writes of a second journal are rejected with Errc::overloaded, so let the other
/// processes write through. Without a tier that has leases (Redis), a second journal cannot be detected: two
/// journals over the same keys are then not ordered.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/journal_sync.hpp>
#include <terrace/result.hpp>
#include <utility>
#include <vector>

namespace terrace {

/// One change as a writer function gets it.
template <class V>
struct WriteBackItem {
  std::string key;
  std::optional<V> value;  ///< none: the key was erased
  /// Higher for every later change of this journal. After a crash a change may come once more, with the same
  /// number. A writer that stores the number beside the value, and keeps the higher one, applies each change
  /// once.
  std::uint64_t version;
};

/// A writer function without its type; make_writer makes one.
class WriteBackWriter {
 public:
  struct Item {
    std::string key;
    std::shared_ptr<const void> value;
    std::uint64_t version;
  };
  virtual ~WriteBackWriter() = default;
  /// Returns an outcome for each item. It runs on a worker thread and may block. It must not throw.
  virtual std::vector<Result<void>> write(const std::vector<Item>& items) = 0;
};

/// For CacheOptions::writer: `fn(const std::vector<WriteBackItem<V>>&)` returns std::vector<Result<void>>, an
/// outcome for each item. It gets at most one change of a key, the newest. It runs on a worker thread, one
/// call at a time, and may block. An exception counts as io_error of all its items. For the effect of errors,
/// see WriteBackOptions::max_attempts.
template <class V, class Fn>
std::shared_ptr<WriteBackWriter> make_writer(Fn fn) {
  class WriterOf final : public WriteBackWriter {
   public:
    explicit WriterOf(Fn f) : fn_(std::move(f)) {}
    std::vector<Result<void>> write(const std::vector<Item>& items) override {
      std::vector<WriteBackItem<V>> typed;
      for (const Item& item : items) {
        typed.push_back({item.key, std::nullopt, item.version});
        if (item.value) typed.back().value = *static_cast<const V*>(item.value.get());
      }
      Error error(Errc::io_error, "the writer returned too few outcomes");
      try {
        auto outcomes = fn_(typed);
        if (outcomes.size() == items.size()) return outcomes;
      } catch (const std::exception& thrown) {
        error.context = std::string("the writer threw: ") + thrown.what();
      } catch (...) {
        error.context = "the writer threw something that is no std::exception";
      }
      return std::vector<Result<void>>(items.size(), error);
    }

   private:
    Fn fn_;
  };
  return std::make_shared<WriterOf>(std::move(fn));
}

struct WriteBackOptions {
  /// The journal's directory, on a local disk. It is created if it does not exist; its parent must exist.
  std::string path = {};
  JournalSync sync = JournalSync::durable;
  /// The longest time that a change waits before it is flushed, while the tiers keep up. More than zero.
  Duration flush_interval = std::chrono::milliseconds(100);
  /// Changes in one batch; at least 1.
  std::size_t max_batch = 1000;
  /// Bounds on changes that wait to be flushed; a write above them is rejected with Errc::overloaded. At
  /// least 1.
  std::uint64_t max_pending = 100'000;                          ///< changes
  std::uint64_t max_pending_bytes = std::uint64_t{256} << 20;   ///< keys and values, in memory
  std::uint64_t max_journal_bytes = std::uint64_t{1024} << 20;  ///< files; at least 32 MiB
  /// A change becomes a dead letter after this many rejections while other changes of its batch are accepted;
  /// at least 1. A tier that is down does not reject: the flush waits for it.
  unsigned max_attempts = 5;

  /// Throws ConfigError that names the wrong option and says what would be right.
  void check() const;
};

struct WriteBackStats {
  std::uint64_t pending = 0;        ///< keys that wait to be flushed
  std::uint64_t pending_bytes = 0;  ///< their keys and values
  Duration lag = {};                ///< how long the oldest of them has waited
  std::uint64_t acknowledged = 0;   ///< changes
  std::uint64_t flushed = 0;        ///< changes that reached the tiers
  std::uint64_t coalesced = 0;      ///< changes that were not needed because a newer change of their key came
  std::uint64_t retried = 0;        ///< rejections and failures after which a change was tried again
  std::uint64_t dead_letters = 0;
  std::uint64_t recovered = 0;  ///< changes that were in the journal at the start
  std::uint64_t damaged = 0;    ///< places in the journal that could not be read at the start
  std::uint64_t journal_bytes = 0;
  std::uint64_t syncs = 0;  ///< fdatasync calls for them
};

}  // namespace terrace
