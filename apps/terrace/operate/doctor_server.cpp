#include <fmt/format.h>

#include "operate/cache_text.hpp"
#include "operate/doctor.hpp"
#include "operate/json_fields.hpp"

namespace terrace::cli {

namespace json = boost::json;
namespace {

std::string remedy_for(const std::string& issue) {
  if (issue == "hit_rate")
    return "is memory large enough (terrace simulate), the TTL long enough? Warm it: terrace warm";
  if (issue == "error_rate") return "look at the levels below, and at the loader's own errors";
  if (issue == "level_away")
    return "is the server up, and can it be reached? terrace doctor --config asks it";
  if (issue == "gate_shut")
    return "the shared tier cannot tell of invalidations, so memory serves nothing older: mend the way to it";
  if (issue == "journal_lag")
    return "the tier takes writes slower than they come: terrace journal shows what waits";
  if (issue == "closed") return "the program has closed it: restart it, or take it off the endpoint";
  return {};
}

void examine_token(Target& target, const ServerAddress& address, Checks& checks) {
  // No cache has to have this name: who may ask is looked at first.
  const Answer answer =
      target.run(service::AdminOperation::explain, "terrace-doctor", {{"key", "terrace-doctor"}});
  const std::string kind = answer.failure ? answer.failure->kind : std::string();
  if (kind == "forbidden") {
    checks.warn("token", "none is set at the server: nobody may see or change values",
                "set token under [admin] in its configuration");
  } else if (kind == "unauthorized" && address.token.empty()) {
    checks.warn("token", "none was given: keys and values cannot be seen or changed",
                "give --token-file FILE, or set TERRACE_ADMIN_TOKEN");
  } else if (kind == "unauthorized") {
    checks.fail("token", "the server refuses it", "compare it with token under [admin] there");
  } else {
    checks.ok("token", "accepted");
  }
}

void examine_cache(const json::object& cache, Checks& checks) {
  const std::string name = "cache " + text(cache, "name");
  bool sound = true;
  for (const json::value& one : array(cache, "issues")) {
    checks.fail(name, text(object(one), "what"), remedy_for(text(object(one), "kind")));
    sound = false;
  }
  for (const json::value& one : array(cache, "levels")) {
    const json::object& level = object(one);
    const std::string state = level_state(level);
    if (!sound || (state != "away" && state != "breaker open")) continue;
    checks.fail(name + ", level " + text(level, "name"), state, remedy_for("level_away"));
    sound = false;
  }
  if (!flag(cache, "watching").value_or(true)) {
    checks.warn(name, "does not hear of other processes' invalidations at the moment",
                remedy_for("gate_shut"));
    sound = false;
  }
  if (const auto dead = count(object(cache, "write_back"), "dead_letters"); dead > 0) {
    checks.warn(name, fmt::format("{} writes were given up", dead), "terrace journal shows them");
    sound = false;
  }
  if (sound) checks.ok(name, cache_state(cache));
}

void examine_caches(const json::object& stats, Checks& checks) {
  for (const json::value& cache : array(stats, "caches")) examine_cache(object(cache), checks);
  if (array(stats, "caches").empty())
    checks.warn("caches", "there are none", "add [caches.NAME], or AdminServer::add");
  for (const json::value& one : array(stats, "alerts")) {
    const json::object& alert = object(one);
    const bool broken = flag(alert, "broken").value_or(false);
    checks.warn("alert " + text(alert, "rule"),
                fmt::format("{} for {} since {}: {}", broken ? "is broken" : "fires", text(alert, "cache"),
                            text(alert, "since"), text(alert, "message")),
                broken ? "mend the rule: docs/alerts.md" : "");
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
      checks.fail("server", target->label() + " does not say that it lives",
                  "is that terrace's admin endpoint?");
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
