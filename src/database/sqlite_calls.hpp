#pragma once
/// Calls: requests of callers that have no answer yet. A call is answered once, by the first to claim it: the
/// thread that did the work, the timer of its deadline, or close().

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <terrace/tier.hpp>
#include <vector>

#include "base/tier_counters.hpp"
#include "database/sqlite_rows.hpp"

namespace terrace::database {

class Call {
 public:
  explicit Call(TimePoint by) : deadline(by) {}
  virtual ~Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const TimePoint deadline;

  /// True for the first to ask, which must then answer.
  [[nodiscard]] bool claim() noexcept { return !claimed_.exchange(true); }
  [[nodiscard]] bool claimed() const noexcept { return claimed_.load(); }

  /// Answers with the error for everything that was not refused before.
  virtual void answer_all(const Error& error, TierCounters& counters) = 0;

 private:
  std::atomic<bool> claimed_{false};
};

using CallPtr = std::shared_ptr<Call>;

/// A key, and the reason why it is not looked up, if any.
struct Checked {
  Bytes bytes;
  std::optional<Error> refused;
};
[[nodiscard]] Checked checked_key(std::string_view key);

struct ReadCall final : Call {
  using Results = std::vector<Result<Found>>;
  ReadCall(TimePoint by, Handler<Results> handler) : Call(by), done(std::move(handler)) {}
  void answer(Results results, TierCounters& counters);
  void answer_all(const Error& error, TierCounters& counters) override;

  std::vector<Checked> keys;
  Handler<Results> done;
};

/// Sets (the results are false), erases (there was an unexpired value), or compares and sets (it was stored).
struct WriteCall final : Call {
  using Results = std::vector<Result<bool>>;
  enum class Kind : std::uint8_t { set, erase, compare_and_set };
  struct Item {
    Checked key;
    Bytes value;
    std::int64_t expires = 0;
    std::uint64_t version = 0;
    std::optional<Bytes> expected = {};  ///< for compare_and_set; none: there must be no unexpired value
  };
  WriteCall(TimePoint by, Kind what, Handler<Results> handler)
      : Call(by), kind(what), done(std::move(handler)) {}
  void answer(Results results, TierCounters& counters);
  void answer_all(const Error& error, TierCounters& counters) override;

  const Kind kind;
  std::vector<Item> items;
  Handler<Results> done;
};

/// Erases by prefix and pattern, in slices; or, without a handler, purges expired entries.
struct SweepCall final : Call {
  SweepCall(TimePoint by, Handler<Result<std::uint64_t>> handler, std::string_view key_prefix = {},
            std::string_view rest_pattern = {})
      : Call(by), prefix(key_prefix), pattern(rest_pattern), done(std::move(handler)) {}
  void answer(Result<std::uint64_t> result, TierCounters& counters);
  void answer_all(const Error& error, TierCounters& counters) override { answer(error, counters); }
  [[nodiscard]] bool is_purge() const noexcept { return !done; }

  const Bytes prefix;
  const Bytes pattern;
  std::optional<RowWriter::Sweep> progress;  ///< none before the first slice
  Handler<Result<std::uint64_t>> done;
};

}  // namespace terrace::database
