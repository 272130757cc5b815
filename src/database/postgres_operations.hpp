#pragma once
/// The operations of the tier as exchanges: gets, sets and erases of many keys in chunks, and bulk deletes.

#include <algorithm>
#include <optional>
#include <terrace/tier.hpp>

#include "base/tier_counters.hpp"
#include "database/postgres_client.hpp"
#include "database/postgres_key.hpp"

namespace terrace::postgres {

/// What a row takes in a reply besides its columns, and more.
inline constexpr std::uint64_t row_bytes = 64;

/// Data that exchanges share with their tier, and keep alive.
struct Shared {
  std::shared_ptr<Runtime> runtime;  // destroyed after the client, whose timers are in it
  std::shared_ptr<Client> client;
  TierCounters counters;
  std::atomic<std::uint64_t> purged{0};
};

/// One key of a bulk operation.
struct Item {
  std::size_t position;  ///< position among the keys of the call
  RowKey key;
  Bytes value = {};                          ///< for a set, like all below
  std::optional<std::int64_t> life_ms = {};  ///< none: no expiry
  std::uint64_t version = 0;
  std::optional<Bytes> expected = {};  ///< for a compare-and-set; none: there must be no value
};
using Items = std::vector<Item>;

/// Many keys; `T` is the outcome of each. They are sent in chunks, one after the other, each in one round
/// trip. Within a chunk keys are in order and occur once, because the statements need that; a repeated key
/// goes into a later chunk.
template <class T>
class Bulk : public std::enable_shared_from_this<Bulk<T>> {
 public:
  static constexpr std::size_t chunk_keys = 1000;
  static constexpr std::size_t chunk_bytes = 1 << 20;

  Bulk(std::shared_ptr<Shared> shared, std::size_t keys, TimePoint deadline,
       Handler<std::vector<Result<T>>> done)
      : shared_(std::move(shared)), outcomes_(keys), deadline_(deadline), done_(std::move(done)) {}
  virtual ~Bulk() = default;

  /// Sets the outcome of a key that is not sent.
  void refuse(std::size_t position, Error why) { outcomes_[position] = std::move(why); }
  void add(Item item) { items_.push_back(std::move(item)); }
  void start();

 protected:
  [[nodiscard]] virtual const char* statement() const = 0;
  [[nodiscard]] virtual Parameters parameters(const Items& items) const = 0;
  /// Sets the outcomes of the items, from rows in which some of them may occur.
  virtual void take(const PGresult& rows, const Items& items) = 0;
  virtual void count(TierCounters& counters, const std::vector<Result<T>>& outcomes) const {
    counters.count(outcomes);
  }
  /// The most bytes that the server may send for the value of a key.
  [[nodiscard]] virtual std::uint64_t value_limit() const { return 1; }
  [[nodiscard]] const PostgresOptions& options() const { return shared_->client->options(); }

  [[nodiscard]] Result<T>& outcome(const Item& item) { return outcomes_[item.position]; }

 private:
  class Chunk;
  void cut();
  void next();
  void chunk_failed(Items items, const Error& why);
  void finish();

  const std::shared_ptr<Shared> shared_;
  std::vector<Result<T>> outcomes_;
  const TimePoint deadline_;
  Handler<std::vector<Result<T>>> done_;
  Items items_;
  std::list<Items> chunks_;  // not yet sent
};

class Gets final : public Bulk<Found> {
 public:
  using Bulk::Bulk;

 private:
  [[nodiscard]] std::uint64_t value_limit() const override { return options().max_value_bytes; }
  [[nodiscard]] const char* statement() const override { return statement::get; }
  [[nodiscard]] Parameters parameters(const Items& items) const override;
  void take(const PGresult& rows, const Items& items) override;
};

class Sets final : public Bulk<void> {
 public:
  using Bulk::Bulk;

 private:
  [[nodiscard]] const char* statement() const override { return statement::set; }
  [[nodiscard]] Parameters parameters(const Items& items) const override;
  void take(const PGresult& rows, const Items& items) override;
};

class Erases final : public Bulk<bool> {
 public:
  using Bulk::Bulk;

 private:
  [[nodiscard]] const char* statement() const override { return statement::erase; }
  [[nodiscard]] Parameters parameters(const Items& items) const override;
  void take(const PGresult& rows, const Items& items) override;
};

class Swaps final : public Bulk<bool> {
 public:
  using Bulk::Bulk;

 private:
  [[nodiscard]] const char* statement() const override { return statement::compare_and_set; }
  [[nodiscard]] Parameters parameters(const Items& items) const override;
  void take(const PGresult& rows, const Items& items) override;
  void count(TierCounters& counters, const std::vector<Result<bool>>& outcomes) const override {
    counters.count_swaps(outcomes);
  }
};

/// Erases every key that begins with the prefix and whose remainder matches the pattern, a page at a time.
void start_sweep(std::shared_ptr<Shared> shared, std::string_view prefix, std::string_view pattern,
                 TimePoint deadline, Handler<Result<std::uint64_t>> done);

/// Removes expired entries, a page at a time; then calls `done` with whether the tier is still open.
void start_purge(std::shared_ptr<Shared> shared, UniqueFunction<void(bool)> done);

}  // namespace terrace::postgres
