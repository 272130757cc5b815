/// Calls for very many keys: tier_timeout is a limit for progress, not for the size of a call.

#include <algorithm>
#include <numeric>

#include "cascade/fill_turns.hpp"
#include "cascade/fixture.hpp"

namespace terrace {
namespace {

/// A tier that needs a time for each key, and does one call after the other, as a server does.
class BusyTier final : public testing::MapTier {
 public:
  explicit BusyTier(std::shared_ptr<testing::FakeScheduler> scheduler)
      : MapTier(scheduler->clock()), scheduler_(std::move(scheduler)) {}

  void get_many(std::vector<std::string_view> keys, TimePoint deadline,
                Handler<std::vector<Result<Found>>> done) override {
    std::vector<Result<Found>> outcomes;
    MapTier::get_many(keys, no_deadline,
                      [&](std::vector<Result<Found>> told) { outcomes = std::move(told); });
    answer<Found>(std::move(outcomes), deadline, std::move(done));
  }
  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override {
    std::size_t bytes = 0;
    for (const TierWrite& write : writes) bytes += write.value.size();
    most_bytes = std::max(most_bytes, bytes);
    std::vector<Result<void>> outcomes;
    MapTier::set_many(writes, no_deadline,
                      [&](std::vector<Result<void>> told) { outcomes = std::move(told); });
    answer<void>(std::move(outcomes), deadline, std::move(done));
  }
  void erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                  Handler<std::vector<Result<bool>>> done) override {
    std::vector<Result<bool>> outcomes;
    MapTier::erase_many(keys, no_deadline,
                        [&](std::vector<Result<bool>> told) { outcomes = std::move(told); });
    answer<bool>(std::move(outcomes), deadline, std::move(done));
  }

  bool frozen = false;
  std::size_t under_way = 0;
  std::size_t most_under_way = 0;
  std::size_t most_keys = 0;
  std::size_t most_bytes = 0;

 private:
  static constexpr Duration a_key = 50us;

  template <class T>
  void answer(std::vector<Result<T>> outcomes, TimePoint deadline, Handler<std::vector<Result<T>>> done) {
    most_keys = std::max(most_keys, outcomes.size());
    most_under_way = std::max(most_under_way, ++under_way);
    const TimePoint now = scheduler_->clock().now();
    const TimePoint ready = std::max(now, busy_) + a_key * static_cast<std::int64_t>(outcomes.size());
    const bool late = frozen || ready > deadline;
    if (!frozen) busy_ = ready;
    if (late) std::fill(outcomes.begin(), outcomes.end(), Error(Errc::timed_out, "busy"));
    const auto shared = std::make_shared<Handler<std::vector<Result<T>>>>(std::move(done));
    scheduler_->call_at(late ? deadline : ready, [this, shared, outcomes = std::move(outcomes)]() mutable {
      --under_way;
      (*shared)(std::move(outcomes));
    });
  }

  const std::shared_ptr<testing::FakeScheduler> scheduler_;
  TimePoint busy_{};
};

class BulkCalls : public ::testing::Test {
 protected:
  using Strings = Cache<std::string>;

  [[nodiscard]] Strings make() const {
    return Strings({.max_entries = 1'000'000, .ttl_jitter = 0, .scheduler = scheduler_}, {tier_});
  }
  static std::vector<std::string> names(std::size_t count) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < count; ++i) keys.push_back("k" + std::to_string(i));
    return keys;
  }
  static std::vector<std::pair<std::string, std::string>> pairs(std::size_t count, std::size_t bytes = 5) {
    std::vector<std::pair<std::string, std::string>> entries;
    for (std::string& key : names(count)) {
      std::string value = key;
      value.resize(bytes, '.');
      entries.emplace_back(std::move(key), std::move(value));
    }
    return entries;
  }
  template <class T>
  static std::size_t failed(const std::vector<Result<T>>& outcomes) {
    return static_cast<std::size_t>(
        std::count_if(outcomes.begin(), outcomes.end(), [](const auto& o) { return !o; }));
  }
  [[nodiscard]] TimePoint now() const { return scheduler_->clock().now(); }

  std::shared_ptr<testing::FakeScheduler> scheduler_ = std::make_shared<testing::FakeScheduler>();
  std::shared_ptr<BusyTier> tier_ = std::make_shared<BusyTier>(scheduler_);
};

