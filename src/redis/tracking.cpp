#include "redis/tracking.hpp"

#include <algorithm>
#include <iterator>

#include "redis/greeting.hpp"
#include "redis/role_question.hpp"
#include "redis/server_error.hpp"

namespace terrace::redis {

using namespace std::chrono_literals;

namespace {

constexpr Duration first_retry_pause = 20ms;
/// Memory serves nothing while the watch is down, so it does not wait long.
constexpr Duration longest_retry_pause = 1s;

}  // namespace

class Tracking::Hello final : public Exchange {
 public:
  explicit Hello(Tracking& owner) : greeting_(owner.target_), owner_(owner) {
    replies = greeting_.encode(payload);
    if (follows_primary(owner)) replies += greeting_.encode_identity(payload);
  }
  void on_node(std::size_t index, const Node& reply) override { greeting_.take(index, reply); }
  void on_end(const Error* failure) override {
    if (failure != nullptr) return;
    owner_.run_id_ = greeting_.facts().run_id;
    owner_.greeted(greeting_.refused(), greeting_.is_replica());
  }

 private:
  static bool follows_primary(const Tracking& owner) {
    return owner.client_->manner() == Client::Manner::follows_primary;
  }

  Greeting greeting_;
  Tracking& owner_;
};

class Tracking::Track final : public Exchange {
 public:
  Track(Tracking& owner, const Prefixes& prefixes) : owner_(owner) {
    begin_command(payload, 4 + 2 * prefixes.size());
    for (const auto part : {"CLIENT", "TRACKING", "ON", "BCAST"}) add_part(payload, part);
    for (const auto& prefix : prefixes) {
      add_part(payload, "PREFIX");
      add_part(payload, prefix);
    }
  }
  void on_node(std::size_t, const Node& reply) override {
    if (is_error(reply)) refused_ = server_error(reply.value, owner_.client_->label());
  }
  void on_end(const Error* failure) override {
    if (failure == nullptr) owner_.tracked(refused_ ? &*refused_ : nullptr);
  }

 private:
  Tracking& owner_;
  std::optional<Error> refused_;
};

class Tracking::Ping final : public Exchange {
 public:
  explicit Ping(Tracking& owner) : owner_(owner) { add_command(payload, {"PING"}); }
  void on_node(std::size_t, const Node& reply) override { refused_ = is_error(reply); }
  void on_end(const Error* failure) override {
    if (failure == nullptr) owner_.ponged(refused_);
  }

