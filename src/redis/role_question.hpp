#pragma once
/// RoleQuestion: asks a server whether it is a replica. A primary that is demoted says so to nobody: it goes on
/// to answer reads, and to prove that its pushes are complete. So the connections ask again and again.

#include <functional>
#include <utility>

#include "redis/exchange.hpp"
#include "redis/resp.hpp"

namespace terrace::redis {

/// HELLO without arguments, which every user may send who may log in. `told` is called with true if the server
/// is a replica, and with false if it is not, or does not say.
class RoleQuestion final : public Exchange {
 public:
  explicit RoleQuestion(std::function<void(bool is_replica)> told) : told_(std::move(told)) {
    add_command(payload, {"HELLO"});
  }
  void on_node(std::size_t, const Node& reply) override {
    if (reply.depth != 1) return;
    if (role_follows_) is_replica_ = reply.value == "replica" || reply.value == "slave";
    role_follows_ = reply.value == "role";
  }
  void on_end(const Error* failure) override {
    if (failure == nullptr) told_(is_replica_);
  }

 private:
  const std::function<void(bool)> told_;
  bool role_follows_ = false;
  bool is_replica_ = false;
};

}  // namespace terrace::redis
