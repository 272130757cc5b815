#include "upkeep/outlet.hpp"

#include <spdlog/spdlog.h>

namespace terrace::upkeep {

CallbackOutlet::CallbackOutlet(Monitor::Sink sink, std::string name, Scheduler& scheduler,
                               std::shared_ptr<Inside> inside)
    : sink_(std::move(sink)),
      scheduler_(scheduler),
      inside_(std::move(inside)),
      stats_{.name = std::move(name)} {}

void CallbackOutlet::send(const AlertNotice& notice) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  queue_.push_back(notice);
  if (queue_.size() > max_queue) {
    queue_.pop_front();
    ++stats_.dropped;
  }
  if (!std::exchange(running_, true)) submit();
}

void CallbackOutlet::submit() {
  // It is inside as long as it holds the outlet, so that close() waits for the end of both.
  scheduler_.post_blocking([weak = weak_from_this(), inside = inside_] {
    const Inside::Visit visit(*inside);
    if (const auto self = weak.lock()) self->run_one();
  });
}

void CallbackOutlet::run_one() {
  std::unique_lock lock(mutex_);
  running_ = !closed_ && !queue_.empty();
  if (!running_) return;
  const AlertNotice notice = std::move(queue_.front());
  queue_.pop_front();
  lock.unlock();
  tell(notice);
  lock.lock();
  running_ = !closed_ && !queue_.empty();
  if (running_) submit();
}

void CallbackOutlet::tell(const AlertNotice& notice) {
  std::string why;
  try {
    sink_(notice);
    const std::lock_guard lock(mutex_);
    ++stats_.sent;
    return;
  } catch (const std::exception& thrown) {
    why = thrown.what();
  } catch (...) {
    why = "something that is not a std::exception";
  }
  spdlog::error("alert sink {} threw on notification \"{}\" of rule {}: {}", stats_.name,
                to_string(notice.kind), notice.rule, why);
  const std::lock_guard lock(mutex_);
  ++stats_.failed;
  stats_.last_error = std::move(why);
}

void CallbackOutlet::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  stats_.dropped += queue_.size();
  queue_.clear();
}

SinkStats CallbackOutlet::stats() const {
  const std::lock_guard lock(mutex_);
  SinkStats out = stats_;
  out.waiting = queue_.size();
  return out;
}

}  // namespace terrace::upkeep
