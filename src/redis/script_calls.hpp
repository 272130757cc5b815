#pragma once
/// ScriptCalls: many calls of one script, each for one key and with its own outcome. They are sent together,
/// at most 1,000 of them or 1 MiB at a time. Calls that a server answered with NOSCRIPT are sent again, with
/// the script's text.

#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "redis/scripts.hpp"
#include "redis/server_error.hpp"

namespace terrace::redis {

/// The result of a script: the elements of its array, or its single value. Nothing: nil.
using Fields = std::vector<Found>;

template <class T>
class ScriptCalls final : public std::enable_shared_from_this<ScriptCalls<T>> {
 public:
  /// Converts the result of a server to the outcome.
  using Read = Result<T> (*)(Fields fields, ServerFacts& server);

  ScriptCalls(std::shared_ptr<Client> client, const Script& script, std::size_t keys, TimePoint deadline,
              Read read, Handler<std::vector<Result<T>>> done)
      : client_(std::move(client)),
        script_(script),
        outcomes_(keys, Result<T>(T{})),
        deadline_(deadline),
        read_(read),
        done_(std::move(done)) {}

  /// Sets the outcome of a key that is not sent.
  void refuse(std::size_t position, Error why) { outcomes_[position] = std::move(why); }
  void add(std::size_t position, Arguments arguments) {
    waiting_.push_back({position, std::move(arguments)});
  }
  /// They are sent to any server, also to one that cannot be a node.
  void to_any_server() { for_node_ = false; }
  void start() { next(nullptr); }

 private:
  struct Call {
    std::size_t position;
    Arguments arguments;
  };
  using Calls = std::vector<Call>;
  class Part;

  void submit(Calls calls, bool whole) {
    client_->submit(std::make_unique<Part>(this->shared_from_this(), std::move(calls), whole));
  }
  void next(const Error* failure);

  std::shared_ptr<Client> client_;
  const Script& script_;
  std::vector<Result<T>> outcomes_;
  TimePoint deadline_;
  Read read_;
  Handler<std::vector<Result<T>>> done_;
  std::deque<Call> waiting_;
  bool for_node_ = true;
};

template <class T>
class ScriptCalls<T>::Part final : public Exchange {
 public:
  /// `whole`: the first call contains the script's text.
  Part(std::shared_ptr<ScriptCalls> owner, Calls calls, bool whole)
      : owner_(std::move(owner)), calls_(std::move(calls)) {
    const Script& script = owner_->script_;
    for (const auto& call : calls_) {
      if (std::exchange(whole, false)) {
        call.arguments.encode_call(payload, "EVAL", script.text);
      } else {
        call.arguments.encode_call(payload, "EVALSHA", script.digest);
      }
    }
    replies = calls_.size();
    deadline = owner_->deadline_;
    for_node = owner_->for_node_;
  }

  void on_node(std::size_t index, const Node& reply) override {
    TERRACE_ASSERT(index < calls_.size() && (index == current_ || index == current_ + 1));
    if (index != current_) end_call();
    current_ = index;
    if (is_error(reply)) {
      refused_ = std::string(reply.value);
    } else if (reply.depth > 0 || reply.data_type != NodeType::array) {
      const bool nil = reply.data_type == NodeType::null;
      fields_.push_back(nil ? Found() : Found(std::in_place, reply.value));
    }
  }

  void on_end(const Error* failure) override {
    if (failure == nullptr) {
      TERRACE_ASSERT(current_ + 1 == calls_.size());  // every call has its reply
      end_call();
      if (!unknown_.empty()) return owner_->submit(std::move(unknown_), true);
    } else {
      for (auto i = current_; i < calls_.size(); ++i) owner_->outcomes_[calls_[i].position] = *failure;
      for (const auto& call : unknown_) owner_->outcomes_[call.position] = *failure;
    }
    owner_->next(failure);
  }

 private:
  /// The reply to the current call is complete.
  void end_call() {
    Result<T>& outcome = owner_->outcomes_[calls_[current_].position];
    if (refused_ && refused_->starts_with("NOSCRIPT")) {
      unknown_.push_back(std::move(calls_[current_]));
    } else if (refused_ && server->unfit) {
      outcome = *server->unfit;  // it contains the remedy
    } else if (refused_) {
      outcome = server_error(*refused_, owner_->client_->label());
    } else {
      outcome = owner_->read_(std::move(fields_), *server);
    }
    refused_.reset();
    fields_.clear();
  }

  std::shared_ptr<ScriptCalls> owner_;
  Calls calls_;
  std::size_t current_ = 0;
  Fields fields_;
  std::optional<std::string> refused_;
  Calls unknown_;
};

/// After a failure the rest is not sent: it would fail in the same way.
template <class T>
void ScriptCalls<T>::next(const Error* failure) {
  if (failure != nullptr) {
    const Error rest =
        *failure == Errc::io_error ? Error(Errc::unavailable, "not sent; " + failure->context) : *failure;
    for (const auto& call : waiting_) outcomes_[call.position] = rest;
    waiting_.clear();
  }
  TERRACE_ASSERT(done_);
  if (waiting_.empty()) return std::exchange(done_, nullptr)(std::move(outcomes_));
  Calls calls;
  for (std::size_t bytes = 0; !waiting_.empty() && calls.size() < 1000 && bytes < (1 << 20);) {
    bytes += waiting_.front().arguments.size();
    calls.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  TERRACE_ASSERT(!calls.empty());
  submit(std::move(calls), false);
}

}  // namespace terrace::redis
