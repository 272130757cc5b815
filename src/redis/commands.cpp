#include "redis/commands.hpp"

#include "redis/server_error.hpp"

namespace terrace::redis {

Error unexpected_reply(std::string_view server) {
  return {Errc::corrupt, "Redis " + std::string(server) + ": a reply of an unexpected type"};
}

void decode(const Node& node, std::string_view server, Result<Found>& outcome) {
  if (node.depth != 0) return;
  if (node.data_type == NodeType::blob_string) {
    outcome = Found(std::in_place, node.value);
  } else if (node.data_type == NodeType::null) {
    outcome = Found();
  } else {
    outcome = is_error(node) ? server_error(node.value, server) : unexpected_reply(server);
  }
}

void decode(const Node& node, std::string_view server, Result<void>& outcome) {
  if (!outcome) return;
  if (is_error(node)) {
    outcome = server_error(node.value, server);
  } else if (node.depth == 0 && node.data_type != NodeType::simple_string &&
             node.data_type != NodeType::array) {
    outcome = unexpected_reply(server);
  }
}

void decode(const Node& node, std::string_view server, Result<bool>& outcome) {
  if (node.depth != 0 || !outcome) return;
  if (node.data_type == NodeType::number) {
    outcome = *outcome || node.value != "0";
  } else {
    outcome = is_error(node) ? server_error(node.value, server) : unexpected_reply(server);
  }
}

}  // namespace terrace::redis
