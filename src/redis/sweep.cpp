#include <charconv>
#include <terrace/glob.hpp>

#include "redis/commands.hpp"
#include "redis/keys.hpp"
#include "redis/server_error.hpp"

namespace terrace::redis {
namespace {

constexpr std::string_view scan_count = "1000";

/// One bulk delete in progress, in two passes: leases and versions first, so that no holder of a lease can
/// put a value back; then the values.
///
/// A server that is a replica, or has just become one, may lack keys of its primary, or have none. So each
/// SCAN is between two UNLINKs, which a replica rejects. A cursor is only valid for one run of one server:
/// all steps must use one connection, otherwise the bulk delete begins again.
struct Sweep {
  std::shared_ptr<TierContext> context;
  std::shared_ptr<Client> client;
  std::string prefix;  // of the full keys
  std::string pattern;
  TimePoint deadline;
  Handler<Result<Swept>> done;
  bool companions = true;
  bool restarted = false;
  Swept swept = {};
  std::uint64_t connection = 0;  // connection of the steps so far; 0: no step was taken
  std::string slots = {};        // in a cluster: the slots of the server at the beginning

  [[nodiscard]] bool in_cluster() const { return context->encoding.naming() == Naming::cluster; }

  [[nodiscard]] std::string match() const {
    const std::string keys = literally(prefix) + pattern;
    if (!companions) return keys;
    return in_cluster() ? "~*:{*}" + keys : "~*:{" + keys + "}";
  }

  /// MATCH finds more keys than this pass is about.
  [[nodiscard]] bool concerns(std::string_view key) const {
    if (!companions) return !is_reserved(key);
    for (const auto head : {lease_head, version_head}) {
      const auto owner = key_of(key, head, context->encoding.naming());
      if (!owner) continue;
      return owner->starts_with(prefix) && glob_matches(pattern, owner->substr(prefix.size()));
    }
    return false;
  }

  /// A lease key that no key of the tier has; removing it changes nothing.
  [[nodiscard]] std::string nobodys_lease() const {
    return std::string(lease_head) + context->encoding.key_prefix() + std::string(companion_tail);
  }

  /// Whether this step was taken on another connection than the one before.
  [[nodiscard]] bool moved_to(const ServerFacts& server) {
    const auto before = std::exchange(connection, server.connection);
    return before != 0 && before != connection;
  }

  void count(std::uint64_t unlinked) {
    if (!companions) swept.removed += unlinked;
  }

  void finish(const Error* failure) {
    if (failure == nullptr) return done(swept);
    done(Error(failure->code,
               failure->context + " (" + std::to_string(swept.removed) + " keys were removed before)"));
  }
};

/// The slots of a server, and those that are moving, from its CLUSTER NODES: the end of the line "… myself
/// …".
std::string slots_of_myself(std::string_view nodes) {
  while (!nodes.empty()) {
    const auto end = std::min(nodes.find('\n'), nodes.size());
    std::string_view line = nodes.substr(0, end);
    nodes.remove_prefix(std::min(nodes.size(), end + 1));
    if (line.find("myself") == std::string_view::npos) continue;
    constexpr int words_before = 8;
    for (int i = 0; i < words_before; ++i) {
      line.remove_prefix(std::min(line.size(), std::min(line.find(' '), line.size() - 1) + 1));
    }
    return std::string(line);
  }
  return {};
}

/// Asked at the beginning and at the end. A key may have moved past the bulk delete if the answers differ, or
/// if one of them names a slot that is moving ("[…]").
class Slots final : public Exchange {
 public:
  Slots(std::shared_ptr<Sweep> sweep, bool at_end) : sweep_(std::move(sweep)), at_end_(at_end) {
    deadline = sweep_->deadline;
    add_command(payload, {"CLUSTER", "NODES"});
  }
  void on_node(std::size_t, const Node& reply) override {
    if (is_error(reply)) {
      refused_ = server_error(reply.value, sweep_->client->label());
    } else {
      slots_ = slots_of_myself(reply.value);
    }
  }
  void on_end(const Error* failure) override;

 private:
  std::shared_ptr<Sweep> sweep_;
  bool at_end_;
  std::string slots_;
  std::optional<Error> refused_;
};

/// UNLINK of the keys found by the last step, and SCAN for more: either may be missing, not both.
class SweepStep final : public Exchange {
 public:
  SweepStep(std::shared_ptr<Sweep> sweep, const std::vector<std::string>& keys, const std::string* cursor)
      : sweep_(std::move(sweep)), scans_(cursor != nullptr) {
    deadline = sweep_->deadline;
    if (sweep_->in_cluster()) {  // keys of different slots need a command each
      // Keys that came to the node by a move that is not over can only be erased with ASKING.
      const bool moving = sweep_->slots.find('[') != std::string::npos;
      unlinks_ = keys.size() * (moving ? 2 : 1);
      for (const auto& key : keys) {
        if (moving) add_command(payload, {"ASKING"});
        add_command(payload, {"UNLINK", key});
      }
    } else if (keys.empty()) {
      unlinks_ = 1;
      empty_ = true;
      add_command(payload, {"UNLINK", sweep_->nobodys_lease()});
    } else {
      unlinks_ = 1;
      begin_command(payload, keys.size() + 1);
      add_part(payload, "UNLINK");
      for (const auto& key : keys) add_part(payload, key);
    }
    replies = unlinks_ + std::size_t{scans_};
    if (scans_) add_command(payload, {"SCAN", *cursor, "MATCH", sweep_->match(), "COUNT", scan_count});
  }

