#pragma once
/// make_tier: makes any tier, or a tree of tiers, from one line of text. For configuration, command lines and
/// other languages. docs/tier-urls.md has examples.
///
///     auto tier = terrace::make_tier("replicated:redis://a,redis://b,redis://c?consistency=strong");
///
/// The forms of the text, and the header with the details:
///
///     tier      = redis://… | rediss://… | unix://… | redis+unix://…         redis.hpp
///               | redis-cluster://… | rediss-cluster://…                     redis_cluster.hpp
///               | sqlite:PATH[?scope=SCOPE][&mode=ro]                        sqlite.hpp
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
///  - A comma begins the next member only if a scheme, a bracket or NAME= follows: the seeds of a cluster
///    keep their commas. A list inside a list must be in brackets.
///  - A query after the last member belongs to the list if the list knows all its keys; otherwise to the
///    member. Brackets around the member make it belong to the member.
///  - A member without a NAME is named after the store it addresses: its URL with the port, without user,
///    password and query. The name places it on the hash ring.
///  - In user and password write %40 for @, %2F for /, %3F for ?, %23 for #, %2C for a comma, %5B and %5D for
///    brackets, %25 for %. In PATH, too, % begins such a code.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <terrace/runtime.hpp>
#include <terrace/tier.hpp>

namespace terrace {

/// Settings that a URL does not contain.
struct TierUrlDefaults {
  /// RedisOptions::key_prefix of every Redis server and cluster in it. The other tiers have no prefix.
  std::string key_prefix = {};
  /// The base of relative file paths; empty: the working directory of the program.
  std::filesystem::path directory = {};
};

/// Returns the tier that the URL describes. Throws ConfigError for a URL that cannot be right, and the errors
/// of the tiers' factories: the message names the wrong part and how to fix it, and never shows a password. A
/// server that is down is no error. Thread safe.
std::shared_ptr<Tier> make_tier(std::string_view url, std::shared_ptr<Runtime> runtime = Runtime::common(),
                                const TierUrlDefaults& defaults = {});

/// The store that the URL addresses, for messages and logs: the URL without user, password and query. Throws
/// ConfigError as make_tier does. Thread safe.
[[nodiscard]] std::string tier_address(std::string_view url);

}  // namespace terrace
