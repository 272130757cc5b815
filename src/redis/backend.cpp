#include "redis/backend.hpp"

#include "redis/server_error.hpp"

namespace terrace::redis {
namespace {

constexpr std::string_view asking_command = "*1\r\n$6\r\nASKING\r\n";
constexpr std::string_view multi = "*1\r\n$5\r\nMULTI\r\n";

}  // namespace

void Courier::send(std::shared_ptr<Sender> sender, const std::shared_ptr<Client>& to, Errand errand,
                   bool asking) {
  to->submit(std::unique_ptr<Courier>(new Courier(std::move(sender), to, std::move(errand), asking)));
}

Courier::Courier(std::shared_ptr<Sender> sender, std::shared_ptr<Client> to, Errand errand, bool asks)
    : sender_(std::move(sender)), to_(std::move(to)), errand_(std::move(errand)) {
  Exchange& exchange = *errand_.exchange;
  deadline = exchange.deadline;
  replies = exchange.replies;
  reads = exchange.reads;
  keeps_payload = true;
  if (!asks) {
    payload = std::move(exchange.payload);
    return;
  }
  const std::string_view commands = exchange.payload;
  asking_ = commands.starts_with(multi) ? Asking::once : Asking::each;
  if (asking_ == Asking::once) {
    payload = std::string(asking_command) + std::string(commands);
    ++replies;
    return;
  }
  for (const auto& parts : parse_commands(commands)) {
    payload += asking_command;
    begin_command(payload, parts.size());
    for (const auto part : parts) add_part(payload, part);
    ++replies;
  }
}

/// The consequence of a rejection (EXECABORT) is not passed on; the results of other commands of the exchange
/// are.
void Courier::on_node(std::size_t index, const Node& reply) {
  if (asking_ == Asking::once && index-- == 0) return;
  if (asking_ == Asking::each) {
    if (index % 2 == 0) return;
    index /= 2;
  }
  if (is_error(reply) && reply.depth == 0) {
    if (redirect_) return;
    redirect_ = Redirect::parse(reply.value);
    if (redirect_ && sender_->follows(*redirect_)) {
      errand_.trouble = server_error(reply.value, to_->label());
      return;
    }
    redirect_.reset();
  }
  errand_.exchange->on_node(index, reply);
}

void Courier::on_end(const Error* failure) {
  if (asking_ == Asking::no) errand_.exchange->payload = std::move(payload);
  if (failure != nullptr) return sender_->failed(std::move(errand_), *failure, sent, to_);
  if (redirect_) return sender_->sent_elsewhere(std::move(errand_), *redirect_, to_);
  errand_.exchange->on_end(nullptr);
}

}  // namespace terrace::redis
