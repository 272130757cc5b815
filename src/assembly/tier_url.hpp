#pragma once
/// TierUrl: a parsed tier URL (terrace/tier_url.hpp). Nothing is opened or asked.

#include <string>
#include <string_view>
#include <terrace/replicated_tier.hpp>
#include <vector>

namespace terrace::assembly {

enum class Kind { redis, cluster, sqlite, postgres, sharded, replicated };

struct Member;

struct TierUrl {
  Kind kind{};
  std::string target;   ///< the value for the kind's own options: a URL, which may contain a password, or a
                        ///< path
  std::string address;  ///< identifies the store, for names and messages; contains no secret
  std::vector<Member> members;   ///< sharded, replicated
  ReplicatedOptions settings;    ///< replicated: everything except the nodes; sharded: the seed
  Scope scope = Scope::machine;  ///< sqlite
  bool read_only = false;        ///< sqlite
};

struct Member {
  std::string name;
  double weight = 1;
  TierUrl tier;
};

/// Throws ConfigError, which never shows a password.
TierUrl parse_tier_url(std::string_view url);

}  // namespace terrace::assembly
