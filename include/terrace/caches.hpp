#pragma once
/// Caches: everything a configuration (config.hpp) describes, built by one call: the runtime, each tier once,
/// the key rings, the caches.
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
  /// Judge the alert rules and tell the sinks. False: for tools that look at what other programs use.
  bool alerts = true;
};

/// Thread safe. Its caches live as long as it.
class Caches {
 public:
  /// Throws ConfigError: what Config::load() finds, and what opening files tells. Servers that are away are
  /// no error.
  static std::unique_ptr<Caches> open(const std::filesystem::path& file, CachesOptions options = {});
  static std::unique_ptr<Caches> open(const Config& config, CachesOptions options = {});

  /// As close().
  ~Caches();
  Caches(const Caches&) = delete;
  Caches& operator=(const Caches&) = delete;

  /// The cache of that name: made by the first call, the same one afterwards. Keep the reference: each call
  /// looks the name up under a lock. Throws ConfigError: there is no such cache, or it was made with another
  /// type, by handles() too; and what the cache itself refuses (a journal that another process has).
  template <class V>
  Cache<V>& get(std::string_view name) {
    return *static_cast<Cache<V>*>(made(name, typeid(V), &build<V>));
  }

  /// Every cache, in the order of the names. Those that nobody asked for yet are made as Cache<Document>:
  /// call it after the program has asked for its own.
  std::vector<CacheHandle> handles();

  /// What watches every cache from the moment it is made, with the rules and sinks of the configuration. A
  /// rule for one cache begins with it.
  [[nodiscard]] const std::shared_ptr<Monitor>& monitor() const noexcept;
  /// The counters of every cache that was made.
  [[nodiscard]] const std::shared_ptr<Metrics>& metrics() const noexcept;

  [[nodiscard]] const Config& config() const noexcept;
  [[nodiscard]] const std::shared_ptr<Runtime>& runtime() const noexcept;

  /// Closes the monitor, the caches, then their tiers. Calls under way end as Errc::shutdown; what waits in
  /// journals is flushed, or kept for the next start. Idempotent.
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
