#include "redis/commands.hpp"

#include "redis/server_error.hpp"

namespace terrace::redis {
namespace {

Error unexpected(std::string_view server) {
  return {Errc::corrupt, "Redis " + std::string(server) + ": a reply of an unexpected type"};
}

}  // namespace

void decode(const Node& node, std::string_view server, Result<Found>& outcome) {
  if (node.depth != 0) return;
  if (node.data_type == NodeType::blob_string) {
    outcome = Found(std::in_place, node.value);
  } else if (node.data_type == NodeType::null) {
    outcome = Found();
  } else {
    outcome = is_error(node) ? server_error(node.value, server) : unexpected(server);
  }
}

void decode(const Node& node, std::string_view server, Result<void>& outcome) {
  if (node.depth != 0) return;
  if (node.data_type == NodeType::simple_string) {
    outcome = Result<void>();
  } else {
    outcome = is_error(node) ? server_error(node.value, server) : unexpected(server);
  }
}

void decode(const Node& node, std::string_view server, Result<bool>& outcome) {
  if (node.depth != 0) return;
  if (node.data_type == NodeType::number) {
    outcome = node.value != "0";
  } else {
    outcome = is_error(node) ? server_error(node.value, server) : unexpected(server);
  }
}

}  // namespace terrace::redis
