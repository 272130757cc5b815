#pragma once
/// Metrics: the counters of caches as text in the format that Prometheus scrapes.
///
///     terrace::Metrics metrics;
///     metrics.add(users);
///     reply.set("Content-Type", terrace::Metrics::content_type);
///     reply.body() = metrics.text();
///
/// The meaning of each metric: docs/metrics.md. Alert rules and a dashboard: ops/.

#include <memory>
#include <string>
#include <string_view>
#include <terrace/cache_handle.hpp>

namespace terrace {

/// Thread safe. Reads of the caches do not wait for it, and it adds no counting to that of CacheStats.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// From now on text() contains the cache, also after the cache was closed. Throws ConfigError if another
  /// cache with that name is there: the label `cache` could not distinguish them.
  void add(CacheHandle cache);
  /// Returns false if no cache has that name.
  bool remove(std::string_view cache);

  /// The present value of every metric of every cache (https://prometheus.io/docs/instrumenting/
  /// exposition_formats/, text format 0.0.4). Empty if there are no caches.
  [[nodiscard]] std::string text() const;
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Caches;
  const std::unique_ptr<Caches> caches_;
};

}  // namespace terrace
