#include "sim/sim_redis.hpp"

#include <algorithm>

namespace terrace::sim {
namespace {

constexpr const char* out_of_memory = "OOM command not allowed when used memory > 'maxmemory'.";
constexpr const char* read_only = "READONLY You can't write against a read only replica.";
constexpr const char* not_saved =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
    "Commands "
    "that may modify the data set are disabled, because this instance is configured to report errors during "
    "writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for "
    "details about the RDB error.";

std::string random_hex(std::mt19937_64& random) {
  std::string hex;
  for (int i = 0; i < 40; ++i) hex += "0123456789abcdef"[random() % 16];
  return hex;
}

}  // namespace

SimRedis::SimRedis(const Clock& clock, SimRedisOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      clock_(clock),
      store_(clock_, [this](const Change& change) { changed(change); }),
      run_id_(random_hex(random_)) {}

// ---- Connections

SimRedis::SessionId SimRedis::connect() {
  if (!up_) return 0;
  sessions_[++last_session_].logged_in = options_.password.empty();
  return last_session_;
}

void SimRedis::disconnect(SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  stop_tracking(id, found->second);
  sessions_.erase(found);
  std::erase(arrivals_, id);
}

bool SimRedis::is_open(SessionId id) const {
  const auto found = sessions_.find(id);
  return found != sessions_.end() && found->second.open;
}

void SimRedis::receive(SessionId id, std::string_view bytes) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || !found->second.open) return;
  found->second.input.add(bytes);
  if (!std::exchange(found->second.waiting, true)) arrivals_.push_back(id);
}

std::string SimRedis::take_output(SessionId id) {
  const auto found = sessions_.find(id);
  return found != sessions_.end() ? std::exchange(found->second.output, {}) : std::string();
}

bool SimRedis::busy() const {
  if (up_ && !frozen_ && !arrivals_.empty()) return true;
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [](const auto& item) { return !item.second.output.empty(); });
}

void SimRedis::close_connections() {
  for (auto& [id, session] : sessions_) {
    stop_tracking(id, session);
    session.open = false;
  }
  arrivals_.clear();
}

// ---- Turns

bool SimRedis::turn() {
  if (!up_ || frozen_ || arrivals_.empty()) return false;
  for (const SessionId id : std::exchange(arrivals_, {})) {
    if (const auto found = sessions_.find(id); found != sessions_.end()) serve(id, found->second);
  }
  push();
  return true;
}

void SimRedis::serve(SessionId id, Session& session) {
  session.waiting = false;
  while (const auto args = session.input.next()) {
    if (args->empty()) continue;
    current_ = id;
    Call call{id, session, *args};
    const Reply reply = execute(call);  // which may change the protocol
    encode(session.output, reply, session.protocol);
    for (; session.own_flushes > 0; --session.own_flushes) {
      if (session.protocol == 3) encode_invalidation(session.output, nullptr);
    }
    current_ = 0;
  }
  if (session.input.broken()) {
    encode(session.output, Reply::error("ERR Protocol error"), session.protocol);
    stop_tracking(id, session);
    session.open = false;
  }
}

Reply SimRedis::execute(Call& call) {
  Session& session = call.session;
  const std::string name = lower(call.args[0]);
  const auto command = find_command(name);
  std::optional<std::string> why;
  if (!command) {
    why = "ERR unknown command '" + call.args[0] + "', with args beginning with: ";
    for (std::size_t i = 1; i < call.args.size(); ++i) *why += "'" + call.args[i] + "' ";
  } else {
    why = refusal(name, *command, call);
  }
  if (why) {
    if (name == "exec") {
      session.in_transaction = session.spoilt = false;
      session.queued.clear();
      if (why->starts_with("ERR ")) why->erase(0, 4);
      return Reply::error("EXECABORT Transaction discarded because of: " + *why);
    }
    if (session.in_transaction) session.spoilt = true;
    return Reply::error(*why);
  }
  if (session.in_transaction && name != "exec" && name != "discard" && name != "multi") {
    if (!session.spoilt) session.queued.push_back(call.args);
    return Reply::status("QUEUED");
  }
  return run(*command, call);
}

