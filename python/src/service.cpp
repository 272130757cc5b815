#include "service.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "interpreter.hpp"

namespace terrace::python {
namespace {

// Lines wait here while the thread is not there yet, or slow; more than so many are dropped.
constexpr std::size_t most_lines = 1000;

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
  if (std::holds_alternative<LogLine>(item) && items_.size() >= most_lines) return;
  items_.push_back(std::move(item));
  changed_.notify_one();
}

std::optional<Service::Item> Service::next() {
  std::optional<Item> item;
  Released released;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || !items_.empty(); });
    if (!items_.empty()) {
      item = std::move(items_.front());
      items_.pop_front();
    }
  }
  released.reacquire();
  return item;
}

void Service::stop() {
  std::deque<Item> dropped;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped = std::move(items_);
    items_.clear();
    changed_.notify_all();
  }
}

void send_log_to_service() {
  auto logger = std::make_shared<spdlog::logger>("terrace", std::make_shared<ServiceSink>());
  logger->set_level(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace terrace::python
