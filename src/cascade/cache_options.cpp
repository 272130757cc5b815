#include <algorithm>
#include <terrace/cache_options.hpp>
#include <terrace/tier.hpp>

namespace terrace {

namespace {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
void check_key_ring(const CacheOptions& options, const std::string& who) {
  if (options.key_ring && options.keys)
    throw ConfigError(who + "key_ring and keys are two names of one option; give key_ring alone");
}
#pragma GCC diagnostic pop

}  // namespace

void CacheOptions::check() const {
  const std::string who = "cache \"" + name + "\": ";
  const auto allowed = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), allowed)) {
    throw ConfigError("cache name " + printable_key(name) + ": use 1 to 64 of A-Z a-z 0-9 _ . -");
  }
  const auto positive = [&](const char* option, const std::optional<Duration>& value, const char* instead) {
    if (value && *value <= Duration::zero()) throw ConfigError(who + option + " is not above 0; " + instead);
  };
  positive("ttl", ttl, "leave it out for values that do not expire");
  positive("negative_ttl", negative_ttl, "leave it out to cache no negative answers");
  positive("memory_ttl", memory_ttl, "leave it out to bound the time in memory only by ttl");
  positive("tier_timeout", tier_timeout, "give the time a tier may take, 250 ms for instance");
  positive("load_timeout", load_timeout, "give the time a loader may take, 30 s for instance");
  positive("soft_load_timeout", soft_load_timeout, "leave it out to let callers wait for the loader");
  positive("error_ttl", error_ttl, "leave it out to call the loader again at once");
  positive("lease_time", lease_time, "give the time after which a dead loader is replaced, 3 s for instance");
  positive("retry_after", retry_after, "give the time between attempts to refresh, 1 s for instance");
  const auto within = [&](bool fine, const char* what) {
    if (!fine) throw ConfigError(who + what);
  };
  within(ttl_jitter >= 0 && ttl_jitter <= 0.5, "ttl_jitter must be between 0 and 0.5");
  within(grace >= Duration::zero(), "grace is negative; 0 is none");
  within(grace == Duration::zero() || ttl,
         "grace is set without ttl: values that never go stale need no grace");
  within(eager_refresh >= 0 && eager_refresh < 1, "eager_refresh must be at least 0 (never) and below 1");
  within(max_staleness >= std::chrono::milliseconds(10) && max_staleness <= std::chrono::hours(1),
         "max_staleness must be between 10 ms and 1 h");
  within(lease_time >= std::chrono::milliseconds(10),
         "lease_time is below 10 ms: no loader would keep its lease");
  within(max_concurrent_loads > 0, "max_concurrent_loads is 0: nothing could ever be loaded");
  within(max_loads_per_second == 0 || (max_loads_per_second >= 0.001 && max_loads_per_second <= 1e9),
         "max_loads_per_second must be 0 (no limit), or between 0.001 and 1e9");
  within(write_mode == WriteMode::back || (write_back.path.empty() && !writer),
         "write_back.path and writer are for write_mode WriteMode::back");
  if (write_mode == WriteMode::back) write_back.check();
  within(!soft_load_timeout || *soft_load_timeout < load_timeout,
         "soft_load_timeout is not below load_timeout");

  check_key_ring(*this, who);
  if (max_value_bytes == 0) throw ConfigError(who + "max_value_bytes is 0: no value could be stored");
}

}  // namespace terrace
