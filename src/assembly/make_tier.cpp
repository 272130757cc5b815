#include <stdexcept>
#include <terrace/postgres.hpp>
#include <terrace/redis_cluster.hpp>
#include <terrace/sharded_tier.hpp>
#include <terrace/sqlite.hpp>
#include <terrace/tier_url.hpp>

#include "assembly/schemes.hpp"

namespace terrace {
namespace {

using namespace assembly;

class Maker {
 public:
  Maker(std::shared_ptr<Runtime> runtime, const TierUrlDefaults& defaults)
      : runtime_(std::move(runtime)), defaults_(defaults) {}

  [[nodiscard]] std::shared_ptr<Tier> make(TierUrl url) const {
    switch (url.kind) {
      case Kind::redis:
        return make_redis_tier({.url = std::move(url.target), .key_prefix = defaults_.key_prefix}, runtime_);
      case Kind::cluster: {
        ClusterOptions options = parse_cluster_url(url.target);
        options.node.key_prefix = defaults_.key_prefix;
        return make_cluster_tier(std::move(options), runtime_);
      }
      case Kind::sqlite:
        return make_sqlite_tier(
            {.path = defaults_.directory / url.target, .scope = url.scope, .read_only = url.read_only},
            runtime_);
      case Kind::postgres:
        return make_postgres_tier({.url = std::move(url.target)}, runtime_);
      case Kind::sharded:
        return make_sharded_tier(
            {.shards = members<Shard>(std::move(url.members)), .seed = url.settings.seed}, runtime_);
      case Kind::replicated:
        url.settings.nodes = members<ReplicaNode>(std::move(url.members));
        return make_replicated_tier(std::move(url.settings), runtime_);
    }
    return nullptr;
  }

 private:
  template <class T>
  [[nodiscard]] std::vector<T> members(std::vector<Member> urls) const {
    std::vector<T> all;
    for (Member& member : urls) {
      all.push_back({std::move(member.name), make(std::move(member.tier)), member.weight});
    }
    return all;
  }

  const std::shared_ptr<Runtime> runtime_;
  const TierUrlDefaults& defaults_;
};

}  // namespace

std::string tier_address(std::string_view url) {
  return parse_tier_url(url).address;
}

std::shared_ptr<Tier> make_tier(std::string_view url, std::shared_ptr<Runtime> runtime,
                                const TierUrlDefaults& defaults) {
  if (!runtime) throw ConfigError("make_tier: the runtime is null");
  TierUrl parsed = parse_tier_url(url);
  const std::string address = parsed.address;
  try {
    return Maker(std::move(runtime), defaults).make(std::move(parsed));
  } catch (const ConfigError& wrong) {
    refuse(address + ": ", wrong.what());
  } catch (const std::runtime_error& wrong) {  // of the system: no file descriptor, or no thread, is left
    refuse(address + ": ", std::string("the system refuses what the tier needs: ") + wrong.what() +
                               "; raise its limit (ulimit -n, ulimit -u)");
  }
}

}  // namespace terrace
