#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <sys/timex.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <random>
#include <terrace/redis.hpp>
#include <terrace/runtime.hpp>
#include <terrace/shared_tier.hpp>
#include <terrace/tier_url.hpp>
#include <thread>
#include <type_traits>

#include "logins.hpp"
#include "operate/doctor.hpp"
#include "redis/inspect.hpp"
#include "service/config_stores.hpp"
#include "units.hpp"

namespace terrace::cli {
namespace {

using assembly::Kind;
namespace fs = std::filesystem;

constexpr Duration probe_ttl = std::chrono::minutes(1);  // should the erase fail
constexpr auto largest_skew = std::chrono::seconds(1);
constexpr rlim_t enough_files = 1024;

/// Waits for what a handler is given.
template <class T, class Start>
T awaited(const Start& start) {
  const auto told = std::make_shared<std::promise<T>>();
  start([told](T value) { told->set_value(std::move(value)); });
  return told->get_future().get();
}

/// A file that is not there yet belongs to the program that will make it, as its user.
std::optional<std::string> missing_file(const assembly::TierUrl& store) {
  for (const config::Leaf& leaf : config::leaves_of(store)) {
    std::error_code failed;
    if (leaf.store->kind == Kind::sqlite && !fs::exists(leaf.store->target, failed))
      return leaf.store->target;
  }
  return std::nullopt;
}

/// Opens its latch when the watch of a tier is up.
class UpWatcher final : public Watcher {
 public:
  void watching(TimePoint) override { up.open(); }
  void changed(const std::vector<std::string>&) override {}
  void changed_all() override {}
  void lease_changed(const std::vector<std::string>&) override {}
  void proven(TimePoint) override {}
  void lost() override {}

  Latch up;
};

/// A write, a read and an erase in one tier; and in a shared one a lease, a fill under it, the token of a tag and
/// a watch.
class TierProbe {
 public:
  /// `cache`: a cache that uses the tier. The probe's key is one of that cache, as the user of the tier may be
  /// allowed no other.
  TierProbe(const TierConfig& tier, const std::string& cache, Duration limit, Checks& checks)
      : name_("tier " + tier.name),
        tier_(make_tier(tier.url, runtime_, {.key_prefix = tier.key_prefix})),
        deadline_(after(runtime_->clock().now(), limit)),
        checks_(checks) {
    std::random_device random;
    key_ = fmt::format("{}:terrace-doctor:{:08x}{:08x}", cache, random(), random());
  }
  ~TierProbe() { tier_->close(); }
  TierProbe(const TierProbe&) = delete;
  TierProbe& operator=(const TierProbe&) = delete;

  void run() {
    auto written = timed("write", [&] { return set(); });
    while (!written && written.error() == Errc::unavailable && runtime_->clock().now() < deadline_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it connects
      written = timed("write", [&] { return set(); });
    }
    if (!written) return fail("written", written.error());
    const auto found = timed("read", [&] {
      return awaited<Result<Found>>([&](auto done) { tier_->get(key_, deadline_, std::move(done)); });
    });
    if (!found) return fail("read", found.error());
    const auto erased = timed("erase", [&] {
      return awaited<Result<bool>>([&](auto done) { tier_->erase(key_, deadline_, std::move(done)); });
    });
    if (!erased) return fail("erased", erased.error());
    if (*found != value) {
      return checks_.fail(name_, "a key was written, and a read did not find it",
                          "it lost the key at once: check whether its memory is full and it evicts");
    }
    if (SharedTier* const shared = tier_->shared(); shared != nullptr && !run_shared(*shared)) return;
    checks_.ok(name_, took_);
  }

