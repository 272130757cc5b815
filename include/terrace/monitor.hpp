#pragma once
/// Monitor: watches caches and tells people before users notice: health with its reasons, and alerts by
/// rules. Everything is judged over a window of the last minute or so, never over totals since the start. The
/// page docs/alerts.md lists what rules may ask and what notices look like.
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
#include <terrace/scheduler.hpp>
#include <utility>
#include <vector>

namespace terrace {

/// Beyond these a cache is not healthy. Rates are shares, 0 … 1.
struct HealthLimits {
  double min_hit_rate = 0.5;
  double max_error_rate = 0.05;
  /// Fewer requests in the window say nothing about rates: they are not judged.
  std::uint64_t min_requests = 100;
  Duration max_journal_lag = std::chrono::seconds(30);
};

struct MonitorOptions {
  Duration window = std::chrono::seconds(60);   ///< rates are over the last of these
  Duration interval = std::chrono::seconds(5);  ///< between samples; at most the window
  HealthLimits limits = {};
  /// Where samples, rules and sinks run. None: a Runtime of the monitor's own, so that loaders that hang hold
  /// nothing up here.
  std::shared_ptr<Scheduler> scheduler = {};

  /// Throws ConfigError naming the option that is wrong and what would be right.
  void check() const;
};

/// What a level did within the window.
struct LevelWindow {
  std::string name;
  std::uint64_t hits = 0, misses = 0, errors = 0;
  double hit_rate = 1;  ///< hits / (hits + misses); 1 when nothing was asked for
};

/// What a cache did within the window: what rules and health look at. A rate of nothing is the good one: no
/// request, no miss.
struct WindowStats {
  std::string cache;
  Duration span{};  ///< what the counters are over: the window, or less while the cache has not been watched
                    ///< as long

  std::uint64_t requests = 0;  ///< keys read
  std::uint64_t hits = 0;      ///< of those, found in some level
  std::uint64_t misses = 0;    ///< found in none; reads that joined another's walk count as neither
  std::uint64_t stale = 0;     ///< answered with a stale value
  std::uint64_t errors =
      0;  ///< keys a level could not be asked for, loads that failed, writes a tier did not take
  std::uint64_t loads = 0, load_failures = 0;
  std::uint64_t writes = 0, write_failures = 0;  ///< keys set or erased
  std::uint64_t evictions = 0, expirations = 0;  ///< of memory
  std::uint64_t lease_waits = 0, rejected_fills = 0;

  double hit_rate = 1, miss_rate = 0;  ///< of hits + misses
  double stale_rate = 0;               ///< of requests
  double error_rate = 0;               ///< of requests + writes, at most 1
  double load_failure_rate = 0;        ///< of loads
  Duration load_p50{}, load_p99{};     ///< of loads that ended within the window; a bound of LatencyCounts
  double requests_per_second = 0, loads_per_second = 0, evictions_per_second = 0;

