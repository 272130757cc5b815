/// The entry points of a cluster: seeds and redis-cluster:// URLs.

#include "redis/cluster.hpp"
#include "redis/redis_url.hpp"

namespace terrace {
namespace redis {
namespace {

RedisUrl parse_seed(const std::string& seed) {
  try {
    return parse_redis_url(seed.find("://") == std::string::npos ? "redis://" + seed : seed);
  } catch (const ConfigError& wrong) {
    throw ConfigError(std::string("ClusterOptions::seeds: ") + wrong.what());
  }
}

}  // namespace

ClusterEntry parse_seeds(const std::vector<std::string>& seeds) {
  const auto refuse = [](const std::string& why) { throw ConfigError("ClusterOptions::seeds: " + why); };
  if (seeds.empty()) refuse("there are none; give one or more nodes of the cluster, as in redis://host:port");
  ClusterEntry entry;
  bool scheme_known = false;
  for (const std::string& seed : seeds) {
    const RedisUrl url = parse_seed(seed);
    if (url.transport == Transport::unix_socket)
      refuse("a cluster is reached over TCP; write redis://host:port");
    if (url.database != 0) {
      refuse("database " + std::to_string(url.database) + " is requested; a cluster has database 0 only");
    }
    if (seed.find("://") != std::string::npos) {
      if (scheme_known && url.transport != entry.transport)
        refuse("redis:// and rediss:// are mixed; use one of them");
      scheme_known = true;
      entry.transport = url.transport;
    }
    if (url.password) {
      if (entry.password && (entry.password != url.password || entry.user != url.user)) {
        refuse("they have different users or passwords; give the same for all nodes");
      }
      entry.password = url.password;
      entry.user = url.user;
    }
    entry.allowed_hosts.insert(entry.allowed_hosts.end(), url.allowed_hosts.begin(), url.allowed_hosts.end());
    entry.seeds.push_back({url.host, static_cast<std::uint16_t>(std::stoul(url.port))});
  }
  return entry;
}

}  // namespace redis

ClusterOptions parse_cluster_url(std::string_view url) {
  const auto refuse = [](const std::string& why) { throw ConfigError("Redis Cluster URL: " + why); };
  ClusterOptions options;
  std::string scheme;
  if (url.starts_with("redis-cluster://")) {
    scheme = "redis://";
  } else if (url.starts_with("rediss-cluster://")) {
    scheme = "rediss://";
  } else {
    refuse("it does not begin with redis-cluster:// or rediss-cluster://");
  }
  url.remove_prefix(url.find("://") + 3);
  std::string login;
  if (const auto at = url.rfind('@'); at != std::string_view::npos) {
    login = url.substr(0, at + 1);
    url.remove_prefix(at + 1);
  }
  constexpr std::string_view hosts = "?allowed_hosts=";
  if (const auto query = url.find('?'); query != std::string_view::npos) {
    const auto rest = url.substr(query);
    if (!rest.starts_with(hosts) || rest.find('&') != std::string_view::npos) {
      refuse("the only query is ?allowed_hosts=HOST,HOST…");
    }
    options.node.allowed_hosts = redis::parse_allowed_hosts(rest.substr(hosts.size()));
    url = url.substr(0, query);
  }
  if (url.ends_with('/')) url.remove_suffix(1);
  while (true) {
    const auto comma = std::min(url.find(','), url.size());
    if (comma == 0) refuse("a seed is empty; write redis-cluster://host:port,host:port");
    options.seeds.push_back(scheme + login + std::string(url.substr(0, comma)));
    if (comma == url.size()) break;
    url.remove_prefix(comma + 1);
  }
  static_cast<void>(redis::parse_seeds(options.seeds));
  return options;
}

}  // namespace terrace
