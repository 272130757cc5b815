#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <terrace/runtime.hpp>
#include <thread>

#include "base/fork.hpp"
#include "base/threads.hpp"
#include "runtime/driver.hpp"
#include "runtime/io_context.hpp"
#include "runtime/worker_pool.hpp"

namespace terrace {

class Runtime::Impl {
 public:
  explicit Impl(const RuntimeOptions& options) : workers(options.workers) {}
  /// The timers are destroyed before their context, so no handler may run any more.
  ~Impl() { driver.stop(); }

  TimerId call_at(TimePoint when, Task task);
  bool cancel(TimerId id);
  void require_home() const;
  void post_blocking(Task task);

  const HomeProcess home;
  // Destroyed in reverse order: first the timers, then the workers, which may post to the driver's context
  // until they end.
  runtime::Driver driver;
  runtime::WorkerPool workers;

 private:
  static constexpr Duration try_again_after = std::chrono::milliseconds(200);

  struct Timer {
    std::unique_ptr<boost::asio::steady_timer> asio;
    Task task;
  };
  void fire(TimerId id);
  Timer take(TimerId id);

  std::mutex mutex_;
  boost::unordered_flat_map<TimerId, Timer> timers_;
  TimerId last_timer_ = 0;
};

Scheduler::TimerId Runtime::Impl::call_at(TimePoint when, Task task) {
  auto asio = std::make_unique<boost::asio::steady_timer>(driver.context(), when);
  std::lock_guard lock(mutex_);
  const TimerId id = ++last_timer_;
  asio->async_wait([this, id](const boost::system::error_code&) { fire(id); });
  timers_.emplace(id, Timer{std::move(asio), std::move(task)});
  return id;
}

/// The first to take the timer, its own expiry or a cancel, owns it.
Runtime::Impl::Timer Runtime::Impl::take(TimerId id) {
  std::lock_guard lock(mutex_);
  const auto found = timers_.find(id);
  if (found == timers_.end()) return {};
  Timer timer = std::move(found->second);
  timers_.erase(found);
  return timer;
}

void Runtime::Impl::fire(TimerId id) {
  if (Timer timer = take(id); timer.task) timer.task();
}

bool Runtime::Impl::cancel(TimerId id) {
  return take(id).asio != nullptr;
}

Runtime::Runtime(RuntimeOptions options) {
  if (options.workers == 0) throw ConfigError("RuntimeOptions::workers is 0: loaders need at least 1 thread");
  impl_ = std::make_unique<Impl>(options);
}

Runtime::~Runtime() {
  if (!impl_->home.here()) {
    static_cast<void>(impl_.release());  // its threads belong to the parent
    return;
  }
  // Released by one of its own threads, which cannot wait for itself: another thread destroys it.
  if (impl_->driver.runs_here() || impl_->workers.runs_here()) {
    Impl* const impl = impl_.release();
    // Without a thread for that it stays allocated, idle: this thread must not wait for itself.
    if (auto ending = try_thread("the end of a Runtime", [impl] { delete impl; })) ending->detach();
  }
}

std::shared_ptr<Runtime> Runtime::common() {
  struct Common {
    std::mutex mutex;
    std::weak_ptr<Runtime> shared;
  };
  static PerProcess<Common> common;
  auto& [mutex, shared] = common.get();
  std::lock_guard lock(mutex);
  auto runtime = shared.lock();
  if (runtime == nullptr) shared = runtime = std::make_shared<Runtime>();
  return runtime;
}

/// In a child of a fork no thread would run anything, or the caller would run the parent's I/O.
void Runtime::Impl::require_home() const {
  if (!home.here())
    throw ConfigError("this Runtime was made before fork(): make one in the child, or use Runtime::common()");
}

void Runtime::post(Task task) {
  impl_->require_home();
  boost::asio::post(impl_->driver.context(), [task = std::move(task)]() mutable { task(); });
}
/// Without a thread the task waits for one, because its caller gets no error.
void Runtime::Impl::post_blocking(Task task) {
  if (workers.submit(task)) return;
  call_at(after(system_clock().now(), try_again_after),
          [this, task = std::move(task)]() mutable { post_blocking(std::move(task)); });
}
void Runtime::post_blocking(Task task) {
  impl_->require_home();
  impl_->post_blocking(std::move(task));
}
Result<void> Runtime::post_load(Task task, bool nested) {
  impl_->require_home();
  using Work = runtime::WorkerPool::Work;
  return impl_->workers.submit(task, nested ? Work::nested : Work::load);
}
Scheduler::TimerId Runtime::call_at(TimePoint when, Task task) {
  impl_->require_home();
  return impl_->call_at(when, std::move(task));
}
bool Runtime::cancel(TimerId timer) {
  return impl_->cancel(timer);
}
bool Runtime::wait(Latch& latch, TimePoint deadline) {
  if (latch.is_open()) return true;
  impl_->require_home();
  return impl_->driver.wait(latch, deadline);
}
bool Runtime::on_io_thread() const noexcept {
  return impl_->driver.runs_here();
}

boost::asio::io_context& io_context(Runtime& runtime) noexcept {
  return runtime.impl().driver.context();
}

}  // namespace terrace
