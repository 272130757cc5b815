/// The commands of a simulated Redis server that concern connections, transactions, scripts and the server.

#include "redis/scripts.hpp"
#include "sim/sim_redis.hpp"

namespace terrace::sim {
namespace {

constexpr const char* version = "7.0.15";

Reply overlap(const std::string& one, const std::string& other) {
  return Reply::error("ERR Prefix '" + one + "' overlaps with an existing prefix '" + other +
                      "'. Prefixes for a single client must not overlap.");
}
bool overlaps(const std::string& one, const std::string& other) {
  return one.starts_with(other) || other.starts_with(one);
}
Reply bad_arity(const std::string& name) {
  return Reply::error("ERR wrong number of arguments for '" + name + "' command");
}

}  // namespace

std::optional<SimRedis::Command> SimRedis::find_command(const std::string& name) {
  if (const DataCommand* data = find_data_command(name)) return Command{data->info, data, nullptr};
  // Arity, writes, needs memory, in scripts, while loading, without login.
  static const auto& commands = *new std::map<std::string, Command>{
      {"ping", {{-1}, nullptr, &SimRedis::ping}},
      {"hello", {{-1, false, false, false, true, true}, nullptr, &SimRedis::hello}},
      {"auth", {{-2, false, false, false, true, true}, nullptr, &SimRedis::auth}},
      {"select", {{2, false, false, true, true}, nullptr, &SimRedis::select}},
      {"client", {{-2, false, false, false, true}, nullptr, &SimRedis::client}},
      {"multi", {{1, false, false, false, true}, nullptr, &SimRedis::multi}},
      {"exec", {{1, false, false, false, true}, nullptr, &SimRedis::exec}},
      {"discard", {{1, false, false, false, true}, nullptr, &SimRedis::discard}},
      {"eval", {{-3, false, false, false}, nullptr, &SimRedis::eval}},
      {"evalsha", {{-3, false, false, false}, nullptr, &SimRedis::evalsha}},
      {"script", {{-2, false, false, false}, nullptr, &SimRedis::script}},
      {"info", {{-1, false, false, true, true}, nullptr, &SimRedis::info}},
      {"role", {{1, false, false, false, true}, nullptr, &SimRedis::role}},
      {"wait", {{3, false, false, false}, nullptr, &SimRedis::wait}},
      {"readonly", {{1, false, false, false, true}, nullptr, &SimRedis::accept}},
  };
  const auto found = commands.find(name);
  return found != commands.end() ? std::optional(found->second) : std::nullopt;
}

// ---- Connections

Reply SimRedis::ping(Call& call) {
  return call.args.size() > 1 ? Reply::bulk(call.args[1]) : Reply::status("PONG");
}

Reply SimRedis::accept(Call&) {
  return Reply::ok();
}

/// Nothing: the login is right.
std::optional<Reply> SimRedis::log_in(Session& session, const std::string& user,
                                      const std::string& password) const {
  const bool right = user == "default" && (options_.password.empty() || password == options_.password);
  if (!right) return Reply::error("WRONGPASS invalid username-password pair or user is disabled.");
  session.logged_in = true;
  return std::nullopt;
}

Reply SimRedis::auth(Call& call) {
  if (call.args.size() == 2 && options_.password.empty()) {
    return Reply::error(
        "ERR AUTH <password> called without any password configured for the default user. "
        "Are you sure your configuration is correct?");
  }
  if (call.args.size() > 3) return Reply::error(syntax_error);
  const std::string user = call.args.size() == 3 ? call.args[1] : "default";
  return log_in(call.session, user, call.args.back()).value_or(Reply::ok());
}

Reply SimRedis::hello(Call& call) {
  const Args& args = call.args;
  int protocol = call.session.protocol;
  if (args.size() > 1) {
    const auto number = parse_number(args[1]);
    if (!number) return Reply::error("ERR Protocol version is not an integer or out of range");
    if (*number != 2 && *number != 3) return Reply::error("NOPROTO unsupported protocol version");
    protocol = static_cast<int>(*number);
  }
  for (std::size_t i = 2; i < args.size();) {
    const std::string option = lower(args[i]);
    if (option == "auth" && i + 2 < args.size()) {
      if (auto wrong = log_in(call.session, args[i + 1], args[i + 2])) return std::move(*wrong);
      i += 3;
    } else if (option == "setname" && i + 1 < args.size()) {
      if (args[i + 1].find_first_of(" \n") != std::string::npos)
        return Reply::error("ERR Client names cannot contain spaces, newlines or special characters.");
      i += 2;
    } else {
      return Reply::error("ERR Syntax error in HELLO option '" + args[i] + "'");
    }
  }
  if (!call.session.logged_in) {
    return Reply::error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
        "HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and "
        "select the RESP protocol version at the same time");
  }
  call.session.protocol = protocol;
  Reply reply{Reply::Kind::map};
  const auto add = [&](const char* name, Reply value) {
    reply.items.push_back(Reply::bulk(name));
    reply.items.push_back(std::move(value));
  };
  add("server", Reply::bulk("redis"));
  add("version", Reply::bulk(version));
  add("proto", Reply::integer(protocol));
  add("id", Reply::integer(static_cast<std::int64_t>(call.id)));
  add("mode", Reply::bulk("standalone"));
  add("role", Reply::bulk(replica_ && !claims_primary_ ? "replica" : "master"));
  add("modules", Reply::array({}));
  return reply;
}

