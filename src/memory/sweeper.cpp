#include <condition_variable>
#include <map>
#include <mutex>
#include <terrace/detail/memory/sweeper.hpp>
#include <thread>

#include "base/fork.hpp"
#include "base/threads.hpp"

namespace terrace::memory {

class Sweeper {
 public:
  static std::shared_ptr<Sweeper> common() {
    struct Common {
      std::mutex mutex;
      std::weak_ptr<Sweeper> current;
    };
    static PerProcess<Common> common;
    auto& [mutex, current] = common.get();
    std::lock_guard lock(mutex);
    auto sweeper = current.lock();
    if (!sweeper) current = sweeper = make_at_home<Sweeper>();
    return sweeper;
  }

  Sweeper() : thread_(start_thread("the removal of expired entries", [this] { run(); })) {}
  ~Sweeper() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  std::uint64_t add(const std::function<void()>& sweep, Duration interval) {
    std::lock_guard lock(mutex_);
    jobs_.emplace(++last_id_, Job{&sweep, interval, std::chrono::steady_clock::now() + interval});
    changed_.notify_all();
    return last_id_;
  }

  void remove(std::uint64_t id) {
    if (!home_.here()) return;
    std::unique_lock lock(mutex_);
    jobs_.erase(id);
    changed_.wait(lock, [&] { return running_ != id; });
  }

 private:
  struct Job {
    const std::function<void()>* sweep;
    Duration interval;
    TimePoint next;
  };

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      auto first = jobs_.end();
      for (auto job = jobs_.begin(); job != jobs_.end(); ++job) {
        if (first == jobs_.end() || job->second.next < first->second.next) first = job;
      }
      if (first == jobs_.end()) {
        changed_.wait(lock);
      } else if (const TimePoint next = first->second.next; next > std::chrono::steady_clock::now()) {
        changed_.wait_until(lock, next);
      } else {
        run_job(first->first, first->second, lock);
      }
    }
  }

  void run_job(std::uint64_t id, const Job& job, std::unique_lock<std::mutex>& lock) {
    running_ = id;
    const auto* sweep = job.sweep;
    lock.unlock();
    (*sweep)();
    lock.lock();
    running_ = 0;
    // Counted from the end, so that a sweep that takes longer than its interval leaves time for other caches.
    if (const auto again = jobs_.find(id); again != jobs_.end()) {
      again->second.next = std::chrono::steady_clock::now() + again->second.interval;
    }
    changed_.notify_all();
  }

  const HomeProcess home_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Job> jobs_;
  std::uint64_t last_id_ = 0;
  std::uint64_t running_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

Sweeping::Sweeping(std::function<void()> sweep, Duration interval)
    : sweep_(std::move(sweep)), interval_(interval), started_(interval == Duration::zero()) {}

void Sweeping::start_now() {
  static PerProcess<std::mutex> starting;
  std::lock_guard lock(starting.get());
  if (started_.load(std::memory_order_relaxed)) return;
  const TimePoint now = std::chrono::steady_clock::now();
  static TimePoint try_again;
  if (now < try_again) return;
  try {
    sweeper_ = Sweeper::common();
  } catch (const ConfigError&) {
    // A thread that stores an entry must not pay for it: expired entries are removed when read, or to make
    // room.
    try_again = now + std::chrono::seconds(1);
    return;
  }
  id_ = sweeper_->add(sweep_, interval_);
  started_.store(true, std::memory_order_release);
}

Sweeping::~Sweeping() {
  if (sweeper_) sweeper_->remove(id_);
}

}  // namespace terrace::memory
