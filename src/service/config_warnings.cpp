/// Warns of settings that work and are probably not intended: each warning has its reason and its remedy.

#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "service/config_draft.hpp"
#include "service/config_stores.hpp"

namespace terrace::config {
namespace {

using assembly::Kind;

// statfs(2)
constexpr long tmpfs = 0x01021994, ramfs = static_cast<long>(0x858458f6), nfs = 0x6969,
               cifs = static_cast<long>(0xff534d42);

std::vector<const DraftTier*> tiers_of(const Draft& draft, const DraftCache& cache) {
  std::vector<const DraftTier*> tiers;
  for (const DraftTier& tier : draft.tiers) {
    const auto& names = cache.config.tiers;
    if (tier.store && std::find(names.begin(), names.end(), tier.config.name) != names.end())
      tiers.push_back(&tier);
  }
  return tiers;
}

void warn_of_lives(const DraftCache& cache, bool redis, Findings& findings) {
  const CacheOptions& options = cache.config.options;
  if (options.ttl && options.ttl_jitter == 0) {
    findings.warn(
        cache.at("ttl_jitter"),
        "is 0: entries stored together expire together, and are loaded together; 0.1 is the default");
  }
  if (options.ttl && options.memory_ttl && *options.memory_ttl > *options.ttl) {
    findings.warn(cache.at("memory_ttl"),
                  "is above ttl, so it has no effect: memory keeps nothing longer than the tiers below; "
                  "take less than ttl, or leave it out");
  }
  if (options.ttl && options.negative_ttl && *options.negative_ttl > *options.ttl) {
    findings.warn(cache.at("negative_ttl"),
                  "is above ttl: a missing key is remembered longer than any value; take less than ttl");
  }
  if (!options.ttl && redis) {
    findings.warn(cache.at("ttl"),
                  "is not set, so entries stay in Redis until the server evicts them; set for instance "
                  "ttl = \"1h\"");
  }
}

void warn_of_sharing(const DraftCache& cache, const std::vector<const DraftTier*>& tiers,
                     Findings& findings) {
  const CacheOptions& options = cache.config.options;
  const bool redis =
      std::any_of(tiers.begin(), tiers.end(), [](const auto* tier) { return has_redis(*tier->store); });
  if (!tiers.empty() && cache.config.key_ring.empty()) {
    std::string places;
    for (const auto* tier : tiers) places += (places.empty() ? "" : " or ") + tier->store->address;
    findings.warn(cache.at("key_ring"), "is not set: anyone who can write to " + places +
                                            " can forge values of this cache; seal entries with a key ring "
                                            "(docs/sealing.md)");
  }
  if (cache.tiers.size() != tiers.size()) return;  // some of them are unknown
  if (cache.given.contains("max_staleness") && (!redis || options.consistency != Consistency::eventual)) {
    findings.warn(
        cache.at("max_staleness"),
        !redis ? "has no effect: no tier of this cache reports the changes of others; leave it out, or "
                 "add a Redis tier"
               : "has no effect: it is an option of consistency = \"eventual\"; leave it out");
  }
  if (cache.given.contains("lease_time") && !redis) {
    findings.warn(cache.at("lease_time"),
                  "has no effect: no tier of this cache supports leases; leave it out, or add a Redis tier");
  }
  if (options.consistency == Consistency::strong && tiers.empty()) {
    findings.warn(cache.at("consistency"),
                  "is \"strong\" without any tier to ask: memory would never answer; add a tier");
  }
}

/// Beside a level that all processes share, a file on one machine is not notified of the changes of other
/// machines.
void warn_of_scopes(const DraftCache& cache, const std::vector<const DraftTier*>& tiers, Findings& findings) {
  const auto fleet = [](const auto* tier) { return scope_of(*tier->store) == Scope::fleet; };
  if (std::none_of(tiers.begin(), tiers.end(), fleet)) return;
  const CacheOptions& options = cache.config.options;
  for (const DraftTier* tier : tiers) {
    if (fleet(tier)) continue;
    const std::string what = printable_key(tier->config.name) +
                             " is a file of this machine beside a level that all "
                             "processes share, and is not notified of changes there: ";
    const std::string remedy =
        "; if every process of the cache opens this one file, write sqlite:PATH?scope=fleet, "
        "otherwise use postgres:// or leave it out";
    if (options.consistency == Consistency::strong) {
      findings.warn(cache.at("tiers"), what + "with consistency = \"strong\" it is never read" + remedy);
    } else if (options.grace == Duration::zero()) {
      findings.warn(cache.at("tiers"),
                    what + "it holds stale copies, and without grace no stale copy is served" + remedy +
                        ", or set grace");
    } else {
      findings.warn(cache.at("tiers"),
                    what +
                        "it holds stale copies, which are served within grace while that level is "
                        "down, and are never a hit" +
                        remedy);
    }
  }
}

/// The file system of the path, or of its place if it does not exist yet.
long file_system_of(std::filesystem::path path) {
  std::error_code error;
  path = std::filesystem::absolute(path, error);
  struct statfs status {};
  while (!path.empty() && ::statfs(path.c_str(), &status) != 0) {
    if (path == path.parent_path()) return 0;
    path = path.parent_path();
  }
  return static_cast<long>(status.f_type);
}

void warn_of_journal(const DraftCache& cache, Findings& findings) {
  const CacheOptions& options = cache.config.options;
  if (options.write_mode != WriteMode::back || options.write_back.path.empty()) return;
  const Place place = cache.at("write_back.path");
  const long type = file_system_of(options.write_back.path) & 0xffffffffL;
  if (type == tmpfs || type == (ramfs & 0xffffffffL)) {
    findings.warn(
        place,
        "is in memory (tmpfs): acknowledged writes are lost with a restart; give a directory on a disk");
  } else if (type == nfs || type == (cifs & 0xffffffffL)) {
    findings.warn(place, "is on a network file system; give a directory on a local disk");
  }
}

void warn_of_server(const Place& place, const redis::RedisUrl& server, Findings& findings) {
  if (server.transport == redis::Transport::unix_socket || is_loopback(server.host)) return;
  if (server.transport == redis::Transport::tcp) {
    findings.warn(
        place,
        server.label() + " is another machine, and values are sent there unencrypted; use rediss:// (TLS)");
  }
  if (!server.password) {
    findings.warn(place, server.label() +
                             " is another machine, and the URL has no password; set one (requirepass "
                             "or an ACL user), as in redis://app:${REDIS_PASSWORD}@host");
  }
}

/// libpq uses TLS if the server offers it, and continues without if an attacker in between says that it does
/// not.
void warn_of_postgres(const DraftTier& tier, const assembly::TierUrl& store, Findings& findings) {
  const std::string host = host_of("http" + store.address.substr(store.address.find("://")));
  const bool checks = store.target.find("sslmode=verify-") != std::string::npos;
  if (host.empty() || is_loopback(host) || checks) return;
  const bool insists = store.target.find("sslmode=require") != std::string::npos;
  findings.warn(
      tier.url_place,
      store.address + (insists ? " is another machine, and with sslmode=require its certificate is not "
                                 "checked, so anyone in between can pretend to be it; "
                                 "write ?sslmode=verify-full"
                               : " is another machine, and the URL does not require TLS; "
                                 "add ?sslmode=verify-full"));
}

void warn_of_tier(const DraftTier& tier, Findings& findings) {
  if (!tier.store) return;
  for (const Leaf& leaf : leaves_of(*tier.store)) {
    if (leaf.store->kind == Kind::postgres) warn_of_postgres(tier, *leaf.store, findings);
    for (const redis::RedisUrl& server : servers_of(*leaf.store))
      warn_of_server(tier.url_place, server, findings);
  }
}

template <class Names>
bool names(const Names& all, const std::string& name) {
  return std::find(all.begin(), all.end(), name) != all.end();
}

void warn_of_unused(const Draft& draft, Findings& findings) {
  for (const DraftTier& tier : draft.tiers) {
    const bool used = std::any_of(draft.caches.begin(), draft.caches.end(), [&](const DraftCache& cache) {
      return names(cache.config.tiers, tier.config.name);
    });
    if (tier.named && !used)
      findings.warn(tier.place, "no cache uses this tier; name it in tiers, or remove it");
  }
  for (const DraftKeys& keys : draft.keys) {
    const bool used = std::any_of(draft.caches.begin(), draft.caches.end(), [&](const DraftCache& cache) {
      return cache.config.key_ring == keys.name;
    });
    if (!used) findings.warn(keys.place, "no cache uses this key ring; name it in key_ring, or remove it");
  }
  if (draft.caches.empty()) findings.warn({}, "there are no caches; write [caches.NAME]");
}

void warn_of_sinks(const Draft& draft, Findings& findings) {
  if (!draft.alerts.empty() && !draft.log && draft.webhooks.empty()) {
    findings.warn(draft.sinks_place,
                  "alerts are sent nowhere: log is false and there is no webhook; set one of them");
  }
  for (const DraftWebhook& webhook : draft.webhooks) {
    const std::string host = host_of(webhook.config.url);
    if (webhook.config.url.starts_with("http://") && !host.empty() && !is_loopback(host))
      findings.warn(webhook.at("url"), "notifications are sent unencrypted to another machine; use https://");
  }
}

}  // namespace

void warn_of_secrets(const Draft& draft, const std::string& file, Findings& findings) {
  for (const Place& place : draft.secrets) {
    findings.warn(place, "has a secret in plain text, and other users may read this file; run `chmod 600 " +
                             file + "`, or write ${file:PATH} or ${NAME} in place of the secret");
  }
}

void warn_of_draft(const Draft& draft, Findings& findings) {
  for (const DraftTier& tier : draft.tiers) warn_of_tier(tier, findings);
  for (const DraftCache& cache : draft.caches) {
    const auto tiers = tiers_of(draft, cache);
    warn_of_lives(
        cache,
        std::any_of(tiers.begin(), tiers.end(), [](const auto* tier) { return has_redis(*tier->store); }),
        findings);
    warn_of_sharing(cache, tiers, findings);
    if (tiers.size() == cache.tiers.size()) warn_of_scopes(cache, tiers, findings);
    warn_of_journal(cache, findings);
  }
  warn_of_unused(draft, findings);
  warn_of_sinks(draft, findings);
}

}  // namespace terrace::config
