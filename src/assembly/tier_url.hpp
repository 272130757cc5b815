#pragma once
/// TierUrl: a tier URL (terrace/tier_url.hpp), read. Nothing is opened or asked.

#include <string>
#include <string_view>
#include <terrace/replicated_tier.hpp>
#include <vector>

namespace terrace::assembly {

enum class Kind { redis, cluster, sqlite, postgres, sharded, replicated };

struct Member;

struct TierUrl {
  Kind kind{};
  std::string target;   ///< what the kind's own options take: a URL, which may hold a password, or a path
  std::string address;  ///< which store it is, for names and messages; holds no secret
  std::vector<Member> members;   ///< sharded, replicated
  ReplicatedOptions settings;    ///< replicated, all but the nodes; sharded: the seed
  Scope scope = Scope::machine;  ///< sqlite
};

struct Member {
  std::string name;
  double weight = 1;
  TierUrl tier;
};

/// Throws ConfigError, which never shows a password.
TierUrl parse_tier_url(std::string_view url);

}  // namespace terrace::assembly
