/// Row 29: the list of shards changes under writes. Two processes share the shards and switch at different
/// times; operations take their time and mix. No read may give what was erased or replaced before it began.
/// What the phases are for is shown by processes that leave one out.

#include <gtest/gtest.h>

#include <cstring>
#include <iostream>
#include <terrace/hash_ring.hpp>
#include <terrace/sharded_tier.hpp>

#include "distribution/history.hpp"
#include "distribution/slow_tier.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using testing::FakeScheduler;
using testing::History;
using testing::SlowTier;

constexpr Duration longest_step = 100ms;  // an operation has at most three steps, there and back each
constexpr Duration settle = 5s;
constexpr Duration grace = 20s;

/// How a process takes part.
enum class Manner {
  right,
  erases_at_the_new_owner_only,
  no_settle,       // the new owner leads at once
  no_last_settle,  // after the grace it forgets the old owner at once
};

class Process {
 public:
  Process(std::shared_ptr<FakeScheduler> scheduler, std::vector<Shard> shards, Manner manner)
      : scheduler_(std::move(scheduler)),
        shards_(shards),
        manner_(manner),
        tier_(make_sharded_tier({.shards = std::move(shards)}, scheduler_)) {}

  void change(const std::vector<Shard>& next) {
    const bool at_once = manner_ == Manner::no_settle;
    tier_->change_shards(next, {.settle = at_once ? 0s : settle, .grace = grace + (at_once ? settle : 0s)});
    shards_ = next;
    changed_ = scheduler_->clock().now();
    if (manner_ == Manner::no_last_settle) alone_ = make_sharded_tier({.shards = next}, scheduler_);
  }

  [[nodiscard]] Tier& tier() {
    const bool forgets = alone_ && scheduler_->clock().now() >= changed_ + settle + grace;
    return forgets ? *alone_ : *tier_;
  }

  void erase(const std::string& key, Handler<Result<bool>> done) {
    if (manner_ != Manner::erases_at_the_new_owner_only || tier_->change_left() == 0s) {
      return tier().erase(key, no_deadline, std::move(done));
    }
    std::vector<HashRing::Node> nodes;
    for (const Shard& shard : shards_) nodes.push_back({shard.name});
    shards_[HashRing(nodes).owner(key)].tier->erase(key, no_deadline, std::move(done));
  }

 private:
  const std::shared_ptr<FakeScheduler> scheduler_;
  std::vector<Shard> shards_;
  const Manner manner_;
  const std::shared_ptr<ShardedTier> tier_;
  std::shared_ptr<ShardedTier> alone_;
  TimePoint changed_{};
};

