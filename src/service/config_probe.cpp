/// Asks the servers of a configuration for problems.

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <future>
#include <system_error>
#include <terrace/redis_cluster.hpp>
#include <terrace/sqlite.hpp>

#include "database/postgres_dial.hpp"
#include "redis/inspect.hpp"
#include "service/config_data.hpp"
#include "service/config_stores.hpp"

namespace terrace {
namespace {

using namespace config;
namespace fs = std::filesystem;

using Report = Result<redis::ServerReport>;

struct Asked {
  Place place;
  std::string label;
  bool is_node = false;
  std::future<Report> report;
};

std::string server_of(const redis::ServerReport& report) {
  return (report.is_valkey ? "Valkey " : "Redis ") + report.version;
}

void judge(const Asked& asked, const redis::ServerReport& report, Findings& findings) {
  const std::string who = asked.label + " (" + server_of(report) + ")";
  if (report.policy.empty()) {
    findings.warn(asked.place, who + " does not show its maxmemory-policy; allow it: ACL SETUSER … +info");
    return;
  }
  const bool evicts = report.policy != "noeviction";
  if (asked.is_node) {
    if (report.maxmemory > 0 && evicts) {
      findings.mistake(asked.place, who + " may evict keys (maxmemory-policy " + report.policy +
                                        "), so it cannot be a node of a replicated tier; set noeviction");
    }
  } else if (report.maxmemory == 0) {
    findings.warn(asked.place,
                  who +
                      " has no maxmemory: it evicts nothing and grows until the machine has no memory "
                      "left; set maxmemory, and maxmemory-policy allkeys-lfu");
  } else if (!evicts) {
    findings.warn(asked.place,
                  who +
                      " evicts nothing (maxmemory-policy noeviction): when it is full it rejects writes; "
                      "set allkeys-lfu or allkeys-lru");
  } else if (report.policy == "allkeys-random" || report.policy == "volatile-random") {
    findings.warn(asked.place, who + " evicts at random (maxmemory-policy " + report.policy +
                                   "), also entries in use; set allkeys-lfu or allkeys-lru");
  }
}

void probe_postgres(const Place& place, const std::string& url, TimePoint deadline, Findings& findings) {
  const postgres::Target target({.url = url, .create_table = false});
  const auto session = postgres::dial(target, system_clock(), deadline);
  // A missing table is no mistake: the tier creates it.
  if (session || session.error().context.find("create_table") != std::string::npos) return;
  findings.mistake(place, session.error().message());
}

void probe_file(const Place& place, const assembly::TierUrl& store, const std::shared_ptr<Runtime>& runtime,
                Findings& findings) {
  const fs::path path = store.target;
  std::error_code error;
  if (store.read_only || fs::exists(path, error)) {
    try {
      make_sqlite_tier({.path = path, .read_only = store.read_only}, runtime)->close();
    } catch (const ConfigError& wrong) {
      findings.mistake(place, wrong.what());
    }
    return;
  }
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return;
  findings.mistake(place, folder.string() + " cannot be written: " + std::system_category().message(errno) +
                              "; the file must be created there: allow this process to write");
}

std::future<Report> ask(const std::shared_ptr<Runtime>& runtime, const std::string& url, Duration limit) {
  auto told = std::make_shared<std::promise<Report>>();
  redis::inspect(runtime, {.url = url, .connect_timeout = limit}, after(runtime->clock().now(), limit),
                 [told](Report report) { told->set_value(std::move(report)); });
  return told->get_future();
}

}  // namespace

std::vector<ConfigFinding> probe(const Config& config, Duration limit) {
  config.require_valid();
  Findings findings;
  const auto runtime = std::make_shared<Runtime>();
  const TimePoint deadline = after(runtime->clock().now(), limit);
  std::vector<Asked> asked;
  std::vector<std::pair<const Place*, const assembly::TierUrl*>> others;
  for (const auto& [place, store] : config.data().stores) {
    for (const Leaf& leaf : leaves_of(*store)) {
      if (leaf.store->kind == assembly::Kind::redis) {
        asked.push_back({place, leaf.store->address, leaf.is_node, ask(runtime, leaf.store->target, limit)});
      } else if (leaf.store->kind == assembly::Kind::cluster) {
        for (const std::string& seed : parse_cluster_url(leaf.store->target).seeds)
          asked.push_back({place, redis::parse_redis_url(seed).label(), false, ask(runtime, seed, limit)});
      } else {
        others.emplace_back(&place, leaf.store);
      }
    }
  }
  for (const auto& [place, store] : others) {
    if (store->kind == assembly::Kind::postgres) probe_postgres(*place, store->target, deadline, findings);
    if (store->kind == assembly::Kind::sqlite) probe_file(*place, *store, runtime, findings);
  }
  for (Asked& one : asked) {
    const Report report = one.report.get();
    if (report) {
      judge(one, *report, findings);
    } else {
      findings.mistake(one.place, one.label + ": " + report.error().message());
    }
  }
  return findings.take();
}

}  // namespace terrace
