#pragma once
/// TimeQuestion: asks a server for its time, with INFO server, which the greeting asks for as well.

#include <functional>
#include <utility>

#include "redis/exchange.hpp"
#include "redis/greeting.hpp"

namespace terrace::redis {

class TimeQuestion final : public Exchange {
 public:
  /// `told` is called if the server says its time.
  explicit TimeQuestion(std::function<void(StoreClock::SystemTime)> told) : told_(std::move(told)) {
    add_command(payload, {"INFO", "server"});
  }
  void on_node(std::size_t, const Node& reply) override {
    if (!is_error(reply)) time_ = told_time(reply.value);
  }
  void on_end(const Error* failure) override {
    if (failure == nullptr && time_) told_(*time_);
  }

 private:
  const std::function<void(StoreClock::SystemTime)> told_;
  std::optional<StoreClock::SystemTime> time_;
};

}  // namespace terrace::redis
