#pragma once
/// RedisCluster: a Redis (or Valkey) Cluster of its own for a test: nodes on free loopback ports, gone at the
/// end.

#include <memory>
#include <string>
#include <vector>

#include "support/redis_server.hpp"

namespace terrace::testing {

struct RedisClusterOptions {
  std::size_t primaries = 3;
  std::size_t replicas = 1;  ///< of each primary
  int node_timeout_ms = 1000;
  std::string password = {};
  bool tls = false;
};

/// Node i < primaries begins as the i-th primary; its replicas follow all primaries.
class RedisCluster {
 public:
  explicit RedisCluster(RedisClusterOptions options = {});

  /// The URL of one node, and that of the cluster.
  [[nodiscard]] std::string seed(std::size_t i = 0) const { return nodes_[i]->url(); }
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  [[nodiscard]] RedisServer& node(std::size_t i) { return *nodes_[i]; }

  std::string cli(std::size_t i, const std::vector<std::string>& arguments) const {
    return nodes_[i]->cli(arguments);
  }
  /// On every node that runs and is a primary.
  void on_primaries(const std::vector<std::string>& arguments) const;

  void kill9(std::size_t i);
  void restart(std::size_t i);  ///< it comes back as what the others make of it
  [[nodiscard]] bool running(std::size_t i) const { return running_[i]; }

  /// Which running node serves the slot; waits for one.
  [[nodiscard]] std::size_t owner(int slot) const;
  [[nodiscard]] std::vector<std::size_t> primaries() const;
  /// A replica of that primary that is up to date; waits for one.
  [[nodiscard]] std::size_t replica_of(std::size_t primary) const;
  [[nodiscard]] int slot_of(const std::string& key) const;

  // Moving a slot in steps: begin, keys (as often as it takes), end; or at once.
  void begin_move(int slot, std::size_t from, std::size_t to) const;
  void move_keys(int slot, std::size_t from, std::size_t to) const;
  void end_move(int slot, std::size_t from, std::size_t to) const;
  void move(int slot, std::size_t from, std::size_t to) const;
  /// One node believes that the slot belongs to that owner.
  void assign(std::size_t on, int slot, std::size_t owner) const {
    cli(on, {"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", ids_[owner]});
  }

  /// The replica takes over while its primary lives (CLUSTER FAILOVER); returns when it has.
  void fail_over_to(std::size_t replica) const;
  /// All nodes that run find the cluster whole, and every replica has its primary.
  [[nodiscard]] bool healthy() const;

 private:
  [[nodiscard]] bool says(std::size_t i, const std::vector<std::string>& question,
                          const std::string& part) const;
  void join() const;

  std::vector<std::unique_ptr<RedisServer>> nodes_;
  std::vector<std::string> ids_;
  std::vector<bool> running_;
};

}  // namespace terrace::testing
