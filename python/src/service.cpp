#include "service.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "interpreter.hpp"

namespace terrace::python {
namespace {

// Lines wait here while the thread is not there yet, or slow; more than so many are dropped.
constexpr std::size_t most_lines = 1000;

/// Service::Item::index()
constexpr std::size_t a_line = 1;
constexpr std::size_t a_notice = 2;

constexpr auto look_interval = std::chrono::milliseconds(500);

std::atomic<Service*> common_service{nullptr};

int python_level(spdlog::level::level_enum level) noexcept {
  constexpr int debug = 10, info = 20, warning = 30, error = 40, critical = 50;
  switch (level) {
    case spdlog::level::critical:
      return critical;
    case spdlog::level::err:
      return error;
    case spdlog::level::warn:
      return warning;
    case spdlog::level::info:
      return info;
    default:
      return debug;
  }
}

class ServiceSink final : public spdlog::sinks::base_sink<std::mutex> {
 private:
  void sink_it_(const spdlog::details::log_msg& line) override {
    Service::common().push(
        LogLine{python_level(line.level), std::string(line.payload.data(), line.payload.size())});
  }
  void flush_() override {}
};

}  // namespace

Service& Service::common() {
  Service* service = common_service.load(std::memory_order_acquire);
  if (service != nullptr) return *service;
  auto* const made = new Service;  // never destroyed: threads may come late
  if (common_service.compare_exchange_strong(service, made)) return *made;
  delete made;
  return *service;
}

void Service::reset_after_fork() {
  common_service.store(new Service);  // its lock may be held by a thread that is not here
}

void Service::push(Item item) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  if (auto* const job = std::get_if<JobPtr>(&item)) {
    jobs_.push_back(std::move(*job));
  } else if (auto* const notice = std::get_if<Notice>(&item)) {
    notices_.push_back(std::move(*notice));
  } else if (auto* const line = std::get_if<LogLine>(&item)) {
    if (lines_.size() >= most_lines) return;
    lines_.push_back(std::move(*line));
  }
  changed_.notify_one();
}

void Service::stop() {
  std::deque<JobPtr> jobs;
  std::deque<Notice> notices;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    jobs.swap(jobs_);
    notices.swap(notices_);
    lines_.clear();
    changed_.notify_all();
  }
}

void Service::rest(std::chrono::duration<double> most) {
  std::unique_lock lock(mutex_);
  rests_.wait_for(lock, most, [this] { return busy_ == 0; });
}

void Service::look_after(const JobPtr& job) {
  std::lock_guard lock(mutex_);
  if (looked_after_.size() >= forget_at_) forget_ended();
  if (looked_after_.empty()) {
    looked_ = Steady::now();
    changed_.notify_all();  // a thread that waits without a limit is to wait with one
  }
  looked_after_.push_back(job);
}

void Service::forget_ended() {
  std::erase_if(looked_after_, [](const auto& one) { return one.expired(); });
  forget_at_ = std::max<std::size_t>(64, 2 * looked_after_.size());  // so that it costs little for each
}

std::vector<JobPtr> Service::looked_after() {
  std::vector<JobPtr> out;
  std::lock_guard lock(mutex_);
  for (const auto& one : looked_after_) {
    if (auto job = one.lock(); job != nullptr && !job->ended()) out.push_back(std::move(job));
  }
  return out;
}

bool Service::wants_thread() {
  std::lock_guard lock(mutex_);
  if (stopped_ || waiting_ + starting_ >= spare) return false;
  ++starting_;
  return true;
}

void Service::not_started() {
  std::lock_guard lock(mutex_);
  --starting_;
}

bool Service::has_work() const {
  return !jobs_.empty() || (!notices_.empty() && notices_running_ < most_notices) ||
         (!lines_.empty() && !line_running_);
}

Service::Item Service::next() {
  const auto first = [](auto& queue) {
    Item item = std::move(queue.front());
    queue.pop_front();
    return item;
  };
  if (!jobs_.empty()) return first(jobs_);
  if (!lines_.empty() && !line_running_) {
    line_running_ = true;
    return first(lines_);
  }
  ++notices_running_;
  return first(notices_);
}

Worker::Worker() : service_(Service::common()) {
  std::lock_guard lock(service_.mutex_);
  if (service_.starting_ > 0) --service_.starting_;
}

Worker::~Worker() {
  std::lock_guard lock(service_.mutex_);
  finished();
}

void Worker::finished() {
  const std::size_t ran = std::exchange(running_, std::variant_npos);
  if (ran == std::variant_npos) return;
  --service_.busy_;
  if (ran == a_line) service_.line_running_ = false;
  if (ran == a_notice) --service_.notices_running_;
  if (ran == a_line || ran == a_notice) service_.changed_.notify_one();  // the next one may run
  service_.rests_.notify_all();
}

std::optional<Service::Item> Worker::take(double idle) {
  std::optional<Service::Item> item;
  Released released;
  {
    std::unique_lock lock(service_.mutex_);
    finished();
    const auto ends = Service::Steady::now() + std::chrono::duration_cast<Service::Steady::duration>(
                                                   std::chrono::duration<double>(idle));
    ++service_.waiting_;
    while (!service_.stopped_ && !service_.has_work()) {
      const auto now = Service::Steady::now();
      const auto look = service_.looked_ + look_interval;
      const bool looks = !service_.looked_after_.empty();
      if (looks && now >= look) {
        service_.looked_ = now;
        service_.forget_ended();
        if (service_.looked_after_.empty()) continue;
        item = LookAround{};
        break;
      }
      const bool may_end = service_.waiting_ > Service::spare;
      if (may_end && now >= ends) break;
      if (looks || may_end) {
        service_.changed_.wait_until(lock, looks && may_end ? std::min(look, ends) : looks ? look : ends);
      } else {
        service_.changed_.wait(lock);
      }
    }
    --service_.waiting_;
    if (!item && !service_.stopped_ && service_.has_work()) item = service_.next();
    if (item) {
      running_ = item->index();
      ++service_.busy_;
    }
  }
  released.reacquire();
  return item;
}

bool Worker::alone() const {
  std::lock_guard lock(service_.mutex_);
  return service_.waiting_ == 0;
}

void send_log_to_service() {
  auto logger = std::make_shared<spdlog::logger>("terrace", std::make_shared<ServiceSink>());
  logger->set_level(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace terrace::python
