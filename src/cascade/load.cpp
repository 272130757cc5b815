/// The load: asks the program's loader for keys that no level has, under a time limit.

#include <algorithm>

#include "cascade/core.hpp"

namespace terrace::cascade {
namespace {

/// One call of one loader. It ends once: with the loader's answer or at the time limit; what comes later is
/// dropped.
class Load : public std::enable_shared_from_this<Load> {
 public:
  Load(std::shared_ptr<Core> core, Waiter source, std::vector<FlightPtr> flights)
      : core_(std::move(core)), source_(std::move(source)), flights_(std::move(flights)) {}

  /// The limit counts from here, so that a load which finds every worker thread hanging ends as well.
  void start() {
    began_ = core_->now();
    timer_ =
        core_->scheduler->call_at(after(began_, core_->options.load_timeout), [self = shared_from_this()] {
          self->end([](const FlightPtr& flight) {
            return Loaded{.value = Error(Errc::timed_out, "the loader of " + printable_key(flight->key) +
                                                              " took longer than load_timeout")};
          });
        });
    if (!source_.loader->blocks()) return run();
    core_->scheduler->post_blocking([self = shared_from_this()] { self->run(); });
  }

 private:
  void run() {
    if (ended_) return;
    // A caller that has left took along what its loader refers to: somebody else's loader must do.
    if (!source_.call->open()) {
      if (ended_.exchange(true)) return;
      core_->scheduler->cancel(timer_);
      return start_load(core_, flights_);
    }
    core_->counters.loads += flights_.size();
    std::vector<std::string> keys;
    for (const auto& flight : flights_) keys.push_back(flight->key);
    source_.loader->load(keys, [self = shared_from_this()](std::vector<Loaded> loaded) {
      std::size_t next = 0;
      self->end([&](const FlightPtr&) { return std::move(loaded[next++]); });
    });
  }

  template <class Outcome>
  void end(Outcome outcome) {
    if (ended_.exchange(true)) return;
    core_->scheduler->cancel(timer_);
    core_->counters.load_latency.record(core_->now() - began_);
    for (const auto& flight : flights_) deliver(flight, outcome(flight));
  }

  void deliver(const FlightPtr& flight, Loaded loaded) {
    Answer answer{.level = core_->levels.size() + 1};
    if (!loaded.value) {
      ++core_->counters.load_failures;
      answer.kind = LookupKind::unavailable;
      answer.error = loaded.value.error();
      return land(*core_, flight, answer);
    }
    const bool negative = *loaded.value == nullptr;
    const auto& default_ttl = negative ? core_->options.negative_ttl : core_->options.ttl;
    answer.kind = negative ? LookupKind::negative : LookupKind::hit;
    answer.entry = {.value = std::move(*loaded.value),
                    .created = core_->now(),
                    .expires = core_->expiry(loaded.ttl ? loaded.ttl : default_ttl)};
    const Fills::UnderWay intent(core_->fills);
    land(*core_, flight, answer);
    if (!negative || answer.entry.expires) fill_tiers(flight, answer.entry);
  }

  /// Every tier that said it has nothing; one that could not be asked may hold something newer.
  void fill_tiers(const FlightPtr& flight, const Entry& entry) {
    if (std::none_of(flight->missed.begin(), flight->missed.end(), [](bool missed) { return missed; }))
      return;
    const auto stored = core_->seal_up(flight->key, entry);
    if (!stored) return;  // too large for the tiers: the value stays in memory
    for (std::size_t tier = 0; tier < flight->missed.size(); ++tier) {
      if (flight->missed[tier]) core_->fill(tier, flight->key, *stored, entry, flight->stamp);
    }
  }

  std::shared_ptr<Core> core_;
  const Waiter source_;  // whose loader it is
  const std::vector<FlightPtr> flights_;
  TimePoint began_;
  std::atomic<Scheduler::TimerId> timer_{0};
  std::atomic<bool> ended_{false};
};

}  // namespace

void start_load(std::shared_ptr<Core> core, const std::vector<FlightPtr>& flights) {
  // Keys whose readers brought the same loader are loaded by one call of it.
  std::vector<std::pair<Waiter, std::vector<FlightPtr>>> groups;
  for (const auto& flight : flights) {
    auto source = core->flights.choose_loader(flight);
    if (!source) {  // everybody has left
      land(*core, flight, {.kind = LookupKind::unavailable, .error = Error(Errc::timed_out)});
      continue;
    }
    const auto same = [&](const auto& group) { return group.first.loader == source->loader; };
    auto group = std::find_if(groups.begin(), groups.end(), same);
    if (group == groups.end()) group = groups.insert(group, {std::move(*source), {}});
    group->second.push_back(flight);
  }
  for (auto& [source, group] : groups)
    std::make_shared<Load>(core, std::move(source), std::move(group))->start();
}

}  // namespace terrace::cascade
