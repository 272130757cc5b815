#include "redis/greeting.hpp"

#include <charconv>

#include "redis/server_error.hpp"

namespace terrace::redis {
std::string_view info_field(std::string_view text, std::string_view name) {
  const std::string head = "\n" + std::string(name) + ":";
  const auto at = text.find(head);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + head.size());
  return text.substr(0, text.find_first_of("\r\n"));
}

std::optional<StoreClock::SystemTime> told_time(std::string_view text) {
  const auto digits = info_field(text, "server_time_usec");
  std::int64_t microseconds = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), microseconds);
  // A time that no clock has would not fit into a Duration.
  constexpr std::int64_t latest = std::chrono::microseconds(std::chrono::hours(24 * 365 * 200)).count();
  if (digits.empty() || error != std::errc() || microseconds < 0 || microseconds > latest)
    return std::nullopt;
  return StoreClock::SystemTime(std::chrono::microseconds(microseconds));
}

std::size_t Greeting::encode(std::string& out) const {
  if (url_.password) {
    const std::string_view user = url_.user.empty() ? "default" : std::string_view(url_.user);
    add_command(out, {"HELLO", "3", "AUTH", user, *url_.password, "SETNAME", "terrace"});
  } else {
    add_command(out, {"HELLO", "3", "SETNAME", "terrace"});
  }
  if (url_.database != 0) add_command(out, {"SELECT", std::to_string(url_.database)});
  if (reads_replicas_) add_command(out, {"READONLY"});
  return commands();
}

namespace {

bool lacks_resp3(std::string_view reply) {
  const auto says = [reply](std::string_view words) { return reply.find(words) != std::string_view::npos; };
  return says("unknown command") || says("NOPROTO") || says("unsupported");
}

}  // namespace

std::size_t Greeting::encode_questions(std::string& out) const {
  add_command(out, {"INFO", "server"});
  add_command(out, {"INFO", "memory"});
  return 2;
}

std::size_t Greeting::encode_identity(std::string& out) const {
  add_command(out, {"INFO", "server"});
  return 1;
}

void Greeting::take(std::size_t index, const Node& node) {
  if (index == 0 && node.depth == 1) {
    if (role_follows_) is_replica_ = node.value == "replica" || node.value == "slave";
    role_follows_ = node.value == "role";
    if (mode_follows_) is_cluster_ = node.value == "cluster";
    mode_follows_ = node.value == "mode";
  }
  if (index >= commands()) {
    if (is_error(node)) {
      silent_ = server_error(node.value, url_.label());
    } else {
      told_ += node.value;
    }
    return;
  }
  if (!is_error(node) || node.depth != 0 || refused_) return;
  refused_ = server_error(node.value, url_.label());
  if (index == 1 && url_.database != 0) {
    refused_->context += " (the URL selects database " + std::to_string(url_.database) + ")";
  } else if (index == 0 && lacks_resp3(node.value)) {
    refused_->context += "; " + std::string(needs_resp3);
  }
}

ServerFacts Greeting::facts(const std::string& stands_in_for) const {
  ServerFacts facts{.run_id = std::string(info_field(told_, "run_id")),
                    .time = told_time(told_),
                    .label = url_.label(),
                    .stands_in_for = stands_in_for};
  facts.learn_memory(told_);
  if (silent_ && *silent_ == Errc::denied) {
    facts.unfit =
        Error(Errc::denied,
              silent_->context + "; a node of a replicated tier must show INFO: " + "ACL SETUSER … +info");
  } else if (silent_ && facts.unfit) {
    facts.unfit->context += " (" + silent_->context + ")";
  }
  return facts;
}

void ServerFacts::learn_memory(std::string_view info) {
  const auto memory = info_field(info, "maxmemory"), policy = info_field(info, "maxmemory_policy");
  unfit.reset();
  if (run_id.empty() || policy.empty()) {
    unfit = Error(Errc::unavailable, "Redis " + label +
                                         ": INFO does not show run_id and maxmemory_policy; it cannot be a "
                                         "node of a replicated tier");
  } else if (memory != "0" && policy != "noeviction") {
    unfit = Error(Errc::unavailable, "Redis " + label + ": its maxmemory-policy is " + harmless(policy) +
                                         ", so it may evict keys; a node of a replicated tier needs "
                                         "maxmemory-policy noeviction");
  } else if (!stands_in_for.empty()) {
    unfit =
        Error(Errc::unavailable, "Redis " + stands_in_for + " is a replica of " + label +
                                     "; a node of a replicated tier must be a primary (REPLICAOF NO ONE)");
  }
}

}  // namespace terrace::redis
