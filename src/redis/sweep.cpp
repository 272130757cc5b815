#include <charconv>
#include <terrace/glob.hpp>

#include "redis/commands.hpp"
#include "redis/keys.hpp"
#include "redis/server_error.hpp"

namespace terrace::redis {
namespace {

constexpr std::string_view scan_count = "1000";

/// One sweep on its way through the keys, twice: leases and versions first, so that no holder of a lease can
/// put a value back; then the values.
struct Sweep {
  std::shared_ptr<Shared> shared;
  std::string prefix;  // of the full keys
  std::string pattern;
  TimePoint deadline;
  Handler<Result<std::uint64_t>> done;
  bool companions = true;
  std::uint64_t removed = 0;

  [[nodiscard]] std::string match() const {
    const std::string keys = literally(prefix) + pattern;
    return companions ? "~*:{" + keys + "}" : keys;
  }

  /// MATCH is wider than what this pass is about.
  [[nodiscard]] bool concerns(std::string_view key) const {
    if (!companions) return !is_reserved(key);
    for (const auto head : {lease_head, version_head}) {
      if (!key.starts_with(head)) continue;
      key.remove_prefix(head.size());
      key.remove_suffix(companion_tail.size());
      return key.starts_with(prefix) && glob_matches(pattern, key.substr(prefix.size()));
    }
    return false;
  }

  void count(std::uint64_t unlinked) {
    if (!companions) removed += unlinked;
  }

  void finish(const Error* failure) {
    shared->counters.erases += removed;
    if (failure == nullptr) return done(removed);
    ++shared->counters.write_errors;
    done(Error(failure->code,
               failure->context + " (" + std::to_string(removed) + " keys were removed before)"));
  }
};

/// UNLINK of what the last step found, and SCAN for more: either may be missing, not both.
class Step final : public Exchange {
 public:
  Step(std::shared_ptr<Sweep> sweep, const std::vector<std::string>& keys, const std::string* cursor)
      : sweep_(std::move(sweep)), unlinks_(!keys.empty()), scans_(cursor != nullptr) {
    deadline = sweep_->deadline;
    replies = std::size_t{unlinks_} + std::size_t{scans_};
    if (unlinks_) {
      begin_command(payload, keys.size() + 1);
      add_part(payload, "UNLINK");
      for (const auto& key : keys) add_part(payload, key);
    }
    if (scans_) add_command(payload, {"SCAN", *cursor, "MATCH", sweep_->match(), "COUNT", scan_count});
  }

  void on_node(std::size_t index, const Node& reply) override {
    if (is_error(reply)) {
      if (!refused_) refused_ = server_error(reply.value, sweep_->shared->client->label());
    } else if (unlinks_ && index == 0) {
      std::uint64_t count = 0;
      std::from_chars(reply.value.data(), reply.value.data() + reply.value.size(), count);
      sweep_->count(count);
    } else if (reply.data_type == NodeType::blob_string && reply.depth == 1) {
      cursor_ = reply.value;
    } else if (reply.data_type == NodeType::blob_string && reply.depth == 2) {
      if (sweep_->concerns(reply.value)) found_.emplace_back(reply.value);
    }
  }

  void on_end(const Error* failure) override {
    if (failure == nullptr && refused_) failure = &*refused_;
    if (failure != nullptr) return sweep_->finish(failure);
    const bool more = scans_ && cursor_ != "0";
    if (more || !found_.empty()) return next(found_, more ? &cursor_ : nullptr);
    if (!sweep_->companions) return sweep_->finish(nullptr);
    sweep_->companions = false;
    next({}, &cursor_);
  }

 private:
  void next(const std::vector<std::string>& keys, const std::string* cursor) {
    auto& client = *sweep_->shared->client;
    client.submit(std::make_unique<Step>(std::move(sweep_), keys, cursor));
  }

  std::shared_ptr<Sweep> sweep_;
  bool unlinks_;
  bool scans_;
  std::string cursor_ = "0";
  std::vector<std::string> found_;
  std::optional<Error> refused_;
};

}  // namespace

void start_sweep(std::shared_ptr<Shared> shared, std::string prefix, std::string pattern, TimePoint deadline,
                 Handler<Result<std::uint64_t>> done) {
  auto& client = *shared->client;
  prefix.insert(0, client.options().key_prefix);
  auto sweep = std::make_shared<Sweep>(
      Sweep{std::move(shared), std::move(prefix), std::move(pattern), deadline, std::move(done)});
  const std::string cursor = "0";
  client.submit(std::make_unique<Step>(std::move(sweep), std::vector<std::string>{}, &cursor));
}

}  // namespace terrace::redis
