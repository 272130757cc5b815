#pragma once
/// Draft: a configuration as it was read, with the positions of its parts, before and while it is checked.

#include <map>
#include <optional>

#include "assembly/tier_url.hpp"
#include "service/config_section.hpp"

namespace terrace::config {

/// The keys in the file, and their positions.
using Given = std::map<std::string, Place, std::less<>>;

struct DraftTier {
  TierConfig config;
  Place place;
  Place url_place;
  bool named = true;                            ///< otherwise it is a URL in the list of a cache
  std::optional<assembly::TierUrl> store = {};  ///< set once its URL was found valid
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

  /// The position of the key if it is given, otherwise of the cache, with the key's path.
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

  /// The position of the key if it is given, otherwise of its URL.
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
  std::vector<Place> secrets = {};  ///< passwords, tokens and encryption keys that are in the file itself
};

/// Reads the tables. Findings: unknown keys, wrong types, unresolved substitutions.
[[nodiscard]] Draft read_draft(const toml::table& root, Reading& reading);

/// Checks that it can be built, and completes it: the stores of tiers, the tiers and key rings of caches.
/// Findings: mistakes.
void check_draft(Draft& draft, Findings& findings);

/// Checks the parts for monitoring and the admin server.
void check_monitoring(const Draft& draft, Findings& findings);
void check_admin(const Draft& draft, Findings& findings);

/// Warns of secrets in the file. For a file that other users may read.
void warn_of_secrets(const Draft& draft, const std::string& file, Findings& findings);

/// Finds settings that work and are probably not intended. Findings: warnings.
void warn_of_draft(const Draft& draft, Findings& findings);

}  // namespace terrace::config
