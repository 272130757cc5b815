#include <charconv>

#include "redis/commands.hpp"
#include "redis/server_error.hpp"

namespace terrace::redis {
namespace {

constexpr std::string_view scan_count = "1000";

/// One sweep on its way through the keys.
struct Sweep {
  std::shared_ptr<Shared> shared;
  std::string pattern;
  TimePoint deadline;
  Handler<Result<std::uint64_t>> done;
  std::uint64_t removed = 0;

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
    if (scans_) add_command(payload, {"SCAN", *cursor, "MATCH", sweep_->pattern, "COUNT", scan_count});
  }

  void on_node(std::size_t index, const Node& reply) override {
    if (is_error(reply)) {
      if (!refused_) refused_ = server_error(reply.value, sweep_->shared->client->label());
    } else if (unlinks_ && index == 0) {
      std::uint64_t count = 0;
      std::from_chars(reply.value.data(), reply.value.data() + reply.value.size(), count);
      sweep_->removed += count;
    } else if (reply.data_type == NodeType::blob_string && reply.depth == 1) {
      cursor_ = reply.value;
    } else if (reply.data_type == NodeType::blob_string && reply.depth == 2) {
      found_.emplace_back(reply.value);
    }
  }

  void on_end(const Error* failure) override {
    if (failure == nullptr && refused_) failure = &*refused_;
    const bool more = scans_ && cursor_ != "0";
    if (failure != nullptr || (found_.empty() && !more)) return sweep_->finish(failure);
    auto& client = *sweep_->shared->client;
    client.submit(std::make_unique<Step>(std::move(sweep_), found_, more ? &cursor_ : nullptr));
  }

 private:
  std::shared_ptr<Sweep> sweep_;
  bool unlinks_;
  bool scans_;
  std::string cursor_ = "0";
  std::vector<std::string> found_;
  std::optional<Error> refused_;
};

}  // namespace

std::string literally(std::string_view text) {
  std::string pattern;
  pattern.reserve(text.size() + 1);
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

void start_sweep(std::shared_ptr<Shared> shared, std::string pattern, TimePoint deadline,
                 Handler<Result<std::uint64_t>> done) {
  auto& client = *shared->client;
  auto sweep =
      std::make_shared<Sweep>(Sweep{std::move(shared), std::move(pattern), deadline, std::move(done)});
  const std::string cursor = "0";
  client.submit(std::make_unique<Step>(std::move(sweep), std::vector<std::string>{}, &cursor));
}

}  // namespace terrace::redis
