#include "sim/schedule.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>

namespace terrace::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::array harms = {
    "cut",           "half_open",     "stall",   "slow",  "freeze_process", "kill_process",
    "freeze_server", "restart_empty", "flush",   "evict", "kill_clients",   "forget_scripts",
    "full_memory",   "cannot_save",   "loading", "deny",  "jump_clock",     "move_address"};
constexpr std::array deeds = {"read", "write", "erase", "clear", "erase_prefix", "invalidate_tag"};
constexpr std::array stacks = {"redis", "redis, private store", "redis, shared database", "shared database"};
constexpr std::array levels = {"weak", "eventual", "strong"};
constexpr std::array mutants = {"none",        "no_pushes", "weak_as_eventual", "private_as_fleet",
                                "no_identity", "no_claims", "no_leases"};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  /// 0 … sides − 1.
  unsigned roll(unsigned sides) { return static_cast<unsigned>(random_() % sides); }
  bool once_in(unsigned sides) { return roll(sides) == 0; }
  Duration between(Duration low, Duration high) {
    return low + Duration(static_cast<std::int64_t>(random_() %
                                                    static_cast<std::uint64_t>((high - low).count() + 1)));
  }
  template <class T, std::size_t N>
  T one_of(const std::array<T, N>& choices) {
    return choices[roll(N)];
  }

 private:
  std::mt19937_64 random_;
};

Setup make_setup(Dice& dice, Mutant mutant) {
  Setup setup;
  setup.stack = dice.one_of(std::array{Stack::redis, Stack::redis, Stack::redis_private,
                                       Stack::redis_database, Stack::redis_database, Stack::database});
  setup.loads = dice.once_in(2);
  setup.consistency = dice.one_of(std::array{Consistency::eventual, Consistency::eventual,
                                             Consistency::eventual, Consistency::strong, Consistency::weak});
  setup.processes = 2 + dice.roll(4);
  setup.keys = 1 + dice.roll(3);
  setup.bound = dice.one_of(std::array<Duration, 3>{200ms, 1s, 3s});
  setup.ttl = dice.one_of(std::array<Duration, 4>{300ms, 2s, 1min, 1h});
  setup.lease_time = dice.one_of(std::array<Duration, 3>{300ms, 1s, 3s});
  setup.delay = dice.one_of(std::array<Duration, 4>{20us, 200us, 2ms, 10ms});
  setup.load_time = dice.one_of(std::array<Duration, 4>{1ms, 50ms, 500ms, 2s});
  if (dice.once_in(3)) setup.grace = dice.one_of(std::array<Duration, 2>{1s, 1min});
  setup.tags = setup.stack != Stack::database && dice.once_in(3);
  if (dice.once_in(4))
    setup.skew = dice.one_of(std::array<std::chrono::milliseconds, 4>{-60s, -100ms, 100ms, 60s});
  if (mutant == Mutant::private_as_fleet) setup.stack = Stack::redis_private;
  if (mutant == Mutant::no_leases) setup.loads = true;
  if (mutant == Mutant::no_claims) {
    setup.stack = Stack::redis_database;
    setup.loads = true;
  }
  if (mutant != Mutant::none && setup.consistency == Consistency::weak)
    setup.consistency = Consistency::eventual;
  return setup;
}

Fault make_fault(Dice& dice, const Setup& setup, Duration end) {
  Fault fault;
  fault.at = dice.between(Duration{}, end);
  fault.harm = static_cast<Harm>(dice.roll(harms.size()));
  fault.process = dice.roll(setup.processes);
  fault.number = dice.roll(8);
  fault.lasts = dice.one_of(std::array<Duration, 5>{5ms, 60ms, 300ms, 1500ms, 4s});
  return fault;
}

void add(std::string& text, const char* format, auto... args) {
  char line[256];
  std::snprintf(line, sizeof line, format, args...);
  text += line;
}

double in_ms(Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

Schedule make_schedule(std::uint64_t seed, Mutant mutant) {
  Dice dice(seed);
  Schedule schedule{.seed = seed, .mutant = mutant, .setup = make_setup(dice, mutant)};
  const Setup& setup = schedule.setup;
  const Duration end = dice.one_of(std::array<Duration, 3>{1s, 4s, 10s});
  const unsigned count = 10 + dice.roll(80);
  for (unsigned i = 0; i < count; ++i) {
    Operation operation{dice.between(Duration{}, end), dice.roll(setup.processes), Does::read,
                        dice.roll(setup.keys)};
    const unsigned face = dice.roll(40);
    if (face < 8) operation.does = Does::write;
    if (face >= 8 && face < 12) operation.does = Does::erase;
    if (face == 12) operation.does = dice.once_in(2) ? Does::clear : Does::erase_prefix;
    if (face == 13 && setup.tags) operation.does = Does::invalidate_tag;
    schedule.operations.push_back(operation);
    // Bursts: what comes close together is where races are.
    if (dice.once_in(3)) {
      operation.at += dice.between(Duration{}, 4 * setup.delay + 1ms);
      operation.process = dice.roll(setup.processes);
      operation.does = dice.once_in(2) ? Does::read : Does::write;
      schedule.operations.push_back(operation);
    }
  }
  for (unsigned faults = dice.once_in(4) ? 0 : dice.roll(7); faults > 0; --faults) {
    schedule.faults.push_back(make_fault(dice, setup, end));
  }
  if (mutant == Mutant::no_identity) {
    schedule.faults.push_back({.at = dice.between(Duration{}, end / 2), .harm = Harm::move_address});
  }
  const auto earlier = [](const auto& a, const auto& b) { return a.at < b.at; };
  std::stable_sort(schedule.operations.begin(), schedule.operations.end(), earlier);
  std::stable_sort(schedule.faults.begin(), schedule.faults.end(), earlier);
  return schedule;
}

std::string describe(const Schedule& schedule) {
  const Setup& setup = schedule.setup;
  std::string text;
  add(text, "levels: memory, %s; %s; consistency %s, max_staleness %.0f ms\n",
      stacks[static_cast<std::size_t>(setup.stack)], setup.loads ? "with a loader" : "without a loader",
      levels[static_cast<std::size_t>(setup.consistency)], in_ms(setup.bound));
  add(text,
      "processes %u, keys %u, ttl %.0f ms, grace %.0f ms,%s lease_time %.0f ms, network %.2f ms, load %.0f "
      "ms, clock %lld "
      "ms\n",
      setup.processes, setup.keys, in_ms(setup.ttl), in_ms(setup.grace), setup.tags ? " tags," : "",
      in_ms(setup.lease_time), in_ms(setup.delay), in_ms(setup.load_time),
      static_cast<long long>(setup.skew.count()));
  for (const Operation& op : schedule.operations) {
    add(text, "%12.3f ms  process %u  %s k%u\n", in_ms(op.at), op.process,
        deeds[static_cast<std::size_t>(op.does)], op.key);
  }
  for (const Fault& fault : schedule.faults) {
    add(text, "%12.3f ms  fault %s, process %u, number %u, %.0f ms\n", in_ms(fault.at),
        harms[static_cast<std::size_t>(fault.harm)], fault.process, fault.number, in_ms(fault.lasts));
  }
  return text;
}

std::string_view to_string(Mutant mutant) noexcept {
  return mutants[static_cast<std::size_t>(mutant)];
}

}  // namespace terrace::sim
