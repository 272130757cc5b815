#include <cmath>
#include <mutex>
#include <terrace/memory_pressure.hpp>
#include <terrace/result.hpp>
#include <terrace/runtime.hpp>
#include <utility>
#include <vector>

#include "base/fork.hpp"
#include "upkeep/inside.hpp"
#include "upkeep/memory_reading.hpp"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace terrace {
namespace {

/// Memory freed in small pieces would otherwise stay with the allocator.
void give_back_to_the_system() noexcept {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace

void MemoryPressureOptions::check() const {
  const auto share = [](const char* option, double value) {
    if (!(value > 0 && value <= 1)) {
      throw ConfigError(std::string("MemoryPressureOptions::") + option + " is " + std::to_string(value) +
                        ": give a share above 0 and at most 1");
    }
  };
  share("max_used", max_used);
  share("max_stalled", max_stalled);
  share("step", step);
  if (interval <= Duration::zero())
    throw ConfigError("MemoryPressureOptions::interval is not above 0; 1 s for instance");
}

class MemoryPressure::Impl : public std::enable_shared_from_this<Impl> {
 public:
  const HomeProcess home;

  explicit Impl(MemoryPressureOptions options)
      : options_(std::move(options)),
        scheduler_(options_.scheduler ? options_.scheduler : Runtime::common()) {}

  void arm() {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    timer_ =
        scheduler_->call_at(after(scheduler_->clock().now(), options_.interval), [weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->post_look();
        });
  }

  void relieve(std::function<void(double)> shrink) {
    const std::lock_guard lock(mutex_);
    shrinks_.push_back(std::move(shrink));
  }

  /// One at a time, because each must see the effect of the one before.
  MemoryPressureStatus look() {
    const std::lock_guard turn(turn_);
    const upkeep::MemoryReading seen = upkeep::read_memory(options_.root);
    std::unique_lock lock(mutex_);
    status_.used = seen.used;
    status_.stalled = seen.stalled;
    status_.pressed =
        seen.used.value_or(0) > options_.max_used || seen.stalled.value_or(0) > options_.max_stalled;
    if (!status_.pressed || closed_) return status_;
    ++status_.steps;
    const auto shrinks = shrinks_;
    const upkeep::Inside::Visit visit(*inside_);  // before the lock is released: close() waits for it
    lock.unlock();
    for (const auto& shrink : shrinks) {
      try {
        shrink(options_.step);
      } catch (...) {  // the next function may succeed
      }
    }
    give_back_to_the_system();
    return status();
  }

  MemoryPressureStatus status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

  void close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    const auto timer = std::exchange(timer_, 0);
    lock.unlock();
    if (timer != 0) scheduler_->cancel(timer);
    inside_->wait_until_empty();
  }

 private:
  void post_look() {
    scheduler_->post_blocking([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      self->look();
      self->arm();
    });
  }

  const MemoryPressureOptions options_;
  const std::shared_ptr<Scheduler> scheduler_;
  const std::shared_ptr<upkeep::Inside> inside_ = std::make_shared<upkeep::Inside>();
  std::mutex turn_;
  mutable std::mutex mutex_;
  std::vector<std::function<void(double)>> shrinks_;
  MemoryPressureStatus status_;
  Scheduler::TimerId timer_ = 0;
  bool closed_ = false;
};

MemoryPressure::MemoryPressure(MemoryPressureOptions options) {
  options.check();
  impl_ = std::make_shared<Impl>(std::move(options));
  impl_->arm();
}

MemoryPressure::~MemoryPressure() {
  if (!impl_->home.here()) {
    const HomeProcess home = impl_->home;
    keep_if_away(home, impl_);
    return;
  }
  impl_->close();
}

void MemoryPressure::relieve(std::function<void(double share)> shrink) {
  impl_->relieve(std::move(shrink));
}
MemoryPressureStatus MemoryPressure::look() {
  return impl_->look();
}
MemoryPressureStatus MemoryPressure::status() const {
  return impl_->status();
}

}  // namespace terrace