Reply SimRedis::run(const Command& command, Call& call) {
  if (command.data != nullptr) return command.data->run(store_, call.session.database, call.args);
  return (this->*command.run)(call);
}

bool SimRedis::is_denied(const std::string& name, const Args& args) const {
  return denied_.contains(name) || (args.size() > 1 && denied_.contains(name + "|" + lower(args[1])));
}

/// Why a write is refused now, whatever it is.
std::optional<std::string> SimRedis::write_refusal(bool in_script) const {
  if (replica_ && in_script) return read_only;
  if (cannot_save_) return not_saved;
  if (lacks_replicas_ && !replica_) return "NOREPLICAS Not enough good replicas to write.";
  if (replica_) return read_only;
  return std::nullopt;
}

/// The questions that a server asks before it runs a command, in its order.
std::optional<std::string> SimRedis::refusal(const std::string& name, const Command& command,
                                             const Call& call) const {
  const auto parts = static_cast<int>(call.args.size());
  const CommandInfo& info = command.info;
  if (info.arity < 0 ? parts < -info.arity : parts != info.arity)
    return "ERR wrong number of arguments for '" + name + "' command";
  if (!call.session.logged_in && !info.without_login) return "NOAUTH Authentication required.";
  if (!info.without_login && is_denied(name, call.args)) {
    const bool sub = !denied_.contains(name);
    return "NOPERM this user has no permissions to run the '" + name +
           (sub ? "|" + lower(call.args[1]) : "") + "' command";
  }
  // EXEC is judged by what it would run.
  const bool exec = name == "exec";
  bool writes = info.writes, needs_memory = info.needs_memory;
  for (const Args& queued : exec ? call.session.queued : std::vector<Args>()) {
    const auto one = find_command(lower(queued[0]));
    writes |= one && one->info.writes;
    needs_memory |= one && one->info.needs_memory;
  }
  const bool queues = call.session.in_transaction && !exec && name != "discard";
  if (full_ && !replica_ && (needs_memory || queues)) return out_of_memory;
  if (cannot_save_ && name == "ping") return not_saved;
  if (writes) {
    if (auto why = write_refusal(false)) return why;
  }
  if (loading_ && !info.while_loading) return "LOADING Redis is loading the dataset in memory";
  return std::nullopt;
}

// ---- Scripts

Reply SimRedis::run_script(Call& call, const std::string& text, const std::string& digest) {
  const auto count = parse_number(call.args[2]);
  if (!count) return Reply::error(not_a_number);
  if (*count < 0) return Reply::error("ERR Number of keys can't be negative");
  if (*count > static_cast<std::int64_t>(call.args.size()) - 3)
    return Reply::error("ERR Number of keys can't be greater than number of args");
  const Args keys(call.args.begin() + 3, call.args.begin() + 3 + *count);
  const Args rest(call.args.begin() + 3 + *count, call.args.end());
  // After its first write a script runs to its end, whatever it writes.
  bool has_written = false;
  const auto command = [&](const Args& args) -> Reply {
    const std::string name = lower(args[0]);
    const auto called = find_command(name);
    if (!called) return Reply::error("ERR Unknown Redis command called from script");
    const CommandInfo& info = called->info;
    const auto parts = static_cast<int>(args.size());
    if (info.arity < 0 ? parts < -info.arity : parts != info.arity)
      return Reply::error("ERR Wrong number of args calling Redis command from script");
    if (!info.in_scripts) return Reply::error("ERR This Redis command is not allowed from script");
    if (is_denied(name, args))
      return Reply::error("ERR The user executing the script can't run this command or subcommand");
    if (info.writes && !has_written) {
      if (const auto why = write_refusal(true)) return Reply::error(*why);
    }
    if (full_ && !replica_ && info.needs_memory && !has_written) return Reply::error(out_of_memory);
    has_written |= info.writes;
    Call inner{call.id, call.session, args};
    return run(*called, inner);
  };
  return lua_.run(text, digest, keys, rest, command);
}

// ---- Changes and those who watch

