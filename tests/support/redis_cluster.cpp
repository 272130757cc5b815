#include "support/redis_cluster.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace terrace::testing {
namespace {

/// The bus between the nodes takes the port 10000 above.
constexpr int highest_port = 65535 - 10000;
constexpr int slots = 16384;

std::unique_ptr<RedisServer> start_node(const RedisClusterOptions& options) {
  RedisServerOptions node{.password = options.password, .tls = options.tls};
  node.arguments = {"--cluster-enabled",          "yes",
                    "--cluster-node-timeout",     std::to_string(options.node_timeout_ms),
                    "--repl-diskless-sync-delay", "0"};
  if (options.tls) {
    node.arguments.insert(node.arguments.end(), {"--tls-cluster", "yes", "--tls-replication", "yes"});
  }
  if (!options.password.empty()) {
    node.arguments.insert(node.arguments.end(), {"--masterauth", options.password});
  }
  for (int attempt = 0;; ++attempt) {
    do node.port = free_port();
    while (node.port > highest_port);
    try {
      return std::make_unique<RedisServer>(node);
    } catch (const std::runtime_error&) {
      if (attempt == 4) throw;  // the port of the bus may be taken
    }
  }
}

}  // namespace

RedisCluster::RedisCluster(RedisClusterOptions options) {
  const std::size_t count = options.primaries * (1 + options.replicas);
  for (std::size_t i = 0; i < count; ++i) {
    nodes_.push_back(start_node(options));
    ids_.push_back(cli(i, {"CLUSTER", "MYID"}));
    cli(i, {"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
  }
  running_.assign(count, true);
  for (std::size_t i = 0; i < options.primaries; ++i) {
    std::vector<std::string> add{"CLUSTER", "ADDSLOTS"};
    const auto first = slots * i / options.primaries, end = slots * (i + 1) / options.primaries;
    for (auto slot = first; slot < end; ++slot) add.push_back(std::to_string(slot));
    cli(i, add);
  }
  join();
  for (std::size_t i = options.primaries; i < count; ++i) {
    cli(i, {"CLUSTER", "REPLICATE", ids_[i % options.primaries]});
  }
  if (!eventually([this] { return healthy(); }, std::chrono::seconds(30))) {
    throw std::runtime_error("the cluster does not come up: " + cli(0, {"CLUSTER", "NODES"}));
  }
}

void RedisCluster::join() const {
  for (std::size_t i = 1; i < size(); ++i) {
    cli(0, {"CLUSTER", "MEET", "127.0.0.1", std::to_string(nodes_[i]->port())});
  }
  const std::string all = "cluster_known_nodes:" + std::to_string(size());
  for (std::size_t i = 0; i < size(); ++i) {
    if (!eventually([&] { return says(i, {"CLUSTER", "INFO"}, all); }, std::chrono::seconds(30))) {
      throw std::runtime_error("the nodes do not meet: " + cli(i, {"CLUSTER", "NODES"}));
    }
  }
}

std::string RedisCluster::url() const {
  std::string text = nodes_[0]->url();
  text.insert(text.find("://"), "-cluster");
  for (std::size_t i = 1; i < size(); ++i) text += ",127.0.0.1:" + std::to_string(nodes_[i]->port());
  return text;
}

bool RedisCluster::says(std::size_t i, const std::vector<std::string>& question,
                        const std::string& part) const {
  try {
    return cli(i, question).find(part) != std::string::npos;
  } catch (const std::runtime_error&) {
    return false;
  }
}

bool RedisCluster::healthy() const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (!running_[i]) continue;
    if (!says(i, {"CLUSTER", "INFO"}, "cluster_state:ok")) return false;
    const std::string role = cli(i, {"INFO", "replication"});
    if (role.find("role:slave") != std::string::npos &&
        role.find("master_link_status:up") == std::string::npos) {
      return false;
    }
  }
  return true;
}

void RedisCluster::kill9(std::size_t i) {
  running_[i] = false;
  nodes_[i]->kill9();
}

void RedisCluster::restart(std::size_t i) {
  nodes_[i]->start();
  running_[i] = true;
}

