#pragma once
/// Config: what terrace.toml says, read and checked. Caches (caches.hpp) builds it. Every key with its
/// default: docs/configuration.md; a whole file: examples/terrace.toml.
///
///     [tiers.redis]
///     url = "rediss://app:${REDIS_PASSWORD}@cache.example"
///
///     [caches.users]
///     tiers = ["redis", "sqlite:users.db"]
///     ttl = "10m"
///
/// Reading opens no connection. It reads the secrets and key rings that the file names, and looks where
/// journals would lie. No finding shows a secret: not what an environment variable or a secret file holds,
/// nor what stands where a secret belongs.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/admin.hpp>
#include <terrace/cache_options.hpp>
#include <terrace/monitor.hpp>
#include <terrace/runtime.hpp>
#include <vector>

namespace terrace {

/// A mistake, or a warning of what works and is probably not meant.
struct ConfigFinding {
  enum class Kind : std::uint8_t { mistake, warning };
  Kind kind = Kind::mistake;
  unsigned line = 0;       ///< from 1; 0: the file as a whole
  unsigned column = 0;     ///< from 1; 0: unknown
  std::string where = {};  ///< the dotted path of the key: "caches.users.ttl"; empty: the file as a whole
  std::string what = {};   ///< what is wrong, and the remedy
};

/// "terrace.toml:12: mistake: caches.users.ttl: …"
std::string to_string(const ConfigFinding& finding, std::string_view file);

/// [tiers.NAME], or a URL among the tiers of a cache.
struct TierConfig {
  std::string name;  ///< of a URL: the store that it addresses
  std::string url;   ///< tier_url.hpp; may hold a password
  std::string key_prefix = {};
  unsigned line = 0;
};

/// [caches.NAME] over [defaults].
struct CacheConfig {
  CacheOptions options;                 ///< name and key ring included; without scheduler and writer
  std::vector<std::string> tiers = {};  ///< names of TierConfigs, from above to below
  std::string key_ring = {};            ///< the name of the key ring; empty: none
  unsigned line = 0;
};

/// [sinks]: where alerts go.
struct SinksConfig {
  bool log = true;
  std::vector<WebhookOptions> webhooks = {};
};

/// How a configuration is read.
struct ConfigSource {
  /// For messages.
  std::string file = "terrace.toml";
  /// The value of an environment variable, nothing when it is not set. None: that of this process.
  std::function<std::optional<std::string>(const std::string&)> environment = {};
};

/// Immutable; copies share what was read. Thread safe.
class Config {
 public:
  /// Throws ConfigError that names every mistake with its line.
  static Config load(const std::filesystem::path& file);
  static Config parse(std::string_view text, const ConfigSource& source = {});

  /// The same without throwing: findings() tell what is wrong. What has mistakes builds nothing.
  static Config check(const std::filesystem::path& file);
  static Config check_text(std::string_view text, const ConfigSource& source = {});

  /// In the order of their lines.
  [[nodiscard]] const std::vector<ConfigFinding>& findings() const noexcept;
  [[nodiscard]] bool valid() const noexcept;  ///< no mistake among them; warnings may be
  /// Throws ConfigError, as load(), unless valid().
  void require_valid() const;

  [[nodiscard]] const std::string& file() const noexcept;
  [[nodiscard]] const RuntimeOptions& runtime() const noexcept;
  [[nodiscard]] const std::vector<TierConfig>& tiers() const noexcept;
  [[nodiscard]] const std::vector<CacheConfig>& caches() const noexcept;
  [[nodiscard]] std::vector<std::string> cache_names() const;
  [[nodiscard]] const MonitorOptions& monitor() const noexcept;
  [[nodiscard]] const std::vector<AlertRule>& alerts() const noexcept;
  [[nodiscard]] const SinksConfig& sinks() const noexcept;
  /// Nothing: there is no [admin].
  [[nodiscard]] const std::optional<AdminOptions>& admin() const noexcept;

  struct Data;
  /// For terrace's own floors.
  [[nodiscard]] const Data& data() const noexcept { return *data_; }

 private:
  explicit Config(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

  std::shared_ptr<const Data> data_;
};

/// Connects to the servers of a valid configuration and tells what is wrong there: unreachable, too old,
/// wrong credentials, a maxmemory-policy that does not fit. Takes as long as the limit and little more.
/// Changes nothing. Not to be called on a runtime's I/O thread.
[[nodiscard]] std::vector<ConfigFinding> probe(const Config& config,
                                               Duration limit = std::chrono::seconds(3));

/// A documented terrace.toml, which check_text() finds no mistake in: examples/terrace.toml.
[[nodiscard]] std::string_view example_config() noexcept;

}  // namespace terrace