void SimRedis::changed(const Change& change) {
  changes_.push_back(change);
  switch (change.kind) {
    case Change::Kind::key:
      for (auto& [prefix, watched] : watched_) {
        if (change.key.starts_with(prefix)) watched.keys.insert(change.key);
      }
      break;
    case Change::Kind::cleared:
    case Change::Kind::cleared_all:
      // Told at once, not at the end of the turn.
      for (auto& [id, session] : sessions_) {
        if (!session.tracking || session.protocol != 3) continue;
        if (id == current_) {
          ++session.own_flushes;
        } else {
          encode_invalidation(session.output, nullptr);
        }
      }
      break;
    case Change::Kind::swapped:
      break;
  }
}

/// The end of a turn: one message for each prefix and watcher, keys in order.
void SimRedis::push() {
  for (auto& [prefix, watched] : watched_) {
    if (watched.keys.empty()) continue;
    const std::vector<std::string> keys(watched.keys.begin(), watched.keys.end());
    watched.keys.clear();
    for (const SessionId id : watched.sessions) {
      Session& session = sessions_.at(id);
      if (session.protocol == 3) encode_invalidation(session.output, &keys);
    }
  }
}

void SimRedis::stop_tracking(SessionId id, Session& session) {
  session.tracking = false;
  for (auto& [prefix, watched] : watched_) watched.sessions.erase(id);
  std::erase_if(watched_, [](const auto& item) { return item.second.sessions.empty(); });
}

// ---- Faults

void SimRedis::kill() {
  up_ = frozen_ = loading_ = false;
  sessions_.clear();
  arrivals_.clear();
  watched_.clear();
  scripts_.clear();
  store_.load(Databases(SimStore::count));
}

void SimRedis::start(Databases dump) {
  up_ = true;
  run_id_ = random_hex(random_);
  replica_ = false;
  primary_ = nullptr;
  store_.removes_expired = true;
  changes_.clear();
  for (auto& database : dump) {
    std::erase_if(database, [this](const auto& item) {
      return item.second.expires && *item.second.expires <= clock_.now();
    });
  }
  store_.load(std::move(dump));
}

void SimRedis::cron() {
  if (!up_ || frozen_ || replica_) return;
  store_.expire();
  push();
}

bool SimRedis::evict(std::string_view key, std::size_t database) {
  if (!up_ || frozen_ || replica_) return false;
  const bool was_there = store_.remove(database, key);
  push();
  return was_there;
}

void SimRedis::flush() {
  store_.clear_all();
  push();
}

void SimRedis::swap(std::size_t one, std::size_t other) {
  store_.swap(one, other);
}

// ---- Replication

void SimRedis::become_replica_of(SimRedis* primary, std::string host, int port) {
  replica_ = true;
  store_.removes_expired = false;
  primary_ = primary;
  primary_host_ = std::move(host);
  primary_port_ = port;
  synced_run_.clear();
}

void SimRedis::promote() {
  replica_ = false;
  store_.removes_expired = true;
  primary_ = nullptr;
}

bool SimRedis::replicate(std::size_t most) {
  const bool can =
      up_ && !frozen_ && replica_ && link_ && primary_ != nullptr && primary_->up_ && !primary_->frozen_;
  if (!can) return false;
  if (synced_run_ != primary_->run_id_) {
    synced_run_ = primary_->run_id_;
    position_ = primary_->changes_.size();
    store_.clear_all();
    const Databases all = primary_->dump();
    store_.load(all);
    // Replicas of this one copy all as well.
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (const auto& [key, entry] : all[i]) changes_.push_back({.database = i, .key = key, .entry = entry});
    }
    return true;
  }
  const std::size_t until = position_ + std::min(most, primary_->changes_.size() - position_);
  const bool some = position_ < until;
  while (position_ < until) store_.apply(primary_->changes_[position_++]);
  push();
  return some;
}

std::size_t SimRedis::lag() const {
  if (!replica_ || primary_ == nullptr) return 0;
  if (synced_run_ != primary_->run_id_) return primary_->changes_.size() + 1;
  return primary_->changes_.size() - position_;
}

}  // namespace terrace::sim
