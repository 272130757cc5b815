/// Checks [monitor], [[alerts]], [sinks] and [admin].

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>
#include <terrace/bytes.hpp>

#include "base/nearest.hpp"
#include "service/config_draft.hpp"
#include "service/config_fields.hpp"
#include "service/config_stores.hpp"
#include "service/listen_address.hpp"
#include "upkeep/rule.hpp"

namespace terrace::config {
namespace {

Place place_of(const Given& given, const std::string& section, const std::string& key) {
  const auto found = given.find(key);
  return found != given.end() ? found->second : Place{section + "." + key};
}

/// Reports all errors of `options.check()`, one after the other: after each, the wrong option is set to its
/// default. Calls `report(key, what)`.
template <class Options, class VisitAll, class Report>
void report_all(Options options, std::string_view who, VisitAll visit_all, Report report) {
  std::set<std::string> seen;
  while (true) {
    try {
      return options.check();
    } catch (const ConfigError& error) {
      std::string what = error.what();
      if (what.starts_with(who)) what.erase(0, who.size());
      const std::string key = what.substr(0, what.find_first_not_of("abcdefghijklmnopqrstuvwxyz_."));
      report(key, what);
      if (!seen.insert(key).second || !reset_option(options, key, visit_all)) return;
    }
  }
}

void visit_all_of_monitor(MonitorOptions& options, auto visit) {
  visit_monitor(options, visit);
  visit_limits(options.limits, [&](std::string_view name, auto& member, auto... unit) {
    visit("limits." + std::string(name), member, unit...);
  });
}

/// The rule's error message, without its name; empty: no error.
std::string complaint(AlertRule rule) {
  const std::string who = "alert rule " + rule.name + ": ";
  try {
    const upkeep::Rule checked(std::move(rule));
    return {};
  } catch (const ConfigError& error) {
    const std::string what = error.what();
    return what.starts_with(who) ? what.substr(who.size()) : what;
  }
}

void check_alert(const Draft& draft, const DraftAlert& alert, Findings& findings) {
  const auto at = [&](const std::string& key) {
    const auto found = alert.given.find(key);
    return found != alert.given.end() ? found->second : Place{alert.place.path + "." + key, alert.place.line};
  };
  const auto report = [&](const char* key, const std::string& what) {
    if (!what.empty() && !findings.blames(at(key).path)) findings.mistake(at(key), what);
  };
  const AlertRule& rule = alert.config;
  report("name", rule.name.empty() ? "is missing; name the alert, as in name = \"cold\""
                                   : complaint({.name = rule.name, .when = "closed"}));
  report("repeat", complaint({.name = "x", .when = "closed", .repeat = rule.repeat}));
  report("when", rule.when.empty() ? "is missing; write a condition, as in when = \"hit_rate < 50%\""
                                   : complaint({.name = "x", .when = rule.when}));
  if (!rule.cache) return;
  std::vector<std::string> names;
  for (const DraftCache& cache : draft.caches) names.push_back(cache.config.options.name);
  if (std::find(names.begin(), names.end(), *rule.cache) != names.end()) return;
  report("cache", "there is no cache " + printable_key(*rule.cache) + "; leave it out for every cache" +
                      did_you_mean(*rule.cache, names));
}

void check_readable(const std::string& path, const Place& place, Findings& findings) {
  if (path.empty() || ::access(path.c_str(), R_OK) == 0) return;
  findings.mistake(place, printable_key(path) + " cannot be read: " + std::system_category().message(errno) +
                              "; name a PEM file that this process may read");
}

}  // namespace

void check_monitoring(const Draft& draft, Findings& findings) {
  report_all(
      draft.monitor,
      "MonitorOptions: ", [](MonitorOptions& all, auto visit) { visit_all_of_monitor(all, visit); },
      [&](const std::string& key, const std::string& what) {
        findings.mistake(place_of(draft.monitor_given, "monitor", key), what);
      });
  std::set<std::string> names;
  for (const DraftAlert& alert : draft.alerts) {
    check_alert(draft, alert, findings);
    if (!alert.config.name.empty() && !names.insert(alert.config.name).second) {
      findings.mistake(alert.given.at("name"), "another alert has this name; give each alert its own");
    }
  }
  for (const DraftWebhook& webhook : draft.webhooks) {
    if (findings.blames(webhook.at("url").path)) continue;
    report_all(
        webhook.config,
        "WebhookOptions: ", [](WebhookOptions& all, auto visit) { visit_webhook(all, visit); },
        [&](const std::string& key, const std::string& what) { findings.mistake(webhook.at(key), what); });
  }
}

void check_admin(const Draft& draft, Findings& findings) {
  if (!draft.admin) return;
  const AdminOptions& admin = *draft.admin;
  const auto at = [&](const std::string& key) {
    Place place = place_of(draft.admin_given, "admin", key);
    if (place.line == 0) place.line = draft.admin_given.at("admin").line;
    return place;
  };
  std::optional<service::HostPort> listening;
  try {
    listening = service::split_listen(admin.listen);
  } catch (const ConfigError& error) {
    findings.mistake(at("listen"), error.what());
  }
  report_all(
      admin, "AdminOptions::", [](AdminOptions& all, auto visit) { visit_admin(all, visit); },
      [&](const std::string& key, const std::string& what) {
        if (!findings.blames("admin." + key)) findings.mistake(at(key), what);
      });
  check_readable(admin.tls_certificate, at("tls_certificate"), findings);
  check_readable(admin.tls_key, at("tls_key"), findings);
  const bool open = listening && !is_loopback(listening->host) && admin.tls_certificate.empty();
  if (open && !admin.allow_plain_on_public_address) {
    findings.mistake(
        at("listen"),
        "other machines can reach this address, and without TLS the token can be read on the network; set "
        "tls_certificate and tls_key, or listen on 127.0.0.1, or say "
        "allow_plain_on_public_address = true");
  } else if (open) {
    findings.warn(
        at("allow_plain_on_public_address"),
        "the token is sent unencrypted, and can be read on the network; set tls_certificate and tls_key");
  }
  if (admin.token.empty() && !findings.blames("admin.token")) {
    findings.warn(at("token"),
                  "is not set: requests that change state or show values are rejected; set token = "
                  "\"${file:/run/secrets/terrace_admin}\" or so");
  }
}

}  // namespace terrace::config