std::vector<std::size_t> RedisCluster::primaries() const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < size(); ++i) {
    if (running_[i] && says(i, {"ROLE"}, "master")) found.push_back(i);
  }
  return found;
}

void RedisCluster::on_primaries(const std::vector<std::string>& arguments) const {
  for (const auto i : primaries()) cli(i, arguments);
}

int RedisCluster::slot_of(const std::string& key) const {
  const auto any =
      static_cast<std::size_t>(std::find(running_.begin(), running_.end(), true) - running_.begin());
  return std::stoi(cli(any, {"CLUSTER", "KEYSLOT", key}));
}

std::size_t RedisCluster::owner(int slot) const {
  std::size_t found = size();
  eventually(
      [&] {
        for (const std::size_t i : primaries()) {
          // "ID ADDRESS myself,master - 0 0 1 connected 0-5460 5462 [93->-ID]"
          std::istringstream lines(cli(i, {"CLUSTER", "NODES"}));
          for (std::string line; std::getline(lines, line);) {
            if (line.find("myself") == std::string::npos) continue;
            std::istringstream words(line);
            std::string word;
            for (int skipped = 0; skipped < 8; ++skipped) words >> word;
            while (words >> word) {
              if (word[0] == '[') continue;
              const auto dash = word.find('-');
              const int first = std::stoi(word),
                        last = dash == std::string::npos ? first : std::stoi(word.substr(dash + 1));
              if (first <= slot && slot <= last) found = i;
            }
          }
        }
        return found < size();
      },
      std::chrono::seconds(30));
  if (found == size()) throw std::runtime_error("nobody serves slot " + std::to_string(slot));
  return found;
}

std::size_t RedisCluster::replica_of(std::size_t primary) const {
  std::size_t found = size();
  eventually([&] {
    for (std::size_t i = 0; i < size(); ++i) {
      if (i != primary && running_[i] &&
          says(i, {"INFO", "replication"}, "master_port:" + std::to_string(nodes_[primary]->port())) &&
          says(i, {"INFO", "replication"}, "master_link_status:up")) {
        found = i;
      }
    }
    return found < size();
  });
  if (found == size()) throw std::runtime_error("no replica of node " + std::to_string(primary));
  return found;
}

void RedisCluster::begin_move(int slot, std::size_t from, std::size_t to) const {
  cli(to, {"CLUSTER", "SETSLOT", std::to_string(slot), "IMPORTING", ids_[from]});
  cli(from, {"CLUSTER", "SETSLOT", std::to_string(slot), "MIGRATING", ids_[to]});
}

void RedisCluster::move_keys(int slot, std::size_t from, std::size_t to) const {
  while (true) {
    std::istringstream keys(cli(from, {"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), "100"}));
    std::vector<std::string> migrate{"MIGRATE", "127.0.0.1", std::to_string(nodes_[to]->port()), "", "0",
                                     "5000",    "KEYS"};
    const auto without_keys = migrate.size();
    for (std::string key; std::getline(keys, key);) {
      if (!key.empty()) migrate.push_back(key);
    }
    if (migrate.size() == without_keys) return;
    cli(from, migrate);
  }
}

void RedisCluster::end_move(int slot, std::size_t from, std::size_t to) const {
  for (const auto i : {to, from}) cli(i, {"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", ids_[to]});
}

void RedisCluster::move(int slot, std::size_t from, std::size_t to) const {
  begin_move(slot, from, to);
  move_keys(slot, from, to);
  end_move(slot, from, to);
}

void RedisCluster::fail_over_to(std::size_t replica) const {
  const bool done = eventually(
      [&] {
        if (says(replica, {"ROLE"}, "master")) return true;
        try {
          cli(replica, {"CLUSTER", "FAILOVER"});
        } catch (const std::runtime_error&) {
        }
        return eventually([&] { return says(replica, {"ROLE"}, "master"); }, std::chrono::seconds(6));
      },
      std::chrono::seconds(30));
  if (!done) throw std::runtime_error("no failover to node " + std::to_string(replica));
}

}  // namespace terrace::testing
