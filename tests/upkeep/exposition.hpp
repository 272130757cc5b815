#pragma once
/// What a text in Prometheus' format says, read line by line; and a text that has every metric.

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <terrace/cache.hpp>
#include <terrace/metrics.hpp>
#include <terrace/redis.hpp>
#include <terrace/testing.hpp>

#include "support/redis_server.hpp"

namespace terrace::testing {

struct MetricFamily {
  std::string help;
  std::string type;
  std::set<std::string> labels;  ///< but `le`, which belongs to the format
};

/// Families by their name, and values by name and labels as they are written.
struct Exposition {
  explicit Exposition(const std::string& text) {
    static const std::regex comment(R"(# (HELP|TYPE) (\S+) (.*))");
    static const std::regex sample(R"((\w+)(\{.*\})? (\S+))");
    static const std::regex label(R"re((\w+)="[^"]*")re");
    std::istringstream lines(text);
    std::string family;
    for (std::string line; std::getline(lines, line);) {
      std::smatch found;
      if (std::regex_match(line, found, comment)) {
        family = found[2];
        (found[1] == "HELP" ? families[family].help : families[family].type) = found[3];
      } else if (std::regex_match(line, found, sample)) {
        values[found[1].str() + found[2].str()] = std::stod(found[3]);
        const std::string labels = found[2];
        for (std::sregex_iterator at(labels.begin(), labels.end(), label), end; at != end; ++at) {
          if ((*at)[1] != "le") families[family].labels.insert((*at)[1]);
        }
      } else {
        unknown.push_back(line);
      }
    }
  }

  /// Not a number: there is none.
  [[nodiscard]] double value(const std::string& series) const {
    const auto found = values.find(series);
    return found == values.end() ? std::nan("") : found->second;
  }

  std::map<std::string, MetricFamily> families;
  std::map<std::string, double> values;
  std::vector<std::string> unknown;  ///< lines that are neither
};

/// A cache over Redis and one that writes back, which have every metric between them.
class EveryMetric {
 public:
  EveryMetric() {
    metrics.add(users);
    metrics.add(orders);
    users.set("k", "v").value();
    orders.set("k", "v").value();
  }

  /// The text, once the connections of the tier stand.
  [[nodiscard]] std::string text() {
    const bool stands = eventually([&] {
      const CacheStats stats = users.stats();
      return stats.watching == true && stats.levels[1].reachable == true;
    });
    if (!stands) throw std::runtime_error("Redis is not watched");
    return metrics.text();
  }

  RedisServer server;
  TempDir folder;
  std::shared_ptr<Runtime> runtime = std::make_shared<Runtime>();
  Cache<std::string> users{
      {.name = "users", .ttl_jitter = 0, .scheduler = runtime},
      {make_redis_tier({.url = server.url(), .reconnect_cap = std::chrono::milliseconds(50)}, runtime)}};
  Cache<std::string> orders{back(), {std::make_shared<MapTier>()}};
  Metrics metrics;

 private:
  [[nodiscard]] CacheOptions back() const {
    CacheOptions options{.name = "orders", .write_mode = WriteMode::back, .scheduler = runtime};
    options.write_back.path = folder.file("journal");
    return options;
  }
};

}  // namespace terrace::testing
