#include "service/config_stores.hpp"

#include <algorithm>
#include <filesystem>
#include <terrace/redis_cluster.hpp>

#include "database/postgres_target.hpp"
#include "distribution/quorum.hpp"
#include "redis/backend_tier.hpp"

namespace terrace::config {
namespace {

using assembly::Kind;
using assembly::TierUrl;

void check_nodes(const TierUrl& store) {
  const auto nodes = static_cast<unsigned>(store.members.size());
  const ReplicatedOptions& settings = store.settings;
  if (settings.copies > nodes) {
    throw ConfigError("copies is " + std::to_string(settings.copies) + ", but there are only " +
                      std::to_string(nodes) + " nodes");
  }
  const unsigned copies = settings.copies == 0 ? std::min(3U, nodes) : settings.copies;
  static_cast<void>(distribution::make_quorum(settings.consistency, copies, settings.read_quorum,
                                              settings.write_quorum, settings.may_forget));
}

void check_file(const TierUrl& store) {
  std::error_code error;
  const auto folder = std::filesystem::path(store.target).parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, error)) {
    throw ConfigError(store.address + ": the directory " + folder.string() +
                      " for the file does not exist; create it");
  }
}

void check_tree(const TierUrl& store) {
  if (store.kind == Kind::replicated) check_nodes(store);
  if (store.kind == Kind::sqlite) check_file(store);
  if (store.kind == Kind::postgres) static_cast<void>(postgres::Target({.url = store.target}));
  for (const auto& member : store.members) check_tree(member.tier);
}

void add_leaves(const TierUrl& store, bool is_node, std::vector<Leaf>& leaves) {
  if (store.members.empty()) leaves.push_back({&store, is_node});
  for (const auto& member : store.members) add_leaves(member.tier, store.kind == Kind::replicated, leaves);
}

}  // namespace

TierUrl sound_store(const TierConfig& tier) {
  TierUrl store = assembly::parse_tier_url(tier.url);
  check_tree(store);
  if (has_redis(store)) redis::check_options({.key_prefix = tier.key_prefix});
  return store;
}

std::vector<Leaf> leaves_of(const TierUrl& store) {
  std::vector<Leaf> leaves;
  add_leaves(store, false, leaves);
  return leaves;
}

std::vector<redis::RedisUrl> servers_of(const TierUrl& leaf) {
  if (leaf.kind == Kind::redis) return {redis::parse_redis_url(leaf.target)};
  std::vector<redis::RedisUrl> servers;
  if (leaf.kind != Kind::cluster) return servers;
  for (const std::string& seed : parse_cluster_url(leaf.target).seeds)
    servers.push_back(redis::parse_redis_url(seed));
  return servers;
}

bool has_redis(const TierUrl& store) {
  const auto leaves = leaves_of(store);
  return std::any_of(leaves.begin(), leaves.end(), [](const Leaf& leaf) {
    return leaf.store->kind == Kind::redis || leaf.store->kind == Kind::cluster;
  });
}

Scope scope_of(const TierUrl& store) {
  Scope narrowest = Scope::fleet;
  for (const Leaf& leaf : leaves_of(store)) {
    if (leaf.store->kind == Kind::sqlite) narrowest = std::min(narrowest, leaf.store->scope);
  }
  return narrowest;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host == "0:0:0:0:0:0:0:1" || host.starts_with("127.");
}

std::string host_of(std::string_view url) {
  const auto scheme = url.starts_with("http://") ? 7U : url.starts_with("https://") ? 8U : 0U;
  if (scheme == 0) return {};
  url.remove_prefix(scheme);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto at = url.rfind('@'); at != url.npos) url.remove_prefix(at + 1);
  if (url.starts_with('[')) return std::string(url.substr(1, url.find(']') - 1));
  return std::string(url.substr(0, url.find(':')));
}

}  // namespace terrace::config
