#pragma once
/// Metrics: the counters of caches as text in the format that Prometheus scrapes.
///
///     terrace::Metrics metrics;
///     metrics.add(users);
///     reply.set("Content-Type", terrace::Metrics::content_type);
///     reply.body() = metrics.text();
///
/// What each metric means: docs/metrics.md. Rules for alerts and a board: ops/.

#include <memory>
#include <string>
#include <string_view>
#include <terrace/cache_handle.hpp>

namespace terrace {

/// Thread safe. Reads of the caches do not wait for it, nor count anything for it that CacheStats does not.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// From now on the cache is in text(), also after it was closed. Throws ConfigError when another cache of
  /// that name is: the label `cache` would not tell them apart.
  void add(CacheHandle cache);
  /// False: there is none of that name.
  bool remove(std::string_view cache);

  /// Every metric of every cache, as they stand now (https://prometheus.io/docs/instrumenting/
  /// exposition_formats/, text format 0.0.4). Empty without caches.
  [[nodiscard]] std::string text() const;
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Caches;
  const std::unique_ptr<Caches> caches_;
};

}  // namespace terrace
