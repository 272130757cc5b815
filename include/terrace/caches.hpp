#pragma once
/// Caches: builds everything that a configuration (config.hpp) describes in one call: the runtime, each tier
/// once, the key rings, the caches.
///
///     const auto caches = terrace::Caches::open("terrace.toml");
///     terrace::Cache<User>& users = caches->get<User>("users");

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <terrace/cache.hpp>
#include <terrace/cache_handle.hpp>
#include <terrace/config.hpp>
#include <terrace/metrics.hpp>
#include <terrace/monitor.hpp>
#include <terrace/runtime.hpp>
#include <typeinfo>
#include <vector>

namespace terrace {

struct CachesOptions {
  /// Evaluate the alert rules and notify the sinks. False: for tools that look at data other programs use.
  bool alerts = true;
};

/// Thread safe. Its caches live as long as this object.
class Caches {
 public:
  /// Throws ConfigError for mistakes that Config::load() finds, and for errors on opening files. A server
  /// that is down is no error.
  static std::unique_ptr<Caches> open(const std::filesystem::path& file, CachesOptions options = {});
  static std::unique_ptr<Caches> open(const Config& config, CachesOptions options = {});

  /// Same as close().
  ~Caches();
  Caches(const Caches&) = delete;
  Caches& operator=(const Caches&) = delete;

  /// Returns the cache with that name. The first call makes it, later calls return the same one. Keep the
  /// reference, because each call looks the name up under a lock. Throws ConfigError: there is no such cache;
  /// it was made with another type (handles() makes caches, too); or the cache itself cannot be made (for
  /// example, another process has its journal open).
  template <class V>
  Cache<V>& get(std::string_view name) {
    return *static_cast<Cache<V>*>(made(name, typeid(V), &build<V>));
  }

  /// Returns every cache, in the order of the names. It makes a cache that was not requested yet as
  /// Cache<Document>, so call it after the program has requested its own.
  std::vector<CacheHandle> handles();

  /// The monitor that watches every cache from the moment it is made, with the rules and sinks of the
  /// configuration. A rule for one cache starts when that cache is made.
  [[nodiscard]] const std::shared_ptr<Monitor>& monitor() const noexcept;
  /// The counters of every cache that was made.
  [[nodiscard]] const std::shared_ptr<Metrics>& metrics() const noexcept;

  [[nodiscard]] const Config& config() const noexcept;
  [[nodiscard]] const std::shared_ptr<Runtime>& runtime() const noexcept;

  /// Closes the monitor, the caches, then their tiers. Calls under way end with Errc::shutdown. Changes that
  /// wait in journals are flushed, or kept for the next start. Idempotent.
  void close();

 private:
  struct Built {
    std::shared_ptr<void> cache;
    CacheHandle handle;
    void (*close)(void* cache);
  };
  using Make = Built (*)(CacheOptions, std::vector<std::shared_ptr<Tier>>);
  class Impl;

  template <class V>
  static Built build(CacheOptions options, std::vector<std::shared_ptr<Tier>> tiers) {
    auto cache = std::make_shared<Cache<V>>(std::move(options), std::move(tiers));
    CacheHandle handle(*cache);
    return {std::move(cache), std::move(handle), [](void* made) { static_cast<Cache<V>*>(made)->close(); }};
  }
  Caches(const Config& config, CachesOptions options);
  void* made(std::string_view name, const std::type_info& type, Make make);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace terrace
