#pragma once
/// make_tier: any tier, or a tree of tiers, from one line of text: for configuration, command lines and other
/// languages. The page docs/tier-urls.md has examples.
///
///     auto tier = terrace::make_tier("replicated:redis://a,redis://b,redis://c?consistency=strong");
///
/// What a text may be, and the header that tells more:
///
///     tier      = redis://… | rediss://… | unix://… | redis+unix://…         redis.hpp
///               | redis-cluster://… | rediss-cluster://…                     redis_cluster.hpp
///               | sqlite:PATH                                                sqlite.hpp
///               | postgres://… | postgresql://…                              postgres.hpp
///               | sharded:LIST[?seed=N]                                      sharded_tier.hpp
///               | replicated:LIST[?KEY=VALUE&…]                              replicated_tier.hpp
///               | [tier]
///     LIST      = member,member,…
///     member    = [NAME][*WEIGHT]=tier | tier
///
/// The keys after replicated: are consistency (weak, eventual, strong), copies, read_quorum, write_quorum,
/// may_forget, repair_time (a number and s, m, h or d), max_hints and seed.
///
///  - A comma begins the next member only where a scheme, a bracket or a NAME= follows: the seeds of a
///    cluster keep their commas. A list inside a list stands in brackets.
///  - A query after the last member is the list's when the list knows all its keys, else the member's.
///    Brackets around the member make it the member's.
///  - A member without a NAME is called what it addresses: its URL with the port, without user, password and
///    query. Its name places it on the hash ring.
///  - In user and password write %40 for @, %2F for /, %3F for ?, %23 for #, %2C for a comma, %5B and %5D for
///    brackets, %25 for %. In PATH % begins such a code as well.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <terrace/runtime.hpp>
#include <terrace/tier.hpp>

namespace terrace {

/// What URLs do not say.
struct TierUrlDefaults {
  /// RedisOptions::key_prefix of every Redis server and cluster in it. The other tiers have none.
  std::string key_prefix = {};
  /// Where relative paths of files begin; empty: the directory that the program runs in.
  std::filesystem::path directory = {};
};

/// The tier that the URL describes. Throws ConfigError for a URL that cannot be right, and what the factories
/// of the tiers throw: it names the part at fault and the remedy, and never shows a password. Servers that
/// are away are no error. Thread safe.
std::shared_ptr<Tier> make_tier(std::string_view url, std::shared_ptr<Runtime> runtime = Runtime::common(),
                                const TierUrlDefaults& defaults = {});

}  // namespace terrace
