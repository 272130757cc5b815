#pragma once
/// The keys of a configuration that are options of terrace itself, with the same names: for reading, resetting and
/// the test of the documentation. `visit(name, member)`, with InBytes for sizes.

#include <boost/pfr.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "service/config_section.hpp"

namespace terrace::config {

/// A type of an option that a configuration can give. Other members are set in code, or have keys of their own.
template <class T>
constexpr bool is_given = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, std::string> ||
                          std::is_same_v<T, Duration> || std::is_same_v<T, std::optional<Duration>> ||
                          std::is_same_v<T, std::optional<std::size_t>>;

/// A number of bytes: a configuration may give it a unit ("64MiB").
constexpr bool is_in_bytes(std::string_view name) {
  return name.ends_with("_bytes") || name == "compress_above";
}

/// Visits every member that a configuration can give, under its own name. A new option needs no line here.
template <class Options, class Visit>
void visit_members(Options& options, Visit&& visit) {
  boost::pfr::for_each_field_with_name(options, [&]<class T>(std::string_view name, T& member) {
    if constexpr (std::is_same_v<T, std::size_t> || std::is_same_v<T, std::optional<std::size_t>>) {
      if (is_in_bytes(name)) return visit(name, member, InBytes{});
    }
    if constexpr (is_given<T> && !std::is_same_v<T, std::optional<std::size_t>>) visit(name, member);
  });
}

template <class Visit>
void visit_cache(CacheOptions& options, Visit&& visit) {
  visit_members(options, [&](std::string_view name, auto& member, auto... unit) {
    if (name != "name") visit(name, member, unit...);  // the name of its table
  });
}

template <class Visit>
void visit_write_back(WriteBackOptions& options, Visit&& visit) {
  visit_members(options, visit);
}

template <class Visit>
void visit_monitor(MonitorOptions& options, Visit&& visit) {
  visit("window", options.window);
  visit("interval", options.interval);
}

template <class Visit>
void visit_limits(HealthLimits& limits, Visit&& visit) {
  visit_members(limits, visit);
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
bool reset_option(Options& options, std::string_view key, VisitAll visit_all) {
  Options sound;
  const void* value = nullptr;
  visit_all(sound, [&](std::string_view name, auto& member, auto...) {
    if (name == key) value = &member;
  });
  if (value == nullptr) return false;
  visit_all(options, [&](std::string_view name, auto& member, auto...) {
    if (name == key) member = *static_cast<const std::decay_t<decltype(member)>*>(value);
  });
  return true;
}

}  // namespace terrace::config
