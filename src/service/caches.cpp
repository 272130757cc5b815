#include <algorithm>
#include <boost/core/demangle.hpp>
#include <map>
#include <mutex>
#include <terrace/bytes.hpp>
#include <terrace/caches.hpp>
#include <terrace/document.hpp>
#include <terrace/tier_url.hpp>
#include <utility>

#include "base/fork.hpp"
#include "base/nearest.hpp"

namespace terrace {

class Caches::Impl {
 public:
  Impl(const Config& config, CachesOptions options) : config_(config), options_(options) {
    config.require_valid();
    runtime_ = std::make_shared<Runtime>(config.runtime());
    for (const TierConfig& tier : config.tiers()) {
      if (is_used(tier)) tiers_[tier.name] = open(tier);
    }
    monitor_ = std::make_shared<Monitor>(config.monitor());
    if (!options_.alerts) return;
    if (config.sinks().log) monitor_->add_sink(log_notices(), "log");
    for (const WebhookOptions& webhook : config.sinks().webhooks) monitor_->add_webhook(webhook);
    for (const AlertRule& rule : config.alerts()) {
      if (!rule.cache) monitor_->add_rule(rule);
    }
  }

  void* made(std::string_view name, const std::type_info& type, Make make) {
    const std::lock_guard lock(mutex_);
    return slot(of_name(name), type, make).built.cache.get();
  }

  std::vector<CacheHandle> handles(Make make_documents) {
    const std::lock_guard lock(mutex_);
    std::vector<CacheHandle> all;
    for (const CacheConfig& cache : config_.caches()) {
      const auto known = slots_.find(cache.options.name);
      all.push_back(known != slots_.end() ? known->second.built.handle
                                          : slot(cache, typeid(Document), make_documents).built.handle);
    }
    return all;
  }

  void close() {
    if (!home_.here()) return;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(closed_, true)) return;
    }
    // Runs without the lock, because calls that end here may ask for caches. No cache is made any more.
    monitor_->close();
    for (auto& [name, slot] : slots_) slot.built.close(slot.built.cache.get());
    for (auto& [name, tier] : tiers_) tier->close();
  }

  [[nodiscard]] const std::shared_ptr<Monitor>& monitor() const noexcept { return monitor_; }
  [[nodiscard]] const std::shared_ptr<Metrics>& metrics() const noexcept { return metrics_; }
  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] const std::shared_ptr<Runtime>& runtime() const noexcept { return runtime_; }

 private:
  struct Slot {
    const std::type_info* type;
    Built built;
  };

  [[nodiscard]] bool is_used(const TierConfig& tier) const {
    return std::any_of(config_.caches().begin(), config_.caches().end(), [&](const CacheConfig& cache) {
      return std::find(cache.tiers.begin(), cache.tiers.end(), tier.name) != cache.tiers.end();
    });
  }

  [[nodiscard]] std::shared_ptr<Tier> open(const TierConfig& tier) const {
    try {
      return make_tier(tier.url, runtime_, {.key_prefix = tier.key_prefix});
    } catch (const ConfigError& error) {
      throw ConfigError(to_string({.line = tier.line, .where = "tiers." + tier.name, .what = error.what()},
                                  config_.file()));
    }
  }

  [[nodiscard]] const CacheConfig& of_name(std::string_view name) const {
    for (const CacheConfig& cache : config_.caches()) {
      if (cache.options.name == name) return cache;
    }
    throw ConfigError(config_.file() + " describes no cache " + printable_key(name) +
                      did_you_mean(name, config_.cache_names()) + "; add [caches.NAME]");
  }

  Slot& slot(const CacheConfig& cache, const std::type_info& type, Make make) {
    const std::string& name = cache.options.name;
    if (const auto known = slots_.find(name); known != slots_.end()) {
      if (*known->second.type == type) return known->second;
      throw ConfigError(
          "cache \"" + name + "\" holds " + boost::core::demangle(known->second.type->name()) +
          ", but is requested as a cache of " + boost::core::demangle(type.name()) +
          "; request it with one type, and before handles(), which opens the other caches for documents");
    }
    if (closed_) throw ConfigError("cache \"" + name + "\" is requested after close()");
    CacheOptions options = cache.options;
    options.scheduler = runtime_;
    std::vector<std::shared_ptr<Tier>> tiers;
    for (const std::string& tier : cache.tiers) tiers.push_back(tiers_.at(tier));
    Slot& made = slots_.emplace(name, Slot{&type, make(std::move(options), std::move(tiers))}).first->second;
    watch(name, made.built.handle);
    return made;
  }

  void watch(const std::string& name, const CacheHandle& cache) {
    monitor_->watch(cache);
    metrics_->add(cache);
    if (!options_.alerts) return;
    for (const AlertRule& rule : config_.alerts()) {
      if (rule.cache == name) monitor_->add_rule(rule);
    }
  }

  const HomeProcess home_;
  const Config config_;
  const CachesOptions options_;
  std::shared_ptr<Runtime> runtime_;
  std::map<std::string, std::shared_ptr<Tier>> tiers_;
  std::shared_ptr<Monitor> monitor_;
  const std::shared_ptr<Metrics> metrics_ = std::make_shared<Metrics>();
  std::mutex mutex_;
  std::map<std::string, Slot> slots_;
  bool closed_ = false;
};

Caches::Caches(const Config& config, CachesOptions options)
    : impl_(std::make_unique<Impl>(config, options)) {}

Caches::~Caches() {
  close();
}

std::unique_ptr<Caches> Caches::open(const std::filesystem::path& file, CachesOptions options) {
  return open(Config::load(file), options);
}

std::unique_ptr<Caches> Caches::open(const Config& config, CachesOptions options) {
  return std::unique_ptr<Caches>(new Caches(config, options));
}

void* Caches::made(std::string_view name, const std::type_info& type, Make make) {
  return impl_->made(name, type, make);
}

std::vector<CacheHandle> Caches::handles() {
  return impl_->handles(&build<Document>);
}

const std::shared_ptr<Monitor>& Caches::monitor() const noexcept {
  return impl_->monitor();
}

const std::shared_ptr<Metrics>& Caches::metrics() const noexcept {
  return impl_->metrics();
}

const Config& Caches::config() const noexcept {
  return impl_->config();
}

const std::shared_ptr<Runtime>& Caches::runtime() const noexcept {
  return impl_->runtime();
}

void Caches::close() {
  impl_->close();
}

}  // namespace terrace
