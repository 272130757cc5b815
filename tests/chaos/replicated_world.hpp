#pragma once
/// Independent Redis servers, processes that have a replicated tier over them, and faults that come to the
/// servers meanwhile, never more than the tier can bear.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <terrace/redis.hpp>
#include <terrace/replicated_tier.hpp>
#include <terrace/versioned_tier.hpp>

#include "chaos/processes.hpp"
#include "support/child_process.hpp"
#include "support/redis_server.hpp"

namespace terrace::chaos {

inline constexpr Duration operation_limit = std::chrono::milliseconds(250);

/// Servers that know nothing of one another, and forget all but a snapshot when they are killed.
class Servers {
 public:
  explicit Servers(unsigned count) : servers_(count) {}

  [[nodiscard]] unsigned size() const noexcept { return static_cast<unsigned>(servers_.size()); }
  [[nodiscard]] testing::RedisServer& operator[](std::size_t i) { return servers_[i]; }

  /// Of a process with connections and threads of its own.
  [[nodiscard]] std::vector<ReplicaNode> nodes(const std::shared_ptr<Runtime>& runtime) const {
    std::vector<ReplicaNode> nodes;
    for (const auto& server : servers_) {
      nodes.push_back(
          {"node " + std::to_string(nodes.size()),
           make_redis_tier(
               {.url = server.url(), .key_prefix = "t:", .reconnect_cap = std::chrono::milliseconds(200)},
               runtime)});
    }
    return nodes;
  }

  void save(std::size_t i) { servers_[i].cli({"SAVE"}); }
  void kill_to_empty(std::size_t i) {
    const auto told = servers_[i].cli({"CONFIG", "GET", "dir"});
    const std::filesystem::path folder = told.substr(told.find('\n') + 1);
    servers_[i].kill9();
    std::filesystem::remove(folder / "dump.rdb");
    servers_[i].start();
  }
  /// Needs a save() before.
  void kill_to_snapshot(std::size_t i) {
    servers_[i].kill9();
    servers_[i].start();
  }

 private:
  std::deque<testing::RedisServer> servers_;  // a deque: a server cannot be moved
};

/// A replicated tier as one process has it: connections and threads of its own.
class Member {
 public:
  Member(const Servers& servers, ReplicatedOptions options)
      : runtime_(std::make_shared<Runtime>(RuntimeOptions{.workers = 4})) {
    options.nodes = servers.nodes(runtime_);
    tier_ = make_replicated_tier(std::move(options), runtime_);
  }
  ~Member() { tier_->close(); }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  /// Starts an operation, `start(deadline, handler)`, and waits for it.
  template <class T, class Start>
  T ask(Start start, Duration limit = operation_limit) {
    struct State {
      Latch latch;
      std::optional<T> outcome;
    };
    const auto state = std::make_shared<State>();
    start(after(system_clock().now(), limit), [state](T told) {
      state->outcome.emplace(std::move(told));
      state->latch.open();
    });
    runtime_->wait(state->latch, no_deadline);
    return std::move(*state->outcome);
  }
  Result<Found> get(const std::string& key) {
    return ask<Result<Found>>([&](auto limit, auto done) { tier_->get(key, limit, std::move(done)); });
  }
  Result<void> set(const std::string& key, const std::string& value) {
    return ask<Result<void>>(
        [&](auto limit, auto done) { tier_->set(key, value, {}, limit, std::move(done)); });
  }
  Result<bool> erase(const std::string& key) {
    return ask<Result<bool>>([&](auto limit, auto done) { tier_->erase(key, limit, std::move(done)); });
  }

  [[nodiscard]] const std::shared_ptr<Tier>& tier() const noexcept { return tier_; }
  [[nodiscard]] const std::shared_ptr<Runtime>& runtime() const noexcept { return runtime_; }
  [[nodiscard]] bool sees_all_members() const {
    const auto status = replicated_status(*tier_).value();
    return std::all_of(status.nodes.begin(), status.nodes.end(),
                       [](const auto& node) { return node.reachable && node.member; });
  }

 private:
  std::shared_ptr<Runtime> runtime_;
  std::shared_ptr<Tier> tier_;
};

/// Looks at each server by itself, beside the replicated tier.
class Observer {
 public:
  using Contents = std::map<std::string, std::pair<Version, Bytes>>;