  std::vector<LevelWindow> levels = {};  ///< memory first
  CacheStats now = {};  ///< the counters since the start, and what is measured at this moment
};

struct HealthIssue {
  enum class Kind : std::uint8_t { hit_rate, error_rate, level_away, gate_shut, journal_lag, closed };
  Kind kind;
  std::string cache;
  std::string level = {};  ///< of level_away
  std::string what;        ///< a sentence with the figure and the limit
};
[[nodiscard]] std::string_view to_string(HealthIssue::Kind kind) noexcept;

struct Health {
  bool healthy = true;  ///< no issues
  bool idle = true;     ///< nothing was asked for within the window: healthy, but it says nothing
  std::vector<HealthIssue> issues = {};
  WallTime at{};
  std::vector<WindowStats> caches = {};  ///< what it was judged by, in the order they were watched
};

enum class Severity : std::uint8_t { info, warning, critical };
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

/// A condition to be told of. `when` or `test`, not both.
struct AlertRule {
  /// 1 to 64 of A-Z a-z 0-9 _ . - ; no two rules have one name.
  std::string name;
  /// An expression over the variables of docs/alerts.md: "error_rate > 5% || closed".
  std::string when = {};
  /// A callback; runs on a worker thread, or in sample(), without any lock of the monitor.
  std::function<bool(const WindowStats&)> test = {};
  std::optional<std::string> cache = {};  ///< none: every cache by itself
  Duration lasting{};                     ///< it must hold so long before it fires
  Severity severity = Severity::warning;
  /// What to tell beside the figures; none: the expression.
  std::string message = {};
  /// While it fires, tell it again each time this has passed; none: once.
  std::optional<Duration> repeat = {};
};

/// One thing to tell. For each rule and cache: fired, perhaps repeated, recovered; or broken, mended.
struct AlertNotice {
  enum class Kind : std::uint8_t {
    fired,
    repeated,   ///< fires still (AlertRule::repeat)
    recovered,  ///< holds no more, or the cache is watched no more
    broken,     ///< the rule threw, yields no number, or names a cache that is not watched
    mended,     ///< the broken rule can be judged again
  };
  Kind kind;
  std::string rule = {}, cache = {};
  Severity severity = Severity::warning;
  std::string message = {};
  WallTime since{};  ///< when it fired or broke
  WallTime at{};
};
[[nodiscard]] std::string_view to_string(AlertNotice::Kind kind) noexcept;

/// A rule that fires for a cache, or is broken.
struct ActiveAlert {
  std::string rule, cache;
  Severity severity = Severity::warning;
  bool broken = false;
  std::string message;  ///< with the figures of the last sample
  WallTime since{};
};

/// Notices as JSON, by HTTP or HTTPS POST, each as long as it takes: one at a time, in order. Tried again
/// with exponential backoff and full jitter: no answer in time, no connection, and status 408, 429 and 5xx.
struct WebhookOptions {
  /// http:// or https://; user:password@ in it become basic authentication. All but scheme and host is taken
  /// for secret, and in no message.
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< more of them; their values are secret
  Duration timeout = std::chrono::seconds(5);                     ///< of one attempt
  unsigned attempts = 5;                                          ///< for one notice; at least 1
  Duration backoff = std::chrono::milliseconds(500);              ///< the bound of the first wait
  Duration max_backoff = std::chrono::seconds(30);
  std::size_t max_queue = 64;  ///< notices that wait; beyond it the oldest is dropped; at least 1
  std::string ca_file = {};    ///< PEM file of the authorities; none: the system's

  /// Throws ConfigError naming the option that is wrong and what would be right, never the URL's secrets.
  void check() const;
};

struct SinkStats {
  std::string name;           ///< a webhook's: scheme and host
  std::uint64_t sent = 0;     ///< notices taken
  std::uint64_t failed = 0;   ///< the callback threw, or the webhook's attempts are used up
  std::uint64_t dropped = 0;  ///< since the queue was full
  std::uint64_t waiting = 0;
  std::string last_error = {};
};

/// Thread safe. Caches may be closed or destroyed before or after it.
class Monitor {
 public:
  using Sink = std::function<void(const AlertNotice&)>;

  /// Throws ConfigError.
  explicit Monitor(MonitorOptions options = {});
  /// As close().
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// From now on. A cache of a name that is watched already takes its place if that one is closed, else this
  /// throws ConfigError.
  void watch(CacheHandle cache);
  /// Its alerts recover. False: no cache of that name is watched.
  bool unwatch(std::string_view cache);

  /// Throws ConfigError: a name that is taken, an expression that cannot be read (with the place, and the
  /// nearest variable there is), both or neither of `when` and `test`.
  void add_rule(AlertRule rule);

  /// Called for each notice in order, on a worker thread, without any lock of the monitor. What it throws is
  /// logged and counted, and stops no other sink. At most 1,000 notices wait for it; then the oldest is
  /// dropped.
  void add_sink(Sink sink, std::string name = "callback");
  /// Throws ConfigError. A server that is away is no error.
  void add_webhook(WebhookOptions options);

  /// How the caches are now: the last samples and one taken for it.
  [[nodiscard]] Health health() const;
  [[nodiscard]] std::vector<WindowStats> windows() const;
  /// What fires or is broken as of the last sample, in the order of the rules.
  [[nodiscard]] std::vector<ActiveAlert> alerts() const;
  [[nodiscard]] std::vector<SinkStats> sinks() const;

  /// Takes a sample and judges the rules, in this thread; the timer does so each interval.
  void sample();

  /// No sample, rule or sink runs any more when it returns, but one that it is called from; waits for those
  /// under way. Notices that wait are dropped; requests to webhooks are broken off. Idempotent.
  void close();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

/// A sink that writes each notice to spdlog's default logger, as info, warning or critical.
[[nodiscard]] Monitor::Sink log_notices();

}  // namespace terrace
