#pragma once
/// Config: the contents of a terrace.toml, read and checked. Caches (caches.hpp) builds the caches from it.
/// Every key with its default: docs/configuration.md. A complete file: examples/terrace.toml.
///
///     [tiers.redis]
///     url = "rediss://app:${REDIS_PASSWORD}@cache.example"
///
///     [caches.users]
///     tiers = ["redis", "sqlite:users.db"]
///     ttl = "10m"
///
/// Reading opens no connection. It reads the secrets and key rings that the file names, and checks the places
/// of the journals. No finding shows a secret: neither the content of an environment variable or a secret
/// file, nor any text that stands where a secret belongs.

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

/// A mistake; or a warning about a setting that works and is probably not intended.
struct ConfigFinding {
  enum class Kind : std::uint8_t { mistake, warning };
  Kind kind = Kind::mistake;
  unsigned line = 0;       ///< from 1; 0: the whole file
  unsigned column = 0;     ///< from 1; 0: unknown
  std::string where = {};  ///< the dotted path of the key: "caches.users.ttl"; empty: the whole file
  std::string what = {};   ///< what is wrong, and how to fix it
};

/// "terrace.toml:12: mistake: caches.users.ttl: …"
std::string to_string(const ConfigFinding& finding, std::string_view file);

/// [tiers.NAME], or a URL among the tiers of a cache.
struct TierConfig {
  std::string name;  ///< for a URL: the store that it addresses
  std::string url;   ///< see tier_url.hpp; may contain a password
  std::string key_prefix = {};
  unsigned line = 0;
};

/// [caches.NAME], completed by [defaults].
struct CacheConfig {
  CacheOptions options;                 ///< name and key ring included; without scheduler and writer
  std::vector<std::string> tiers = {};  ///< names of TierConfigs, from above to below
  std::string key_ring = {};            ///< the name of the key ring; empty: none
  unsigned line = 0;
};

/// [sinks]: where alerts are sent.
struct SinksConfig {
  bool log = true;
  std::vector<WebhookOptions> webhooks = {};
};

/// How a configuration is read.
struct ConfigSource {
  /// For messages.
  std::string file = "terrace.toml";
  /// Returns the value of an environment variable, or nothing if it is not set. None: use those of this
  /// process.
  std::function<std::optional<std::string>(const std::string&)> environment = {};
};

/// Immutable; copies share the same data. Thread safe.
class Config {
 public:
  /// Throws ConfigError that names every mistake with its line.
  static Config load(const std::filesystem::path& file);
  static Config parse(std::string_view text, const ConfigSource& source = {});

  /// The same without throwing: findings() lists the mistakes. No caches can be built from a Config with
  /// mistakes.
  static Config check(const std::filesystem::path& file);
  static Config check_text(std::string_view text, const ConfigSource& source = {});

  /// In the order of their lines.
  [[nodiscard]] const std::vector<ConfigFinding>& findings() const noexcept;
  [[nodiscard]] bool valid() const noexcept;  ///< there is no mistake among the findings; there may be
                                              ///< warnings
  /// Throws ConfigError like load(), unless valid().
  void require_valid() const;

  [[nodiscard]] const std::string& file() const noexcept;
  [[nodiscard]] const RuntimeOptions& runtime() const noexcept;
  [[nodiscard]] const std::vector<TierConfig>& tiers() const noexcept;
  [[nodiscard]] const std::vector<CacheConfig>& caches() const noexcept;
  [[nodiscard]] std::vector<std::string> cache_names() const;
  [[nodiscard]] const MonitorOptions& monitor() const noexcept;
  [[nodiscard]] const std::vector<AlertRule>& alerts() const noexcept;
  [[nodiscard]] const SinksConfig& sinks() const noexcept;
  /// Nothing if there is no [admin].
  [[nodiscard]] const std::optional<AdminOptions>& admin() const noexcept;

  struct Data;
  /// For the layers of terrace itself.
  [[nodiscard]] const Data& data() const noexcept { return *data_; }

 private:
  explicit Config(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

  std::shared_ptr<const Data> data_;
};

/// Connects to the servers of a valid configuration and reports problems there: unreachable, too old, wrong
/// credentials, an unsuitable maxmemory-policy. It takes the limit and little more. It changes nothing. Do
/// not call it on a runtime's I/O thread.
[[nodiscard]] std::vector<ConfigFinding> probe(const Config& config,
                                               Duration limit = std::chrono::seconds(3));

/// A documented terrace.toml without mistakes: examples/terrace.toml.
[[nodiscard]] std::string_view example_config() noexcept;

}  // namespace terrace
