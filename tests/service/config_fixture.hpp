#pragma once
/// What the tests of configurations share: checking a text in a made-up environment.

#include <fstream>
#include <map>
#include <string>
#include <terrace/config.hpp>
#include <vector>

namespace terrace::service_test {

using Variables = std::map<std::string, std::string>;

inline ConfigSource source(const Variables& variables = {}) {
  return {.file = "terrace.toml",
          .environment = [variables](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
          }};
}

inline Config checked(const std::string& text, const Variables& variables = {}) {
  return Config::check_text(text, source(variables));
}

/// The findings as lines.
inline std::string lines(const std::vector<ConfigFinding>& findings) {
  std::string text;
  for (const ConfigFinding& finding : findings) text += to_string(finding, "terrace.toml") + "\n";
  return text;
}
inline std::string findings_of(const std::string& text, const Variables& variables = {}) {
  return lines(checked(text, variables).findings());
}

/// The findings of one kind.
inline std::vector<ConfigFinding> of_kind(const Config& config, ConfigFinding::Kind kind) {
  std::vector<ConfigFinding> found;
  for (const ConfigFinding& finding : config.findings()) {
    if (finding.kind == kind) found.push_back(finding);
  }
  return found;
}

inline void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace terrace::service_test
