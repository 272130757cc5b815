#include "service/admin_api.hpp"

#include <algorithm>
#include <boost/json/array.hpp>

#include "base/nearest.hpp"
#include "service/stats_json.hpp"
#include "service/text_json.hpp"
#include "upkeep/notice_text.hpp"

namespace terrace::service {

namespace json = boost::json;

AdminReply AdminReply::failed(const Error& error) {
  return {error, {{"error", {{"kind", error.code.message()}, {"message", text_or_bytes(error.message())}}}}};
}

void AdminApi::add(CacheHandle cache) {
  const std::lock_guard lock(mutex_);
  for (const Served& served : served_) {
    if (served.cache.name() != cache.name()) continue;
    throw ConfigError("the admin endpoint has a cache \"" + std::string(cache.name()) +
                      "\" already: give each cache its own name (CacheOptions::name)");
  }
  served_.push_back({std::move(cache), nullptr});
}

bool AdminApi::remove(std::string_view cache) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(served_, [&](const Served& served) { return served.cache.name() == cache; }) != 0;
}

void AdminApi::add_warming(std::string_view cache, Warming warming) {
  {
    const std::lock_guard lock(mutex_);
    for (Served& served : served_) {
      if (served.cache.name() != cache) continue;
      served.warming = std::move(warming);
      return;
    }
  }
  throw ConfigError(unknown(cache).context + "; add() it first");
}

std::vector<std::string> AdminApi::names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const Served& served : served_) names.emplace_back(served.cache.name());
  return names;
}

std::optional<AdminApi::Served> AdminApi::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(served_.begin(), served_.end(),
                                  [&](const Served& served) { return served.cache.name() == name; });
  return found == served_.end() ? std::nullopt : std::optional(*found);
}

Error AdminApi::unknown(std::string_view name) const {
  const auto known = names();
  std::string all;
  for (const std::string& one : known) all += (all.empty() ? "" : ", ") + one;
  return {Errc::not_found, "there is no cache " + printable_key(name) + did_you_mean(name, known) +
                               (all.empty() ? "; there are no caches" : " (caches: " + all + ")")};
}

namespace {

json::object cache_json(const CacheHandle& cache, const Health& health) {
  json::object out{{"name", cache.name()}};
  const auto window = std::find_if(health.caches.begin(), health.caches.end(),
                                   [&](const WindowStats& one) { return one.cache == cache.name(); });
  const bool watched = window != health.caches.end();
  std::vector<HealthIssue> issues;
  std::copy_if(health.issues.begin(), health.issues.end(), std::back_inserter(issues),
               [&](const HealthIssue& issue) { return issue.cache == cache.name(); });
  for (auto& field : to_json(watched ? window->now : cache.stats())) out.insert(field);
  out["window"] = watched ? json::value(to_json(*window)) : json::value(nullptr);
  out["issues"] = to_json(issues);
  return out;
}

json::object health_json(const Health& health) {
  return {{"healthy", health.healthy},
          {"idle", health.idle},
          {"issues", to_json(health.issues)},
          {"at", upkeep::to_iso8601(health.at)}};
}

Health unwatched() {
  Health health;
  health.at = system_clock().wall_now();
  return health;
}

}  // namespace

AdminReply AdminApi::stats() const {
  std::vector<Served> served;
  {
    const std::lock_guard lock(mutex_);
    served = served_;
  }
  const Health health = monitor_ ? monitor_->health() : unwatched();
  json::object out = health_json(health);
  json::array caches;
  for (const Served& one : served) caches.push_back(cache_json(one.cache, health));
  out["alerts"] = monitor_ ? to_json(monitor_->alerts()) : json::array();
  out["caches"] = std::move(caches);
  return {{}, std::move(out)};
}

AdminReply AdminApi::stats(std::string_view cache) const {
  const auto served = find(cache);
  if (!served) return AdminReply::failed(unknown(cache));
  return {{}, cache_json(served->cache, monitor_ ? monitor_->health() : unwatched())};
}

AdminReply AdminApi::health() const {
  return {{}, health_json(monitor_ ? monitor_->health() : unwatched())};
}

AdminReply AdminApi::alerts() const {
  if (!monitor_) return {{}, {{"alerts", json::array()}, {"sinks", json::array()}}};
  return {{}, {{"alerts", to_json(monitor_->alerts())}, {"sinks", to_json(monitor_->sinks())}}};
}

}  // namespace terrace::service
