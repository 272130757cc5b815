#include "cascade/load_waits.hpp"

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <terrace/bytes.hpp>
#include <utility>

namespace terrace::cascade {
namespace {

/// Held for the search alone. A fork waits for it, so it is free in the child.
std::mutex& all_waits() {
  static std::mutex mutex;
  static const int registered =
      pthread_atfork([] { all_waits().lock(); }, [] { all_waits().unlock(); }, [] { all_waits().unlock(); });
  static_cast<void>(registered);
  return mutex;
}

/// A key on the way round the circle.
struct Step {
  std::string cache;
  FlightPtr flight;
};

Error circle(const std::vector<Step>& way) {
  const bool one_cache =
      std::all_of(way.begin(), way.end(), [&](const Step& step) { return step.cache == way.front().cache; });
  const auto name = [&](const Step& step) {
    return printable_key(step.flight->key) + (one_cache ? "" : " of cache " + step.cache);
  };
  std::string text = "the load of " + name(way.back());
  for (std::size_t i = 0; i < way.size(); ++i)
    text += (i == 0 ? " waits for " : ", which waits for ") + name(way[i]);
  return {Errc::loader_failed,
          text +
              ": loads that wait for each other never end; one of them must read from the origin, or under "
              "another key"};
}

}  // namespace

void LoadWaits::begin(const std::vector<FlightPtr>& flights, const std::shared_ptr<LoadNode>& load) {
  std::lock_guard lock(all_waits());
  for (const FlightPtr& flight : flights) flight->running = load;
}

std::optional<Error> LoadWaits::wait(const RunningLoadPtr& load, const FlightPtr& flight,
                                     const std::shared_ptr<Gather<Answer>>& call, const std::string& cache) {
  std::lock_guard lock(all_waits());
  // Depth first. `way` leads from the wanted flight to the one at hand; each of its loads is visited once.
  std::vector<Step> way;
  std::vector<std::pair<std::size_t, Step>> next{{0, {cache, flight}}};  // with its place on the way
  std::vector<const RunningLoad*> visited;
  while (!next.empty()) {
    auto [depth, step] = std::move(next.back());
    next.pop_back();
    const auto runs = std::static_pointer_cast<LoadNode>(step.flight->running);
    if (runs == nullptr || !runs->running()) continue;
    way.resize(depth);
    way.push_back(std::move(step));
    if (runs == load) return circle(way);
    if (std::find(visited.begin(), visited.end(), runs.get()) != visited.end()) continue;
    visited.push_back(runs.get());
    for (const LoadNode::Wait& wait : runs->waits_) {
      const auto waits_on = wait.flight.lock();
      const auto reader = wait.call.lock();
      if (waits_on && reader && reader->open()) next.push_back({depth + 1, {wait.cache, waits_on}});
    }
  }
  auto& waits = static_cast<LoadNode&>(*load).waits_;
  std::erase_if(waits, [](const LoadNode::Wait& wait) {
    const auto reader = wait.call.lock();
    return reader == nullptr || !reader->open();
  });
  waits.push_back({flight, call, cache});
  return std::nullopt;
}

}  // namespace terrace::cascade
