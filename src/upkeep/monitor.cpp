#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <terrace/bytes.hpp>
#include <terrace/runtime.hpp>
#include <thread>

#include "base/fork.hpp"
#include "upkeep/health.hpp"
#include "upkeep/http_post.hpp"
#include "upkeep/outlet.hpp"
#include "upkeep/rule.hpp"
#include "upkeep/standings.hpp"
#include "upkeep/webhook.hpp"
#include "upkeep/window.hpp"

namespace terrace {

using namespace upkeep;

void MonitorOptions::check() const {
  const auto within = [](bool fine, const char* what) {
    if (!fine) throw ConfigError(std::string("MonitorOptions: ") + what);
  };
  const auto share = [](double x) { return x >= 0 && x <= 1; };
  within(interval >= std::chrono::milliseconds(10), "interval is below 10 ms; 5 s is usual");
  within(window >= interval, "window is shorter than interval: it would hold no sample");
  within(window / interval <= 10'000, "window holds more than 10,000 intervals; make the interval longer");
  within(share(limits.min_hit_rate), "limits.min_hit_rate must be between 0 and 1; 0.5 is 50 %");
  within(share(limits.max_error_rate), "limits.max_error_rate must be between 0 and 1; 0.05 is 5 %");
  within(limits.max_journal_lag > Duration::zero(), "limits.max_journal_lag is not above 0; 30 s is usual");
}

/// One thread at a time takes samples; it calls caches and rules without the lock.
class Monitor::Impl : public std::enable_shared_from_this<Impl> {
 public:
  const HomeProcess home;

  explicit Impl(MonitorOptions options)
      : options_(std::move(options)),
        scheduler_(options_.scheduler ? options_.scheduler : std::make_shared<Runtime>()) {}

  /// Schedules the next sample.
  void arm() {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    timer_ = scheduler_->call_at(after(clock().now(), options_.interval), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->post_tick();
    });
  }

  void watch(CacheHandle cache);
  bool unwatch(std::string_view name);
  void add_rule(AlertRule rule);
  void add_outlet(std::shared_ptr<Outlet> outlet);
  void add_sink(Sink sink, std::string name) {
    add_outlet(std::make_shared<CallbackOutlet>(std::move(sink), std::move(name), *scheduler_, inside_));
  }
  void add_webhook(WebhookOptions options);
  [[nodiscard]] std::vector<WindowStats> windows() const;
  [[nodiscard]] Health health() const;
  [[nodiscard]] std::vector<ActiveAlert> alerts() const {
    const std::lock_guard lock(mutex_);
    return standings_.active(rules_);
  }
  [[nodiscard]] std::vector<SinkStats> sinks() const;
  void sample();
  void close();
  [[nodiscard]] std::shared_ptr<Inside> inside() const { return inside_; }

 private:
  struct Watched {
    CacheHandle cache;
    Window window;
  };
  struct Judged {
    std::shared_ptr<Rule> rule;
    std::string cache;
    Rule::Verdict verdict;
  };
  using Lock = std::unique_lock<std::mutex>;

  [[nodiscard]] const Clock& clock() const noexcept { return scheduler_->clock(); }
  [[nodiscard]] Moment moment() const noexcept { return {clock().now(), clock().wall_now()}; }

  void post_tick() {
    scheduler_->post_blocking([weak = weak_from_this(), inside = inside_] {
      const Inside::Visit visit(*inside);
      const auto self = weak.lock();
      if (self == nullptr) return;
      self->sample();
      self->arm();
    });
  }
  [[nodiscard]] std::vector<CacheHandle> caches() const;
  /// The present state of the caches; those that are gone meanwhile are left out. `keep`: store it as
  /// samples.
  std::vector<WindowStats> look(bool keep) const;
  std::vector<Judged> judge(const std::vector<WindowStats>& windows) const;
  void tell(const std::vector<AlertNotice>& notices) {
    for (const AlertNotice& notice : notices) {
      for (const auto& outlet : outlets_) outlet->send(notice);
    }
  }
  std::vector<std::unique_ptr<Watched>>::iterator find(std::string_view name) const {
    return std::find_if(watched_.begin(), watched_.end(),
                        [&](const auto& w) { return w->cache.name() == name; });
  }

  const MonitorOptions options_;
  const std::shared_ptr<Scheduler> scheduler_;
  const std::shared_ptr<Inside> inside_ = std::make_shared<Inside>();
  mutable std::mutex mutex_;
  std::condition_variable turn_ended_;
  bool turn_ = false;  // a thread is sampling
  std::thread::id sampler_{};
  mutable std::vector<std::unique_ptr<Watched>> watched_;
  std::vector<std::shared_ptr<Rule>> rules_;  // used only by the sampling thread, except for constant data
  Standings standings_;
  std::vector<std::shared_ptr<Outlet>> outlets_;
  Scheduler::TimerId timer_ = 0;
  bool closed_ = false;
};

void Monitor::Impl::watch(CacheHandle cache) {
  CacheStats totals = cache.stats();
  std::optional<CacheHandle> former;  // released without the lock: it may be the last to hold its cache
  {
    const Lock lock(mutex_);
    if (const auto known = find(cache.name()); known != watched_.end()) former = (*known)->cache;
  }
  const bool takes_its_place = former && former->stats().closed;
  const Lock lock(mutex_);
  const auto known = find(cache.name());
  if (known == watched_.end()) {
    watched_.push_back(
        std::make_unique<Watched>(Watched{std::move(cache), Window(options_.window, options_.interval)}));
    watched_.back()->window.add(clock().now(), std::move(totals));
  } else if (takes_its_place) {
    (*known)->cache = std::move(cache);  // its totals begin again, which the window detects
  } else {
    throw ConfigError("Monitor: a cache named " + std::string(cache.name()) +
                      " is watched already; give each cache a name of its own");
  }
}

bool Monitor::Impl::unwatch(std::string_view name) {
  std::unique_ptr<Watched> former;  // released without the lock
  const Lock lock(mutex_);
  const auto known = find(name);
  if (known == watched_.end()) return false;
  former = std::move(*known);
  watched_.erase(known);
  tell(standings_.forget(std::string(name), moment()));
  return true;
}

void Monitor::Impl::add_rule(AlertRule rule) {
  auto checked = std::make_shared<Rule>(std::move(rule));
  const Lock lock(mutex_);
  for (const auto& other : rules_) {
    if (other->name() == checked->name()) {
      throw ConfigError("alert rule " + checked->name() + ": there is one of that name already");
    }
  }
  rules_.push_back(std::move(checked));
}

void Monitor::Impl::add_outlet(std::shared_ptr<Outlet> outlet) {
  const Lock lock(mutex_);
  if (closed_) outlet->close();
  outlets_.push_back(std::move(outlet));
}

void Monitor::Impl::add_webhook(WebhookOptions options) {
  options.check();
  HttpUrl url = parse_http_url(options.url);
  WebhookOutlet::Terms terms{.label = url.label(),
                             .attempts = options.attempts,
                             .backoff = options.backoff,
                             .max_backoff = options.max_backoff,
                             .max_queue = options.max_queue};
  auto runtime = std::dynamic_pointer_cast<Runtime>(scheduler_);
  if (runtime == nullptr) runtime = Runtime::common();
  auto post = make_http_post({.url = std::move(url),
                              .headers = std::move(options.headers),
                              .content_type = "application/json",
                              .timeout = options.timeout,
                              .ca_file = std::move(options.ca_file)},
                             std::move(runtime));
  add_outlet(std::make_shared<WebhookOutlet>(std::move(terms), std::move(post), *scheduler_, random_seed()));
}

std::vector<CacheHandle> Monitor::Impl::caches() const {
  const Lock lock(mutex_);
  std::vector<CacheHandle> out;
  for (const auto& watched : watched_) out.push_back(watched->cache);
  return out;
}

std::vector<WindowStats> Monitor::Impl::look(bool keep) const {
  struct Seen {
    CacheHandle cache;
    TimePoint begun;
    CacheStats totals;
  };
  std::vector<Seen> seen;
  for (CacheHandle& cache : caches()) {
    const TimePoint begun = clock().now();
    CacheStats totals = cache.stats();
    seen.push_back({std::move(cache), begun, std::move(totals)});
  }
  std::vector<WindowStats> out;
  const Lock lock(mutex_);
  const TimePoint now = clock().now();
  for (auto& [cache, begun, totals] : seen) {
    const auto known = find(cache.name());
    if (known == watched_.end()) continue;
    Window& window = (*known)->window;
    // Compared with a sample taken meanwhile these totals are old; they would look like those of a new cache.
    const bool overtaken = window.sampled() > begun;
    out.push_back(overtaken ? window.look_at_sample() : window.look(now, totals));
    out.back().cache = cache.name();
    if (keep && !overtaken) window.add(now, std::move(totals));
  }
  return out;
}

std::vector<WindowStats> Monitor::Impl::windows() const {
  return look(false);
}

Health Monitor::Impl::health() const {
  Health out{.at = clock().wall_now(), .caches = windows()};
  for (const WindowStats& window : out.caches) {
    out.idle = out.idle && window.requests == 0 && window.writes == 0;
    for (HealthIssue& issue : find_issues(window, options_.limits)) out.issues.push_back(std::move(issue));
  }
  out.healthy = out.issues.empty();
  return out;
}

std::vector<SinkStats> Monitor::Impl::sinks() const {
  std::vector<std::shared_ptr<Outlet>> outlets;
  {
    const Lock lock(mutex_);
    outlets = outlets_;
  }
  std::vector<SinkStats> out;
  for (const auto& outlet : outlets) out.push_back(outlet->stats());
  return out;
}

/// Runs without the lock, because rules may call back.
std::vector<Monitor::Impl::Judged> Monitor::Impl::judge(const std::vector<WindowStats>& windows) const {
  std::vector<std::shared_ptr<Rule>> rules;
  {
    const Lock lock(mutex_);
    rules = rules_;
  }
  std::vector<std::string> names;
  for (const WindowStats& window : windows) names.push_back(window.cache);
  std::vector<Judged> out;
  for (const auto& rule : rules) {
    if (rule->cache() && std::find(names.begin(), names.end(), *rule->cache()) == names.end()) {
      out.push_back({rule, *rule->cache(), rule->not_watched(names)});
      continue;
    }
    for (const WindowStats& window : windows) {
      if (rule->cache() && *rule->cache() != window.cache) continue;
      out.push_back({rule, window.cache, rule->judge(window)});
    }
  }
  return out;
}

void Monitor::Impl::sample() {
  Lock lock(mutex_);
  if (turn_ && sampler_ == std::this_thread::get_id())
    return;  // a rule that requests a sample gets the present one
  turn_ended_.wait(lock, [this] { return !turn_ || closed_; });
  if (closed_) return;
  const Inside::Visit visit(*inside_);  // before the lock is released, so that close() waits for it
  turn_ = true;
  sampler_ = std::this_thread::get_id();
  lock.unlock();

  const auto judged = judge(look(true));

  lock.lock();
  const Moment now = moment();
  for (const Judged& one : judged) {
    // If the cache is no longer watched there is nothing to judge, except that a rule for this cache alone
    // has lost it.
    const bool of_none = one.rule->cache() && one.verdict.outcome == AlertState::Outcome::broken;
    if (closed_ || (find(one.cache) == watched_.end() && !of_none)) continue;
    tell(standings_.judge(*one.rule, one.cache, one.verdict, now));
  }
  turn_ = false;
  turn_ended_.notify_all();
  lock.unlock();
}

void Monitor::Impl::close() {
  Lock lock(mutex_);
  closed_ = true;
  turn_ended_.notify_all();
  const auto timer = std::exchange(timer_, 0);
  const auto outlets = outlets_;
  lock.unlock();
  if (timer != 0) scheduler_->cancel(timer);
  for (const auto& outlet : outlets) outlet->close();
  inside_->wait_until_empty();
}

Monitor::Monitor(MonitorOptions options) {
  options.check();
  impl_ = std::make_shared<Impl>(std::move(options));
  impl_->arm();
}
Monitor::~Monitor() {
  if (!impl_->home.here()) {
    const HomeProcess home = impl_->home;
    keep_if_away(home, impl_);
    return;
  }
  close();
  const auto inside = impl_->inside();
  impl_ = nullptr;
  inside->wait_until_empty();  // a task that is about to end may hold our data, with functions of the program
}
void Monitor::watch(CacheHandle cache) {
  impl_->watch(std::move(cache));
}
bool Monitor::unwatch(std::string_view cache) {
  return impl_->unwatch(cache);
}
void Monitor::add_rule(AlertRule rule) {
  impl_->add_rule(std::move(rule));
}
void Monitor::add_sink(Sink sink, std::string name) {
  if (!sink) throw ConfigError("Monitor::add_sink: the function is empty");
  impl_->add_sink(std::move(sink), std::move(name));
}
void Monitor::add_webhook(WebhookOptions options) {
  impl_->add_webhook(std::move(options));
}
Health Monitor::health() const {
  return impl_->health();
}
std::vector<WindowStats> Monitor::windows() const {
  return impl_->windows();
}
std::vector<ActiveAlert> Monitor::alerts() const {
  return impl_->alerts();
}
std::vector<SinkStats> Monitor::sinks() const {
  return impl_->sinks();
}
void Monitor::sample() {
  impl_->sample();
}
void Monitor::close() {
  if (!impl_->home.here()) return;
  impl_->close();
}

}  // namespace terrace