Reply SimRedis::select(Call& call) {
  const auto database = parse_number(call.args[1]);
  if (!database) return Reply::error(not_a_number);
  if (*database < 0 || *database >= static_cast<std::int64_t>(SimStore::count))
    return Reply::error("ERR DB index is out of range");
  call.session.database = static_cast<std::size_t>(*database);
  return Reply::ok();
}

Reply SimRedis::client(Call& call) {
  const std::string name = lower(call.args[1]);
  if (name == "id") return Reply::integer(static_cast<std::int64_t>(call.id));
  if (name == "setname" && call.args.size() == 3) return Reply::ok();
  if (name == "tracking") return track(call);
  return Reply::error("ERR unknown subcommand '" + call.args[1] + "'. Try CLIENT HELP.");
}

/// CLIENT TRACKING ON BCAST [PREFIX prefix …], CLIENT TRACKING OFF.
Reply SimRedis::track(Call& call) {
  if (call.args.size() < 3) return bad_arity("client|tracking");
  const std::string mode = lower(call.args[2]);
  if (mode == "off") {
    stop_tracking(call.id, call.session);
    return Reply::ok();
  }
  std::vector<std::string> added;
  bool broadcast = false;
  for (std::size_t i = 3; i < call.args.size(); ++i) {
    const std::string option = lower(call.args[i]);
    if (option == "bcast") {
      broadcast = true;
    } else if (option == "prefix" && i + 1 < call.args.size()) {
      added.push_back(call.args[++i]);
    } else {
      return Reply::error(syntax_error);
    }
  }
  if (mode != "on" || !broadcast) return Reply::error(syntax_error);
  for (std::size_t i = 0; i < added.size(); ++i) {
    for (const auto& [prefix, watched] : watched_) {
      if (watched.sessions.contains(call.id) && overlaps(added[i], prefix)) return overlap(added[i], prefix);
    }
    for (std::size_t j = i + 1; j < added.size(); ++j) {
      if (overlaps(added[i], added[j]))
        return Reply::error("ERR Prefix '" + added[i] + "' overlaps with another provided prefix '" +
                            added[j] + "'. Prefixes for a single client must not overlap.");
    }
  }
  if (added.empty()) added.emplace_back();
  for (const auto& prefix : added) watched_[prefix].sessions.insert(call.id);
  call.session.tracking = true;
  return Reply::ok();
}

// ---- Transactions

Reply SimRedis::multi(Call& call) {
  if (call.session.in_transaction) return Reply::error("ERR MULTI calls can not be nested");
  call.session.in_transaction = true;
  return Reply::ok();
}

