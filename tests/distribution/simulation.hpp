#pragma once
/// Simulation: processes that read and write registers on a replicated tier over a network with faults, all
/// on virtual time; a run is the same for the same seed.

#include "distribution/linearizable.hpp"
#include "distribution/replicated_tier.hpp"
#include "distribution/sim_network.hpp"

namespace terrace::distribution {

struct SimulationOptions {
  std::uint64_t seed = 0;
  unsigned nodes = 3;
  unsigned copies = 0;
  unsigned processes = 3;
  unsigned keys = 8;
  std::size_t operations = 2000;
  Consistency consistency = Consistency::strong;
  unsigned write_quorum = 0;
  std::size_t max_hints = 100'000;
  Mutant mutant = Mutant::none;
  bool faults = true;
  Duration fault_pause = std::chrono::milliseconds(150);  ///< between two, at most
  Duration longest_delay = std::chrono::milliseconds(3);  ///< of a message while nothing is wrong
  bool forgetting = true;  ///< among the faults: servers that come back empty, or with an old snapshot
};

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options) : options_(options), random_(options.seed) {
    for (unsigned i = 0; i < options.nodes; ++i) servers_.push_back(std::make_unique<SimServer>(*scheduler_));
    for (unsigned p = 0; p < options.processes; ++p) {
      ReplicatedOptions tier;
      tier.copies = options.copies;
      tier.consistency = options.consistency;
      tier.write_quorum = options.write_quorum;
      tier.max_hints = options.max_hints;
      tier.repair_time = std::chrono::seconds(20);
      const auto seen = std::make_shared<SimLink::Seen>();
      for (unsigned i = 0; i < options.nodes; ++i) {
        links_.push_back(
            std::make_shared<SimLink>(*scheduler_, *servers_[i], random_(), options.mutant, seen));
        links_.back()->weather.longest = options.longest_delay;
        tier.nodes.push_back({"node " + std::to_string(i), links_.back()});
      }
      tiers_.push_back(make_seeded_tier(std::move(tier), scheduler_, random_()));
    }
    events_.resize(options.keys);
  }
  ~Simulation() {
    for (const auto& tier : tiers_) tier->close();
    scheduler_->advance(std::chrono::seconds(30));
  }

  /// Waits till every node is a member.
  bool start() {
    return await([&] { return all_members(); });
  }

  /// Runs till the operations are done; false: they got stuck.
  bool run() {
    if (!start()) return false;
    for (std::size_t p = 0; p < tiers_.size(); ++p) next_operation(p);
    if (options_.faults) next_fault();
    return await([&] { return done_ >= options_.operations; });
  }

  void start_faults() { next_fault(); }

  /// Ends all faults, and waits till the nodes hold the same; false: they do not in that time.
  bool converges_within(Duration limit) {
    stopping_ = true;
    for (const auto& link : links_) link->cut = false, link->weather.loss = 0;
    for (const auto& server : servers_) {
      server->thaw();
      if (!server->is_up()) server->restart(false);
    }
    return await([&] { return all_members() && all_equal(); }, limit);
  }

  [[nodiscard]] std::string verdict() const {
    for (std::size_t key = 0; key < events_.size(); ++key) {
      const auto why = why_not_linearizable(events_[key]);
      if (!why.empty()) return "key " + std::to_string(key) + ": " + why;
    }
    return "";
  }
  /// How the first process sees the nodes, for people.
  [[nodiscard]] std::string state() const {
    std::string text = std::to_string(done_) + " operations done; ";
    const auto status = replicated_status(*tiers_.front()).value();
    for (const auto& node : status.nodes) {
      text += node.name + (node.reachable ? " up" : " away") + (node.member ? " member " : " ") +
              node.trouble + "; ";
    }
    std::map<std::string, std::map<std::string, unsigned>> held;  // how many nodes hold what
    for (const auto& server : servers_) {
      for (const auto& [key, copy] : server->map().contents()) {
        ++held[key][copy.second.value_or("deleted") + " of " + std::to_string(copy.first.counter)];
      }
    }
    for (const auto& [key, copies] : held) {
      if (copies.begin()->second == servers_.size()) continue;
      text += key + ":";
      for (const auto& [copy, count] : copies) text += " " + std::to_string(count) + " have " + copy;
      text += "; ";
    }
    return text;
  }
  [[nodiscard]] std::size_t unknown() const noexcept { return unknown_; }
  [[nodiscard]] std::size_t failed() const noexcept { return failed_; }
  // One operation, to its end.
  Result<void> set(std::size_t process, std::string_view key, std::string_view value,
                   std::optional<Duration> ttl = {}) {
    return ask<Result<void>>(
        [&](auto done) { tier(process).set(key, value, ttl, deadline(), std::move(done)); });
  }
  Result<Found> get(std::size_t process, std::string_view key) {
    return ask<Result<Found>>([&](auto done) { tier(process).get(key, deadline(), std::move(done)); });
  }
  Result<bool> erase(std::size_t process, std::string_view key) {
    return ask<Result<bool>>([&](auto done) { tier(process).erase(key, deadline(), std::move(done)); });
  }
  template <class T, class Start>
  T ask(Start start) {
    std::optional<T> outcome;
    start([&](T told) { outcome = std::move(told); });
    await([&] { return outcome.has_value(); });
    return std::move(*outcome);
  }

  [[nodiscard]] Tier& tier(std::size_t process) noexcept { return *tiers_[process]; }
  [[nodiscard]] SimServer& server(std::size_t i) noexcept { return *servers_[i]; }
  [[nodiscard]] SimLink& link(std::size_t process, std::size_t server) noexcept {
    return *links_[process * servers_.size() + server];
  }
  [[nodiscard]] FakeScheduler& scheduler() noexcept { return *scheduler_; }
  [[nodiscard]] TimePoint deadline() const {
    return after(scheduler_->clock().now(), std::chrono::milliseconds(100));
  }

  template <class Condition>
  bool await(Condition met, Duration limit = std::chrono::hours(1)) {
    const TimePoint end = after(scheduler_->clock().now(), limit);
    while (!met()) {
      if (scheduler_->clock().now() > end) return false;
      scheduler_->advance(std::chrono::milliseconds(1));
    }
    return true;
  }

  [[nodiscard]] bool all_members() {
    for (const auto& server : servers_) {
      Membership membership;
      server->map().membership(no_deadline,
                               [&](const Result<Membership>& told) { membership = told.value(); });
      if (!server->is_fine() || !membership.remembers || membership.left < std::chrono::seconds(5))
        return false;
    }
    return true;
  }

 private:
  /// Every node holds every key: the same versions, and values that live or do not.
  [[nodiscard]] bool all_equal() {
    const auto first = servers_.front()->map().contents();
    return std::all_of(servers_.begin(), servers_.end(),
                       [&](const auto& server) { return server->map().contents() == first; });
  }

  [[nodiscard]] std::int64_t now() const { return scheduler_->clock().now().time_since_epoch().count(); }
  Duration soon(std::uint64_t most_us) { return std::chrono::microseconds(random_() % most_us); }
  template <class Act>
  void later(Duration wait, Act act) {
    scheduler_->call_at(after(scheduler_->clock().now(), wait), std::move(act));
  }

  // ---- Operations

  void next_operation(std::size_t process) {
    later(soon(4000), [this, process] {
      if (stopping_) return;
      const std::size_t key = random_() % options_.keys;
      random_() % 2 == 0 ? write(process, key) : read(process, key);
    });
  }

  void write(std::size_t process, std::size_t key) {
    const auto event = add({true, ++last_value_, now(), unknown_end}, key);
    const std::string value = std::to_string(last_value_);
    tiers_[process]->set(name(key), value, std::nullopt, deadline(),
                         [this, process, key, event](const Result<void>& outcome) {
                           if (outcome) events_[key][event].end = now();
                           if (!outcome) ++(outcome.error() == Errc::unavailable ? failed_ : unknown_);
                           ended(process);
                         });
  }

  void read(std::size_t process, std::size_t key) {
    const std::int64_t begin = now();
    tiers_[process]->get(name(key), deadline(), [this, process, key, begin](const Result<Found>& found) {
      if (found) add({false, *found ? std::stoull(**found) : 0, begin, now()}, key);
      if (!found) ++failed_;
      ended(process);
    });
  }

  std::size_t add(const Event& event, std::size_t key) {
    events_[key].push_back(event);
    return events_[key].size() - 1;
  }
  void ended(std::size_t process) {
    ++done_;
    next_operation(process);
  }
  static std::string name(std::size_t key) { return "key " + std::to_string(key); }

  // ---- Faults: of servers one less than a majority at a time, of links as it comes.

  void next_fault() {
    later(soon(static_cast<std::uint64_t>(options_.fault_pause / std::chrono::microseconds(1))), [this] {
      if (stopping_) return;
      make_fault();
      next_fault();
    });
  }

  void make_fault() {
    auto& link = *links_[random_() % links_.size()];
    auto& server = *servers_[random_() % servers_.size()];
    const Duration length = soon(800'000);
    switch (random_() % 6) {
      case 0:
        link.cut = true;
        return later(length, [&link] { link.cut = false; });
      case 1:
        link.weather = {0.2, std::chrono::milliseconds(40)};
        return later(length, [this, &link] { link.weather = {0, options_.longest_delay}; });
      case 2:
        return server.map().take_snapshot();
      case 3:
        if (!may_fail(server)) return;
        server.freeze();
        return later(length, [this, &server] { server.is_up() ? server.thaw() : void(); });
      default:
        if (!options_.forgetting || !may_fail(server)) return;
        server.kill();
        return later(length, [this, &server] { server.restart(random_() % 2 == 0); });
    }
  }

  /// Nobody else is away or has something to catch up on, but as many as a majority can do without.
  [[nodiscard]] bool may_fail(const SimServer& chosen) {
    if (!chosen.is_fine()) return false;
    if (options_.mutant == Mutant::amnesia) return true;
    unsigned members = 0;
    for (const auto& server : servers_) {
      Membership membership;
      server->map().membership(no_deadline,
                               [&](const Result<Membership>& told) { membership = told.value(); });
      members +=
          server->is_fine() && membership.remembers && membership.left > std::chrono::seconds(5) ? 1 : 0;
    }
    return members == servers_.size();
  }

  const SimulationOptions options_;
  std::mt19937_64 random_;
  std::shared_ptr<FakeScheduler> scheduler_ = std::make_shared<FakeScheduler>();
  std::vector<std::unique_ptr<SimServer>> servers_;
  std::vector<std::shared_ptr<SimLink>> links_;  // by process, then server
  std::vector<std::shared_ptr<Tier>> tiers_;     // by process
  std::vector<std::vector<Event>> events_;       // by key
  std::uint64_t last_value_ = 0;
  std::size_t done_ = 0;
  std::size_t unknown_ = 0;
  std::size_t failed_ = 0;
  bool stopping_ = false;
};

}  // namespace terrace::distribution
