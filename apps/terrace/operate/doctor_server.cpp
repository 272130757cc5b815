#include <fmt/format.h>

#include "operate/cache_text.hpp"
#include "operate/doctor.hpp"
#include "operate/json_fields.hpp"

namespace terrace::cli {

namespace json = boost::json;
namespace {

std::string remedy_for(const std::string& issue) {
  if (issue == "hit_rate")
    return "check the size of memory (terrace simulate) and the TTL; fill the cache with terrace warm";
  if (issue == "error_rate") return "check the levels below memory, and the errors of the loader";
  if (issue == "level_away")
    return "check that the server runs and can be reached; terrace doctor --config asks it";
  if (issue == "lease_errors")
    return "the server of the level is full, or its user may not run the scripts of leases: terrace doctor "
           "--config names what is missing";
  if (issue == "gate_shut")
    return "the shared tier cannot report invalidations, so memory serves only recent reads: restore the "
           "connection to it";
  if (issue == "journal_lag")
    return "the tier accepts writes more slowly than they arrive: terrace journal shows the pending ones";
  if (issue == "loads_overdue")
    return "loaders hang: give each query and request of a loader a time limit below load_timeout";
  if (issue == "closed")
    return "the program has closed it: restart the program, or remove the cache from the endpoint";
  return {};
}

void examine_token(Target& target, const ServerAddress& address, Checks& checks) {
  // No cache has to have this name: who may ask is looked at first.
  const Answer answer =
      target.run(service::AdminOperation::explain, "terrace-doctor", {{"key", "terrace-doctor"}});
  const std::string kind = answer.failure ? answer.failure->kind : std::string();
  if (kind == "forbidden") {
    checks.warn("token", "the server has none: keys and values cannot be seen or changed",
                "set token under [admin] in its configuration");
  } else if (kind == "unauthorized" && address.token.empty()) {
    checks.warn("token", "none was given: keys and values cannot be seen or changed",
                "give --token-file FILE, or set TERRACE_ADMIN_TOKEN");
  } else if (kind == "unauthorized") {
    checks.fail("token", "the server rejects it",
                "compare it with token under [admin] in the server's configuration");
  } else {
    checks.ok("token", "accepted");
  }
}

void examine_cache(const json::object& cache, Checks& checks) {
  const std::string name = "cache " + text(cache, "name");
  bool sound = true;
  for (const json::value& one : array(cache, "issues")) {
    checks.fail("health", text(object(one), "what"), remedy_for(text(object(one), "kind")));
    sound = false;
  }
  for (const json::value& one : array(cache, "levels")) {
    const json::object& level = object(one);
    const std::string state = level_state(level);
    if (!sound || (state != "unreachable" && state != "circuit open")) continue;
    checks.fail(name + ", level " + text(level, "name"), state, remedy_for("level_away"));
    sound = false;
  }
  if (sound && !flag(cache, "watching").value_or(true)) {
    checks.warn(name, "is not notified of other processes' invalidations at the moment",
                remedy_for("gate_shut"));
    sound = false;
  }
  if (const auto dead = count(object(cache, "write_back"), "dead_letters"); dead > 0) {
    checks.warn(name, fmt::format("{} writes failed for good (dead letters)", dead),
                "terrace journal shows them");
    sound = false;
  }
  if (sound) checks.ok(name, cache_state(cache));
}

void examine_caches(const json::object& stats, Checks& checks) {
  for (const json::value& cache : array(stats, "caches")) examine_cache(object(cache), checks);
  if (array(stats, "caches").empty())
    checks.warn("caches", "the server has none",
                "add [caches.NAME] to its configuration, or call AdminServer::add");
  for (const json::value& one : array(stats, "alerts")) {
    const json::object& alert = object(one);
    const bool broken = flag(alert, "broken").value_or(false);
    checks.warn("alert " + text(alert, "rule"),
                fmt::format("{} for {} since {}: {}", broken ? "is broken" : "fires", text(alert, "cache"),
                            text(alert, "since"), text(alert, "message")),
                broken ? "fix the rule: docs/alerts.md" : "");
  }
}

}  // namespace

void examine_server(const ServerAddress& address, Checks& checks) {
  const auto target = make_http_target(address);
  try {
    const TimePoint asked = system_clock().now();
    const Answer live = ask_whether_live(address);
    const auto took = std::chrono::duration<double, std::micro>(system_clock().now() - asked).count();
    if (!flag(live.body, "live").value_or(false)) {
      checks.fail("server", target->label() + " does not answer as an admin endpoint of terrace",
                  "check the address");
      return;
    }
    const std::string version = text(live.body, "version");
    checks.ok("server", fmt::format("{} answers in {}, terrace {}", target->label(), shown_microseconds(took),
                                    version.empty() ? "of unknown version" : version));
    examine_token(*target, address, checks);
    const Answer stats = target->stats(std::nullopt);
    if (stats.failure) {
      checks.fail("stats", stats.failure->message);
    } else {
      examine_caches(stats.body, checks);
    }
  } catch (const TargetError& error) {
    checks.fail("server", error.what());
  }
}

}  // namespace terrace::cli
