#pragma once
/// Monitor: watches caches and alerts people before users notice a problem. It reports health with its
/// reasons, and alerts by rules. It judges everything over a window of the last minute or so, never over
/// totals since the start. docs/alerts.md lists what rules may use and what notifications look like.
///
///     terrace::Monitor monitor;
///     monitor.watch(users);
///     monitor.add_rule({.name = "cold", .when = "hit_rate < 50% && requests > 100", .lasting = 1min});
///     monitor.add_sink(terrace::log_notices());
///     monitor.add_webhook({.url = "https://hooks.example.org/T0KEN"});
///     if (const auto health = monitor.health(); !health.healthy) std::cerr << health.issues[0].what;

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/cache_handle.hpp>
#include <terrace/cache_stats.hpp>
#include <terrace/clock.hpp>
#include <terrace/detail/names.hpp>
#include <terrace/scheduler.hpp>
#include <utility>
#include <vector>

namespace terrace {

/// A cache outside these limits is not healthy. Rates are shares, 0 … 1.
struct HealthLimits {
  double min_hit_rate = 0.5;
  double max_error_rate = 0.05;
  /// With fewer requests in the window, rates mean nothing and are not judged.
  std::uint64_t min_requests = 100;
  Duration max_journal_lag = std::chrono::seconds(30);
};

struct MonitorOptions {
  Duration window = std::chrono::seconds(60);   ///< rates are over this much time before the last sample
  Duration interval = std::chrono::seconds(5);  ///< time between samples; at most the window
  HealthLimits limits = {};
  /// Where samples, rules and sinks run. None: a Runtime of the monitor's own, so that hung loaders do not
  /// delay them.
  std::shared_ptr<Scheduler> scheduler = {};

  /// Throws ConfigError that names the wrong option and says what would be right.
  void check() const;
};

/// What a level did within the window.
struct LevelWindow {
  std::string name;
  std::uint64_t hits = 0, misses = 0, errors = 0;
  std::uint64_t lease_errors = 0;  ///< LevelStats::lease_errors
  double hit_rate = 1;             ///< hits / (hits + misses); 1 if nothing was asked for
};

/// What a cache did within the window; rules and health use this. A rate without any request has its good
/// value: no request, no miss.
struct WindowStats {
  std::string cache;
  Duration span{};  ///< time that the counters cover: the window, or less if the cache has been watched for
                    ///< less

  std::uint64_t requests = 0;  ///< keys read
  std::uint64_t hits = 0;      ///< requests found in some level
  std::uint64_t misses = 0;    ///< requests found in none; a read that joined another's lookup counts as
                               ///< neither
  std::uint64_t stale = 0;     ///< answered with a stale value
  std::uint64_t errors =
      0;  ///< keys that a level could not be asked for, failed loads, writes that failed in a tier
  std::uint64_t loads = 0, load_failures = 0;
  std::uint64_t writes = 0, write_failures = 0;  ///< keys set or erased
  std::uint64_t evictions = 0, expirations = 0;  ///< in memory
  std::uint64_t lease_waits = 0, rejected_fills = 0;

  double hit_rate = 1, miss_rate = 0;  ///< shares of hits + misses
  double stale_rate = 0;               ///< share of requests
  double error_rate = 0;               ///< share of requests + writes, at most 1
  double load_failure_rate = 0;        ///< share of loads
  Duration load_p50{}, load_p99{};     ///< of loads that ended within the window; each is a bound of
                                       ///< LatencyCounts
  double requests_per_second = 0, loads_per_second = 0, evictions_per_second = 0;