TEST_F(BulkCalls, OfAnySizeSucceedWhileTheTierAnswers) {
  auto cache = make();
  const std::size_t count = 20'000;  // 1 s of work
  EXPECT_EQ(failed(cache.set_many(pairs(count))), 0U);
  EXPECT_LE(tier_->most_under_way, 2U);
  EXPECT_LE(tier_->most_keys, 1000U);
  auto other = make();
  const auto found = other.get_many(names(count));
  EXPECT_EQ(std::count_if(found.begin(), found.end(), [](const auto& f) { return f.has_value(); }), count);
  const auto erased = cache.erase_many(names(count));
  EXPECT_EQ(failed(erased), 0U);
  EXPECT_TRUE(std::all_of(erased.begin(), erased.end(), [](const auto& had) { return had && *had; }));
  EXPECT_EQ(cache.stats().unrecovered, 0U);
}

TEST_F(BulkCalls, SendAFewLargeValuesAtATime) {
  auto cache = make();
  EXPECT_EQ(failed(cache.set_many(pairs(200, 100'000))), 0U);
  EXPECT_LE(tier_->most_bytes, 1U << 20);
  EXPECT_EQ(failed(cache.set_many(pairs(2, 2'000'000))), 0U) << "one of them is larger than a chunk";
}

TEST_F(BulkCalls, EndInBoundedTimeWhenTheTierIsFrozen) {
  auto cache = make();
  cache.set_many(pairs(10));
  tier_->frozen = true;
  TimePoint begin = now();
  const auto outcomes = cache.set_many(pairs(100'000));
  EXPECT_EQ(failed(outcomes), outcomes.size());
  EXPECT_LE(now() - begin, 300ms);
  begin = now();
  const auto found = make().lookup_many(names(100'000));
  EXPECT_LE(now() - begin, 300ms);
  for (const auto& answer : found) ASSERT_EQ(answer.kind, LookupKind::unavailable);
  tier_->frozen = false;
  scheduler_->advance(10min);
  EXPECT_EQ(cache.stats().unrecovered, 0U);
}

TEST_F(BulkCalls, EndAtTheCallersLimit) {
  auto cache = make();
  EXPECT_EQ(failed(cache.set_many(pairs(20'000))), 0U);
  const TimePoint begin = now();
  const auto found = make().lookup_many(names(20'000), {.timeout = 500ms});
  EXPECT_EQ(now() - begin, 500ms);
  EXPECT_TRUE(found.front().value.has_value());
  EXPECT_EQ(found.back().error, Errc::timed_out) << found.back().error.message();
  scheduler_->advance(10min);  // the rest of the lookup
}

TEST_F(BulkCalls, LoadAndKeepEveryKey) {
  auto cache = make();
  const std::size_t count = 5'000;
  std::vector<std::size_t> asked;
  const auto loader = [&](const std::vector<std::string>& keys) {
    asked.push_back(keys.size());
    std::vector<std::optional<std::string>> values;
    for (const auto& key : keys) values.emplace_back(key);
    return values;
  };
  EXPECT_EQ(failed(cache.get_or_load_many(names(count), loader)), 0U);
  EXPECT_EQ(asked, (std::vector<std::size_t>{2000, 2000, 1000})) << "part after part";
  scheduler_->advance(10s);
  asked.clear();
  EXPECT_EQ(failed(make().get_or_load_many(names(count), loader)), 0U);
  EXPECT_TRUE(asked.empty()) << "the tier has them";
  Strings alone({.max_entries = 10'000, .ttl_jitter = 0, .scheduler = scheduler_}, {});
  EXPECT_EQ(failed(alone.get_or_load_many(names(count), loader)), 0U);
  EXPECT_EQ(asked, std::vector<std::size_t>{count}) << "without tiers there is nothing to divide it for";
}

TEST(FillTurns, LetAFewBeginAndTheRestInTheirOrder) {
  cascade::FillTurns turns;
  std::vector<int> begun;
  for (int i = 0; i < 5; ++i) turns.begin(400'000, [&, i] { begun.push_back(i); });
  EXPECT_EQ(begun, (std::vector<int>{0, 1})) << "1 MB at a time";
  turns.begin(1, [&] { begun.push_back(5); });
  EXPECT_EQ(begun.size(), 2U) << "nobody overtakes";
  turns.end(400'000);
  EXPECT_EQ(begun, (std::vector<int>{0, 1, 2}));
  for (int i = 0; i < 4; ++i) turns.end(400'000);
  turns.end(1);
  EXPECT_EQ(begun, (std::vector<int>{0, 1, 2, 3, 4, 5}));
  turns.begin(100'000'000, [&] { begun.push_back(6); });
  EXPECT_EQ(begun.back(), 6) << "a larger one goes alone";
}

}  // namespace
}  // namespace terrace