Reply SimRedis::exec(Call& call) {
  Session& session = call.session;
  if (!std::exchange(session.in_transaction, false)) return Reply::error("ERR EXEC without MULTI");
  const auto queued = std::exchange(session.queued, {});
  if (std::exchange(session.spoilt, false))
    return Reply::error("EXECABORT Transaction discarded because of previous errors.");
  std::vector<Reply> replies;
  for (const Args& args : queued) {
    Call one{call.id, session, args};
    replies.push_back(run(*find_command(lower(args[0])), one));
    replies.back().protocol = session.protocol;
  }
  return Reply::array(std::move(replies));
}

Reply SimRedis::discard(Call& call) {
  Session& session = call.session;
  if (!std::exchange(session.in_transaction, false)) return Reply::error("ERR DISCARD without MULTI");
  session.spoilt = false;
  session.queued.clear();
  return Reply::ok();
}

// ---- Scripts

Reply SimRedis::eval(Call& call) {
  const std::string digest = redis::Script(call.args[1]).digest;
  Reply reply = run_script(call, call.args[1], digest);
  if (!reply.text.starts_with("ERR Error compiling")) scripts_.emplace(digest, call.args[1]);
  return reply;
}

Reply SimRedis::evalsha(Call& call) {
  const auto found = scripts_.find(lower(call.args[1]));
  if (found == scripts_.end()) return Reply::error("NOSCRIPT No matching script. Please use EVAL.");
  return run_script(call, found->second, found->first);
}

Reply SimRedis::script(Call& call) {
  const std::string name = lower(call.args[1]);
  if (name == "flush") {
    scripts_.clear();
    return Reply::ok();
  }
  if (name == "exists") {
    std::vector<Reply> found;
    for (std::size_t i = 2; i < call.args.size(); ++i)
      found.push_back(Reply::integer(scripts_.contains(lower(call.args[i])) ? 1 : 0));
    return Reply::array(std::move(found));
  }
  if (name == "load" && call.args.size() == 3) {
    const std::string digest = redis::Script(call.args[2]).digest;
    scripts_.emplace(digest, call.args[2]);
    return Reply::bulk(digest);
  }
  return Reply::error("ERR unknown subcommand '" + call.args[1] + "'. Try SCRIPT HELP.");
}

// ---- The server

Reply SimRedis::info(Call& call) {
  const auto wants = [&](const char* section) {
    return call.args.size() < 2 || lower(call.args[1]) == section;
  };
  Reply reply{Reply::Kind::verbatim};
  std::string& text = reply.text;
  const auto section = [&](const char* title) {
    if (!text.empty()) text += "\r\n";
    ((text += "# ") += title) += "\r\n";
  };
  const auto add = [&](const char* name, const std::string& value) {
    ((text += name) += ":") += value + "\r\n";
  };
  if (wants("server")) {
    section("Server");
    add("redis_version", version);
    add("redis_mode", "standalone");
    add("run_id", shown_run_id_.empty() ? run_id_ : shown_run_id_);
    add("tcp_port", std::to_string(options_.port));
    add("server_time_usec", std::to_string(clock_.now() * 1000));
  }
  if (wants("memory")) {
    section("Memory");
    add("maxmemory", full_ ? "1" : "0");
    add("maxmemory_policy", "noeviction");
  }
  if (wants("replication")) {
    section("Replication");
    add("role", replica_ ? "slave" : "master");
  }
  return reply;
}

Reply SimRedis::role(Call&) {
  if (!replica_ || claims_primary_) {
    return Reply::array({Reply::bulk("master"), Reply::integer(static_cast<std::int64_t>(changes_.size())),
                         Reply::array({})});
  }
  const bool connected = link_ && primary_ != nullptr && synced_run_ == primary_->run_id_;
  return Reply::array({Reply::bulk("slave"), Reply::bulk(primary_host_), Reply::integer(primary_port_),
                       Reply::bulk(connected ? "connected" : "connect"),
                       Reply::integer(connected ? static_cast<std::int64_t>(position_) : -1)});
}

/// The number of replicas that have all. It does not wait.
Reply SimRedis::wait(Call&) {
  return Reply::integer(0);
}

}  // namespace terrace::sim