  Observer(const Servers& servers, Duration repair_time)
      : repair_time_(repair_time), nodes_(servers.nodes(runtime_)) {}
  ~Observer() {
    for (const auto& node : nodes_) node.tier->close();
  }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// Every server remembers all since it was admitted, asked just now.
  [[nodiscard]] bool all_members() {
    return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
      const auto told = ask<Result<Membership>>(
          [&](auto limit, auto done) { node.tier->versioned()->membership(limit, std::move(done)); });
      return told && told->remembers && told->left > repair_time_ / 4;
    });
  }
  [[nodiscard]] bool all_become_members() {
    return testing::eventually([&] { return all_members(); }, std::chrono::seconds(20));
  }

  /// The values of a server; nothing: it does not answer.
  [[nodiscard]] std::optional<Contents> values_of(std::size_t i) {
    VersionedTier& node = *nodes_[i].tier->versioned();
    Contents values;
    std::string from;
    do {
      const auto page =
          ask<Result<ScanPage>>([&](auto limit, auto done) { node.scan(from, limit, std::move(done)); });
      if (!page) return std::nullopt;
      from = page->next;
      std::vector<std::string_view> keys;
      for (const auto& [key, version] : page->keys) keys.push_back(key);
      auto copies = ask<std::vector<Result<Reading>>>(
          [&](auto limit, auto done) { node.read_many(keys, limit, std::move(done)); });
      for (std::size_t k = 0; k < keys.size(); ++k) {
        if (!copies[k]) return std::nullopt;
        auto& copy = copies[k]->copy;
        if (copy.value) values[std::string(keys[k])] = {copy.version, std::move(*copy.value)};
      }
    } while (!from.empty());
    return values;
  }
  /// What all servers hold, if they hold the same.
  [[nodiscard]] std::optional<Contents> common_values() {
    const auto first = values_of(0);
    if (!first) return std::nullopt;
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
      if (values_of(i) != first) return std::nullopt;
    }
    return first;
  }
  /// Which keys are not the same on all servers, and what each holds, on standard output.
  void print_differences() {
    std::map<std::string, std::vector<std::string>> held;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const auto values = values_of(i);
      if (!values) std::printf("server %zu does not answer\n", i);
      for (const auto& [key, copy] : values.value_or(Contents())) {
        auto& told = held[key];
        told.resize(nodes_.size());
        told[i] =
            std::to_string(copy.first.counter) + "." + std::to_string(copy.first.writer) + " " + copy.second;
      }
    }
    for (const auto& [key, told] : held) {
      if (std::all_of(told.begin(), told.end(), [&](const auto& one) { return one == told.front(); }))
        continue;
      for (std::size_t i = 0; i < told.size(); ++i)
        std::printf("%s on server %zu: %s\n", key.c_str(), i, told[i].empty() ? "nothing" : told[i].c_str());
    }
  }

 private:
  template <class T, class Start>
  T ask(Start start) {
    struct State {
      Latch latch;
      std::optional<T> outcome;
    };
    const auto state = std::make_shared<State>();
    start(after(system_clock().now(), std::chrono::seconds(1)), [state](T told) {
      state->outcome.emplace(std::move(told));
      state->latch.open();
    });
    runtime_->wait(state->latch, no_deadline);
    return std::move(*state->outcome);
  }

  const Duration repair_time_;
  const std::shared_ptr<Runtime> runtime_ = std::make_shared<Runtime>(RuntimeOptions{.workers = 1});
  std::vector<ReplicaNode> nodes_;
};

/// Servers that stand still for a while, die and come back empty or with what they knew long ago: one less
/// than a majority at a time, and who may have forgotten something only while all others are members.
class Faults {
 public:
  Faults(Servers& servers, Observer& observer, std::uint32_t seed)
      : servers_(&servers), observer_(&observer), random_(seed) {
    for (unsigned i = 0; i < servers.size(); ++i) servers.save(i);
  }

  /// Makes one, of each kind in turn, and heals it. `goes_on(pause)` returns when the fault has been felt.
  template <class GoesOn>
  void make(GoesOn goes_on) {
    const unsigned kind = made_ % 3;
    if (kind != 0) {
      ASSERT_TRUE(observer_->all_become_members()) << "after " << made_ << " faults";
    }
    const auto victims = choose((servers_->size() - 1) / 2);
    for (const auto victim : victims) {
      if (kind == 0) (*servers_)[victim].freeze();
      if (kind == 1) servers_->kill_to_empty(victim);
      if (kind == 2) servers_->kill_to_snapshot(victim);
    }
    goes_on();
    if (kind == 0) {
      for (const auto victim : victims) (*servers_)[victim].thaw();
    }
    // Else from the last snapshot deletions would always be in it.
    if (kind == 1) {
      ASSERT_TRUE(observer_->all_become_members()) << "after " << made_ << " faults";
      for (const auto victim : victims) servers_->save(victim);
    }
    ++made_;
  }

  [[nodiscard]] unsigned made() const noexcept { return made_; }

 private:
  std::vector<unsigned> choose(unsigned count) {
    std::vector<unsigned> all(servers_->size());
    for (unsigned i = 0; i < all.size(); ++i) all[i] = i;
    std::shuffle(all.begin(), all.end(), random_);
    all.resize(count);
    return all;
  }

  Servers* servers_;
  Observer* observer_;
  std::mt19937 random_;
  unsigned made_ = 0;
};

}  // namespace terrace::chaos
