#include "redis/split.hpp"

#include <deque>

namespace terrace::redis {
namespace {

/// One of the first commands; the last one stands for the whole.
class SplitStep final : public Exchange {
 public:
  SplitStep(std::shared_ptr<Backend> backend, std::unique_ptr<Exchange> whole,
            std::deque<std::string> commands)
      : backend_(std::move(backend)), whole_(std::move(whole)), commands_(std::move(commands)) {
    payload = std::move(commands_.front());
    commands_.pop_front();
    deadline = whole_->deadline;
    slot = whole_->slot;
  }

  void on_node(std::size_t, const Node& reply) override {
    refused_ = refused_ || is_error(reply);
    if (refused_ || commands_.empty()) whole_->on_node(whole_->replies - 1, reply);
  }
  void on_end(const Error* failure) override {
    if (failure != nullptr || refused_ || commands_.empty()) return whole_->on_end(failure);
    auto& backend = *backend_;
    backend.submit(std::make_unique<SplitStep>(std::move(backend_), std::move(whole_), std::move(commands_)));
  }

 private:
  std::shared_ptr<Backend> backend_;
  std::unique_ptr<Exchange> whole_;
  std::deque<std::string> commands_;  // still to come
  bool refused_ = false;
};

}  // namespace

std::unique_ptr<Exchange> split_transaction(std::shared_ptr<Backend> backend,
                                            std::unique_ptr<Exchange>& exchange) {
  auto commands = parse_commands(exchange->payload);
  if (commands.front() != std::vector<std::string_view>{"MULTI"}) return nullptr;
  std::deque<std::string> singles;
  for (std::size_t i = 1; i + 1 < commands.size(); ++i) {
    const auto& parts = commands[i];
    if (parts[0] == "UNLINK") {
      for (std::size_t key = 1; key < parts.size(); ++key) {
        add_command(singles.emplace_back(), {parts[0], parts[key]});
      }
    } else {
      std::string& single = singles.emplace_back();
      begin_command(single, parts.size());
      for (const auto part : parts) add_part(single, part);
    }
  }
  return std::make_unique<SplitStep>(std::move(backend), std::move(exchange), std::move(singles));
}

}  // namespace terrace::redis
