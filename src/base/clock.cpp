#include <ctime>
#include <terrace/clock.hpp>

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
    return std::chrono::floor<std::chrono::milliseconds>(wall_start_ + (now() - start_));
  }

 private:
  TimePoint start_ = read(CLOCK_MONOTONIC);
  std::chrono::sys_time<Duration> wall_start_ = std::chrono::system_clock::now();
};

}  // namespace

const Clock& system_clock() noexcept {
  static const SystemClock clock;
  return clock;
}

}  // namespace terrace
