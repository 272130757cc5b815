#pragma once
/// The keys of a configuration that are options of terrace itself, with the same names. Each is named here
/// once, for reading, resetting and the test of the documentation. `visit(name, member)`, with InBytes for
/// sizes.

#include "service/config_section.hpp"

namespace terrace::config {

template <class Visit>
void visit_cache(CacheOptions& options, Visit&& visit) {
  visit("max_entries", options.max_entries);
  visit("max_bytes", options.max_bytes, InBytes{});
  visit("eviction", options.eviction);
  visit("memory_level", options.memory_level);
  visit("advisor", options.advisor);
  visit("ttl", options.ttl);
  visit("negative_ttl", options.negative_ttl);
  visit("memory_ttl", options.memory_ttl);
  visit("ttl_jitter", options.ttl_jitter);
  visit("grace", options.grace);
  visit("retry_after", options.retry_after);
  visit("eager_refresh", options.eager_refresh);
  visit("consistency", options.consistency);
  visit("max_staleness", options.max_staleness);
  visit("lease_time", options.lease_time);
  visit("write_mode", options.write_mode);
  visit("compress_above", options.compress_above, InBytes{});
  visit("max_value_bytes", options.max_value_bytes, InBytes{});
  visit("tier_timeout", options.tier_timeout);
  visit("load_timeout", options.load_timeout);
  visit("soft_load_timeout", options.soft_load_timeout);
  visit("max_concurrent_loads", options.max_concurrent_loads);
  visit("max_loads_per_second", options.max_loads_per_second);
  visit("error_ttl", options.error_ttl);
}

template <class Visit>
void visit_write_back(WriteBackOptions& options, Visit&& visit) {
  visit("path", options.path);
  visit("sync", options.sync);
  visit("flush_interval", options.flush_interval);
  visit("max_batch", options.max_batch);
  visit("max_pending", options.max_pending);
  visit("max_pending_bytes", options.max_pending_bytes, InBytes{});
  visit("max_journal_bytes", options.max_journal_bytes, InBytes{});
  visit("max_attempts", options.max_attempts);
}

template <class Visit>
void visit_monitor(MonitorOptions& options, Visit&& visit) {
  visit("window", options.window);
  visit("interval", options.interval);
}

template <class Visit>
void visit_limits(HealthLimits& limits, Visit&& visit) {
  visit("min_hit_rate", limits.min_hit_rate);
  visit("max_error_rate", limits.max_error_rate);
  visit("min_requests", limits.min_requests);
  visit("max_journal_lag", limits.max_journal_lag);
}

template <class Visit>
void visit_alert(AlertRule& alert, Visit&& visit) {
  visit("name", alert.name);
  visit("when", alert.when);
  visit("for", alert.lasting);
  visit("severity", alert.severity);
  visit("cache", alert.cache);
  visit("message", alert.message);
  visit("repeat", alert.repeat);
}

template <class Visit>
void visit_webhook(WebhookOptions& webhook, Visit&& visit) {
  visit("url", webhook.url);
  visit("timeout", webhook.timeout);
  visit("attempts", webhook.attempts);
  visit("backoff", webhook.backoff);
  visit("max_backoff", webhook.max_backoff);
  visit("max_queue", webhook.max_queue);
  visit("ca_file", webhook.ca_file);
}

template <class Visit>
void visit_admin(AdminOptions& admin, Visit&& visit) {
  visit("listen", admin.listen);
  visit("token", admin.token);
  visit("tls_certificate", admin.tls_certificate);
  visit("tls_key", admin.tls_key);
  visit("allow_plain_on_public_address", admin.allow_plain_on_public_address);
  visit("hosts", admin.hosts);
  visit("request_timeout", admin.request_timeout);
}

/// Sets the option with that name to its default; false: there is none. `visit_all(options, visit)` visits
/// all options.
template <class Options, class VisitAll>
bool reset_option(Options& options, const std::string& key, VisitAll visit_all) {
  Options sound;
  const void* value = nullptr;
  visit_all(sound, [&](const std::string& name, auto& member, auto...) {
    if (name == key) value = &member;
  });
  if (value == nullptr) return false;
  visit_all(options, [&](const std::string& name, auto& member, auto...) {
    if (name == key) member = *static_cast<const std::decay_t<decltype(member)>*>(value);
  });
  return true;
}

}  // namespace terrace::config