 private:
  Tracking& owner_;
  bool refused_ = false;
};

Tracking::Tracking(std::shared_ptr<Client> client, Naming naming)
    : client_(std::move(client)),
      scheduler_(client_->outside().scheduler),
      naming_(naming),
      clock_(client_->clock()),
      backoff_(first_retry_pause, std::min(client_->options().reconnect_cap, longest_retry_pause),
               random_seed()),
      timer_(scheduler_) {}

void Tracking::add(std::shared_ptr<Watch> watch) {
  if (!home_.here()) return;  // nothing runs there
  scheduler_.post(
      [self = shared_from_this(), watch = std::move(watch)]() mutable { self->welcome(std::move(watch)); });
}

void Tracking::report(RedisStatus& status) const {
  const std::lock_guard lock(mutex_);
  status.watching = status_.watching;
  status.watch_connects = status_.watch_connects;
  status.last_watch_error = status_.last_watch_error;
}

void Tracking::publish(const std::string* trouble) {
  const std::lock_guard lock(mutex_);
  status_.watching = phase_ == Phase::ready;
  status_.watch_connects = connects_;
  if (trouble != nullptr) status_.last_watch_error = *trouble;
}

// ---- Connecting

void Tracking::dial() {
  phase_ = Phase::dialing;
  greeting_deadline_ = after(clock_.now(), client_->options().connect_timeout);
  target_ = client_->target();
  auto dialed = [self = shared_from_this()](Result<std::unique_ptr<Stream>> made) {
    self->dial_.reset();
    if (!made) return self->drop(made.error());
    self->phase_ = Phase::greeting;
    constexpr std::size_t longest_key = 1 << 20;
    self->pipeline_ = std::make_shared<Pipeline>(std::move(*made), longest_key, self, self->clock_);
    self->pipeline_->start();
    self->send(std::make_unique<Hello>(*self));
    self->arm(self->greeting_deadline_);
  };
  dial_ = client_->outside().network->dial(target_, client_->tls(), greeting_deadline_, std::move(dialed));
}

void Tracking::greeted(const Error* refused, bool is_replica) {
  if (refused != nullptr) return drop(*refused);
  if (is_replica && client_->manner() == Client::Manner::follows_primary) {
    return drop({Errc::unavailable, "Redis " + target_.label() + " is a replica; its primary is looked for"});
  }
  if (at_another_server()) {
    client_->find_primary();
    return drop({Errc::unavailable, "Redis " + target_.label() + " is another server than that of the data"});
  }
  for (const auto& watch : watches_) watch->cover_own(registered_, naming_);
  ++unconfirmed_;
  send(std::make_unique<Track>(*this, registered_));
}

void Tracking::tracked(const Error* refused) {
  if (refused != nullptr) return drop(*refused);
  if (--unconfirmed_ > 0) return;
  const TimePoint now = clock_.now();
  if (phase_ == Phase::greeting) {
    phase_ = Phase::ready;
    ready_since_ = now;
    ++connects_;
    proof_.emplace(now);
    publish();
  }
  tell_all([&](Watch& watch) { watch.watching(now); });
  if (phase_ == Phase::ready) prove(now);
}

/// One address may lead to several servers (DNS, a proxy, a virtual address that moves). A watch says nothing
/// about the data of another server than its own.
bool Tracking::at_another_server() const {
  const std::string& theirs = client_->run_id();
  return !run_id_.empty() && !theirs.empty() && run_id_ != theirs;
}

/// The connection, or the attempt to make one, has failed.
void Tracking::drop(const Error& why) {
  const Error kept = why;  // it may belong to an object that is closed next
  const TimePoint now = clock_.now();
  if (phase_ == Phase::ready && now - ready_since_ >= longest_retry_pause) backoff_.reset();
  disconnect();
  phase_ = Phase::waiting;
  const std::string trouble = "watch: " + kept.context;
  publish(&trouble);
  arm(after(now, kept == Errc::denied ? backoff_.slow() : backoff_.next()));
  tell_all([](Watch& watch) { watch.lost(); });
}

void Tracking::disconnect() {
  if (dial_) dial_->cancel();
  dial_.reset();
  if (pipeline_) pipeline_->close();
  pipeline_.reset();
  unsent_.clear();
  registered_.clear();
  unconfirmed_ = 0;
  proof_.reset();
  invalidation_ = flushed_ = false;
  keys_.clear();
}

void Tracking::on_lost(const std::string& why) {
  drop({Errc::io_error, "connection to Redis " + client_->label() + " lost: " + why});
}

void Tracking::shut_down() {
  if (phase_ == Phase::closed) return;
  disconnect();
  phase_ = Phase::closed;
  timer_.cancel();
  publish();
  for (const auto& watch : watches_) {
    if (watch->calling()) {
      scheduler_.post([watch] { watch->lost(); });
    } else {
      watch->lost();
    }
  }
}

// ---- Watches

void Tracking::welcome(std::shared_ptr<Watch> watch) {
  if (phase_ == Phase::closed) return watch->lost();
  watches_.push_back(watch);
  if (phase_ == Phase::idle) return dial();
  if (phase_ == Phase::waiting) return watch->lost();
  if (!registered_.empty()) extend(*watch);
}

/// Asks the server for the prefixes that this watch needs and that were not requested yet.
void Tracking::extend(Watch& watch) {
  Prefixes wanted = registered_;
  watch.cover_own(wanted, naming_);
  Prefixes added;
  std::set_difference(wanted.begin(), wanted.end(), registered_.begin(), registered_.end(),
                      std::inserter(added, added.end()));
  if (wanted.size() != registered_.size() + added.size()) {
    return on_lost("a new watch covers the prefix of another, so all watches begin again");
  }
  registered_ = std::move(wanted);
  if (!added.empty()) {
    ++unconfirmed_;
    send(std::make_unique<Track>(*this, added));
  } else if (unconfirmed_ == 0) {
    watch.watching(clock_.now());
  }
}

void Tracking::forget_ended() {
  std::erase_if(watches_, [](const auto& watch) { return watch->ended(); });
  if (!watches_.empty()) return;
  disconnect();
  phase_ = Phase::idle;
  publish();
}

/// A watcher may close the tier inside a call.
template <class Call>
void Tracking::tell_all(Call call) {
  for (std::size_t i = 0; i < watches_.size() && phase_ != Phase::closed; ++i) call(*watches_[i]);
}

void Tracking::on_push(const Node& node, bool last) {
  if (node.depth == 1 && node.data_type == NodeType::blob_string) {
    invalidation_ = node.value == "invalidate";
  } else if (node.depth == 1 && node.data_type == NodeType::null) {
    flushed_ = true;
  } else if (node.depth == 2) {
    keys_.emplace_back(node.value);
  }
  if (!last) return;
  const auto keys = std::exchange(keys_, {});
  const bool flushed = std::exchange(flushed_, false);
  if (!std::exchange(invalidation_, false)) return;
  if (flushed) {
    tell_all([](Watch& watch) { watch.changed_all(); });
  } else {
    tell_all([&](Watch& watch) { watch.changed(keys, naming_); });
  }
}

// ---- Time

void Tracking::arm(TimePoint when) {
  timer_.set(when, [self = shared_from_this()] { self->on_time(); });
}

void Tracking::on_time() {
  if (phase_ == Phase::closed) return;
  forget_ended();
  if (phase_ == Phase::waiting) {
    dial();
  } else if (phase_ == Phase::greeting && clock_.now() >= greeting_deadline_) {
    on_lost("no answer within the connect time limit");
  } else if (phase_ == Phase::ready) {
    prove(clock_.now());
  }
}

void Tracking::prove(TimePoint now) {
  if (client_->target().label() != target_.label()) return on_lost("the primary is another server");
  if (at_another_server()) return on_lost("the data connection is to another server");
  proof_->heard(pipeline_->last_received());
  switch (proof_->at(now)) {
    case PingProof::Step::dead:
      return on_lost("it does not answer");
    case PingProof::Step::ping:
      if (client_->manner() == Client::Manner::follows_primary) {
        send(std::make_unique<RoleQuestion>([this](bool is_replica) {
          if (is_replica) demoted();
        }));
      }
      send(std::make_unique<Ping>(*this));
      break;
    case PingProof::Step::wait:
      break;
  }
  arm(proof_->due());
}

void Tracking::demoted() {
  client_->find_primary();
  on_lost("it has become a replica");
}

void Tracking::ponged(bool refused) {
  if (refused) {
    proof_->refused();
  } else if (const auto until = proof_->pong()) {
    tell_all([&](Watch& watch) { watch.proven(*until); });
  }
  if (phase_ == Phase::ready) arm(proof_->due());
}

void Tracking::send(std::unique_ptr<Exchange> exchange) {
  unsent_.push_back(std::move(exchange));
  on_writable();
}

void Tracking::on_writable() {
  if (!unsent_.empty() && pipeline_->can_send()) pipeline_->send(std::exchange(unsent_, {}));
}

}  // namespace terrace::redis
