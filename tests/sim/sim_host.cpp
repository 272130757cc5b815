#include "sim/sim_host.hpp"

#include <algorithm>

namespace terrace::sim {

// ---- Events

Events::Id Events::at(TimePoint when, SimHost* host, Task task) {
  if (ended_) return 0;
  when = std::max(when, now());
  const Id id = ++last_;
  queue_.emplace(std::pair{when, id}, Event{host, std::move(task)});
  due_.emplace(id, when);
  return id;
}

bool Events::cancel(Id id) {
  const auto found = due_.find(id);
  if (found == due_.end()) return false;
  const auto event = queue_.extract({found->second, id});  // destroyed when all is in order again
  due_.erase(found);
  return true;
}

bool Events::step(TimePoint limit) {
  if (queue_.empty() || queue_.begin()->first.first > limit) {
    now_ = std::max(now(), limit);
    return false;
  }
  auto node = queue_.extract(queue_.begin());
  const auto [when, id] = node.key();
  due_.erase(id);
  now_ = when;
  ++ran_;
  fingerprint_ =
      (fingerprint_ ^ static_cast<std::uint64_t>(when.time_since_epoch().count()) ^ id) * 0x9E3779B97F4A7C15U;
  auto& [host, task] = node.mapped();
  if (host == nullptr) {
    task();
  } else if (host->frozen_) {
    host->missed_.emplace(id, std::move(task));
  } else {
    host->run(task);
  }
  return true;
}

void Events::end() {
  ended_ = true;
  due_.clear();
  std::exchange(queue_, {}).clear();
}

std::size_t Events::waiting(const SimHost* host) const {
  return static_cast<std::size_t>(
      std::count_if(queue_.begin(), queue_.end(), [&](const auto& e) { return e.second.host == host; }));
}

// ---- SimClock

WallTime SimClock::wall_now() const noexcept {
  constexpr WallTime start{std::chrono::milliseconds(1'700'000'000'000)};
  return start + std::chrono::floor<std::chrono::milliseconds>(now().time_since_epoch()) + skew_;
}

// ---- SimHost

bool SimHost::cancel(TimerId timer) {
  return missed_.extract(timer) ? true : events_.cancel(timer);
}

bool SimHost::wait(Latch& latch, TimePoint deadline) {
  while (!latch.is_open()) {
    if (events_.now() >= deadline || events_.queue_.empty()) return false;
    events_.step(deadline);
  }
  return true;
}

void SimHost::run(Task& task) {
  const bool outer = std::exchange(running_, true);
  task();
  running_ = outer;
}

void SimHost::thaw() {
  frozen_ = false;
  for (auto& [id, task] : std::exchange(missed_, {})) post(std::move(task));
}

}  // namespace terrace::sim
