// terrace._core: the extension module beneath the Python package.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <terrace/cache.hpp>
#include <terrace/memory_cache.hpp>
#include <terrace/tier_url.hpp>

namespace nb = nanobind;

namespace {

/// The value after a way through memory and the tier, read back by another cache over the same tier.
std::optional<std::string> round_trip(const std::string& url, const std::string& key,
                                      const std::string& value) {
  terrace::MemoryCache<std::string, std::string> memory({.max_entries = 8});
  memory.set(key, value);
  const auto tier = terrace::make_tier(url);
  terrace::Cache<std::string> writer({.name = "round_trip"}, {tier});
  if (const auto written = writer.set(key, *memory.get(key)); !written) return std::nullopt;
  return terrace::Cache<std::string>({.name = "round_trip"}, {tier}).get(key);
}

}  // namespace

NB_MODULE(_core, module) {
  nb::set_leak_warnings(true);  // the tests fail by them
  module.attr("__version__") = TERRACE_VERSION;
  module.def("round_trip", &round_trip, nb::arg("url"), nb::arg("key"), nb::arg("value"),
             nb::call_guard<nb::gil_scoped_release>(),
             "Stores the value in memory and in the tier of the URL, and reads it back from the tier.");
}
