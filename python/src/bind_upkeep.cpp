/// What stands around caches, as Python sees it: warming, monitoring, metrics, the hash ring, the
/// configuration file.

#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/unique_ptr.h>

#include <terrace/config.hpp>
#include <terrace/hash_ring.hpp>
#include <terrace/metrics.hpp>
#include <terrace/monitor.hpp>

#include "cache.hpp"
#include "interpreter.hpp"
#include "options.hpp"
#include "service.hpp"

namespace terrace::python {
namespace {

double epoch_seconds(WallTime at) noexcept {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

// --- monitoring ---

/// Waits in the core's destructor must not hold the GIL.
class PyMonitor {
 public:
  PyMonitor(double window, double interval, double min_hit_rate, double max_error_rate,
            std::uint64_t min_requests)
      : monitor_(std::make_unique<Monitor>(MonitorOptions{.window = duration(window),
                                                          .interval = duration(interval),
                                                          .limits = {.min_hit_rate = min_hit_rate,
                                                                     .max_error_rate = max_error_rate,
                                                                     .min_requests = min_requests}})) {}
  PyMonitor(const PyMonitor&) = delete;
  PyMonitor& operator=(const PyMonitor&) = delete;
  ~PyMonitor() { close(); }

  void watch(const CacheBase& cache) {
    Monitor& monitor = open();
    without_gil([&] { return monitor.watch(cache.handle()), true; });
  }

  [[nodiscard]] nb::dict health() const {
    Monitor& monitor = open();
    const Health health = without_gil([&] { return monitor.health(); });
    nb::list issues;
    nb::list kinds;
    for (const auto& issue : health.issues) {
      issues.append(issue.what);
      kinds.append(std::string(to_string(issue.kind)));
    }
    nb::list caches;
    for (const auto& window : health.caches) caches.append(window_of(window));
    nb::dict out;
    out["healthy"] = health.healthy;
    out["idle"] = health.idle;
    out["issues"] = issues;
    out["kinds"] = kinds;
    out["timestamp"] = epoch_seconds(health.at);
    out["caches"] = caches;
    return out;
  }

  void add_rule(std::string name, std::string when, double lasting, const std::string& severity,
                std::string message, std::optional<std::string> cache) {
    const auto level = with_name<Severity>(severity);
    if (!level) throw ConfigError("severity \"" + severity + "\": use " + all_names<Severity>());
    open().add_rule({.name = std::move(name),
                     .when = std::move(when),
                     .cache = std::move(cache),
                     .lasting = duration(lasting),
                     .severity = *level,
                     .message = std::move(message)});
  }

  /// `receiver` is called with a text on a thread of the service.
  void add_sink(nb::object receiver) {
    open().add_sink([receiver = Reference::of(receiver.ptr())](const AlertNotice& notice) {
      Service::common().push(Notice{receiver, std::string(to_string(notice.kind)) + ": " + notice.rule +
                                                  " (" + notice.cache + "): " + notice.message});
    });
  }

  void log_notices() { open().add_sink(terrace::log_notices(), "log"); }

  [[nodiscard]] nb::list alerts() const {
    nb::list out;
    Monitor& monitor = open();
    for (const auto& alert : without_gil([&] { return monitor.alerts(); })) {
      nb::dict one;
      one["rule"] = alert.rule;
      one["cache"] = alert.cache;
      one["severity"] = std::string(to_string(alert.severity));
      one["broken"] = alert.broken;
      one["message"] = alert.message;
      one["since"] = epoch_seconds(alert.since);
      out.append(one);
    }
    return out;
  }

  void sample() {
    Monitor& monitor = open();
    without_gil([&] { return monitor.sample(), true; });
  }

  void close() {
    without_gil([monitor = std::move(monitor_)]() mutable { return monitor = nullptr, true; });
  }
  void abandon() { static_cast<void>(monitor_.release()); }

 private:
  [[nodiscard]] Monitor& open() const {
    if (monitor_ == nullptr) throw ConfigError("the monitor is closed");
    return *monitor_;
  }

  static nb::dict window_of(const WindowStats& window) {
    nb::dict out;
    out["cache"] = window.cache;
    out["span"] = seconds(window.span);
    out["requests"] = window.requests;
    out["hits"] = window.hits;
    out["misses"] = window.misses;
    out["errors"] = window.errors;
    out["hit_rate"] = window.hit_rate;
    out["error_rate"] = window.error_rate;
    return out;
  }

  std::unique_ptr<Monitor> monitor_;
};

std::string metrics_text(const nb::list& caches) {
  Metrics metrics;
  for (const nb::handle cache : caches) metrics.add(nb::cast<const CacheBase&>(cache).handle());
  return without_gil([&] { return metrics.text(); });
}

// --- the hash ring ---

std::unique_ptr<HashRing> make_ring(const std::vector<std::pair<std::string, double>>& nodes,
                                    std::uint64_t seed) {
  std::vector<HashRing::Node> all;
  for (const auto& [name, weight] : nodes) all.push_back({name, weight});
  return std::make_unique<HashRing>(std::move(all), seed);
}

std::string owner(const HashRing& ring, const nb::bytes& key) {
  return ring.nodes()[ring.owner({key.c_str(), key.size()})].name;
}

// --- the configuration ---

/// CacheOptions out of a file, to be handed back to CacheBase.
struct PyOptions {
  CacheOptions options;
};

PyOptions writing_through(const PyOptions& self) {
  PyOptions out = self;
  out.options.write_mode = WriteMode::through;
  out.options.write_back = {};
  return out;
}

/// The options of the cache that has the locks of a cache with these options.
PyOptions for_locks(const PyOptions& self, std::string name) {
  CacheOptions locks{.name = std::move(name), .memory_level = false, .ttl_jitter = 0};
  locks.consistency = Consistency::weak;
  locks.write_mode = self.options.write_mode;
  if (locks.write_mode == WriteMode::back) locks.write_mode = WriteMode::around;  // refused in the same way
  locks.key_ring = self.options.key_ring;
  locks.tier_timeout = self.options.tier_timeout;
  return {std::move(locks)};
}

nb::list read_config(const std::string& path) {
  const Config config = Config::load(path);
  nb::list out;
  for (const auto& cache : config.caches()) {
    CacheOptions options = cache.options;
    // The cache may be opened again elsewhere, in the child of a fork.
    if (!options.write_back.path.empty())
      options.write_back.path = std::filesystem::absolute(options.write_back.path).string();
    nb::list tiers;
    for (const auto& name : cache.tiers) {
      for (const auto& tier : config.tiers()) {
        if (tier.name == name) tiers.append(nb::make_tuple(tier.name, tier.url, tier.key_prefix));
      }
    }
    out.append(nb::make_tuple(cache.options.name, PyOptions{std::move(options)}, tiers,
                              cache.options.key_ring != nullptr));
  }
  return out;
}

}  // namespace

void define_upkeep(nb::module_& module, nb::class_<CacheBase>& base) {
  nb::class_<PyMonitor>(module, "Monitor", "Watches caches.")
      .def(nb::init<double, double, double, double, std::uint64_t>(), nb::arg("window"), nb::arg("interval"),
           nb::arg("min_hit_rate"), nb::arg("max_error_rate"), nb::arg("min_requests"))
      .def("watch", &PyMonitor::watch)
      .def("health", &PyMonitor::health)
      .def("add_rule", &PyMonitor::add_rule, nb::arg("name"), nb::arg("when"), nb::arg("lasting"),
           nb::arg("severity"), nb::arg("message"), nb::arg("cache").none())
      .def("add_sink", &PyMonitor::add_sink)
      .def("log_notices", &PyMonitor::log_notices)
      .def("alerts", &PyMonitor::alerts)
      .def("sample", &PyMonitor::sample)
      .def("close", &PyMonitor::close)
      .def("_abandon", &PyMonitor::abandon);
  module.def("metrics_text", &metrics_text, "Every metric of the caches for Prometheus.");

  nb::class_<HashRing>(module, "HashRing", "Decides which of several nodes owns a key.")
      .def(nb::new_(&make_ring), nb::arg("nodes"), nb::arg("seed") = 0)
      .def("owner", &owner);

  nb::class_<PyOptions>(module, "Options", "The options of a cache from a configuration file.")
      .def_prop_ro("max_entries", [](const PyOptions& self) { return self.options.max_entries; })
      .def_prop_ro("eager_refresh", [](const PyOptions& self) { return self.options.eager_refresh; })
      .def_prop_ro("has_soft_limit",
                   [](const PyOptions& self) { return self.options.soft_load_timeout.has_value(); })
      .def_prop_ro("writes_back",
                   [](const PyOptions& self) { return self.options.write_mode == WriteMode::back; })
      .def_prop_ro("journal", [](const PyOptions& self) { return self.options.write_back.path; })
      .def("writing_through", &writing_through, "The same options without write-back.")
      .def("for_locks", &for_locks, "The options of the cache that has its locks.");
  module.def("read_config", &read_config,
             "For each cache of the file: name, Options, [(tier, url, key_prefix)], whether it seals.");
  base.def(
      "_open",
      [](CacheBase& self, const PyOptions& options, std::vector<std::shared_ptr<PyTier>> tiers,
         nb::object codec, std::optional<std::uint64_t> schema, nb::object copier) {
        self.open(options.options, tiers, std::move(codec), schema, std::move(copier), nullptr);
      },
      nb::arg("options"), nb::arg("tiers"), nb::arg("codec"), nb::arg("schema").none(),
      nb::arg("copier").none());
}

}  // namespace terrace::python
