#include <prometheus/text_serializer.h>

#include <algorithm>
#include <mutex>
#include <terrace/metrics.hpp>
#include <vector>

#include "upkeep/families.hpp"

namespace terrace {

struct Metrics::Caches {
  [[nodiscard]] auto find(std::string_view name) {
    return std::find_if(handles.begin(), handles.end(),
                        [&](const CacheHandle& handle) { return handle.name() == name; });
  }
  [[nodiscard]] std::vector<CacheHandle> copy() {
    std::lock_guard lock(mutex);
    return handles;
  }

  std::mutex mutex;
  std::vector<CacheHandle> handles;
};

Metrics::Metrics() : caches_(std::make_unique<Caches>()) {}
Metrics::~Metrics() = default;

void Metrics::add(CacheHandle cache) {
  std::lock_guard lock(caches_->mutex);
  if (caches_->find(cache.name()) != caches_->handles.end()) {
    throw ConfigError("metrics: two caches have the name \"" + std::string(cache.name()) +
                      "\"; give each its own (CacheOptions::name)");
  }
  caches_->handles.push_back(std::move(cache));
}

bool Metrics::remove(std::string_view cache) {
  std::lock_guard lock(caches_->mutex);
  const auto found = caches_->find(cache);
  if (found == caches_->handles.end()) return false;
  caches_->handles.erase(found);
  return true;
}

std::string Metrics::text() const {
  const auto handles = caches_->copy();
  std::vector<upkeep::NamedStats> stats;
  stats.reserve(handles.size());
  for (const CacheHandle& handle : handles) stats.push_back({handle.name(), handle.stats()});
  return prometheus::TextSerializer().Serialize(upkeep::families(stats));
}

}  // namespace terrace
