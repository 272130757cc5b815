/// sim: runs simulated worlds, and prints the smallest schedule of each seed that breaks a promise.
///
///     sim --schedules 10000 --jobs 2        seeds 1 … 10000
///     sim --seed 42                         one seed, with its schedule
///     sim --mutant no_pushes --schedules 1000 --expect-violation

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "sim/sim_world.hpp"

namespace {

using namespace terrace::sim;

struct Arguments {
  std::uint64_t seed = 0;
  std::uint64_t first = 1;
  std::uint64_t schedules = 1000;
  unsigned jobs = 1;
  unsigned show = 3;
  std::string mutant = "none";
  bool expect_violation = false;
  bool twice = false;
};

struct Totals {
  std::mutex mutex;
  std::uint64_t schedules = 0;
  Outcome sum;
  std::vector<std::pair<std::uint64_t, std::string>> failed;
};

Mutant mutant_named(const std::string& name) {
  for (int i = 0; i < mutant_count; ++i) {
    if (to_string(static_cast<Mutant>(i)) == name) return static_cast<Mutant>(i);
  }
  throw CLI::ValidationError("--mutant", name + " is none of them");
}

void take(Totals& totals, std::uint64_t seed, const Outcome& outcome) {
  const std::lock_guard lock(totals.mutex);
  ++totals.schedules;
  totals.sum.answers += outcome.answers;
  totals.sum.from_memory += outcome.from_memory;
  totals.sum.loads += outcome.loads;
  totals.sum.writes += outcome.writes;
  totals.sum.acknowledged += outcome.acknowledged;
  if (!outcome.violation.empty()) totals.failed.emplace_back(seed, outcome.violation);
}

void show_failure(std::uint64_t seed, Mutant mutant) {
  const Schedule whole = make_schedule(seed, mutant);
  const Schedule small = shrink(whole);
  fmt::print("SEED={}: {}\n{} of {} operations and {} of {} faults are enough:\n{}{}\n\n", seed,
             run(small).violation, small.operations.size(), whole.operations.size(), small.faults.size(),
             whole.faults.size(), describe(small), run(small).violation);
}

int replay(const Arguments& arguments, Mutant mutant) {
  const Schedule schedule = make_schedule(arguments.seed, mutant);
  const Outcome outcome = run(schedule);
  fmt::print("SEED={}\n{}fingerprint {:016x}\n", arguments.seed, describe(schedule), outcome.fingerprint);
  if (outcome.violation.empty()) {
    fmt::print("every promise was kept\n");
    return 0;
  }
  fmt::print("{}\n\n", outcome.violation);
  show_failure(arguments.seed, mutant);
  return 1;
}

int run_many(const Arguments& arguments, Mutant mutant) {
  Totals totals;
  std::atomic<std::uint64_t> next{arguments.first};
  const std::uint64_t end = arguments.first + arguments.schedules;
  const auto began = std::chrono::steady_clock::now();
  const auto work = [&] {
    for (std::uint64_t seed = next++; seed < end; seed = next++) {
      const Schedule schedule = make_schedule(seed, mutant);
      Outcome outcome = run(schedule);
      if (arguments.twice && run(schedule).fingerprint != outcome.fingerprint)
        outcome.violation = "it is not repeatable";
      take(totals, seed, outcome);
      if (arguments.expect_violation && !outcome.violation.empty()) next = end;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < arguments.jobs; ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::sort(totals.failed.begin(), totals.failed.end());
  fmt::print(
      "{} schedules in {:.1f} s ({:.0f} a minute): {} values read, {} of them from memory; {} loads; {} of "
      "{} writes "
      "acknowledged; {} schedules broke a promise\n",
      totals.schedules, took.count(), 60.0 * double(totals.schedules) / took.count(), totals.sum.answers,
      totals.sum.from_memory, totals.sum.loads, totals.sum.acknowledged, totals.sum.writes,
      totals.failed.size());
  for (const auto& [seed, why] : totals.failed) fmt::print("SEED={}: {}\n", seed, why);
  if (arguments.expect_violation) {
    if (totals.failed.empty()) fmt::print("the mutant {} was not found\n", arguments.mutant);
    return totals.failed.empty() ? 1 : 0;
  }
  for (std::size_t i = 0; i < totals.failed.size() && i < arguments.show; ++i)
    show_failure(totals.failed[i].first, mutant);
  return totals.failed.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::off);
  Arguments arguments;
  CLI::App app{"Whole caches in a simulated world, and the checks of what they promise."};
  app.add_option("--seed", arguments.seed, "Run this seed only, and print its schedule");
  app.add_option("--first", arguments.first, "The first seed");
  app.add_option("--schedules", arguments.schedules, "How many seeds");
  app.add_option("--jobs", arguments.jobs, "Threads");
  app.add_option("--show", arguments.show, "How many failures are made small and printed");
  app.add_option("--mutant", arguments.mutant, "A wrong behaviour (schedule.hpp)");
  app.add_flag("--expect-violation", arguments.expect_violation, "Fail unless a promise is broken");
  app.add_flag("--twice", arguments.twice, "Run each schedule twice, and compare");
  CLI11_PARSE(app, argc, argv);
  const Mutant mutant = mutant_named(arguments.mutant);
  return arguments.seed != 0 ? replay(arguments, mutant) : run_many(arguments, mutant);
}
