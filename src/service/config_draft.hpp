#pragma once
/// Draft: a configuration as it was read, with the places of what stands in it, before and while it is
/// checked.

#include <map>
#include <optional>

#include "assembly/tier_url.hpp"
#include "service/config_section.hpp"

namespace terrace::config {

/// The keys that the file gives, and where.
using Given = std::map<std::string, Place, std::less<>>;

struct DraftTier {
  TierConfig config;
  Place place;
  Place url_place;
  bool named = true;                            ///< else it is a URL of a cache's list
  std::optional<assembly::TierUrl> store = {};  ///< once its URL was found sound
};

struct DraftKeys {
  std::string name;
  Place place;
  std::string file = {};
  std::string text = {};  ///< secret
  std::shared_ptr<const KeyRing> ring = {};
};

struct DraftCache {
  CacheConfig config;
  Place place;
  std::vector<Section::Item> tiers = {};
  Given given = {};  ///< "ttl", "write_back.path"; those of [defaults] included

  /// Of the key where it is given, else of the cache, with the key's path.
  [[nodiscard]] Place at(std::string_view key) const {
    const auto found = given.find(key);
    return found != given.end() ? found->second
                                : Place{place.path + "." + std::string(key), place.line, place.column};
  }
};

struct DraftAlert {
  AlertRule config;
  Given given = {};
  Place place;
};

struct DraftWebhook {
  WebhookOptions config = {};
  Given given = {};
  Place place = {};

  /// Of the key where it is given, else of its URL.
  [[nodiscard]] Place at(const std::string& key) const {
    for (const std::string& one : {key, std::string("url")}) {
      if (const auto found = given.find(one); found != given.end()) return found->second;
    }
    return {place.path + ".url", place.line, place.column};
  }
};

struct Draft {
  RuntimeOptions runtime = {};
  Place runtime_place = {};
  std::vector<DraftTier> tiers = {};
  std::vector<DraftKeys> keys = {};
  std::vector<DraftCache> caches = {};
  MonitorOptions monitor = {};
  Given monitor_given = {};
  std::vector<DraftAlert> alerts = {};
  bool log = true;
  Place sinks_place = {};
  std::vector<DraftWebhook> webhooks = {};
  std::optional<AdminOptions> admin = {};
  Given admin_given = {};
};

/// Reads what the tables say. Findings: unknown keys, wrong types, texts that stand for nothing.
[[nodiscard]] Draft read_draft(const toml::table& root, Reading& reading);

/// Checks that it can be built, and completes it: the stores of tiers, the tiers and keys of caches.
/// Findings: mistakes.
void check_draft(Draft& draft, Findings& findings);

/// The parts of it that watch and serve.
void check_monitoring(const Draft& draft, Findings& findings);
void check_admin(const Draft& draft, Findings& findings);

/// What works and is probably not meant. Findings: warnings.
void warn_of_draft(const Draft& draft, Findings& findings);

}  // namespace terrace::config