  void on_node(std::size_t index, const Node& reply) override {
    if (is_error(reply)) {
      const auto redirect = Redirect::parse(reply.value);
      if (redirect && sweep_->context->backend->follows(*redirect)) {
        elsewhere_ = true;
      } else if (!refused_) {
        refused_ = server_error(reply.value, sweep_->client->label());
      }
    } else if (index < unlinks_) {
      std::uint64_t count = 0;  // stays 0 for the OK to ASKING
      std::from_chars(reply.value.data(), reply.value.data() + reply.value.size(), count);
      if (!empty_) sweep_->count(count);
    } else if (reply.data_type == NodeType::blob_string && reply.depth == 1) {
      cursor_ = reply.value;
    } else if (reply.data_type == NodeType::blob_string && reply.depth == 2) {
      if (sweep_->concerns(reply.value)) found_.emplace_back(reply.value);
    }
  }

  void on_end(const Error* failure) override {
    if (failure == nullptr && refused_) failure = &*refused_;
    if (failure != nullptr) return sweep_->finish(failure);
    const bool moved = sweep_->moved_to(*server);
    if (!sweep_->in_cluster() && elsewhere_) return restart(/*is_replica=*/true);
    if (!sweep_->in_cluster() && moved) return restart(/*is_replica=*/false);
    sweep_->swept.again = sweep_->swept.again || elsewhere_;
    sweep_->swept.astray = sweep_->swept.astray || moved;
    const bool more = scans_ && cursor_ != "0";
    if (more || !found_.empty()) return next(found_, more ? &cursor_ : nullptr);
    // The last SCAN has no UNLINK behind it yet.
    if (scans_ && !sweep_->in_cluster() && !sweep_->companions) return next({}, nullptr);
    if (!sweep_->companions) return end();
    sweep_->companions = false;
    next({}, &cursor_);
  }

 private:
  void next(const std::vector<std::string>& keys, const std::string* cursor) {
    auto& client = *sweep_->client;
    client.submit(std::make_unique<SweepStep>(std::move(sweep_), keys, cursor));
  }
  void end() {
    if (!sweep_->in_cluster()) return sweep_->finish(nullptr);
    auto& client = *sweep_->client;
    client.submit(std::make_unique<Slots>(std::move(sweep_), true));
  }
  /// The server has become a replica; or the connection leads to another server, or another run of it, whose
  /// SCAN uses another order: the bulk delete begins again there.
  void restart(bool is_replica) {
    if (std::exchange(sweep_->restarted, true)) {
      const Error gone(Errc::unavailable,
                       "Redis " + sweep_->client->label() +
                           ": the primary moved, or the connection broke, twice during the bulk delete");
      return sweep_->finish(&gone);
    }
    if (is_replica) sweep_->client->find_primary();
    sweep_->connection = 0;
    sweep_->companions = true;
    cursor_ = "0";
    next({}, &cursor_);
  }

  std::shared_ptr<Sweep> sweep_;
  std::size_t unlinks_ = 0;
  bool scans_;
  bool empty_ = false;  // the UNLINK only checks whether the server accepts writes
  bool elsewhere_ = false;
  std::string cursor_ = "0";
  std::vector<std::string> found_;
  std::optional<Error> refused_;
};

void begin(std::shared_ptr<Sweep> sweep) {
  auto& client = *sweep->client;
  const std::string cursor = "0";
  client.submit(std::make_unique<SweepStep>(std::move(sweep), std::vector<std::string>{}, &cursor));
}

void Slots::on_end(const Error* failure) {
  if (failure == nullptr && refused_) failure = &*refused_;
  if (failure != nullptr) return sweep_->finish(failure);
  const bool moving = slots_.find('[') != std::string::npos;
  // The supposed primary serves no slots: it is a replica by now.
  sweep_->swept.astray = sweep_->moved_to(*server) || sweep_->swept.astray || slots_.empty();
  sweep_->swept.again = sweep_->swept.again || moving || (at_end_ && slots_ != sweep_->slots);
  sweep_->slots = std::move(slots_);
  if (at_end_) return sweep_->finish(nullptr);
  begin(std::move(sweep_));
}

}  // namespace

void start_sweep(std::shared_ptr<TierContext> context, std::shared_ptr<Client> client, std::string prefix,
                 std::string pattern, TimePoint deadline, Handler<Result<Swept>> done) {
  prefix.insert(0, context->encoding.key_prefix());
  auto sweep = std::make_shared<Sweep>(Sweep{std::move(context), std::move(client), std::move(prefix),
                                             std::move(pattern), deadline, std::move(done)});
  if (!sweep->in_cluster()) return begin(std::move(sweep));
  auto& first = *sweep->client;
  first.submit(std::make_unique<Slots>(std::move(sweep), false));
}

}  // namespace terrace::redis
