#pragma once
/// The data that copies of a Config share.

#include "service/config_draft.hpp"

namespace terrace {

struct Config::Data {
  std::string file;
  std::vector<ConfigFinding> findings = {};
  RuntimeOptions runtime = {};
  std::vector<TierConfig> tiers = {};
  std::vector<std::pair<config::Place, std::optional<assembly::TierUrl>>> stores = {};  ///< of the tiers
  std::vector<CacheConfig> caches = {};
  MonitorOptions monitor = {};
  std::vector<AlertRule> alerts = {};
  SinksConfig sinks = {};
  std::optional<AdminOptions> admin = {};
  std::set<std::string> known = {};  ///< every known key in the tables that exist: "caches.*.ttl"
};

}  // namespace terrace
