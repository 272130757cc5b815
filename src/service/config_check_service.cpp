/// What [monitor], [[alerts]], [sinks] and [admin] must be.

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <set>
#include <system_error>
#include <terrace/bytes.hpp>

#include "base/nearest.hpp"
#include "service/config_draft.hpp"
#include "service/config_stores.hpp"

namespace terrace::config {
namespace {

Place place_of(const Given& given, const std::string& section, const std::string& key) {
  const auto found = given.find(key);
  return found != given.end() ? found->second : Place{section + "." + key};
}

void check_alert(const Draft& draft, const DraftAlert& alert, Findings& findings) {
  const auto at = [&](const std::string& key) {
    const auto found = alert.given.find(key);
    return found != alert.given.end() ? found->second : Place{alert.place.path + "." + key, alert.place.line};
  };
  if (alert.config.name.empty())
    findings.mistake(at("name"), "is missing; name the alert, as in name = \"cold\"");
  if (alert.config.when.empty())
    findings.mistake(at("when"), "is missing; write a condition, as in when = \"hit_rate < 50%\"");
  if (!alert.config.cache) return;
  std::vector<std::string> names;
  for (const DraftCache& cache : draft.caches) names.push_back(cache.config.options.name);
  if (std::find(names.begin(), names.end(), *alert.config.cache) != names.end()) return;
  findings.mistake(at("cache"), "there is no cache " + printable_key(*alert.config.cache) +
                                    "; leave it out for every cache" +
                                    did_you_mean(*alert.config.cache, names));
}

struct Listening {
  std::string host;
  unsigned port = 0;
};

/// host:port or [address]:port.
std::optional<Listening> parse_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') != host.ends_with(']')) return std::nullopt;
  if (host.starts_with('[')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  Listening listening{std::string(host)};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), listening.port);
  if (error != std::errc() || end != port.data() + port.size() || listening.port > 65535) return std::nullopt;
  return listening;
}

void check_readable(const std::string& path, const Place& place, Findings& findings) {
  if (path.empty() || ::access(path.c_str(), R_OK) == 0) return;
  findings.mistake(place, printable_key(path) + " cannot be read: " + std::system_category().message(errno) +
                              "; name a PEM file that this process may read");
}

}  // namespace

void check_monitoring(const Draft& draft, Findings& findings) {
  const MonitorConfig& monitor = draft.monitor;
  const auto at = [&](const std::string& key) { return place_of(draft.monitor_given, "monitor", key); };
  if (monitor.interval <= Duration::zero())
    findings.mistake(at("interval"), "must be more than 0, \"5s\" for instance");
  if (monitor.window < monitor.interval)
    findings.mistake(at("window"), "is below interval; rates need a sample or more");
  const auto share = [&](double value, const std::string& key) {
    if (!(value >= 0 && value <= 1)) findings.mistake(at(key), "is a share: 0 to 1");
  };
  share(monitor.limits.min_hit_rate, "limits.min_hit_rate");
  share(monitor.limits.max_error_rate, "limits.max_error_rate");

  std::set<std::string> names;
  for (const DraftAlert& alert : draft.alerts) {
    check_alert(draft, alert, findings);
    if (!alert.config.name.empty() && !names.insert(alert.config.name).second) {
      findings.mistake(alert.given.at("name"), "another alert has this name; give each its own");
    }
  }
  for (std::size_t i = 0; i < draft.webhooks.size(); ++i) {
    if (host_of(draft.webhooks[i].url).empty())
      findings.mistake(draft.webhook_places[i],
                       "is no URL of a webhook; it begins with https://HOST or http://HOST");
  }
}

void check_admin(const Draft& draft, Findings& findings) {
  if (!draft.admin) return;
  const AdminConfig& admin = *draft.admin;
  const auto at = [&](const std::string& key) {
    Place place = place_of(draft.admin_given, "admin", key);
    if (place.line == 0) place.line = draft.admin_given.at("admin").line;
    return place;
  };
  const auto listening = parse_listen(admin.listen);
  if (!listening) {
    findings.mistake(at("listen"),
                     printable_key(admin.listen) +
                         " is not host:port, as in \"127.0.0.1:9390\"; port 0 takes any that is free");
  }
  if (admin.tls_certificate.empty() != admin.tls_key.empty()) {
    findings.mistake(at(admin.tls_key.empty() ? "tls_key" : "tls_certificate"),
                     "is missing: certificate and key go together");
  }
  check_readable(admin.tls_certificate, at("tls_certificate"), findings);
  check_readable(admin.tls_key, at("tls_key"), findings);
  const bool open = listening && !is_loopback(listening->host) && admin.tls_certificate.empty();
  if (open && !admin.allow_plain_on_public_address) {
    findings.mistake(at("listen"),
                     "others can reach this address, and without TLS read the token on its way; set "
                     "tls_certificate and tls_key, or listen on 127.0.0.1, or say "
                     "allow_plain_on_public_address = true");
  } else if (open) {
    findings.warn(
        at("allow_plain_on_public_address"),
        "the token travels unencrypted to whoever listens on the way; set tls_certificate and tls_key");
  }
  constexpr std::size_t short_token = 16;
  if (findings.blames("admin.token")) return;
  if (admin.token.empty()) {
    findings.warn(at("token"),
                  "is not set: what changes state or shows values is refused; set token = "
                  "\"${file:/run/secrets/terrace_admin}\" or so");
  } else if (admin.token.size() < short_token) {
    findings.warn(at("token"),
                  "has fewer than 16 characters; take a random one, such as `openssl rand -hex 16` prints");
  }
}

}  // namespace terrace::config
