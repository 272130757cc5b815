#pragma once
/// The scripts of the tier, which the server runs in one step, and the exchange that calls one. A script is
/// sent as its digest (EVALSHA); its text is sent only if the server does not know it (after a restart or
/// SCRIPT FLUSH).
///
/// Values are compared by their length and last 16 bytes: stored values end with a checksum or a seal, so the
/// whole value need not be sent.

#include <terrace/shared_tier.hpp>

#include "redis/commands.hpp"

namespace terrace::redis {

struct Script {
  explicit Script(std::string text);
  std::string text;
  std::string digest;  ///< SHA-1, in hex
};

/// The KEYS / ARGV of each are given beside its text. Never destroyed: at the end of a program a thread of a
/// runtime that is being released may still send one.
const Script& acquire_script();
const Script& fill_script();
const Script& renew_script();
const Script& release_script();
const Script& get_or_put_script();
const Script& get_or_prolong_script();
const Script& replace_script();
const Script& compare_and_set_script();
const Script& versioned_set_script();

void decode(const Node& node, std::string_view server, Result<LeaseReply>& outcome);

/// The byte that stands behind the token of a lease that has ended; empty for LeaseEnd::untold.
std::string_view end_mark(LeaseEnd end) noexcept;

/// The arguments of a call for one key, in order: first KEYS, then ARGV.
class Arguments {
 public:
  Arguments(const Encoding& encoding, std::string_view key)
      : encoding_(&encoding), key_(key), slot_(encoding.slot(key)) {}

  [[nodiscard]] Slot slot() const noexcept { return slot_; }

  // KEYS: the key, its lease, its version, or some of them.
  Arguments& all_keys();
  Arguments& key_and_lease();
  Arguments& lease_only();
  /// All of these keys, and an additional one.
  Arguments& copy_keys(std::string_view other);

  // ARGV.
  Arguments& part(std::string_view bytes);
  Arguments& token(const LeaseToken& token) { return part({token.data(), token.size()}); }
  Arguments& ttl(std::optional<Duration> ttl) { return part(ttl ? milliseconds(*ttl) : ""); }
  /// Identifies a value: its length and tail.
  Arguments& comparison(BytesView value);

  [[nodiscard]] std::size_t size() const noexcept { return encoded_.size(); }
  /// Appends the call; `command` is EVAL with the text of a script, or EVALSHA with its digest.
  void encode_call(std::string& out, std::string_view command, std::string_view script) const;

 private:
  const Encoding* encoding_;
  std::string_view key_;  // only while arguments are collected
  Slot slot_;
  std::string encoded_;
  std::size_t count_ = 0;
};

/// `known`: the server has the script, because it was sent earlier on this connection. (Never true in a
/// cluster, where keys go to different servers.)
void encode_versioned_set(std::string& out, const Encoding& encoding, const TierWrite& write, bool known);

/// `T` is the result type of the handler: LeaseReply, Found, bool or void.
template <class T>
class ScriptCall final : public Exchange {
 public:
  static void start(std::shared_ptr<TierContext> context, const Script& script, Arguments arguments,
                    TimePoint limit, Handler<Result<T>> done) {
    auto& backend = *context->backend;
    backend.submit(std::unique_ptr<ScriptCall>(new ScriptCall(
        std::move(context), script, std::move(arguments), limit, std::move(done), /*whole=*/false)));
  }

  void on_node(std::size_t, const Node& reply) override {
    unknown_ = !whole_ && is_error(reply) && reply.value.starts_with("NOSCRIPT");
    decode(reply, context_->backend->label(), outcome_);
  }
  void on_end(const Error* failure) override {
    if (failure == nullptr && unknown_) {
      auto& backend = *context_->backend;
      backend.submit(std::unique_ptr<ScriptCall>(new ScriptCall(
          std::move(context_), script_, std::move(arguments_), deadline, std::move(done_), /*whole=*/true)));
      return;
    }
    if (failure != nullptr) outcome_ = *failure;
    done_(std::move(outcome_));
  }

 private:
  ScriptCall(std::shared_ptr<TierContext> context, const Script& script, Arguments arguments, TimePoint limit,
             Handler<Result<T>> done, bool whole)
      : context_(std::move(context)),
        script_(script),
        arguments_(std::move(arguments)),
        done_(std::move(done)),
        whole_(whole) {
    deadline = limit;
    slot = arguments_.slot();
    if (whole_) {
      arguments_.encode_call(payload, "EVAL", script_.text);
    } else {
      arguments_.encode_call(payload, "EVALSHA", script_.digest);
    }
  }

  std::shared_ptr<TierContext> context_;
  const Script& script_;
  Arguments arguments_;
  Handler<Result<T>> done_;
  bool whole_;
  bool unknown_ = false;
  Result<T> outcome_;
};

}  // namespace terrace::redis
