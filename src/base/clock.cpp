#include <ctime>
#include <terrace/clock.hpp>

#include "base/forward_wall.hpp"

namespace terrace {
namespace {

TimePoint read(clockid_t id) noexcept {
  timespec t{};
  clock_gettime(id, &t);
  return TimePoint{std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec}};
}

class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return read(CLOCK_MONOTONIC); }
  [[nodiscard]] TimePoint coarse_now() const noexcept override { return read(CLOCK_MONOTONIC_COARSE); }
  [[nodiscard]] WallTime wall_now() const noexcept override {
    const std::chrono::sys_time<Duration> real = std::chrono::system_clock::now();
    return wall_.at(real, now());
  }

 private:
  mutable ForwardWall wall_;
};

}  // namespace

const Clock& system_clock() noexcept {
  static const SystemClock clock;
  return clock;
}

}  // namespace terrace
