#include "redis/greeting.hpp"

#include "redis/server_error.hpp"

namespace terrace::redis {

std::size_t Greeting::encode(std::string& out) const {
  if (url_.password) {
    const std::string_view user = url_.user.empty() ? "default" : std::string_view(url_.user);
    add_command(out, {"HELLO", "3", "AUTH", user, *url_.password, "SETNAME", "terrace"});
  } else {
    add_command(out, {"HELLO", "3", "SETNAME", "terrace"});
  }
  std::size_t commands = 1;
  if (url_.database != 0) {
    add_command(out, {"SELECT", std::to_string(url_.database)});
    ++commands;
  }
  if (reads_replicas_) {
    add_command(out, {"READONLY"});
    ++commands;
  }
  return commands;
}

void Greeting::take(std::size_t index, const Node& node) {
  if (index == 0 && node.depth == 1) {
    if (role_follows_) is_replica_ = node.value == "replica" || node.value == "slave";
    role_follows_ = node.value == "role";
  }
  if (!is_error(node) || node.depth != 0 || refused_) return;
  refused_ = server_error(node.value, url_.label());
  if (index == 1 && url_.database != 0) {
    refused_->context += " (the URL asks for database " + std::to_string(url_.database) + ")";
  } else if (node.value.find("unknown command") != std::string_view::npos) {
    refused_->context += " (terrace needs Redis 6 or newer, or Valkey)";
  }
}

}  // namespace terrace::redis