 private:
  /// What a load needs. A cache does not fail without it: it just stores nothing.
  bool run_shared(SharedTier& shared) {
    constexpr LeaseToken lease = {'d', 'o', 'c', 't', 'o', 'r'};
    const auto granted = timed("lease", [&] {
      return awaited<Result<LeaseReply>>(
          [&](auto done) { shared.acquire(key_, lease, probe_ttl, {}, deadline_, std::move(done)); });
    });
    if (!granted) return refused("take a lease", granted.error());
    const auto renewed = awaited<Result<bool>>(
        [&](auto done) { shared.renew(key_, lease, probe_ttl, deadline_, std::move(done)); });
    if (!renewed) return refused("renew a lease", renewed.error());
    const auto filled = timed("fill", [&] {
      return awaited<Result<bool>>(
          [&](auto done) { shared.fill(key_, lease, value, probe_ttl, deadline_, std::move(done)); });
    });
    if (!filled) return refused("fill a key under a lease", filled.error());
    const auto replaced = awaited<Result<bool>>(
        [&](auto done) { shared.replace(key_, value, value, probe_ttl, deadline_, std::move(done)); });
    if (!replaced) return refused("replace a value", replaced.error());
    const auto tagged = timed("tag", [&] {
      return awaited<Result<Bytes>>(
          [&](auto done) { shared.get_or_prolong(key_, value, probe_ttl, deadline_, std::move(done)); });
    });
    if (!tagged) return refused("make the token of a tag", tagged.error());
    const auto prolonged = awaited<Result<Bytes>>(
        [&](auto done) { shared.get_or_prolong(key_, value, 2 * probe_ttl, deadline_, std::move(done)); });
    if (!prolonged) return refused("prolong the token of a tag", prolonged.error());
    const auto erased =
        awaited<Result<bool>>([&](auto done) { tier_->erase(key_, deadline_, std::move(done)); });
    if (!erased) return fail("erased", erased.error()), false;
    return watches(shared);
  }

  bool watches(SharedTier& shared) {
    const TimePoint begun = runtime_->clock().now();
    const auto watcher = std::make_shared<UpWatcher>();
    const auto watch = shared.watch({key_}, watcher);
    if (runtime_->wait(watcher->up, deadline_)) {
      took_ += fmt::format(", watch {}", format_duration(runtime_->clock().now() - begun));
      return true;
    }
    const auto status = redis_status(*tier_);
    const std::string why = status ? ": " + status->last_watch_error : "";
    checks_.fail(
        name_, "no watch comes up, so processes do not hear of each other's changes" + why,
        "allow CLIENT TRACKING (ACL SETUSER … +client|tracking +ping), and give the address of the server "
        "itself, not of a proxy without RESP3");
    return false;
  }

  bool refused(const char* what, const Error& error) {
    checks_.fail(
        name_,
        fmt::format("it does not {}, so no cache stores there what it loads: {}", what, error.message()),
        error == Errc::denied
            ? "give the user all commands of \"Settings for a Redis server\" (docs/reliability.md)"
            : "check that it has free memory: give it more, or set maxmemory-policy allkeys-lfu");
    return false;
  }

  static constexpr std::string_view value = "terrace doctor";

  Result<void> set() {
    return awaited<Result<void>>(
        [&](auto done) { tier_->set(key_, value, probe_ttl, deadline_, std::move(done)); });
  }

  template <class Operation>
  std::invoke_result_t<const Operation&> timed(const char* what, const Operation& operation) {
    const TimePoint begun = runtime_->clock().now();
    auto outcome = operation();
    last_ = fmt::format("{} {}", what, format_duration(runtime_->clock().now() - begun));
    if (outcome) took_ += (took_.empty() ? "" : ", ") + last_;
    return outcome;
  }

  void fail(const char* what, const Error& error) {
    const bool denied = error == Errc::denied;
    checks_.fail(name_, fmt::format("a key could not be {}: {}", what, error.message()),
                 denied ? "give the user this permission, or another user in the URL"
                        : "check that it runs, can be reached from here, and has free space");
  }

