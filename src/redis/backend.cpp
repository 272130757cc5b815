#include "redis/backend.hpp"

#include <charconv>

#include "redis/server_error.hpp"

namespace terrace::redis {
namespace {

/// Where the command at `from` of encoded commands ends.
std::size_t end_of_command(std::string_view payload, std::size_t from) {
  const auto length = [&](std::size_t& at) {  // "*3\r\n" or "$3\r\n"
    std::size_t value = 0;
    const char* begin = payload.data() + at + 1;
    const auto end = std::from_chars(begin, payload.data() + payload.size(), value).ptr;
    at = static_cast<std::size_t>(end - payload.data()) + 2;
    return value;
  };
  std::size_t at = from;
  for (std::size_t parts = length(at); parts > 0; --parts) {
    const std::size_t size = length(at);
    at += size + 2;
  }
  return at;
}

constexpr std::string_view asking = "*1\r\n$6\r\nASKING\r\n";
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
  for (std::size_t at = 0; at < commands.size();) {
    const auto end = asking_ == Asking::once ? commands.size() : end_of_command(commands, at);
    payload += asking;
    payload += commands.substr(at, end - at);
    ++replies;
    at = end;
  }
}

/// What follows from a refusal (EXECABORT) is not told; what other commands of the exchange did is.
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
