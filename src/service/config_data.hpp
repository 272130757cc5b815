#pragma once
/// What a Config shares among its copies.

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
  std::set<std::string> known = {};  ///< every key there is, as far as its table was there: "caches.*.ttl"
};

}  // namespace terrace