  const std::string name_;
  const std::shared_ptr<Runtime> runtime_ = Runtime::common();
  const std::shared_ptr<Tier> tier_;
  const TimePoint deadline_;
  Checks& checks_;
  std::string key_, took_, last_;
};

std::string user_of(const Config& config, const TierConfig& tier) {
  for (const CacheConfig& cache : config.caches()) {
    const auto& tiers = cache.tiers;
    if (std::find(tiers.begin(), tiers.end(), tier.name) != tiers.end()) return cache.options.name;
  }
  return "terrace";
}

void examine_tier(const TierConfig& tier, const std::string& cache, Duration limit, Checks& checks) {
  if (const auto file = missing_file(config::sound_store(tier))) {
    checks.ok("tier " + tier.name, *file + " does not exist yet; the program that uses it creates it");
    return;
  }
  try {
    TierProbe(tier, cache, limit, checks).run();
  } catch (const ConfigError& error) {
    checks.fail("tier " + tier.name, error.what());
  }
}

/// What is stored tells of its age by the wall clock, so those of all machines have to agree.
void compare_clocks(const TierConfig& tier, Duration limit, Checks& checks) {
  const auto runtime = Runtime::common();
  const auto store = config::sound_store(tier);
  for (const config::Leaf& leaf : config::leaves_of(store)) {
    if (leaf.store->kind != Kind::redis) continue;
    const WallTime before = system_clock().wall_now();
    const auto report = awaited<Result<redis::ServerReport>>([&](auto done) {
      redis::inspect(runtime, {.url = leaf.store->target, .connect_timeout = limit},
                     after(runtime->clock().now(), limit), std::move(done));
    });
    const WallTime later = system_clock().wall_now();
    if (!report || !report->time) continue;  // told by the probe
    const auto skew = *report->time < before ? before - *report->time
                                             : std::max(*report->time - later, std::chrono::milliseconds(0));
    const std::string what = "clock of " + leaf.store->address;
    if (skew <= largest_skew) {
      checks.ok(what, "agrees with the clock of this machine");
    } else {
      checks.fail(
          what,
          fmt::format(
              "differs from the clock of this machine by {}: entries of other levels expire early or late",
              format_duration(skew)),
          "synchronize both with chrony or systemd-timesyncd");
    }
  }
}

void examine_machine(Checks& checks) {
  timex told{};
  const int state = ::adjtimex(&told);
  if (state == TIME_ERROR || (told.status & STA_UNSYNC) != 0) {
    checks.warn("clock", "the kernel reports that the clock of this machine is not synchronized",
                "run chrony or systemd-timesyncd: ages of shared entries depend on the wall clock");
  } else {
    checks.ok("clock", "synchronized");
  }
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  const std::string limit =
      files.rlim_cur == RLIM_INFINITY ? "no limit" : format_count(files.rlim_cur) + " at most";
  if (files.rlim_cur < enough_files) {
    checks.warn("open files", limit, "run ulimit -n 65536, or set LimitNOFILE=65536 in the systemd unit");
  } else {
    checks.ok("open files", limit);
  }
}

void take(const std::vector<ConfigFinding>& findings, const std::string& file, Checks& checks) {
  for (const ConfigFinding& finding : findings) {
    std::string place = finding.line > 0 ? fmt::format("{}:{}", file, finding.line) : file;
    std::string what = finding.where.empty() ? finding.what : finding.where + ": " + finding.what;
    if (finding.kind == ConfigFinding::Kind::mistake) {
      checks.fail(std::move(place), std::move(what));
    } else {
      checks.warn(std::move(place), std::move(what));
    }
  }
}

}  // namespace

void examine_config(const std::string& file, Duration limit, Checks& checks) {
  const Config config = Config::check(file);
  const std::string shown = without_login(file);
  take(config.findings(), shown, checks);
  if (config.valid()) {
    checks.ok(shown, fmt::format("can be read; caches: {}", fmt::join(config.cache_names(), ", ")));
    take(probe(config, limit), shown, checks);
    for (const TierConfig& tier : config.tiers()) examine_tier(tier, user_of(config, tier), limit, checks);
    for (const TierConfig& tier : config.tiers()) compare_clocks(tier, limit, checks);
  }
  examine_machine(checks);
}

}  // namespace terrace::cli