  std::vector<LevelWindow> levels = {};  ///< memory first
  CacheStats now = {};  ///< the counters since the start, and the figures measured at this moment
};

struct HealthIssue {
  enum class Kind : std::uint8_t {
    hit_rate,
    error_rate,
    level_away,
    lease_errors,
    gate_shut,
    journal_lag,
    loads_overdue,
    closed
  };
  Kind kind;
  std::string cache;
  std::string level = {};  ///< for level_away and lease_errors
  std::string what;        ///< a sentence with the figure and the limit
};
[[nodiscard]] std::string_view to_string(HealthIssue::Kind kind) noexcept;

struct Health {
  bool healthy = true;  ///< there are no issues
  bool idle = true;     ///< no request within the window: healthy, but that says little
  std::vector<HealthIssue> issues = {};
  WallTime at{};
  std::vector<WindowStats> caches = {};  ///< the data it was judged by, in the order the caches were watched
};

enum class Severity : std::uint8_t { info, warning, critical };
template <>
inline constexpr auto enum_names<Severity> = std::to_array<std::string_view>({"info", "warning", "critical"});
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

/// A condition to alert on. Set `when` or `test`, not both.
struct AlertRule {
  /// 1 to 64 of A-Z a-z 0-9 _ . - ; no two rules may have the same name.
  std::string name;
  /// An expression over the variables of docs/alerts.md: "error_rate > 5% || closed".
  std::string when = {};
  /// A callback. It runs on a worker thread, or in sample(), without any lock of the monitor.
  std::function<bool(const WindowStats&)> test = {};
  std::optional<std::string> cache = {};  ///< none: every cache, each by itself
  Duration lasting{};                     ///< the condition must hold this long before the rule fires
  Severity severity = Severity::warning;
  /// Text shown beside the figures; none: the expression.
  std::string message = {};
  /// While the rule fires, notify again each time this has passed; none: notify once.
  std::optional<Duration> repeat = {};
};

/// One notification. For each rule and cache: fired, perhaps repeated, recovered; or broken, then mended.
struct AlertNotice {
  enum class Kind : std::uint8_t {
    fired,
    repeated,   ///< still fires (AlertRule::repeat)
    recovered,  ///< the condition no longer holds, or the cache is no longer watched
    broken,     ///< the rule threw, yields no number, or names a cache that is not watched
    mended,     ///< the broken rule works again
  };
  Kind kind;
  std::string rule = {}, cache = {};
  Severity severity = Severity::warning;
  std::string message = {};
  WallTime since{};  ///< when the rule fired or broke
  WallTime at{};
};
[[nodiscard]] std::string_view to_string(AlertNotice::Kind kind) noexcept;

/// A rule that fires for a cache, or is broken.
struct ActiveAlert {
  std::string rule, cache;
  Severity severity = Severity::warning;
  bool broken = false;
  std::string message;  ///< includes the figures of the last sample
  WallTime since{};
};

/// Notifications as JSON, by HTTP or HTTPS POST. They are sent one at a time, in order. A request is tried
/// again with exponential backoff and full jitter if there is no answer in time, no connection, or status
/// 408, 429 or 5xx.
struct WebhookOptions {
  /// http:// or https://. user:password@ in it becomes basic authentication. Everything except scheme and
  /// host is treated as secret and appears in no message.
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< additional headers; their values are
                                                                  ///< secret
  Duration timeout = std::chrono::seconds(5);                     ///< for one attempt
  unsigned attempts = 5;                                          ///< for one notification; at least 1
  Duration backoff = std::chrono::milliseconds(500);              ///< upper bound of the first wait
  Duration max_backoff = std::chrono::seconds(30);
  std::size_t max_queue = 64;  ///< waiting notifications; if there are more, the oldest is dropped; at least
                               ///< 1
  std::string ca_file = {};    ///< PEM file of the certificate authorities; none: the system's

  /// Throws ConfigError that names the wrong option and says what would be right. Never shows the URL's
  /// secrets.
  void check() const;
};

struct SinkStats {
  std::string name;           ///< for a webhook: scheme and host
  std::uint64_t sent = 0;     ///< notifications delivered
  std::uint64_t failed = 0;   ///< the callback threw, or all attempts of the webhook failed
  std::uint64_t dropped = 0;  ///< dropped because the queue was full
  std::uint64_t waiting = 0;
  std::string last_error = {};
};

/// Thread safe. Caches may be closed or destroyed before or after the monitor.
class Monitor {
 public:
  using Sink = std::function<void(const AlertNotice&)>;

  /// Throws ConfigError for wrong options.
  explicit Monitor(MonitorOptions options = {});
  /// Same as close().
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Watches the cache from now on. If a cache with the same name is watched already, the new one replaces it
  /// if that one is closed; otherwise this throws ConfigError.
  void watch(CacheHandle cache);
  /// Alerts of the cache recover. Returns false if no cache with that name is watched.
  bool unwatch(std::string_view cache);

  /// Throws ConfigError: the name is taken, the expression cannot be parsed (the message gives the place and
  /// the nearest known variable), or both or neither of `when` and `test` are set.
  void add_rule(AlertRule rule);

  /// The sink is called for each notification in order, on a worker thread, without any lock of the monitor.
  /// An exception that it throws is logged and counted, and stops no other sink. At most 1,000 notifications
  /// wait for a sink; then the oldest is dropped.
  void add_sink(Sink sink, std::string name = "callback");
  /// Throws ConfigError for wrong options. A server that is down is no error.
  void add_webhook(WebhookOptions options);

  /// The present health of the caches, from the last samples and one that this call takes.
  [[nodiscard]] Health health() const;
  [[nodiscard]] std::vector<WindowStats> windows() const;
  /// The rules that fire or are broken as of the last sample, in the order of the rules.
  [[nodiscard]] std::vector<ActiveAlert> alerts() const;
  [[nodiscard]] std::vector<SinkStats> sinks() const;

  /// Takes a sample and evaluates the rules in this thread; the timer does the same each interval.
  void sample();

  /// Waits for samples, rules and sinks under way; none runs after it returns, except one that close() was
  /// called from. Waiting notifications are dropped; requests to webhooks are aborted. Idempotent.
  void close();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

/// A sink that writes each notification to the default logger of spdlog, as info, warning or critical.
[[nodiscard]] Monitor::Sink log_notices();

}  // namespace terrace
