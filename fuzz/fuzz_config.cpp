/// Configurations that the fuzzer makes up: read and checked, with findings in the order of their lines, none
/// of which holds what an environment variable does.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <terrace/config.hpp>

namespace {

using namespace terrace;

const std::string secret = "q7Zk9Vw3Jx";

std::optional<std::string> environment(const std::string& name) {
  if (name == "S") return secret;
  if (name == "N") return "10";
  return std::nullopt;
}

void check(const ConfigFinding& finding, const ConfigFinding* before, bool silent) {
  if (finding.what.empty() || (before != nullptr && before->line > finding.line)) std::abort();
  const std::string text = to_string(finding, "terrace.toml");
  if (silent && text.find(secret) != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const bool silent = input.find(secret) == std::string::npos;
  const Config config = Config::check_text(input, {.environment = environment});
  const ConfigFinding* before = nullptr;
  for (const ConfigFinding& finding : config.findings()) {
    check(finding, before, silent);
    before = &finding;
  }
  for (const CacheConfig& cache : config.caches()) {
    if (config.valid()) cache.options.check();
  }
  return 0;
}