struct Outcome {
  std::uint64_t reads = 0, hits = 0, wrong = 0, fills = 0, rejected = 0, disagreements = 0;
  Outcome& operator+=(const Outcome& other) {
    reads += other.reads, hits += other.hits, wrong += other.wrong, fills += other.fills;
    rejected += other.rejected, disagreements += other.disagreements;
    return *this;
  }
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, Manner manner) : random_(seed) {
    for (const auto* name : {"a", "b", "c", "d"}) {
      shards_.push_back({name, std::make_shared<SlowTier>(scheduler_, random_, longest_step)});
    }
    const std::vector<Shard> three(shards_.begin(), shards_.end() - 1);
    for (int i = 0; i < 2; ++i) processes_.push_back(std::make_unique<Process>(scheduler_, three, manner));
  }

  Outcome run() {
    // d comes, or comes in the place of a, so that keys move from every shard or from one.
    std::vector<Shard> next = shards_;
    if (random_() % 2 == 0) next.erase(next.begin());
    const Duration most = settle - 6 * longest_step;
    const Duration skew =
        random_() % 2 == 0 ? most : Duration(std::int64_t(random_() % std::uint64_t(most.count())));
    const TimePoint first = now() + 5s;
    scheduler_->call_at(first, [this, next] { processes_[0]->change(next); });
    scheduler_->call_at(first + skew, [this, next] { processes_[1]->change(next); });
    const TimePoint end = first + skew + 2 * settle + grace + 5s;
    while (now() < end) {
      for (auto burst = random_() % 8; burst > 0; --burst) act();
      scheduler_->advance(Duration(std::int64_t(random_() % 400'000'000)));
      if (random_() % 10 == 0) agree();
    }
    agree();
    return outcome_;
  }

 private:
  [[nodiscard]] TimePoint now() const { return scheduler_->clock().now(); }
  [[nodiscard]] std::string some_key() { return "key" + std::to_string(random_() % 12); }
  [[nodiscard]] Process& some_process() { return *processes_[random_() % processes_.size()]; }

  void act() {
    const std::string key = some_key();
    switch (random_() % 8) {
      case 0:
        return set(key);
      case 1:
        return erase(key);
      case 2:
      case 3:
        return load(key);
      default:
        return read(key);
    }
  }

  void set(const std::string& key) {
    const std::uint64_t number = history_.begin_write(key, true);
    some_process().tier().set(key, std::to_string(number), {}, no_deadline, [=, this](const auto& done) {
      if (done) history_.end_write(key, number);
    });
  }

  void erase(const std::string& key) {
    const std::uint64_t number = history_.begin_write(key, false);
    some_process().erase(key, [=, this](const auto& done) {
      if (done) history_.end_write(key, number);
    });
  }

  void read(const std::string& key) {
    const auto began = history_.tick();
    some_process().tier().get(key, no_deadline, [=, this](const Result<Found>& found) {
      ++outcome_.reads;
      if (found && *found) judge(key, **found, began);
    });
  }

  /// What a cache does on a miss: takes the lease, reads the source, takes its time, fills.
  void load(const std::string& key) {
    Process& process = some_process();
    const auto began = history_.tick();
    LeaseToken token{};
    const std::uint64_t name = ++tokens_;
    std::memcpy(token.data(), &name, sizeof(name));
    process.tier().shared()->acquire(
        key, token, 1min, {}, no_deadline, [=, this, &process](const auto& reply) {
          if (!reply) return;
          if (reply->kind == LeaseReply::Kind::value) judge(key, reply->value, began);
          if (reply->kind != LeaseReply::Kind::granted || history_.source(key) == 0) return;
          const std::string value = std::to_string(history_.source(key));
          const auto loaded = [=, this, &process] {
            process.tier().shared()->fill(key, token, value, {}, no_deadline, [this](const auto& filled) {
              ++(filled && *filled ? outcome_.fills : outcome_.rejected);
            });
          };
          scheduler_->call_at(now() + Duration(std::int64_t(random_() % 3'000'000'000)), loaded);
        });
  }

  void judge(const std::string& key, const Bytes& value, History::Time began) {
    ++outcome_.hits;
    if (history_.wrong(key, std::stoull(value), began)) ++outcome_.wrong;
  }

  /// When everything has ended, both processes see the same.
  void agree() {
    scheduler_->advance(6 * longest_step + 3s);
    for (int i = 0; i < 12; ++i) {
      std::vector<Found> seen;
      for (const auto& process : processes_) {
        process->tier().get("key" + std::to_string(i), no_deadline,
                            [&](const Result<Found>& found) { seen.push_back(found ? *found : Found()); });
      }
      scheduler_->advance(4 * longest_step);
      ASSERT_EQ(seen.size(), 2U);
      if (seen[0] && seen[1] && seen[0] != seen[1]) ++outcome_.disagreements;
    }
  }

  std::mt19937_64 random_;
  const std::shared_ptr<FakeScheduler> scheduler_ = std::make_shared<FakeScheduler>();
  std::vector<Shard> shards_;
  std::vector<std::unique_ptr<Process>> processes_;
  History history_;
  Outcome outcome_;
  std::uint64_t tokens_ = 0;
};

/// As many changes as told; or until one goes wrong.
Outcome simulate(Manner manner, std::uint64_t runs) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << '\n';
  Outcome all;
  std::uint64_t run = 0;
  for (; run < runs && all.wrong == 0; ++run) {
    const Outcome one = Simulation(seed + run, manner).run();
    all += one;
    if (one.wrong + one.disagreements > 0) std::cout << "at seed " << seed + run << '\n';
  }
  std::cout << run << " changes: " << all.reads << " reads, " << all.hits << " hits, " << all.wrong
            << " wrong, " << all.disagreements << " disagreements, " << all.fills << " fills, "
            << all.rejected << " rejected\n";
  return all;
}

TEST(RingChange, F29_NoReadGivesWhatWasErasedOrReplaced) {
  const std::uint64_t runs = std::getenv("TERRACE_CHAOS") != nullptr ? 5000 : 200;
  const Outcome all = simulate(Manner::right, runs);
  EXPECT_EQ(all.wrong, 0U);
  EXPECT_EQ(all.disagreements, 0U);
  EXPECT_GT(all.hits, all.reads / 4);
  EXPECT_GT(all.fills, runs);
  EXPECT_GT(all.rejected, 0U);
}

constexpr std::uint64_t until_caught = 5000;

TEST(RingChange, F29_ErasesAtTheNewOwnerOnlyAreCaught) {
  EXPECT_GT(simulate(Manner::erases_at_the_new_owner_only, until_caught).wrong, 0U);
}

TEST(RingChange, F29_AChangeWithoutSettlingIsCaught) {
  EXPECT_GT(simulate(Manner::no_settle, until_caught).wrong, 0U);
}

TEST(RingChange, F29_AnOldOwnerForgottenAtOnceIsCaught) {
  EXPECT_GT(simulate(Manner::no_last_settle, until_caught).wrong, 0U);
}

}  // namespace
}  // namespace terrace
